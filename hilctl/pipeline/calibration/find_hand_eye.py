"""The step `hand-eye`: from pictures and poses to a judged record."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import RigidTransform

from hilctl.calibration.boards import Board
from hilctl.calibration.fit_hand_eye import MIN_POSES, Fitted, Off, Verdict, fit_hand_eye
from hilctl.calibration.hand_eye import Mount, Sightings
from hilctl.calibration.mistakes import explain_misfit
from hilctl.calibration.pose_file import read_poses
from hilctl.calibration.record import HandEyeRecord, OffRecord
from hilctl.calibration.views import LeftOut, Views
from hilctl.errors import DataError
from hilctl.pipeline.calibration.camera_files import CameraFiles
from hilctl.pipeline.calibration.find_intrinsics import look_through, made_from
from hilctl.pipeline.calibration.page import write_hand_eye_page
from hilctl.pipeline.progress import Event, Report


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
    T_base_tcp, views = _paired(read_poses(poses), look_through(images, board, report))
    views.require(MIN_POSES)
    camera = lens.at_size(_size_px(views))
    T_cam_board = RigidTransform.concatenate([camera.locate(v) for v in views.detections])
    rng = np.random.default_rng(seed)
    fitted = _fit(T_base_tcp, T_cam_board, mount, rng)
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


def _paired(poses: dict[str, RigidTransform], views: Views) -> tuple[RigidTransform, Views]:
    """Return poses and views of the same pictures, in the same order.

    Raises:
        DataError: no picture has a pose.
    """
    used = tuple(view for view in views.used if view.name in poses)
    alone = tuple(
        LeftOut(view.name, "has no pose") for view in views.used if view.name not in poses
    )
    paired = Views(used, (*views.left_out, *alone))
    if not used and alone:
        raise DataError(
            "no picture has a pose: the names in the column 'image' are others",
            hint=f"a picture is called {alone[0].name}",
        )
    paired.require(MIN_POSES)
    return RigidTransform.concatenate([poses[view.name] for view in used]), paired


def _size_px(views: Views) -> tuple[int, int]:
    sizes = sorted({view.size_px for view in views.detections})
    if len(sizes) > 1:
        told = ", ".join(f"{width}×{height}" for width, height in sizes)
        raise DataError(f"the pictures have different sizes: {told}")
    return sizes[0]


def _fit(
    T_base_tcp: RigidTransform,
    T_cam_board: RigidTransform,
    mount: Mount,
    rng: np.random.Generator,
) -> Fitted:
    """Return a solution that may be used.

    Raises:
        DataError: there is none; it says what looks wrong.
    """
    try:
        fitted = fit_hand_eye(Sightings.of(T_base_tcp, T_cam_board, mount), rng)
    except DataError as error:
        raise _refusal(error.message, error.hint, T_base_tcp, T_cam_board, mount) from None
    if fitted.held_out.verdict is Verdict.REFUSED:
        message = f"this hand-eye calibration is off by {fitted.held_out} at poses it has not seen"
        hint = "hold everything still, check the intrinsics and the size of the squares"
        raise _refusal(message, hint, T_base_tcp, T_cam_board, mount)
    return fitted


def _refusal(
    message: str,
    hint: str | None,
    T_base_tcp: RigidTransform,
    T_cam_board: RigidTransform,
    mount: Mount,
) -> DataError:
    mistake = explain_misfit(T_base_tcp, T_cam_board, mount)
    return DataError(f"{message}; {mistake}" if mistake else message, hint=hint)


def _record(fitted: Fitted, mount: Mount, views: Views, board: Board) -> HandEyeRecord:
    outliers = tuple(LeftOut(views.used[i].name, "fits the others badly") for i in fitted.outliers)
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


def _off(off: Off) -> OffRecord:
    return OffRecord(distance_m=off.distance_m, angle_rad=off.angle_rad)
