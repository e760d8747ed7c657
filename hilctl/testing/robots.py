"""What every robot driver promises."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.feed_forward import FeedForward, Fence
from hilctl.registry import Registry
from hilctl.robots import ROBOTS
from hilctl.robots.base import Command, Robot
from hilctl.robots.scene import SimulatedScene
from hilctl.testing.devices import DeviceContract, DriverChoice, unmarked_texts

Array = NDArray[np.float64]

LOOK_S = 0.05
FENCE_M = 0.08
SOON_S = 10.0  # for what a busy computer may do late
TRIES = 5  # of what it may be late with once and again, but not each time


def moved(robot: Robot, *metres: float) -> Array:
    """Return the tool's present pose moved in its own frame."""
    return geometry.compose(robot.state().tcp_pose, geometry.pose(metres, [0, 0, 0, 1]))


def wait(robot: Robot, seconds: float) -> None:
    """Let time pass on the robot's clock."""
    clock = robot.rig.clock
    clock.sleep_until(clock.now_ns() + round(seconds * 1e9))


def eventually(robot: Robot, is_so: Callable[[], bool], limit_s: float) -> bool:
    """Let time pass on the robot's clock until something is so; return whether it is."""
    clock = robot.rig.clock
    end_ns = clock.now_ns() + round(limit_s * 1e9)
    while not (so := is_so()) and clock.now_ns() < end_ns:
        wait(robot, LOOK_S)
    return so


def away_m(robot: Robot, pose: Array) -> float:
    """Return how far the tool is from a (7,) pose."""
    return float(np.linalg.norm(robot.state().tcp_pose[:3] - pose[:3]))


def speed_m_s(robot: Robot) -> float:
    """Return how fast the tool is."""
    return float(np.linalg.norm(robot.state().tcp_velocity[:3]))


def pushed(robot: Robot, wrench: list[float], *, lasts_s: float) -> FeedForward:
    """Return a push, with a fence of `FENCE_M` and a third of a radian around the tool."""
    here = robot.state().tcp_pose
    room = np.array([FENCE_M] * 3 + [0.3] * 3)
    middle = np.concatenate([here[:3], np.zeros(3)])
    limits = robot.limits
    fence = Fence(middle - room, middle + room, here[3:], limits.swing_m_s, limits.swing_rad_s)
    return FeedForward(np.array(wrench), fence, lasts_s)


def is_open(robot: Robot, opening: float) -> bool:
    """Return whether the gripper is about that far open."""
    return abs(robot.state().gripper - opening) < 0.1


