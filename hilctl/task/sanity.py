"""Checks that need sense, not only types: of parts that must fit each other, and of names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from hilctl.devices import Options
from hilctl.driver_faults import call
from hilctl.registry import did_you_mean
from hilctl.task.arm_geometry import bounds_of
from hilctl.task.document import Loc
from hilctl.task.explain import SettingError
from hilctl.task.plugins import Driver, PluginBlock
from hilctl.task.sections import (
    CHUNK_STEPS,
    CameraSpec,
    ControlSpec,
    RateSpec,
    StateKey,
    TrainingSpec,
    section_of,
)
from hilctl.task.spec import measurement_name
from hilctl.task.surroundings import Surroundings

GAUSSIAN_ENTROPY = 1.419  # of one number with a log std of 0: half of log(2πe)
_RESERVED = {*get_args(StateKey), "state"}
_RENAME = "call this camera something else"
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


def check_robots_grippers(
    data: Mapping[str, Any], drivers: Mapping[Loc, Driver]
) -> Iterator[SettingError]:
    """Yield what gripper is asked of a robot that has none."""
    for loc, arm in arms_in(data):
        kind, robot = _gripper_of(arm), drivers.get((*loc, "robot"))
        if kind not in ("discrete", "continuous") or robot is None:
            continue
        if not robot.driver.may_have_gripper(robot.options):
            message = f"this {robot.kind} robot has no gripper that moves"
            hint = "set gripper: none, or choose a robot or scene with a gripper"
            yield SettingError((*loc, "control", "gripper"), message, hint)


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


def check_episodes(control: Any) -> Iterator[SettingError]:
    """Yield whether an episode is over before its first step."""
    given = control if isinstance(control, dict) else {}
    rate = section_of(RateSpec, {key: given[key] for key in RateSpec.model_fields if key in given})
    if rate is not None and rate.max_episode_s * rate.rate_hz < 1:
        message = f"{rate.max_episode_s:g} s are not one step at {rate.rate_hz:g} Hz"
        hint = f"at least {1 / rate.rate_hz:g}; seconds until an episode is cut"
        yield SettingError(("control", "max_episode_s"), message, hint)


def _gripper_of(arm: Mapping[str, Any]) -> str:
    """Return the kind of gripper that an arm's plain data name, "" where they name none."""
    control = arm.get("control")
    kind = control.get("gripper") if isinstance(control, dict) else None
    return kind if isinstance(kind, str) else ""


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


def check_environment(
    data: Mapping[str, Any], options: Mapping[str, Any]
) -> Iterator[SettingError]:
    """Yield what a task with an environment in place of a robot cannot have, or has not."""
    for key in ("robot", "cameras", "reset"):
        if data.get(key):
            message = f"this task has an environment in place of its {key}"
            yield SettingError((key,), message, "remove one of the two", at_key=True)
    control = data.get("control")
    for key, value in control.items() if isinstance(control, dict) else ():
        field = ControlSpec.model_fields.get(key)
        if field and key not in RateSpec.model_fields and value not in (None, field.default):
            message = "an environment has no such setting"
            hint = f"it knows {', '.join(RateSpec.model_fields)}; bounds are environment.action"
            yield SettingError(("control", key), message, hint, at_key=True)
    observation = data.get("observation")
    named = observation.get("state") if isinstance(observation, dict) else None
    paths: list[str] = getattr(options.get("environment"), "state", [])
    known = [measurement_name(path) for path in paths]
    for name in getattr(options.get("environment"), "images", {}):
        if name in _RESERVED or name in known:  # they lie side by side in an episode's file
            message = f"{name!r} is the name of a measurement, too"
            yield SettingError(("environment", "images", name), message, "rename the picture")
    for i, name in enumerate(known):
        if name in _RESERVED:
            message = f"{name!r} is a robot's measurement"
            hint = "call it something else in a wrapper of the environment"
            yield SettingError(("environment", "state", i), message, hint)
    for i, name in enumerate(named if isinstance(named, list) and known else ()):
        if name not in known:
            message = f"environment.state has no {name!r}"
            yield SettingError(("observation", "state", i), message, did_you_mean(str(name), known))


