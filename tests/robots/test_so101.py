"""An SO-101 on a bus of our own: contract, kinematics, what is lost on the wire, torque."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_bus import SAG, FakeBus, described
from hypothesis import given
from hypothesis import strategies as st

from hilctl import geometry
from hilctl.devices import Rig
from hilctl.errors import DeviceError, SafetyStopError
from hilctl.robots import so101_arm
from hilctl.robots.base import Command, RobotState
from hilctl.robots.feetech_bus import FeetechBus
from hilctl.robots.kinematics import ArmKinematics
from hilctl.robots.so101 import So101Options, So101Robot
from hilctl.robots.so101_motors import JOINTS
from hilctl.testing import DriverChoice, RobotContract

if find_spec("mink") is None or find_spec("serial") is None:
    pytest.skip("mink or pyserial is not installed", allow_module_level=True)

MODEL = Path(__file__).with_name("five_joints.xml")
SERVOS = [1, 2, 3, 4, 5, 6]
SOON_S = 20.0


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take all servos for silent later: a busy computer may not hear any of them for a while."""
    monkeypatch.setattr(so101_arm, "STALE_S", 1.0)


@pytest.fixture
def bus() -> Iterator[FakeBus]:
    bus = FakeBus()
    yield bus
    bus.end()


@pytest.fixture
def options(bus: FakeBus, tmp_path: Path) -> dict[str, Any]:
    return described(bus, tmp_path)


@pytest.fixture
def robot(options: dict[str, Any]) -> Iterator[So101Robot]:
    with So101Robot(So101Options(**options), Rig()) as robot:
        yield robot


@contextmanager
def plain_bus(bus: FakeBus) -> Iterator[FeetechBus]:
    feetech = FeetechBus(bus.port)
    yield feetech
    feetech.close()


def moved(robot: So101Robot, *metres: float) -> np.ndarray:
    return geometry.compose(robot.state().tcp_pose, geometry.pose(metres, [0, 0, 0, 1]))


def away_m(robot: So101Robot, pose: np.ndarray) -> float:
    return float(np.linalg.norm(robot.state().tcp_pose[:3] - pose[:3]))


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


class TestSo101(RobotContract):
    @pytest.fixture
    def driver(self, options: dict[str, Any]) -> DriverChoice:
        return DriverChoice("so101", options)


# ----- kinematics


@pytest.fixture(scope="module")
def kinematics() -> ArmKinematics:
    return ArmKinematics(MODEL, JOINTS, "gripperframe")


@given(share=st.tuples(*[st.floats(-0.8, 0.8)] * 5), off=st.tuples(*[st.floats(-0.2, 0.2)] * 5))
def test_where_the_tool_is_brings_back_joints_that_bring_it_there(
    kinematics: ArmKinematics, share: tuple[float, ...], off: tuple[float, ...]
) -> None:
    low, high = kinematics.limits_rad
    q = np.array(share) * np.minimum(-low, high)
    pose = kinematics.tool_pose(q)
    found = kinematics.joints_for(pose, q + np.array(off), 60)
    assert (low <= found).all()
    assert (found <= high).all()
    assert np.linalg.norm(kinematics.tool_pose(found)[:3] - pose[:3]) < 1e-4


def test_the_tools_velocity_is_how_its_pose_changes(kinematics: ArmKinematics) -> None:
    q, dq = np.array([0.3, -0.5, 0.8, 0.4, 0.2]), np.array([0.5, -0.3, 0.2, 0.4, -0.6])
    before, after = (kinematics.tool_pose(q + sign * 1e-6 * dq) for sign in (-1, 1))
    linear = (after[:3] - before[:3]) / 2e-6
    turned = geometry.rotate(before[3:], geometry.rotation_between(before, after)) / 2e-6
    velocity = kinematics.tool_velocity(q, dq)
    np.testing.assert_allclose(velocity, [*linear, *turned], atol=1e-5)


@pytest.mark.parametrize(
    ("file", "joints", "tool", "words"),
    [
        ("five_joints.xml", JOINTS, "nothing", "no site or body 'nothing'"),
        ("five_joints.xml", ("nothing", *JOINTS[1:]), "gripperframe", "no hinge 'nothing'"),
        ("fake_bus.py", JOINTS, "gripperframe", "cannot be read"),
        ("absent.xml", JOINTS, "gripperframe", "cannot be read"),
    ],
)
def test_a_model_that_does_not_fit_is_named(
    file: str, joints: tuple[str, ...], tool: str, words: str
) -> None:
    fault = fault_of(lambda: ArmKinematics(MODEL.with_name(file), joints, tool))
    assert words in fault.message
    assert fault.hint


# ----- motion


def test_weight_on_the_joints_neither_lowers_the_arm_nor_makes_it_creep(robot: So101Robot) -> None:
    assert max(SAG.values()) > 0
    start = robot.state().tcp_pose
    robot.servo(Command(start))
    time.sleep(0.5)
    assert soon(lambda: away_m(robot, start) < 0.001)
    for _ in range(20):  # an action of zero is a target where the tool is
        robot.servo(Command(robot.state().tcp_pose))
        time.sleep(0.03)
    assert away_m(robot, start) < 0.003


