"""What is known of a camera is read back as it was written, or refused in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hilctl.calibration.hand_eye import Mount
from hilctl.calibration.record import (
    CameraRecord,
    HandEyeRecord,
    IntrinsicsRecord,
    PoseErrorRecord,
    Provenance,
    Reference,
    read_record,
    write_record,
)
from hilctl.errors import DataError

MADE = Provenance(
    board="charuco:7x5:30mm:22mm:5x5_100", used=["a.png"], left_out={"b.png": "blurred"}
)
FULL = CameraRecord(
    camera="wrist",
    size_px=(640, 480),
    intrinsics=IntrinsicsRecord(
        model="plumb_bob",
        size_px=(640, 480),
        K=[[600, 0, 320], [0, 601, 240], [0, 0, 1]],
        distortion=[-0.2, 0.05, 0, 0, 0],
        sigma=[0.3] * 9,
        held_out_rms_px={"plumb_bob": 0.2, "fisheye": None},
        coverage=0.7,
        variety_rad=0.9,
        made=MADE,
    ),
    hand_eye=HandEyeRecord(
        mount=Mount.TOOL,
        T_parent_cam=[0.1, 0, 0, 0, 0, 0, 1],
        T_other_board=[0.5, 0, 0, 1, 0, 0, 0],
        held_out=PoseErrorRecord(distance_m=0.001, angle_rad=0.002),
        uncertainty=PoseErrorRecord(distance_m=0.0005, angle_rad=0.001),
        verdict="accepted",
        outliers=[],
        made=MADE,
    ),
    reference=Reference(picture="wrist.png", sha256="0" * 64, tcp_pose=[0.5, 0, 0.2, 1, 0, 0, 0]),
)


@pytest.mark.parametrize("record", [FULL, CameraRecord(camera="side", size_px=(128, 128))])
def test_a_record_is_read_back_as_it_was_written(tmp_path: Path, record: CameraRecord) -> None:
    file = tmp_path / "wrist.json"
    write_record(file, record)
    assert read_record(file) == record


def test_what_is_measured_can_be_computed_with() -> None:
    assert FULL.intrinsics is not None
    assert FULL.hand_eye is not None
    middle = FULL.intrinsics.camera.project(np.array([[0.0, 0.0, 1.0]]))
    np.testing.assert_allclose(middle, [[320, 240]])
    assert FULL.intrinsics.rms_px == 0.2
    np.testing.assert_allclose(FULL.hand_eye.transform.translation, [0.1, 0, 0])


def test_no_record_is_no_error(tmp_path: Path) -> None:
    assert read_record(tmp_path / "absent.json") is None


@pytest.mark.parametrize(
    ("spoil", "part"),
    [
        (lambda text: text[: len(text) // 2], "is damaged"),
        (lambda text: text.replace('"camera"', '"kamera"'), "camera: Field required"),
        (lambda text: text.replace('"format": 1', '"format": 9'), "has format 9"),
    ],
)
def test_a_damaged_record_is_refused_with_what_to_do(
    tmp_path: Path, spoil: object, part: str
) -> None:
    file = tmp_path / "wrist.json"
    write_record(file, FULL)
    file.write_text(spoil(file.read_text()))  # type: ignore[operator]
    with pytest.raises(DataError, match=part):
        read_record(file)
