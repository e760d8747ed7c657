"""The client of SERL's robot servers: what it tells an arm, and what it does with bad ones."""

from __future__ import annotations

import itertools
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import fake_robot_server
import numpy as np
import pytest
from fake_robot_server import FakeArm, Misbehave, altered, raw, serving
from pydantic import ValidationError

from hilctl import geometry
from hilctl.devices import Rig
from hilctl.errors import DeviceError, SafetyStopError
from hilctl.robots import serl_session
from hilctl.robots.base import Command
from hilctl.robots.serl_http import SerlHttpRobot
from hilctl.robots.serl_options import SerlHttpOptions
from hilctl.robots.serl_session import MAX_AGE_NS, POST_NS

SOON_S = 20.0


@contextmanager
def opened(url: str, **options: Any) -> Iterator[SerlHttpRobot]:
    with SerlHttpRobot(SerlHttpOptions(url=url, **options), Rig()) as robot:
        yield robot


@pytest.fixture(autouse=True)
def _patience(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a server more time where that is not the matter: a busy computer may need it."""
    if "fault" not in request.fixturenames:
        monkeypatch.setattr(serl_session, "CALL_S", 2.0)
        monkeypatch.setattr(serl_session, "AGAIN_S", 2.2)
        monkeypatch.setattr(serl_session, "MAX_AGE_NS", 2_000_000_000)


@pytest.fixture
def arm() -> Iterator[FakeArm]:
    with serving(FakeArm()) as arm:
        yield arm


@pytest.fixture
def robot(arm: FakeArm) -> Iterator[SerlHttpRobot]:
    with opened(arm.url) as robot:
        yield robot


def by(x: float = 0.0, y: float = 0.0, z: float = 0.0) -> np.ndarray:
    return np.array(fake_robot_server.HOME) + np.array([x, y, z, 0, 0, 0, 0])


def soon(true: Callable[[], bool]) -> bool:
    deadline_s = time.monotonic() + SOON_S
    while not (is_so := true()) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    return is_so


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


# ------------------------------------------------------------------------ what an arm is told


def test_opening_and_reading_an_arm_tells_it_nothing(arm: FakeArm) -> None:
    with opened(arm.url, gripper="franka", compliance={"translational_stiffness": 500}) as robot:
        state = robot.state()
        robot.stop()
    assert arm.calls == []
    np.testing.assert_array_equal(state.tcp_pose, fake_robot_server.HOME)
    assert state.gripper == arm.gripper


def test_a_wrench_is_what_the_world_does_to_the_tool(arm: FakeArm) -> None:
    # of libfranka, whose numbers those servers pass on: what the robot does to the world
    arm.misbehaves = altered(force=[1, -2, 3], torque=[0.1, 0.2, -0.3])
    with opened(arm.url) as robot:
        np.testing.assert_array_equal(robot.state().tcp_wrench, [-1, 2, -3, -0.1, -0.2, 0.3])


@pytest.mark.parametrize(
    "command",
    [
        Command(np.full(7, np.nan)),
        Command(np.array([np.inf, 0, 0.2, 1, 0, 0, 0])),
        Command(np.array([0.5, 0, 0.2, 0, 0, 0, 0])),
        Command(np.zeros(3)),
        Command(np.array(fake_robot_server.HOME), float("nan")),
        Command(np.array(fake_robot_server.HOME), float("inf")),
    ],
    ids=["nan", "infinite", "no-rotation", "short", "nan-opening", "infinite-opening"],
)
def test_what_is_no_command_is_refused_and_told_to_nobody(arm: FakeArm, command: Command) -> None:
    with opened(arm.url, gripper="franka") as robot:
        with pytest.raises(SafetyStopError) as caught:
            robot.servo(command)
        assert caught.value.hint
        if command.gripper is None:
            with pytest.raises(SafetyStopError):
                robot.move_to(command.tcp_pose, speed=0.1)
    assert arm.calls == []


@pytest.mark.parametrize("speed", [0.2, 1.0])
def test_an_arm_is_told_no_more_than_a_step_at_a_time(
    arm: FakeArm, robot: SerlHttpRobot, speed: float
) -> None:
    robot.move_to(by(x=0.06), speed=speed)
    told = [np.array(pose["arr"]) for pose in arm.told("pose")]
    steps_m = [np.linalg.norm(b[:3] - a[:3]) for a, b in itertools.pairwise([by(), *told])]
    assert max(steps_m) <= speed * robot.limits.speed_m_s * POST_NS * 1e-9 + 1e-9
    np.testing.assert_array_equal(told[-1], by(x=0.06))


def test_a_pause_in_what_comes_in_makes_no_jump(
    arm: FakeArm, robot: SerlHttpRobot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serl_session, "MAX_AGE_NS", 20 * MAX_AGE_NS)  # however long it becomes
    robot.servo(Command(by(x=0.3)))
    assert soon(lambda: len(arm.told("pose")) > 3)
    arm.misbehaves = fake_robot_server.hang_up
    time.sleep(0.15)
    arm.misbehaves = None
    assert soon(lambda: arm.told("pose")[-1]["arr"] == by(x=0.3).tolist())
    told = [np.array(pose["arr"]) for pose in arm.told("pose")]
    steps_m = [np.linalg.norm(b[:3] - a[:3]) for a, b in itertools.pairwise(told)]
    assert max(steps_m) <= robot.limits.speed_m_s * POST_NS * 1e-9 + 1e-9


def test_the_arm_is_held_where_it_is_and_only_once(arm: FakeArm, robot: SerlHttpRobot) -> None:
    robot.servo(Command(by(x=0.3)))
    assert soon(lambda: len(arm.told("pose")) > 3)
    arm.follows, arm.pose = False, by(x=0.02).tolist()  # it lags behind
    assert soon(lambda: robot.state().tcp_pose.tolist() == arm.pose)
    robot.stop()
    assert arm.told("pose")[-1]["arr"] == arm.pose
    told = len(arm.told("pose"))
    robot.stop()
    time.sleep(0.1)
    assert len(arm.told("pose")) == told


def test_a_motion_that_is_stopped_from_another_thread_ends(
    arm: FakeArm, robot: SerlHttpRobot
) -> None:
    def stop_in_motion() -> None:
        assert soon(lambda: len(arm.told("pose")) > 3)
        robot.stop()

    stopper = threading.Thread(target=stop_in_motion)
    stopper.start()
    with pytest.raises(DeviceError, match="stopped"):
        robot.move_to(by(x=0.2), speed=0.05)  # eight seconds' way
    stopper.join()
    told = arm.told("pose")[-1]["arr"]
    assert by()[0] < told[0] < by(x=0.19)[0]


def test_an_arm_that_does_not_follow_is_held_and_told(arm: FakeArm, robot: SerlHttpRobot) -> None:
    arm.follows = False
    with pytest.raises(DeviceError, match="does not follow") as caught:
        robot.move_to(by(x=0.2), speed=1.0)
    assert "clear-errors" in str(caught.value.hint)
    assert arm.told("pose")[-1]["arr"] == fake_robot_server.HOME


def test_errors_are_cleared_on_a_persons_word_alone(arm: FakeArm, robot: SerlHttpRobot) -> None:
    robot.servo(Command(by(x=0.01)))
    robot.move_to(by(), speed=1.0)
    robot.stop()
    assert set(arm.routes) == {"pose"}
    robot.maintain("clear-errors")
    assert arm.routes[-1] == "clearerr"


def test_a_way_to_a_start_has_a_compliance_of_its_own(arm: FakeArm) -> None:
    soft, stiff = {"translational_stiffness": 1000.0}, {"translational_stiffness": 3000.0}
    damped = {**soft, "translational_damping": 60.0}
    with opened(arm.url, compliance=damped, precision=stiff) as robot:
        robot.move_to(by(x=0.02), speed=1.0)
        robot.servo(Command(by(x=0.03)))
        assert soon(lambda: arm.told("pose")[-1]["arr"] == by(x=0.03).tolist())
    assert arm.routes == ["update_param", "pose", "update_param", "pose"]
    assert arm.told("update_param") == [{**damped, **stiff}, damped]


def test_work_begins_with_its_own_compliance(arm: FakeArm) -> None:
    with opened(arm.url, compliance={"rotational_stiffness": 100.0}) as robot:
        for step in range(3):
            robot.servo(Command(by(x=0.01 * step)))
            assert soon(lambda step=step: arm.pose == by(x=0.01 * step).tolist())
    assert arm.routes == ["update_param", "pose"]


def test_a_compliance_that_the_server_does_not_take_is_told(arm: FakeArm) -> None:
    arm.refuses = {"update_param"}
    with opened(arm.url, compliance={"rotational_stiffness": 100.0}) as robot:
        with pytest.raises(DeviceError, match="update_param with 500"):
            robot.move_to(by(x=0.02), speed=1.0)
        assert arm.told("pose") == []


def test_a_pose_that_the_server_does_not_take_is_told(arm: FakeArm, robot: SerlHttpRobot) -> None:
    arm.refuses = {"pose"}
    robot.servo(Command(by(x=0.02)))
    assert soon(lambda: arm.refused == ["pose"])
    looks = arm.looks
    assert soon(lambda: arm.looks > looks)  # it has been heard by then
    with pytest.raises(DeviceError, match="pose with 500"):
        robot.servo(Command(by(x=0.02)))
    with pytest.raises(DeviceError, match="pose with 500"):
        robot.move_to(by(x=0.02), speed=1.0)


GRIPPERS = {
    "robotiq": [
        [("move_gripper", {"gripper_pos": 255})],
        [("move_gripper", {"gripper_pos": 0})],
        [("move_gripper", {"gripper_pos": 128})],
        [("move_gripper", {"gripper_pos": 255})],
    ],
    "franka": [
        [("close_gripper", None)],
        [("open_gripper", None), ("move_gripper", {"gripper_pos": 204})],
        [("move_gripper", {"gripper_pos": 102})],
        [("move_gripper", {"gripper_pos": 0}), ("close_gripper", None)],
    ],
}


@pytest.mark.parametrize("gripper", GRIPPERS)
def test_each_gripper_is_told_in_its_own_numbers_and_once(arm: FakeArm, gripper: str) -> None:
    with opened(arm.url, gripper=gripper) as robot:
        for opening, words in zip((0.0, 1.0, 0.5, 0.0), GRIPPERS[gripper], strict=True):
            arm.calls.clear()
            for _ in range(3):
                robot.servo(Command(by(), opening))
                time.sleep(0.03)
            assert soon(lambda words=words: said(arm) == words)
    assert said(arm) == words


def said(arm: FakeArm) -> list[tuple[str, Any]]:
    """Return what an arm was told beside poses."""
    return [(route, content) for _, route, content in arm.calls if route != "pose"]


def test_half_open_can_be_what_open_means(arm: FakeArm) -> None:
    arm.gripper = 0.4
    with opened(arm.url, gripper="robotiq", open_share=0.4) as robot:
        assert robot.state().gripper == pytest.approx(1.0)
        robot.servo(Command(by(), 1.0))
        assert soon(lambda: arm.told("move_gripper") == [{"gripper_pos": 153}])


def test_a_gripper_that_does_not_take_its_word_is_told(arm: FakeArm) -> None:
    arm.refuses = {"close_gripper"}
    with opened(arm.url, gripper="franka") as robot:
        robot.servo(Command(by(), 0.0))
        assert soon(lambda: arm.refused == ["close_gripper"])
        looks = arm.looks
        assert soon(lambda: arm.looks > looks)  # it has been heard by then
        with pytest.raises(DeviceError, match="close_gripper with 500"):
            robot.servo(Command(by(), 0.0))


def test_a_server_without_a_gripper_is_asked_for_one_thing_at_a_time(arm: FakeArm) -> None:
    arm.refuses = {"getstate"}
    with opened(arm.url) as robot:
        np.testing.assert_array_equal(robot.state().tcp_pose, fake_robot_server.HOME)
    with pytest.raises(DeviceError, match="getstate with 500"), opened(arm.url, gripper="franka"):
        pass


def test_all_is_said_on_one_connection(arm: FakeArm, robot: SerlHttpRobot) -> None:
    robot.move_to(by(x=0.03), speed=1.0)
    robot.stop()
    assert arm.connections == 1


def test_a_server_that_closes_after_every_answer_does_as_well() -> None:
    with serving(FakeArm(), protocol="HTTP/1.0") as arm, opened(arm.url) as robot:
        robot.move_to(by(x=0.03), speed=1.0)
    assert arm.connections > 3


def test_chores_are_those_that_can_be_done(arm: FakeArm) -> None:
    load = {"mass_kg": 0.5, "centre_m": [0, 0, 0.05], "inertia_kg_m2": [0.001, 0, 0] * 3}
    with opened(arm.url) as robot:
        assert "set-load" not in robot.maintenance()
    with opened(arm.url, load=load) as robot:
        for chore in robot.maintenance():
            robot.maintain(chore)
    assert arm.routes == ["clearerr", "startimp", "jointreset", "set_load"]
    assert arm.told("set_load")[0]["mass"] == 0.5


# ------------------------------------------------------------------------ what goes wrong

NAN = float("nan")
FAULTS: dict[str, tuple[Misbehave, str]] = {
    "slow": (fake_robot_server.slow, "did not answer getstate within 0.5 s"),
    "drop by drop": (fake_robot_server.drop_by_drop, "did not answer getstate within 0.5 s"),
    "hangs up": (fake_robot_server.hang_up, "hung up during getstate"),
    "half a message": (fake_robot_server.half, "sent half of its answer"),
    "no HTTP": (fake_robot_server.other_protocol, "what is no HTTP"),
    "500": (raw(b"<h1>no</h1>", status=500), "answered getstate with 500"),
    "404": (raw(b"", status=404), "answered getstate with 404"),
    "no JSON": (raw(b"<html>"), "what is no JSON"),
    "no object": (raw(b"[1, 2]"), "tells no object"),
    "too much": (raw(b" " * (2 << 20)), "2097152 bytes"),
    "no number": (altered(vel=[NAN] * 6), "a vel that is not finite"),
    "infinite": (altered(force=[0, 1e999, 0]), "a force that is not finite"),
    "too short": (altered(q=[0.0] * 6), "a q of 6 numbers, not 7"),
    "nested": (altered(pose=[[0.0] * 7]), "no pose"),
    "words": (altered(pose=["0"] * 7), "no pose"),
    "huge": (altered(q=[10**400] * 7), "no q"),
    "nothing": (altered(torque=None), "no torque"),
    "no rotation": (altered(pose=[0.5, 0, 0.2, 0, 0, 0, 0]), "a quaternion of length 0"),
    "millimetres": (altered(pose=[500, 0, 200, 1, 0, 0, 0]), "a tool 500 m away"),
    "no gripper": (altered(gripper_pos=None), "a gripper at None"),
    "odd gripper": (altered(gripper_pos=NAN), "a gripper at nan"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_that_misbehaves_is_told_as_such(arm: FakeArm, fault: str) -> None:
    arm.misbehaves, told = FAULTS[fault]
    with pytest.raises(DeviceError) as caught, opened(arm.url, gripper="franka"):
        pass
    assert told in caught.value.message
    assert arm.url in caught.value.message
    assert caught.value.hint
    assert arm.calls == []


def test_a_server_that_is_not_there_is_told_as_such() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(DeviceError, match="cannot be reached: connection refused"), opened(url):
        pass
    (found,) = SerlHttpRobot.probe(SerlHttpOptions(url=url))
    assert found.ok is False
    assert "connection refused" in found.detail
    with (
        pytest.raises(DeviceError, match="cannot be reached"),
        opened("http://no.such.host.invalid"),
    ):
        pass


LASTING: dict[str, tuple[Misbehave | None, str]] = {
    "slow": (fake_robot_server.slow, "answer"),
    "half a message": FAULTS["half a message"],
    "500": FAULTS["500"],
    "no number": FAULTS["no number"],
    "too short": FAULTS["too short"],
    "frozen": (fake_robot_server.frozen(), "repeats one and the same state"),
    "gone": (None, "connection refused"),
}


@pytest.mark.parametrize("fault", LASTING)
def test_an_arm_that_is_lost_goes_on_only_when_it_is_told_to(fault: str) -> None:
    """Nothing is posted while it is lost, nor when it is found again."""
    arm, port = FakeArm(), free_port()
    with ExitStack() as server, ExitStack() as stack:
        server.enter_context(serving(arm, port))
        robot = stack.enter_context(opened(arm.url))
        robot.servo(Command(by(x=0.5)))
        assert soon(lambda: len(arm.told("pose")) > 3)
        arm.misbehaves, told = LASTING[fault]
        known = len(arm.told("pose"))
        if arm.misbehaves is None:
            server.close()
        assert_is_lost(robot, told)
        if fault != "frozen":  # which is noticed when it has lasted
            assert len(arm.told("pose")) <= known + 1
        known = len(arm.told("pose"))

        arm.misbehaves = None
        if fault == "gone":
            server.enter_context(serving(arm, port))
        assert soon(lambda: is_found(robot))
        time.sleep(0.1)
        assert len(arm.told("pose")) == known
        here = robot.state().tcp_pose
        robot.servo(Command(by(x=0.5)))
        assert soon(lambda: len(arm.told("pose")) > known)
        first = np.array(arm.told("pose")[known]["arr"])
        assert np.linalg.norm(first[:3] - here[:3]) < 0.011


def test_an_arm_that_was_said_to_be_lost_does_not_go_on_though_the_answer_comes_at_last(
    arm: FakeArm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serl_session, "CALL_S", 20.0)
    monkeypatch.setattr(serl_session, "AGAIN_S", 0.7)
    monkeypatch.setattr(serl_session, "MAX_AGE_NS", 500_000_000)
    over = threading.Event()

    def think(handler: fake_robot_server.Handler, state: dict[str, Any]) -> None:
        over.wait(20.0)
        handler.answer(json.dumps(state).encode())

    with opened(arm.url) as robot:
        robot.servo(Command(by(x=0.3)))
        assert soon(lambda: len(arm.told("pose")) > 3)
        arm.misbehaves = think
        assert_is_lost(robot, "does not answer any more")
        known = len(arm.told("pose"))
        arm.misbehaves = None
        over.set()
        assert soon(lambda: is_found(robot))
        time.sleep(0.1)
        assert len(arm.told("pose")) == known


def test_an_arm_that_is_lost_cannot_be_stopped_and_that_is_said(
    arm: FakeArm, robot: SerlHttpRobot
) -> None:
    robot.servo(Command(by(x=0.3)))
    assert soon(lambda: len(arm.told("pose")) > 3)
    arm.misbehaves = fake_robot_server.hang_up
    assert_is_lost(robot, "hung up")
    with pytest.raises(DeviceError, match="holds the last pose") as caught:
        robot.stop()
    assert "emergency stop" in str(caught.value.hint)
    arm.misbehaves = None
    assert soon(lambda: is_found(robot))
    robot.stop()
    assert arm.told("pose")[-1]["arr"] == arm.pose


def assert_is_lost(robot: SerlHttpRobot, told: str) -> None:
    with pytest.raises(DeviceError) as caught:
        read_for_a_while(robot)
    assert told in caught.value.message
    assert caught.value.hint


def read_for_a_while(robot: SerlHttpRobot) -> None:
    for _ in range(150):
        robot.state()
        time.sleep(0.02)


def is_found(robot: SerlHttpRobot) -> bool:
    with suppress(DeviceError):
        robot.state()
        return True
    return False


def test_the_end_of_a_server_ends_a_motion(arm: FakeArm) -> None:
    robot = SerlHttpRobot(SerlHttpOptions(url=arm.url), Rig())
    with robot:
        threading.Timer(0.3, lambda: setattr(arm, "misbehaves", fake_robot_server.hang_up)).start()
        with pytest.raises(DeviceError, match="hung up during getstate"):
            robot.move_to(by(x=0.5), speed=0.2)


# ------------------------------------------------------------------------ what a person writes


@pytest.mark.parametrize(
    "url", ["127.0.0.1:5000", "https://a", "http://", "http://a/b", "http://a:b", "http://a:99999"]
)
def test_what_is_no_address_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        SerlHttpOptions(url=url)


def test_an_address_may_end_with_a_slash() -> None:
    assert SerlHttpOptions(url="http://127.0.0.2:5000/").url == "http://127.0.0.2:5000"


@pytest.mark.parametrize(
    "compliance",
    [{"translational_stiffness": 6001}, {"translational_clip_x": 0.2}, {"stiffness": 1}],
)
def test_a_compliance_that_the_controller_does_not_know_is_refused(compliance: Any) -> None:
    with pytest.raises(ValidationError):
        SerlHttpOptions(url="http://a", compliance=compliance)


def test_a_clip_is_for_all_directions_that_are_not_named(arm: FakeArm) -> None:
    clips = {"translational_clip": 0.01, "translational_clip_neg_z": 0.002}
    with opened(arm.url, compliance=clips) as robot:
        robot.move_to(by(x=0.01), speed=1.0)
    (told,) = arm.told("update_param")
    assert told.pop("translational_clip_neg_z") == 0.002
    assert len(told) == 5
    assert set(told.values()) == {0.01}


def test_a_way_is_no_faster_than_the_springs_can_pull(arm: FakeArm) -> None:
    weak = {
        "translational_stiffness": 1000,
        "translational_damping": 100,
        "translational_clip": 0.002,
    }
    with opened(arm.url, compliance=weak) as robot:
        robot.move_to(by(x=0.005), speed=1.0)
    told = [np.array(pose["arr"]) for pose in arm.told("pose")]
    steps_m = [np.linalg.norm(b[:3] - a[:3]) for a, b in itertools.pairwise(told)]
    assert max(steps_m) < 1000 * 0.002 / 100 * POST_NS * 1e-9


def test_data_belong_together_whatever_the_way_to_a_start_is_like() -> None:
    soft, softer = ({"translational_stiffness": stiffness} for stiffness in (2000, 1000))
    at_work = SerlHttpOptions(url="http://a", compliance=soft)
    elsewhere = SerlHttpOptions(url="http://b", compliance=soft, precision=softer)
    assert at_work.identity() == elsewhere.identity()
    assert at_work.identity() != SerlHttpOptions(url="http://a", compliance=softer).identity()


def test_what_is_changed_on_the_way_has_to_be_known_at_work() -> None:
    with pytest.raises(ValidationError, match="say in compliance what it is at work"):
        SerlHttpOptions(url="http://a", precision={"translational_Ki": 10})


def test_half_a_turn_is_no_jump_either(arm: FakeArm, robot: SerlHttpRobot) -> None:
    turned = geometry.pose(by()[:3], geometry.quat_from_rotvec([0, np.pi / 2, 0]))
    robot.servo(Command(turned))
    assert soon(lambda: len(arm.told("pose")) > 5)
    told = [np.array(pose["arr"]) for pose in arm.told("pose")]
    turns = [np.linalg.norm(geometry.rotation_between(a, b)) for a, b in itertools.pairwise(told)]
    assert max(turns) <= robot.limits.speed_rad_s * POST_NS * 1e-9 + 1e-9
