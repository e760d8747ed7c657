"""A UR through ur-rtde and RTDE, spoken by a controller of our own: contract, yielding, faults."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from fake_ur import HOME, NORMAL, RTDE, UrController
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from urgency import goes_first, may_go_first

from hilctl import geometry
from hilctl.devices import Rig
from hilctl.errors import DeviceError, SafetyStopError
from hilctl.robots import ur_rtde
from hilctl.robots.base import Command
from hilctl.robots.ur_process import MessageLine
from hilctl.robots.ur_rtde import UrRtdeOptions, UrRtdeRobot
from hilctl.robots.yielding import YieldingReference
from hilctl.testing import DriverChoice, RobotContract

if find_spec("rtde_control") is None:
    pytest.skip("ur-rtde is not installed", allow_module_level=True)

FAST = {"speed_m_s": 0.3, "speed_rad_s": 1.5}
SOON_S = 20.0
TRIES = 5  # a busy computer may be late once and again, but not each time


@pytest.fixture(scope="module")
def controller() -> Iterator[UrController]:
    process = UrController()
    yield process
    process.end()


@pytest.fixture(scope="module")
def standing(controller: UrController) -> Iterator[UrRtdeRobot]:
    """A robot that stays open from test to test, as opening one takes a process."""
    robot = UrRtdeRobot(UrRtdeOptions(host=controller.host, gripper="robotiq", **FAST), Rig())
    yield robot
    robot.close()


@pytest.fixture
def ur(
    request: pytest.FixtureRequest, controller: UrController, standing: UrRtdeRobot
) -> UrController:
    """The UR, as if it had just been switched on."""
    if "at_rest" not in request.fixturenames:
        standing.close()
    for name, value in {
        "silent": False,
        "safety": NORMAL,
        "mode": 7,
        "remote": True,
        "force_base": [0.0] * 6,
        "pose": HOME.tolist(),
        "gripper_active": True,
        "wrong": {},
        "gripper_says": None,
    }.items():
        controller.set(name, value)
    return controller


@contextmanager
def opened(ur: UrController, **options: Any) -> Iterator[UrRtdeRobot]:
    with UrRtdeRobot(UrRtdeOptions(host=ur.host, **{**FAST, **options}), Rig()) as robot:
        yield robot


@pytest.fixture
def at_rest(ur: UrController, standing: UrRtdeRobot) -> UrRtdeRobot:
    """The robot that stays open, whatever the last test has done to it."""

    def is_fit() -> bool:
        try:
            standing.servo(Command(standing.state().tcp_pose))
            standing.stop()
        except DeviceError:
            return False
        return True

    if not is_fit():
        standing.close()
        standing.open()
    ur.set("pose", HOME.tolist())

    def is_as_new() -> bool:
        try:
            state = standing.state()
        except DeviceError:  # a busy computer may not have heard of it for a while
            return False
        return np.allclose(state.tcp_pose, HOME, atol=1e-9) and not state.tcp_wrench.any()

    assert soon(is_as_new)
    return standing


@pytest.fixture
def robot(at_rest: UrRtdeRobot) -> UrRtdeRobot:
    return at_rest


def moved(robot: UrRtdeRobot, *metres: float) -> np.ndarray:
    return geometry.compose(robot.state().tcp_pose, geometry.pose(metres, [0, 0, 0, 1]))


def soon(true: Callable[[], bool]) -> bool:
    deadline_s = time.monotonic() + SOON_S
    while not (is_so := true()) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    return is_so


def fault_of(call: Callable[[], object], *, at_once: bool = True) -> DeviceError:
    """Return what a call raises; within a while, if it may take one."""
    deadline_s = time.monotonic() + (0.0 if at_once else SOON_S)
    while True:
        try:
            call()
        except DeviceError as fault:
            return fault
        assert time.monotonic() < deadline_s, "nothing was raised"
        time.sleep(0.02)


class TestUr(RobotContract):
    @pytest.fixture
    def driver(self, ur: UrController) -> DriverChoice:
        return DriverChoice("ur_rtde", {"host": ur.host, "gripper": "robotiq", **FAST})

    @pytest.fixture
    def device(self, at_rest: UrRtdeRobot) -> UrRtdeRobot:
        return at_rest


# ----- motion


def test_a_wrench_is_turned_into_the_tools_frame(ur: UrController, robot: UrRtdeRobot) -> None:
    ur.set("force_base", [1.0, 2.0, 3.0, 0.1, 0.2, 0.3])  # the tool looks down: x kept, y and z not
    assert soon(lambda: robot.state().tcp_wrench.any())
    np.testing.assert_allclose(robot.state().tcp_wrench, [1, -2, -3, 0.1, -0.2, -0.3], atol=1e-9)


def test_targets_are_run_to_in_the_time_between_them(ur: UrController, robot: UrRtdeRobot) -> None:
    start = robot.state().tcp_pose
    for number in range(1, 9):
        robot.servo(Command(start + number * np.array([0.004, 0, 0, 0, 0, 0, 0])))
        time.sleep(0.1)
    steps_m = np.linalg.norm(np.diff(ur.get("targets")[-90:], axis=0), axis=1)
    # 4 mm each 0.1 s, not at 0.3 m/s and a rest: 0.3 mm each 8 ms, not 2.4
    assert np.median(steps_m[steps_m > 1e-6]) < 0.001


def test_a_stop_ends_a_motion_within_a_period(ur: UrController, robot: UrRtdeRobot) -> None:
    late_s = []
    while min(late_s, default=1.0) > 0.1 and len(late_s) < TRIES:
        robot.servo(Command(moved(robot, 0.2, 0, 0)))
        assert soon(lambda: np.linalg.norm(robot.state().tcp_velocity[:3]) > 0.1)
        robot.stop()
        stopped_s = time.monotonic()
        assert soon(lambda: not ur.get("moves")[-1][1])
        moved_s = [now_s for now_s, speed in ur.get("moves") if speed]
        late_s.append(moved_s[-1] - stopped_s)
    assert min(late_s) <= 0.1
    time.sleep(0.1)
    assert not ur.get("moves")[-1][1]


def test_a_stop_from_another_thread_ends_a_way_and_says_so(
    ur: UrController, robot: UrRtdeRobot
) -> None:
    def stop_in_motion() -> None:
        assert soon(lambda: ur.get("moves")[-1][1] > 0.01)
        robot.stop()

    stopper = threading.Thread(target=stop_in_motion)
    stopper.start()
    fault = fault_of(lambda: robot.move_to(moved(robot, 0, 0, -0.2), speed=0.2))
    stopper.join()
    assert "was stopped on its way" in fault.message


def test_what_presses_on_the_tool_moves_it_away(ur: UrController, robot: UrRtdeRobot) -> None:
    below = robot.state().tcp_pose
    below[2] -= 0.1
    ur.set("force_base", [0.0, 0.0, 60.0, 0.0, 0.0, 0.0])
    assert soon(lambda: abs(robot.state().tcp_wrench[2]) > 50)
    robot.servo(Command(below))
    assert soon(lambda: robot.state().tcp_pose[2] > HOME[2] + 0.003)


def test_a_force_ends_a_way(ur: UrController, robot: UrRtdeRobot) -> None:
    ur.set("force_base", [0.0, 0.0, 28.0, 0.0, 0.0, 0.0])
    assert soon(lambda: robot.state().tcp_wrench.any())
    fault = fault_of(lambda: robot.move_to(moved(robot, 0, 0, 0.1), speed=0.3))
    assert "against 28 N" in fault.message


metres = st.floats(-0.3, 0.3)
vectors = st.tuples(metres, metres, metres).map(np.array)
forces = st.tuples(*[st.floats(-200, 200)] * 3).map(np.array)


@given(start=vectors, target=vectors, force=forces, pace_s=st.floats(0.02, 0.2))
def test_a_reference_keeps_its_speed_and_pushes_no_harder_than_it_may(
    start: np.ndarray, target: np.ndarray, force: np.ndarray, pace_s: float
) -> None:
    reference = YieldingReference(speed_m_s=0.1, speed_rad_s=0.5, force_n=30.0)
    here, there = (geometry.pose(place, [0, 0, 0, 1]) for place in (start, target))
    step = reference.next(here, there, force, pace_s, 0.008)[:3] - start
    assert np.linalg.norm(step) <= (0.1 + 0.05) * 0.008 + 1e-12
    strength = np.linalg.norm(force)
    if strength > 30.0:
        assert step @ force >= -1e-12  # nothing further into what presses
    if strength < 15.0:
        assert np.linalg.norm(step) <= 0.1 * 0.008 + 1e-12
        assert np.linalg.norm(np.cross(step, target - start)) < 1e-9  # straight there


def test_a_stiff_thing_is_pressed_with_the_force_that_is_allowed() -> None:
    reference = YieldingReference(speed_m_s=0.05, speed_rad_s=0.5, force_n=30.0)
    here, there = (geometry.pose([0, 0, z], [0, 0, 0, 1]) for z in (0.01, -0.05))
    forces_n = []
    for _ in range(600):  # a table at z = 0 of 20 N/mm
        force = np.array([0, 0, max(0.0, -here[2]) * 20_000.0])
        here = reference.next(here, there, force, 0.02, 0.008)
        forces_n.append(force[2])
    assert 20 < forces_n[-1] <= 31
    assert max(forces_n) < 45


# ----- gripper


def test_a_gripper_that_was_not_activated_waits_for_a_persons_word(ur: UrController) -> None:
    ur.set("gripper_active", False)
    with opened(ur, gripper="robotiq") as robot:
        fault = fault_of(lambda: robot.servo(Command(robot.state().tcp_pose, 1.0)))
        assert "not activated" in fault.message
        robot.maintain("activate-gripper")
        robot.servo(Command(robot.state().tcp_pose, 0.0))
        assert soon(lambda: robot.state().gripper < 0.05)


@pytest.mark.parametrize(
    ("answer", "words"),
    [("POS 999\n", "says 'POS 999'"), ("hello\n", "says 'hello'"), ("", "no answer in time")],
)
def test_a_gripper_that_says_nonsense_or_nothing_is_named(
    ur: UrController, answer: str, words: str
) -> None:
    with opened(ur, gripper="robotiq") as robot:
        ur.set("gripper_says", answer)
        assert words in fault_of(robot.state, at_once=False).message
        ur.set("gripper_says", None)
        assert soon(lambda: outcome(robot.state) == "")


# ----- bad commands and options


@pytest.mark.parametrize(
    "pose",
    [np.full(7, np.nan), np.array([0.4, 0, 0.3, 0, 0, 0, 0]), np.zeros(3)],
    ids=["nan", "no-rotation", "short"],
)
def test_what_is_no_pose_is_refused_and_moves_nothing(robot: UrRtdeRobot, pose: np.ndarray) -> None:
    before = robot.state().tcp_pose
    with pytest.raises(SafetyStopError):
        robot.servo(Command(pose))
    with pytest.raises(SafetyStopError):
        robot.move_to(pose, speed=0.1)
    with pytest.raises(SafetyStopError):
        robot.servo(Command(before, float("nan")))
    time.sleep(0.1)
    np.testing.assert_allclose(robot.state().tcp_pose, before)


def test_a_gripper_that_is_open_where_it_is_closed_is_refused() -> None:
    with pytest.raises(ValidationError, match="open and closed are the same"):
        UrRtdeOptions(host="x", gripper_span=(7, 7))


# ----- faults


def test_a_protective_stop_is_said_until_a_person_clears_it(
    ur: UrController, robot: UrRtdeRobot
) -> None:
    robot.servo(Command(moved(robot, 0.05, 0, 0)))
    ur.do("protect")

    # that its program has ended may be known a moment before the reason is
    def fault() -> DeviceError:
        return fault_of(lambda: robot.servo(Command(HOME)), at_once=False)

    assert soon(lambda: "protective stop" in fault().message)
    assert "clear-errors" in str(fault().hint)
    assert np.isfinite(robot.state().tcp_pose).all()
    place = robot.state().tcp_pose
    robot.maintain("clear-errors")
    time.sleep(0.3)
    np.testing.assert_allclose(robot.state().tcp_pose, place)  # it does not go on by itself
    robot.servo(Command(moved(robot, 0.01, 0, 0)))
    assert soon(lambda: np.linalg.norm(robot.state().tcp_pose[:3] - place[:3]) > 0.008)


def test_an_arm_that_was_stopped_before_can_be_opened_and_cleared(ur: UrController) -> None:
    ur.do("protect")
    with opened(ur) as robot:
        assert "protective stop" in fault_of(lambda: robot.servo(Command(HOME))).message
        robot.maintain("clear-errors")
        robot.servo(Command(HOME))


@pytest.mark.parametrize(("mode", "word"), [(5, "safeguard"), (7, "emergency stop"), (9, "fault")])
def test_other_stops_are_named(ur: UrController, robot: UrRtdeRobot, mode: int, word: str) -> None:
    ur.set("safety", mode)
    fault = fault_of(lambda: robot.servo(Command(HOME)), at_once=False)
    assert word in fault.message


def test_a_program_that_somebody_ended_is_said(ur: UrController, robot: UrRtdeRobot) -> None:
    ur.set("runtime", 1)
    fault = fault_of(lambda: robot.servo(Command(HOME)), at_once=False)
    assert "program has ended" in fault.message
    robot.maintain("clear-errors")
    robot.servo(Command(HOME))


def test_a_local_controller_is_told_from_a_remote_one(ur: UrController) -> None:
    ur.set("remote", False)
    robot = UrRtdeRobot(UrRtdeOptions(host=ur.host), Rig())
    fault = fault_of(robot.open)
    robot.close()
    assert "Remote Control" in str(fault.hint)


def test_a_stream_that_stops_is_a_dead_robot(ur: UrController, robot: UrRtdeRobot) -> None:
    target = moved(robot, 3.0, 0, 0)  # ten seconds' way
    robot.servo(Command(target))
    assert soon(lambda: robot.state().tcp_velocity.any())
    ur.set("silent", True)
    fault = fault_of(robot.state, at_once=False)
    assert "has said nothing for" in fault.message
    fault_of(lambda: robot.servo(Command(HOME)))
    ur.set("silent", False)
    assert soon(lambda: "silent" not in outcome(robot.state))
    assert soon(lambda: not robot.state().tcp_velocity.any())  # what it was sent till then is done
    place = robot.state().tcp_pose
    assert np.linalg.norm(place[:3] - target[:3]) > 0.1
    time.sleep(0.3)
    np.testing.assert_allclose(robot.state().tcp_pose, place, atol=1e-9)


def outcome(call: Callable[[], object]) -> str:
    try:
        call()
    except DeviceError:
        return "silent"
    return ""


@pytest.mark.parametrize("half", [True, False], ids=["half-a-message", "dropped"])
def test_a_connection_that_breaks_is_a_dead_robot_until_it_answers_again(
    ur: UrController, robot: UrRtdeRobot, half: bool
) -> None:
    if half:
        ur.set("garbage", "\x00\x40U\x01")
        time.sleep(0.05)
    ur.do("hang_up")
    fault_of(robot.state, at_once=False)
    assert soon(lambda: outcome(robot.state) == "")
    robot.servo(Command(moved(robot, 0.01, 0, 0)))


def test_an_answer_that_came_too_late_is_not_taken_for_the_next_one() -> None:
    line, other = map(MessageLine, socket.socketpair())

    def answer(message: dict[str, Any]) -> dict[str, Any]:
        time.sleep(message["after_s"])
        return {"to": message["name"]}

    server = threading.Thread(target=other.serve, args=(answer,))
    server.start()
    with pytest.raises(TimeoutError):
        line.ask({"name": "first", "after_s": 0.3}, 0.05)
    assert line.ask({"name": "second", "after_s": 0.0}, 5.0)["to"] == "second"
    line.close()
    server.join(5.0)
    other.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("actual_TCP_pose", [np.nan] * 6),
        ("actual_TCP_pose", [1e30, 0, 0, 0, 0, 0]),
        ("actual_TCP_speed", [np.inf] * 6),
        ("actual_TCP_force", [np.nan] * 6),
        ("actual_q", [-np.inf] * 6),
    ],
)
def test_numbers_that_cannot_be_are_refused(
    ur: UrController, robot: UrRtdeRobot, name: str, value: list[float]
) -> None:
    ur.set("wrong", {name: value})
    assert "numbers that cannot be" in fault_of(robot.state, at_once=False).message
    ur.set("wrong", {})
    assert soon(lambda: outcome(robot.state) == "")


def test_nobody_there_is_said_at_once() -> None:
    robot = UrRtdeRobot(UrRtdeOptions(host="127.31.0.1"), Rig())
    fault = fault_of(robot.open)
    assert "cannot be reached" in fault.message
    assert fault.where == "127.31.0.1:30004"
    robot.close()


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n"], ids=["mute", "other"])
def test_who_does_not_speak_rtde_is_given_up(answer: bytes) -> None:
    with socket.socket() as listener:
        listener.bind((f"127.32.{os.getpid() % 250}.1", RTDE))
        listener.listen()
        robot = UrRtdeRobot(UrRtdeOptions(host=listener.getsockname()[0]), Rig())

        def reply() -> None:
            caller, _ = listener.accept()
            with caller:
                caller.sendall(answer)
                caller.recv(100)

        answerer = threading.Thread(target=reply)
        if answer:
            answerer.start()
        fault = fault_of(robot.open)
        if answer:
            answerer.join(5.0)
        assert ("no UR" if answer else "no answer in time") in fault.message


def test_the_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ur_rtde, "find_spec", lambda name: None)
    fault = fault_of(UrRtdeRobot(UrRtdeOptions(host="127.0.0.1"), Rig()).open)
    assert fault.hint == 'pip install "hilctl[ur]"'


MOVES_ON = """
import sys
from hilctl.devices import Rig
from hilctl.robots.base import Command
from hilctl.robots.ur_rtde import UrRtdeOptions, UrRtdeRobot
robot = UrRtdeRobot(UrRtdeOptions(host=sys.argv[1], speed_m_s=0.2), Rig())
robot.open()
target = robot.state().tcp_pose
target[1] += 0.4
robot.servo(Command(target))
print("moving", flush=True)
sys.stdin.read()
"""


def test_a_killed_process_leaves_an_arm_that_rests(ur: UrController) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", MOVES_ON, ur.host],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert "moving" in process.stdout.readline()
        assert soon(lambda: ur.get("pose")[1] > HOME[1] + 0.01)
    finally:
        process.kill()
        process.communicate(timeout=5)
    assert soon(lambda: ur.get("runtime") == 1)  # its watchdog has ended the program
    assert soon(lambda: not ur.get("moves")[-1][1])
    assert ur.get("pose")[1] < HOME[1] + 0.3  # it was sent 0.4 m, two seconds' way


@pytest.mark.skipif(not may_go_first(), reason="it is not permitted here")
def test_what_streams_to_the_arm_goes_before_ordinary_programs(robot: UrRtdeRobot) -> None:
    threads = os.listdir(f"/proc/{robot.opened._process.pid}/task")
    assert sum(goes_first(int(thread)) for thread in threads) >= 3  # calls, stops and the stream
