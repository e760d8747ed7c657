"""What is odd about the numbers of an arm: units, order of bounds, where episodes start."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hilctl.task.document import Loc
from hilctl.task.explain import SettingError
from hilctl.task.sections import Bounds, ResetSpec, section_of
from hilctl.task.starts import vertical_in_tool, yaw_room

_FAR_M = 5.0  # no arm of this kind reaches that far
_TURN_RAD = 2 * math.pi
_AXES = ("x", "y", "z", "rx", "ry", "rz")


def check_geometry(data: Mapping[str, Any], loc: Loc = ()) -> Iterator[SettingError]:
    """Yield what is odd about the bounds and the reset pose of an arm's plain data."""
    for flaw in _odd_geometry(data):
        yield replace(flaw, loc=(*loc, *flaw.loc))


def _odd_geometry(data: Mapping[str, Any]) -> Iterator[SettingError]:
    start, bounds = data.get("reset"), bounds_of(data)
    reset = section_of(ResetSpec, start) or section_of(ResetSpec, _pose_only(start))
    here: Loc = ("control", "bounds")
    units: list[SettingError] = []
    if reset:
        units += odd_units(("reset", "pose"), reset.pose)
    if bounds:
        units += odd_units((*here, "low"), bounds.low)
        units += odd_units((*here, "high"), bounds.high)
    yield from units
    if bounds and not units:
        yield from _order(here, bounds)
    if bounds and reset and not units:
        yield from _start_inside(bounds, reset)


def odd_units(loc: Loc, values: Sequence[float]) -> Iterator[SettingError]:
    """Yield every number of a pose, or of its first ones, that must be in another unit."""
    for i, value in enumerate(values):
        yield from odd_unit((*loc, i), _AXES[i], value)


def odd_unit(loc: Loc, axis: str, value: float) -> Iterator[SettingError]:
    """Yield whether a number along or about an axis must be in another unit than m or rad."""
    if axis in _AXES[:3] and abs(value) > _FAR_M:
        hint = f"{value:g} looks like millimetres: write {value / 1000:g}"
        yield SettingError(loc, f"{value:g} m is out of any arm's reach", hint)
    elif axis in _AXES[3:] and abs(value) > _TURN_RAD:
        hint = f"{value:g} looks like degrees: write {math.radians(value):.4g}"
        yield SettingError(loc, f"{value:g} rad is more than a full turn", hint)


def bounds_of(arm: Mapping[str, Any]) -> Bounds | None:
    """Return the bounds in an arm's plain data, None where they are wrong."""
    control = arm.get("control")
    return section_of(Bounds, control.get("bounds") if isinstance(control, dict) else None)


def _pose_only(reset: Any) -> dict[str, Any]:
    """Return a reset section that starts at the pose without any spread."""
    pose = reset.get("pose") if isinstance(reset, dict) else None
    return {"pose": pose, "random_xy_m": 0, "random_z_m": 0, "random_yaw_rad": 0}


def _order(loc: Loc, bounds: Bounds) -> Iterator[SettingError]:
    for i, (low, high) in enumerate(zip(bounds.low, bounds.high, strict=True)):
        if low >= high:
            message = f"bounds of {_AXES[i]}: low {low:g} is not below high {high:g}"
            yield SettingError(
                (*loc, "low", i), message, "low must be less than high on every axis"
            )


def _start_inside(bounds: Bounds, reset: ResetSpec) -> Iterator[SettingError]:
    for i, (low, high) in enumerate(zip(bounds.low, bounds.high, strict=True)):
        start = reset.pose[i] if i < 3 else 0.0
        unit = "m" if i < 3 else "rad"
        if low < high and not low <= start <= high:
            place = f"{_AXES[i]} = {start:g} {unit}"
            message = f"the reset pose ({place}) is outside the bounds [{low:g}, {high:g}]"
            loc: Loc = ("reset", "pose", i) if i < 3 else ("control", "bounds", "low", i)
            hint = None if i < 3 else "the rotation part of the bounds must contain 0"
            yield SettingError(loc, message, hint or "move the pose or widen control.bounds")
    if all(low < high for low, high in zip(bounds.low, bounds.high, strict=True)):
        yield from _spread_inside(bounds, reset)
        yield from _yaw_inside(bounds, reset)


def _spread_inside(bounds: Bounds, reset: ResetSpec) -> Iterator[SettingError]:
    for i, key in enumerate(("random_xy_m", "random_xy_m", "random_z_m")):
        low, high, start, spread = bounds.low[i], bounds.high[i], reset.pose[i], getattr(reset, key)
        if low <= start <= high and not low <= start - spread <= start + spread <= high:
            message = (
                f"random starts leave the bounds of {_AXES[i]}: "
                f"{start:g} ± {spread:g} m against [{low:g}, {high:g}]"
            )
            yield SettingError(
                ("reset", key), message, f"at most {min(start - low, high - start):.4g} fits"
            )


def _yaw_inside(bounds: Bounds, reset: ResetSpec) -> Iterator[SettingError]:
    room = [max(0.0, min(-least, most)) for least, most in yaw_room(bounds, reset)]
    tightest = int(np.argmin(room))
    if room[tightest] > 0 and reset.random_yaw_rad > room[tightest] + 1e-9:
        turn = abs(vertical_in_tool(reset)[tightest]) * reset.random_yaw_rad
        message = (
            f"random starts leave the bounds of {_AXES[3 + tightest]}: 0 ± {turn:.4g} rad "
            f"against [{bounds.low[3 + tightest]:g}, {bounds.high[3 + tightest]:g}]"
        )
        hint = f"at most {room[tightest]:.4g} fits: the turn is about the vertical"
        yield SettingError(("reset", "random_yaw_rad"), message, hint)
