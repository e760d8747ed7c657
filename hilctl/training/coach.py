"""Follow a training run, episode by episode, and say what goes wrong while it can be mended."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from hilctl.data.step import EpisodeSummary, Outcome, Step
from hilctl.task.layout import ActionLayout
from hilctl.training.cadence import LATE_S
from hilctl.training.diagnoses import (
    FEW,
    RULES,
    Diagnosis,
    EpisodeFacts,
    Situation,
    mean_of,
    success_alone,
)
from hilctl.training.metrics import WINDOW, share

SATURATED = 0.99  # of the largest action


class Coach:
    """Follow a loop's episodes and say what goes wrong.

    Args:
        rate_hz: control rate.
        max_steps: after which an attempt is cut.
        actions: whose displacements and pushes have limits; a gripper is always at one.
        largest_value: the most that a step can be worth by the task's reward.
        labels_teach: the reward learns from labels.
    """

    def __init__(
        self,
        rate_hz: float,
        max_steps: int,
        actions: ActionLayout,
        largest_value: float = 1.0,
        labels_teach: bool = True,
    ) -> None:
        self._rate_hz, self._max_steps = rate_hz, max_steps
        self._largest_value, self._labels_teach = largest_value, labels_teach
        limited = (part for part in actions.parts if part.kind != "gripper")
        self._limited = actions.indices_of(limited)
        self._recent: deque[EpisodeFacts] = deque(maxlen=WINDOW)
        self._best: tuple[EpisodeFacts, ...] = ()
        self._steps: list[tuple[bool, bool, bool]] = []
        self._brightness: list[dict[str, float]] = []

    def on_episode_start(self) -> None:
        """Forget the steps of the last episode."""
        self._steps, self._brightness = [], []

    def on_step(self, step: Step) -> None:
        """Note what matters of a step."""
        proposal = step.policy_action
        sizes = np.abs([] if proposal is None else proposal[self._limited])
        saturated = bool((sizes >= SATURATED).any())
        self._steps.append((step.intervened, saturated, step.late_s > LATE_S))
        images = step.observation.images
        self._brightness.append({name: float(image.mean()) for name, image in images.items()})

    def on_episode_end(self, summary: EpisodeSummary) -> None:
        """Keep the episode's facts, unless it was aborted."""
        if summary.outcome is Outcome.ABORTED or not self._steps:
            return
        intervened, saturated, late = zip(*self._steps, strict=True)
        self._recent.append(
            EpisodeFacts(
                summary=summary,
                takeovers=stretches(intervened),
                saturated=share([*saturated]),
                late=share([*late]),
                brightness=mean_of(self._brightness),
            )
        )
        if len(self._recent) >= FEW and success_alone(self._recent) >= success_alone(self._best):
            self._best = tuple(self._recent)

    def diagnoses(self, q: float | None, lag_steps: int = 0) -> list[Diagnosis]:
        """Return what goes wrong right now, the most basic trouble first.

        Args:
            q: mean value of the learner's last batches, or None.
            lag_steps: robot steps whose updates have not been made yet.
        """
        situation = Situation(
            tuple(self._recent),
            self._best,
            q,
            lag_steps,
            self._rate_hz,
            self._max_steps,
            self._largest_value,
            self._labels_teach,
        )
        return [found for rule in RULES if (found := rule(situation)) is not None]


def stretches(flags: Sequence[bool]) -> tuple[tuple[int, int], ...]:
    """Return start and length of every run of true values."""
    edges = np.flatnonzero(np.diff([False, *flags, False]))
    return tuple((int(a), int(b - a)) for a, b in edges.reshape(-1, 2))
