"""Every kind of reward trains a policy: a tool that has to find the middle of a plane.

The loop, the wrapper that pays, the replay buffer and the agent are those of a training; only the
world takes no time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from point_world import FAR_M, NEAR_M, PLANE, Calls, Expert, Kept, Onlooker, PointWorld

from hilctl.agents.options import RLPDOptions
from hilctl.agents.rlpd import RLPD
from hilctl.data.replay import ReplayBuffer
from hilctl.data.step import Observation
from hilctl.env.loop import EpisodeLoop, Policy
from hilctl.env.wrappers import JudgeReward
from hilctl.rewards import REWARDS
from hilctl.rewards.base import Reward, RewardSource
from hilctl.task.surroundings import Surroundings
from hilctl.teleop.base import Role

SHAPES = {"state": ((2,), np.dtype(np.float32))}
CHUNK, BATCH, ROUNDS, EPISODES, JUDGED = 40, 64, 4, 5, 12
DISCOUNT = 0.9
HOOK = f"""\
def middle():
    return lambda measured, features: bool(abs(measured["tcp_pose"][:2]).max() < {NEAR_M} * 0.7)
"""
MIDDLE = {
    "type": "pose",
    "pose": [0, 0, 0, 0, 0, 0],
    "within": {"x": 0.7 * NEAR_M, "y": 0.7 * NEAR_M},
    "consecutive": 1,
}
HALFWAY = {**MIDDLE, "within": {"x": 0.5 * FAR_M, "y": 0.5 * FAR_M}}
KINDS: dict[str, dict[str, Any]] = {
    "human": {"type": "human"},
    "pose": MIDDLE,
    "hook": {"type": "hook", "judge": "hooks:middle"},
    "sum": {
        "type": "sum",
        "terms": {
            "done": {"weight": 1.0, **MIDDLE},
            "near": {
                "weight": -0.05,
                "type": "distance",
                "position": [0, 0, 0],
                "full_m": 2 * FAR_M,
            },
        },
    },
    "multi-stage": {
        "type": "multi-stage",
        "stages": [{"name": "halfway", **HALFWAY}, {"name": "middle", **MIDDLE}],
    },
}


class Acts:
    """The agent's policy."""

    def __init__(self, agent: RLPD, *, greedy: bool) -> None:
        self.agent, self.greedy, self.key = agent, greedy, jax.random.key(5)

    def begin_episode(self, first: Observation) -> None: ...

    def act(self, observation: Observation) -> np.ndarray:
        self.key, key = jax.random.split(self.key)
        seen = {"state": observed(observation)}
        return np.asarray(self.agent.act(seen, key, greedy=self.greedy), np.float64)


def observed(observation: Observation) -> np.ndarray:
    return (observation.state["tcp_pose"][:2] / FAR_M).astype(np.float32)


def options_of(kind: str) -> Any:
    given = {key: value for key, value in KINDS[kind].items() if key != "type"}
    return REWARDS.get(kind).OptionsType(**given)


def widest_bounds() -> tuple[float, float]:
    """Return bounds that hold for every kind, so that one compiled agent learns all of them."""
    every = [REWARDS.get(kind).value_bounds(options_of(kind), DISCOUNT) for kind in KINDS]
    return min(low for low, _ in every), max(high for _, high in every)


def opened(kind: str, folder: Path) -> Reward:
    (folder / "hooks.py").write_text(HOOK)
    options = options_of(kind)
    assert list(REWARDS.get(kind).flaws(options, Surroundings({"": None}))) == []
    return REWARDS.get(kind).open(RewardSource(folder, options, {}, "none", "0", folder))


def run(reward: Reward, policy: Policy, episodes: int, seed: int) -> Kept:
    kept, world = Kept(), PointWorld(seed)
    env = JudgeReward(Calls(world), reward)
    loop = EpisodeLoop(env, policy, Onlooker(), Role.SUPERVISE, [kept], claims_end_episode=False)
    for _ in range(episodes):
        loop.run_episode()
    return kept


def added(buffer: ReplayBuffer, kept: Kept) -> None:
    for steps in kept.episodes:
        frames = [*(step.observation for step in steps), steps[-1].next_observation]
        buffer.add_episode(
            {"state": np.stack([observed(frame) for frame in frames])},
            np.stack([step.executed_action for step in steps]).astype(np.float32),
            np.array([step.reward for step in steps]),
            np.array([step.terminated for step in steps]),
            np.zeros(len(steps), bool),
            np.zeros(len(steps), np.uint8),
        )


def test_no_kind_is_left_out() -> None:
    assert {*KINDS} == {*REWARDS.names()} - {"classifier"}  # that one: tests/e2e/test_whole_method


@pytest.mark.parametrize("kind", KINDS)
def test_it_trains_a_policy(kind: str, tmp_path: Path) -> None:
    reward = opened(kind, tmp_path)
    rng = np.random.default_rng(0)
    options = RLPDOptions(
        value_bounds=widest_bounds(),
        critic_width=32,
        learning_rate=3e-3,
        shift_cells=0,
        discount=DISCOUNT,
    )
    example = {"state": np.zeros(2, np.float32)}
    agent = RLPD.create(jax.random.key(0), example, PLANE, options)
    buffer = ReplayBuffer(4000, SHAPES, PLANE.size)
    added(buffer, run(reward, Expert(rng, noise=1.0), 8, seed=1))
    untrained = run(reward, Acts(agent, greedy=True), JUDGED, seed=9)
    for episode in range(ROUNDS):
        batches = buffer.sample_many(rng, CHUNK, BATCH)
        agent, _ = agent.update(batches)
        added(buffer, run(reward, Acts(agent, greedy=False), EPISODES, seed=20 + episode))
    for _ in range(4):
        agent, _ = agent.update(buffer.sample_many(rng, CHUNK, BATCH))
    trained = run(reward, Acts(agent, greedy=True), JUDGED, seed=9)
    before, after = (
        sum(bool(one.true_success) for one in kept.summaries) for kept in (untrained, trained)
    )
    assert before < JUDGED / 2
    assert after >= JUDGED - 2, f"{after} of {JUDGED} in the middle after training, {before} before"
    assert all(one.true_success for one in trained.summaries if one.success)
