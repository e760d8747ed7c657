"""Which poses of the tool a hand-eye calibration still wants, by the measure it is refused by."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

from hilctl.calibration.capture import BoardObservation
from hilctl.calibration.fit_hand_eye import MIN_SPAN_RAD, require_variety
from hilctl.calibration.hand_eye import Mount, Sightings
from hilctl.errors import DataError

Array = NDArray[np.float64]

SPAN_RAD = 1.1 * MIN_SPAN_RAD  # from one side to the other: some pictures may be left out later
NEW_TURN_RAD, NEW_PLACE_M = np.deg2rad(5.0), 0.03
UP = np.array([0.0, 0.0, 1.0])

# opposite directions of the tool's tip; a person sees them from the robot's base
WORDS = (
    (
        "point the tool further away from the base",
        "point the tool further towards the base",
    ),
    (
        "point the tool further to the left, seen from the base",
        "point the tool further to the right, seen from the base",
    ),
    ("point the tool further up", "point the tool further down"),
)


class TurnsWanted:
    """Poses from which it can be found where a camera sits.

    Args:
        mount: what carries the camera.
    """

    def __init__(self, mount: Mount) -> None:
        self._mount = mount
        self._poses: list[RigidTransform] = []

    def is_new(self, shot: BoardObservation) -> bool:
        """Return whether the tool is turned as it was not yet, or clearly elsewhere."""
        here = _pose(shot)
        away = [here.inv() * there for there in self._poses]
        return all(
            one.rotation.magnitude() > NEW_TURN_RAD or np.linalg.norm(one.translation) > NEW_PLACE_M
            for one in away
        )

    def add(self, shot: BoardObservation) -> None:
        """Take a pose into the set."""
        self._poses.append(_pose(shot))

    def wish(self) -> str:
        """Return in words how to turn the tool, one thing after the other."""
        if not self._poses:
            return "lead the tool to where the camera sees all of the board"
        wishes = list(self._wishes())
        # the next one with every picture: what cannot be done must not stand in the way
        return wishes[len(self._poses) % len(wishes)] if wishes else "turn the tool another way"

    def lack(self) -> str | None:
        """Return in words why a calibration from these poses would be refused, or None."""
        poses = RigidTransform.concatenate(self._poses)
        try:
            require_variety(Sightings.of(poses, poses, self._mount))  # the tool's turns decide
        except DataError as error:
            return next(self._wishes(), error.hint or error.message)
        return None

    def _wishes(self) -> Iterator[str]:
        axes = np.array([pose.rotation.apply(UP) for pose in self._poses])
        outwards = self._poses[0].translation * [1, 1, 0]
        outwards = outwards / max(float(np.linalg.norm(outwards)), 1e-6)
        directions = np.array([outwards, np.cross(UP, outwards), UP])
        along = int(np.abs(directions @ axes[0]).argmax())  # a tool does not tilt along itself
        for number, (more, less) in enumerate(WORDS):
            leans_rad = np.arcsin(np.clip(axes @ directions[number], -1, 1))
            high, low = leans_rad.max() - leans_rad[0], leans_rad[0] - leans_rad.min()
            if number != along and high + low < SPAN_RAD:
                yield more if high <= low else less
        rolls_rad = [(self._poses[0].inv() * pose).rotation.as_rotvec()[2] for pose in self._poses]
        if max(rolls_rad) - min(rolls_rad) < MIN_SPAN_RAD:
            yield "turn the tool about its own axis, like a screwdriver"


def _pose(shot: BoardObservation) -> RigidTransform:
    if shot.T_base_tcp is None:
        raise TypeError("where the tool is has to be known")
    return shot.T_base_tcp
