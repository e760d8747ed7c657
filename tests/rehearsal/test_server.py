"""`serve-sim` seen from outside: a robot server, cameras, and somebody in the room."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import pytest

from hilctl.calibration.boards import parse_board
from hilctl.errors import UsageError
from hilctl.rehearsal.room import BOARDS
from hilctl.rehearsal.server import Rehearsal, open_rehearsal

SIZE = (640, 480)  # a board that is carried far away is small
HOME = np.array([0.5, 0.0, 0.16, 1.0, 0.0, 0.0, 0.0])
PATIENCE_S = 30.0
TRIES = 5  # a busy computer may be late once and again, but not each time
STATE = {"pose": 7, "vel": 6, "force": 3, "torque": 3, "q": 7, "dq": 7, "jacobian": 6}


class Asked:
    """What a server answers, in plain HTTP."""

    def __init__(self, url: str) -> None:
        self.address = url.removeprefix("http://")

    def __call__(self, method: str, path: str, content: Any = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE_S)
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        connection.request(method, path, body if content is not None else None)
        answer = connection.getresponse()
        found = answer.status, answer.read()
        connection.close()
        return found

    def post(self, route: str, content: Any = None) -> Any:
        """Return what a route answers with, words or JSON."""
        status, body = self("POST", f"/{route}", content)
        assert status == 200, body
        try:
            return json.loads(body)
        except ValueError:
            return body.decode()

    def picture(self, view: str) -> np.ndarray:
        """Return the (H, W, 3) RGB picture of a camera."""
        status, body = self("GET", f"/camera/{view}.jpg")
        assert status == 200
        return cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR_RGB)

    def pose(self) -> np.ndarray:
        return np.array(self.post("getpos")["pose"])

    def pull(self, *metres: float) -> np.ndarray:
        """Move the equilibrium from where the tool is; return where to."""
        target = self.pose()
        target[:3] += metres
        self.post("pose", {"arr": target.tolist()})
        return target


@pytest.fixture(scope="module")
def insert() -> Iterator[Rehearsal]:
    with open_rehearsal("insert", port=0, size=SIZE) as rehearsal:
        yield rehearsal


@pytest.fixture
def arm(insert: Rehearsal) -> Asked:
    """The arm of the scene, at home."""
    asked = Asked(insert.arms[""])
    asked.post("clearerr")
    asked.post("pose", {"arr": HOME.tolist()})
    assert eventually(lambda: rests_at(asked, HOME, 0.002))
    return asked


def eventually(true: Callable[[], bool]) -> bool:
    deadline_s = time.monotonic() + PATIENCE_S
    while not (is_so := true()) and time.monotonic() < deadline_s:
        time.sleep(0.02)
    return is_so


def is_at(arm: Asked, target: np.ndarray, metres: float = 0.003) -> bool:
    return bool(np.linalg.norm(arm.pose()[:3] - target[:3]) < metres)


def rests_at(arm: Asked, target: np.ndarray, metres: float = 0.003) -> bool:
    return is_at(arm, target, metres) and bool(np.abs(arm.post("getvel")["vel"]).max() < 0.02)


def test_a_state_has_what_those_servers_tell(arm: Asked) -> None:
    state = arm.post("getstate")
    assert {key: len(state[key]) for key in STATE} == STATE
    assert np.shape(state["jacobian"]) == (6, 7)
    np.testing.assert_allclose(state["vel"], np.array(state["jacobian"]) @ state["dq"], atol=1e-9)
    for route, key in (("getpos", "pose"), ("getvel", "vel"), ("getq", "q"), ("getdq", "dq")):
        assert list(arm.post(route)) == [key]
    assert arm.post("get_gripper") == {"gripper": state["gripper_pos"]}
    np.testing.assert_allclose(np.abs(arm.post("getpos_euler")["pose"][3]), np.pi, atol=0.05)
    assert arm.post("getstate") != state


def test_the_arm_goes_where_it_is_pulled_in_real_time(arm: Asked) -> None:
    at_once = []
    while all(at_once) and len(at_once) < TRIES:
        target = arm.pull(*np.array([0.02, 0.01, 0.01]) * (-1) ** len(at_once))
        at_once.append(is_at(arm, target))
        assert eventually(lambda target=target: rests_at(arm, target))
    assert not all(at_once)


def test_a_force_is_what_the_arm_does_to_the_world_as_libfranka_counts(arm: Asked) -> None:
    beside_the_hole = arm.pull(0.03, 0, 0)
    assert eventually(lambda: rests_at(arm, beside_the_hole))
    arm.pull(0, 0, -0.15)
    assert eventually(lambda: arm.post("getforce")["force"][2] > 5)  # along the tool, downwards
    assert arm.post("getstate")["force"][2] > 5


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "/getstate", None, 405),
        ("POST", "/nothing", None, 404),
        ("GET", "/camera/none.jpg", None, 404),
        ("POST", "/pose", None, 500),
        ("POST", "/pose", {"arr": [0.5, 0, 0.2]}, 500),
        ("POST", "/pose", {"arr": [float("nan")] * 7}, 500),
        ("POST", "/pose", b"{", 500),
        ("POST", "/update_param", {"softness": 1}, 500),
        ("POST", "/move_gripper", {"gripper_pos": "wide"}, 500),
        ("POST", "/rehearsal/operator", {"call": "poll"}, 500),
        ("POST", "/rehearsal/board", {"pattern": "", "shape": [9, 9]}, 500),
    ],
)
def test_what_makes_no_sense_is_an_error_of_its_own_and_no_harm(
    arm: Asked, method: str, path: str, content: Any, status: int
) -> None:
    before = arm.pose()
    assert arm(method, path, content)[0] == status
    assert is_at(arm, before)


def test_an_arm_without_stiffness_follows_nothing(arm: Asked) -> None:
    arm.post("update_param", {"translational_stiffness": 0})
    target = arm.pull(0.02, 0, 0)
    time.sleep(0.5)
    assert not is_at(arm, target, 0.01)
    arm.post("update_param", {"translational_stiffness": 2000, "translational_clip_x": 1})
    assert eventually(lambda: rests_at(arm, target))


def test_an_arm_that_has_failed_follows_nothing_until_that_is_cleared(arm: Asked) -> None:
    arm.post("rehearsal/fail")
    target = arm.pull(0.02, 0, 0)
    time.sleep(0.3)
    assert not is_at(arm, target, 0.01)
    arm.post("clearerr")
    arm.post("pose", {"arr": target.tolist()})
    assert eventually(lambda: rests_at(arm, target))


def test_things_are_put_back_without_touching_the_arm(arm: Asked) -> None:
    target = arm.pull(0.01, 0, 0.01)
    assert eventually(lambda: rests_at(arm, target, 0.002))
    before = arm.pose()
    arm.post("rehearsal/put_back")
    assert is_at(arm, before, 0.002)
    assert arm.post("rehearsal/truth") == {"solved": False}


def test_a_person_leads_the_arm_until_it_is_told_where_to_go(arm: Asked) -> None:
    before = arm.pose()
    arm.post("rehearsal/lead")
    assert eventually(lambda: not is_at(arm, before, 0.01))
    target = arm.pull(0, 0, 0)
    assert eventually(lambda: rests_at(arm, target))
    time.sleep(1.0)
    assert is_at(arm, target)


def test_keys_of_a_person_show_boards_and_put_things_back(insert: Rehearsal, arm: Asked) -> None:
    keys, before = insert.room.keys(), arm.pose()
    for key, place, views in (("t", "table", ["wrist"]), ("h", "hand", ["side"])):
        keys[key][1]()
        board = parse_board(BOARDS[place])
        assert all(board.detect(arm.picture(view)) is not None for view in views)
        assert is_at(arm, before)
    board = parse_board(BOARDS["person"])
    for view in ("side", "wrist"):
        assert f"before camera {view}" in keys["c"][1]()
        assert eventually(lambda view=view: board.detect(arm.picture(view)) is not None)
    assert keys["r"][1]() == "things are back"
    assert eventually(lambda: board.detect(arm.picture("wrist")) is None)
    assert is_at(arm, before)


def test_a_stream_has_one_picture_after_the_other(insert: Rehearsal) -> None:
    connection = http.client.HTTPConnection(
        insert.arms[""].removeprefix("http://"), timeout=PATIENCE_S
    )
    connection.request("GET", "/camera/side.mjpg")
    answer = connection.getresponse()
    boundary = answer.headers["Content-Type"].partition("boundary=")[2].encode()
    pictures = []
    while len(pictures) < 3:
        assert answer.readline().strip() == b"--" + boundary
        assert answer.readline().strip() == b"Content-Type: image/jpeg"
        length = int(answer.readline().partition(b":")[2])
        answer.readline()
        pictures.append(answer.read(length))
        answer.readline()
    connection.close()
    found = [cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_COLOR_RGB) for one in pictures]
    assert {one.shape for one in found} == {(SIZE[1], SIZE[0], 3)}
    assert (found[0] != found[1]).any()  # a sensor has noise


@pytest.mark.parametrize(("kind", "opened", "half"), [("robotiq", 0.31, 128), ("franka", 1.0, 102)])
def test_grippers_count_in_their_own_sense_and_leave_repeated_words_out(
    kind: str, opened: float, half: int
) -> None:
    with open_rehearsal("pick", port=0, gripper=kind) as rehearsal:
        arm = Asked(rehearsal.arms[""])

        def rests_at(opening: float) -> bool:
            return eventually(lambda: abs(arm.post("get_gripper")["gripper"] - opening) < 0.05)

        assert rests_at(1.0)
        arm.post("close_gripper")
        assert rests_at(0.0)
        arm.post("move_gripper", {"gripper_pos": half})
        assert rests_at(0.5)
        arm.post("close_gripper")  # once more: it is left out
        time.sleep(0.3)
        assert rests_at(0.5)
        arm.post("open_gripper")
        assert rests_at(opened)


def test_a_server_without_a_gripper_cannot_tell_of_one() -> None:
    with open_rehearsal("reach", port=0, gripper="none") as rehearsal:
        arm = Asked(rehearsal.arms[""])
        for route in ("getstate", "get_gripper", "open_gripper"):
            assert arm("POST", f"/{route}")[0] == 500
        assert len(arm.pose()) == 7


def test_two_arms_are_two_servers_in_one_room() -> None:
    with open_rehearsal("reach-both", port=0, size=SIZE) as rehearsal:
        assert [url.split(":")[1] for url in rehearsal.arms.values()] == [
            "//127.0.0.1",
            "//127.0.0.2",
        ]
        left, right = (Asked(url) for url in rehearsal.arms.values())
        still, target = right.pose(), left.pull(0.02, 0, 0)
        assert eventually(lambda: rests_at(left, target))
        assert is_at(right, still)
        assert set(rehearsal.cameras) == {"front", "left/wrist", "right/wrist"}
        assert all(len(left.picture(view)) for view in rehearsal.cameras)


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(UsageError, match=str(port)) as caught,
            open_rehearsal("reach", port=port),
        ):
            pass
    assert "--port" in str(caught.value.hint)
