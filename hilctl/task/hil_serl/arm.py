"""One arm of a rig: its server, how softly it is held, where it starts and how far it may go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hilctl.task.hil_serl.limits import Limits, convert_limits, limits_around
from hilctl.task.hil_serl.server import read_server
from hilctl.task.hil_serl.settings import Settings, one_number
from hilctl.task.sections import Bounds, ResetSpec
from hilctl.task.starts import yaw_room

RESET_POSE = "RESET_POSE"
EDGE_M = 2e-6  # that rounding may take of a random start
USUAL_STEP = (0.004, 0.02)  # m and rad, of the template serl-insert


@dataclass(frozen=True)
class RigArm:
    """An arm as task.yaml has it.

    Attributes:
        robot: options of `serl_http`, but for the gripper.
        step: metres and radians for action 1.0.
        bounds: of the tool.
        reset: pose and random starts.
        episode_steps: of an episode; None = it is not said.
    """

    robot: dict[str, Any]
    step: tuple[float, float]
    bounds: Limits
    reset: dict[str, Any]
    episode_steps: float | None


def lacks(settings: Settings) -> bool:
    """Return whether a file does not say where an arm starts, without which nothing is made."""
    held = settings.values.get(RESET_POSE)
    return held is None or settings.is_lost(RESET_POSE)


def read_arm(settings: Settings) -> RigArm:
    """Return what a file says of an arm.

    Raises:
        DataError: a setting is not what it is taken for.
    """
    pose = settings.numbers(RESET_POSE, 6)
    if pose is None:
        raise settings.lacking(RESET_POSE)
    spread = _spread(settings)
    limits = _limits(settings, pose, spread)
    reset, limits = _fitting({"pose": _rounded(pose), **spread}, limits, settings)
    return RigArm(
        robot=read_server(settings),
        step=_step(settings),
        bounds=limits,
        reset=reset,
        episode_steps=settings.number("MAX_EPISODE_LENGTH", low=1, high=1e6),
    )


def _rounded(pose: list[float]) -> list[float]:
    return [round(one, 6 if i < 3 else 8) for i, one in enumerate(pose)]


def _step(settings: Settings) -> tuple[float, float]:
    scale = settings.numbers("ACTION_SCALE", 3)
    if scale is None:
        usual = f"{USUAL_STEP[0]} m and {USUAL_STEP[1]} rad are taken"
        settings.remark("ACTION_SCALE", f"not known: {usual}")
        return USUAL_STEP
    return (
        settings.checked("ACTION_SCALE", scale[0], low=1e-5, high=0.1),
        settings.checked("ACTION_SCALE", scale[1], low=1e-4, high=0.6),
    )


def _spread(settings: Settings) -> dict[str, float]:
    """Return how far random starts go."""
    is_random = settings.kind("RANDOM_RESET", bool, "True or False")
    ranges = {}
    for key, name, most in (
        ("RANDOM_XY_RANGE", "random_xy_m", 0.2),
        ("RANDOM_RZ_RANGE", "random_yaw_rad", 3.15),
    ):
        value = one_number(settings.value(key))
        told = 0.0 if value is None else settings.checked(key, value, low=0, high=most)
        ranges[name] = told if is_random else 0.0
    return ranges


def _limits(settings: Settings, pose: list[float], spread: Mapping[str, float]) -> Limits:
    low = settings.numbers("ABS_POSE_LIMIT_LOW", 6)
    high = settings.numbers("ABS_POSE_LIMIT_HIGH", 6)
    key = "ABS_POSE_LIMIT_LOW"
    if low is None or high is None:
        small = limits_around(pose, spread["random_xy_m"], spread["random_yaw_rad"])
        why = "not both limits are known: bounds are a small box about the reset pose, widen it"
        settings.remark(key, why)
        return small
    for i, (least, most) in enumerate(zip(low, high, strict=True)):
        if least > most:
            raise settings.wrong(key, least, f"at most ABS_POSE_LIMIT_HIGH[{i}] = {most:g}")
    limits = convert_limits(low, high, pose)
    for remark in limits.remarks:
        settings.remark(key, remark)
    return limits


def _fitting(
    reset: dict[str, Any], limits: Limits, settings: Settings
) -> tuple[dict[str, Any], Limits]:
    """Return random starts that the bounds hold, and bounds that hold what rounding adds."""
    low, high, spread = list(limits.low), list(limits.high), reset["random_xy_m"]
    for i in (0, 1):
        start = reset["pose"][i]
        if low[i] - EDGE_M <= start - spread < low[i]:
            low[i] = round(low[i] - EDGE_M, 6)
        if high[i] < start + spread <= high[i] + EDGE_M:
            high[i] = round(high[i] + EDGE_M, 6)
        room = min(start - low[i], high[i] - start)
        if spread > room:
            settings.remark("RANDOM_XY_RANGE", f"{spread:g} m leaves the limits: {room:.4g} m fits")
            reset["random_xy_m"] = spread = int(room * 1e6) / 1e6
    bounds = Bounds(low=tuple(low), high=tuple(high))  # type: ignore[arg-type]
    room_rad = _yaw_room(bounds, ResetSpec(pose=tuple(reset["pose"])))
    if reset["random_yaw_rad"] > room_rad > 0:
        why = f"{reset['random_yaw_rad']:g} rad leaves the limits: {room_rad:.4g} rad fits"
        settings.remark("RANDOM_RZ_RANGE", why)
        reset["random_yaw_rad"] = int(room_rad * 1e6) / 1e6
    return reset, Limits(low, high, limits.remarks)


def _yaw_room(bounds: Bounds, reset: ResetSpec) -> float:
    return min(max(0.0, min(-least, most)) for least, most in yaw_room(bounds, reset))
