"""Random starts lie in the bounds however the tool is tilted, or the task is refused."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from hilctl import geometry
from hilctl.task.arm_geometry import check_geometry
from hilctl.task.sections import Bounds, ResetSpec
from hilctl.task.starts import yaw_range

angles = st.tuples(*[st.floats(-math.pi, math.pi)] * 3)
rooms = st.tuples(*[st.floats(0.01, 0.6)] * 6)
spreads = st.floats(0.0, 0.5)


def task(rpy: tuple[float, ...], room: tuple[float, ...], yaw_rad: float) -> dict[str, dict]:
    return {
        "control": {
            "bounds": {"low": [0.4, -0.1, 0.1, *(-r for r in room[:3])],
                       "high": [0.6, 0.1, 0.3, *room[3:]]}
        },
        "reset": {"pose": [0.5, 0.0, 0.2, *rpy], "random_yaw_rad": yaw_rad},
    }  # fmt: skip


def outside_rad(rpy: tuple[float, ...], room: tuple[float, ...], yaw_rad: float) -> float:
    """Return by how much a tool turned about the vertical leaves the bounds."""
    home = geometry.quat_from_rpy(rpy)
    turned = geometry.quat_multiply(geometry.quat_from_rotvec([0, 0, yaw_rad]), home)
    at = geometry.rotation_between([0, 0, 0, *home], [0, 0, 0, *turned])
    low, high = -np.array(room[:3]), np.array(room[3:])
    return float(np.maximum(low - at, at - high).max())


@given(angles, rooms, spreads, st.floats(0, 1))
def test_every_start_lies_in_the_bounds_however_the_tool_is_tilted(
    rpy: tuple[float, ...], room: tuple[float, ...], yaw_rad: float, share: float
) -> None:
    data = task(rpy, room, yaw_rad)
    bounds = Bounds.model_validate(data["control"]["bounds"])
    least, most = yaw_range(bounds, ResetSpec.model_validate(data["reset"]))
    assert -yaw_rad - 1e-12 <= least <= 0 <= most <= yaw_rad + 1e-12
    assert outside_rad(rpy, room, least + share * (most - least)) < 1e-7


@given(angles, rooms, spreads)
def test_a_task_is_refused_exactly_when_a_start_would_leave_the_bounds(
    rpy: tuple[float, ...], room: tuple[float, ...], yaw_rad: float
) -> None:
    worst = max(outside_rad(rpy, room, sign * yaw_rad) for sign in (-1, 1))
    assume(abs(worst) > 1e-6)
    flaws = list(check_geometry(task(rpy, room, yaw_rad)))
    assert [flaw.loc for flaw in flaws] == ([("reset", "random_yaw_rad")] if worst > 0 else [])


def test_a_tilted_tool_is_told_which_axis_it_leaves_and_what_fits() -> None:
    room = (0.06, 0.06, 0.2) * 2
    (flaw,) = check_geometry(task((math.pi, 0.8, 0.0), room, 0.105))
    assert flaw.message.startswith("random starts leave the bounds of rx: 0 ± 0.07532 rad")
    assert flaw.hint == "at most 0.08364 fits: the turn is about the vertical"
    assert list(check_geometry(task((math.pi, 0.8, 0.0), room, 0.083))) == []
