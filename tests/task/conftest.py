"""A valid task file to start from, and ways to spoil it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hilctl.task import scaffold
from hilctl.task.load import load_task
from hilctl.task.spec import TaskSpec


@pytest.fixture(scope="session")
def valid_text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The text of a task file made from the default template."""
    template = scaffold.find_template("sim-insert")
    folder = tmp_path_factory.mktemp("valid") / "peg"
    scaffold.create(template, folder, template.answers({}))
    return (folder / "task.yaml").read_text("utf-8")


@pytest.fixture
def load_changed(
    valid_text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., TaskSpec]:
    """Load the valid file after replacing texts in it: `load_changed(("old", "new"), ...)`."""
    monkeypatch.chdir(tmp_path)

    def load(*changes: tuple[str, str]) -> TaskSpec:
        text = valid_text
        for old, new in changes:
            assert old in text, f"{old!r} is not in the template any more"
            text = text.replace(old, new, 1)
        Path("task.yaml").write_text(text, "utf-8")
        return load_task(Path("task.yaml"))

    return load
