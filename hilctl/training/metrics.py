"""What a person wants to know while a policy learns, episode by episode."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from hilctl.data.step import EpisodeSummary, Outcome

if TYPE_CHECKING:
    from hilctl.training.link import Health

WINDOW = 20


@dataclass
class Progress:
    """Counts and windows of a training run.

    Attributes:
        robot_steps, updates, episodes: so far.
        trial: number of the trial that the last episode belonged to; 0 = none.
        trials: policies that were tested.
        trial_episodes, trial_steps: those of the episodes and robot steps in which they were.
        robot_s: on the robot's clock, resets included, without what people and learner were
            waited for.
        intervention_steps: steps with a human in charge.
        vetoes, claims: claimed successes rejected, missed ones claimed by the operator.
        true_disagreements: verdicts that differ from the simulator's truth, where it is known.
        lag_steps: robot steps whose updates have not been made yet.
        faults: updates that were undone because they were not numbers.
        policy_age: critic updates that the acting policy is behind the learner.
        reward_version: of the reward that the actor judges by.
        online_steps, demo_steps: in the replay buffers.
        late_periods, worst_late_s: control periods more than 2 ms late, and the latest.
        camera_age_s: of the oldest picture in the last episode.
        safety_stops: episodes given up because an action was not a number.
        actor_deaths, learner_deaths: processes that died and were started again.
        learner: newest losses and values.
    """

    robot_steps: int = 0
    updates: int = 0
    episodes: int = 0
    trial: int = 0
    trials: int = 0
    trial_episodes: int = 0
    trial_steps: int = 0
    robot_s: float = 0.0
    wall_s: float = 0.0
    intervention_steps: int = 0
    vetoes: int = 0
    claims: int = 0
    true_disagreements: int = 0
    reward: float = 0.0
    phase: str = "learning"
    lag_steps: int = 0
    faults: int = 0
    policy_age: int = 0
    reward_version: int = 0
    online_steps: int = 0
    demo_steps: int = 0
    late_periods: int = 0
    worst_late_s: float = 0.0
    camera_age_s: float = 0.0
    safety_stops: int = 0
    actor_deaths: int = 0
    learner_deaths: int = 0
    learner: dict[str, float] = field(default_factory=dict)
    _recent: deque[tuple[bool, int, int]] = field(default_factory=lambda: deque(maxlen=WINDOW))
    _alone: deque[bool] = field(default_factory=lambda: deque(maxlen=WINDOW))
    _tried: list[tuple[int, bool]] = field(default_factory=list)

    def count(self, summary: EpisodeSummary, *, trial: int = 0) -> None:
        """Take one finished episode; aborted ones say nothing about the policy.

        Args:
            summary: how it went.
            trial: number of the trial that it belongs to; 0 = none.
        """
        self.robot_steps += summary.steps
        self.intervention_steps += summary.intervention_steps
        self.episodes += 1
        self.trial = trial
        if trial:
            self.trials = trial
            self.trial_episodes += 1
            self.trial_steps += summary.steps
        self.vetoes += summary.vetoed
        self.claims += summary.claimed
        self.reward = float(summary.success)
        if summary.true_success is not None:
            self.true_disagreements += summary.true_success != summary.success
        if summary.outcome is Outcome.ABORTED:
            return
        self._recent.append((summary.success, summary.intervention_steps, summary.steps))
        # a success that only the operator saw does not count: nobody claims on its own
        self._alone.append(summary.success_without_help and not summary.claimed)
        if trial:
            # here the operator's word does: a success that only the classifier missed is one
            self._tried.append((trial, summary.success_without_help))

    def take(self, health: Health) -> None:
        """Take what is known of the learner."""
        self.updates, self.lag_steps = health.updates, health.lag_steps
        self.faults, self.learner = health.faults, dict(health.metrics)
        self.online_steps, self.demo_steps = health.online_steps, health.demo_steps

    @property
    def counted(self) -> int:
        """How many of the last 20 episodes there have been that were not aborted."""
        return len(self._recent)

    @property
    def success_last20(self) -> float:
        """Share of the last 20 episodes that succeeded, helped or not."""
        return share([success for success, _, _ in self._recent])

    @property
    def autonomous_success_last20(self) -> float:
        """Share of the last 20 episodes that succeeded without help."""
        return share(list(self._alone))

    @property
    def tried(self) -> Sequence[tuple[int, bool]]:
        """Trial and success without help of every episode that was on trial, oldest first."""
        return self._tried

    @property
    def intervention_rate_last20(self) -> float:
        """Share of the steps of the last 20 episodes with a human in charge."""
        steps = sum(steps for _, _, steps in self._recent)
        return sum(helped for _, helped, _ in self._recent) / steps if steps else 0.0

    @property
    def trial_record(self) -> tuple[int, int]:
        """Successes and failures of the trial that the last episode belonged to."""
        own = [success for trial, success in self._tried if trial == self.trial]
        return sum(own), len(own) - sum(own)

    def successes_without_help(self, last: int) -> int:
        """Return how many of the last episodes succeeded without help, up to `WINDOW`."""
        return sum(list(self._alone)[-last:])

    def as_dict(self) -> dict[str, Any]:
        """Return everything as one flat JSON object."""
        plain = {k: v for k, v in asdict(self).items() if not k.startswith("_") and k != "learner"}
        return plain | {
            "robot_minutes": self.robot_s / 60,
            "success_last20": self.success_last20,
            "autonomous_success_last20": self.autonomous_success_last20,
            "intervention_rate_last20": self.intervention_rate_last20,
            **self.learner,
        }


def share(flags: list[bool]) -> float:
    """Return the mean of flags, 0 when there are none."""
    return sum(flags) / len(flags) if flags else 0.0
