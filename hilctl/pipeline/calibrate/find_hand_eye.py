"""The step `hand-eye`: from pictures and poses to a judged record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import RigidTransform

from hilctl.calibration.boards import Board
from hilctl.calibration.fit_hand_eye import (
    MIN_POSES,
    HandEyeFit,
    HandEyeVerdict,
    PoseError,
    fit_hand_eye,
)
from hilctl.calibration.hand_eye import Mount, Sightings
from hilctl.calibration.intrinsics import Intrinsics
from hilctl.calibration.mistakes import explain_misfit
from hilctl.calibration.picture_order import mixed_up
from hilctl.calibration.pose_file import PoseTable, read_poses
from hilctl.calibration.record import HandEyeRecord, PoseErrorRecord
from hilctl.calibration.views import ExcludedPicture, PictureViews
from hilctl.errors import DataError
from hilctl.pipeline.calibrate.camera_files import CameraFiles
from hilctl.pipeline.calibrate.find_intrinsics import look_through, made_from, tell_copies
from hilctl.pipeline.calibrate.page import write_hand_eye_page
from hilctl.pipeline.events import Event, Report


def find_hand_eye(
    files: CameraFiles,
    images: Path,
    poses: Path,
    board: Board,
    mount: Mount,
    *,
    seed: int,
    report: Report,
) -> HandEyeRecord:
    """Find where a camera sits from pictures and poses, and keep that when it can be trusted.

    Args:
        files: of the camera, whose intrinsics are known.
        images: folder of pictures.
        poses: table of the robot's poses.
        board: what the pictures show.
        mount: what carries the camera.
        seed: draws held-out poses and resamples.
        report: told of every picture that is of no use.

    Raises:
        MissingStageError: the intrinsics are not known.
        DataError: there are too few usable pictures, or the result cannot be trusted; it says why.
        HilctlError: the folder cannot be written.
    """
    # the same pictures do for intrinsics
    known, lens = files.record_with_lens(f"intrinsics --board {board} --images {images}")
    if known.intrinsics is None:
        report(Event("factory", f"the lens of camera {files.camera} is as its maker says"))
    table = read_poses(poses)
    rows, views = _paired(table, look_through(images, board, report))
    evidence = HandEyeEvidence.of(table, rows, views, lens, mount)
    tell_copies(report, "poses", evidence.sightings.groups)
    fitted = _fit(evidence, np.random.default_rng(seed))
    if fitted.wrong_size:
        raise DataError(
            f"by the robot's motion the board's squares are {100 * fitted.scale:.1f} ± "
            f"{196 * fitted.scale_sigma:.1f} % of the size given",
            where=str(images),
            hint="measure one with a ruler, and give that with --board: perhaps "
            f"{board.with_square(round(fitted.scale * board.square_m, 4))}",
        )
    record = _record(fitted, mount, views, board)
    files.update(known.size_px, hand_eye=record)
    write_hand_eye_page(files, record, fitted)
    return record


def _paired(table: PoseTable, views: PictureViews) -> tuple[dict[str, int], PictureViews]:
    """Return which pose belongs to which picture, and the views that have one.

    Raises:
        DataError: no picture has a pose, or too few have.
    """
    names = [view.name for view in views.used] + [one.name for one in views.left_out]
    rows = table.rows_of(names)
    used = tuple(view for view in views.used if view.name in rows)
    alone = tuple(
        ExcludedPicture(view.name, "has no pose") for view in views.used if view.name not in rows
    )
    paired = PictureViews(used, (*views.left_out, *alone))
    if not used and alone:
        raise DataError(
            "no picture has a pose: the names in the column 'image' are others",
            where=str(table.path),
            hint=f"a picture is called {alone[0].name}",
        )
    paired.require(MIN_POSES)
    return rows, paired


@dataclass(frozen=True)
class HandEyeEvidence:
    """What robot and camera tell of the same moments.

    Attributes:
        T_base_tcp, T_cam_board: (N,).
        mount: what is said to carry the camera.
        others: in words what may be meant instead → (N,) `T_base_tcp` by that.
    """

    T_base_tcp: RigidTransform
    T_cam_board: RigidTransform
    mount: Mount
    others: Mapping[str, RigidTransform]

    @classmethod
    def of(
        cls,
        table: PoseTable,
        rows: Mapping[str, int],
        views: PictureViews,
        lens: Intrinsics,
        mount: Mount,
    ) -> HandEyeEvidence:
        """Return what a table of poses and the views of the same pictures tell."""
        names = [view.name for view in views.used]
        order = np.array([rows[name] for name in names])
        others = {words: T[order] for words, T in table.readings.items()}
        for words, of_another in mixed_up(rows).items():
            others[words] = table.T_base_tcp[[rows[of_another[name]] for name in names]]
        camera = lens.at_size(views.detections[0].size_px)
        T_cam_board = RigidTransform.concatenate([camera.locate(v) for v in views.detections])
        return cls(table.T_base_tcp[order], T_cam_board, mount, others)

    @property
    def sightings(self) -> Sightings:
        """What they mean for the mount."""
        return Sightings.of(self.T_base_tcp, self.T_cam_board, self.mount)

    def refusal(self, message: str, hint: str | None) -> DataError:
        """Return why no solution may be used, with the mistake that explains it."""
        mistake = self.mistake()
        return DataError(f"{message}; {mistake}" if mistake else message, hint=hint)

    def mistake(self) -> str | None:
        """Return the mistake whose correction makes them fit, or None."""
        return explain_misfit(self.T_base_tcp, self.T_cam_board, self.mount, self.others)


def _fit(evidence: HandEyeEvidence, rng: np.random.Generator) -> HandEyeFit:
    """Return a solution that may be used.

    Raises:
        DataError: there is none; it says what looks wrong.
    """
    try:
        fitted = fit_hand_eye(evidence.sightings, rng)
    except DataError as error:
        raise evidence.refusal(error.message, error.hint) from None
    message = f"this hand-eye calibration is off by {fitted.held_out} at poses it has not seen"
    if fitted.held_out.verdict is HandEyeVerdict.REFUSED:
        hint = "hold everything still, check the intrinsics and the size of the squares"
        raise evidence.refusal(message, hint)
    # a mistake that tells little of some poses spoils the others: those look like outliers
    doubtful = fitted.outliers or fitted.held_out.verdict is HandEyeVerdict.DOUBTFUL
    if doubtful and (mistake := evidence.mistake()):
        left_out = f", without {len(fitted.outliers)} poses" if fitted.outliers else ""
        raise DataError(f"{message}{left_out}; {mistake}", hint="mend that, then try again")
    return fitted


def _record(fitted: HandEyeFit, mount: Mount, views: PictureViews, board: Board) -> HandEyeRecord:
    outliers = tuple(
        ExcludedPicture(views.used[i].name, "fits the others badly") for i in fitted.outliers
    )
    found = fitted.hand_eye
    return HandEyeRecord(
        mount=mount,
        T_parent_cam=_numbers(found.T_parent_cam),
        T_other_board=_numbers(found.T_other_board),
        held_out=_off(fitted.held_out),
        uncertainty=_off(fitted.uncertainty),
        verdict=fitted.held_out.verdict,
        outliers=[one.name for one in outliers],
        made=made_from(board, views, outliers),
    )


def _numbers(T: RigidTransform) -> list[float]:
    return [*map(float, T.translation), *map(float, T.rotation.as_quat())]


def _off(off: PoseError) -> PoseErrorRecord:
    return PoseErrorRecord(distance_m=off.distance_m, angle_rad=off.angle_rad)