class RobotContract(DeviceContract):
    """Tests of a robot, which they move by up to 10 cm, and whose gripper they open and close.

    Run them in the open, with a hand at its stop.
    """

    registry: ClassVar[Registry[Any]] = ROBOTS

    @pytest.fixture
    def robot(self, device: Robot) -> Robot:
        """The robot, open."""
        return device

    def test_what_a_person_may_write_freely_is_an_address(self, driver: DriverChoice) -> None:
        assert unmarked_texts(self.registry.options_type(driver.type)) == [], "mark with Address()"

    def test_a_state_has_shapes_units_and_finite_numbers(self, robot: Robot) -> None:
        state = robot.state()
        assert state.tcp_pose.shape == (7,)
        assert state.tcp_velocity.shape == (6,)
        assert state.tcp_wrench.shape == (6,)
        assert state.q.ndim == 1
        for values in (state.tcp_pose, state.tcp_velocity, state.tcp_wrench, state.q):
            assert values.dtype == np.float64
            assert np.isfinite(values).all()
        assert np.linalg.norm(state.tcp_pose[3:]) == pytest.approx(1, abs=1e-6)
        assert 0.05 < np.linalg.norm(state.tcp_pose[:3]) <= robot.limits.reach_m  # metres
        assert np.abs(state.q).max() <= 2 * np.pi  # radians
        assert 0 <= state.gripper <= 1

    def test_what_it_says_that_it_measures_it_measures(self, robot: Robot) -> None:
        state = robot.state()
        assert robot.tells_wrench or not state.tcp_wrench.any()
        if robot.tells_joint_velocity:
            assert state.qd is not None
            assert state.qd.shape == state.q.shape
            assert np.isfinite(state.qd).all()

    def test_what_it_has_is_known_before_it_is_open(
        self, robot: Robot, driver: DriverChoice
    ) -> None:
        options = self.registry.options_type(driver.type).model_validate(dict(driver.options))
        assert robot.may_have_gripper(options) or not robot.has_gripper
        holds = type(robot).hold_from_outside.__func__  # type: ignore[attr-defined]
        inherited = Robot.hold_from_outside.__func__  # type: ignore[attr-defined]
        assert not robot.needs_guard or holds is not inherited

    def test_a_state_is_a_copy_that_does_not_change_later(self, robot: Robot) -> None:
        before = robot.state()
        kept = [before.tcp_pose.copy(), before.q.copy(), before.tcp_wrench.copy()]
        robot.servo(Command(moved(robot, 0.01, 0, -0.01)))
        pose = before.tcp_pose
        assert eventually(
            robot, lambda: not np.allclose(robot.state().tcp_pose, pose, atol=1e-4), SOON_S
        )
        for values, copy in zip((before.tcp_pose, before.q, before.tcp_wrench), kept, strict=True):
            np.testing.assert_array_equal(values, copy)

    def test_stamps_are_monotonic_and_on_the_rigs_clock(self, robot: Robot) -> None:
        stamps = [robot.state().stamp_ns]
        for _ in range(4):
            assert eventually(robot, lambda: robot.state().stamp_ns != stamps[-1], SOON_S)
            stamps.append(robot.state().stamp_ns)
        assert all(isinstance(stamp, int) for stamp in stamps)
        assert all(b > a for a, b in pairwise(stamps))
        ages_ns = []
        for _ in range(TRIES):
            newest_ns = robot.state().stamp_ns
            ages_ns.append(robot.rig.clock.now_ns() - newest_ns)
        assert min(ages_ns) >= 0
        assert min(ages_ns) < 200_000_000

    def test_the_clock_waits_no_longer_than_asked(self, robot: Robot) -> None:
        clock = robot.rig.clock

        def waited_ns(ahead_ns: int) -> int:
            start_ns = clock.now_ns()
            clock.sleep_until(start_ns + ahead_ns)
            return clock.now_ns() - start_ns

        assert min(waited_ns(-1_000_000_000) for _ in range(TRIES)) < 50_000_000
        waits_ns = [waited_ns(50_000_000) for _ in range(TRIES)]
        assert min(waits_ns) >= 50_000_000
        assert min(waits_ns) < 100_000_000

    def test_servo_sends_an_allowed_command_as_it_is(self, robot: Robot) -> None:
        target = moved(robot, 0.005, 0.002, -0.003)
        sent = robot.servo(Command(target))
        if robot.six_dof:
            np.testing.assert_array_equal(sent.tcp_pose, target)
        np.testing.assert_allclose(sent.tcp_pose[:3], target[:3], atol=0.001)
        assert sent.gripper is None

    def test_servo_does_not_wait(self, robot: Robot) -> None:
        took_ns = []
        for number in range(3):  # a busy computer may be late, but not each time
            target = moved(robot, 0, 0, -0.003)
            opening = 0.5 + 0.1 * number if robot.has_gripper else None
            before_ns = robot.state().stamp_ns
            robot.servo(Command(target, opening))
            took_ns.append(robot.state().stamp_ns - before_ns)
        assert min(took_ns) < 20_000_000

    def test_servo_returns_what_was_sent_when_the_wish_is_out_of_reach(self, robot: Robot) -> None:
        far = robot.state().tcp_pose.copy()
        far[:3] = [5.0, 0.0, 0.5]
        kept = far.copy()
        sent = robot.servo(Command(far))
        robot.stop()
        assert np.linalg.norm(sent.tcp_pose[:3]) <= robot.limits.reach_m + 1e-9
        np.testing.assert_array_equal(far, kept)  # the caller's array is the caller's

    def test_the_arm_follows_its_target(self, robot: Robot) -> None:
        target = moved(robot, 0.01, 0.01, -0.01)

        def is_there() -> bool:
            robot.servo(Command(target))  # again and again, as a control loop does
            return away_m(robot, target) < 0.002

        assert eventually(robot, is_there, SOON_S)

    def test_move_to_waits_until_the_arm_is_there_and_still(self, robot: Robot) -> None:
        target = moved(robot, 0.03, -0.02, -0.02)
        robot.move_to(target, speed=0.5)
        state = robot.state()
        np.testing.assert_allclose(state.tcp_pose[:3], target[:3], atol=0.003)
        if robot.six_dof:
            assert np.linalg.norm(geometry.rotation_between(state.tcp_pose, target)) < 0.03
        assert np.linalg.norm(state.tcp_velocity[:3]) < 0.02

    def test_half_the_speed_takes_longer(self, robot: Robot) -> None:
        def seconds(target: Array, speed: float) -> float:
            start_ns = robot.state().stamp_ns
            robot.move_to(target, speed=speed)
            return (robot.state().stamp_ns - start_ns) * 1e-9

        here, there = robot.state().tcp_pose, moved(robot, 0.08, 0, 0)
        # the quick way may take long on a busy computer, but not each time
        assert any(seconds(there, 0.1) > 1.3 * seconds(here, 0.5) for _ in range(TRIES))

    def test_stop_holds_the_arm_where_it_is(self, robot: Robot) -> None:
        robot.servo(Command(moved(robot, 0.05, 0, 0)))
        wait(robot, 0.1)
        robot.stop()
        robot.stop()
        here = robot.state().tcp_pose
        wait(robot, 0.5)
        assert eventually(robot, lambda: speed_m_s(robot) < 0.01, SOON_S)
        assert away_m(robot, here) < 0.02

    def test_a_wrench_pushes_the_tool_its_way_within_the_fence(self, robot: Robot) -> None:
        if not robot.takes_wrench:
            return
        here = robot.state().tcp_pose
        push = pushed(robot, [0, 0, -40.0, 0, 0, 0], lasts_s=2.0)
        sent = robot.servo(Command(here, feed_forward=push)).feed_forward
        assert sent is not None
        np.testing.assert_array_equal(sent.wrench, push.wrench)
        ways_m, speeds_m_s = [], []
        for _ in range(40):
            wait(robot, 0.02)
            ways_m.append(away_m(robot, here))
            speeds_m_s.append(speed_m_s(robot))
        up = geometry.rotate(here[3:], [0, 0, -1.0])
        moved_m = robot.state().tcp_pose[:3] - here[:3]
        assert moved_m @ up > 0.9 * np.linalg.norm(moved_m)
        assert 0.03 < max(ways_m) < FENCE_M + 0.003
        assert max(speeds_m_s) < 1.2 * push.fence.speed_m_s

    def test_a_wrench_ends_by_itself(self, robot: Robot) -> None:
        if not robot.takes_wrench:
            return
        here = robot.state().tcp_pose
        robot.servo(Command(here, feed_forward=pushed(robot, [15.0, 0, 0, 0, 0, 0], lasts_s=0.1)))
        assert eventually(robot, lambda: away_m(robot, here) > 0.002, SOON_S)
        assert eventually(robot, lambda: away_m(robot, here) < 0.005, SOON_S)
        wait(robot, 0.5)
        assert away_m(robot, here) < 0.01

    def test_a_tool_that_swings_stands_still_soon_after_a_stop(self, robot: Robot) -> None:
        if not robot.takes_wrench:
            return
        here = robot.state().tcp_pose
        robot.servo(Command(here, feed_forward=pushed(robot, [0, 0, -40.0, 0, 0, 0], lasts_s=2.0)))
        assert eventually(robot, lambda: speed_m_s(robot) > 0.2, SOON_S)
        robot.stop()
        wait(robot, robot.limits.brakes_s)
        assert speed_m_s(robot) < 0.02
        here = robot.state().tcp_pose
        wait(robot, 0.5)
        assert away_m(robot, here) < 0.003

    def test_an_arm_that_can_be_led_is_led_until_it_is_stopped(self, robot: Robot) -> None:
        start = robot.state().tcp_pose
        if not robot.lead_by_hand():
            wait(robot, 0.5)
            assert away_m(robot, start) < 0.001
            return
        assert eventually(robot, lambda: away_m(robot, start) > 0.01, SOON_S)
        robot.stop()
        wait(robot, 0.5)
        here = robot.state().tcp_pose
        wait(robot, 2.0)
        assert away_m(robot, here) < 0.001

    def test_a_gripper_goes_where_it_is_told_and_stays_there(self, robot: Robot) -> None:
        if not robot.has_gripper:
            return
        here = robot.state().tcp_pose
        for opening in (0.0, 1.0):
            assert robot.servo(Command(here, opening)).gripper == pytest.approx(opening, abs=0.05)
            assert eventually(robot, partial(is_open, robot, opening), SOON_S)
            robot.servo(Command(here))
            wait(robot, 0.3)
            assert robot.state().gripper == pytest.approx(opening, abs=0.1)

    def test_stop_may_come_from_any_thread_and_after_closing(self, robot: Robot) -> None:
        failures: list[BaseException] = []

        def stop() -> None:
            try:
                robot.stop()
            except BaseException as error:
                failures.append(error)

        for _ in range(2):
            thread = threading.Thread(target=stop)
            thread.start()
            thread.join()
            robot.close()
        assert failures == []

    def test_a_simulated_scene_that_was_put_back_is_not_solved(self, robot: Robot) -> None:
        if isinstance(robot, SimulatedScene):
            robot.reset_scene()
            assert robot.true_success() is False
