"""A run's folder is there once it can say what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from hilctl.pipeline.run_folder.run import Run
from hilctl.task import scaffold
from hilctl.task.workspace import Workspace


def test_a_run_cut_off_while_it_looks_where_it_comes_from_leaves_no_folder(tmp_path: Path) -> None:
    template = scaffold.find_template("sim-reach")
    scaffold.create(template, tmp_path / "task", template.answers({}))
    space = Workspace(tmp_path / "task")
    (space.demos / "episode_000001.hdf5").mkdir(parents=True)  # cannot be read
    with pytest.raises(OSError, match="directory"):
        Run(space, space.run("20260101-100000"), seed=0).begin()
    assert space.all_runs() == []
