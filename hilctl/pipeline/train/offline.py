"""Training of agents that learn from demonstrations alone."""

from __future__ import annotations

from typing import cast

from hilctl.agents.options import OfflineOptions
from hilctl.pipeline.events import Event, Report, ShouldStop
from hilctl.pipeline.parts import open_encoder
from hilctl.pipeline.run_folder.run import Run
from hilctl.pipeline.train.learner.learning import is_told, open_learning_side, saved_at_the_end
from hilctl.training.compilation import enable_compilation_cache
from hilctl.training.episode_learner import EpisodeLearner


def train_offline(run: Run, report: Report, stop: ShouldStop) -> bool | None:
    """Make the updates that the agent wants; None when stopped before the run began.

    Raises:
        MissingStageError: there are no demonstrations.
        DataError: they belong to another set-up.
    """
    enable_compilation_cache()
    side = open_learning_side(run, open_encoder(run.workspace), report, stop)
    if side is None:
        return None
    run.begin()
    with saved_at_the_end(side):
        learnt = _learn(run, side.episode_learner, report, stop)
    run.end(reached=learnt, stopped=stop())
    return learnt


def _learn(run: Run, episode_learner: EpisodeLearner, report: Report, stop: ShouldStop) -> bool:
    learner = episode_learner.learner
    updates = cast(OfflineOptions, run.workspace.spec.agent.options).updates
    while learner.updates < updates and not stop():
        before = learner.updates
        learner.learn_chunk()
        run.progress.take(episode_learner.health())
        if is_told(before, learner.updates, updates):
            loss = next(value for name, value in learner.metrics.items() if name.endswith("loss"))
            text = f"update {learner.updates}/{updates}, loss {loss:.2f}"
            figures = run.progress.as_dict()
            report(Event("update", text, learner.updates, updates, figures))
    return learner.updates >= updates
