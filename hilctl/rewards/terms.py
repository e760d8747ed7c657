"""Simple terms of a weighted sum: numbers in [0, 1] of what is measured, in every step."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated

import numpy as np
from pydantic import Field

from hilctl.devices import Options
from hilctl.rewards.base import ACTION, Measured
from hilctl.rewards.pose import unknown_arm
from hilctl.task.arm_geometry import odd_units
from hilctl.task.explain import SettingError
from hilctl.task.layout import named
from hilctl.task.surroundings import Surroundings

Vec3 = Annotated[tuple[float, float, float], Field(strict=False)]


class ShapedTerm(Options):
    """A number in [0, 1] of the measured state: its settings, and how it is made of them."""

    def flaws(self, around: Surroundings) -> Iterator[SettingError]:
        """Yield what it does not go with in its task; here, nothing."""
        yield from ()

    @abstractmethod
    def value(self, measured: Measured) -> float:
        """Return the term in one step, in [0, 1]."""


class TermOfAnArm(ShapedTerm):
    """A term of what one arm measures."""

    arm: str = Field(default="", description="whose, among several arms")

    def flaws(self, around: Surroundings) -> Iterator[SettingError]:
        """Yield whether there is no such arm."""
        if not around.arms:
            yield SettingError(("type",), "an environment has no arm that could be measured")
        else:
            yield from unknown_arm(self.arm, [*around.arms], ("arm",) if self.arm else ())


class DistanceTerm(TermOfAnArm):
    """Tell how far the tool is from a place; beyond `full_m` it is 1."""

    position: Vec3 = Field(description="[x, y, z] in m, base frame")
    full_m: float = Field(default=0.1, gt=0, le=5, description="distance at which the term is 1")

    def flaws(self, around: Surroundings) -> Iterator[SettingError]:
        """Yield whether there is no such arm, or no such place."""
        yield from super().flaws(around)
        yield from odd_units(("position",), self.position)

    def value(self, measured: Measured) -> float:
        """Return the distance as a share of `full_m`."""
        away = measured[named(self.arm, "tcp_pose")][:3] - np.array(self.position)
        return min(1.0, float(np.linalg.norm(away)) / self.full_m)


class ForceTerm(TermOfAnArm):
    """Tell how hard the tool presses; beyond `full_n` it is 1."""

    full_n: float = Field(default=20.0, gt=0, le=500, description="force at which the term is 1")

    def flaws(self, around: Surroundings) -> Iterator[SettingError]:
        """Yield whether there is no such arm, or none that measures forces."""
        yield from super().flaws(around)
        if self.arm in around.forceless:
            yield SettingError(("type",), "the arm's driver measures no forces", "remove the term")

    def value(self, measured: Measured) -> float:
        """Return the force as a share of `full_n`."""
        force = measured[named(self.arm, "tcp_wrench")][:3]
        return min(1.0, float(np.linalg.norm(force)) / self.full_n)


class ActionTerm(ShapedTerm):
    """Tell how large the executed action is."""

    def value(self, measured: Measured) -> float:
        """Return the root mean square of its numbers."""
        return min(1.0, float(np.sqrt(np.mean(np.square(measured[ACTION])))))


TERMS: dict[str, type[ShapedTerm]] = {
    "distance": DistanceTerm,
    "force": ForceTerm,
    "action": ActionTerm,
}
