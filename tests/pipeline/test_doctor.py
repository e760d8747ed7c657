"""What `hilctl doctor` finds of cameras, arms and cadence, with a remedy for all that is amiss."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from small_task import edit, make_task
from video_server import FakeCamera, fake_camera

from hilctl.cameras import CAMERAS
from hilctl.cameras.video_devices import VideoDevice
from hilctl.devices import Finding, Options, Rig
from hilctl.errors import DeviceError, HilctlError
from hilctl.pipeline.calibrate.identity import all_records, meet
from hilctl.pipeline.doctor import found_cameras, surroundings
from hilctl.pipeline.doctor.devices import examine_devices
from hilctl.pipeline.doctor.measures import CameraPace, keep_time, time_robot
from hilctl.pipeline.doctor.surroundings import UsbStream, examine_usb
from hilctl.pipeline.doctor.trial import Thoroughness
from hilctl.real_time import become_ordinary, become_real_time
from hilctl.task.workspace import Workspace

sys.path.insert(0, str(Path(__file__).parent.parent / "env"))
from paper_robot import PaperRobot

TRIES = 5  # a busy computer may be late once and again, but not each time
WRIST, SIDE = (
    f"{{type: sim, view: {name}, width_px: 32, height_px: 32, size: [32, 32]}}"
    for name in ("wrist", "side")
)


@pytest.fixture
def there() -> Iterator[FakeCamera]:
    with fake_camera() as camera:
        yield camera


@pytest.fixture
def task(tmp_path: Path, there: FakeCamera) -> Workspace:
    """A task with a simulated robot, a simulated camera and one on the network."""
    space = make_task(tmp_path / "ball")
    return edit(space, {SIDE: f"{{type: opencv, source: {there.url!r}, size: [32, 32]}}"})


def of(findings: list[Finding], subject: str) -> str:
    return "\n".join(one.detail for one in findings if one.subject == subject)


def open_camera(there: FakeCamera) -> Any:
    cls = CAMERAS.get("opencv")
    return cls(cls.OptionsType(source=there.url), Rig())


def test_a_task_with_a_camera_that_sees_is_measured_and_leaves_stills(
    task: Workspace, there: FakeCamera
) -> None:
    stills = task.root / "doctor"
    found = examine_devices(task.spec, task.root, thorough=Thoroughness(1.0, stills))
    # that a busy computer is late is another test's matter
    assert [one for one in found if one.ok is False and one.subject != "cadence"] == []
    assert "pictures a second" in of(found, "camera side")
    assert "pictures a second" not in of(found, "camera wrist")  # it is drawn when asked for
    assert "of 10 control periods at 10 Hz" in of(found, "cadence")
    assert {file.name for file in stills.iterdir()} == {"wrist.jpg", "side.jpg"}
    still = cv2.imread(str(stills / "side.jpg"), cv2.IMREAD_COLOR_RGB)
    assert still is not None
    assert still.shape == (120, 160, 3)
    assert still[-1, -1, 0] > 200  # red grows to the right


def test_a_camera_that_fails_is_named_and_the_others_are_tried(
    task: Workspace, there: FakeCamera
) -> None:
    there.unplug()
    found = examine_devices(task.spec, task.root, thorough=Thoroughness(0.0, task.root / "doctor"))
    (problem,) = [one for one in found if one.ok is False]
    assert problem.subject == "camera side"
    assert problem.hint is not None
    assert "a still" in of(found, "camera wrist")


def test_a_camera_is_known_again_by_its_serial(tmp_path: Path) -> None:
    task = make_task(tmp_path / "ball")
    from hilctl.pipeline.calibrate.devices import open_devices

    with open_devices(task.spec, task.spec.cameras, 0) as (_, cameras):
        for name, camera in cameras.items():
            meet(task, name, camera)
    assert "as calibrated" in of(
        examine_devices(task.spec, records=all_records(task)), "camera side"
    )
    swapped = edit(
        task, {"view: wrist,": "view: x,", "view: side,": "view: wrist,", "view: x,": "view: side,"}
    )
    found = examine_devices(swapped.spec, records=all_records(swapped))
    problems = [one for one in found if one.ok is False]
    assert {one.subject for one in problems} == {"camera wrist", "camera side"}
    assert all("are they swapped?" in one.detail and one.hint for one in problems)


def test_a_slow_or_stuttering_camera_is_a_problem_with_a_remedy(there: FakeCamera) -> None:
    with open_camera(there) as camera:
        paces = (CameraPace.of(camera, 0.5) for _ in range(TRIES))
        assert any(20 < pace.rate_hz < 40 and pace.finding("side", 10.0).ok for pace in paces)
    slow, late = CameraPace(5.0, 0.1, 0.19), CameraPace(30.0, 0.02, 0.4)
    for one, words in ((slow, "fps"), (late, "hold the robot")):
        finding = one.finding("camera side", 10.0)
        assert finding.ok is False
        assert words in (finding.hint or "")


class SlowRobot(PaperRobot):
    """One that takes its time to answer."""

    def state(self) -> Any:
        time.sleep(0.03)
        return super().state()


def test_a_robot_that_answers_slowly_is_a_problem_with_a_remedy() -> None:
    here, rng = np.array([0.5, 0, 0.2, 1, 0, 0, 0]), np.random.default_rng(0)
    quick = PaperRobot(here, rng, rig=Rig())
    assert any(time_robot("robot", quick, 0.1).ok for _ in range(TRIES))
    slow = time_robot("robot", SlowRobot(here, rng, rig=Rig()), 0.1)
    assert slow.ok is False
    assert "cable" in (slow.hint or "")


def test_a_loop_that_cannot_keep_its_time_is_a_problem_with_a_remedy() -> None:
    (kept,) = keep_time([lambda: None], 20.0, 0.3, lambda: False)
    assert "of 6 control periods" in kept.detail
    (missed,) = keep_time([lambda: time.sleep(0.07)], 20.0, 0.3, lambda: False)
    assert missed.ok is False
    assert "rate_hz" in (missed.hint or "")
    assert list(keep_time([lambda: None], 20.0, 5.0, lambda: True)) == []


def test_the_loop_is_watched_as_train_runs_it_before_other_programs() -> None:
    def policy() -> int:
        return os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK

    permitted = become_real_time()
    become_ordinary()
    seen: list[int] = []
    list(keep_time([lambda: seen.append(policy())], 50.0, 0.1, lambda: False))
    assert set(seen) == {os.SCHED_RR if permitted else os.SCHED_OTHER}
    assert policy() == os.SCHED_OTHER


def test_cameras_that_ask_for_more_than_their_usb_bus_has_are_told() -> None:
    device = VideoDevice("/dev/video0", "Webcam", usb_mbit_s=480, usb_bus=3)
    raw = UsbStream("wrist", device, (640, 480), 30.0, None)
    (one,) = examine_usb([raw])
    assert one.ok
    (two,) = examine_usb([raw, UsbStream("side", device, (1280, 720), 30.0, "YUYV")])
    assert two.ok is False
    assert "MJPG" in (two.hint or "")
    (packed,) = examine_usb([raw, UsbStream("side", device, (1280, 720), 30.0, "MJPG")])
    assert packed.ok


def test_serial_ports_are_listed_and_those_one_may_not_use_print_the_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_id = tmp_path / "by-id"
    by_id.mkdir()
    (tmp_path / "ttyACM0").touch()
    (by_id / "usb-1a86_arm").symlink_to(tmp_path / "ttyACM0")
    monkeypatch.setattr(surroundings, "DEV", tmp_path)
    monkeypatch.setattr(surroundings, "SERIAL_BY_ID", by_id)
    assert "usb-1a86_arm" in of(surroundings.examine_surroundings(), "serial port")
    monkeypatch.setattr(surroundings.os, "access", lambda *_: False)
    port = next(one for one in surroundings.examine_surroundings() if one.subject == "serial port")
    assert port.ok is False
    assert "usermod -aG dialout" in (port.hint or "")


def plug_in_only(there: FakeCamera, words: str, patch: pytest.MonkeyPatch) -> None:
    """Let it be the one camera that is found, whatever this computer and other tests have."""
    for name in CAMERAS.names():
        with suppress(ImportError, HilctlError):  # its library is not installed
            patch.setattr(CAMERAS.get(name), "found", classmethod(lambda cls: []))
    cls = CAMERAS.get("opencv")
    webcam: list[tuple[Options, str]] = [(cls.OptionsType(source=there.url), words)]
    patch.setattr(cls, "found", classmethod(lambda cls: webcam))


def test_a_camera_that_no_task_names_leaves_a_still_too(
    there: FakeCamera, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug_in_only(there, "Webcam, serial 7", monkeypatch)
    (found,) = found_cameras.examine_cameras(tmp_path, {})
    assert found.ok
    assert (tmp_path / "opencv-Webcam-serial-7.jpg").is_file()
    there.unplug()
    (gone,) = found_cameras.examine_cameras(tmp_path, {})
    assert gone.ok is False
    assert gone.hint is not None


def test_one_of_the_tasks_is_not_opened_twice(
    task: Workspace, there: FakeCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug_in_only(there, "Webcam", monkeypatch)
    (found,) = found_cameras.examine_cameras(task.root, task.spec.cameras, task.root)
    assert "one of the task's" in found.detail
    assert there.viewers == 0


def test_a_device_that_fails_while_it_is_measured_is_a_finding(
    task: Workspace, there: FakeCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(camera: object) -> None:
        raise DeviceError("gone", hint="plug it in")

    monkeypatch.setattr(CameraPace, "of", fail)
    found = examine_devices(task.spec, task.root, thorough=Thoroughness())
    assert any(one.ok is False and one.detail == "gone" for one in found)
