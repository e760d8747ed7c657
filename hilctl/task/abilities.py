"""What a task asks of a robot that its driver, or the rest of the task, does not go with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hilctl.task.arm_checks import arms_in
from hilctl.task.explain import SettingError
from hilctl.task.plugins import PluginBlock

STEP_KEYS = ("translation_m", "rotation_rad")
FORCE_KEYS = ("max_force_n", "max_torque_nm")


def check_abilities(block: PluginBlock, data: Mapping[str, Any]) -> Iterator[SettingError]:
    """Yield what a robot is asked for that its driver cannot do.

    Args:
        block: that chooses the robot.
        data: of the whole file.
    """
    arm: Any = data
    for key in block.loc[:-1]:
        arm = arm[key]
    control, seen, kind = arm.get("control"), data.get("observation"), block.data.get("type")
    control = control if isinstance(control, dict) else {}
    place, robot = (*block.loc[:-1], "control"), block.find_class()
    if control.get("action") == "wrench" and not robot.takes_wrench:
        message = f"the driver {kind} cannot push its robot with a wrench"
        hint = "write action: delta_pose, or choose a robot that can be pushed, as sim can"
        yield SettingError((*place, "action"), message, hint)
    for key in FORCE_KEYS:
        if control.get(key) is not None and not robot.tells_wrench:
            message = f"the driver {kind} measures no forces: nothing would keep to this"
            yield SettingError((*place, key), message, "remove it", at_key=True)
    state = seen.get("state") if isinstance(seen, dict) else None
    for i, key in enumerate(state if isinstance(state, list) else ()):
        if key == "joint_velocity" and not robot.tells_joint_velocity:
            message = f"the driver {kind} does not tell the velocities of its joints"
            hint = "remove it: every robot tells tcp_velocity"
            yield SettingError(("observation", "state", i), message, hint)
        if key == "tcp_wrench" and not robot.tells_wrench:
            message = f"the driver {kind} measures no forces"
            yield SettingError(("observation", "state", i), message, "remove it: it would be zero")


def check_wrench(data: Mapping[str, Any]) -> Iterator[SettingError]:
    """Yield what does not go together with an action of wrench, or is not there for it."""
    for loc, arm in arms_in(data):
        control = arm.get("control")
        if isinstance(control, dict):
            pushes = control.get("action") == "wrench"
            for flaw in _in_a_push(control) if pushes else _in_a_step(control):
                place = (*loc, "control", *flaw.loc)
                yield SettingError(place, flaw.message, flaw.hint, flaw.at_key)


def _in_a_step(control: Mapping[str, Any]) -> Iterator[SettingError]:
    if control.get("wrench") is not None:
        hint = "write action: wrench, or remove it"
        yield SettingError(("wrench",), "only an action of wrench has such numbers", hint, True)


def _in_a_push(control: Mapping[str, Any]) -> Iterator[SettingError]:
    if control.get("wrench") is None:
        message = "nothing says which of its six numbers an action has"
        hint = "write them with their limits in N and N·m, wrench: {x: 20, z: 40, ry: 5}"
        yield SettingError(("action",), message, hint)
    for key in STEP_KEYS:
        if key in control:
            yield SettingError((key,), "a wrench is no step of the tool's pose", "remove it", True)
    bounds = control.get("bounds")
    if isinstance(bounds, dict) and bounds.get("cone_rad") is not None:
        hint = "bound its turns by low and high"
        yield SettingError(("bounds", "cone_rad"), "a tool that is pushed has no cone", hint, True)
