"""What a step earns: by the reward, until the operator has the last word on the last one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from bench_stand import Diary, Hand, Pushes
from still_env import StillEnv

from hilctl.data.recorder import EpisodeRecorder
from hilctl.env.loop import EpisodeLoop
from hilctl.env.questions import Questions
from hilctl.env.wrappers import JudgeReward, Takeover
from hilctl.rewards.base import ACTION, Judgement, Reward
from hilctl.task.layout import ActionLayout
from hilctl.teleop.base import Role, TeleopEvent, TeleopInput

STEPS = 5


class PaysEachStep(Reward):
    """0.1 more in every step, 10 more when the task is done, which it is in step `at`."""

    def __init__(self, at: int | None) -> None:
        self.at, self.step, self.measured = at, 0, [{}]

    def reset(self) -> None:
        self.step = 0

    def judge(
        self, features: object, events: object = (), measured: Mapping[str, Any] = {}
    ) -> Judgement:
        self.measured.append({**measured})
        self.step += 1
        earned = 0.1 * self.step
        return Judgement(self.step == self.at, 0.5, earned, earned + 10, {"count": self.step})


def run(
    reward: Reward, script: list[TeleopInput], verdict: bool | None = None, *more: Any
) -> Diary:
    hand, diary, env = Hand(script, verdict), Diary(), StillEnv(STEPS)
    wrapped = Takeover(env, hand, Questions(hand, env.clock))
    loop = EpisodeLoop(JudgeReward(wrapped, reward), Pushes(), hand, Role.SUPERVISE, [diary, *more])
    loop.run_episode()
    return diary


@pytest.mark.parametrize("verdict", [True, False])
@pytest.mark.parametrize("at", [None, 3])
def test_the_last_word_changes_what_the_last_step_earns_and_no_other(
    at: int | None, verdict: bool
) -> None:
    steps = run(PaysEachStep(at), [], verdict).steps
    assert len(steps) == (at or STEPS)
    earned = [0.1 * (i + 1) for i in range(len(steps))]
    earned[-1] += 10 * verdict
    assert [step.reward for step in steps] == pytest.approx(earned)
    assert [step.terminated for step in steps] == [*[False] * (len(steps) - 1), verdict]


def test_a_success_that_is_called_ends_the_episode_with_what_it_pays_there() -> None:
    script = [TeleopInput(), TeleopInput(events=(TeleopEvent.SUCCESS,))]
    steps = run(PaysEachStep(None), script).steps
    assert [step.reward for step in steps] == pytest.approx([0.1, 10.2])
    assert steps[-1].terminated


def test_a_reward_is_told_what_was_measured_and_what_was_executed() -> None:
    reward = PaysEachStep(None)
    steps = run(reward, []).steps
    for measured, step in zip(reward.measured[1:], steps, strict=True):
        np.testing.assert_array_equal(measured[ACTION], step.executed_action)
        np.testing.assert_array_equal(measured["q"], step.next_observation.state["q"])


def test_what_it_judged_by_is_recorded_with_every_step(tmp_path: Path) -> None:
    attributes = {
        "task_fingerprint": "0" * 16,
        "task_identity": {},
        "operator": "nobody",
        "action_layout": ActionLayout.one_arm().as_json(),
    }
    recorder = EpisodeRecorder(tmp_path, kind="rollout", attributes=attributes)
    run(PaysEachStep(None), [], False, recorder)
    with h5py.File(recorder.committed[0]) as file:
        np.testing.assert_array_equal(file["episode/judged/count"], np.arange(1, STEPS + 1))
        np.testing.assert_allclose(file["episode/rewards"], 0.1 * np.arange(1, STEPS + 1))