def test_what_five_joints_cannot_do_is_not_said_to_be_sent(robot: So101Robot) -> None:
    here = robot.state().tcp_pose
    turned = geometry.compose(
        here, geometry.pose([0, 0, 0], geometry.quat_from_rotvec([0.4, 0, 0]))
    )
    sent = robot.servo(Command(turned)).tcp_pose
    assert np.linalg.norm(sent[:3] - here[:3]) < 0.003
    assert np.linalg.norm(geometry.rotation_between(sent, turned)) > 0.2
    robot.move_to(sent, speed=0.5)
    reached = robot.state().tcp_pose
    assert np.linalg.norm(geometry.rotation_between(sent, reached)) < 0.05


def test_torque_comes_with_the_first_motion_and_where_the_arm_is(
    bus: FakeBus, robot: So101Robot
) -> None:
    time.sleep(0.1)
    assert not bus.has_torque
    places = {number: servo.place for number, servo in bus.servos.items()}
    robot.servo(Command(robot.state().tcp_pose))
    assert soon(lambda: len(bus.torque_went_on_at) == 6)
    for number, place in places.items():  # not at the goal that somebody left in it
        assert bus.torque_went_on_at[number] == pytest.approx(place, abs=1)
    robot.close()
    assert not bus.has_torque


@pytest.mark.parametrize("pose", [np.full(7, np.nan), np.zeros(7), np.zeros(3)])
def test_what_is_no_pose_is_refused_and_moves_nothing(
    bus: FakeBus, robot: So101Robot, pose: np.ndarray
) -> None:
    with pytest.raises(SafetyStopError):
        robot.servo(Command(pose))
    with pytest.raises(SafetyStopError):
        robot.move_to(pose, speed=0.1)
    with pytest.raises(SafetyStopError):
        robot.servo(Command(robot.state().tcp_pose, float("nan")))
    time.sleep(0.1)
    assert not bus.has_torque


# ----- the wire