def check_crop(block: PluginBlock, cls: type[Any], options: Any) -> Iterator[SettingError]:
    """Yield whether a camera's crop leaves its raw frame, where the frame's size is known."""
    known = {key: block.data[key] for key in ("size", "crop") if key in block.data}
    camera = section_of(CameraSpec, {"type": "", "options": options, **known})
    size = call(f"camera {block.loc[-1]}", cls, "frame_size", lambda: cls.frame_size(options))
    if camera is None or camera.crop is None or size is None:
        return
    x, y, width, height = camera.crop
    if x + width > size[0] or y + height > size[1]:
        message = (
            f"crop ends at ({x + width}, {y + height}), "
            f"outside the raw frame of {size[0]}×{size[1]} px"
        )
        yield SettingError(
            (*block.loc, "crop"), message, "[x, y, width, height] in px on the raw frame"
        )


def check_one_encoder(options: Mapping[str, Any]) -> Iterator[SettingError]:
    """Yield whether reward and agent name different encoders, by the options of each section."""
    agent, parts = options.get("agent"), [part for _, part in parts_of(options.get("reward"))]
    for key in ("encoder", "weights"):
        if not hasattr(agent, key):
            continue
        ours = getattr(agent, key)
        others = (getattr(part, key) for part in parts if hasattr(part, key))
        different = [theirs for theirs in others if str(theirs) != str(ours)]
        if different:
            message = f"the reward has {different[0]}, the agent {ours}"
            yield SettingError(
                ("agent", key), message, "frames are encoded once: write the same in both"
            )


def check_preset(options: Mapping[str, Any]) -> Iterator[SettingError]:
    """Yield every setting of the agent that its preset has otherwise."""
    agent = options.get("agent")
    for key, theirs in getattr(agent, "preset_settings", {}).items():
        ours = getattr(agent, key)
        if ours != theirs:
            message = (
                f"{ours} contradicts preset {getattr(agent, 'preset', None)}, which has {theirs}"
            )
            hint = f"take {key} out, or the preset"
            yield SettingError(("agent", key), message, hint, at_key=True)


def check_effects(options: Mapping[str, Any]) -> Iterator[SettingError]:
    """Yield every setting of the agent that changes nothing as long as another one stays so."""
    agent: Any = options.get("agent")
    for option, other, value in getattr(agent, "dependent", ()):
        is_set = getattr(agent, option) != type(agent).model_fields[option].default
        if is_set and getattr(agent, other) == value:
            stands = "is not set" if value is None else f"is {value}"
            message = f"this changes nothing as long as {other} {stands}"
            yield SettingError(("agent", option), message, f"set {other}, or take it out", True)


def check_spread(options: Mapping[str, Any]) -> Iterator[SettingError]:
    """Yield what of the actor's spread its greatest one does not allow."""
    agent: Any = options.get("agent")
    if not hasattr(agent, "max_log_std"):
        return
    most = agent.max_log_std
    if agent.initial_log_std >= most:
        message = f"{agent.initial_log_std:g} is not below max_log_std, {most:g}"
        hint = "lower it: a spread at its limit learns nothing"
        yield SettingError(("agent", "initial_log_std"), message, hint, at_key=True)
    reachable = most + GAUSSIAN_ENTROPY
    if agent.target_entropy >= reachable:
        message = (
            f"{agent.target_entropy:g} is out of reach with max_log_std: {most:g}, which allows "
            f"less than {reachable:.2f}"
        )
        hint = "lower target_entropy: the temperature would grow without end"
        yield SettingError(("agent", "target_entropy"), message, hint, at_key=True)


