"""Bad sets of pictures are refused for the right reason, good ones never."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from copy import copy
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from photographer import Image, Photographer, looking_at, varied_views
from scipy.spatial.transform import RigidTransform, Rotation

from hilctl.calibration.boards import Board, parse_board
from hilctl.calibration.hand_eye import Mount
from hilctl.calibration.pose_file import write_poses
from hilctl.errors import HilctlError
from hilctl.pipeline.calibrate.camera_files import CameraFiles
from hilctl.pipeline.calibrate.find_hand_eye import find_hand_eye
from hilctl.pipeline.calibrate.find_intrinsics import find_intrinsics
from hilctl.pipeline.events import silent
from hilctl.task import scaffold
from hilctl.task.workspace import Workspace

CHARUCO, CHESSBOARD = "charuco:7x5:30mm:22mm", "chessboard:9x6:25mm"
CAMERA = Photographer(distortion=np.array([-0.2, 0.05, 0.001, -0.001, 0.0]))
Pictures = list[Image]


@pytest.fixture
def files(tmp_path: Path) -> CameraFiles:
    """A camera of a task."""
    return make_files(tmp_path)


def make_files(folder: Path) -> CameraFiles:
    template = scaffold.find_template("sim-insert")
    scaffold.create(template, folder / "peg", template.answers({}))
    return CameraFiles(Workspace(folder / "peg"), "wrist")


@pytest.fixture(scope="module")
def good() -> dict[str, Pictures]:
    """What a careful person's pictures of each board look like."""
    return {text: photographs(parse_board(text), seed=1) for text in (CHARUCO, CHESSBOARD)}


def photographs(board: Board, seed: int, count: int = 15) -> Pictures:
    rng = np.random.default_rng(seed)
    return [CAMERA.take(board, T) for T in varied_views(board, CAMERA, count, rng)]


def save(folder: Path, pictures: Pictures) -> Path:
    folder.mkdir()
    for i, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{i:02}.png"), np.ascontiguousarray(picture[..., ::-1]))
    return folder


def some(pictures: Pictures) -> Pictures:
    """Return as many as show what is wrong with all."""
    return pictures[:3]


def of_each(change: Callable[[Image], Image]) -> Callable[[Pictures], Pictures]:
    return lambda pictures: [np.ascontiguousarray(change(picture)) for picture in some(pictures)]


def scaled(gain: float, offset: float = 0.0) -> Callable[[Image], Image]:
    return lambda image: np.clip(gain * image + offset, 0, 255).astype(np.uint8)


# what is done to good pictures of a board, what they are said to show, and what is answered
BAD: dict[str, tuple[str, Callable[[Pictures], Pictures], str, str]] = {
    "no board": (CHARUCO, of_each(scaled(0, 120)), CHARUCO, "3 × no ChArUco board"),
    "fewer squares": (CHARUCO, some, "charuco:5x5:30mm:22mm", "it has a marker 1"),
    "more squares": (CHARUCO, some, "charuco:9x7:30mm:22mm", "do not lie as on a board of 9x7"),
    "other markers": (CHARUCO, some, "charuco:7x5:30mm:22mm:4x4_50", "dictionary 5x5_50"),
    "other corners": (
        CHESSBOARD,
        lambda p: p[:1],
        "chessboard:10x7:25mm",
        "has 9x6 inner corners, not 10x7",
    ),
    "all alike": (CHARUCO, lambda p: [p[0]] * 15, CHARUCO, "alike: 1 distinct in 15 pictures"),
    "copies": (CHARUCO, lambda p: p[:4] * 3, CHARUCO, "alike: 4 distinct in 12 pictures"),
    "blurred": (CHESSBOARD, of_each(lambda i: cv2.blur(i, (15, 15))), CHESSBOARD, "× blurred"),
    "over-exposed": (CHARUCO, of_each(scaled(2.5)), CHARUCO, "× over-exposed"),
    "mirrored": (CHARUCO, of_each(lambda i: i[:, ::-1]), CHARUCO, "the picture is mirrored"),
    "mixed sizes": (
        CHARUCO,
        lambda p: [*p[:8], *(cv2.resize(i, (320, 240)) for i in p[8:])],
        CHARUCO,
        r"in 8 of 15 pictures, 10 are needed \(7 × of another size\)",
    ),
    "too few": (CHARUCO, lambda p: p[:3], CHARUCO, "in 3 of 3 pictures, 10 are needed"),
}


