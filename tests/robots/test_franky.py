"""A Franka through libfranka's own protocol, spoken by franky-sim: contract, motion, faults."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_franka import FakeFranka, Moment

from hilctl import geometry
from hilctl.clock import Clock, SystemClock
from hilctl.devices import Rig
from hilctl.errors import DeviceError, SafetyStopError
from hilctl.real_time import before_others
from hilctl.robots import franky_arm, franky_hand
from hilctl.robots.base import Command
from hilctl.robots.franky import FrankyOptions, FrankyRobot
from hilctl.robots.franky_arm import FrankyArm
from hilctl.testing import DriverChoice, RobotContract

if find_spec("franky") is None or find_spec("franky_sim") is None:
    pytest.skip("franky-control and franky-sim are for x86-64 Linux", allow_module_level=True)

HOME = np.array([0.5544, 0.0, 0.5214, 1.0, 0.0, 0.0, 0.0])
REFLEX, USER_STOPPED = 4, 5  # libfranka's modes
PERIOD_S = 0.1
PERIOD_NS, LATE_NS = 50_000_000, 15_000_000  # of a trajectory
TRIES = 5  # a busy computer may be late once and again, but not each time


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the control take its time: a busy computer simulates it slowly."""
    monkeypatch.setattr(franky_hand, "MOST_S", 60.0)
    monkeypatch.setattr(franky_arm, "CONNECT_S", 60.0)
    monkeypatch.setattr(franky_arm, "CLEARED_S", 10.0)
    # an arm whose motion has not ended by then is never hung up, and the control knows one caller
    monkeypatch.setattr(franky_arm, "HALT_S", 10.0)
    monkeypatch.setattr(franky_arm, "END_S", 60.0)


@pytest.fixture(scope="module")
def simulator() -> Iterator[FakeFranka]:
    franka = FakeFranka()
    yield franka
    franka.end()


@pytest.fixture
def franka(simulator: FakeFranka) -> FakeFranka:
    """The Franka, as if it had just been switched on."""
    for words in ("home", "wrench 0 0 0 0 0 0", "push 0 0 0", "mode", "friction 0.2", "slow 1"):
        simulator.tell(words)
    return simulator


def rig(clock: Clock) -> Rig:
    made = Rig()
    made.clock = clock
    return made


@contextmanager
def opened(franka: FakeFranka, clock: Clock | None = None, **options: Any) -> Iterator[FrankyRobot]:
    settings = FrankyOptions(host=franka.host, realtime="ignore", **options)
    with FrankyRobot(settings, rig(clock or franka.clock)) as robot:
        yield robot


@pytest.fixture
def robot(franka: FakeFranka) -> Iterator[FrankyRobot]:
    with opened(franka) as robot:
        yield robot


def moved(robot: FrankyRobot, *metres: float) -> np.ndarray:
    return geometry.compose(robot.state().tcp_pose, geometry.pose(metres, [0, 0, 0, 1]))


def wait(robot: FrankyRobot, seconds: float) -> None:
    clock = robot.rig.clock
    clock.sleep_until(clock.now_ns() + round(seconds * 1e9))


def soon(true: Callable[[], bool], limit_s: float = 30.0) -> bool:
    deadline_s = time.monotonic() + limit_s
    while not (is_so := true()) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    return is_so


def fault_of(call: Callable[[], object]) -> DeviceError:
    with pytest.raises(DeviceError) as caught:
        call()
    assert caught.value.hint
    return caught.value


class TestFranky(RobotContract):
    @pytest.fixture
    def driver(self, franka: FakeFranka) -> DriverChoice:
        return DriverChoice("franky", {"host": franka.host, "realtime": "ignore"})

    @pytest.fixture
    def rig(self, franka: FakeFranka) -> Rig:
        return rig(franka.clock)


# ----- motion


