"""A camera in another's place is noticed, and data tell under which reference they were made."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_task import edit, make_task

from hilctl.data.dataset import Dataset
from hilctl.errors import DeviceError
from hilctl.pipeline.calibration.camera_files import CameraFiles
from hilctl.pipeline.calibration.check import check_cameras
from hilctl.pipeline.calibration.devices import open_devices
from hilctl.pipeline.calibration.identity import from_before, meet
from hilctl.pipeline.calibration.references import take_references
from hilctl.pipeline.progress import Event
from hilctl.pipeline.record_demos import record_demos
from hilctl.pipeline.stages import survey
from hilctl.task.workspace import Workspace

SWAPPED = {
    "view: wrist,": "view: other,",
    "view: side,": "view: wrist,",
    "view: other,": "view: side,",
}


@pytest.fixture
def task(tmp_path: Path) -> Workspace:
    workspace = make_task(tmp_path / "ball")
    retake(workspace)
    return workspace


def retake(workspace: Workspace) -> list[str]:
    told: list[Event] = []
    with open_devices(workspace.spec, workspace.spec.cameras, 0) as (robot, cameras):
        take_references(workspace, robot, cameras, told.append)
    return [event.text for event in told]


def check(workspace: Workspace) -> None:
    with open_devices(workspace.spec, workspace.spec.cameras, 0) as (robot, cameras):
        check_cameras(workspace, robot, cameras, lambda event: None)


def test_swapped_cameras_are_refused_by_their_serials(task: Workspace) -> None:
    check(task)
    swapped = edit(task, SWAPPED)
    with pytest.raises(DeviceError, match="camera wrist is the one that was calibrated as side"):
        check(swapped)
    with pytest.raises(DeviceError, match="are they swapped"):
        retake(swapped)


def test_another_camera_is_refused_until_it_is_accepted_and_then_known_anew(
    task: Workspace,
) -> None:
    files = CameraFiles(task, "side")
    files.update((32, 32), serial="sim-that-broke", crop=(0, 0, 20, 20))
    with pytest.raises(DeviceError, match="camera side is another one than was calibrated") as e:
        check(task)
    assert "calibrate drift --accept --camera side" in str(e.value.hint)
    assert any("side is another one" in line for line in retake(task))
    record = files.record()
    assert record is not None
    assert record.serial == "sim-side"
    assert record.crop is None
    check(task)


def test_the_same_camera_keeps_what_is_known_of_it(task: Workspace) -> None:
    files = CameraFiles(task, "side")
    before = files.record()
    with open_devices(task.spec, ["side"], 0) as (_, cameras):
        assert not meet(task, "side", cameras["side"])
    assert files.record() == before


def test_a_new_reference_marks_what_was_recorded_under_the_old_one(task: Workspace) -> None:
    record_demos(task, count=2)
    headers = Dataset.open(task.demos, expect_fingerprint=None).headers
    assert all(set(header.references) == {"wrist", "side"} for header in headers)
    assert from_before(task, headers) == {}
    files = CameraFiles(task, "side")
    picture = files.reference_file.read_bytes()
    with open_devices(task.spec, ["side"], 5) as (robot, cameras):
        cameras["side"].fix({"exposure_s": 0.011})
        take_references(task, robot, cameras)
    assert files.reference_file.read_bytes() != picture
    assert from_before(task, headers) == {"side": 2}
    (demos,) = [stage for stage in survey(task) if stage.name == "demos"]
    assert "2 from before camera side moved" in demos.reason
    record_demos(task, count=3)
    headers = Dataset.open(task.demos, expect_fingerprint=None).headers
    assert from_before(task, headers) == {"side": 2}


def test_episodes_recorded_without_a_reference_are_not_called_older(tmp_path: Path) -> None:
    bare = make_task(tmp_path / "bare")
    record_demos(bare, count=1)
    retake(bare)
    headers = Dataset.open(bare.demos, expect_fingerprint=None).headers
    assert [dict(header.references) for header in headers] == [{}]
    assert from_before(bare, headers) == {}
