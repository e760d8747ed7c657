"""The learner: what goes into which buffer, and how much is learnt for each step of the robot."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
from made_up_episodes import CAMERAS, GRID, CountingAgent, perception, steps_of

from hilctl.data.replay import ReplayBuffer
from hilctl.networks.perception import STATE
from hilctl.task.sections import CHUNK_STEPS
from hilctl.training.learner import Learner
from hilctl.training.trajectory import trajectory_of


def buffer() -> ReplayBuffer:
    seen = perception()
    shapes: dict[str, Any] = dict.fromkeys(CAMERAS, ((*GRID, 3), np.float16))
    return ReplayBuffer(200, shapes | {STATE: ((len(seen.mean),), np.float32)}, 6)


@pytest.fixture
def learner() -> Learner:
    agent: Any = CountingAgent()
    rng = np.random.default_rng(0)
    return Learner(agent, buffer(), buffer(), rng, updates_per_step=3, batch=8)


def rollout(intervened: list[bool], **settings: Any) -> Any:
    return trajectory_of(steps_of(intervened=intervened, **settings), perception())


def test_a_trajectory_holds_what_was_executed_and_one_observation_more() -> None:
    episode = rollout([False] * 4)
    assert len(episode) == 4
    assert {len(array) for array in episode.observations.values()} == {5}
    np.testing.assert_allclose(episode.actions[:, 0], [0, 0.01, 0.02, 0.03])
    np.testing.assert_array_equal(episode.rewards, [0, 0, 0, 1])
    np.testing.assert_array_equal(episode.terminated, [False, False, False, True])


def test_what_a_gripper_did_in_human_hands_and_in_the_policys_is_measured_alike(
    learner: Learner,
) -> None:
    openings = [1, 0.6, 0.2, 0.2, 0.6, 1]
    steps = steps_of(intervened=[True, False, False, True, True])
    seen = [*(step.observation for step in steps), steps[-1].next_observation]
    for one, opening in zip(seen, openings, strict=True):
        cast(dict[str, Any], one.state)["gripper"] = np.array([opening])
    episode = trajectory_of(steps, perception())
    assert episode.toggles.tolist() == [1, 0, 0, 1, 0]
    learner.add_rollout(episode)
    by_hand = learner.demos.sample(np.random.default_rng(0), 200)
    assert by_hand.toggles is not None
    assert set(by_hand.actions[by_hand.toggles == 1, 0].round(2)) == {
        np.float32(0),
        np.float32(0.03),
    }
    assert set(by_hand.actions[by_hand.toggles == 0, 0].round(2)) == {np.float32(0.04)}


def test_a_cut_episode_is_not_terminal() -> None:
    assert not rollout([False] * 4, success=False).terminated.any()


def test_human_steps_go_to_both_buffers_policy_steps_to_one(learner: Learner) -> None:
    learner.add_rollout(rollout([False, False, True, True, True, False]))
    assert len(learner.online) == 6
    assert len(learner.demos) == 3
    actions = learner.demos.sample(np.random.default_rng(0), 200).actions[:, 0]
    np.testing.assert_allclose(np.unique(actions), [0.02, 0.03, 0.04], atol=1e-6)


def test_human_steps_are_as_old_as_the_updates_since_they_came_in(learner: Learner) -> None:
    learner.add_demonstration(rollout([True] * 2))
    learner.add_rollout(rollout([True, False], seed=1))
    learner.owe(2 * CHUNK_STEPS)
    learner.learn_owed()
    learner.add_rollout(rollout([True, False], seed=2))
    batch = learner.demos.sample(np.random.default_rng(0), 100)
    assert set(np.unique(batch.born)) == {0, learner.updates}
    assert learner.updates == 3 * 2 * CHUNK_STEPS


def test_untouched_episodes_leave_the_demonstrations_alone(learner: Learner) -> None:
    learner.add_rollout(rollout([False] * 5))
    assert (len(learner.online), len(learner.demos)) == (5, 0)


def test_demonstrations_stay_out_of_the_online_buffer(learner: Learner) -> None:
    learner.add_demonstration(rollout([True] * 5))
    assert (len(learner.online), len(learner.demos)) == (0, 5)


def test_deferred_steps_are_owed_with_the_next_ones(learner: Learner) -> None:
    learner.add_rollout(rollout([False] * 5))
    learner.defer(3 * CHUNK_STEPS)
    learner.learn_owed()
    assert (learner.updates, learner.owed_steps) == (0, 0)
    learner.owe(CHUNK_STEPS)
    assert (learner.owed_steps, learner.lag_steps) == (4 * CHUNK_STEPS, CHUNK_STEPS)
    learner.learn_owed_chunk()
    learner.learn_owed_chunk()
    assert (learner.owed_steps, learner.lag_steps) == (2 * CHUNK_STEPS, 0)
    learner.learn_owed()
    assert learner.updates == 3 * 4 * CHUNK_STEPS


def test_deferred_steps_are_not_forgotten_by_a_restart(learner: Learner) -> None:
    learner.owe(2)
    learner.defer(5)
    state = learner.state()
    learner.restore(learner.agent, state)
    assert learner.owed_steps == 7


def test_updates_keep_a_fixed_ratio_to_steps_and_owe_the_rest(learner: Learner) -> None:
    learner.add_rollout(rollout([False] * 5))
    learner.add_demonstration(rollout([True] * 5))
    taken = 0
    for steps in (1, 2, 7, 3, 50, 1):
        learner.owe(steps)
        learner.learn_owed()
        taken += steps
        assert learner.updates == 3 * CHUNK_STEPS * (taken // CHUNK_STEPS)
    agent: Any = learner.agent
    assert set(agent.shapes) == {(3 * CHUNK_STEPS, 8)}  # one shape: compiled once
    assert learner.metrics == {"loss": 0.5}
