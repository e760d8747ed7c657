"""How a tool came to where it is, and so how far it may be inside of something.

What a rigid tool is inside of lets it move along one line, and hardly beside it. Wherever it was
beside the line on which it is drawn out, on its way in, it was not inside yet.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BESIDE_M = 0.005  # more than any clearance, and than a tool sways that is held at its tip
STEP_M = 0.02  # between two looks; over a longer one something may have been stepped over
MARGIN_M = 0.005
MOST_LOOKS = 10_000


class WayIn:
    """The places of a tool since its last start."""

    def __init__(self) -> None:
        self._places: deque[Array] = deque(maxlen=MOST_LOOKS)

    def begin(self) -> None:
        """Forget what was before: a new way begins."""
        self._places.clear()

    def note(self, place: Array) -> None:
        """Take the (3,) place of now, in m."""
        self._places.append(np.array(place))

    def inside_m(self, here: Array, out: Array) -> float | None:
        """Return how far the tool may be inside of something: after that way out it is free.

        Args:
            here: (3,) where it is.
            out: (3,) direction of length 1 in which it will be drawn.

        Returns:
            Metres; None = nobody knows: it was not seen beside that line, it came from further in,
            or it has been moved unseen.
        """
        seen = here
        for place in reversed(self._places):
            if np.linalg.norm(place - seen) > STEP_M:
                return None
            way = place - here
            along_m = float(way @ out)
            if np.linalg.norm(way - along_m * out) > BESIDE_M:
                return along_m + MARGIN_M if along_m >= 0 else None
            seen = place
        return None