def check_value_bounds(
    options: Mapping[str, Any], reward: type[Any] | None
) -> Iterator[SettingError]:
    """Yield bounds between which the values of a task's reward cannot lie.

    Narrower ones than the reward's own are a person's choice: those of a sum are wide. But an
    attempt that fails is worth 0, and a success its reward, or 1 where that may be more.

    Args:
        options: of all sections that are sound.
        reward: the class of the task's reward, where it is known.
    """
    agent: Any = options.get("agent")
    given = getattr(agent, "value_bounds", None)
    if given is None or reward is None or "reward" not in options:
        return
    low, high = given
    most = min(1.0, reward.value_bounds(options["reward"], agent.discount)[1])
    loc, hint = ("agent", "value_bounds"), "take it out: the reward says between which values"
    if low > 0:
        yield SettingError(loc, f"a failure is worth 0, not {low:g} at least", hint, at_key=True)
    elif high < most:
        message = f"a success is worth {most:g}, not {high:g} at most"
        yield SettingError(loc, message, hint, at_key=True)


def parts_of(reward: Options | None) -> Iterator[tuple[Loc, Any]]:
    """Yield a reward's options and those of its stages, by paths below it; not what is wrong."""
    yield (), reward
    for i, stage in enumerate(getattr(reward, "stages", ())):
        if not any(stage.flaws(Surroundings({}))):
            yield ("stages", i), stage.options


def check_reward(
    block: PluginBlock, options: Options, around: Surroundings
) -> Iterator[SettingError]:
    """Yield what a reward finds wrong with its options.

    Args:
        block: that chooses the reward.
        options: of it.
        around: what they have to go with.
    """
    for flaw in block.find_class().flaws(options, around):
        yield replace(flaw, loc=(*block.loc, *flaw.loc))


def surroundings(
    data: Mapping[str, Any], drivers: Mapping[Loc, Driver], folder: Path | None
) -> Surroundings:
    """Return what a reward's options have to go with.

    Args:
        data: of the whole file.
        drivers: what is known of its arms.
        folder: of the task, where it is at hand.
    """
    arms = {name_of(loc): (loc, arm) for loc, arm in arms_in(data)}
    robots = {name: drivers.get((*loc, "robot")) for name, (loc, _) in arms.items()}
    forceless = [name for name, one in robots.items() if one and not one.driver.tells_wrench]
    return Surroundings(
        {name: bounds_of(arm) for name, (_, arm) in arms.items()}, folder, forceless
    )


def check_update_groups(options: Mapping[str, Any], training: Any) -> Iterator[SettingError]:
    """Yield whether the critic updates of one compiled call cannot be dealt to the actor's."""
    key = "critic_updates_per_actor"
    section = section_of(TrainingSpec, training if training is not None else {})
    group = getattr(options.get("agent"), key, 1)
    if section is not None and CHUNK_STEPS * section.updates_per_step % group:
        message = (
            f"{CHUNK_STEPS} × updates_per_step = {CHUNK_STEPS * section.updates_per_step} "
            f"is no multiple of {group}"
        )
        hint = f"{CHUNK_STEPS} steps of the robot are learnt from at once: choose a divisor"
        yield SettingError(("agent", key), message, hint)


def check_reserved_names(cameras: Any) -> Iterator[SettingError]:
    """Yield every camera that is called like something else that is observed."""
    for name in cameras if isinstance(cameras, dict) else ():
        if name in _RESERVED:
            yield SettingError(
                ("cameras", name), f"{name!r} is a measurement's name", _RENAME, at_key=True
            )


def check_camera_names(loc: Loc, named: Any, cameras: Any) -> Iterator[SettingError]:
    """Yield every name in a list of cameras that is unknown or there twice."""
    if not isinstance(named, list | tuple) or not isinstance(cameras, dict):
        return
    for i, name in enumerate(named):
        if isinstance(name, str) and name not in cameras:
            hint = did_you_mean(name, sorted(cameras))
            yield SettingError((*loc, i), f"there is no camera {name!r}", hint)
        elif name in named[:i]:
            yield SettingError(
                (*loc, i), f"camera {name!r} is named twice", "remove one of the two"
            )
