"""What an expert of a scene is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hilctl.sim.world import SimWorld

Array = NDArray[np.float64]

FORESIGHT_S = (
    0.8  # a person needs up to 0.4 s to take over what is seen to come, the arm as long to turn
)
SHOWN_TOLERANCE = 0.5  # share of what a scene tolerates within which success is shown


@dataclass(frozen=True)
class LabelSpot:
    """A place worth showing to the reward classifier.

    Attributes:
        target: where to head for.
        reached: whether it is there.
        gripper: what to tell the gripper on the way and there: -1 close, 0 leave, 1 open.
        patience_s: after which another place is headed for.
    """

    target: Callable[[], Array]
    reached: Callable[[], bool]
    gripper: Callable[[], int] = lambda: 0
    patience_s: float = 4.0


class Expert(ABC):
    """Know the way to success of one arm in one scene.

    Args:
        world: that it looks at.
        arm: name of the arm that it drives.

    Attributes:
        leeway_m: radius of the ball of places in which it shows success; 0 = there is one place.
        pushes: it pushes the tool instead of steering it to `target`.
        aside: (3,) m from the middle of that ball to where it heads for.
    """

    leeway_m = 0.0
    pushes: ClassVar[bool] = False

    def __init__(self, world: SimWorld, arm: str = "") -> None:
        self.world = world
        self.arm = world.arms[arm]
        self.aside = np.zeros(3)

    @abstractmethod
    def target(self) -> Array:
        """Return the (7,) `T_base_tcp` to head for right now."""

    @abstractmethod
    def remaining_m(self) -> float:
        """Return a distance in m that shrinks to about 0 on the way to success."""

    def gripper(self) -> int:
        """Return what to tell the gripper right now: -1 close, 0 leave, 1 open."""
        return 0

    def push(self) -> Array:
        """Return the (6,) push in [-1, 1] of this control period, of one who `pushes`."""
        raise NotImplementedError

    def may_take_over(self) -> bool:
        """Return whether this is a moment at which its hand does more good than harm."""
        return True

    def is_amid(self) -> bool:
        """Return whether what it has begun makes no sense by halves."""
        return False

    def is_lost(self) -> bool:
        """Return whether nothing leads to success any more in this episode."""
        return False

    def is_at_risk(self) -> bool:
        """Return whether it is lost within `FORESIGHT_S` if the tool goes on as it moves now."""
        return False

    def vary_success(self, rng: np.random.Generator) -> None:
        """Head from now on for another place that counts as success, where there are many.

        A policy ends anywhere in what is tolerated, and a classifier that has seen the middle alone
        finds all else strange.
        """
        if self.leeway_m:
            self.aside = within(self.leeway_m, rng)

    @abstractmethod
    def label_spot(self, rng: np.random.Generator) -> LabelSpot:
        """Draw a success or a failure that could be mistaken for one."""

    @abstractmethod
    def retreat(self) -> Array | None:
        """Return a (7,) pose to back out to before going elsewhere, or None when free."""


def within(radius_m: float, rng: np.random.Generator) -> Array:
    """Draw a (3,) offset in a ball: any way, and any distance as often as any other."""
    way = rng.standard_normal(3)
    return np.asarray(way / np.linalg.norm(way) * radius_m * rng.random())
