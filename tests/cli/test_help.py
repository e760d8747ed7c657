"""`hilctl --help` imports little and shows the work in order."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from syrupy.assertion import SnapshotAssertion

from hilctl.cli.app import COMMANDS
from hilctl.cli.bench import SUBJECTS
from hilctl.cli.calibrate import STEPS

if TYPE_CHECKING:
    from conftest import Hilctl

HEAVY = [
    *("numpy", "jax", "flax", "optax", "pydantic", "h5py", "mujoco", "cv2", "gymnasium", "jinja2"),
    *("matplotlib", "ruamel", "rich", "importlib.metadata", "asyncio"),
]
LOADED = "import sys; from hilctl.cli.app import run; run({}); print(*sys.modules, file=sys.stderr)"
# how quick that is depends on the computer: `hilctl bench speed` measures it
BARE = """
import sys, typer
app = typer.Typer(rich_markup_mode=None)
app.command()(lambda: None)
app(["--help"], standalone_mode=False)
print(*sys.modules, file=sys.stderr)
"""
OURS = ("hilctl", "json", "_json", "termios", "__future__")


def modules_after(code: str) -> set[str]:
    command = [sys.executable, "-I", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


def test_help(hilctl: Hilctl, snapshot: SnapshotAssertion) -> None:
    answer = hilctl("--help")
    assert answer.code == 0
    assert answer.out == snapshot
    assert hilctl() == answer


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    loaded = modules_after(LOADED.format(arguments))
    assert "typer" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_looking_at_a_task_does_not_wait_for_jax(hilctl: Hilctl, here: Path) -> None:
    hilctl("new-task", "peg", "--defaults")
    loaded = modules_after(LOADED.format(["status", "--task", str(here / "peg")]))
    assert "pydantic" in loaded
    assert loaded.isdisjoint(["jax", "flax", "optax", "matplotlib"])


def test_help_imports_nothing_beyond_typer_but_its_own_few_rooms() -> None:
    more = modules_after(LOADED.format(["--help"])) - modules_after(BARE)
    assert {name.partition(".")[0] for name in more}.issubset(OURS)
    assert len(more) < 20


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_explains_itself(name: str, hilctl: Hilctl) -> None:
    answer = hilctl(name, "--help")
    assert answer.code == 0, answer.err
    assert f"hilctl {name}" in answer.out
    assert "--json" in answer.out


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_is_also_a_command(name: str, hilctl: Hilctl) -> None:
    words = [name] if name else []
    assert hilctl("help", *words) == hilctl(*words, "--help")


@pytest.mark.parametrize(
    ("command", "step"),
    [*(("calibrate", step) for step in STEPS), *(("bench", subject) for subject in SUBJECTS)],
)
def test_every_step_of_a_command_explains_itself(command: str, step: str, hilctl: Hilctl) -> None:
    answer = hilctl(command, step, "--help")
    assert (answer.code, answer.err) == (0, "")
    assert f"Usage: hilctl {command} {step}" in answer.out
    assert f"  {step} " in hilctl(command, "--help").out


def test_an_option_of_another_step_is_refused(hilctl: Hilctl) -> None:
    answer = hilctl("calibrate", "drift", "--roi", "full")
    assert answer.code == 2
    assert "no such option: --roi" in answer.err
    answer = hilctl("bench", "loop", "--seeds", "3")
    assert answer.code == 2
    assert "no such option: --seeds" in answer.err


def test_options_come_after_the_step(hilctl: Hilctl) -> None:
    answer = hilctl("calibrate", "--task", "peg", "drift")
    assert answer.code == 2
    assert answer.err == ("error: options come after the step\nhint: hilctl calibrate drift …\n")


def test_help_for_what_is_no_command(hilctl: Hilctl) -> None:
    answer = hilctl("help", "trian")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == "error: no such command: trian\nhint: did you mean 'train'?\n"


@pytest.mark.parametrize("name", list(COMMANDS))
def test_command_modules_import_nothing_heavy(name: str) -> None:
    module = COMMANDS[name][0].partition(":")[0]
    importlib.import_module(f"hilctl.cli.{module}")
    code = f"import sys, hilctl.cli.{module}; print(*sys.modules, file=sys.stderr)"
    assert modules_after(code).isdisjoint(HEAVY)


def test_version(process: Hilctl) -> None:
    from hilctl import __version__

    assert process("--version").out == f"hilctl {__version__}\n"
