"""When grippers turn round, by what was measured of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

OPENING = "gripper"  # a state: 0 closed … 1 open
TURNED = 0.05  # of the opening: more than a gripper that holds something gives way


def toggles(states: Mapping[str, Array]) -> NDArray[np.uint8]:
    """Return (T,) how many grippers began to move the other way in each step of an episode.

    A gripper that goes on as it did, or is told again what it does already, does not toggle, nor
    does one that is told and cannot move. It does not matter who told it.

    Args:
        states: name → (T + 1, ·) as measured; those of other quantities are passed over.
    """
    steps = len(next(iter(states.values()))) - 1
    openings = [state[:, 0] for name, state in states.items() if name.split("/")[-1] == OPENING]
    turns = [_turns(opening) for opening in openings]
    return np.sum(turns, axis=0, dtype=np.uint8) if turns else np.zeros(steps, np.uint8)


def _turns(opening: Array) -> NDArray[np.bool_]:
    """Return (T,) bool, in which steps an opening turned away from the farthest it had come."""
    turned = np.zeros(len(opening) - 1, np.bool_)
    opens, farthest = opening[0] > 0.5, opening[0]
    for step, now in enumerate(opening[1:]):
        farthest = max(farthest, now) if opens else min(farthest, now)
        if abs(now - farthest) > TURNED:
            turned[step], opens, farthest = True, not opens, now
    return turned
