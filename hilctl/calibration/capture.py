"""Pictures that are taken by themselves while a person moves the board, or the arm.

Frame after frame is judged: is the board in view, sharp, still, and seen as it was not yet? And
what is wanted next is said in one line of words. Left and right are as the camera sees them.
"""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.spatial.transform import RigidTransform

from hilctl.calibration.boards.base import Board, Detection, Image
from hilctl.calibration.views import ExcludedPicture, examine

STILL_S = 0.4  # so long the corners have to rest
STILL_SHARE = 0.5 / 640  # in widths of the picture: 0.5 px at 640
KEPT_SHARE = 1.5 / 640  # for a still picture: a smaller frame tells less exactly where it was
PERSISTS_S = 1.0  # what is wrong with a picture is told when it stays so: a hand passes by
MIN_SHARED = 4  # corners seen twice, to tell how far they moved
AT_MOST = 2  # times as many pictures as wanted, whatever they still lack


class SeenPicture(enum.StrEnum):
    """What came of a picture."""

    ABSENT = "absent"
    SPOILT = "spoilt"
    MOVING = "moving"
    KNOWN = "known"
    WANTED = "wanted"
    TAKEN = "taken"


@dataclass(frozen=True)
class CaptureAdvice:
    """What came of a picture, and what the person should do next, in words."""

    seen: SeenPicture
    guidance: str


@dataclass(frozen=True)
class BoardObservation:
    """The board as it is seen, and where the tool is, as far as that is known."""

    view: Detection
    T_base_tcp: RigidTransform | None = None


class CaptureGoal(Protocol):
    """What a set of pictures is for: which belong to it, and what it lacks."""

    def is_new(self, shot: BoardObservation) -> bool:
        """Return whether a shot differs from all that are there."""
        ...

    def add(self, shot: BoardObservation) -> None:
        """Take a shot into the set."""
        ...

    def wish(self) -> str:
        """Return in words what would do the set good."""
        ...

    def lack(self) -> str | None:
        """Return in words what the set cannot do without, or None: the calibration takes it."""
        ...


class Capture:
    """Decide which pictures to take, and say what is wanted next.

    Args:
        board: what is shown.
        goal: what the pictures are for.
        wanted: how many pictures.

    Attributes:
        taken: how many there are.
    """

    def __init__(self, board: Board, goal: CaptureGoal, wanted: int) -> None:
        self._board, self._goal, self._wanted = board, goal, wanted
        self._rest = StillnessDetector()
        self._useless_since_ns: int | None = None
        self._lack: str | None = None
        self.taken = 0

    @property
    def total(self) -> int:
        """How many pictures there will be, as far as one can tell."""
        return max(self._wanted, self.taken + (not self.enough))

    @property
    def enough(self) -> bool:
        """Whether there are as many as wanted, and they do; after twice as many, in any case."""
        missing = self.taken < self._wanted or self._lack is not None
        return not missing or self.taken >= AT_MOST * self._wanted

    @property
    def guidance(self) -> str:
        """What is wanted next."""
        return self._lack or self._goal.wish()

    def consider(
        self, image: Image, stamp_ns: int, T_base_tcp: RigidTransform | None = None
    ) -> CaptureAdvice:
        """Judge a frame; one that is `WANTED` should be kept.

        Args:
            image: (H, W, 3) RGB.
            stamp_ns: when it was taken; frames come in order.
            T_base_tcp: where the tool was.
        """
        found = examine("", image, self._board)
        if isinstance(found, ExcludedPicture):
            self._rest.forget()
            return self._of_no_use(found, stamp_ns)
        self._useless_since_ns = None
        rests = self._rest.is_still(found.detection, stamp_ns)
        if not self._goal.is_new(BoardObservation(found.detection, T_base_tcp)):
            return CaptureAdvice(
                SeenPicture.MOVING if not rests else SeenPicture.KNOWN, self.guidance
            )
        if not rests:
            return CaptureAdvice(SeenPicture.MOVING, "hold still")
        return CaptureAdvice(SeenPicture.WANTED, self.guidance)

    def keep(self, image: Image, T_base_tcp: RigidTransform | None = None) -> CaptureAdvice:
        """Take a picture, which may be larger than the frame that was considered, if it is good."""
        found = examine("", image, self._board)
        if isinstance(found, ExcludedPicture):
            return CaptureAdvice(SeenPicture.SPOILT, _in_short(found.reason))
        if not self._rest.is_there(found.detection):
            return CaptureAdvice(SeenPicture.MOVING, "hold still")
        shot = BoardObservation(found.detection, T_base_tcp)
        if not self._goal.is_new(shot):
            return CaptureAdvice(SeenPicture.KNOWN, self.guidance)
        self._goal.add(shot)
        self.taken += 1
        self._lack = self._goal.lack() if self.taken >= self._wanted else None
        return CaptureAdvice(SeenPicture.TAKEN, self.guidance)

    def _of_no_use(self, found: ExcludedPicture, stamp_ns: int) -> CaptureAdvice:
        if found.reason == f"no {self._board.kind} in it":
            return CaptureAdvice(SeenPicture.ABSENT, f"the board is not in view; {self.guidance}")
        if self._useless_since_ns is None:
            self._useless_since_ns = stamp_ns
        if stamp_ns - self._useless_since_ns < PERSISTS_S * 1e9:
            return CaptureAdvice(SeenPicture.SPOILT, "hold still, with all of the board in view")
        return CaptureAdvice(SeenPicture.SPOILT, _in_short(found.reason))


def _in_short(reason: str) -> str:
    """Return a reason without its figures: they change from frame to frame."""
    what, _, advice = reason.partition(";")
    return f"{what.split(':')[0]};{advice}" if advice else reason


class StillnessDetector:
    """Whether corners have been at rest for `STILL_S`."""

    def __init__(self) -> None:
        self._before: deque[tuple[int, Detection]] = deque()

    def forget(self) -> None:
        """Begin anew: the board was out of sight."""
        self._before.clear()

    def is_still(self, view: Detection, stamp_ns: int) -> bool:
        """Add a view, and return whether it is where it was for `STILL_S`."""
        self._before.append((stamp_ns, view))
        since_ns = stamp_ns - round(STILL_S * 1e9)
        # the youngest that is old enough has to stay
        while len(self._before) > 1 and self._before[1][0] <= since_ns:
            self._before.popleft()
        return self._before[0][0] <= since_ns and all(
            moved(earlier, view) <= STILL_SHARE for _, earlier in self._before
        )

    def is_there(self, view: Detection) -> bool:
        """Return whether a view, of whatever size, shows the board where it was last."""
        return not self._before or moved(self._before[-1][1], view) <= KEPT_SHARE


def moved(one: Detection, other: Detection) -> float:
    """Return how far corners are from where they were, in widths of the picture, rms.

    It is infinite when hardly any corner is in both.
    """
    _, first, second = np.intersect1d(one.ids, other.ids, return_indices=True)
    if len(first) < MIN_SHARED:
        return float("inf")
    here = (one.image_px[first] + 0.5) / one.size_px[0]
    there = (other.image_px[second] + 0.5) / other.size_px[0]
    return float(np.sqrt(np.mean(np.sum((here - there) ** 2, axis=1))))
