"""Pictures are taken of a board that is still and seen as it was not yet; words say what lacks."""

from __future__ import annotations

import re
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from photographer import Image, Photographer, looking_at, varied_views
from scipy.spatial.transform import RigidTransform, Rotation

from hilctl.calibration.boards import Detection, parse_board
from hilctl.calibration.capture import (
    STILL_S,
    BoardObservation,
    Capture,
    CaptureAdvice,
    SeenPicture,
)
from hilctl.calibration.capture_turns import TurnsWanted
from hilctl.calibration.capture_views import ViewsWanted
from hilctl.calibration.fit_hand_eye import MIN_POSES, require_variety
from hilctl.calibration.fit_intrinsics import fit_intrinsics
from hilctl.calibration.hand_eye import Mount, Sightings
from hilctl.calibration.judge_intrinsics import judge
from hilctl.calibration.look import guess_camera
from hilctl.errors import DataError

BOARD = parse_board("charuco:7x5:30mm:22mm")
CAMERA = Photographer()
FRONT = looking_at(BOARD, 0.45)
WALL: Image = np.full((480, 640, 3), 120, np.uint8)
PERIOD_S = 0.1


class Sitting:
    """A capture, with a clock."""

    def __init__(self, wanted: int = 25) -> None:
        self.capture = Capture(BOARD, ViewsWanted(BOARD, seed=0), wanted)
        self.time_s = 0.0

    def show(self, image: Image) -> CaptureAdvice:
        """Show one frame."""
        self.time_s += PERIOD_S
        return self.capture.consider(image, round(self.time_s * 1e9))

    def rest(self, image: Image, seconds: float = STILL_S + 0.1) -> CaptureAdvice:
        """Show one picture for a while, and keep it when that is wanted."""
        for _ in range(round(seconds / PERIOD_S)):
            verdict = self.show(image)
            if verdict.seen is SeenPicture.WANTED:
                return self.capture.keep(image)
        return verdict


def picture(T_cam_board: RigidTransform = FRONT) -> Image:
    return CAMERA.take(BOARD, T_cam_board)


def test_a_board_at_rest_is_taken_once_and_not_before_it_rests() -> None:
    sitting, image = Sitting(), picture()
    for _ in range(4):
        assert sitting.show(image) == CaptureAdvice(SeenPicture.MOVING, "hold still")
    assert sitting.show(image).seen is SeenPicture.WANTED
    assert sitting.capture.taken == 0
    assert sitting.capture.keep(image).seen is SeenPicture.TAKEN
    assert sitting.rest(image).seen is SeenPicture.KNOWN
    assert sitting.capture.taken == 1


@pytest.mark.parametrize(("speed_m_s", "taken"), [(0.02, False), (0.0005, True)])
def test_a_moving_board_is_not_taken(speed_m_s: float, taken: bool) -> None:
    sitting = Sitting()
    for step in range(8):
        place = FRONT.translation + np.array([speed_m_s * step * PERIOD_S, 0, 0])
        verdict = sitting.show(picture(RigidTransform.from_components(place, FRONT.rotation)))
    assert verdict.seen is (SeenPicture.WANTED if taken else SeenPicture.MOVING)
    assert taken or verdict.guidance == "hold still"


def test_a_board_that_moved_before_the_still_picture_is_not_kept() -> None:
    sitting = Sitting()
    for _ in range(6):
        verdict = sitting.show(picture())
    assert verdict.seen is SeenPicture.WANTED
    moved = picture(looking_at(BOARD, 0.45, aside=(0.01, 0.0)))
    assert sitting.capture.keep(moved) == CaptureAdvice(SeenPicture.MOVING, "hold still")


def test_a_board_out_of_view_is_asked_for() -> None:
    verdict = Sitting().rest(WALL)
    assert verdict.seen is SeenPicture.ABSENT
    assert verdict.guidance == (
        "the board is not in view; show the board in the middle of the picture"
    )


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (
            lambda image: cv2.GaussianBlur(image, (0, 0), 6.0),
            "blurred; hold still, and check the focus",
        ),
        (
            lambda image: np.clip(image * 2.0, 0, 255).astype(np.uint8),
            "over-exposed; shorten the exposure",
        ),
        (lambda image: image[:, ::-1].copy(), "the picture is mirrored; switch off"),
    ],
    ids=["blurred", "bright", "mirrored"],
)
def test_a_spoilt_picture_is_not_taken_and_the_reason_is_told_when_it_stays(
    spoil: Callable[[Image], Image], words: str
) -> None:
    sitting, good = Sitting(), picture()
    spoilt = spoil(good)
    assert sitting.show(spoilt) == CaptureAdvice(
        SeenPicture.SPOILT, "hold still, with all of the board in view"
    )
    verdict = sitting.rest(spoilt, 1.5)
    assert verdict.seen is SeenPicture.SPOILT
    assert words.replace(";", "").split()[:3] == verdict.guidance.replace(";", "").split()[:3]
    assert sitting.capture.keep(spoilt).seen is SeenPicture.SPOILT
    assert sitting.rest(good).seen is SeenPicture.TAKEN


