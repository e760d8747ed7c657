"""An arm in motion stops, by its own clock: when told to, when its loop stalls, when it dies."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_robot_server import PulledArm, serving
from processes import Running, Start, install, make_task
from video_server import write_film

from hilctl.env.safety import reset_pose
from hilctl.task.sections import ResetSpec
from hilctl.task.workspace import Workspace

HERE = Path(__file__).parent
ENTRY_POINTS = """[hilctl.robots]
wire = wire_driver:WireRobot
[hilctl.teleops]
wire = wire_driver:WireHand
"""
RATE_HZ = 10.0
PERIOD_NS = round(1e9 / RATE_HZ)
PATIENCE_S = 30.0
TRIES = 4  # a busy computer may be late once and again, but not each time
SLUGGISH_M_S, GAP_M = 0.0005, 0.004  # it would be pulled on for 8 s


def until(is_so: Callable[[], bool]) -> None:
    """Wait."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@dataclass
class FakeArm:
    """An arm at the other end of a connection, in a process of its own."""

    port: int

    def ask(self, **told: Any) -> dict[str, Any]:
        """Tell it something, as anybody may."""
        with socket.create_connection(("127.0.0.1", self.port), 2.0) as line:
            line.sendall(json.dumps(told).encode() + b"\n")
            return dict(json.loads(line.makefile().readline()))

    def speed_m_s(self) -> float:
        """How fast it is."""
        return max(abs(part) for part in self.ask()["velocity"])

    def moves(self, slowest_m_s: float = 0.03) -> None:
        """Wait until it is at work, and so fast at least."""
        until(lambda: self.speed_m_s() >= slowest_m_s)

    def held_after_ns(self, moment_ns: int) -> int:
        """Return how long after a moment it moved last, once it is still."""
        time.sleep(0.5)
        until(lambda: self.speed_m_s() == 0)
        return int(self.ask()["moved_ns"]) - moment_ns


