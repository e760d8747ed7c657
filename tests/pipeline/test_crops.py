"""What the policy sees of a camera is chosen once, used everywhere, and part of the data."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import numpy as np
import pytest
from small_task import edit, make_task

from hilctl.calibration.roi import cut_motion, motion_map, objections
from hilctl.calibration.views import read_picture
from hilctl.data.dataset import Dataset
from hilctl.env.make import open_station
from hilctl.env.robot_env import crop_and_resize
from hilctl.errors import DataError, DeviceError, UsageError
from hilctl.pipeline.calibrate import crops
from hilctl.pipeline.calibrate.camera_files import CameraFiles
from hilctl.pipeline.calibrate.devices import open_devices
from hilctl.pipeline.events import Event
from hilctl.pipeline.record.demos import record_demos
from hilctl.pipeline.record.labels import record_labels
from hilctl.pipeline.stages import State, survey
from hilctl.task.fingerprint import data_fingerprint
from hilctl.task.measured import cameras_to_crop_anew
from hilctl.task.workspace import Workspace

CROP = (4, 6, 20, 20)


@pytest.fixture
def task(tmp_path: Path) -> Workspace:
    return make_task(tmp_path / "ball")


def raw_frame(task: Workspace) -> np.ndarray:
    with open_devices(task.spec, ["side"], 0) as (_, cameras):
        return cameras["side"].latest(max_age_s=1).image


def choose(task: Workspace, crop: tuple[int, int, int, int]) -> Workspace:
    """Return the task folder as a next command finds it."""
    crops.keep_crop(CameraFiles(task, "side"), raw_frame(task), crop, None)
    return task.fresh()


def test_a_chosen_crop_is_what_the_policy_sees(task: Workspace) -> None:
    chosen = choose(task, CROP)
    assert chosen.spec.cameras["side"].crop == CROP
    assert chosen.spec.cameras["wrist"].crop is None
    with open_station(chosen.spec) as station:
        seen = station.env.reset()[0]["images"]["side"]
        raw = station.cameras["side"].latest(max_age_s=1).image
    expected = crop_and_resize("side", raw, chosen.spec.cameras["side"])
    np.testing.assert_array_equal(seen, expected)
    assert seen.shape == (32, 32, 3)
    assert "crop: [4" not in task.task_file.read_text()


def test_data_of_another_crop_do_not_fit_and_going_back_makes_them_fit(task: Workspace) -> None:
    record_demos(task, count=1)
    before = data_fingerprint(task.spec)
    kept = crops.keep_crop(CameraFiles(task, "side"), raw_frame(task), CROP, None)
    assert kept.episodes_that_no_longer_fit == 1
    assert any("1 episodes were recorded with another crop" in one for one in kept.remarks)
    chosen = task.fresh()
    assert data_fingerprint(chosen.spec) != before
    (demos,) = [stage for stage in survey(chosen) if stage.name == "demos"]
    assert demos.state is State.STALE
    assert "cameras.side.crop: [4, 6, 20, 20] here, null there" in demos.reason
    kept = crops.keep_crop(CameraFiles(task, "side"), raw_frame(task), (0, 0, 32, 32), None)
    assert (kept.crop, kept.remarks, kept.episodes_that_no_longer_fit) == (None, [], 0)
    assert data_fingerprint(task.fresh().spec) == before


def test_a_picture_shows_the_crop_beside_what_the_policy_sees(task: Workspace) -> None:
    choose(task, CROP)
    shown = read_picture(crops.picture_file(CameraFiles(task, "side")))
    assert shown is not None
    scale = crops.HEIGHT_PX // 32
    assert shown.shape[0] == crops.HEIGHT_PX
    assert shown.shape[1] == 2 * (crops.HEIGHT_PX + crops.GAP_PX)
    np.testing.assert_array_equal(shown[6 * scale, 4 * scale], [255, 230, 0])


def test_what_the_task_file_says_goes_first_and_is_not_overruled(task: Workspace) -> None:
    choose(task, CROP)
    with_its_own = edit(task, {"view: side, ": "view: side, crop: [0, 0, 16, 16], "})
    assert with_its_own.spec.cameras["side"].crop == (0, 0, 16, 16)
    with pytest.raises(UsageError, match="itself says what is seen of camera side") as caught:
        crops.require_choice(crops.uncropped(with_its_own), "side")
    assert "delete `crop` there" in str(caught.value.hint)


def test_a_crop_that_no_longer_lies_in_the_frame_is_refused_and_can_be_chosen_anew(
    task: Workspace,
) -> None:
    choose(task, CROP)
    smaller = edit(task, {"view: side, width_px: 32, height_px: 32": "view: side, width_px: 20"})
    smaller = edit(smaller, {"view: side, width_px: 20": "view: side, width_px: 20, height_px: 20"})
    with pytest.raises(DataError, match="chosen on 32×32 px, its frames now have 20×20") as caught:
        _ = smaller.spec
    assert "calibrate roi --camera side" in str(caught.value.hint)
    assert cameras_to_crop_anew(crops.uncropped(smaller).spec, smaller.calibration) == ["side"]
    plain = crops.uncropped(smaller)
    crops.keep_crop(CameraFiles(plain, "side"), raw_frame(plain), (0, 0, 16, 16), None)
    assert smaller.fresh().spec.cameras["side"].crop == (0, 0, 16, 16)


def test_frames_too_small_for_the_crop_stop_the_episode(task: Workspace) -> None:
    spec = choose(task, CROP).spec.cameras["side"]
    with pytest.raises(
        DeviceError, match="leaves the frame of 10×10 px that camera side"
    ) as caught:
        crop_and_resize("side", np.zeros((10, 10, 3), np.uint8), spec)
    assert "hilctl calibrate roi --camera side" in str(caught.value.hint)


def test_motion_in_demonstrations_is_where_the_arm_goes(task: Workspace) -> None:
    files = CameraFiles(task, "side")
    assert crops.motion_in_demos(files, task.demos, (32, 32)) is None
    record_demos(task, count=2)
    motion = crops.motion_in_demos(files, task.demos, (32, 32))
    assert motion is not None
    assert motion.shape == (32, 32)
    y, x = np.unravel_index(motion.argmax(), motion.shape)
    around = (max(0, min(16, int(x) - 8)), max(0, min(16, int(y) - 8)), 16, 16)
    away = (0 if x > 16 else 16, 0 if y > 16 else 16, 16, 16)
    assert cut_motion(motion, around) < cut_motion(motion, away)
    assert any("of what moves" in remark for remark in objections(away, (32, 32), motion))
    assert objections((0, 0, 32, 32), (32, 32), motion) == []


def test_motion_of_cropped_demonstrations_is_put_where_it_was_on_the_raw_frame(
    task: Workspace,
) -> None:
    chosen = choose(task, CROP)
    record_demos(chosen, count=1)
    motion = crops.motion_in_demos(CameraFiles(chosen, "side"), chosen.demos, (32, 32))
    assert motion is not None
    outside = motion.copy()
    outside[6:26, 4:24] = 0
    assert motion.max() > 0
    assert outside.max() == 0
    (episode,) = Dataset.open(chosen.demos, expect_fingerprint=None).episodes()
    assert episode.header.task_identity["cameras"]["side"]["crop"] == list(CROP)


def test_motion_in_pictures_with_bars_is_put_where_it_was_on_the_raw_frame(
    task: Workspace,
) -> None:
    wide = (0, 8, 32, 16)
    chosen = choose(task, wide)
    record_demos(chosen, count=1)
    (episode,) = Dataset.open(chosen.demos, expect_fingerprint=None).episodes()
    bars = episode.images("side").copy()
    bars[:, 8:24] = 0
    assert bars.max() == 0
    stored = motion_map([episode.images("side")])
    motion = crops.motion_in_demos(CameraFiles(chosen, "side"), chosen.demos, (32, 32))
    assert motion is not None
    assert stored is not None
    np.testing.assert_allclose(motion, stored, atol=1e-9)  # one to one, bars where nothing moves


def test_a_crop_of_another_shape_is_said_to_leave_bars() -> None:
    (remark,) = objections((0, 0, 32, 16), (32, 32), None)
    assert remark == "32×16 px fill 50% of 32×32: the rest stays black"


def test_a_crop_under_another_resolution_is_refused_even_where_it_would_fit(
    task: Workspace,
) -> None:
    choose(task, CROP)
    larger = edit(task, {"view: side, width_px: 32, height_px: 32": "view: side, height_px: 64"})
    larger = edit(larger, {"view: side, height_px: 64": "view: side, width_px: 64, height_px: 64"})
    with pytest.raises(DataError, match="chosen on 32×32 px, its frames now have 64×64"):
        _ = larger.spec


def test_a_damaged_demonstration_does_not_keep_a_crop_from_being_chosen(task: Workspace) -> None:
    record_demos(task, count=1)
    (demo,) = task.demos.glob("*_0*.hdf5")
    demo.write_bytes(b"no HDF5")
    files = CameraFiles(task, "side")
    assert crops.motion_in_demos(files, task.demos, (32, 32)) is None
    assert crops.keep_crop(files, raw_frame(task), CROP, None).episodes_that_no_longer_fit == 0


def test_a_session_says_what_stays_black(task: Workspace) -> None:
    wide = edit(task, {"view: side, ": "view: side, crop: [0, 8, 32, 16], "})
    events: list[Event] = []
    record_demos(wide, count=1, report=events.append)
    (told,) = [event.text for event in events if event.name == "cameras"]
    assert told.startswith("side 50% black bars; side crop 0,8,32,16; cameras are not checked")


def corner_without_motion(task: Workspace) -> str:
    """Return a crop, as in a task file, of the quarter of the side view where least moves."""
    motion = crops.motion_in_demos(CameraFiles(task, "side"), task.demos, (32, 32))
    assert motion is not None
    quarters = [(x, y, 16, 16) for x in (0, 16) for y in (0, 16)]
    return str(list(max(quarters, key=lambda box: cut_motion(motion, box))))


def test_a_crop_that_hides_what_moves_is_told_wherever_it_was_set(task: Workspace) -> None:
    record_demos(task, count=1)
    assert crops.hidden_motion(task) == []
    corner = corner_without_motion(task)
    written = edit(task, {"view: side, ": f"view: side, crop: {corner}, "})
    (told,) = crops.hidden_motion(written)
    assert told.startswith("the crop of camera side cuts ")
    assert told.endswith("% of what moves in the demonstrations")
    (demos,) = [stage for stage in survey(written) if stage.name == "demos"]
    assert demos.state is State.STALE
    assert told in demos.reason
    for record in (record_demos, record_labels):
        events: list[Event] = []
        with contextlib.suppress(DataError):
            record(written, report=events.append, stop=lambda: True)
        assert any(told in event.text for event in events if event.name == "crop")


def test_what_moves_is_worked_out_once(task: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    record_demos(task, count=1)
    written = edit(task, {"view: side, ": f"view: side, crop: {corner_without_motion(task)}, "})
    told = crops.hidden_motion(written)
    with monkeypatch.context() as patch:
        patch.setattr(crops, "motion_in_demos", None)
        assert crops.hidden_motion(written) == told
    for path in task.demos.glob("episode*"):
        os.utime(path, ns=(1, 1))
    assert crops.hidden_motion(written) == told


def test_a_crop_that_hides_nothing_is_not_complained_of(task: Workspace) -> None:
    record_demos(task, count=1)
    nearly_all = edit(task, {"view: side, ": "view: side, crop: [0, 0, 32, 31], "})
    assert crops.hidden_motion(nearly_all) == []
