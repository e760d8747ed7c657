"""The pages of a camera's calibration: figures, where corners were seen, how far they are off."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hilctl.calibration import fit_intrinsics
from hilctl.calibration.fit_hand_eye import ACCEPT_M, ACCEPT_RAD, HandEyeFit
from hilctl.calibration.judge_intrinsics import CELLS, corners_in_cells
from hilctl.calibration.record import HandEyeRecord, IntrinsicsRecord, Provenance
from hilctl.calibration.views import PictureViews
from hilctl.pipeline.calibrate.camera_files import CameraFiles
from hilctl.pipeline.page import write_report

NAMES = ("fx", "fy", "cx", "cy")


def write_intrinsics_page(
    files: CameraFiles,
    record: IntrinsicsRecord,
    fitted: fit_intrinsics.IntrinsicsFit,
    views: PictureViews,
) -> None:
    """Write the page of a camera's intrinsics.

    Raises:
        HilctlError: the folder cannot be written.
    """
    kept = [view for i, view in enumerate(views.detections) if i not in fitted.dropped]
    errors = np.concatenate([fitted.intrinsics.errors_px(view) for view in kept])
    places = np.concatenate([view.image_px for view in kept])
    write_report(
        files.page("intrinsics"),
        title=f"camera {files.camera}: intrinsics",
        lead=f"Corners of pictures it had not seen are {record.rms_px:.2f} px off.",
        tables=[
            ("Camera", _figures(record)),
            ("Error of each model on unseen pictures, px", _models(record)),
            ("Pictures", _pictures(record.made)),
        ],
        pictures=[
            ("Where corners were seen", _draw_coverage(corners_in_cells(kept), record.size_px)),
            ("How far they are off", _draw_errors(places, errors, record.size_px)),
        ],
    )


def write_hand_eye_page(files: CameraFiles, record: HandEyeRecord, fitted: HandEyeFit) -> None:
    """Write the page of where a camera sits.

    Raises:
        HilctlError: the folder cannot be written.
    """
    write_report(
        files.page("hand-eye"),
        title=f"camera {files.camera}: hand-eye",
        lead=f"{record.verdict}: {record.held_out} off at poses it had not seen.",
        tables=[("Camera", _place(record, fitted)), ("Pictures", _pictures(record.made))],
        pictures=[("How far off each pose is by a solution without it", _draw_poses(fitted))],
    )


def _place(record: HandEyeRecord, fitted: HandEyeFit) -> dict[str, str]:
    x, y, z = (1e3 * metres for metres in record.T_parent_cam[:3])
    parent = "tcp" if record.mount == "tool" else "base"
    return {
        f"camera in the {parent}": f"x {x:.1f}, y {y:.1f}, z {z:.1f} mm",
        "95 % interval": f"± {record.uncertainty}",
        "squares by the robot's motion": f"{100 * fitted.scale:.1f} ± "
        f"{196 * fitted.scale_sigma:.1f} % of the size given",
        "left out": ", ".join(record.outliers) or "none",
    }


def _figures(record: IntrinsicsRecord) -> dict[str, str]:
    parameters = record.camera.parameters
    rows = {
        name: f"{value:.2f} ± {1.96 * sigma:.2f} px"
        for name, value, sigma in zip(NAMES, parameters, record.sigma, strict=False)
    }
    rows["distortion"] = f"{record.model}: " + ", ".join(f"{k:.4f}" for k in record.distortion)
    rows["picture"] = f"{record.size_px[0]}×{record.size_px[1]} px"
    rows["covered"] = f"{100 * record.coverage:.0f} % of the picture"
    rows["tilts differ by"] = f"{np.degrees(record.variety_rad):.0f}°"
    return rows


def _models(record: IntrinsicsRecord) -> Mapping[str, Any]:
    return {
        name: "does not fit" if value is None else f"{value:.3f}"
        for name, value in record.held_out_rms_px.items()
    }


def _pictures(made: Provenance) -> dict[str, str]:
    return {"board": made.board, "used": f"{len(made.used)}", **made.left_out}


def _draw_coverage(cells: NDArray[np.int64], size_px: tuple[int, int]) -> bytes:
    width, height = size_px
    figure = Figure(figsize=(6, 6 * height / width), layout="constrained")
    axes = figure.subplots()
    shown = axes.imshow(cells, extent=(0, width, height, 0), cmap="viridis", aspect="equal")
    for (row, column), count in np.ndenumerate(cells):
        x, y = (column + 0.5) * width / CELLS, (row + 0.5) * height / CELLS
        ink = "black" if count > 0.6 * cells.max() else "white"
        axes.text(x, y, str(count), ha="center", va="center", color=ink, fontsize=8)
    axes.set(xlabel="px", ylabel="px")
    figure.colorbar(shown, ax=axes, label="corners")
    return _png(figure)


def _draw_errors(
    places: NDArray[np.float64], errors: NDArray[np.float64], size_px: tuple[int, int]
) -> bytes:
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(errors[:, 0], errors[:, 1], ".", ms=3, alpha=0.6)
    reach = 1.1 * float(np.abs(errors).max())
    left.set(xlabel="px to the right", ylabel="px down", xlim=(-reach, reach), ylim=(reach, -reach))
    left.set_aspect("equal")
    left.grid(alpha=0.3)
    arrows = right.quiver(
        places[:, 0], places[:, 1], errors[:, 0], errors[:, 1], angles="xy", width=0.002
    )
    right.quiverkey(arrows, 0.8, 1.05, 0.2, "0.2 px", labelpos="E")
    right.set(xlabel="px", ylabel="px", xlim=(0, size_px[0]), ylim=(size_px[1], 0))
    right.set_aspect("equal")
    return _png(figure)


def _draw_poses(fitted: HandEyeFit) -> bytes:
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(1e3 * fitted.errors_m, np.degrees(fitted.errors_rad), "o", ms=4)
    axes.axvline(1e3 * ACCEPT_M, color="tab:orange", label="accepted up to here")
    axes.axhline(np.degrees(ACCEPT_RAD), color="tab:orange")
    axes.set(xlabel="mm", ylabel="degrees", xlim=(0, None), ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend(loc="center")
    return _png(figure)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()
