"""Names of hosts: waited for only so long by whoever reaches over the network, and asked once."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pytest
from fake_robot_server import FakeArm, serving

from hilctl import host_names
from hilctl.cameras.stream import StreamSource
from hilctl.devices import Rig
from hilctl.errors import DeviceError
from hilctl.robots.franky import FrankyRobot
from hilctl.robots.franky_options import FrankyOptions
from hilctl.robots.robotiq import Robotiq
from hilctl.robots.serl_client import SerlClient
from hilctl.robots.serl_http import SerlHttpRobot
from hilctl.robots.serl_options import SerlHttpOptions
from hilctl.robots.ur_controller import ask_dashboard
from hilctl.robots.ur_rtde import UrRtdeOptions, UrRtdeRobot

NAME = "arm.rig"
SOON_S = 20.0  # a system's own look-up of a name takes 30 where nobody answers


class NameServer:
    """Answers what is asked for one name, when it may.

    Attributes:
        address: what it answers; "" = there is no such name.
        asked: how often.
    """

    def __init__(self) -> None:
        self.address = "127.0.0.1"
        self.asked = 0
        self.speaks = threading.Event()
        self._really = socket.getaddrinfo

    def __call__(self, host: Any, *arguments: Any, **options: Any) -> Any:
        if host != NAME:
            return self._really(host, *arguments, **options)
        self.asked += 1
        self.speaks.wait(60.0)
        if not self.address:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return self._really(self.address, *arguments, **options)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    server = NameServer()
    monkeypatch.setattr(socket, "getaddrinfo", server)
    monkeypatch.setattr(host_names, "_LOOK_UPS", {})
    yield server
    server.speaks.set()


@pytest.fixture
def silent(server: NameServer, monkeypatch: pytest.MonkeyPatch) -> NameServer:
    monkeypatch.setattr(host_names, "LOOK_UP_S", 0.2)
    return server


REACH: dict[str, tuple[str, Callable[[], object]]] = {
    "serl_http": (
        "hilctl",
        lambda: SerlHttpRobot(SerlHttpOptions(url=f"http://{NAME}:5000"), Rig()).open(),
    ),
    "a question to a robot server": (
        "hilctl",
        lambda: SerlClient(f"http://{NAME}:5000").ask("getpos", limit_s=0.2),
    ),
    "ur_rtde": ("rtde_control", lambda: UrRtdeRobot(UrRtdeOptions(host=NAME), Rig()).open()),
    "a UR's dashboard": ("hilctl", lambda: ask_dashboard(NAME, "stop")),
    "robotiq": ("hilctl", lambda: Robotiq(NAME, (3, 228), 0.5, 0.5)),
    "franky": (
        "franky",
        lambda: FrankyRobot(FrankyOptions(host=NAME, realtime="ignore"), Rig()).open(),
    ),
    "a camera": ("av", lambda: StreamSource(f"http://user:secret@{NAME}:8080/video.mjpg")),
}


@pytest.mark.parametrize("who", REACH)
def test_a_look_up_that_nobody_answers_ends_in_words_soon(silent: NameServer, who: str) -> None:
    library, reach = REACH[who]
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    begun_s = time.monotonic()
    with pytest.raises(DeviceError, match=f"look-up of the name {NAME} has not been") as caught:
        reach()
    assert time.monotonic() - begun_s < SOON_S
    assert "task.yaml" in str(caught.value.hint)
    assert "secret" not in caught.value.message


def test_a_name_is_looked_up_once_whoever_connects_how_often(server: NameServer) -> None:
    server.speaks.set()
    with serving(FakeArm()) as arm:
        url = arm.url.replace("127.0.0.1", NAME)
        for _ in range(3):
            client = SerlClient(url)
            client.ask("getpos", limit_s=5.0)
            client.close()
        assert arm.connections == 3
    assert server.asked == 1


def test_an_answer_that_comes_late_is_there_for_whoever_asks_next(server: NameServer) -> None:
    for _ in range(3):
        with pytest.raises(DeviceError, match=r"within 0\.05 s"):
            host_names.address_of(NAME, 0.05)
    server.speaks.set()
    assert host_names.address_of(NAME, 5.0) == "127.0.0.1"
    assert server.asked == 1  # no heap of threads that all wait for the same


def test_a_name_that_is_not_known_is_said_and_asked_for_again(server: NameServer) -> None:
    server.speaks.set()
    server.address = ""
    with pytest.raises(DeviceError, match=f"the name {NAME} is not known: no such name"):
        host_names.address_of(NAME)
    server.address = "127.0.0.1"
    assert host_names.address_of(NAME) == "127.0.0.1"


def test_a_host_that_is_not_reached_may_have_another_number_by_now(server: NameServer) -> None:
    server.speaks.set()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        server.address = "127.0.0.2"
        with pytest.raises(OSError, match="refused"):
            host_names.connected(NAME, port, 5.0)
        server.address = "127.0.0.1"
        host_names.connected(NAME, port, 5.0).close()


@pytest.mark.parametrize("number", ["127.0.0.1", "::1"])
def test_a_number_is_nobodys_name(monkeypatch: pytest.MonkeyPatch, number: str) -> None:
    def ask(*_: Any, **__: Any) -> Any:
        raise AssertionError("it was looked up")

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    assert host_names.address_of(number) == number
