"""Actor and learner in turns, in one process: deterministic for a seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilctl.data.step import EpisodeSummary, Step
from hilctl.env.loop import EpisodeLoop
from hilctl.networks.perception import Perception
from hilctl.rewards.online import OnlineClassifier
from hilctl.training.learner import Learner, trajectory_of
from hilctl.training.metrics import WINDOW, Progress
from hilctl.training.policy import AgentPolicy

WARM_UP_STEPS = 200
CLAIMED_FRAMES = 3  # last frames of a judged episode that join the classifier's data
PAUSE_AFTER_GREEDY = 10  # sampled episodes between two tries at greedy success


class EpisodeBuffer:
    """Hold the steps of the episode that is running."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def on_episode_start(self) -> None:
        """Forget the last episode."""
        self.steps = []

    def on_step(self, step: Step) -> None:
        """Keep a step."""
        self.steps.append(step)

    def on_episode_end(self, summary: EpisodeSummary) -> None:
        """Keep the episode until the next one starts."""


@dataclass
class LockstepTrainer:
    """Run an episode, correct the classifier, learn from the episode, and so on until it is good.

    It is good when the last 20 untouched episodes reach the target and then 20 greedy ones exceed
    it: noise frees stuck parts, so the sampling policy succeeds before the greedy one does.

    Attributes:
        loop: supervised episodes; `buffer` is among its subscribers.
        policy: the loop's policy.
        learner: learns from every finished episode.
        classifier: corrected when the operator disagrees; None when the reward cannot learn.
        target: share of successes to reach.
        max_robot_s: give up after this time on the robot's clock.
        clock_s: reads the robot's clock.
        on_episode: told after each episode; saving checkpoints and showing progress happen there.
    """

    loop: EpisodeLoop
    buffer: EpisodeBuffer
    policy: AgentPolicy
    perception: Perception
    learner: Learner
    classifier: OnlineClassifier | None
    progress: Progress
    target: float
    max_robot_s: float
    clock_s: Callable[[], float]
    on_episode: Callable[[EpisodeSummary], None]
    max_steps: int | None = None
    _quit: bool = field(default=False, init=False)

    def run(self) -> bool:
        """Train until the target holds (True), or time, steps or patience end (False)."""
        next_try = 0
        while not self._is_over():
            if self.progress.episodes >= next_try and self.progress.target_holds(self.target):
                if self._greedy_target_holds():
                    return True
                next_try = self.progress.episodes + PAUSE_AFTER_GREEDY
            else:
                self._episode()
        return False

    def _greedy_target_holds(self) -> bool:
        self.policy.greedy, self.progress.phase = True, "checking the greedy policy"
        # one failure fewer than the target allows: a policy of just 95 % passes its evaluation of
        # 19 in 20 only three times out of four
        failures_left = max(0, int(WINDOW * (1 - self.target) + 1e-9) - 1)
        try:
            for _ in range(WINDOW):
                if self._is_over():
                    return False
                summary = self._episode()
                alone = summary.intervention_steps == 0 and not summary.claimed
                failures_left -= not (summary.success and alone)
                if failures_left < 0:
                    return False
            return True
        finally:
            self.policy.greedy, self.progress.phase = False, "learning"

    def _episode(self) -> EpisodeSummary:
        summary = self.loop.run_episode()
        steps = self.buffer.steps
        self.progress.robot_s = self.clock_s()
        self.progress.count(summary)
        self._quit |= summary.quit_requested
        if not summary.discarded:
            self._correct_classifier(summary, steps)
            self.learner.add_rollout(trajectory_of(steps, self.perception))
            if self.progress.robot_steps >= WARM_UP_STEPS:
                self.learner.learn(summary.steps)
        self.progress.updates = self.learner.updates
        self.progress.learner = self.learner.metrics
        self.on_episode(summary)
        return summary

    def _correct_classifier(self, summary: EpisodeSummary, steps: list[Step]) -> None:
        if self.classifier is None or not (summary.vetoed or summary.claimed):
            return
        what = "claim" if summary.claimed else "veto"
        self.classifier.add(
            last_features(steps, CLAIMED_FRAMES),
            success=summary.claimed,
            reason=f"{what} in episode {self.progress.episodes}",
        )
        self.classifier.refit()

    def _is_over(self) -> bool:
        stopped = self._quit or self.loop.stop()
        no_steps = self.max_steps is not None and self.progress.robot_steps >= self.max_steps
        return stopped or no_steps or self.clock_s() >= self.max_robot_s


def last_features(steps: list[Step], count: int) -> Mapping[str, NDArray[Any]]:
    """Return camera → (n, rows, columns, channels) features of an episode's last frames."""
    frames = [step.next_observation.features for step in steps[-count:]]
    return {camera: np.stack([frame[camera] for frame in frames]) for camera in frames[0]}
