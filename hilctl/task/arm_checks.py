"""Checks of arms: what each has, and what its robot, its hand and its scene go with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hilctl.registry import did_you_mean
from hilctl.task.document import Loc
from hilctl.task.explain import SettingError
from hilctl.task.plugins import Driver

OF_EACH_ARM = ("robot", "teleop", "reset")


def arms_in(data: Mapping[str, Any]) -> Iterator[tuple[Loc, Mapping[str, Any]]]:
    """Yield the path and the plain data of every arm of a task file."""
    arms = data.get("arms")
    if arms is None and data.get("environment") is None:
        yield (), data
    for name, arm in arms.items() if isinstance(arms, dict) else ():
        if isinstance(arm, dict):
            yield ("arms", name), arm


def name_of(loc: Loc) -> str:
    """Return the name of the arm at a path; the only one of a task has none."""
    return str(loc[-1]) if loc else ""


def check_arms(data: Mapping[str, Any]) -> Iterator[SettingError]:
    """Yield what a task with several arms has at the top and must have under each of them."""
    names = [str(name) for name in data["arms"]] if isinstance(data["arms"], dict) else ["left"]
    for key in OF_EACH_ARM:
        if data.get(key) is not None:
            hint = f"write it under {' and '.join(f'arms.{name}' for name in names)}"
            yield SettingError((key,), f"each arm has its own {key}", hint, at_key=True)
    if data.get("environment") is not None:
        yield SettingError(("arms",), "an environment has no arms", "remove one of the two", True)


def check_grippers(data: Mapping[str, Any], options: Mapping[str, Any]) -> Iterator[SettingError]:
    """Yield what gripper an agent cannot learn, or a robot does not have."""
    agent = options.get("agent")
    learnt = {
        "discrete": getattr(agent, "learns_grippers", True),
        "continuous": getattr(agent, "learns_openings", True),
    }
    for loc, arm in arms_in(data):
        kind = _gripper_of(arm)
        if not learnt.get(kind, True):
            message = f"the agent {data['agent'].get('type')} does not learn a {kind} gripper"
            hint = "clone it from demonstrations, agent: {type: bc}, or gripper: none"
            if kind == "discrete":
                hint = f"take agent: {{type: rlpd}}, {hint}"
            elif learnt["discrete"]:
                hint = f"set gripper: discrete, or {hint}"
            yield SettingError((*loc, "control", "gripper"), message, hint)


def _gripper_of(arm: Mapping[str, Any]) -> str:
    """Return the kind of gripper that an arm's plain data name, "" where they say nothing of it."""
    control = arm.get("control")
    kind = control.get("gripper") if isinstance(control, dict) else None
    return kind if isinstance(kind, str) else ""


def check_robots_grippers(
    data: Mapping[str, Any], drivers: Mapping[Loc, Driver]
) -> Iterator[SettingError]:
    """Yield what gripper is asked of a robot that has none, and of a scene that needs one."""
    for loc, arm in arms_in(data):
        kind, robot = _gripper_of(arm), drivers.get((*loc, "robot"))
        if robot is None:
            continue
        place: Loc = (*loc, "control", "gripper")
        moves = robot.driver.may_have_gripper(robot.options)
        if kind in ("discrete", "continuous") and not moves:
            message = f"this {robot.kind} robot has no gripper that moves"
            hint = "set gripper: none, or choose a robot or scene with a gripper"
            yield SettingError(place, message, hint)
        elif kind in ("none", "") and moves and _stands_in_its_scene(loc, robot):
            # a scene has fingers that move only where its task cannot be done without them
            message = "nothing can be done in this simulated scene without its gripper"
            yield SettingError(place, message, "set gripper: discrete, or choose another scene")


def _stands_in_its_scene(loc: Loc, robot: Driver) -> bool:
    """Return whether a robot is simulated, and its scene has such an arm."""
    parts = robot.driver.scene_parts(robot.options)
    return parts is not None and name_of(loc) in parts.arms


def check_scene(
    drivers: Mapping[Loc, Driver], cameras: Mapping[Loc, Driver]
) -> Iterator[SettingError]:
    """Yield every arm, and every view of a camera, that is not in its simulated scene."""
    views: set[str] = set()
    for loc, robot in drivers.items():
        parts = robot.driver.scene_parts(robot.options) if loc[-1] == "robot" else None
        if parts is None:
            continue
        arm = name_of(loc[:-1])
        if arm in parts.arms:  # else the scene is most likely another one than was meant
            views.update(parts.views)
        else:
            yield _no_such_arm(loc, arm, parts.arms)
    for loc, camera in cameras.items():
        view = camera.driver.view(camera.options)
        if views and view is not None and view not in views:
            hint = did_you_mean(view, sorted(views))
            yield SettingError((*loc, "view"), f"the simulated scene has no camera {view!r}", hint)


def _no_such_arm(loc: Loc, arm: str, there: Sequence[str]) -> SettingError:
    if not arm:
        hint = f"write robot, teleop, control and reset under each of arms: {' and '.join(there)}"
        return SettingError(loc, "the simulated scene has several arms", hint)
    if there == ("",):
        hint = "write robot, teleop, control and reset without arms, or choose another scene"
        return SettingError(loc, f"the simulated scene has one arm, and no {arm!r}", hint)
    hint = did_you_mean(arm, list(there))
    return SettingError(loc[:-1], f"the simulated scene has no arm {arm!r}", hint, at_key=True)


def check_measurements(
    data: Mapping[str, Any], drivers: Mapping[Loc, Driver]
) -> Iterator[SettingError]:
    """Yield every measurement that is named twice, or that no robot of the task has."""
    seen = data.get("observation")
    named = seen.get("state") if isinstance(seen, dict) else None
    state = named if isinstance(named, list) else []
    robots = [driver for loc, driver in drivers.items() if loc[-1] == "robot"]
    grips = any(robot.driver.may_have_gripper(robot.options) for robot in robots)
    for i, name in enumerate(state):
        place: Loc = ("observation", "state", i)
        if name in state[:i]:
            yield SettingError(place, f"{name!r} is named twice", "remove one of the two")
        elif name == "gripper" and robots and not grips:
            yield SettingError(place, "no robot here has a gripper that moves", "remove it")


def check_hands(drivers: Mapping[Loc, Driver]) -> Iterator[SettingError]:
    """Yield what hand is to drive several arms, and there is only one of it."""
    hands = {loc: driver for loc, driver in drivers.items() if loc[-1] == "teleop"}
    for loc, hand in hands.items():
        same = [str(other[-2]) for other, its in hands.items() if its == hand and len(other) > 1]
        if len(same) > 1 and hand.driver.is_unique:
            arms = " and ".join(same)
            message = f"one {hand.kind} of these settings cannot drive several arms: {arms}"
            hint = "choose another teleop type for all of them but one"
            yield SettingError(loc, message, hint)
            return
