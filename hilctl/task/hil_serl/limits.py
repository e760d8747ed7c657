"""Where a tool may be: boxes of Euler angles become boxes of rotation vectors from the reset pose.

HIL-SERL clips x, y, z and roll, pitch, yaw (about fixed axes) of the pose in the base frame, and of
the roll its magnitude, as that jumps at ±π. hilctl clips rotation vectors relative to the reset
pose, in the tool's frame there: about a tool that points down, pitch and yaw have the other sign.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilctl import geometry

Array = NDArray[np.float64]
Span = tuple[float, float]

TURN = 2 * math.pi
LEAST_M, LEAST_RAD = 0.0005, 0.001  # half width where both limits are the same
ROUNDING = 1e-3  # of a millionth
TOLD_RAD = 0.02  # of difference between both kinds of boxes, from which on it is told


@dataclass(frozen=True)
class Limits:
    """Bounds as task.yaml has them.

    Attributes:
        low, high: (6,) m and rad.
        remarks: what is otherwise than in their file.
    """

    low: list[float]
    high: list[float]
    remarks: tuple[str, ...] = ()


def convert_limits(low: list[float], high: list[float], pose: list[float]) -> Limits:
    """Return bounds of hilctl for the limits of HIL-SERL.

    Args:
        low, high: x, y, z in m and roll, pitch, yaw in rad.
        pose: of the reset, in the same numbers.
    """
    remarks: list[str] = []
    boxes = zip(low[:3], high[:3], strict=True)
    places = [_around(span, at) for span, at in zip(boxes, pose, strict=False)]
    turns = [
        _about(_roll_span(low[3], high[3], pose[3]), pose[3]),
        _about((low[4], high[4]), pose[4]),
        _about((low[5], high[5]), pose[5]),
    ]
    if any(inside != (a, b) for inside, a, b in zip(places, low, high, strict=False)):
        remarks.append("x, y, z are widened to hold the reset pose, and some room on each axis")
    if any(span[0] > 0 or span[1] < 0 for span in turns):
        remarks.append("roll, pitch, yaw are widened to hold the reset pose")
    turns = [(max(min(a, 0.0), -math.pi), min(max(b, 0.0), math.pi)) for a, b in turns]
    vectors, leaning = _as_rotation_vectors(turns, pose)
    if leaning == math.inf:
        remarks.append(
            "the tool lies on its side at the reset pose: all turns have the smallest of the limits"
        )
    elif leaning > TOLD_RAD:
        remarks.append(
            f"the tool leans at the reset pose: turns differ from theirs by up to {leaning:.2g} rad"
        )
    spans = [*(_outward(span) for span in places), *(_wide(_outward(one)) for one in vectors)]
    return Limits([one[0] for one in spans], [one[1] for one in spans], tuple(remarks))


def limits_around(pose: list[float], spread_m: float, yaw_rad: float) -> Limits:
    """Return bounds so small that little can be hit, where a file has none."""
    room = [spread_m + 0.01, spread_m + 0.01, 0.01]
    turn = [0.06, 0.06, max(0.06, yaw_rad)]
    spans = [_outward((at - by, at + by)) for at, by in zip(pose[:3], room, strict=True)]
    low, high = [one[0] for one in spans], [one[1] for one in spans]
    return Limits([*low, *(-by for by in turn)], [*high, *turn])


def _around(span: Span, at: float) -> Span:
    """Return a span that is widened to hold a number, and to be one."""
    low, high = min(span[0], at), max(span[1], at)
    return (low, high) if high > low else (low - LEAST_M, high + LEAST_M)


def _roll_span(low: float, high: float, roll: float) -> Span:
    """Return between which rolls a tool is kept when the magnitude of its roll is clipped."""
    if high <= 0 and low < 0:  # written for a roll of -π
        low, high = -high, -low
    if high >= math.pi:
        return min(low, TURN - low), max(low, TURN - low)
    if low <= 0:
        return -high, high
    return (low, high) if math.remainder(roll, TURN) >= 0 else (-high, -low)


def _about(span: Span, angle: float) -> Span:
    """Return a span of angles relative to one of them, by the shortest way to its middle."""
    middle = (span[0] + span[1]) / 2
    away = math.remainder(middle - angle, TURN)
    half = (span[1] - span[0]) / 2
    return away - half, away + half


def _as_rotation_vectors(turns: list[Span], pose: list[float]) -> tuple[list[Span], float]:
    """Return spans about the tool's axes, and how far both kinds of boxes may differ.

    Each angle turns the tool about one axis, which is near to one of the tool's unless it leans;
    where two are near to the same, the difference has no bound.
    """
    axes = _axes_of_angles(pose)
    nearest = [int(np.argmax(np.abs(axis))) for axis in axes]
    if sorted(nearest) != [0, 1, 2]:  # pitch near ±π/2: roll and yaw are the same turn
        least = max(LEAST_RAD, min(min(-low, high) for low, high in turns))
        return [(-least, least)] * 3, math.inf
    spans: list[Span] = [(0.0, 0.0)] * 3
    leaning = 0.0
    for axis, tool, (low, high) in zip(axes, nearest, turns, strict=True):
        spans[tool] = (low, high) if axis[tool] > 0 else (-high, -low)
        aside = np.delete(np.abs(axis), tool)
        leaning = max(leaning, float(aside.max()) * max(-low, high))
    return spans, leaning


def _axes_of_angles(pose: list[float]) -> list[Array]:
    """Return the axes, in the tool's frame, about which roll, pitch and yaw turn it."""
    roll, pitch, _ = pose[3:]
    unrolled = geometry.quat_from_rpy([-roll, 0.0, 0.0])
    unpitched = geometry.quat_from_rpy([0.0, -pitch, 0.0])
    x, y, z = np.eye(3)
    yaw_axis = geometry.rotate(unrolled, geometry.rotate(unpitched, z))
    return [x, geometry.rotate(unrolled, y), yaw_axis]


def _outward(span: Span) -> Span:
    """Return a span of round numbers that holds another."""
    return math.floor(span[0] * 1e6 + ROUNDING) / 1e6, math.ceil(span[1] * 1e6 - ROUNDING) / 1e6


def _wide(span: Span) -> Span:
    """Return a span of turns that is one."""
    return span if span[1] > span[0] else (span[0] - LEAST_RAD, span[1] + LEAST_RAD)
