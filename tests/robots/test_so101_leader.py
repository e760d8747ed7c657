"""A leader arm as a hand: the robot goes as it does, and never jumps to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_bus import START, FakeBus, described

from hilctl import geometry
from hilctl.devices import Rig
from hilctl.teleop.base import Role, TeleopInput
from hilctl.teleop.so101_leader import So101LeaderOptions, So101LeaderTeleop
from hilctl.testing import DriverChoice, TeleopContract

if find_spec("mink") is None or find_spec("serial") is None:
    pytest.skip("mink or pyserial is not installed", allow_module_level=True)

PERIOD_S = 0.02
SCALE = np.repeat([0.01, 0.06], 3)
PLACE = geometry.pose([0.4, 0.1, 0.3], [1, 0, 0, 0])


@pytest.fixture
def bus() -> Iterator[FakeBus]:
    bus = FakeBus()
    yield bus
    bus.end()


@pytest.fixture
def options(bus: FakeBus, tmp_path: Path) -> dict[str, Any]:
    return {**described(bus, tmp_path), "keys": False}


class Follower:
    """A tool that does at once what it is told."""

    def __init__(self, leader: So101LeaderTeleop) -> None:
        self.pose = PLACE.copy()
        self.leader = leader
        leader.action_scale = SCALE
        leader.tcp_pose = lambda: self.pose

    def follow(self, seconds: float) -> list[TeleopInput]:
        """Poll as often as in so many seconds, however long that takes on a busy computer."""
        said = []
        for _ in range(round(seconds / PERIOD_S)):
            hand = self.leader.poll()
            step = hand.twist * SCALE if hand.engaged else np.zeros(6)
            move = geometry.pose(step[:3], geometry.quat_from_rotvec(step[3:]))
            self.pose = geometry.compose(self.pose, move)
            said.append(hand)
            time.sleep(PERIOD_S)
        return said


@pytest.fixture
def leader(options: dict[str, Any]) -> Iterator[So101LeaderTeleop]:
    with So101LeaderTeleop(So101LeaderOptions(**options), Rig()) as leader:
        leader.action_scale = SCALE
        yield leader


@pytest.fixture
def follower(leader: So101LeaderTeleop) -> Follower:
    return Follower(leader)


def push(bus: FakeBus, **ticks: float) -> None:
    """Move the leader: pan=100 turns its first joint by so many ticks."""
    numbers = {"pan": 1, "lift": 2, "elbow": 3, "wrist": 4, "roll": 5, "gripper": 6}
    for name, by in ticks.items():
        bus.servos[numbers[name]].place = START[numbers[name]] + by


def tool(leader: So101LeaderTeleop) -> np.ndarray:
    return leader._kinematics.tool_pose(leader._now.q)


def soon(true: Callable[[], bool], limit_s: float = 20.0) -> bool:
    deadline_s = time.monotonic() + limit_s
    while not (is_so := true()) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    return is_so


class TestLeader(TeleopContract):
    polls = 10

    @pytest.fixture
    def driver(self, options: dict[str, Any]) -> DriverChoice:
        return DriverChoice("so101_leader", options)


def test_it_is_without_torque(bus: FakeBus, options: dict[str, Any]) -> None:
    for servo in bus.servos.values():
        servo.memory[40] = 1
    with So101LeaderTeleop(So101LeaderOptions(**options), Rig()):
        assert not bus.has_torque


def test_the_robot_goes_as_the_leader_does(
    bus: FakeBus, leader: So101LeaderTeleop, follower: Follower
) -> None:
    leader.begin_episode(Role.DEMONSTRATE)
    follower.follow(0.1)
    np.testing.assert_allclose(follower.pose, PLACE, atol=1e-9)  # wherever the leader is
    before = tool(leader)
    push(bus, pan=150, lift=60, elbow=-80)
    follower.follow(1.0)
    moved = tool(leader)[:3] - before[:3]
    assert np.linalg.norm(moved) > 0.03
    np.testing.assert_allclose(follower.pose[:3] - PLACE[:3], moved, atol=0.002)
    turned, told = (
        geometry.quat_multiply(after[3:], geometry.quat_conjugate(start[3:]))
        for start, after in ((before, tool(leader)), (PLACE, follower.pose))
    )
    assert np.linalg.norm(geometry.rotation_between([0, 0, 0, *turned], [0, 0, 0, *told])) < 0.03


def test_who_faces_the_robot_is_mirrored(bus: FakeBus, options: dict[str, Any]) -> None:
    settings = So101LeaderOptions(**options, stand="facing")
    with So101LeaderTeleop(settings, Rig()) as leader:
        follower = Follower(leader)
        leader.begin_episode(Role.DEMONSTRATE)
        follower.follow(0.1)
        before = tool(leader)
        push(bus, lift=120)
        follower.follow(0.8)
        moved = tool(leader)[:3] - before[:3]
        np.testing.assert_allclose(follower.pose[:3] - PLACE[:3], moved * [-1, -1, 1], atol=0.002)


def test_a_leader_at_rest_leaves_the_policy_alone_and_takes_over_where_the_tool_is(
    bus: FakeBus, leader: So101LeaderTeleop, follower: Follower
) -> None:
    leader.begin_episode(Role.SUPERVISE)
    push(bus, lift=100)  # long before: the person laid it down somewhere else
    assert soon(lambda: leader._now.q[1] > -0.5)
    follower.follow(1.0)
    assert not any(hand.engaged for hand in follower.follow(0.3))
    follower.pose = geometry.compose(follower.pose, geometry.pose([0.05, 0, 0], [0, 0, 0, 1]))
    assert not any(hand.engaged for hand in follower.follow(0.3))  # the policy moves the tool
    place = follower.pose.copy()
    push(bus, lift=100, pan=120)
    said = follower.follow(0.4)
    assert any(hand.engaged for hand in said)
    assert 0.01 < np.linalg.norm(follower.pose[:3] - place[:3]) < 0.08  # as it moved, no jump
    follower.follow(1.0)
    assert not any(hand.engaged for hand in follower.follow(0.2))


def test_a_leader_that_is_far_ahead_is_not_run_after(
    bus: FakeBus, leader: So101LeaderTeleop, follower: Follower
) -> None:
    leader.begin_episode(Role.DEMONSTRATE)
    follower.follow(0.1)
    push(bus, pan=1000)  # thrown around while the robot could not follow
    said = follower.follow(1.0)
    assert all(np.abs(hand.twist).max() <= 1 for hand in said)
    assert np.linalg.norm(follower.pose[:3] - PLACE[:3]) < 0.075


def test_its_gripper_closes_and_opens(
    bus: FakeBus, leader: So101LeaderTeleop, follower: Follower
) -> None:
    leader.begin_episode(Role.DEMONSTRATE)
    assert {hand.gripper for hand in follower.follow(0.2)} == {0}
    push(bus, gripper=900)
    assert {hand.gripper for hand in follower.follow(0.4)} | {0} == {0, 1}
    follower.follow(0.6)
    assert {hand.gripper for hand in follower.follow(0.2)} == {0}
    push(bus, gripper=-450)
    assert {hand.gripper for hand in follower.follow(0.4)} | {0} == {0, -1}


def test_one_that_is_unplugged_moves_nothing_is_said_and_comes_back(
    bus: FakeBus, leader: So101LeaderTeleop, follower: Follower
) -> None:
    told: list[str] = []
    leader.tell = told.append
    leader.begin_episode(Role.DEMONSTRATE)
    follower.follow(0.1)
    bus.silent.update(START)
    follower.follow(0.5)
    push(bus, lift=200)
    place = follower.pose.copy()
    follower.follow(0.3)
    np.testing.assert_array_equal(follower.pose, place)
    assert told == ["the leader is gone: nothing moves until it answers again"]
    assert leader.status().remark
    assert not leader.status().present  # so that the robot is held
    bus.silent.clear()
    assert soon(lambda: leader._now.present)
    follower.follow(0.3)
    assert told[1:] == ["the leader is back"]
    assert leader.status().present
    np.testing.assert_allclose(follower.pose, place, atol=1e-9)  # from where it is now
