"""From pictures to views of a board: what is used, and what is left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from hilctl.calibration.boards.base import Board, Detection, Image
from hilctl.calibration.sharpness import explain_picture, exposure_of, objection
from hilctl.errors import DataError
from hilctl.task.files import write_bytes_atomic

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}
UNREADABLE = "cannot be read as a picture"


@dataclass(frozen=True)
class View:
    """A picture in which the board was found."""

    name: str
    detection: Detection


@dataclass(frozen=True)
class LeftOut:
    """A picture that is not used, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Views:
    """What came of a set of pictures."""

    used: tuple[View, ...]
    left_out: tuple[LeftOut, ...]

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


def examine(name: str, image: Image | None, board: Board) -> View | LeftOut:
    """Find the board in a picture; None stands for one that cannot be read."""
    if image is None:
        return LeftOut(name, UNREADABLE)
    view = board.detect(image)
    if view is None:
        reason = board.explain_absence(image) or explain_picture(image)
        return LeftOut(name, reason or f"no {board.kind} in it")
    found = exposure_of(image, board, view)
    against = objection(found, image.shape[1]) if found else None
    return View(name, view) if against is None else LeftOut(name, against)


def examine_all(pictures: Iterable[tuple[str, Image | None]], board: Board) -> Views:
    """Find the board in many pictures."""
    found = [examine(name, image, board) for name, image in pictures]
    return Views(
        tuple(one for one in found if isinstance(one, View)),
        tuple(one for one in found if isinstance(one, LeftOut)),
    )


def read_pictures(folder: Path) -> Iterator[tuple[str, Image | None]]:
    """Yield name and (H, W, 3) RGB picture of every image file in a folder, in order of name.

    Raises:
        DataError: there is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}", hint="give the one with the pictures")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        known = ", ".join(sorted(SUFFIXES))
        raise DataError("there is no picture in it", where=str(folder), hint=f"known are: {known}")
    for path in paths:
        yield path.name, read_picture(path)


def read_picture(path: Path) -> Image | None:
    """Return the (H, W, 3) RGB picture of a file, or None when it cannot be read."""
    # neither imread nor warnings: they print to the terminal when a file is damaged
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    content = np.frombuffer(path.read_bytes(), np.uint8)
    if not len(content):
        return None
    try:
        image = cv2.imdecode(content, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        return None
    return None if image is None else np.ascontiguousarray(image[..., ::-1], np.uint8)


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