@pytest.mark.parametrize(
    "trouble", [{"lost": 0.2}, {"damaged": 0.2}, {"late": 0.02}, {"lost": 0.1, "damaged": 0.1}]
)
def test_packets_that_are_lost_broken_or_late_stop_nothing(
    bus: FakeBus, robot: So101Robot, trouble: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(so101_arm, "STALE_S", 2.0)  # what a busy computer adds is not its matter
    robot.servo(Command(robot.state().tcp_pose))
    time.sleep(0.3)
    for name, share in trouble.items():
        setattr(bus, name, share)
    target = robot.servo(Command(moved(robot, 0.02, 0, -0.01))).tcp_pose
    states = []
    for _ in range(50):
        states.append(robot.state())
        time.sleep(0.02)
    steps_m = np.linalg.norm(np.diff([state.tcp_pose[:3] for state in states], axis=0), axis=1)
    apart_s = np.diff([state.stamp_ns for state in states]) * 1e-9
    # no number of another register, none of noise
    assert (steps_m < 0.01 + robot.limits.speed_m_s * apart_s).all()
    assert soon(lambda: away_m(robot, target) < 0.003)


@given(noise=st.binary(max_size=60))
def test_noise_on_the_wire_is_nobodys_answer(noise: bytes) -> None:
    answers: dict[int, bytes] = {}
    bus = FeetechBus.__new__(FeetechBus)
    bus._port = "here"
    good = bytes([3, 4, 0, 0x12, 0x34])
    packet = b"\xff\xff" + good + bytes([~sum(good) & 0xFF])
    left = bus._take(noise + packet, [3], 2, answers)
    assert len(left) < 8 + len(noise)
    if 3 in answers and noise.find(b"\xff\xff") < 0 and not noise.endswith(b"\xff"):
        assert answers[3] == b"\x12\x34"


def test_a_servo_that_falls_silent_is_named(bus: FakeBus, robot: So101Robot) -> None:
    robot.servo(Command(robot.state().tcp_pose))
    bus.silent.add(4)
    # on a busy computer the others are late at times
    assert soon(lambda: "from servo 4" in fault_of(robot.state, at_once=False).message)
    fault = fault_of(robot.state, at_once=False)
    assert fault.where == bus.port
    assert "power supply" in str(fault.hint)
    with pytest.raises(DeviceError):
        robot.servo(Command(np.array([0.2, 0, 0.1, 0, 1, 0, 0])))


def test_a_bus_that_comes_back_is_read_again_and_the_arm_still_holds(
    bus: FakeBus, robot: So101Robot
) -> None:
    robot.servo(Command(robot.state().tcp_pose))
    time.sleep(0.2)
    bus.silent.update(SERVOS)
    fault_of(robot.state, at_once=False)
    bus.silent.clear()
    assert soon(lambda: np.isfinite(outcome(robot.state)).all())
    assert bus.has_torque
    robot.servo(Command(moved(robot, 0.01, 0, 0)))


def outcome(state: Callable[[], RobotState]) -> np.ndarray:
    try:
        return state().q
    except DeviceError:
        return np.array([np.nan])


def test_a_port_that_is_unplugged_is_named(bus: FakeBus, robot: So101Robot) -> None:
    bus.end()
    assert fault_of(robot.state, at_once=False).where == bus.port


def test_a_place_that_cannot_be_is_no_answer(bus: FakeBus, robot: So101Robot) -> None:
    q = robot.state().q
    bus.servos[3].lies = 40_000
    fault = fault_of(robot.state, at_once=False)
    assert "no answer of use from servo 3" in fault.message
    bus.servos[3].lies = None
    assert soon(lambda: np.allclose(outcome(robot.state), q))


def test_an_overloaded_servo_says_so(bus: FakeBus, robot: So101Robot) -> None:
    bus.status = 32
    assert "overloaded" in fault_of(robot.state, at_once=False).message


def test_who_calls_and_gets_no_answer_gives_up(bus: FakeBus) -> None:
    bus.silent.update(SERVOS)
    with plain_bus(bus) as feetech:
        assert not feetech.ping(1)
        assert feetech.read_all(SERVOS, 56, 6) == {}
        assert "servo 2" in fault_of(lambda: feetech.read(2, 3, 2)).message


# ----- what is opened


def test_a_port_has_one_user(bus: FakeBus, robot: So101Robot) -> None:
    fault = fault_of(lambda: FeetechBus(bus.port))
    assert "other program" in str(fault.hint)


def test_a_port_that_is_not_there_is_named(options: dict[str, Any]) -> None:
    settings = So101Options(**{**options, "port": "/dev/serial/by-id/none"})
    (found,) = So101Robot.probe(settings)
    assert not found.ok
    fault = fault_of(So101Robot(settings, Rig()).open)
    assert fault.where == "/dev/serial/by-id/none"
    assert "USB cable" in str(fault.hint)


def test_an_arm_that_was_calibrated_since_is_refused(bus: FakeBus, options: dict[str, Any]) -> None:
    bus.servos[2].put(31, 7)
    fault = fault_of(So101Robot(So101Options(**options), Rig()).open)
    assert "servo 2 (shoulder_lift) was calibrated at another time" in fault.message
    assert "lerobot-calibrate" in str(fault.hint)


def test_other_servos_are_refused(bus: FakeBus, options: dict[str, Any]) -> None:
    bus.servos[1].put(3, 1284)
    assert "not an STS3215" in fault_of(So101Robot(So101Options(**options), Rig()).open).message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "damaged"),
        ("{}", "it lacks elbow_flex"),
        ('{"gripper": {"id": "one"}}', "gripper.id"),
        ('{"gripper": {"id": 999, "homing_offset": 0, "range_min": 0, "range_max": 1}}', "252"),
        ("[1, 2]", "damaged"),
    ],
)
def test_a_calibration_that_cannot_be_is_named(
    options: dict[str, Any], tmp_path: Path, text: str, words: str
) -> None:
    (tmp_path / "arm.json").write_text(text)
    fault = fault_of(So101Robot(So101Options(**options), Rig()).open)
    assert words in fault.message
    assert fault.where == str(tmp_path / "arm.json")


@pytest.mark.parametrize(("library", "word"), [("serial", "pyserial"), ("mink", "mink")])
def test_the_missing_library_is_named_with_its_extra(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch, library: str, word: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    fault = fault_of(So101Robot(So101Options(**options), Rig()).open)
    assert word in fault.message
    assert fault.hint == 'pip install "hilctl[so101]"'


MOVES_ON = """
import json, sys
from hilctl import geometry
from hilctl.devices import Rig
from hilctl.robots.base import Command
from hilctl.robots.so101 import So101Options, So101Robot
robot = So101Robot(So101Options(**json.loads(sys.argv[1])), Rig())
robot.open()
step = geometry.pose([0.1, 0.0, -0.05], [0, 0, 0, 1])
robot.servo(Command(geometry.compose(robot.state().tcp_pose, step)))
print("moving", flush=True)
sys.stdin.read()
"""


def test_a_killed_process_leaves_an_arm_that_holds(bus: FakeBus, options: dict[str, Any]) -> None:
    def places() -> np.ndarray:
        return np.array([servo.place for servo in bus.servos.values()])

    def fastest() -> float:
        return max(abs(servo.speed) for servo in bus.servos.values())

    process = subprocess.Popen(
        [sys.executable, "-c", MOVES_ON, json.dumps(options)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        begun = places()
        assert soon(
            lambda: np.abs(places() - begun).max() > 60 and fastest() > 10
        )  # ticks a second
    finally:
        process.kill()
        process.communicate(timeout=5)
    killed = places()
    time.sleep(0.5)
    rests = places()
    assert np.abs(rests - killed).max() < 100  # of 4096 a turn: 9 degrees, backlash and sag in them
    time.sleep(0.2)
    np.testing.assert_allclose(places(), rests, atol=1)
    assert bus.has_torque