@pytest.fixture
def arm() -> Iterator[FakeArm]:
    server = subprocess.Popen(
        [sys.executable, str(HERE / "wire_arm.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    try:
        yield FakeArm(int(server.stdout.readline()))
    finally:
        server.kill()
        server.communicate()


@pytest.fixture
def space(tmp_path: Path, arm: FakeArm) -> Workspace:
    """A task with that arm, a hand that never rests, and a film for a camera."""
    space = make_task(tmp_path / "ball", "sim-reach", {})
    write_film(space.root / "film.mp4", 30)
    data = yaml.safe_load(space.task_file.read_text())
    data["robot"] = {"type": "wire", "port": arm.port}
    data["teleop"] = {"type": "wire"}
    data["cameras"] = {"side": {"type": "opencv", "source": "film.mp4", "size": [32, 32]}}
    data["observation"]["images"] = data["reward"]["cameras"] = ["side"]
    data["control"]["rate_hz"] = RATE_HZ
    data["reset"] |= {"random_yaw_rad": 0.0, "random_xy_m": 0.0}
    space.task_file.write_text(yaml.safe_dump(data))
    return Workspace(space.root)


@pytest.fixture
def drive(start: Start, space: Workspace, tmp_path: Path) -> Callable[[], Running]:
    """Start a command that lets the robot follow the hand until it is stopped."""
    site = tmp_path / "site"
    site.mkdir()
    text = (HERE / "wire_driver.py").read_text()
    environment = install(site, "wire_driver", text, ENTRY_POINTS)
    environment["WIRE_STALL"] = str(tmp_path / "stall")

    def command() -> Running:
        return start(space, "teleop", "--move", "--allow-motion", environment=environment)

    return command


def is_held_within(periods: int, held_after_ns: Callable[[], int]) -> bool:
    """Return whether an arm is held so soon, which is tried again and again."""
    return any(held_after_ns() < periods * PERIOD_NS for _ in range(TRIES))


def test_ctrl_c_in_motion_stops_the_arm_within_a_period(
    arm: FakeArm, drive: Callable[[], Running]
) -> None:
    def interrupted() -> int:
        running = drive()
        arm.moves()
        sent_ns = time.monotonic_ns()
        running.kill(signal.SIGINT)
        held_ns = arm.held_after_ns(sent_ns)
        code, *_ = running.finish()
        assert code == 130
        return held_ns

    assert is_held_within(1, interrupted)


def test_a_termination_on_the_way_to_a_start_stops_the_arm_within_a_period(
    arm: FakeArm, drive: Callable[[], Running], space: Workspace
) -> None:
    def ended() -> int:
        arm.ask(target=[0.52, 0.03, 0.09], speed=1.0)
        until(lambda: arm.ask(target=[0.52, 0.03, 0.09], speed=1.0)["place"][1] > 0.02)
        arm.ask(hold=True)
        running = drive()
        arm.moves(slowest_m_s=0.002)
        assert arm.speed_m_s() <= 0.1 * 0.2 + 1e-3  # the first way is a slow one
        sent_ns = time.monotonic_ns()
        running.kill(signal.SIGTERM)
        held_ns = arm.held_after_ns(sent_ns)
        code, _, talk = running.finish()
        assert code == 130
        assert "Traceback" not in talk
        return held_ns

    assert is_held_within(1, ended)


def test_an_arm_stops_when_its_loop_stalls_and_when_its_process_hangs_or_dies(
    arm: FakeArm, drive: Callable[[], Running], tmp_path: Path
) -> None:
    def stalled() -> int:
        """A driver blocks: the watchdog's thread stops the arm, and the loop goes on later."""
        arm.moves()
        (tmp_path / "stall").touch()
        until(lambda: not (tmp_path / "stall").exists())
        return arm.held_after_ns(time.monotonic_ns())

    def hung() -> int:
        """The whole process hangs: only another one can stop the arm."""
        arm.moves()
        begun_ns = time.monotonic_ns()
        running[-1].kill(signal.SIGSTOP)
        try:
            return arm.held_after_ns(begun_ns)
        finally:
            running[-1].kill(signal.SIGCONT)

    def killed() -> int:
        if running[-1].process.poll() is not None:
            running.append(drive())
        arm.moves()
        begun_ns = time.monotonic_ns()
        running[-1].kill(signal.SIGKILL)
        held_ns = arm.held_after_ns(begun_ns)
        running[-1].finish()
        return held_ns

    running = [drive()]
    assert is_held_within(4, stalled)
    assert is_held_within(4, hung)
    assert is_held_within(3, killed)


def test_an_arm_behind_a_robot_server_is_held_when_the_process_that_moves_it_hangs_or_dies(
    space: Workspace, drive: Callable[[], Running]
) -> None:
    """Such a server pulls the arm on to the last pose that it was told, whoever is gone."""
    data = yaml.safe_load(space.task_file.read_text())
    data["reset"]["random_z_m"] = 0.0
    start = reset_pose(ResetSpec(pose=tuple(data["reset"]["pose"]))).tolist()
    with serving(PulledArm(pose=start, target=start[:3])) as arm:
        data["robot"] = {"type": "serl_http", "url": arm.url, "frozen_after_s": None}
        space.task_file.write_text(yaml.safe_dump(data))
        running = drive()
        for number in (signal.SIGSTOP, signal.SIGKILL):
            until(lambda: len(arm.told("pose")) > 5)
            arm.speed_m_s = SLUGGISH_M_S
            until(lambda: arm.gap_m() > GAP_M)
            running.kill(number)
            begun_s = time.monotonic()
            until(lambda: arm.gap_m() < 1e-5)
            assert arm.moved_s - begun_s < 0.5 * GAP_M / SLUGGISH_M_S
            arm.speed_m_s = 0.2
            arm.calls.clear()
            running.kill(signal.SIGCONT)
        running.finish()
        assert arm.told("pose") == []


def test_an_arm_that_is_moved_for_a_calibration_is_held_when_that_dies(
    start: Start, space: Workspace
) -> None:
    data = yaml.safe_load(space.task_file.read_text())
    home = reset_pose(ResetSpec(pose=tuple(data["reset"]["pose"]))).tolist()
    above = [*home[:2], home[2] + 0.02]
    with serving(PulledArm(pose=[*above, *home[3:]], target=above, speed_m_s=SLUGGISH_M_S)) as arm:
        data["robot"] = {"type": "serl_http", "url": arm.url, "frozen_after_s": None}
        data["teleop"] = {"type": "keyboard"}
        space.task_file.write_text(yaml.safe_dump(data))
        running = start(space, "calibrate", "drift", "--allow-motion")
        until(lambda: arm.gap_m() > GAP_M)
        running.kill(signal.SIGKILL)
        killed_s = time.monotonic()
        until(lambda: arm.gap_m() < 1e-5)
        assert arm.moved_s - killed_s < 0.5 * GAP_M / SLUGGISH_M_S
        running.finish()
