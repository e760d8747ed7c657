"""Teleoperation drivers."""

from __future__ import annotations

from hilctl.registry import Registry
from hilctl.teleop.base import Teleop

BUILTIN = {
    "gamepad": "hilctl.teleop.gamepad:GamepadTeleop",
    "keyboard": "hilctl.teleop.keyboard:KeyboardTeleop",
    "rehearsed": "hilctl.teleop.rehearsed:RehearsedTeleop",
    "scripted": "hilctl.teleop.scripted:ScriptedTeleop",
    "so101_leader": "hilctl.teleop.so101_leader:So101LeaderTeleop",
    "spacemouse": "hilctl.teleop.spacemouse:SpaceMouseTeleop",
}
TELEOPS: Registry[Teleop] = Registry("teleop", BUILTIN, package=__name__)
