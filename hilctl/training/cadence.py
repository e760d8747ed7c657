"""Whether the control loop keeps its rate, and how old its pictures are."""

from __future__ import annotations

from collections.abc import Callable

from hilctl.data.step import EpisodeSummary, Step
from hilctl.training.metrics import Progress

LATE_S = 0.002


class Cadence:
    """Count late control periods of a loop in its progress.

    Args:
        progress: counts are added to.
        on_first_step: called once, when the robot has begun to move.
    """

    def __init__(self, progress: Progress, on_first_step: Callable[[], None]) -> None:
        self._progress = progress
        self._on_first_step: Callable[[], None] | None = on_first_step

    def on_episode_start(self) -> None:
        """Look at the pictures of this episode only."""
        self._progress.camera_age_s = 0.0

    def on_step(self, step: Step) -> None:
        """Note how late a step was, and how old its oldest picture."""
        if self._on_first_step is not None:
            self._on_first_step()
            self._on_first_step = None
        progress = self._progress
        progress.late_periods += step.late_s > LATE_S
        progress.worst_late_s = max(progress.worst_late_s, step.late_s)
        seen = step.next_observation
        for stamp_ns in seen.frame_stamps_ns.values():
            age_s = (seen.stamp_ns - stamp_ns) * 1e-9
            progress.camera_age_s = max(progress.camera_age_s, age_s)

    def on_episode_end(self, summary: EpisodeSummary) -> None:
        """Do nothing more."""
