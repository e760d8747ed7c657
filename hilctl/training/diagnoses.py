"""Named troubles of a training run, each with a remedy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hilctl.data.step import EpisodeSummary
from hilctl.training.metrics import share

FEW = 10  # episodes before most things can be said
MANY = 15  # episodes without a success that are more than bad luck
LATE_SHARE = 0.01
LONG_TAKEOVER_S = 3.0
LATE_TAKEOVER = 0.8  # of an attempt's time
Q_MARGIN = 0.05
FALL = 0.4
BRIGHTNESS_CHANGE = 0.15
LAG_STEPS = 200  # and never fewer than two attempts: the one that just ended is among them


@dataclass(frozen=True)
class Diagnosis:
    """What goes wrong, and what to do about it."""

    name: str
    what: str
    remedy: str


@dataclass(frozen=True)
class EpisodeFacts:
    """What the coach keeps of an episode.

    Attributes:
        summary: how it went.
        takeovers: start step and length in steps of every stretch with a human in charge.
        saturated: share of the policy's actions with an axis at its limit.
        late: share of control periods that were more than 2 ms late.
        brightness: camera → mean of its pictures, 0 to 255.
    """

    summary: EpisodeSummary
    takeovers: tuple[tuple[int, int], ...]
    saturated: float
    late: float
    brightness: Mapping[str, float]

    @property
    def untouched(self) -> bool:
        """Whether no human was in charge at any time."""
        return self.summary.intervention_steps == 0

    @property
    def alone(self) -> bool:
        """Whether it succeeded without help and by the reward's own verdict."""
        return self.summary.success_without_help and not self.summary.claimed


@dataclass(frozen=True)
class Situation:
    """All that a diagnosis may look at.

    Attributes:
        recent: facts of the last episodes, oldest first; aborted ones left out.
        best: those of the window with the most success without help so far.
        q: mean value of the last batches, or None.
        lag_steps: robot steps whose updates have not been made yet.
        rate_hz: control rate.
        max_steps: after which an attempt is cut.
        largest_value: the most that a step can be worth.
        labels_teach: the reward learns from labels; else it is as the task file says.
    """

    recent: Sequence[EpisodeFacts]
    best: Sequence[EpisodeFacts]
    q: float | None
    lag_steps: int
    rate_hz: float
    max_steps: int
    largest_value: float = 1.0
    labels_teach: bool = True


def control_rate_missed(now: Situation) -> Diagnosis | None:
    """Return whether control periods come late."""
    late = _mean([facts.late for facts in now.recent[-FEW:]])
    if late <= LATE_SHARE:
        return None
    return Diagnosis(
        "control rate missed",
        f"{late:.1%} of the last control periods were more than 2 ms late",
        "close other programs, lower control.rate_hz, or use smaller or fewer cameras",
    )


def learner_too_slow(now: Situation) -> Diagnosis | None:
    """Return whether the learner falls behind the robot."""
    if now.lag_steps <= max(LAG_STEPS, 2 * now.max_steps):
        return None
    return Diagnosis(
        "learner too slow",
        f"the learner is {now.lag_steps} robot steps behind",
        "lower training.updates_per_step or agent.batch, or give it a faster computer",
    )


def reward_never_fires(now: Situation) -> Diagnosis | None:
    """Return whether the reward misses what the operator calls success."""
    if len(now.recent) < FEW or any(facts.summary.judged_success for facts in now.recent):
        return None
    claims = sum(facts.summary.claimed for facts in now.recent)
    if not claims:
        return None
    return Diagnosis(
        "reward never fires",
        f"the operator claimed {claims} successes of the last {len(now.recent)} attempts, "
        "the reward saw none of them",
        "record labels of such successes and train again: hilctl record-labels, "
        "hilctl train-classifier"
        if now.labels_teach
        else "let reward in task.yaml ask for less",
    )


def reward_disagrees(now: Situation) -> Diagnosis | None:
    """Return whether the operator keeps rejecting what the reward calls success."""
    fired = [facts for facts in now.recent if facts.summary.judged_success]
    vetoes = sum(facts.summary.vetoed for facts in fired)
    if vetoes < 3 or vetoes < 0.2 * len(fired):
        return None
    return Diagnosis(
        "reward fires on failures",
        f"{vetoes} of the last {len(fired)} successes were vetoed",
        "the policy has found what fools the classifier: keep vetoing, or record labels of it: "
        "hilctl record-labels"
        if now.labels_teach
        else "the policy has found what the reward does not mean: keep vetoing, or let reward in "
        "task.yaml ask for more",
    )


