"""Robot drivers."""

from __future__ import annotations

from hilctl.registry import Registry
from hilctl.robots.base import Robot

BUILTIN = {"sim": "hilctl.robots.sim:SimRobot"}
ROBOTS: Registry[Robot] = Registry("robot", BUILTIN, package=__name__)
