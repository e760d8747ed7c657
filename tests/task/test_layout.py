"""Layouts: named parts of actions and observations, there and back, and what differs in words."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilctl.task.layout import ActionLayout, ActionPart, ObservationLayout

GRIPPER = ActionPart("gripper", "", "gripper", 1, (-1.0, 0.0, 1.0))
SMOOTH = ActionPart("gripper", "", "gripper", 1)
ARM = ActionLayout.one_arm()
HAND = ActionLayout((*ARM.parts, GRIPPER))

names = st.text("abcxyz_/", min_size=1, max_size=8)
numbers = st.floats(-1, 1, allow_nan=False)


@st.composite
def parts(draw: st.DrawFn) -> ActionPart:
    kind = draw(st.sampled_from(["delta_pose", "gripper", "generic"]))
    size = {"delta_pose": 6, "gripper": 1}.get(kind) or draw(st.integers(1, 4))
    choices = draw(st.none() | st.lists(numbers, min_size=1, max_size=4, unique=True).map(tuple))
    scale = draw(st.none() | st.tuples(*[numbers] * size))
    arm = draw(st.sampled_from(["", "left", "right"]))
    return ActionPart(draw(names), arm, kind, size, choices, scale)  # type: ignore[arg-type]


layouts = st.lists(parts(), min_size=1, max_size=5, unique_by=lambda part: part.name).map(
    lambda made: ActionLayout(tuple(made))
)


@given(layouts)
def test_a_layout_survives_json(layout: ActionLayout) -> None:
    again = ActionLayout.from_json(json.loads(json.dumps(layout.as_json())))
    assert again == layout
    assert again.difference(layout) is None


@given(layouts)
def test_the_parts_fill_an_action_without_gap_or_overlap(layout: ActionLayout) -> None:
    taken = np.zeros(layout.size, int)
    for part in layout.parts:
        taken[layout.slice_of(part)] += 1
    assert (taken == 1).all()
    assert len(layout.columns) == layout.size == len(layout.idle())


@given(layouts, st.data())
def test_the_nearest_action_is_possible_and_stays_what_it_is(
    layout: ActionLayout, data: st.DataObject
) -> None:
    wild = np.array([data.draw(st.floats(-3, 3)) for _ in range(layout.size)])
    possible = layout.nearest(wild)
    assert (np.abs(possible) <= 1).all()
    np.testing.assert_array_equal(layout.nearest(possible), possible)
    for part in layout.parts:
        if part.choices is not None:
            assert set(possible[layout.slice_of(part)]) <= set(part.choices)


@given(layouts, layouts)
def test_two_layouts_differ_in_words_unless_they_are_the_same(
    one: ActionLayout, other: ActionLayout
) -> None:
    assert (one.difference(other) is None) == (other.difference(one) is None)
    if one.columns != other.columns:
        assert one.difference(other)


@pytest.mark.parametrize(
    ("recorded", "task", "words"),
    [
        (HAND, ARM, "action part `gripper` (discrete), this task has none"),
        (ARM, HAND, "no action part `gripper`, this task has one (discrete)"),
        (
            HAND,
            ActionLayout((*ARM.parts, SMOOTH)),
            "action part `gripper` (discrete), this task has `gripper` (continuous)",
        ),
    ],
)
def test_a_difference_names_the_part(
    recorded: ActionLayout, task: ActionLayout, words: str
) -> None:
    assert recorded.difference(task) == words


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"parts": [{}]},
        {"parts": [{"name": "a", "arm": "", "kind": "lever", "size": 1}]},
        {"parts": [{"name": "a", "arm": "", "kind": "generic", "size": 0}]},
        {"parts": [{"name": "a", "arm": "", "kind": "generic", "size": 1, "choices": []}]},
        {"parts": [{"name": "a", "arm": "", "kind": "generic", "size": 2, "scale": [1.0]}]},
    ],
)
def test_what_is_no_layout_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        ActionLayout.from_json(data)


def test_an_observation_needs_only_what_a_policy_is_shown() -> None:
    shown = ObservationLayout({"wrist": (64, 48)}, {"tcp_pose": 7})
    there = ObservationLayout({"wrist": (64, 48), "side": (9, 9)}, {"tcp_pose": 7, "q": 6})
    assert shown.difference(there) is None
    assert there.difference(shown) == "camera `side`, this task has none"
    again = ObservationLayout.from_json(json.loads(json.dumps(there.as_json())))
    assert again.difference(there) is None
    wide = ObservationLayout({"wrist": (64, 48)}, {"tcp_pose": 7, "q": 7})
    assert wide.difference(there) == "state `q` of 7 numbers, this task has 6"