def followed(robot: FrankyRobot, way: np.ndarray) -> np.ndarray:
    """Send (n, 7) targets at 20 Hz from the first one on, and return where the tool was.

    A busy computer may be late, and the tool then takes a short cut: it is sent there again.
    """
    clock = robot.rig.clock
    for _ in range(TRIES):
        robot.move_to(way[0], speed=0.3)
        begun_ns, been, late_ns = clock.now_ns(), [], 0
        for number, target in enumerate(way):
            robot.servo(Command(target))
            late_ns = max(late_ns, clock.now_ns() - begun_ns - number * PERIOD_NS)
            clock.sleep_until(begun_ns + (number + 1) * PERIOD_NS)
            been.append(robot.state().tcp_pose)
        if late_ns < LATE_NS:
            return np.array(been)
    pytest.skip(f"this computer is too busy: {late_ns * 1e-6:.0f} ms late")


def test_a_trajectory_that_was_recorded_is_replayed_within_a_millimetre(
    franka: FakeFranka, robot: FrankyRobot
) -> None:
    franka.tell("slow", 2)
    turns = np.linspace(0, 2 * np.pi, 36)
    steps = np.stack([np.sin(turns), np.sin(2 * turns), np.cos(turns) - 1, turns * 0], axis=1)
    way = [
        geometry.compose(HOME, geometry.pose(0.025 * step[:3], geometry.quat_from_rotvec(tilt)))
        for step, tilt in zip(steps, 0.1 * steps[:, :3], strict=True)
    ]
    way += way[-1:] * 6  # until the tool is at its end, however late it was
    been = [followed(robot, np.array(way))]
    assert np.ptp(been[0][:, :3], axis=0).min() > 0.03  # it has gone somewhere
    apart_m = [np.inf]
    while min(apart_m) >= 0.001 and len(been) < TRIES:
        been.append(followed(robot, np.array(way)))
        apart_m += [beside_m(again, been[-1]) for again in been[:-1]]
    assert min(apart_m) < 0.001, apart_m


def beside_m(been: np.ndarray, way: np.ndarray) -> float:
    """Return how far one went beside a way at most; along it, a busy computer may be late."""
    apart_m = np.linalg.norm(been[:, None, :3] - between(way)[None, :, :3], axis=2)
    return float(apart_m.min(axis=1).max())


def between(poses: np.ndarray) -> np.ndarray:
    """Return a way with nine more positions between each two."""
    times = np.arange(len(poses))
    fine = np.linspace(0, len(poses) - 1, 10 * (len(poses) - 1) + 1)
    return np.stack([np.interp(fine, times, column) for column in poses[:, :3].T], axis=1)


def test_it_goes_no_faster_than_its_limits_however_far_the_target(robot: FrankyRobot) -> None:
    robot.servo(Command(moved(robot, -0.2, 0.2, 0.2)))
    speeds = []
    for _ in range(20):
        wait(robot, 0.03)
        speeds.append(np.linalg.norm(robot.state().tcp_velocity.reshape(2, 3), axis=1))
    linear, angular = np.max(speeds, axis=0)
    assert 0.05 < linear < robot.limits.speed_m_s
    assert angular < robot.limits.speed_rad_s


def test_a_way_to_a_start_has_a_stiffness_of_its_own(
    franka: FakeFranka, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[float, float]] = []
    plainly = FrankyArm.stiffen

    def stiffen(arm: FrankyArm, *stiffness: float) -> None:
        told.append(stiffness)
        plainly(arm, *stiffness)

    monkeypatch.setattr(FrankyArm, "stiffen", stiffen)
    stiff = {"translational_n_m": 2500.0, "rotational_nm_rad": 200.0}
    with opened(franka, reset_stiffness=stiff) as robot:
        robot.move_to(moved(robot, 0.01, 0, 0), speed=0.5)
    assert told == [(2500.0, 200.0), (2000.0, 150.0)]


def test_friction_that_nobody_compensates_costs_little_at_the_end_of_a_way(
    franka: FakeFranka, robot: FrankyRobot
) -> None:
    franka.tell("friction", 1.0)
    target = moved(robot, 0.04, 0.02, 0.03)
    robot.move_to(target, speed=0.3)
    assert np.linalg.norm(robot.state().tcp_pose[:3] - target[:3]) < 0.003


def last_move_ns(history: list[Moment]) -> int:
    return max(one.now_ns for one in history if one.mode == "move")