@pytest.mark.parametrize("name", list(BAD))
def test_a_bad_set_is_refused_for_its_own_reason(
    name: str, files: CameraFiles, good: dict[str, Pictures], tmp_path: Path
) -> None:
    shown, spoil, said, answer = BAD[name]
    folder = save(tmp_path / "pictures", spoil(good[shown]))
    with pytest.raises(HilctlError, match=answer) as caught:
        find_intrinsics(files, folder, parse_board(said), seed=0, report=silent)
    assert caught.value.hint
    assert files.record() is None


def test_damaged_pictures_are_left_out_and_named(
    files: CameraFiles, good: dict[str, Pictures], tmp_path: Path
) -> None:
    folder = save(tmp_path / "pictures", good[CHARUCO])
    for i in range(3):
        file = folder / f"{i:02}.png"
        file.write_bytes(file.read_bytes()[: 500 * i])
    told: list[str] = []
    record = find_intrinsics(
        files,
        folder,
        parse_board(CHARUCO),
        seed=0,
        report=lambda event: told.append(event.text),
    )
    assert [line for line in told if "cannot be read as a picture" in line] == [
        f"{i:02}.png: cannot be read as a picture" for i in range(3)
    ]
    assert set(record.made.left_out) == {"00.png", "01.png", "02.png"}
    assert len(record.made.used) == 12


@pytest.mark.parametrize("text", [CHARUCO, pytest.param(CHESSBOARD, marks=pytest.mark.slow)])
def test_a_good_set_is_accepted(
    text: str, files: CameraFiles, good: dict[str, Pictures], tmp_path: Path
) -> None:
    folder = save(tmp_path / "pictures", good[text])
    record = find_intrinsics(files, folder, parse_board(text), seed=0, report=silent)
    assert record.made.left_out == {}
    page = files.page("intrinsics").read_text("utf-8")
    assert page.count("data:image/png;base64,") == 2
    assert files.record() is not None


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_no_good_set_of_fifty_is_refused(files: CameraFiles, tmp_path: Path) -> None:
    for seed in range(50):
        text = (CHARUCO, CHESSBOARD)[seed % 2]
        rng = np.random.default_rng(seed)
        dim, noise, soft = rng.uniform(0.5, 1.1), rng.uniform(0, 8), rng.uniform(0.2, 1.2)
        pictures = [
            scaled(1.0)(
                cv2.GaussianBlur(image, (0, 0), soft) * dim + rng.normal(0, noise, image.shape)
            )
            for image in photographs(parse_board(text), seed, count=20)
        ]
        folder = save(tmp_path / f"set_{seed}", pictures)
        find_intrinsics(files, folder, parse_board(text), seed=0, report=silent)


class Survey:
    """Pictures of a board, from the poses of a robot that carries the camera."""

    T_tcp_cam = RigidTransform.from_components(
        [0.05, 0.0, -0.06], Rotation.from_rotvec([0.1, 0.2, 1.0])
    )
    T_base_board = RigidTransform.from_components([0.4, 0.1, 0], Rotation.from_rotvec([3.1, 0, 0]))

    def __init__(self, folder: Path, views: list[RigidTransform]) -> None:
        self.board = parse_board(CHARUCO)
        self.folder = save(folder, [CAMERA.take(self.board, T) for T in views])
        self.poses = {
            f"{i:02}.png": self.T_base_board * T.inv() * self.T_tcp_cam.inv()
            for i, T in enumerate(views)
        }

    def find(self, files: CameraFiles, poses: dict[str, RigidTransform]) -> None:
        write_poses(self.folder / "poses.csv", poses)
        self.find_with(files)

    def find_with(self, files: CameraFiles) -> None:
        """Use the table of poses that is there."""
        table = self.folder / "poses.csv"
        find_hand_eye(files, self.folder, table, self.board, Mount.TOOL, seed=0, report=silent)


@pytest.fixture(scope="module")
def surveyed(
    good: dict[str, Pictures], tmp_path_factory: pytest.TempPathFactory
) -> tuple[CameraFiles, Survey]:
    """Good data for hand-eye, of a camera whose intrinsics are known; copied for each test."""
    folder, board = tmp_path_factory.mktemp("surveyed"), parse_board(CHARUCO)
    files = make_files(folder)
    pictures = save(folder / "intrinsics", good[CHARUCO])
    find_intrinsics(files, pictures, board, seed=0, report=silent)
    rng = np.random.default_rng(3)
    return files, Survey(folder / "survey", varied_views(board, CAMERA, 16, rng))


