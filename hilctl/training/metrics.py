"""What a person wants to know while a policy learns, episode by episode."""

from __future__ import annotations

from collections import deque
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
        robot_s: on the robot's clock, resets included.
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
    _untouched: deque[bool] = field(default_factory=lambda: deque(maxlen=WINDOW))

    def count(self, summary: EpisodeSummary) -> None:
        """Take one finished episode; aborted ones say nothing about the policy."""
        self.robot_steps += summary.steps
        self.intervention_steps += summary.intervention_steps
        self.episodes += 1
        self.vetoes += summary.vetoed
        self.claims += summary.claimed
        self.reward = float(summary.success)
        if summary.true_success is not None:
            self.true_disagreements += summary.true_success != summary.success
        if summary.outcome is Outcome.ABORTED:
            return
        self._recent.append((summary.success, summary.intervention_steps, summary.steps))
        if summary.intervention_steps == 0:
            # a success that only the operator saw does not count: nobody claims on its own
            self._untouched.append(summary.success and not summary.claimed)

    def take(self, health: Health) -> None:
        """Take what is known of the learner."""
        self.updates, self.lag_steps = health.updates, health.lag_steps
        self.faults, self.learner = health.faults, dict(health.metrics)
        self.online_steps, self.demo_steps = health.online_steps, health.demo_steps

    @property
    def success_last20(self) -> float:
        """Share of the last 20 episodes that succeeded, helped or not."""
        return share([success for success, _, _ in self._recent])

    @property
    def autonomous_success_last20(self) -> float:
        """Share of the last 20 untouched episodes that succeeded."""
        return share(list(self._untouched))

    @property
    def intervention_rate_last20(self) -> float:
        """Share of the steps of the last 20 episodes with a human in charge."""
        steps = sum(steps for _, _, steps in self._recent)
        return sum(helped for _, helped, _ in self._recent) / steps if steps else 0.0

    def target_holds(self, target: float) -> bool:
        """Return whether a full window of untouched episodes reaches `target`."""
        return len(self._untouched) == WINDOW and self.autonomous_success_last20 >= target

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
