"""How demonstrations began: where the tool was, and how light it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hilctl.calibration.exposure import Brightness, measure_light
from hilctl.data import layout
from hilctl.data.header import opened
from hilctl.data.index import episode_paths
from hilctl.networks.perception import POSE
from hilctl.task.spec import ResetSpec
from hilctl.task.workspace import Workspace

FAR_M = 0.01  # beyond what chance explains
CHANCE = 3.0  # standard deviations


@dataclass(frozen=True)
class DemoStarts:
    """The first observations of all demonstrations.

    Attributes:
        positions: (n, 3) of the tcp in the base frame, m.
        light: camera → how light its pictures were, the typical one.
    """

    positions: NDArray[np.float64]
    light: Mapping[str, Brightness]

    @classmethod
    def read(cls, workspace: Workspace) -> Self:
        """Read the first row of every demonstration.

        Raises:
            DataError: a file is unreadable.
        """
        positions, light = [], list[dict[str, Brightness]]()
        for path in episode_paths(workspace.demos):
            with opened(path) as episode:
                seen = episode["obs"]
                positions.append(np.asarray(seen[POSE][0], float)[:3])
                images = [name for name in seen if layout.is_image(seen[name])]
                light.append({name: measure_light(seen[name][0]) for name in images})
        names = set.intersection(*map(set, light)) if light else set()
        typical = {name: _typical([one[name] for one in light]) for name in sorted(names)}
        return cls(np.reshape(positions, (-1, 3)), typical)

    def far_from(self, reset: ResetSpec) -> list[str]:
        """Return in words how far the starts are from a reset pose, where chance explains less."""
        if not len(self.positions):
            return []
        away_m = float(np.linalg.norm(self.positions.mean(axis=0) - reset.pose[:3]))
        spread = np.array([reset.random_xy_m, reset.random_xy_m, reset.random_z_m])
        deviation_m = float(np.linalg.norm(spread)) / np.sqrt(3 * len(self.positions))
        if away_m <= FAR_M + CHANCE * deviation_m:
            return []
        return [f"the reset pose is {100 * away_m:.0f} cm from where demonstrations began"]


def _typical(light: list[Brightness]) -> Brightness:
    return Brightness(
        luminance=float(np.median([one.luminance for one in light])),
        saturated=float(np.median([one.saturated for one in light])),
    )
