"""What every teleoperation driver promises."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from rigs import opened_teleop, variants

from hilctl import geometry
from hilctl.robots.base import Command, Robot
from hilctl.teleop.base import Role, Teleop, TeleopEvent, TeleopInput

Opened = tuple[Teleop, Robot]


@pytest.fixture(params=variants("teleop"), ids=str)
def opened(request: pytest.FixtureRequest) -> Iterator[Opened]:
    name, options = request.param
    with opened_teleop(name, options) as pair:
        yield pair


def polls(opened: Opened, count: int = 60) -> list[TeleopInput]:
    """Poll at 10 Hz with the arm following the hand."""
    teleop, robot = opened
    clock, seen = robot.rig.clock, []
    for _ in range(count):
        hand = teleop.poll()
        seen.append(hand)
        step = hand.twist * teleop.action_scale
        move = geometry.pose(step[:3], geometry.quat_from_rotvec(step[3:]))
        robot.servo(Command(geometry.compose(robot.state().tcp_pose, move)))
        clock.sleep_until(clock.now_ns() + 100_000_000)
    return seen


@pytest.mark.parametrize("role", Role)
def test_a_poll_is_within_its_range_whatever_is_asked(opened: Opened, role: Role) -> None:
    opened[0].begin_episode(role)
    for hand in polls(opened):
        assert hand.twist.shape == (6,)
        assert np.isfinite(hand.twist).all()
        assert np.abs(hand.twist).max() <= 1
        assert hand.gripper in (-1, 0, 1)
        assert isinstance(hand.engaged, bool)
        assert all(isinstance(event, TeleopEvent) for event in hand.events)


def test_it_can_be_polled_before_any_episode(opened: Opened) -> None:
    assert opened[0].poll().twist.shape == (6,)


def test_who_watches_keeps_hands_off(opened: Opened) -> None:
    opened[0].begin_episode(Role.WATCH)
    for hand in polls(opened):
        assert not hand.engaged
        assert not hand.twist.any()


def test_keys_are_named_event_by_event(opened: Opened) -> None:
    for event, key in opened[0].keys.items():
        assert isinstance(event, TeleopEvent)
        assert key.strip()


def test_the_operator_has_a_name(opened: Opened) -> None:
    assert opened[0].operator


@pytest.mark.parametrize("claimed", [True, False])
def test_a_verdict_is_yes_or_no_or_a_person_is_asked(opened: Opened, claimed: bool) -> None:
    teleop, _ = opened
    teleop.begin_episode(Role.SUPERVISE)
    verdict = teleop.review(claimed=claimed)
    assert verdict is None if teleop.in_real_time else verdict in (True, False)
    teleop.end_episode(success=claimed, intervened=False)
