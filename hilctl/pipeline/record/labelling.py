"""From what an operator says while an episode runs to a label for each of its frames.

A label is the number of stages that are reached: 1 is the success of a task without any.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hilctl.data.step import EpisodeSummary, Step
from hilctl.teleop.base import stages_called

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

    def label(self, called: Sequence[int], frame: int) -> int:
        """Return the number of stages reached in a frame, or -1 where that is not certain.

        Args:
            called: frame by frame, how many the operator called reached.
            frame: index into them.
        """
        around = {*_around(called, frame, self.guard)}
        if len(around) > 1:
            return NEITHER
        (reached,) = around
        if reached:
            return reached
        on_the_way = self.lead is None or any(_around(called, frame, self.reach))
        return FAILURE if on_the_way else NEITHER


def _around(called: Sequence[int], frame: int, distance: int) -> Sequence[int]:
    return called[max(0, frame - distance) : frame + distance + 1]


class Labeller:
    """Label an episode's steps and pass them on, as soon as their window is known.

    What the operator says during a step is about the frame before the step's action, and a step's
    label is about the frame after it. So a step is labelled by what is said from the next one on;
    the last frame of an episode stays without a label.

    Args:
        window: around each frame; it ends where the episode does.
        write: takes each step with its label, in order.
        stages: that can be reached.

    Attributes:
        counts: label → frames of this episode so far.
    """

    def __init__(
        self, window: LabelWindow, write: Callable[[Step, int], None], stages: int = 1
    ) -> None:
        self._stages = stages
        self._window = window
        self._write = write
        self.on_episode_start()

    def on_episode_start(self) -> None:
        """Forget the last episode."""
        self._held: list[Step] = []
        self._called: list[int] = []
        self._written = 0
        self.counts = dict.fromkeys(range(self._stages, NEITHER - 1, -1), 0)

    def on_step(self, step: Step) -> None:
        """Take a step; write the one whose label is certain now."""
        self._called.append(min(stages_called(step.events), self._stages))
        self._held.append(step)
        if len(self._held) > self._window.reach + 1:
            self._release()

    def on_episode_end(self, summary: EpisodeSummary) -> None:
        """Write what is held."""
        while self._held:
            self._release()

    def _release(self) -> None:
        frame = self._written + 1  # step t ends in frame t + 1
        known = frame < len(self._called)
        label = self._window.label(self._called, frame) if known else NEITHER
        self._write(self._held.pop(0), label)
        self.counts[label] += 1
        self._written += 1
