"""`hilctl` in a process of its own, on a computer that is not as it should be."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from hilctl.cli.app import run
from hilctl.pipeline.record.demos import record_demos
from hilctl.task import scaffold
from hilctl.task.workspace import Workspace

HERE = Path(__file__).parent
TINY_CAMERAS = {
    f"view: {name}, size: [128, 128]": f"view: {name}, width_px: 32, height_px: 32, size: [32, 32]"
    for name in ("wrist", "side")
}


@dataclass(frozen=True)
class Answer:
    """What a command line gave back."""

    code: int
    out: bytes
    err: bytes

    @property
    def words(self) -> str:
        """All that was said."""
        return (self.out + self.err).decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        """The last line of stdout."""
        return json.loads(self.out.splitlines()[-1])


class Hilctl(Protocol):
    """Run one command line in a task folder, with environment variables; None takes one away."""

    def __call__(
        self,
        *arguments: str,
        environment: Mapping[str, str | None] | None = None,
        before: str = "",
        timeout_s: float = 120.0,
    ) -> Answer: ...


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small task with one demonstration."""
    folder = tmp_path_factory.mktemp("computer") / "ball"
    chosen = scaffold.find_template("sim-reach")
    scaffold.create(chosen, folder, chosen.answers({"demos": "1"}))
    file = folder / "task.yaml"
    text = file.read_text("utf-8")
    for old, new in TINY_CAMERAS.items():
        assert old in text
        text = text.replace(old, new, 1)
    file.write_text(text, "utf-8")
    record_demos(Workspace(folder))
    return folder


@pytest.fixture
def task(recorded: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(recorded, tmp_path / "ball"))


@pytest.fixture
def hilctl(task: Path, tmp_path: Path) -> Hilctl:
    """Run a command line in the task folder, in a process of its own."""

    def call(
        *arguments: str,
        environment: Mapping[str, str | None] | None = None,
        before: str = "",
        timeout_s: float = 120.0,
    ) -> Answer:
        # PyOpenGL's variable is left by what drew in this process
        start = {name: value for name, value in os.environ.items() if name != "PYOPENGL_PLATFORM"}
        known = {**start, "XDG_STATE_HOME": str(tmp_path / "state"), **(environment or {})}
        command = [sys.executable, "-m", "hilctl", *arguments]
        if before:
            command = ["sh", "-c", f'{before} && exec "$@"', "sh", *command]
        done = subprocess.run(
            command,
            cwd=task,
            env={name: value for name, value in known.items() if value is not None},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture
def hilctl_here(
    task: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> Hilctl:
    """Run a command line in the task folder, in this process, which has loaded all of hilctl."""

    def call(
        *arguments: str,
        environment: Mapping[str, str | None] | None = None,
        before: str = "",
        timeout_s: float = 120.0,
    ) -> Answer:
        assert not before, "for that the command needs a process of its own"
        with monkeypatch.context() as patch:
            patch.chdir(task)
            for name, value in {
                "XDG_STATE_HOME": str(tmp_path / "s"),
                **(environment or {}),
            }.items():
                patch.delenv(name, raising=False) if value is None else patch.setenv(name, value)
            if path := (environment or {}).get("PYTHONPATH"):
                patch.syspath_prepend(path)
            capfdbinary.readouterr()
            code = run(arguments)
        return Answer(code, *capfdbinary.readouterr())

    return call


SERIES = """
import contextlib, io, json, os, sys
from hilctl.cli.app import run
for environment, arguments in json.load(sys.stdin):
    os.environ.update(environment)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(arguments)
    for name in environment:
        del os.environ[name]
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""


class Series(Protocol):
    """Run command lines one after the other in one other process, each with its environment."""

    def __call__(
        self, faults: Mapping[str, str], calls: list[tuple[dict[str, str], list[str]]]
    ) -> list[Answer]: ...


@pytest.fixture
def series(task: Path, tmp_path: Path) -> Series:
    """Run command lines in the task folder, in one process that starts with some environment."""

    def call(
        faults: Mapping[str, str], calls: list[tuple[dict[str, str], list[str]]]
    ) -> list[Answer]:
        start = {name: value for name, value in os.environ.items() if name != "PYOPENGL_PLATFORM"}
        done = subprocess.run(
            [sys.executable, "-c", SERIES],
            cwd=task,
            env={**start, "XDG_STATE_HOME": str(tmp_path / "state"), **faults},
            input=json.dumps(calls),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        return [Answer(code, out.encode(), err.encode()) for code, out, err in answers]

    return call


class Faulty(Protocol):
    """Return environment variables that make system calls below a folder fail."""

    def __call__(self, folder: Path, **faults: int) -> dict[str, str]: ...


@pytest.fixture(scope="session")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Faulty:
    """Make system calls fail as they do on broken disks and network folders."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler to make system calls fail")
    library = tmp_path_factory.mktemp("faulty") / "faulty.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(HERE / "faulty.c")]
    subprocess.run([*command, "-ldl"], check=True)

    def faults_of(folder: Path, **faults: int) -> dict[str, str]:
        numbers = {f"FAULTY_{name.upper()}": str(number) for name, number in faults.items()}
        return {"LD_PRELOAD": str(library), "FAULTY_FOLDER": str(folder), **numbers}

    return faults_of
