"""Tables of poses are read as their header says, and every wrong line is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import RigidTransform, Rotation

from hilctl.calibration.pose_file import read_poses, write_poses
from hilctl.errors import DataError

number = st.floats(-3, 3)


@given(rows=st.lists(st.tuples(*[number] * 6), min_size=1, max_size=5))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_poses_are_read_back_as_they_were_written(
    rows: list[tuple[float, ...]], tmp_path: Path
) -> None:
    poses = {
        f"{i}.png": RigidTransform.from_components(row[:3], Rotation.from_rotvec(row[3:]))
        for i, row in enumerate(rows)
    }
    write_poses(tmp_path / "poses.csv", poses)
    again = read_poses(tmp_path / "poses.csv")
    assert list(again) == list(poses)
    for name, T in poses.items():
        np.testing.assert_allclose(again[name].as_matrix(), T.as_matrix(), atol=1e-12)


def read(tmp_path: Path, text: str) -> dict[str, RigidTransform]:
    path = tmp_path / "poses.csv"
    path.write_text(text)
    return read_poses(path)


HALF = "0.7071067811865476"
QUARTER_RAD = "1.5707963267948966"


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("image,x_m,y_m,z_m,qx,qy,qz,qw", f"a.png,0.1,0.2,0.3,0,0,{HALF},{HALF}"),
        ("image,x_mm,y_mm,z_mm,rx_deg,ry_deg,rz_deg", "a.png,100,200,300,0,0,90"),
        (
            "image, x_mm, y_mm, z_mm, rx_rad, ry_rad, rz_rad",
            f"a.png, 100, 200, 300, 0, 0, {QUARTER_RAD}",
        ),
        ("x_m,y_m,z_m,roll_deg,pitch_deg,yaw_deg,image,note", "0.1,0.2,0.3,0,0,90,a.png,hello"),
        ("image,x_m,y_m,z_m,roll_rad,pitch_rad,yaw_rad", f"a.png,0.1,0.2,0.3,0,0,{QUARTER_RAD}"),
    ],
)
def test_the_header_tells_units_and_kind_of_turn(tmp_path: Path, header: str, row: str) -> None:
    found = read(tmp_path, f"{header}\n{row}\n\n")["a.png"]
    expected = RigidTransform.from_components(
        [0.1, 0.2, 0.3], Rotation.from_rotvec([0, 0, np.pi / 2])
    )
    np.testing.assert_allclose(found.as_matrix(), expected.as_matrix(), atol=1e-12)


def test_roll_pitch_and_yaw_are_about_fixed_axes(tmp_path: Path) -> None:
    found = read(tmp_path, "image,x_m,y_m,z_m,roll_deg,pitch_deg,yaw_deg\na,0,0,0,90,0,90\n")["a"]
    # first about x, then about the base's z: the tool's z, sent to -y, ends up at x
    np.testing.assert_allclose(found.rotation.apply([0, 0, 1]), [1, 0, 0], atol=1e-12)


HEADER = "image,x_m,y_m,z_m,qx,qy,qz,qw"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "columns .* are not there"),
        ("image,x,y,z,qx,qy,qz,qw\n", "columns x_m, y_m, z_m or x_mm"),
        ("image,x_m,y_m,z_m\n", "columns qx"),
        ("x_m,y_m,z_m,qx,qy,qz,qw\n", "no column is called 'image'"),
        (f"{HEADER}\na,0,0,0,0,0,0\n", "7 values, the header has 8"),
        (f"{HEADER}\na,0,zero,0,0,0,0,1\n", "y_m is 'zero', which is no number"),
        (f"{HEADER}\na,0,0,nan,0,0,0,1\n", "z_m is 'nan', which is no number"),
        (f"{HEADER}\na,0,0,0,0,0,0,2\n", "quaternion has length 2, not 1"),
        (f"{HEADER}\na,0,0,0,0,0,0,1\na,0,0,0,0,0,0,1\n", "a second pose for a"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, text: str, part: str) -> None:
    with pytest.raises(DataError, match=part) as caught:
        read(tmp_path, text)
    assert "poses.csv" in str(caught.value.where)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_poses(tmp_path / "absent.csv")


@given(st.text(max_size=200))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_table_crashes_the_reader(tmp_path: Path, text: str) -> None:
    path = tmp_path / "poses.csv"
    path.write_text(text, "utf-8", errors="replace")
    with pytest.raises(DataError):
        read_poses(path)
