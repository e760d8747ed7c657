"""A task that was written into a manifest can be read back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hilctl.errors import DataError
from hilctl.task import scaffold
from hilctl.task.load import load_task, task_from_dump


@pytest.mark.parametrize("template", [template.name for template in scaffold.list_templates()])
def test_what_was_dumped_is_the_same_task(template: str, tmp_path: Path) -> None:
    chosen = scaffold.find_template(template)
    scaffold.create(chosen, tmp_path / "one", chosen.answers({}))
    spec = load_task(tmp_path / "one")
    dump = json.loads(json.dumps(spec.model_dump(mode="json")))
    assert task_from_dump(dump) == spec


def test_settings_of_another_version_are_named(tmp_path: Path) -> None:
    chosen = scaffold.find_template("sim-reach")
    scaffold.create(chosen, tmp_path / "one", chosen.answers({}))
    dump = load_task(tmp_path / "one").model_dump(mode="json")
    dump["agent"]["options"]["telepathy"] = True
    with pytest.raises(DataError, match="telepathy"):
        task_from_dump(dump)
