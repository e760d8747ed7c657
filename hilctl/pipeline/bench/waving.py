"""A hand that waves for two seconds and calls that a success, where nobody knows the truth."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import numpy as np

from hilctl.devices import Options
from hilctl.teleop.base import Role, Teleop, TeleopEvent, TeleopInput

WAVING = "waving"
POLLS = 20  # of a demonstration
FASTEST, TURNS_AFTER = 0.5, 3.0  # share of a full action; polls a radian
DOWN = 0.3


class WavingTeleop(Teleop):
    """Demonstrate a waving on the way down; help nobody."""

    OptionsType: ClassVar[type[Options]] = Options
    operator: ClassVar[str] = "scripted operator"
    in_real_time: ClassVar[bool] = False

    def open(self) -> None:
        """Begin with hands off."""
        self.begin_episode(Role.WATCH)

    def close(self) -> None:
        """Do nothing: there is no device."""

    def begin_episode(self, role: Role) -> None:
        """Learn what is asked."""
        self._polls, self._role = 0, role

    def poll(self) -> TeleopInput:
        """Return what the hand does in this control step."""
        self._polls += 1
        if self._role is not Role.DEMONSTRATE:
            return TeleopInput()
        aside = FASTEST * np.sin(self._polls / TURNS_AFTER)
        twist = np.array([aside, 0.0, DOWN, 0.0, 0.0, 0.0])  # the tool's z points down
        events = (TeleopEvent.SUCCESS,) if self._polls > POLLS else ()
        return TeleopInput(twist=twist, engaged=True, events=events)

    def review(self, *, claimed: bool) -> bool:
        """Agree."""
        return claimed


@contextmanager
def known_as_waving(folder: Path) -> Iterator[None]:
    """Let tasks of here, and of processes started here, name the hand `waving`.

    Args:
        folder: empty, for what registers it as another package would.
    """
    about = folder / "hilctl_bench-0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: hilctl-bench\nVersion: 0\n")
    told = f"[hilctl.teleops]\n{WAVING} = {__name__}:WavingTeleop\n"
    (about / "entry_points.txt").write_text(told)
    sys.path.append(str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
