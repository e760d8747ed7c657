"""Late control periods and old pictures are counted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_up_episodes import steps_of, summary

from hilctl.training.cadence import Cadence
from hilctl.training.metrics import Progress


def test_late_periods_the_worst_and_the_oldest_picture_are_counted() -> None:
    progress, moved = Progress(), []
    cadence = Cadence(progress, lambda: moved.append(True))
    for lateness in ([0.0, 0.0019, 0.0021], [0.03, 0.0, 0.0]):
        cadence.on_episode_start()
        for step, late_s in zip(steps_of(intervened=[False] * 3), lateness, strict=True):
            seen = replace(
                step.next_observation, stamp_ns=10**9, frame_stamps_ns={"wrist": 10**9 - 5_000_000}
            )
            cadence.on_step(replace(step, late_s=late_s, next_observation=seen))
        cadence.on_episode_end(summary())
    assert progress.late_periods == 2
    assert progress.worst_late_s == pytest.approx(0.03)
    assert progress.camera_age_s == pytest.approx(0.005)
    assert moved == [True]