SIMILAR = {
    "aside": looking_at(BOARD, 0.45, aside=(0.03, 0.0)),
    "nearer": looking_at(BOARD, 0.42),
    "rolled": looking_at(BOARD, 0.45, roll_rad=np.deg2rad(6)),
    "tilted": looking_at(BOARD, 0.45, tilt_rad=(0.0, np.deg2rad(5))),
}
OTHERS = {
    "aside": looking_at(BOARD, 0.45, aside=(0.16, 0.0)),
    "nearer": looking_at(BOARD, 0.34),
    "rolled": looking_at(BOARD, 0.45, roll_rad=np.deg2rad(25)),
    "tilted": looking_at(BOARD, 0.45, tilt_rad=(0.0, np.deg2rad(20))),
}


@pytest.mark.parametrize("how", SIMILAR)
def test_a_view_is_taken_when_it_differs_enough_in_one_way(how: str) -> None:
    sitting = Sitting()
    assert sitting.rest(picture()).seen is SeenPicture.TAKEN
    assert sitting.rest(picture(SIMILAR[how])).seen is SeenPicture.KNOWN
    assert sitting.rest(picture(OTHERS[how])).seen is SeenPicture.TAKEN


def wanted_after(poses: list[RigidTransform]) -> set[str]:
    """Return all wishes of the intrinsics after some views."""
    return set(goal_of(poses)[0]._wishes())


