"""Small made-up episodes for the tests of this folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hilctl.data.step import EpisodeSummary, Observation, Outcome, Step
from hilctl.data.writer import EpisodeWriter, Kind
from hilctl.task.fingerprint import fingerprint

IDENTITY = {"robot": {"type": "sim"}, "cameras": {"wrist": {"size": [16, 12]}}}
ATTRIBUTES: dict[str, Any] = {
    "task_fingerprint": fingerprint(IDENTITY),
    "task_identity": IDENTITY,
    "operator": "scripted operator",
    "seed": 3,
}


def make_steps(
    count: int,
    *,
    seed: int = 0,
    success: bool = True,
    size: tuple[int, int] = (12, 16),
    cameras: Sequence[str] = ("wrist", "side"),
) -> list[Step]:
    """Make a contiguous episode of noise."""
    rng = np.random.default_rng(seed)
    seen = [_observation(rng, index, size, cameras) for index in range(count + 1)]
    return [
        Step(
            observation=seen[index],
            executed_action=rng.uniform(0.1, 1, 6),
            policy_action=None if index % 3 == 0 else rng.uniform(-1, 1, 6),
            human_action=rng.uniform(-1, 1, 6) if index % 2 == 0 else None,
            intervened=index % 2 == 0,
            next_observation=seen[index + 1],
            reward=float(success and index == count - 1),
            terminated=success and index == count - 1,
            truncated=not success and index == count - 1,
            probability=float("nan") if index % 4 == 0 else rng.uniform(),
        )
        for index in range(count)
    ]


def make_summary(outcome: Outcome = Outcome.SUCCESS, **changes: Any) -> EpisodeSummary:
    """Make a summary that fits any episode."""
    known: dict[str, Any] = {
        "outcome": outcome,
        "steps": 5,
        "duration_s": 0.5,
        "intervention_steps": 3,
        "judged_success": outcome is Outcome.SUCCESS,
        "true_success": None,
    }
    return EpisodeSummary(**{**known, **changes})


def write_episode(
    directory: Path,
    steps: Sequence[Step],
    *,
    outcome: Outcome = Outcome.SUCCESS,
    kind: Kind = "demo",
    number: int | None = None,
    **attributes: Any,
) -> Path:
    """Write and commit an episode."""
    with EpisodeWriter(
        directory, kind=kind, attributes={**ATTRIBUTES, **attributes}, number=number
    ) as writer:
        for step in steps:
            writer.on_step(step)
        return writer.commit(outcome)


def _observation(
    rng: np.random.Generator, index: int, size: tuple[int, int], cameras: Sequence[str]
) -> Observation:
    return Observation(
        images={key: rng.integers(0, 256, (*size, 3), dtype=np.uint8) for key in cameras},
        state={"tcp_pose": rng.normal(size=7), "gripper": rng.uniform(size=1)},
        stamp_ns=1_000_000_000 + 100_000_000 * index,
        frame_stamps_ns=dict.fromkeys(cameras, 990_000_000 + 100_000_000 * index),
    )
