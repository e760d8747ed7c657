"""A camera in another's place is noticed, and data tell under which reference they were made."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from small_task import edit, make_task

from hilctl.data.dataset import Dataset
from hilctl.errors import DeviceError
from hilctl.pipeline.calibrate.camera_files import CameraFiles
from hilctl.pipeline.calibrate.check import check_cameras
from hilctl.pipeline.calibrate.devices import open_devices
from hilctl.pipeline.calibrate.exposure import greet, lock_exposure
from hilctl.pipeline.calibrate.identity import from_before, meet, refuse_other_size, refuse_others
from hilctl.pipeline.calibrate.references import take_references
from hilctl.pipeline.events import Event
from hilctl.pipeline.record.demos import record_demos
from hilctl.pipeline.stages import survey
from hilctl.task.workspace import Workspace

SWAPPED = {
    "view: wrist,": "view: other,",
    "view: side,": "view: wrist,",
    "view: other,": "view: side,",
}


@pytest.fixture(scope="module")
def retaken(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A task whose cameras have references."""
    workspace = make_task(tmp_path_factory.mktemp("retaken") / "ball")
    retake(workspace)
    return workspace


@pytest.fixture
def task(retaken: Workspace, tmp_path: Path) -> Workspace:
    """A copy of it."""
    return Workspace(Path(shutil.copytree(retaken.root, tmp_path / "ball")))


def retake(workspace: Workspace, *, renew: bool = False) -> list[str]:
    told: list[Event] = []
    with open_devices(workspace.spec, workspace.spec.cameras, 0) as (robot, cameras):
        take_references(workspace, robot, cameras, told.append, renew=renew)
    return [event.text for event in told]


def check(workspace: Workspace) -> None:
    with open_devices(workspace.spec, workspace.spec.cameras, 0) as (robot, cameras):
        check_cameras(workspace, robot, cameras, lambda event: None)


@pytest.mark.parametrize("renew", [False, True])
def test_swapped_cameras_are_refused_by_their_serials(task: Workspace, renew: bool) -> None:
    check(task)
    swapped = edit(task, SWAPPED)
    with pytest.raises(DeviceError, match="camera wrist is the one that was calibrated as side"):
        check(swapped)
    with pytest.raises(DeviceError, match="are they swapped"):
        retake(swapped, renew=renew)


def test_swapped_realsense_cameras_are_refused_by_what_their_makers_wrote_into_them(
    task: Workspace, tmp_path: Path
) -> None:
    pytest.importorskip("libusb_package", reason="the extra realsense is not installed")
    from realsense_recorder import record

    simulated = "type: sim, view: {}, width_px: 32, height_px: 32"
    recorded = {name: f"type: realsense, file: {name}.db3" for name in ("wrist", "side")}
    for number, name in enumerate(recorded):
        record(task.root / f"{name}.db3", f"04732207010{number}", pictures=10)
    shutil.rmtree(task.calibration)
    real = edit(task, {simulated.format(name): text for name, text in recorded.items()})
    with open_devices(real.spec, real.spec.cameras, 0, real.root) as (_, cameras):
        for name, camera in cameras.items():
            meet(real, name, camera)
        refuse_others(real, cameras)
    swapped = edit(real, {"wrist.db3": "x.db3", "side.db3": "wrist.db3", "x.db3": "side.db3"})
    with (
        open_devices(swapped.spec, swapped.spec.cameras, 0, swapped.root) as (_, cameras),
        pytest.raises(DeviceError, match="wrist is the one that was calibrated as side") as refusal,
    ):
        refuse_others(swapped, cameras)
    assert "serial 047322070101" in refusal.value.message


def with_another_device_in_its_place(task: Workspace, **changes: str) -> CameraFiles:
    """Change what is known of the side camera as if it were about another device."""
    files = CameraFiles(task, "side")
    files.update((32, 32), crop=(0, 0, 20, 20), **{"serial": "sim-that-broke", **changes})
    return CameraFiles(task.fresh(), "side")


def test_another_camera_is_refused_until_it_is_accepted_and_then_known_anew(
    task: Workspace,
) -> None:
    files = with_another_device_in_its_place(task)
    with pytest.raises(DeviceError, match="camera side is another one than was calibrated") as e:
        check(files.workspace)
    assert "calibrate drift --accept --camera side" in str(e.value.hint)
    before = files.record()
    with pytest.raises(DeviceError, match="another one"):
        retake(files.workspace)
    assert files.record() == before
    assert any("side: it is another one" in line for line in retake(files.workspace, renew=True))
    record = files.record()
    assert record is not None
    assert record.serial == "sim-side"
    assert record.crop is None
    check(task.fresh())


@pytest.mark.parametrize("step", [lock_exposure, take_references])
def test_no_step_forgets_a_camera_that_was_replaced(task: Workspace, step: Any) -> None:
    files = with_another_device_in_its_place(task)
    before = files.record()
    with open_devices(task.spec, ["side"], 0) as (robot, cameras):
        with pytest.raises(DeviceError, match="another one"):
            step(files.workspace, robot, cameras, lambda event: None)
        with pytest.raises(DeviceError, match="another one"):
            greet(files, cameras["side"], lambda event: None)
    assert files.record() == before


def test_a_camera_of_another_type_is_another_one_even_without_a_serial(task: Workspace) -> None:
    files = with_another_device_in_its_place(task, serial="sim-side", driver="webcam")
    with pytest.raises(DeviceError, match="type sim serial sim-side, not type webcam"):
        check(files.workspace)


def test_two_names_may_stand_for_one_device(task: Workspace) -> None:
    line = "  side: {type: sim, view: side"
    zoomed = edit(task, {line: line.replace("side:", "zoom:", 1) + ", size: [16, 16]}\n" + line})
    assert set(zoomed.spec.cameras) == {"wrist", "side", "zoom"}
    retake(zoomed)
    check(zoomed)
    records = [CameraFiles(zoomed, name).record() for name in ("side", "zoom")]
    assert {record.serial for record in records if record} == {"sim-side"}


def test_a_crop_is_not_used_on_frames_of_another_size_than_the_camera_says(
    task: Workspace,
) -> None:
    files = CameraFiles(task, "side")
    # a driver whose options do not tell the size: only its frames do
    files.update((32, 32), crop=(0, 0, 20, 20))
    cropped = task.fresh()
    assert cropped.spec.cameras["side"].crop == (0, 0, 20, 20)
    refuse_other_size(cropped, "side", (32, 32))
    with pytest.raises(DeviceError, match="chosen on 32×32 px, now it delivers 64×48") as caught:
        refuse_other_size(cropped, "side", (64, 48))
    assert "calibrate roi --camera side" in str(caught.value.hint)


def test_the_same_camera_keeps_what_is_known_of_it(task: Workspace) -> None:
    files = CameraFiles(task, "side")
    before = files.record()
    with open_devices(task.spec, ["side"], 0) as (_, cameras):
        meet(task, "side", cameras["side"])
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
    assert "2 from before side's present reference" in demos.reason
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
