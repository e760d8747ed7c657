"""Teleoperation drivers."""

from __future__ import annotations

from hilctl.registry import Registry
from hilctl.teleop.base import Teleop

BUILTIN = {"scripted": "hilctl.teleop.scripted:ScriptedTeleop"}
TELEOPS: Registry[Teleop] = Registry("teleop", BUILTIN, package=__name__)
