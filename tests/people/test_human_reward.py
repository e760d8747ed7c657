"""A task whose reward is its operator's word: no labels, no classifier, from start to figure."""

from __future__ import annotations

from pathlib import Path

import pytest
from persons import edit, small_task

from hilctl.errors import UsageError
from hilctl.pipeline.classify.train_classifier import train_classifier
from hilctl.pipeline.evaluate.evaluate import evaluate
from hilctl.pipeline.quickstart import quickstart
from hilctl.pipeline.quickstart_journal import begin
from hilctl.pipeline.record.demos import record_demos
from hilctl.pipeline.record.labels import record_labels
from hilctl.pipeline.stages import next_command, survey
from hilctl.pipeline.train.train import train
from hilctl.task.workspace import Workspace

SHORT = {  # seen as in `tests/e2e`, whose trainings have compiled what these need
    "encoder: efficientnet-lite0": "encoder: thumbnails",
    "max_robot_minutes: 20": "max_robot_minutes: 0.3",
    "updates_per_step: 4": "updates_per_step: 1",
    "updates_before: 2000": "updates_before: 4",
}


def by_hand(text: str) -> str:
    """Return a task file whose reward is the operator."""
    before, _, rest = text.partition("reward:\n")
    lines = rest.splitlines(keepends=True)
    after = next(i for i, line in enumerate(lines) if not line.startswith("  "))
    return before + "reward: {type: human}\n" + "".join(lines[after:])


@pytest.fixture
def judged(tmp_path: Path) -> Workspace:
    space = small_task(tmp_path / "judged", None, SHORT)
    space.task_file.write_text(by_hand(space.task_file.read_text()))
    return Workspace(space.root)


def test_labels_and_classifier_are_no_stages_of_it(judged: Workspace) -> None:
    assert [stage.name for stage in survey(judged)] == [
        "task",
        "cameras",
        "demos",
        "policy",
        "evaluation",
    ]
    for verb in (record_labels, train_classifier):
        with pytest.raises(UsageError, match=r"need|learns from no"):
            verb(judged)


def test_it_is_demonstrated_learnt_and_measured(judged: Workspace) -> None:
    judged = edit(judged, {"max_robot_minutes: 0.3": "max_robot_minutes: 0.15"})
    record_demos(judged, count=2)
    assert "hilctl train" in next_command(judged, survey(judged))
    result = train(judged)
    assert result is not None
    assert result.progress.episodes > 0
    assert result.checkpoint is not None
    assert result.progress.claims == 0  # the operator is the reward, and does not overrule it
    figures = evaluate(judged, episodes=2).as_dict()
    assert figures["judge"] == "operator"
    assert figures["successes"] == figures["true_successes"]
    assert figures["vetoed"] == 0


def test_a_quickstart_of_it_is_refused_before_anything_is_recorded(tmp_path: Path) -> None:
    folder = tmp_path / "quick"
    begin(folder, "sim-reach", 0)
    file = folder / "task.yaml"
    file.write_text(by_hand(file.read_text()))
    with pytest.raises(UsageError, match="quickstart goes through labels and classifier"):
        quickstart(folder)
    assert not (folder / "demos").exists()


def test_a_reward_without_options_refuses_those_of_another(judged: Workspace) -> None:
    broken = edit(judged, {"{type: human}": "{type: human, consecutive: 2}"})
    with pytest.raises(Exception, match="consecutive"):
        _ = broken.spec
