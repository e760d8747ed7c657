"""Bad sets of pictures are refused for the right reason, good ones never."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from photographer import Image, Photographer, looking_at, varied_views
from scipy.spatial.transform import RigidTransform, Rotation

from hilctl.calibration.boards import Board, parse_board
from hilctl.calibration.hand_eye import Mount
from hilctl.calibration.pose_file import write_poses
from hilctl.errors import HilctlError
from hilctl.pipeline.calibration.camera_files import CameraFiles
from hilctl.pipeline.calibration.find_hand_eye import find_hand_eye
from hilctl.pipeline.calibration.find_intrinsics import find_intrinsics
from hilctl.pipeline.progress import silent
from hilctl.task import scaffold
from hilctl.task.workspace import Workspace

CHARUCO, CHESSBOARD = "charuco:7x5:30mm:22mm", "chessboard:9x6:25mm"
CAMERA = Photographer(distortion=np.array([-0.2, 0.05, 0.001, -0.001, 0.0]))
Pictures = list[Image]


@pytest.fixture
def files(tmp_path: Path) -> CameraFiles:
    """A camera of a task."""
    template = scaffold.find_template("sim-insert")
    scaffold.create(template, tmp_path / "peg", template.answers({}))
    return CameraFiles(Workspace(tmp_path / "peg"), "wrist")


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


def of_each(change: Callable[[Image], Image]) -> Callable[[Pictures], Pictures]:
    return lambda pictures: [np.ascontiguousarray(change(picture)) for picture in pictures]


def scaled(gain: float, offset: float = 0.0) -> Callable[[Image], Image]:
    return lambda image: np.clip(gain * image + offset, 0, 255).astype(np.uint8)


# what is done to good pictures of a board, what they are said to show, and what is answered
BAD: dict[str, tuple[str, Callable[[Pictures], Pictures], str, str]] = {
    "no board": (CHARUCO, of_each(scaled(0, 120)), CHARUCO, r"15 × no ChArUco board"),
    "fewer squares": (CHARUCO, list, "charuco:5x5:30mm:22mm", "it has a marker 1"),
    "more squares": (CHARUCO, list, "charuco:9x7:30mm:22mm", "do not lie as on a board of 9x7"),
    "other markers": (CHARUCO, list, "charuco:7x5:30mm:22mm:4x4_50", "dictionary 5x5_50"),
    "other corners": (CHESSBOARD, list, "chessboard:10x7:25mm", "has 9x6 inner corners, not 10x7"),
    "all alike": (CHARUCO, lambda p: [p[0]] * 15, CHARUCO, "views are alike"),
    "blurred": (CHESSBOARD, of_each(lambda i: cv2.blur(i, (15, 15))), CHESSBOARD, "× blurred"),
    "over-exposed": (CHARUCO, of_each(scaled(2.5)), CHARUCO, "× over-exposed"),
    "mirrored": (CHARUCO, of_each(lambda i: i[:, ::-1]), CHARUCO, "the picture is mirrored"),
    "mixed sizes": (
        CHARUCO,
        lambda p: [*p[:8], *(cv2.resize(i, (320, 240)) for i in p[8:])],
        CHARUCO,
        "different sizes: 320×240, 640×480",
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


@pytest.mark.parametrize("text", [CHARUCO, CHESSBOARD])
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
        table = self.folder / "poses.csv"
        write_poses(table, poses)
        find_hand_eye(files, self.folder, table, self.board, Mount.TOOL, seed=0, report=silent)


@pytest.fixture
def survey(files: CameraFiles, good: dict[str, Pictures], tmp_path: Path) -> Survey:
    """Good data for hand-eye, of a camera whose intrinsics are known."""
    board = parse_board(CHARUCO)
    pictures = save(tmp_path / "intrinsics", good[CHARUCO])
    find_intrinsics(files, pictures, board, seed=0, report=silent)
    rng = np.random.default_rng(3)
    return Survey(tmp_path / "survey", varied_views(board, CAMERA, 16, rng))


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
