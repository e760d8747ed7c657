"""Run command lines as a person would, in an empty folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from hilctl.cli.app import run


@dataclass(frozen=True)
class Answer:
    """What a command line gave back."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The last line of stdout."""
        return json.loads(self.out.splitlines()[-1])


class Hilctl(Protocol):
    """Run one command line in this process."""

    def __call__(self, *arguments: str) -> Answer: ...


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, and nobody at the terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


@pytest.fixture
def hilctl(here: Path, capsys: pytest.CaptureFixture[str]) -> Hilctl:
    """Run a command line in this process."""

    def call(*arguments: str) -> Answer:
        capsys.readouterr()
        code = run(arguments)
        out, err = capsys.readouterr()
        return Answer(code, out, err)

    return call


@pytest.fixture
def process(here: Path) -> Hilctl:
    """Run a command line in a process of its own."""

    def call(*arguments: str) -> Answer:
        done = subprocess.run(
            [sys.executable, "-m", "hilctl", *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, "COLUMNS": "100"},
            timeout=60,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    return call
