"""The steps of `hilctl calibrate`, each with its words."""
