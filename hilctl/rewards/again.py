"""What a recorded episode would have earned, by a reward as it is now."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hilctl.rewards.base import ACTION, Reward
from hilctl.teleop.base import TeleopEvent


def rewards_again(
    reward: Reward,
    features: Mapping[str, NDArray[np.float16]],
    states: Mapping[str, NDArray[np.float64]],
    actions: NDArray[np.float64],
    *,
    success: bool,
) -> NDArray[np.float64]:
    """Return the (T,) rewards of an episode, whose end is known and stays as it is.

    Args:
        reward: judges; it begins an episode.
        features: camera → (T + 1, rows, columns, channels).
        states: name → (T + 1, n), as recorded.
        actions: (T, A) executed.
        success: of the episode; its last step is then the one in which the task was done.
    """
    reward.reset()
    earned = np.zeros(len(actions))
    for i, action in enumerate(actions):
        done = success and i == len(actions) - 1
        said = (TeleopEvent.SUCCESS,) if done else ()
        seen = {camera: maps[i + 1] for camera, maps in features.items()}
        measured = {name: array[i + 1] for name, array in states.items()}
        judgement = reward.judge(seen, said, {**measured, ACTION: action})
        earned[i] = judgement.reward(success=done)
    return earned