@pytest.fixture
def survey(files: CameraFiles, surveyed: tuple[CameraFiles, Survey], tmp_path: Path) -> Survey:
    """Good data for hand-eye; what is known of the camera lies in the task folder."""
    before, made = surveyed
    calibration = files.workspace.calibration
    shutil.copytree(before.workspace.calibration, calibration, dirs_exist_ok=True)
    own = copy(made)
    own.folder, own.poses = shutil.copytree(made.folder, tmp_path / "survey"), dict(made.poses)
    return own


def test_good_poses_are_accepted(files: CameraFiles, survey: Survey) -> None:
    survey.find(files, survey.poses)
    record = files.record()
    assert record is not None
    assert record.hand_eye is not None
    off = survey.T_tcp_cam.inv() * record.hand_eye.transform
    assert np.linalg.norm(off.translation) < 0.001
    assert record.hand_eye.verdict == "accepted"
    assert "accepted" in files.page("hand-eye").read_text("utf-8")


def test_squares_of_another_size_are_noticed_by_the_robots_motion(
    files: CameraFiles, survey: Survey
) -> None:
    before = files.record()
    survey.board = survey.board.with_square(0.98 * survey.board.square_m)
    told = r"squares are 10(1\.9|2\.\d) ± 0\.\d % of the size"
    with pytest.raises(HilctlError, match=told) as caught:
        survey.find(files, survey.poses)
    assert "perhaps charuco:7x5:30mm:22mm" in str(caught.value.hint)
    assert files.record() == before


def test_poses_of_the_wrong_frames_are_named(files: CameraFiles, survey: Survey) -> None:
    inverted = {name: T.inv() for name, T in survey.poses.items()}
    with pytest.raises(HilctlError, match="looks like base→tcp given as tcp→base"):
        survey.find(files, inverted)
    record = files.record()
    assert record is not None
    assert record.hand_eye is None


def numbered(survey: Survey) -> None:
    """Call the pictures img_1.png, img_2.png and so on, as they were taken."""
    for i, name in enumerate(list(survey.poses), start=1):
        (survey.folder / name).rename(survey.folder / f"img_{i}.png")
        survey.poses[f"img_{i}.png"] = survey.poses.pop(name)


@pytest.mark.parametrize("named", [True, False])
def test_poses_in_another_order_than_the_pictures_are_named(
    named: bool, files: CameraFiles, survey: Survey
) -> None:
    numbered(survey)
    alphabet = sorted(survey.poses)
    if named:  # poses as they were taken, pictures as a program lists a folder
        mixed = dict(zip(alphabet, survey.poses.values(), strict=True))
        words = "in the order of their numbers: img_1.png, img_2.png, img_3.png"
        with pytest.raises(HilctlError, match=words):
            survey.find(files, mixed)
    else:
        poses = RigidTransform.concatenate([survey.poses[name] for name in alphabet])
        np.savetxt(survey.folder / "poses.csv", poses.as_matrix().reshape(-1, 16))
        words = "in the order of the alphabet: img_1.png, img_10.png, img_11.png"
        with pytest.raises(HilctlError, match=words):
            survey.find_with(files)


def test_matrices_without_names_in_the_order_of_the_pictures_are_accepted(
    files: CameraFiles, survey: Survey
) -> None:
    numbered(survey)
    poses = RigidTransform.concatenate(list(survey.poses.values()))
    np.savetxt(survey.folder / "poses.csv", poses.as_matrix().reshape(-1, 4))
    survey.find_with(files)
    record = files.record()
    assert record is not None
    assert record.hand_eye is not None
    assert record.hand_eye.verdict == "accepted"


# the columns that are there, how their numbers come about, and what is said
READ_WRONGLY: dict[str, tuple[str, Callable[[Rotation], NDArray[np.float64]], str]] = {
    "rotation vectors as angles": (
        "roll_rad,pitch_rad,yaw_rad",
        lambda turn: turn.as_rotvec(),
        "fit as a rotation vector in rad: call them rx_rad, ry_rad, rz_rad",
    ),
    "angles as rotation vectors": (
        "rx_deg,ry_deg,rz_deg",
        lambda turn: turn.as_euler("xyz", degrees=True),
        "fixed axes in deg: call them roll_deg, pitch_deg, yaw_deg",
    ),
    "degrees as radians": (
        "rx_rad,ry_rad,rz_rad",
        lambda turn: turn.as_rotvec(degrees=True),
        "fit as a rotation vector in deg: call them rx_deg, ry_deg, rz_deg",
    ),
    "moving axes": (
        "roll_deg,pitch_deg,yaw_deg",
        lambda turn: turn.as_euler("XYZ", degrees=True),
        r"moving axes x, y, z in deg: write quaternions, .*from_euler\('XYZ', angles, True\)",
    ),
}
FIRST, *OTHERS = READ_WRONGLY


