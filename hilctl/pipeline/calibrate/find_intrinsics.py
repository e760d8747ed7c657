"""The step `intrinsics`: from a folder of pictures to a judged record."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from hilctl.calibration.boards import Board
from hilctl.calibration.copies import Indices, count_distinct, groups_of_views
from hilctl.calibration.fit_intrinsics import MIN_VIEWS, IntrinsicsFit, fit_intrinsics
from hilctl.calibration.judge_intrinsics import IntrinsicsQuality, judge
from hilctl.calibration.record import IntrinsicsRecord, Provenance
from hilctl.calibration.views import ExcludedPicture, PictureViews, examine_all, read_pictures
from hilctl.errors import DataError
from hilctl.pipeline.calibrate.camera_files import CameraFiles
from hilctl.pipeline.calibrate.page import write_intrinsics_page
from hilctl.pipeline.events import Event, Report
from hilctl.pipeline.provenance import versions


def find_intrinsics(
    files: CameraFiles, images: Path, board: Board, *, seed: int, report: Report
) -> IntrinsicsRecord:
    """Find a camera's intrinsics from pictures, and keep them when they can be trusted.

    Args:
        files: of the camera.
        images: folder of pictures.
        board: what they show.
        seed: draws which pictures are held out together.
        report: told of every picture.

    Raises:
        DataError: there are no usable pictures, or the result cannot be trusted; it says why.
        HilctlError: the folder cannot be written.
    """
    views = look_through(images, board, report)
    views.require(MIN_VIEWS)
    tell_copies(report, "views", groups_of_views(views.detections))
    report(Event("fit", "comparing models of the lens on pictures they have not seen"))
    fitted = fit_intrinsics(views.detections, np.random.default_rng(seed))
    judgement = judge(fitted, views.detections)
    if judgement.objections:
        first, *others = judgement.objections
        raise DataError(
            f"these intrinsics cannot be trusted: {first}",
            where=str(images),
            hint="; ".join(others) or "then try again",
        )
    record = _record(fitted, judgement, views, board)
    known = files.record()
    raw_size_px = files.raw_size_px() or (known.size_px if known else record.size_px)
    files.update(raw_size_px, intrinsics=record)
    write_intrinsics_page(files, record, fitted, views)
    return record


def look_through(images: Path, board: Board, report: Report) -> PictureViews:
    """Find the board in the pictures of a folder, and tell which are of no use.

    Raises:
        DataError: there is no such folder, or no picture in it.
    """
    report(Event("examine", f"looking for the board in the pictures of {images}"))
    views = examine_all(read_pictures(images), board)
    for one in views.left_out:
        told = {"picture": one.name, "reason": one.reason}
        report(Event("left_out", f"{one.name}: {one.reason}", figures=told))
    return views


def tell_copies(report: Report, what: str, groups: Indices) -> None:
    """Tell how many distinct poses or views there are, if some are copies of others."""
    total, distinct = len(groups), count_distinct(groups)
    if distinct < total:
        told = f"{distinct} distinct {what} in {total} pictures: copies count once"
        report(Event("copies", told, figures={"pictures": total, "distinct": distinct}))


def made_from(
    board: Board, views: PictureViews, dropped: tuple[ExcludedPicture, ...]
) -> Provenance:
    """Return where a measurement comes from."""
    away = {one.name: one.reason for one in (*views.left_out, *dropped)}
    used = [view.name for view in views.used if view.name not in away]
    return Provenance(board=str(board), used=used, left_out=away, versions=versions())


def _record(
    fitted: IntrinsicsFit, judgement: IntrinsicsQuality, views: PictureViews, board: Board
) -> IntrinsicsRecord:
    known = fitted.intrinsics
    dropped = tuple(
        ExcludedPicture(views.used[i].name, "fits the others badly") for i in fitted.dropped
    )
    return IntrinsicsRecord(
        model=known.model,
        size_px=known.size_px,
        K=known.K.tolist(),
        distortion=known.distortion.tolist(),
        sigma=fitted.sigma.tolist(),
        held_out_rms_px={
            name: value if math.isfinite(value) else None
            for name, value in fitted.held_out_rms_px.items()
        },
        coverage=judgement.coverage,
        variety_rad=judgement.variety_rad,
        made=made_from(board, views, dropped),
    )
