"""Choosing what the policy sees of a camera: what a person has before them, and what a key does."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from hilctl.calibration.boards.base import Image
from hilctl.calibration.roi import CUTS_MUCH, FILLS, cut_motion, drawn
from hilctl.cli.calibration.roi_boxes import (
    Size,
    clamped,
    grown,
    moved,
    resized,
    shaped,
)
from hilctl.errors import DeviceError
from hilctl.networks.letterbox import at_size, filled_share, letterboxed
from hilctl.task.sections import Box

Level = Literal["ok", "warning", "bad"]

STEPS_PX = (1, 4, 16)
LOOK_EVERY_S = 0.5
CUTS_TOO_MUCH = 0.2  # of what moves
ARROWS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
GROWS = {"+": 1, "=": 1, "-": -1, "_": -1}  # with and without Shift


@dataclass(frozen=True, eq=False)
class CropSubject:
    """What there is to choose from.

    Attributes:
        camera: its name.
        image: (H, W, 3) raw RGB frame.
        start: the crop to begin with, in px on the raw frame.
        size: width and height in px of what the policy sees.
        motion: (H, W) in how many of the recorded frames a pixel changes, 0 to 1; None = unknown.
        look: takes a new frame, where the camera is there.
    """

    camera: str
    image: Image
    start: Box
    size: Size = (128, 128)
    motion: NDArray[np.float64] | None = None
    look: Callable[[], Image] | None = None

    @property
    def frame_px(self) -> Size:
        """Width and height of the raw frame."""
        return self.image.shape[1], self.image.shape[0]


class CropChoice:
    """What has been chosen so far; the same in a terminal and in a window.

    Args:
        subject: what there is to choose from.

    Attributes:
        box: the crop.
        image: the latest frame.
        step_px: how far an arrow goes.
        resizes: whether arrows resize the crop and with Shift move it; else the other way round.
        shows_motion: whether what moves is drawn over the picture.
        trouble: why the picture is old; empty while it is not.
        is_over: whether the person is done.
        kept: the crop, once it is kept.
    """

    def __init__(self, subject: CropSubject) -> None:
        self.subject = subject
        self.box = clamped(subject.start, subject.frame_px)
        self.image = subject.image
        self.step_px = STEPS_PX[1]
        self.resizes = self.shows_motion = self.is_over = False
        self.trouble = ""
        self.kept: Box | None = None
        self._looked_s = time.monotonic()

    def press(self, key: str) -> None:
        """Do what a key asks for; others do nothing."""
        frame_px, arrow = self.subject.frame_px, key.removeprefix("shift+")
        if arrow in ARROWS:
            dx, dy = (self.step_px * sign for sign in ARROWS[arrow])
            change = resized if self.resizes != (arrow != key) else moved
            self.box = change(self.box, dx, dy, frame_px)
        elif key in GROWS:
            self.box = grown(self.box, 2 * self.step_px * GROWS[key], frame_px)
        elif key == "s":
            self.box = shaped(self.box, self.subject.size, frame_px)
        elif key == "f":
            self.box = (0, 0, *frame_px)
        elif key == "space":
            self.step_px = STEPS_PX[(STEPS_PX.index(self.step_px) + 1) % len(STEPS_PX)]
        elif key == "tab":
            self.resizes = not self.resizes
        elif key == "m":
            self.shows_motion = self.subject.motion is not None and not self.shows_motion
        elif key in ("enter", "escape", "q"):
            self.is_over = True
            self.kept = self.box if key == "enter" else None

    def refresh(self) -> bool:
        """Look again when it is time to; return whether there is something new to show."""
        look = self.subject.look
        if look is None or time.monotonic() < self._looked_s + LOOK_EVERY_S:
            return False
        try:
            image = look()
            if image.shape != self.image.shape:
                raise DeviceError("the camera delivers another size than before")
            self.image, self.trouble = image, ""
        except DeviceError as error:
            self.trouble = f"no new picture: {error.message}"
        # after the look: a slow camera must leave time for keys
        self._looked_s = time.monotonic()
        return True

    def status(self) -> list[tuple[str, Level]]:
        """Return what is to be said of the crop, and how bad each of it is."""
        parts: list[tuple[str, Level]] = [("crop " + ",".join(map(str, self.box)), "ok")]
        motion = self.subject.motion
        if motion is not None:
            cut = cut_motion(motion, self.box)
            level: Level = "bad" if cut > CUTS_TOO_MUCH else "warning" if cut > CUTS_MUCH else "ok"
            parts.append((f"cuts {100 * cut:.0f} % of what moves", level))
        filled = filled_share(self.box[2:], self.subject.size)
        if filled < FILLS:
            parts.append((f"fills {100 * filled:.0f} %, the rest is black; s mends it", "ok"))
        if self.trouble:
            parts.append((self.trouble, "bad"))
        return parts

    def help(self) -> list[tuple[str, str]]:
        """Return the keys and what they do now."""
        width, height = self.subject.size
        shape = "square" if width == height else f"shape {width}:{height}"
        motion = [("m", "shows what moves")] if self.subject.motion is not None else []
        arrows = ("resize", "move") if self.resizes else ("move", "resize")
        return [
            ("arrows", arrows[0]),
            ("Shift+arrows", arrows[1]),
            ("Tab", "swaps these"),
            ("+ -", "larger, smaller"),
            ("Space", f"step {self.step_px} px"),
            ("s", shape),
            ("f", "full frame"),
            *motion,
            ("Enter", "keeps"),
            ("Esc", "leaves without"),
        ]

    def picture(self, size: Size) -> Image:
        """Return the (height, width, 3) frame with the crop drawn in, and what moves if asked."""
        factors = np.divide(size, self.subject.frame_px)
        # drawn at its final size: a thin line would not outlast being shrunk
        left, top = np.rint(factors * self.box[:2]).astype(int).tolist()
        right, bottom = np.rint(factors * np.add(self.box[:2], self.box[2:])).astype(int).tolist()
        motion = None
        if self.shows_motion and self.subject.motion is not None:
            motion = np.asarray(
                cv2.resize(self.subject.motion, size, interpolation=cv2.INTER_AREA), float
            )
        return drawn(at_size(self.image, size), (left, top, right - left, bottom - top), motion)

    def policy_view(self) -> Image:
        """Return what the policy sees: the crop at its size."""
        x, y, width, height = self.box
        return letterboxed(self.image[y : y + height, x : x + width], self.subject.size)
