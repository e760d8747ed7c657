"""Configurations of HIL-SERL rigs, read from their syntax tree, become task folders."""