def everywhere(left_out: tuple[int, int] | None = None) -> list[RigidTransform]:
    """Return frontal views in all corners of the picture but one."""
    corners = [(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if (x, y) != left_out]
    return [looking_at(BOARD, 0.7, aside=(0.33 * x, 0.25 * y)) for x, y in corners]


@pytest.mark.parametrize(
    ("left_out", "words"),
    [
        ((-1, -1), "upper left"),
        ((1, -1), "upper right"),
        ((1, 1), "lower right"),
        ((-1, 1), "lower left"),
    ],
)
def test_the_part_of_the_picture_without_corners_is_named(
    left_out: tuple[int, int], words: str
) -> None:
    assert f"show it in the {words} of the picture" in wanted_after(everywhere(left_out))
    assert not any("of the picture" in w and "show" in w for w in wanted_after(everywhere()))


TILTS = {  # about the picture's x and y, and where in the picture that side is
    "upper": ((1, 0), (0, -1)),
    "lower": ((-1, 0), (0, 1)),
    "left": ((0, -1), (-1, 0)),
    "right": ((0, 1), (1, 0)),
}


def tilted(side: str) -> RigidTransform:
    lean = np.deg2rad(25) * np.array(TILTS[side][0])
    return looking_at(BOARD, 0.5, tilt_rad=(lean[0], lean[1]))


@pytest.mark.parametrize("side", TILTS)
def test_the_side_that_was_not_near_the_camera_is_named(side: str) -> None:
    places = BOARD.corner_places_m()
    T = tilted(side)
    that_way = CAMERA.project(T, places) @ TILTS[side][1]
    assert np.corrcoef(that_way, T.apply(places)[:, 2])[0, 1] < -0.9  # as its name says
    words = f"tilt its {side} side towards the camera"
    assert words in wanted_after([tilted(one) for one in TILTS if one != side])
    assert not any("tilt" in wish for wish in wanted_after([tilted(one) for one in TILTS]))


def test_size_and_roll_are_asked_for_until_they_vary() -> None:
    assert "bring it closer, until it fills half of the picture" in wanted_after(everywhere())
    near = looking_at(BOARD, 0.45)
    assert "take it further away" in wanted_after([near])
    wishes = wanted_after([near, looking_at(BOARD, 0.7, roll_rad=np.deg2rad(-40))])
    assert not wishes & {"take it further away", "turn it like a steering wheel"}
    assert "turn it like a steering wheel" in wanted_after([near])


def goal_of(poses: list[RigidTransform], seed: int = 0) -> tuple[ViewsWanted, list[Detection]]:
    """Return what is wanted after some views, and those of them that were new."""
    goal, rng = ViewsWanted(BOARD, seed), np.random.default_rng(seed)
    views = []
    for T in poses:
        view = CAMERA.corners(BOARD, T, 0.1, rng)
        if goal.is_new(BoardObservation(view)):
            goal.add(BoardObservation(view))
            views.append(view)
    return goal, views


def test_when_it_is_enough_the_intrinsics_are_accepted() -> None:
    goal, views = goal_of(varied_views(BOARD, CAMERA, 14, np.random.default_rng(0)))
    assert len(views) >= 10
    assert goal.lack() is None
    assert judge(fit_intrinsics(views, np.random.default_rng(0)), views).objections == []
    assert guess_camera(views).K[0, 0] == pytest.approx(CAMERA.focal_px, rel=0.05)


def test_views_without_tilt_are_not_enough() -> None:
    flat = [*everywhere(), *(looking_at(BOARD, 0.3 * 1.3**i) for i in range(3))]
    goal, views = goal_of(flat)
    assert len(views) >= 10
    assert re.fullmatch("tilt its .* side towards the camera, more than before", str(goal.lack()))


class Insatiable:
    """A goal that nothing fulfils."""

    def is_new(self, shot: BoardObservation) -> bool:
        return True

    def add(self, shot: BoardObservation) -> None:
        pass

    def wish(self) -> str:
        return "more"

    def lack(self) -> str | None:
        return "much more"


def test_pictures_that_never_do_come_to_an_end() -> None:
    capture, image = Capture(BOARD, Insatiable(), 5), picture()
    told = []
    while not capture.enough:
        verdict = capture.keep(image)
        told.append((capture.taken, capture.total, verdict.guidance))
    assert told[3] == (4, 5, "more")
    assert told[4] == (5, 6, "much more")
    assert told[-1] == (10, 10, "much more")


def test_a_careful_person_comes_to_an_end() -> None:
    small = Photographer((320, 240), focal_px=300.0, centre_px=(163.0, 118.0))
    sitting, rng = Sitting(wanted=10), np.random.default_rng(1)
    told = []
    for T in varied_views(BOARD, small, 20, rng):
        told.append(sitting.rest(small.take(BOARD, T)).guidance)
        if sitting.capture.enough:
            break
    assert sitting.capture.enough
    assert 10 <= sitting.capture.taken <= 12
    assert len(set(told)) > 3


def led(*turns_deg: tuple[float, float, float]) -> TurnsWanted:
    """Return what is wanted of a downward tool after it was turned about the base's axes."""
    goal = TurnsWanted(Mount.TOOL)
    down = Rotation.from_rotvec([np.pi, 0, 0])
    for turn in turns_deg:
        rotation = Rotation.from_rotvec(np.deg2rad(turn)) * down
        pose = RigidTransform.from_components([0.5, 0.0, 0.3], rotation)
        shot = BoardObservation(CAMERA.corners(BOARD, FRONT, 0.0, np.random.default_rng(0)), pose)
        if goal.is_new(shot):
            goal.add(shot)
    return goal


def test_hand_eye_names_the_turns_that_are_missing() -> None:
    assert "sees all of the board" in led().wish()
    away, towards = "point the tool further away from the base", "towards the base"
    tipped = list(led((0, 0, 0), (0, -12, 0))._wishes())  # its tip moved away from the base
    assert any(towards in wish for wish in tipped)
    assert away not in tipped
    assert any("to the left" in wish or "to the right" in wish for wish in tipped)
    assert any("screwdriver" in wish for wish in tipped)
    left = list(led((0, -20, 0), (0, 20, 0), (0, 0, 40), (-15, 0, 0), (0, 0, 0))._wishes())
    assert len(left) == 1
    assert "seen from the base" in left[0]


def test_hand_eye_has_enough_when_it_would_not_be_refused() -> None:
    about_one = [(0.0, angle, 0.0) for angle in np.linspace(-40, 40, MIN_POSES)]
    assert led(*about_one).lack() is not None
    assert led(*about_one[:-2]).lack() is not None
    about_two = [(angle, 0.0, 0.0) for angle in np.linspace(-20, 20, 6)]
    goal = led(*about_one, *about_two)
    assert goal.lack() is None
    poses = RigidTransform.concatenate(goal._poses)
    require_variety(Sightings.of(poses, poses, Mount.WORLD))
    with pytest.raises(DataError):
        require_variety(Sightings.of(poses[:12], poses[:12], Mount.WORLD))


def test_a_pose_is_taken_once() -> None:
    goal = led((0, 0, 0))
    assert len(goal._poses) == 1
    assert len(led((0, 0, 0), (0, 2, 0), (0, 8, 0))._poses) == 2
