"""A valid task file to start from, and ways to spoil it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hilctl.task.load import load_task
from hilctl.task.spec import TaskSpec


@pytest.fixture(scope="session")
def valid_text() -> str:
    """The text of a valid task file, apart from the templates, whose numbers may change."""
    return Path(__file__).with_name("peg.yaml").read_text("utf-8")


@pytest.fixture
def load_changed(
    valid_text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., TaskSpec]:
    """Load the valid file after replacing texts in it: `load_changed(("old", "new"), ...)`."""
    monkeypatch.chdir(tmp_path)

    def load(*changes: tuple[str, str]) -> TaskSpec:
        text = valid_text
        for old, new in changes:
            assert old in text, f"{old!r} is not in peg.yaml"
            text = text.replace(old, new, 1)
        Path("task.yaml").write_text(text, "utf-8")
        return load_task(Path("task.yaml"))

    return load
