"""From pictures to views of a board: what is used, and what is left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hilctl.calibration.boards.base import Board, Detection, Image
from hilctl.calibration.picture_order import by_number
from hilctl.calibration.sharpness import explain_picture, exposure_of, objection
from hilctl.errors import DataError
from hilctl.task.files import os_errors, write_bytes_atomic

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pnm"}
UNREADABLE = "cannot be read as a picture"


@dataclass(frozen=True)
class BoardPicture:
    """A picture in which the board was found."""

    name: str
    detection: Detection


@dataclass(frozen=True)
class ExcludedPicture:
    """A picture that is not used, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class PictureViews:
    """What came of a set of pictures."""

    used: tuple[BoardPicture, ...]
    left_out: tuple[ExcludedPicture, ...]

    @property
    def detections(self) -> list[Detection]:
        """The board's corners in the pictures that are used."""
        return [view.detection for view in self.used]

    def require(self, count: int) -> None:
        """Check that enough pictures are left.

        Raises:
            DataError: they are not; it says why most of the others were left out.
        """
        if len(self.used) >= count:
            return
        total = len(self.used) + len(self.left_out)
        message = f"the board was found in {len(self.used)} of {total} pictures, {count} are needed"
        reasons = Counter(_kind(one.reason) for one in self.left_out).most_common(2)
        told = "; ".join(f"{number} × {reason}" for reason, number in reasons)
        hint = "take more, with the board in view, sharp and evenly lit"
        raise DataError(f"{message} ({told})" if told else message, hint=hint)


def examine(name: str, image: Image | None, board: Board) -> BoardPicture | ExcludedPicture:
    """Find the board in a picture; None stands for one that cannot be read."""
    if image is None:
        return ExcludedPicture(name, UNREADABLE)
    view = board.detect(image)
    if view is None:
        # first what is wrong with the picture: a blurred board is easily taken for another one
        reason = explain_picture(image) or board.explain_absence(image)
        return ExcludedPicture(name, reason or f"no {board.kind} in it")
    found = exposure_of(image, board, view)
    against = objection(found, image.shape[1]) if found else None
    return BoardPicture(name, view) if against is None else ExcludedPicture(name, against)


def examine_all(pictures: Iterable[tuple[str, Image | None]], board: Board) -> PictureViews:
    """Find the board in many pictures; those of one size are used, the others left out."""
    found = [examine(name, image, board) for name, image in pictures]
    used = [one for one in found if isinstance(one, BoardPicture)]
    odd = _of_odd_size(used)
    left_out = [one for one in found if isinstance(one, ExcludedPicture)]
    return PictureViews(
        tuple(view for view in used if view.name not in {one.name for one in odd}),
        (*left_out, *odd),
    )


def _of_odd_size(views: Sequence[BoardPicture]) -> list[ExcludedPicture]:
    """Return the views that are not of the size that most have; of the larger, if as many do."""
    counts = Counter(view.detection.size_px for view in views)
    usual = max(counts, key=lambda size: (counts[size], size), default=(0, 0))
    return [
        ExcludedPicture(
            view.name, f"of another size: {_told(view.detection.size_px)}, not {_told(usual)}"
        )
        for view in views
        if view.detection.size_px != usual
    ]


def _told(size_px: tuple[int, int]) -> str:
    return f"{size_px[0]}×{size_px[1]}"


def read_pictures(folder: Path) -> Iterator[tuple[str, Image | None]]:
    """Yield name and (H, W, 3) RGB picture of every image file in a folder.

    They come in the order of the numbers in their names: img_2 before img_10.

    Raises:
        DataError: there is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}", hint="give the one with the pictures")
    with os_errors(folder):
        known = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES]
        paths = sorted(
            (path for path in known if path.is_file() and not path.name.startswith(".")),
            key=lambda path: by_number(path.name),
        )
    if not paths:
        kinds = ", ".join(sorted(SUFFIXES))
        raise DataError("there is no picture in it", where=str(folder), hint=f"known are: {kinds}")
    for path in paths:
        yield path.name, read_picture(path)


def read_picture(path: Path) -> Image | None:
    """Return the (H, W, 3) RGB picture of a file, or None when it cannot be read.

    One with more than 8 bits is scaled by the bits that it uses, often 10 or 12.

    Raises:
        HilctlError: the file may not be read, or is gone.
    """
    # neither imread nor warnings: they print to the terminal when a file is damaged
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    with os_errors(path):
        content = np.frombuffer(path.read_bytes(), np.uint8)
    if not len(content):
        return None
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(content, flags)
    except cv2.error:
        return None
    return None if image is None else np.ascontiguousarray(_in_8_bits(image)[..., ::-1])


def _in_8_bits(image: NDArray[Any]) -> Image:
    """Return a picture with its levels scaled so that the range they use becomes 0 to 255."""
    if image.dtype == np.uint8:
        return np.asarray(image, np.uint8)
    levels = np.nan_to_num(np.asarray(image, float), posinf=0.0, neginf=0.0)
    peak = float(levels.max())
    if peak <= 1.0 and image.dtype.kind == "f":
        top = 1.0
    else:
        top = 2.0 ** max(8, np.ceil(np.log2(peak + 1))) - 1
    return np.asarray((levels / top * 255).round().clip(0, 255), np.uint8)


def write_picture(path: Path, image: Image) -> bytes:
    """Write an (H, W, 3) RGB picture as PNG and return the content of the file.

    Raises:
        HilctlError: the folder cannot be written.
    """
    content = bytes(cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))[1])
    write_bytes_atomic(path, content)
    return content


def _kind(reason: str) -> str:
    """Return a reason without its figures and its advice, so that equal ones count together."""
    return reason.split(":")[0].split(";")[0]