def test_a_stop_in_motion_is_over_within_20_ms_of_the_robots_own_time(
    franka: FakeFranka, robot: FrankyRobot
) -> None:
    robot.servo(Command(moved(robot, 0.1, 0.1, 0)))
    wait(robot, 0.5)
    asked_ns = franka.now_ns()
    robot.stop()
    wait(robot, 0.2)
    history = franka.history()
    told_ns = last_move_ns(history)
    assert told_ns - asked_ns < PERIOD_S * 1e9
    before = max(one.fastest for one in history if asked_ns - 5e6 < one.now_ns < asked_ns)
    assert before > 0.1  # rad/s; at that speed the hand goes 4 cm in what follows
    # not by speeds: a joint at rest trembles in the simulator
    there, *after = [np.array(one.hand) for one in history if one.now_ns > told_ns + 20_000_000]
    assert max(np.linalg.norm(hand - there) for hand in after) < 0.003


def test_a_stop_that_comes_with_the_first_motion_is_not_lost(
    franka: FakeFranka, robot: FrankyRobot
) -> None:
    for _ in range(3):
        robot.servo(Command(moved(robot, 0.05, 0, 0)))
        robot.stop()  # the library's own is lost where the motion has not begun yet
        wait(robot, 0.02)
        assert franka.history()[-1].mode == "idle"


def priorities() -> dict[int, int]:
    """Return the real-time priority of each thread of this process; 0 is an ordinary one."""
    threads = map(int, os.listdir("/proc/self/task"))
    return {thread: os.sched_getparam(thread).sched_priority for thread in threads}


def test_what_keeps_the_arm_going_waits_for_no_other_thread_of_here(robot: FrankyRobot) -> None:
    before = priorities()
    with before_others():
        ours = max(priorities().values())
        if ours == 0:
            pytest.skip("this person may not have threads run before others")
        robot.servo(Command(robot.state().tcp_pose))
        with before_others():
            (driving,) = (now for thread, now in priorities().items() if thread not in before)
            assert driving > ours


def test_a_stop_from_another_thread_ends_a_way_and_says_so(
    franka: FakeFranka, robot: FrankyRobot
) -> None:
    def stop_in_motion() -> None:
        assert soon(lambda: franka.history()[-1].fastest > 0.02)
        robot.stop()

    stopper = threading.Thread(target=stop_in_motion)
    stopper.start()
    fault = fault_of(lambda: robot.move_to(moved(robot, 0, 0, -0.2), speed=0.05))
    stopper.join()
    assert "was stopped on its way" in fault.message
    assert soon(lambda: franka.history()[-1].mode == "idle")


def test_a_wall_ends_a_way_softly(robot: FrankyRobot) -> None:
    behind = geometry.pose([0.55, -0.4, 0.52], HOME[3:])
    fault = fault_of(lambda: robot.move_to(behind, speed=0.9))
    assert "as something holds it" in fault.message
    wait(robot, 0.3)
    assert np.linalg.norm(robot.state().tcp_velocity[:3]) < 0.01


def test_a_force_ends_a_way(franka: FakeFranka, robot: FrankyRobot) -> None:
    franka.tell("wrench", 0, 0, -25, 0, 0, 0)
    fault = fault_of(lambda: robot.move_to(moved(robot, 0, 0, -0.1), speed=0.3))
    assert "against 25 N" in fault.message


def test_a_wrench_is_what_the_world_does_to_the_tool(
    franka: FakeFranka, robot: FrankyRobot
) -> None:
    franka.tell("wrench", 1, 2, 3, 0.1, 0.2, 0.3)  # libfranka: what the robot does to the world
    wait(robot, 0.05)
    expected = [-1, -2, -3, -0.1, -0.2, -0.3]
    np.testing.assert_allclose(robot.state().tcp_wrench, expected, atol=1e-4)


def test_numbers_that_cannot_be_are_refused(franka: FakeFranka, robot: FrankyRobot) -> None:
    franka.tell("wrench", "nan", 0, 0, 0, 0, 0)
    wait(robot, 0.05)
    assert "numbers that cannot be" in fault_of(robot.state).message
    franka.tell("wrench", 0, 0, 0, 0, 0, 0)
    assert soon(lambda: finds(robot))


