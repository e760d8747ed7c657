"""A camera's automatics settle, what they found is held, and other light is noticed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from small_task import make_task

from hilctl.cameras.base import Camera, Frame
from hilctl.devices import Options, Rig
from hilctl.errors import DeviceError
from hilctl.pipeline.calibrate.camera_files import CameraFiles
from hilctl.pipeline.calibrate.check import check_cameras
from hilctl.pipeline.calibrate.devices import open_devices
from hilctl.pipeline.calibrate.exposure import lock_exposure
from hilctl.pipeline.events import Event
from hilctl.pipeline.record.demos import record_demos
from hilctl.robots.base import Robot
from hilctl.task.workspace import Workspace


class Automatic(Camera):
    """A webcam whose exposure creeps towards a mean level of 0.5 until it is fixed.

    Args:
        rig: with a clock.
        speed: share of the way it goes in a tenth of a second.
        deaf: it does not take what it is told.
    """

    def __init__(self, rig: Rig, speed: float = 0.3, deaf: bool = False) -> None:
        super().__init__(Options(), rig)
        self.light, self.exposure_s, self.fixed = 10.0, 0.2, False
        self._speed, self._deaf, self._seen_ns = speed, deaf, rig.clock.now_ns()

    def open(self) -> None: ...

    def close(self) -> None: ...

    def latest(self, *, max_age_s: float) -> Frame:
        now_ns = self.rig.clock.now_ns()
        steps, self._seen_ns = (now_ns - self._seen_ns) / 1e8, now_ns
        if not self.fixed:
            goal_s = 0.5 / self.light
            self.exposure_s = goal_s + (self.exposure_s - goal_s) * (1 - self._speed) ** steps
        level = np.clip(255 * self.light * self.exposure_s, 0, 255)
        return Frame(np.full((32, 32, 3), level, np.uint8), now_ns)

    def controls(self) -> dict[str, float]:
        return {"exposure_s": self.exposure_s}

    def fix(self, controls: Mapping[str, float]) -> dict[str, float]:
        self.fixed = True
        self.exposure_s = 1.0 if self._deaf else controls["exposure_s"]
        return self.controls()


class Flickering(Automatic):
    def latest(self, *, max_age_s: float) -> Frame:
        frame = super().latest(max_age_s=max_age_s)
        on = self.rig.clock.now_ns() // 200_000_000 % 2
        return Frame(frame.image // (1 + on), frame.stamp_ns)


@pytest.fixture
def task(tmp_path: Path) -> Workspace:
    return make_task(tmp_path / "ball")


@contextmanager
def robot_of(task: Workspace) -> Iterator[Robot]:
    with open_devices(task.spec, [], 0) as (robot, _):
        yield robot


def told_by_a_check(task: Workspace, cameras: Mapping[str, Camera], robot: Robot) -> str:
    told: list[Event] = []
    check_cameras(task, robot, cameras, told.append)
    return told[-1].text


def test_automatics_settle_and_then_no_light_changes_the_exposure(task: Workspace) -> None:
    with robot_of(task) as robot:
        camera = Automatic(robot.rig)
        records = lock_exposure(task, robot, {"side": camera}, lambda event: None)
        assert records["side"].controls["exposure_s"] == pytest.approx(0.05, rel=0.05)
        assert records["side"].luminance == pytest.approx(0.5, abs=0.03)
        again = Automatic(robot.rig)  # the next command opens it anew, and it starts elsewhere
        assert "exposure held" in told_by_a_check(task, {"side": again}, robot)
        assert again.exposure_s == records["side"].controls["exposure_s"]
        again.light = 3.0
        assert "it is darker than it was" in told_by_a_check(task, {"side": again}, robot)
        assert again.exposure_s == records["side"].controls["exposure_s"]


def test_light_that_does_not_settle_is_refused_in_bounded_time(task: Workspace) -> None:
    with robot_of(task) as robot:
        before_ns = robot.rig.clock.now_ns()
        with pytest.raises(DeviceError, match="has not settled within 10 s") as caught:
            lock_exposure(task, robot, {"side": Flickering(robot.rig)}, lambda event: None)
        assert robot.rig.clock.now_ns() - before_ns < 20e9
    assert "flicker" in str(caught.value.hint)
    record = CameraFiles(task, "side").record()
    assert record is not None
    assert record.exposure is None


def test_a_camera_that_does_not_take_its_controls_is_refused_then_remarked(task: Workspace) -> None:
    with robot_of(task) as robot:
        with pytest.raises(DeviceError, match="does not hold its exposure: its exposure_s is 1"):
            lock_exposure(task, robot, {"side": Automatic(robot.rig, deaf=True)}, lambda e: None)
        lock_exposure(task, robot, {"side": Automatic(robot.rig)}, lambda e: None)
        deaf = Automatic(robot.rig, deaf=True)
        assert "its exposure_s is 1, 0.05" in told_by_a_check(task, {"side": deaf}, robot)


def test_what_was_held_is_what_is_recorded_with(task: Workspace) -> None:
    with open_devices(task.spec, ["side"], 0) as (robot, cameras):
        record = lock_exposure(task, robot, cameras, lambda event: None)["side"]
        bright = cameras["side"].latest(max_age_s=1).image
    assert set(record.controls) == {"exposure_s", "gain", "white_balance_k"}
    dark = {**record.controls, "exposure_s": record.controls["exposure_s"] / 2}
    files = CameraFiles(task, "side")
    files.update((32, 32), exposure=record.model_copy(update={"controls": dark}))
    told: list[Event] = []
    from hilctl.data.dataset import Dataset

    record_demos(task, count=1, report=told.append)
    (episode,) = Dataset.open(task.demos, expect_fingerprint=None).episodes()
    assert episode.images("side").mean() == pytest.approx(bright.mean() / 2, rel=0.1)
    (line,) = [event.text for event in told if event.name == "cameras"]
    assert "exposure held" in line
    assert "side without a reference" in line
    assert "it is darker than it was" in line
