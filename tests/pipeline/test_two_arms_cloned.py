"""Two arms in one task, from demonstrations to a policy that moves both."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest
from small_task import two_arms

from hilctl.data.step import Step
from hilctl.env.loop import EpisodeLoop
from hilctl.env.make import open_station
from hilctl.errors import DataError
from hilctl.pipeline.parts import open_encoder
from hilctl.pipeline.record.demos import record_demos
from hilctl.pipeline.train.train import train
from hilctl.task import scaffold
from hilctl.task.layout import ActionLayout
from hilctl.task.workspace import Workspace
from hilctl.teleop.base import Role
from hilctl.training.checkpoints import load_checkpoint
from hilctl.training.policy import AgentPolicy


@pytest.fixture(scope="module")
def cloned(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    space = two_arms(tmp_path_factory.mktemp("two") / "task")
    assert record_demos(space).demos == 2
    result = train(space)
    assert result is not None
    assert result.reached
    return space


class Diary:
    """A subscriber that keeps the steps."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def on_episode_start(self) -> None: ...

    def on_step(self, step: Step) -> None:
        self.steps.append(step)

    def on_episode_end(self, summary: object) -> None: ...


def test_a_cloned_policy_moves_both_arms(cloned: Workspace) -> None:
    encoder, run = open_encoder(cloned), cloned.latest_run()
    assert run is not None
    saved = load_checkpoint(
        run / "checkpoints", cloned.spec, encoder_fingerprint=encoder.fingerprint
    )
    assert saved.actions == ActionLayout.of(cloned.spec)
    policy = AgentPolicy(saved.agent, saved.perception, jax.random.key(0), greedy=True)
    diary = Diary()
    with open_station(cloned.spec, encode=encoder) as station:
        saved.check_environment(station.action_layout, station.observation_layout)
        loop = EpisodeLoop(
            station.env, policy, station.teleop, Role.WATCH, [diary], claims_end_episode=False
        )
        loop.run_episode()
    actions = np.array([step.executed_action for step in diary.steps])
    assert actions.shape[1] == 12
    assert np.abs(actions[:, :6]).max() > 0
    assert np.abs(actions[:, 6:]).max() > 0


def test_a_policy_of_two_arms_is_refused_where_there_is_one(
    cloned: Workspace, tmp_path: Path
) -> None:
    template = scaffold.find_template("sim-reach")
    scaffold.create(template, tmp_path / "one", template.answers({}))
    run, encoder = cloned.latest_run(), open_encoder(cloned)
    assert run is not None
    with pytest.raises(DataError, match="action part `left/delta_pose`"):
        load_checkpoint(
            run / "checkpoints",
            Workspace(tmp_path / "one").spec,
            encoder_fingerprint=encoder.fingerprint,
        )
