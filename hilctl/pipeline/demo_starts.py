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
from hilctl.data.own_numbers import datasets_in
from hilctl.networks.perception import POSE
from hilctl.task.layout import named
from hilctl.task.sections import ArmSpec
from hilctl.task.workspace import Workspace

FAR_M = 0.01  # beyond what chance explains
CHANCE = 3.0  # standard deviations


@dataclass(frozen=True)
class DemoStarts:
    """The first observations of all demonstrations.

    Attributes:
        positions: arm → (n, 3) of its tcp in its base's frame, m.
        light: camera → how light its pictures were, the typical one.
    """

    positions: Mapping[str, NDArray[np.float64]]
    light: Mapping[str, Brightness]

    @classmethod
    def read(cls, workspace: Workspace) -> Self:
        """Read the first row of every demonstration.

        Raises:
            DataError: a file is unreadable.
        """
        arms, light = workspace.spec.each_arm, list[dict[str, Brightness]]()
        positions: dict[str, list[NDArray[np.float64]]] = {name: [] for name in arms}
        for path in episode_paths(workspace.demos):
            with opened(path) as episode:
                seen = episode["obs"]
                for name in arms:
                    positions[name].append(np.asarray(seen[named(name, POSE)][0], float)[:3])
                names_there = datasets_in(episode, "obs")
                images = [name for name in names_there if layout.is_image(seen[name])]
                light.append({name: measure_light(seen[name][0]) for name in images})
        names = set.intersection(*map(set, light)) if light else set()
        typical = {name: _typical([one[name] for one in light]) for name in sorted(names)}
        starts = {name: np.reshape(rows, (-1, 3)) for name, rows in positions.items()}
        return cls(starts, typical)

    def far_from(self, name: str, arm: ArmSpec) -> list[str]:
        """Return in words how far an arm's starts are from its reset pose, if chance is no reason.

        Args:
            name: of the arm.
            arm: as the task has it now.
        """
        reset, positions = arm.reset, self.positions[name]
        if not len(positions):
            return []
        away_m = float(np.linalg.norm(positions.mean(axis=0) - reset.pose[:3]))
        spread = np.array([reset.random_xy_m, reset.random_xy_m, reset.random_z_m])
        deviation_m = float(np.linalg.norm(spread)) / np.sqrt(3 * len(positions))
        if away_m <= FAR_M + CHANCE * deviation_m:
            return []
        of_arm = f" of arm {name}" if name else ""
        return [f"the reset pose{of_arm} is {100 * away_m:.0f} cm from where demonstrations began"]


def _typical(light: list[Brightness]) -> Brightness:
    return Brightness(
        luminance=float(np.median([one.luminance for one in light])),
        saturated=float(np.median([one.saturated for one in light])),
    )
