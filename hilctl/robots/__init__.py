"""Robot drivers."""

from __future__ import annotations

from hilctl.registry import Registry
from hilctl.robots.base import Robot

BUILTIN = {
    "rehearsed": "hilctl.robots.rehearsed:RehearsedRobot",
    "serl_http": "hilctl.robots.serl_http:SerlHttpRobot",
    "sim": "hilctl.robots.sim:SimRobot",
}
ROBOTS: Registry[Robot] = Registry("robot", BUILTIN, package=__name__)
