"""Tables of poses are read as their header says, and every wrong line is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from hilctl.calibration.pose_file import PoseTable, read_poses, write_poses
from hilctl.errors import DataError

number = st.floats(-3, 3)
POSE = ["x_m", "y_m", "z_m", "qx", "qy", "qz", "qw"]


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
    assert again.names == tuple(poses)
    expected = RigidTransform.concatenate(list(poses.values()))
    np.testing.assert_allclose(again.T_base_tcp.as_matrix(), expected.as_matrix(), atol=1e-12)


def read(tmp_path: Path, text: str, encoding: str = "utf-8") -> dict[str, RigidTransform]:
    path = tmp_path / "poses.csv"
    path.write_text(text, encoding)
    table = read_poses(path)
    return {name: table.T_base_tcp[i] for i, name in enumerate(table.names or ())}


def told(number: float, comma: bool) -> str:
    """Return a number with all its digits, as spreadsheets write it."""
    return repr(float(number)).replace(".", ",") if comma else repr(float(number))


def lines_of(rows: list[list[str]], delimiter: str) -> str:
    return "\n".join(delimiter.join(row) for row in rows) + "\n"


SHAPES: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "16 row by row": lambda T: T.reshape(16),
    "16 column by column": lambda T: T.T.reshape(16),
    "12 row by row": lambda T: T[:3].reshape(12),
    "12 column by column": lambda T: T.T[:, :3].reshape(12),
}
WRITTEN = [  # delimiter, decimal comma, encoding
    (",", False, "utf-8"),
    (";", False, "utf-8-sig"),
    (";", True, "utf-8"),
    ("\t", True, "utf-16"),
    ("  ", False, "utf-8"),
    (" ", True, "utf-8"),
]
some_poses = st.lists(st.tuples(*[number] * 6), min_size=2, max_size=5)


def transforms(rows: list[tuple[float, ...]]) -> RigidTransform:
    """Return poses; none of them is at the base, where rows and columns look the same."""
    places, turns = np.split(np.array(rows), [3], axis=1)
    places[np.abs(places).max(axis=1) < 0.01] = 0.5
    return RigidTransform.from_components(places, Rotation.from_rotvec(turns))


def expect(found: PoseTable, T: RigidTransform, names: tuple[str, ...] | None) -> None:
    assert found.names == names
    np.testing.assert_allclose(found.T_base_tcp.as_matrix(), T.as_matrix(), atol=1e-9)


@given(rows=some_poses, written=st.sampled_from(WRITTEN), shape=st.sampled_from(list(SHAPES)),
       named=st.booleans(), header=st.booleans())  # fmt: skip
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_matrices_are_read_as_people_have_them(
    rows: list[tuple[float, ...]], written: tuple[str, bool, str], shape: str, named: bool,
    header: bool, tmp_path: Path,
) -> None:  # fmt: skip
    T, (delimiter, comma, encoding) = transforms(rows), written
    cells = [[told(n, comma) for n in SHAPES[shape](matrix)] for matrix in T.as_matrix()]
    above = [f"m{i}" for i in range(len(cells[0]))]
    names = tuple(f"img_{i}.png" for i in range(len(rows))) if named else None
    if names is not None:
        cells, above = (
            [[name, *row] for name, row in zip(names, cells, strict=True)],
            ["image", *above],
        )
    path = tmp_path / "poses.txt"
    path.write_text(lines_of([above, *cells] if header else cells, delimiter), encoding)
    expect(read_poses(path), T, names)


@given(rows=some_poses, written=st.sampled_from(WRITTEN))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_columns_are_read_whatever_stands_between_them(
    rows: list[tuple[float, ...]], written: tuple[str, bool, str], tmp_path: Path
) -> None:
    T, (delimiter, comma, encoding) = transforms(rows), written
    turns = T.rotation.as_rotvec(degrees=True)
    names = tuple(f"{i}.png" for i in range(len(rows)))
    cells = [
        [name, *(told(n, comma) for n in (*(1e3 * place), *turn))]
        for name, place, turn in zip(names, T.translation, turns, strict=True)
    ]
    header = ["image", "x_mm", "y_mm", "z_mm", "rx_deg", "ry_deg", "rz_deg"]
    path = tmp_path / "poses.txt"
    path.write_text(lines_of([header, *cells], delimiter), encoding)
    expect(read_poses(path), T, names)


@given(rows=some_poses, how=st.sampled_from(["nested", "flat", "keyed", "objects", "columns"]))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_lists_in_json_are_read(rows: list[tuple[float, ...]], how: str, tmp_path: Path) -> None:
    T = transforms(rows)
    matrices = T.as_matrix().tolist()
    names = tuple(f"{i}.png" for i in range(len(rows)))
    columns = [
        {
            "image": name,
            **dict(zip(POSE, [*T[i].translation, *T[i].rotation.as_quat()], strict=True)),
        }
        for i, name in enumerate(names)
    ]
    content = {
        "nested": matrices,
        "flat": T.as_matrix().reshape(-1, 16).tolist(),
        "keyed": dict(zip(names, matrices, strict=True)),
        "objects": [{"file_path": n, "T": m} for n, m in zip(names, matrices, strict=True)],
        "columns": columns,
    }[how]
    path = tmp_path / "poses.json"
    path.write_text(json.dumps(content))
    expect(read_poses(path), T, None if how in ("nested", "flat") else names)


def test_a_matrix_may_take_four_lines(tmp_path: Path) -> None:
    T = transforms([(0.1, 0.2, 0.3, 1, 2, 3), (0.4, 0, 0.1, 0.5, 0, 2)])
    np.savetxt(tmp_path / "poses.txt", T.as_matrix().reshape(-1, 4))
    expect(read_poses(tmp_path / "poses.txt"), T, None)
    np.savetxt(tmp_path / "poses.txt", T.as_matrix().reshape(-1, 16), header="one pose a line")
    expect(read_poses(tmp_path / "poses.txt"), T, None)


def test_poses_without_names_are_those_of_the_pictures_in_their_order(tmp_path: Path) -> None:
    np.savetxt(tmp_path / "poses.txt", np.tile(np.eye(4).reshape(16), (3, 1)))
    table = read_poses(tmp_path / "poses.txt")
    assert table.rows_of(["img_1.png", "img_10.png", "img_2.png"]) == {
        "img_1.png": 0,
        "img_2.png": 1,
        "img_10.png": 2,
    }
    with pytest.raises(DataError, match="3 poses without names of pictures, and 2 pictures"):
        table.rows_of(["img_1.png", "img_2.png"])


def test_pictures_are_known_without_their_folder_or_kind(tmp_path: Path) -> None:
    rows = "\n".join(f"{name},0,0,0,0,0,0,1" for name in ("a.png", "shots/b.png", "c", "d.png"))
    path = tmp_path / "poses.csv"
    path.write_text(f"Image,X [m],Y [m],Z [m],qx,qy,qz,qw\n{rows}\n")
    found = read_poses(path).rows_of(["a.png", "b.png", "c.png", "e.png", "d.png", "d.tif"])
    assert found == {"a.png": 0, "b.png": 1, "c.png": 2, "d.png": 3}


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
        ("image,x,y,z,qx,qy,qz,qw\n", "x, y, z tell no unit"),
        ("image,x_m,y_m,z_m,rx,ry,rz\n", "rx, ry, rz tell no unit"),
        ("image,x_m,y_m,z_m,A,B,C\n", "a, b, c tell no unit"),
        ("image,x_m,y_m,z_m,q0,q1,q2,q3\n", "q0, q1, q2, q3 tell no order"),
        ("a.png,0,0,0,0,0,0,1\n", "nothing tells what 7 numbers a line are"),
        (f"{HEADER}\na,0,1,0,2,0,3,0,0,0,1,0\n", "12 values, the header has 8"),
        (f"{HEADER}\n".replace(",", ";") + "a;1.0;1,234;0;0;0;0;1\n", "y_m is '1,234'"),
        ("1 0 0 0.1 0 1 0 0.2 0 0 2 0.3\n", "are no rotation"),
        ("1 0 0 0.1 0 1 0 0.2 0 0 -1 0.3\n", "mirrors"),
        ("1 0 0 100 0 1 0 200 0 0 1 300\n", "would be 300 m from the base"),
        ("1 0 0 .1 0 1 0 .2 0 0 1 .3 0 0 1 1\n", "last row of the matrix is not 0 0 0 1"),
        ("1 0 0 .1 0 1 0 .2 0 0 1 .3\n1 0 0\n", "3 numbers, a matrix has 12"),
        ('{"a": [[1, 2]', "no list of poses in JSON"),
        ('[{"x_m": 1}, {"y_m": 1}]', "different keys"),
        ("[" * 9999, "no list of poses in JSON"),
        (f"{HEADER}\n", "no pose in it"),
        ("a\0b", "no text"),
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
    assert caught.value.hint or "second pose" in part or "no number" in part or "'" in part


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_poses(tmp_path / "absent.csv")


@given(st.text(max_size=200))
@example("\x0c")  # a line that is not empty, and has no cells
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_table_crashes_the_reader(tmp_path: Path, text: str) -> None:
    path = tmp_path / "poses.csv"
    path.write_text(text, "utf-8", errors="replace")
    with pytest.raises(DataError):
        read_poses(path)
