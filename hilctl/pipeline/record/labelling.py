"""From what an operator says while an episode runs to a label for each of its frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hilctl.data.step import EpisodeSummary, Step
from hilctl.teleop.base import claims_success

SUCCESS, FAILURE, NEITHER = 1, 0, -1


@dataclass(frozen=True)
class LabelWindow:
    """How far around a frame the operator's word counts.

    Attributes:
        guard: frames on either side that must be called the same as the frame itself, because a
            person presses the key late and lets it go late.
        lead: frames beyond the guard in which a failure must be followed or preceded by success to
            be labelled at all; None = every failure counts.
    """

    guard: int
    lead: int | None = None

    @property
    def reach(self) -> int:
        """Frames after a frame that must be known before it can be labelled."""
        return self.guard + (self.lead or 0)

    def label(self, claims: Sequence[bool], frame: int) -> int:
        """Return 1 success, 0 failure or -1 neither for a frame.

        Args:
            claims: frame by frame, whether the operator called it a success.
            frame: index into them.
        """
        around = _around(claims, frame, self.guard)
        if all(around):
            return SUCCESS
        if any(around):
            return NEITHER
        on_the_way = self.lead is None or any(_around(claims, frame, self.reach))
        return FAILURE if on_the_way else NEITHER


def _around(claims: Sequence[bool], frame: int, distance: int) -> Sequence[bool]:
    return claims[max(0, frame - distance) : frame + distance + 1]


class Labeller:
    """Label an episode's steps and pass them on, as soon as their window is known.

    What the operator says during a step is about the frame before the step's action, and a step's
    label is about the frame after it. So a step is labelled by what is said from the next one on;
    the last frame of an episode stays without a label.

    Args:
        window: around each frame; it ends where the episode does.
        write: takes each step with its label, in order.

    Attributes:
        counts: label → frames of this episode so far.
    """

    def __init__(self, window: LabelWindow, write: Callable[[Step, int], None]) -> None:
        self._window = window
        self._write = write
        self.on_episode_start()

    def on_episode_start(self) -> None:
        """Forget the last episode."""
        self._held: list[Step] = []
        self._claims: list[bool] = []
        self._written = 0
        self.counts = {SUCCESS: 0, FAILURE: 0, NEITHER: 0}

    def on_step(self, step: Step) -> None:
        """Take a step; write the one whose label is certain now."""
        self._claims.append(claims_success(step.events))
        self._held.append(step)
        if len(self._held) > self._window.reach + 1:
            self._release()

    def on_episode_end(self, summary: EpisodeSummary) -> None:
        """Write what is held."""
        while self._held:
            self._release()

    def _release(self) -> None:
        frame = self._written + 1  # step t ends in frame t + 1
        known = frame < len(self._claims)
        label = self._window.label(self._claims, frame) if known else NEITHER
        self._write(self._held.pop(0), label)
        self.counts[label] += 1
        self._written += 1