def test_the_last_of_many_wishes_is_what_the_hand_does(robot: FrankyRobot) -> None:
    here = robot.state().tcp_pose
    for opening in (0.0, 0.7, 0.2, 1.0):
        robot.servo(Command(here, opening))
        wait(robot, 0.05)
    assert soon(lambda: robot.state().gripper > 0.95)


# ----- bad commands


@pytest.mark.parametrize(
    "pose",
    [
        np.full(7, np.nan),
        np.array([np.inf, 0, 0.5, 1, 0, 0, 0]),
        np.array([0.5, 0, 0.5, 0, 0, 0, 0]),
        np.array([0.5, 0, 0.5, 3, 0, 0, 0]),
        np.zeros(3),
    ],
    ids=["nan", "infinite", "no-rotation", "long-rotation", "short"],
)
def test_what_is_no_pose_is_refused_and_moves_nothing(
    franka: FakeFranka, robot: FrankyRobot, pose: np.ndarray
) -> None:
    for send in (lambda: robot.servo(Command(pose)), lambda: robot.move_to(pose, speed=0.1)):
        with pytest.raises(SafetyStopError) as caught:
            send()
        assert caught.value.hint
    with pytest.raises(SafetyStopError):
        robot.servo(Command(HOME, float("nan")))
    assert franka.history()[-1].mode == "idle"


# ----- faults


def test_an_arm_that_stops_itself_says_so_until_a_person_clears_that(
    franka: FakeFranka, robot: FrankyRobot
) -> None:
    here = robot.state().tcp_pose
    robot.servo(Command(here))
    wait(robot, 0.1)
    franka.tell("reflex")
    wait(robot, 0.2)
    first = fault_of(lambda: robot.servo(Command(here)))
    assert "has stopped itself" in first.message
    for _ in range(2):
        again = fault_of(lambda: robot.servo(Command(here)))
        assert "has stopped itself with an error" in again.message
        assert "clear-errors" in str(again.hint)
    assert np.isfinite(robot.state().tcp_pose).all()  # it can be read meanwhile
    assert "clear-errors" in robot.maintenance()
    robot.maintain("clear-errors")
    wait(robot, 0.1)
    robot.servo(Command(here))
    wait(robot, 0.1)
    assert franka.history()[-1].mode == "move"


def test_its_own_stop_button_is_named(franka: FakeFranka, robot: FrankyRobot) -> None:
    franka.tell("mode", USER_STOPPED)
    wait(robot, 0.05)
    fault = fault_of(lambda: robot.servo(Command(robot.state().tcp_pose)))
    assert "stopped by its button" in fault.message


