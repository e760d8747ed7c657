"""The acting side: run episodes, pass them on, take newer policies, until the policy is good."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from hilctl.data.step import EpisodeSummary, Outcome, Step
from hilctl.env.loop import EpisodeLoop
from hilctl.errors import SafetyStopError
from hilctl.networks.perception import Perception
from hilctl.rewards.base import Reward
from hilctl.training.link import Link, PolicyUpdate, finished_episode
from hilctl.training.metrics import Progress
from hilctl.training.policy import AgentPolicy
from hilctl.training.trial import PAUSE, WINDOW, Trials, TrialState, is_worth_a_trial


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
class Actor:
    """Run an episode, pass it on, take what has been learnt meanwhile, until the policy is good.

    It is good when it passes a trial, see `trial.py`. That is tried when the last sampled episodes
    come near the target, and else now and then. A policy stays the same within an episode, and
    throughout a trial: what was tested is what a run ends with. One that comes late all the same,
    from a learner that is far behind, begins a trial of its own.

    Attributes:
        loop: supervised episodes; `buffer` is among its subscribers.
        policy: the loop's policy.
        reward: the loop's reward; None when it cannot learn.
        link: to the learning side.
        number: of the last episode of the run so far.
        trials: of the run so far; they know the target.
        max_robot_s: give up after the episode at whose end the robot's clock says as much.
        clock_s: reads the robot's clock.
        on_episode: told after each episode; saving checkpoints and showing progress happen there.
        tell: told in words what the robot waits for.
        max_steps: give up after so many robot steps.
        falls_back: an older policy, if it is still whole, takes over from a broken one.
        first_updates: critic updates behind the policy that it starts with.
        has_quit: whether a person wants no other episode.
    """

    loop: EpisodeLoop
    buffer: EpisodeBuffer
    policy: AgentPolicy
    reward: Reward | None
    perception: Perception
    link: Link
    progress: Progress
    number: int
    trials: Trials
    max_robot_s: float
    clock_s: Callable[[], float]
    on_episode: Callable[[EpisodeSummary], None]
    tell: Callable[[str], None] = lambda text: None
    max_steps: int | None = None
    falls_back: bool = False
    first_updates: int = 0
    _acting_updates: int = field(default=0, init=False)
    _trusted: PolicyUpdate | None = field(default=None, init=False)
    _waited_s: float = field(default=0.0, init=False)
    has_quit: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._acting_updates = self.first_updates

    @property
    def notes(self) -> dict[str, Any]:
        """What is stored with the episode that begins: its trial, 0 for none, and its policy."""
        trial = self.trials.number_for(self._policy_id) if self.policy.greedy else 0
        return {"trial": trial, "policy_updates": self._acting_updates}

    def run(self) -> bool:
        """Act until a policy passes (True), or time, steps or patience end (False)."""
        # a run that was near the target when it stopped need not learn first
        last = max(0, self.progress.episodes - PAUSE)
        while not self._is_over():
            successes = self.progress.successes_without_help(last=WINDOW)
            since = self.progress.episodes - last
            if not is_worth_a_trial(successes, since, self.trials.target):
                self._episode()
            elif self._passes_trial():
                return True
            else:
                last = self.progress.episodes
        return False

    def _passes_trial(self) -> bool:
        """Return whether one and the same policy passes, greedy and without help."""
        self.policy.greedy, self.progress.phase = True, "checking the greedy policy"
        self._wait_for_the_learner()
        verdict = TrialState.GOES_ON
        try:
            while verdict is TrialState.GOES_ON and not self._is_over():
                summary = self._episode()
                if summary is not None and summary.outcome is not Outcome.ABORTED:
                    success = summary.success_without_help
                    verdict = self.trials.count(self._policy_id, success=success)
            return verdict is TrialState.PASSED
        finally:
            self.trials.leave()
            self.policy.greedy, self.progress.phase = False, "learning"

    def _wait_for_the_learner(self) -> None:
        """Let it learn from all episodes: a later policy would begin another trial.

        The robot stands still meanwhile, on two cores for up to a minute, which is not its time.
        """
        behind, begun_s = self.link.health(), self.clock_s()
        if behind.is_behind:
            self.tell(f"waiting for the learner, {behind.lag_steps} steps behind, before a trial")
        self.link.settle(self._is_over)
        self._waited_s += self.clock_s() - begun_s
        if behind.is_behind and not self._is_over():
            self.tell("checking the greedy policy")

    @property
    def _policy_id(self) -> Hashable:
        # a policy that was stopped for safety made room for an older one
        return self._acting_updates, self.progress.safety_stops

    def _episode(self) -> EpisodeSummary | None:
        """Run an episode and pass it on; None when a person wants no other one, or not this one."""
        summary = None
        if self.loop.ready():
            self._take_what_is_newer()  # of now: things may have taken minutes to be put back
            summary = self._run_episode()
        if summary is None:
            self.has_quit = True
            return None
        self.progress.robot_s = self.clock_s() - self._waited_s
        self.has_quit |= summary.quit_requested
        # stopped on the way to its start, or thrown away: it is nowhere, so it counts nowhere
        if not summary.steps or summary.discarded:
            return None
        self.progress.count(summary, trial=self.notes["trial"])
        self.number += 1
        self.link.send(
            finished_episode(self.number, self.buffer.steps, summary, self.perception, **self.notes)
        )
        self.progress.take(self.link.health())
        self.progress.policy_age = max(0, self.progress.updates - self._acting_updates)
        self.on_episode(summary)
        return summary

    def _run_episode(self) -> EpisodeSummary | None:
        """Run one that comes to an end; a policy whose actions are no numbers makes room.

        None when a person wants no other one then.
        """
        while True:
            try:
                summary = self.loop.run_episode()
            except SafetyStopError:
                trusted = self._trusted
                if trusted is None or self.policy.agent is trusted.agent:
                    raise
                self.policy.agent, self._acting_updates = trusted.agent, trusted.updates
                self.progress.safety_stops += 1
                if not self.loop.ready():  # things may lie anywhere
                    return None
            else:
                if self.falls_back:
                    self._trusted = PolicyUpdate(self._acting_updates, self.policy.agent)
                return summary

    def _take_what_is_newer(self) -> None:
        """Act by the newest policy and judge by the newest reward, from this episode on."""
        policy, reward = self.link.latest_policy(), self.link.latest_reward()
        if policy is not None:
            self.policy.agent, self._acting_updates = policy.agent, policy.updates
        if self.reward is None:
            return
        if reward is not None:
            self.reward.model, self.reward.version = reward.model, reward.version
        self.progress.reward_version = self.reward.version

    def _is_over(self) -> bool:
        stopped = self.has_quit or self.loop.stop()
        no_steps = self.max_steps is not None and self.progress.robot_steps >= self.max_steps
        # not by the clock, which goes on meanwhile: what is logged must say that the limit was met
        return stopped or no_steps or self.progress.robot_s >= self.max_robot_s