@pytest.mark.parametrize(
    "mistake", [FIRST, *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)]
)
def test_angles_of_another_kind_are_named_with_how_to_write_them(
    mistake: str, files: CameraFiles, survey: Survey
) -> None:
    columns, numbers_of, words = READ_WRONGLY[mistake]
    lines = [f"image,x_m,y_m,z_m,{columns}"]
    for name, T in survey.poses.items():
        numbers = [*T.translation, *numbers_of(T.rotation)]
        lines.append(",".join([name, *(repr(float(number)) for number in numbers)]))
    (survey.folder / "poses.csv").write_text("\n".join(lines))
    with pytest.raises(HilctlError, match=words):
        survey.find_with(files)


def test_four_poses_photographed_four_times_are_refused(files: CameraFiles, survey: Survey) -> None:
    four = list(survey.poses)[::4]
    for i, name in enumerate(survey.poses):
        source = four[i // 4]
        if name != source:
            (survey.folder / name).write_bytes((survey.folder / source).read_bytes())
            survey.poses[name] = survey.poses[source]
    with pytest.raises(HilctlError, match=r"4 distinct poses in 16 .*, 12 are needed"):
        survey.find(files, survey.poses)


def test_copies_are_told_and_a_good_set_with_them_is_accepted(
    files: CameraFiles, survey: Survey
) -> None:
    for name in list(survey.poses)[:3]:
        copy = f"again_{name}"
        (survey.folder / copy).write_bytes((survey.folder / name).read_bytes())
        survey.poses[copy] = survey.poses[name]
    write_poses(survey.folder / "poses.csv", survey.poses)
    told: list[str] = []
    record = find_hand_eye(
        files, survey.folder, survey.folder / "poses.csv", survey.board, Mount.TOOL,
        seed=0, report=lambda event: told.append(event.text),
    )  # fmt: skip
    assert "16 distinct poses in 19 pictures: copies count once" in told
    assert record.verdict == "accepted"


def test_a_picture_of_odd_size_does_not_spoil_the_set(files: CameraFiles, survey: Survey) -> None:
    odd = survey.folder / "03.png"
    cv2.imwrite(str(odd), cv2.resize(cv2.imread(str(odd)), (480, 360)))
    survey.find(files, survey.poses)
    record = files.record()
    assert record is not None
    assert record.hand_eye is not None
    assert "480×360" in record.hand_eye.made.left_out["03.png"]


def test_three_poses_are_refused(files: CameraFiles, survey: Survey) -> None:
    few = {name: survey.poses[name] for name in list(survey.poses)[:3]}
    with pytest.raises(HilctlError, match=r"in 3 of 16 pictures, 12 are needed \(13 × has no pose"):
        survey.find(files, few)


def test_turning_about_one_axis_is_refused(files: CameraFiles, survey: Survey) -> None:
    base = next(iter(survey.poses.values()))
    turns = Rotation.from_rotvec(np.outer(np.linspace(-0.5, 0.5, 16), [0, 0, 1]))
    spun = [base * RigidTransform.from_rotation(turn) for turn in turns]
    about_z = dict(zip(survey.poses, spun, strict=True))
    with pytest.raises(HilctlError, match="30° about both are needed"):
        survey.find(files, about_z)


def test_names_that_do_not_match_are_told(files: CameraFiles, survey: Survey) -> None:
    renamed = {f"photo-{name}": T for name, T in survey.poses.items()}
    with pytest.raises(HilctlError, match="no picture has a pose") as caught:
        survey.find(files, renamed)
    assert caught.value.hint == "a picture is called 00.png"


def test_hand_eye_needs_intrinsics(files: CameraFiles, tmp_path: Path) -> None:
    board = parse_board(CHARUCO)
    alone = Survey(tmp_path / "survey", [looking_at(board, 0.35)])
    with pytest.raises(HilctlError, match="intrinsics of camera wrist are not known") as caught:
        alone.find(files, alone.poses)
    assert str(caught.value.hint).startswith(
        f"hilctl calibrate intrinsics --board {board} --images {alone.folder} --camera wrist"
    )
