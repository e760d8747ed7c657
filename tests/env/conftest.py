"""A reach task with a simulated robot, opened for one test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bench_stand import Stand, open_stand

from hilctl.task import scaffold
from hilctl.task.load import load_task
from hilctl.task.spec import TaskSpec


@pytest.fixture(scope="session")
def spec(tmp_path_factory: pytest.TempPathFactory) -> TaskSpec:
    """The reach template's task, cut after two seconds and with small pictures."""
    template = scaffold.find_template("sim-reach")
    folder = tmp_path_factory.mktemp("reach") / "ball"
    scaffold.create(template, folder, template.answers({"max_episode_s": "2"}))
    loaded = load_task(folder)
    small = {
        name: camera.model_copy(update={"size": (32, 24)})
        for name, camera in loaded.cameras.items()
    }
    return loaded.model_copy(update={"cameras": small})


@pytest.fixture
def stand(spec: TaskSpec) -> Iterator[Stand]:
    with open_stand(spec) as opened:
        yield opened
