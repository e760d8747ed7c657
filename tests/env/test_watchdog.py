"""What stops arms when their loop stalls or a person wants an end, and all of them at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from paper_robot import GuardedRobot, MarkingOptions, PaperRobot, paper_rig

from hilctl.clock import SteppedClock
from hilctl.env.guard import Guard
from hilctl.env.robot_env import RobotEnv
from hilctl.env.safety import reset_pose
from hilctl.env.watchdog import LOOK_S, Watchdog
from hilctl.errors import DeviceError, TravelStoppedError
from hilctl.task.sections import ArmSpec
from hilctl.task.spec import ArmsTaskSpec, TaskSpec

PERIOD_S = 0.1
SOON_S = 20.0
PLACE = (0.5, 0.0, 0.2, 1.0, 0.0, 0.0, 0.0)


class Desk:
    """Somebody who watches, and who may want an end."""

    def __init__(self) -> None:
        self.clock = SteppedClock()
        self.holds, self.failures, self.wants_end = 0, 0, False
        self.dog = Watchdog(self.hold, PERIOD_S, self.clock, lambda: self.wants_end)

    def hold(self) -> None:
        """Hold, unless that is to fail a few times yet."""
        self.holds += 1
        if self.failures:
            self.failures -= 1
            raise DeviceError("it cannot be told", hint="none")

    def passes(self, periods: float) -> None:
        """Let time pass on the clock, and the dog look at it."""
        self.clock.sleep_until(self.clock.now_ns() + round(periods * PERIOD_S * 1e9))
        time.sleep(10 * LOOK_S)


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    with desk.dog:
        yield desk


def soon(true: Callable[[], Any]) -> bool:
    deadline_s = time.monotonic() + SOON_S
    while not (is_so := true()) and time.monotonic() < deadline_s:
        time.sleep(LOOK_S)
    return bool(is_so)


def test_a_loop_that_stalls_for_three_periods_is_stopped_once_and_told(desk: Desk) -> None:
    desk.dog.beat()
    desk.passes(2.9)
    assert desk.holds == 0
    desk.passes(0.2)
    assert soon(lambda: desk.holds)
    desk.passes(10)
    assert desk.holds == 1
    assert desk.dog.stalled_s() >= 0.3
    assert desk.dog.stalled_s() == 0
    desk.dog.beat()  # it goes on, and is watched again
    desk.passes(3.1)
    assert soon(lambda: desk.holds == 2)


def test_arms_at_rest_need_no_stop(desk: Desk) -> None:
    desk.wants_end = True
    desk.passes(100)
    desk.wants_end = False
    desk.dog.beat()
    desk.dog.rest()
    desk.passes(100)
    assert desk.holds == 0


def test_a_stop_that_fails_is_tried_again_until_it_does_not(desk: Desk) -> None:
    desk.failures = 3
    desk.dog.beat()
    desk.passes(3.1)
    assert soon(lambda: desk.holds == 4)
    desk.passes(10)
    assert desk.holds == 4


def test_who_wants_an_end_has_it_at_work_and_on_a_way(desk: Desk) -> None:
    desk.dog.beat()
    desk.wants_end = True
    assert soon(lambda: desk.holds == 1)
    desk.dog.rest()

    def travel(holds: int, *, fails: bool) -> None:
        with desk.dog.travelling():
            assert soon(lambda: desk.holds == holds)
            if fails:
                raise DeviceError("the arm was stopped on its way", hint="none")

    with pytest.raises(TravelStoppedError):
        travel(2, fails=True)
    with pytest.raises(TravelStoppedError):
        travel(3, fails=False)  # the arm was there already


def test_an_arm_that_notices_a_stop_before_it_is_over_was_stopped(desk: Desk) -> None:
    begun, noticed = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        noticed.wait(SOON_S)

    desk.hold = slow  # type: ignore[method-assign]
    dog = Watchdog(lambda: desk.hold(), PERIOD_S, desk.clock, lambda: desk.wants_end)

    def travel() -> None:
        with dog.travelling():
            desk.wants_end = True
            assert begun.wait(SOON_S)
            threading.Timer(0.05, noticed.set).start()
            raise DeviceError("the arm was held on its way", hint="none")

    with dog, pytest.raises(TravelStoppedError):
        travel()


@pytest.mark.parametrize("last", ["beats, then nothing", "beats", "travels", "rests"])
def test_an_arm_that_was_not_stopped_from_here_is_held_by_its_guard(
    tmp_path: Path, last: str
) -> None:
    mark = tmp_path / "held"
    robot = GuardedRobot(np.array(PLACE), np.random.default_rng(0), rig=paper_rig())
    robot.options = MarkingOptions(mark=str(mark))
    hangs = last == "beats, then nothing"
    with Guard("robot", robot, 0.2 if hangs else 60.0) as guard:
        guard.beat()
        if hangs:
            assert soon(mark.exists)
            mark.unlink()
        elif last != "beats":
            getattr(guard, last.removesuffix("s"))()
        assert guard.is_alive
        assert not mark.exists()
    assert mark.exists() == (last != "rests")


class MeetingRobot(PaperRobot):
    """An arm whose stop is over only when that of the other one has begun."""

    meeting: threading.Barrier

    def stop(self) -> None:
        """Wait for the other one."""
        super().stop()
        self.meeting.wait(SOON_S)


def arms(spec: TaskSpec, kind: type[PaperRobot]) -> tuple[RobotEnv, list[Any]]:
    arm = ArmSpec(robot=spec.robot, teleop=spec.teleop, control=spec.control, reset=spec.reset)
    data = dict(spec) | {"arms": {"left": arm, "right": arm}, "cameras": {}}
    task = ArmsTaskSpec.model_construct(**data | {"robot": None, "teleop": None, "reset": None})
    rng, rig = np.random.default_rng(0), paper_rig()
    robots = {name: kind(reset_pose(spec.reset), rng, rig=rig) for name in task.each_arm}
    return RobotEnv(task, robots, {}, rng), list(robots.values())


def test_no_arm_waits_for_the_stop_of_another(spec: TaskSpec) -> None:
    MeetingRobot.meeting = threading.Barrier(2)
    env, robots = arms(spec, MeetingRobot)
    env.stop()
    assert [robot.stops for robot in robots] == [1, 1]


class DeadRobot(PaperRobot):
    """An arm that cannot be stopped any more."""

    def stop(self) -> None:
        """Fail."""
        super().stop()
        raise DeviceError("its controller is gone", hint="press the emergency stop")


def test_an_arm_that_cannot_be_stopped_is_told_and_the_others_stop(spec: TaskSpec) -> None:
    env, robots = arms(spec, DeadRobot)
    with pytest.raises(DeviceError, match="is gone"):
        env.stop()
    assert [robot.stops for robot in robots] == [1, 1]
