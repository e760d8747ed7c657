"""Robot drivers."""

from __future__ import annotations

from hilctl.registry import Registry
from hilctl.robots.base import Robot

BUILTIN = {
    "franky": "hilctl.robots.franky:FrankyRobot",
    "rehearsed": "hilctl.robots.rehearsed:RehearsedRobot",
    "serl_http": "hilctl.robots.serl_http:SerlHttpRobot",
    "sim": "hilctl.robots.sim:SimRobot",
    "so101": "hilctl.robots.so101:So101Robot",
    "ur_rtde": "hilctl.robots.ur_rtde:UrRtdeRobot",
}
ROBOTS: Registry[Robot] = Registry("robot", BUILTIN, package=__name__)
