"""Small steps, episodes and stand-ins for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from hilctl.data.step import EpisodeSummary, Observation, Outcome, Step
from hilctl.networks.perception import Perception

CAMERAS, GRID, FEATURES = ("wrist", "side"), (2, 2), 10
KEYS = ("tcp_pose", "tcp_velocity", "tcp_wrench")


def observation(seed: int) -> Observation:
    rng = np.random.default_rng(seed)
    return Observation(
        images={},
        features={name: rng.normal(size=(*GRID, FEATURES)).astype("f2") for name in CAMERAS},
        state={
            "tcp_pose": np.array([*rng.normal(0.4, 0.1, 3), 1.0, 0.0, 0.0, 0.0]),
            "tcp_velocity": rng.normal(size=6),
            "tcp_wrench": rng.normal(size=6),
        },
        stamp_ns=seed,
        frame_stamps_ns={},
    )


def steps_of(*, intervened: Sequence[bool], success: bool = True, seed: int = 0) -> list[Step]:
    seen = [observation(100 * seed + i) for i in range(len(intervened) + 1)]
    last = len(intervened) - 1
    return [
        Step(
            observation=seen[i],
            executed_action=np.full(6, 0.01 * i),
            policy_action=np.full(6, -0.5),
            human_action=np.full(6, 0.9) if by_hand else None,
            intervened=by_hand,
            next_observation=seen[i + 1],
            reward=float(success and i == last),
            terminated=success and i == last,
            truncated=not success and i == last,
        )
        for i, by_hand in enumerate(intervened)
    ]


def perception(channels: int = 3) -> Perception:
    seen = [observation(i) for i in range(40)]
    features = {name: np.stack([o.features[name] for o in seen]) for name in CAMERAS}
    states = {key: np.stack([o.state[key] for o in seen]) for key in KEYS}
    return Perception.fit(features, [states], keys=KEYS, relative=True, channels=channels)


def summary(outcome: Outcome = Outcome.SUCCESS, **changes: Any) -> EpisodeSummary:
    plain: dict[str, Any] = {
        "outcome": outcome,
        "steps": 10,
        "duration_s": 1.0,
        "intervention_steps": 0,
        "judged_success": outcome is Outcome.SUCCESS,
        "true_success": None,
    }
    return EpisodeSummary(**plain | changes)


class CountingAgent:
    """Stand in for an agent; remember what it was given to learn."""

    def __init__(self, losses: Iterator[float] | None = None) -> None:
        self.shapes: list[tuple[int, ...]] = []
        self._losses = losses

    def update(self, batches: Any) -> tuple[CountingAgent, dict[str, float]]:
        self.shapes.append(batches.rewards.shape)
        return self, {"loss": next(self._losses) if self._losses else 0.5}