def nothing_happens(now: Situation) -> Diagnosis | None:
    """Return whether nobody succeeds and nobody helps."""
    last = now.recent[-MANY:]
    if len(last) < MANY or any(f.summary.success or not f.untouched for f in last):
        return None
    return Diagnosis(
        "no takeovers and no success",
        f"{len(last)} attempts without help and without success",
        "take over when it is stuck and bring it to success: it has nothing to learn from",
    )


def takeovers_too_long(now: Situation) -> Diagnosis | None:
    """Return whether the operator does the work instead of correcting it."""
    lengths = [length for facts in now.recent[-FEW:] for _, length in facts.takeovers]
    typical_s = float(np.median(lengths)) / now.rate_hz if lengths else 0.0
    if len(lengths) < 3 or typical_s <= LONG_TAKEOVER_S:
        return None
    return Diagnosis(
        "takeovers too long",
        f"the last takeovers took {typical_s:.1f} s each",
        "let go as soon as the policy can go on by itself: short corrections teach more",
    )


def takeovers_too_late(now: Situation) -> Diagnosis | None:
    """Return whether help comes when the time is nearly up."""
    starts = [start for facts in now.recent[-FEW:] for start, _ in facts.takeovers[:1]]
    late = [start >= LATE_TAKEOVER * now.max_steps for start in starts]
    if len(starts) < 3 or share(late) <= 0.5:
        return None
    return Diagnosis(
        "takeovers too late",
        f"{sum(late)} of {len(starts)} takeovers began when the time was nearly up",
        "take over as soon as it is stuck or drifts off; a few seconds of waiting are enough",
    )


def actions_saturated(now: Situation) -> Diagnosis | None:
    """Return whether the policy pushes against the limits of its actions."""
    saturated = _mean([facts.saturated for facts in now.recent[-FEW:]])
    if len(now.recent) < FEW or saturated <= 0.5:
        return None
    return Diagnosis(
        "actions saturated",
        f"{saturated:.0%} of the policy's actions are at their limit",
        "allow larger steps (an arm's control.translation_m and rotation_rad; several of an "
        "environment's own for each action), or more entropy (agent.target_entropy)",
    )


def q_diverging(now: Situation) -> Diagnosis | None:
    """Return whether values exceed the most that a step can be worth."""
    if now.q is None or now.q <= now.largest_value + Q_MARGIN:
        return None
    return Diagnosis(
        "Q above the possible return",
        f"the mean Q is {now.q:.2f}, a step is worth {now.largest_value:g} at most",
        "lower agent.learning_rate or agent.target_rate, and start another run",
    )


def success_falling(now: Situation) -> Diagnosis | None:
    """Return whether what went well before fails now, and whether the light has changed."""
    fall = success_alone(now.best) - success_alone(now.recent)
    untouched = sum(facts.untouched for facts in now.recent)
    if untouched < FEW // 2 or fall < FALL:
        return None
    before = mean_of([facts.brightness for facts in now.best])
    after = mean_of([facts.brightness for facts in now.recent[-FEW:]])
    changed = [
        f"{name} {before[name]:.0f} → {after[name]:.0f}"
        for name in before
        if abs(after[name] - before[name]) > BRIGHTNESS_CHANGE * max(before[name], 1.0)
    ]
    what = f"success without help fell from {success_alone(now.best):.0%} by {fall:.0%}"
    if changed:
        light = f"{what}, and the brightness changed: {', '.join(changed)}"
        return Diagnosis("success falling", light, "put light and cameras back as they were")
    return Diagnosis(
        "success falling",
        what,
        "has a camera, the object or the gripper moved? If none has, stop; where a trial has kept "
        "a best policy, hilctl train --rollback best goes back to it",
    )


RULES: tuple[Callable[[Situation], Diagnosis | None], ...] = (
    control_rate_missed,
    learner_too_slow,
    reward_never_fires,
    reward_disagrees,
    nothing_happens,
    takeovers_too_long,
    takeovers_too_late,
    actions_saturated,
    q_diverging,
    success_falling,
)


def success_alone(episodes: Sequence[EpisodeFacts]) -> float:
    """Return the share of episodes that succeeded without help, 0 when there are none."""
    return share([facts.alone for facts in episodes])


def mean_of(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return key → mean over the rows, which all have the same keys."""
    return {key: _mean([row[key] for row in rows]) for key in rows[0]} if rows else {}


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0
