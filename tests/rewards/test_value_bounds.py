"""What an agent is told of its reward: the bounds of its values, unless the task says them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from hilctl.rewards.value_bounds import bounded_agent_options, largest_value
from hilctl.task import scaffold
from hilctl.task.load import load_task
from hilctl.task.problems import TaskProblemsError
from hilctl.task.spec import TaskSpec

SUM = {
    "type": "sum",
    "terms": {
        "done": {"weight": 2, "type": "human"},
        "calm": {"weight": -0.01, "type": "action"},
    },
}


def loaded(folder: Path, reward: dict[str, Any], **agent: Any) -> TaskSpec:
    template = scaffold.find_template("sim-reach")
    scaffold.create(template, folder, template.answers({}))
    file = folder / "task.yaml"
    data = yaml.safe_load(file.read_text())
    data["reward"] = reward
    data["agent"] = {"type": "rlpd", **agent}
    file.write_text(yaml.safe_dump(data))
    return load_task(file)


def test_they_are_those_of_the_reward(tmp_path: Path) -> None:
    spec = loaded(tmp_path / "reach", SUM, discount=0.9)
    assert bounded_agent_options(spec).value_bounds == pytest.approx((-0.1, 2.0))
    assert largest_value(spec) == pytest.approx(2.0)
    spec = loaded(tmp_path / "sparse", {"type": "human"})
    assert bounded_agent_options(spec).value_bounds == (0.0, 1.0)


def test_a_task_file_that_says_them_is_believed(tmp_path: Path) -> None:
    spec = loaded(tmp_path / "reach", SUM, value_bounds=[-1, 3])
    assert bounded_agent_options(spec) is spec.agent.options
    assert largest_value(spec) == 3


def test_an_agent_without_values_is_told_nothing(tmp_path: Path) -> None:
    spec = loaded(tmp_path / "reach", SUM, type="bc")
    assert bounded_agent_options(spec) is spec.agent.options
    assert largest_value(spec) == 1


def test_bounds_in_the_wrong_order_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TaskProblemsError) as caught:
        loaded(tmp_path / "reach", SUM, value_bounds=[1, 0])
    (problem,) = caught.value.problems
    assert problem.message == "agent.value_bounds: the least, 1, is not below the most, 0"
