"""How light a picture is, and whether the next one is lit alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hilctl.calibration.boards.base import Image, to_grey

CLIPPED = 250
MAX_CLIPPED = 0.10  # share of the picture: lamps and highlights are less
DARK, LIGHT = 0.08, 0.92  # luminance of a picture in which little can be told apart
DARKER, BRIGHTER = 0.6, 1.67  # luminance over what it was
MORE_CLIPPED = 0.05  # than there was, as a share of the picture
SAME = 0.05  # relative: what a camera reads back of what it was told


@dataclass(frozen=True)
class Brightness:
    """How light a picture is.

    Attributes:
        luminance: mean level, 0 to 1.
        saturated: share of the picture that is clipped at the upper end.
    """

    luminance: float
    saturated: float

    @property
    def objection(self) -> str | None:
        """Why this light is bad to see by and what to do, or None."""
        if self.saturated > MAX_CLIPPED:
            return f"{self.saturated:.0%} of it is over-exposed; shade the lamp or turn it away"
        if self.luminance < DARK:
            return f"it is dark ({self.luminance:.0%} of full light); give it more light"
        if self.luminance > LIGHT:
            return f"it is glaring ({self.luminance:.0%} of full light); give it less light"
        return None

    def remarks(self, now: Brightness) -> list[str]:
        """Return in words how another picture of the same view is lit otherwise."""
        remarks = remarks_on(now.luminance / max(self.luminance, 1e-3))
        if now.saturated > self.saturated + MORE_CLIPPED:
            remarks.append(f"{now.saturated:.0%} of it is over-exposed")
        return remarks


def measure_light(image: Image) -> Brightness:
    """Measure how light an (H, W, 3) RGB picture is."""
    grey = to_grey(image)
    return Brightness(
        luminance=float(grey.mean() / 255.0),
        saturated=float(np.mean(image.max(axis=2) >= CLIPPED)),
    )


def remarks_on(brightness: float) -> list[str]:
    """Return what is worth a warning about a mean level over what it was."""
    if brightness < DARKER:
        return ["it is darker than it was"]
    if brightness > BRIGHTER:
        return ["it is brighter than it was"]
    return []


def not_taken(wanted: dict[str, float], found: dict[str, float]) -> list[str]:
    """Return in words which controls a camera did not take as it was told."""
    off = []
    for name, value in wanted.items():
        if name not in found:
            off.append(f"it has no {name}")
        elif not np.isclose(found[name], value, rtol=SAME, atol=1e-9):
            off.append(f"its {name} is {found[name]:g}, {value:g} was asked for")
    return off
