"""Every registered driver with options to build it from; a new driver joins by listing its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from hands import gamepad, spacemouse, terminal
from sights import basler_options, network_camera, realsense_options, video_file

from hilctl.cameras import CAMERAS
from hilctl.cameras.base import Camera
from hilctl.devices import Rig
from hilctl.robots import ROBOTS
from hilctl.robots.base import Robot
from hilctl.teleop import TELEOPS
from hilctl.teleop.base import Teleop

gamepad()
# type name → variants of its options, each of which must work without hardware
OPTIONS: dict[str, dict[str, list[dict[str, Any]]]] = {
    "robot": {
        "sim": [{"scene": "reach"}, {"scene": "insert"}, {"scene": "pick"}],
        **{name: [] for name in ("rehearsed", "serl_http", "franky", "so101", "ur_rtde")},
    },
    "camera": {
        "sim": [{"view": "wrist", "width_px": 64, "height_px": 48}, {"view": "side"}],
        "opencv": [{"source": network_camera().url}, {"source": str(video_file())}],
        "realsense": realsense_options(),
        "basler": basler_options(),
    },
    "teleop": {
        **{name: [] for name in ("rehearsed", "so101_leader")},
        "scripted": [{}, {"skill": 0.3, "interventions": False}],
        "keyboard": [{"terminal": terminal()[1]}],
        "spacemouse": [{"path": str(spacemouse().path), "keys": False}, {"serial": "contract"}],
        "gamepad": [{"keys": False}],
    },
}

# those without options here need a server or a controller: where their contract is
ELSEWHERE = {
    ("robot", "rehearsed"): "e2e/test_served_contract.py::TestRehearsedRobot",
    ("robot", "serl_http"): "e2e/test_served_contract.py::TestSerlHttpRobot",
    ("robot", "franky"): "robots/test_franky.py::TestFranky",
    ("robot", "so101"): "robots/test_so101.py::TestSo101",
    ("robot", "ur_rtde"): "robots/test_ur_rtde.py::TestUr",
    ("teleop", "rehearsed"): "e2e/test_served_contract.py::TestServedOperator",
    ("teleop", "so101_leader"): "robots/test_so101_leader.py::TestLeader",
}
REGISTRIES = {"robot": ROBOTS, "camera": CAMERAS, "teleop": TELEOPS}
OWN = dict.fromkeys(("terminal", "path"), "own")  # what is made for a process of its own
ACTION_SCALE = np.repeat([0.01, 0.06], 3)


def variants(kind: str) -> list[tuple[str, dict[str, Any]]]:
    """Return (type name, options) of every driver of a kind."""
    return [(name, options) for name in REGISTRIES[kind].names() for options in OPTIONS[kind][name]]


def named(variant: tuple[str, dict[str, Any]]) -> str:
    """Return the same name in every process of a test run: a terminal's path is not."""
    name, options = variant
    words = (OWN.get(key, _short(value)) for key, value in options.items())
    return "-".join([name, *words])


def _short(value: object) -> str:
    """Return a value without what is made for a process of its own."""
    address, _, rest = str(value).partition("://")
    return address if rest else Path(str(value)).name


def build(kind: str, name: str, options: dict[str, Any], rig: Rig) -> Any:
    """Return an unopened device."""
    cls = REGISTRIES[kind].get(name)
    device = cls(cls.OptionsType(**options), rig)  # type: ignore[attr-defined]
    if kind == "teleop":
        device.action_scale = ACTION_SCALE
    return device


@contextmanager
def simulated_rig(seed: int = 0, scene: str = "reach") -> Iterator[tuple[Rig, Robot]]:
    """Open a simulated robot, for devices that need its world."""
    rig = Rig(seed)
    with build("robot", "sim", {"scene": scene}, rig) as robot:
        yield rig, robot


@contextmanager
def opened_camera(name: str, options: dict[str, Any]) -> Iterator[tuple[Camera, Robot]]:
    """Open a camera on a rig that has everything it may need."""
    with simulated_rig() as (rig, robot), build("camera", name, options, rig) as camera:
        yield camera, robot


@contextmanager
def opened_teleop(name: str, options: dict[str, Any]) -> Iterator[tuple[Teleop, Robot]]:
    """Open a teleop device on a rig that has everything it may need."""
    with simulated_rig() as (rig, robot), build("teleop", name, options, rig) as teleop:
        yield teleop, robot