def test_a_control_that_falls_silent_is_noticed_and_found_again(
    franka: FakeFranka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(franky_arm, "CONNECT_S", 0.5)
    with opened(franka, SystemClock()) as robot:
        robot.servo(Command(robot.state().tcp_pose))
        time.sleep(0.1)
        franka.freeze()
        try:
            fault = fault_of(lambda: [robot.state() for _ in iter(lambda: time.sleep(0.02), 0)])
            assert "has said nothing for 0." in fault.message
            assert "emergency stop" in str(fault.hint)
            fault_of(lambda: robot.servo(Command(HOME)))
            assert soon(lambda: "nothing" not in fault_of(robot.state).message)  # the library, too
        finally:
            franka.thaw()
        assert soon(lambda: finds(robot))  # a person only has to say that it may go on
        assert franka.history()[-1].mode == "idle"
        robot.servo(Command(robot.state().tcp_pose))


def finds(robot: FrankyRobot) -> bool:
    try:
        robot.state()
    except DeviceError:
        return False
    return True


def test_an_error_that_the_control_does_not_clear_in_time_is_given_up(
    franka: FakeFranka, robot: FrankyRobot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(franky_arm, "RECOVER_S", 0.3)
    franka.freeze()
    try:
        begun_s = time.monotonic()
        fault = fault_of(lambda: robot.maintain("clear-errors"))
        assert time.monotonic() - begun_s < 10.0
        assert "clearing errors the Franka failed: no answer within 0.3 s" in fault.message
    finally:
        franka.thaw()
    assert soon(lambda: finds(robot))


@pytest.mark.parametrize(
    ("answer", "limit_s", "words"),
    [
        (b"", 0.3, "no answer within 0.3 s"),
        (b"\0\0\0", 30.0, "got interrupted"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", 30.0, "Franka failed"),
    ],
    ids=["nothing", "half-a-message", "something-else"],
)
def test_a_control_that_takes_calls_and_answers_no_sense_is_given_up(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, limit_s: float, words: str
) -> None:
    monkeypatch.setattr(franky_arm, "CONNECT_S", limit_s)
    with socket.socket() as mute:
        for last in itertools.count(1):
            try:
                mute.bind((f"127.54.{os.getpid() % 250}.{last}", 1337))
                break
            except OSError:
                assert last < 200
        mute.listen()
        host = mute.getsockname()[0]

        def reply() -> None:
            caller, _ = mute.accept()
            with caller:
                caller.sendall(answer)

        answerer = threading.Thread(target=reply)
        if answer:
            answerer.start()
        robot = FrankyRobot(FrankyOptions(host=host, realtime="ignore"), Rig())
        fault = fault_of(robot.open)
        assert words in fault.message
        robot.close()
        if answer:
            answerer.join(5.0)


def test_a_kernel_that_is_not_real_time_is_named(franka: FakeFranka) -> None:
    if Path("/sys/kernel/realtime").exists():
        pytest.skip("this kernel is")
    settings = FrankyOptions(host=franka.host)
    assert [finding.subject for finding in FrankyRobot.probe(settings) if not finding.ok] == [
        "kernel"
    ]
    fault = fault_of(FrankyRobot(settings, Rig()).open)
    assert "not real-time" in fault.message


def test_the_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "franky", None)
    fault = fault_of(FrankyRobot(FrankyOptions(host="127.0.0.1"), Rig()).open)
    assert fault.hint == 'pip install "hilctl[franka]"'


MOVES_ON = """
import sys
from hilctl.devices import Rig
from hilctl.robots.base import Command
from hilctl.robots.franky import FrankyOptions, FrankyRobot
robot = FrankyRobot(FrankyOptions(host=sys.argv[1], realtime="ignore", gripper="none"), Rig())
robot.open()
target = robot.state().tcp_pose
target[:3] += [-0.2, 0.2, 0.1]
robot.servo(Command(target))
print("moving", flush=True)
sys.stdin.read()
"""


def test_a_killed_process_leaves_an_arm_that_holds(franka: FakeFranka) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", MOVES_ON, franka.host],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline().strip() == "moving"
        assert soon(lambda: franka.history()[-1].fastest > 0.1)
        killed_ns = franka.now_ns()
    finally:
        process.kill()
        process.communicate(timeout=5)
    franka.clock.sleep_until(killed_ns + 800_000_000)
    history = franka.history()
    told_ns = last_move_ns(history)
    assert told_ns - killed_ns < PERIOD_S * 1e9
    before, *after = [np.array(one.hand) for one in history if one.now_ns > told_ns + 200_000_000]
    assert max(np.linalg.norm(hand - before) for hand in after) < 0.001


def test_a_control_that_is_gone_is_noticed_and_not_waited_for_again(
    franka: FakeFranka,
) -> None:
    """The last test: the Franka is gone for good."""
    robot = FrankyRobot(FrankyOptions(host=franka.host, realtime="ignore"), Rig())
    robot.open()
    franka.end()
    fault_of(robot.state)
    begun_s = time.monotonic()
    for call in (robot.state, lambda: robot.servo(Command(HOME)), robot.state):
        fault_of(call)
    assert time.monotonic() - begun_s < 2.5  # libfranka waits for a second each time
    robot.close()
    fault = fault_of(robot.open)
    assert "refused" in fault.message
    assert "FCI" in str(fault.hint)
