"""Which policy of a run is kept as its best: the one whose own episodes earned it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest
from made_up_episodes import CAMERAS, FEATURES, GRID, perception, steps_of, summary

from hilctl.agents import AGENTS
from hilctl.agents.options import BCOptions
from hilctl.data.replay import ReplayBuffer
from hilctl.data.step import Outcome
from hilctl.networks.perception import STATE
from hilctl.pipeline.run_folder.best import best_policy
from hilctl.pipeline.run_folder.run import Run
from hilctl.pipeline.train.learner.learning import LearningSide
from hilctl.task import scaffold
from hilctl.task.layout import ActionLayout, ObservationLayout
from hilctl.task.sections import PluginSpec
from hilctl.task.workspace import Workspace
from hilctl.training.episode_learner import EpisodeLearner
from hilctl.training.learner import Learner
from hilctl.training.link import finished_episode
from hilctl.training.metrics import Progress

ACTIONS = ActionLayout.one_arm()
SEEN = perception()


class School:
    """A real learning side whose learner is given its policies instead of making them."""

    def __init__(self, folder: Path) -> None:
        template = scaffold.find_template("sim-reach")
        scaffold.create(template, folder, template.answers({}))
        spec = Workspace(folder).spec
        spec = spec.model_copy(update={"agent": PluginSpec(type="bc", options=BCOptions())})
        agent = AGENTS.get("bc").create(jax.random.key(1), SEEN.example(GRID), ACTIONS, BCOptions())
        shapes: dict[str, Any] = dict.fromkeys(CAMERAS, ((*GRID, 3), np.float16))
        shapes[STATE] = ((len(SEEN.mean),), np.float32)
        buffers = [ReplayBuffer(2000, shapes, 6) for _ in range(2)]
        rng = np.random.default_rng(0)
        self.learner = Learner(agent, *buffers, rng, updates_per_step=1, batch=8)
        self.run = Run(Workspace(folder, spec=spec), folder / "runs" / "one", seed=0)
        encoder: Any = SimpleNamespace(fingerprint="abc", feature_shape=(*GRID, FEATURES))
        episode_learner = EpisodeLearner(self.learner, None, Progress())
        self.side = LearningSide(
            self.run,
            encoder,
            SEEN,
            self.learner,
            episode_learner,
            ACTIONS,
            ObservationLayout({}, {}),
        )
        self._steps = steps_of(intervened=[False] * 4)

    def episode(self, *, success: bool = True, trial: int = 0, policy: int, **ended: Any) -> None:
        """Take in an episode of the policy after so many updates."""
        how = summary(Outcome.SUCCESS if success else Outcome.FAILURE, **ended)
        number = self.side.episode_learner.taken + 1
        self.side.episode_learner.take(
            finished_episode(number, self._steps, how, SEEN, trial=trial, policy_updates=policy)
        )
        self.side.keep_if_best()

    def trial(self, number: int, *, policy: int, successes: int, failures: int = 0) -> None:
        """Try the learner's present policy."""
        self.learner.updates = policy
        for success in [True] * successes + [False] * failures:
            self.episode(success=success, trial=number, policy=policy)

    @property
    def best(self) -> tuple[int, int, int] | None:
        """Updates, successes and failures of the policy that is kept."""
        kept = best_policy(self.run.folder)
        return (kept.updates, kept.trial_successes, kept.trial_failures) if kept else None


@pytest.fixture
def school(tmp_path: Path) -> School:
    return School(tmp_path / "ball")


def test_a_window_of_other_policies_successes_makes_none_the_best(school: School) -> None:
    for number in range(25):
        school.learner.updates = number + 1  # it has learnt from the episode before
        school.episode(policy=number)
    assert school.best is None


def test_the_policy_that_succeeded_on_trial_is_the_best_with_its_own_record(
    school: School,
) -> None:
    school.trial(1, policy=40, successes=12, failures=1)
    assert school.best == (40, 12, 1)
    school.learner.updates = 60
    school.episode(policy=40)
    assert school.best == (40, 12, 1)


def test_a_better_trial_replaces_it_and_a_worse_one_does_not(school: School) -> None:
    school.trial(1, policy=40, successes=12, failures=1)
    school.trial(2, policy=60, successes=3, failures=1)
    assert school.best == (40, 12, 1)
    school.trial(3, policy=80, successes=20)
    assert school.best == (80, 20, 0)


def test_success_with_help_on_trial_earns_nothing(school: School) -> None:
    school.learner.updates = 40
    for _ in range(5):
        school.episode(trial=1, policy=40, intervention_steps=3)
    assert school.best is None


def test_the_learner_does_not_keep_its_own_policy_for_that_of_another(school: School) -> None:
    school.learner.updates = 60
    for _ in range(5):
        school.episode(trial=1, policy=40)
    assert school.best is None
