"""Whatever goes wrong ends in `error:` and `hint:`, the right exit code, and no traceback."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from syrupy.assertion import SnapshotAssertion

from hilctl import errors
from hilctl.cli import app, status

if TYPE_CHECKING:
    from conftest import Hilctl

USAGE = {
    "misspelt command": ("statsu",),
    "no such command": ("fly",),
    "misspelt option": ("new-task", "--tempalte", "sim-insert"),
    "misspelt help": ("--hepl",),
    "missing argument": ("new-task",),
    "missing value": ("new-task", "peg", "--template"),
    "value for a flag": ("status", "--json=1"),
}


@pytest.mark.parametrize("name", list(USAGE))
def test_usage(name: str, hilctl: Hilctl, snapshot: SnapshotAssertion) -> None:
    answer = hilctl(*USAGE[name])
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err == snapshot


def test_too_many_arguments(hilctl: Hilctl) -> None:
    answer = hilctl("doctor", "peg")
    assert answer.code == 2
    assert answer.err.endswith("hint: hilctl doctor --help\n")


@pytest.mark.parametrize("asked", [("--task", "a b"), ("--task=a b",)])
def test_what_to_do_next_is_said_for_the_folder_that_was_named(
    hilctl: Hilctl, here: Path, asked: tuple[str, ...]
) -> None:
    hilctl("new-task", "peg", "--template", "sim-reach", "--defaults")
    (here / "peg").rename(here / "a b")
    answer = hilctl("eval", *asked)
    assert answer.code == 5
    assert answer.err.endswith("hint: hilctl train --task 'a b'\n")


def test_usage_as_json(hilctl: Hilctl) -> None:
    answer = hilctl("statsu", "--json")
    assert answer.code == 2
    assert answer.json == {
        "error": {
            "code": "usage",
            "message": "no such command: statsu",
            "where": None,
            "hint": "did you mean 'status'?",
        }
    }
    assert answer.err == ""


@pytest.fixture
def fail_with(monkeypatch: pytest.MonkeyPatch) -> object:
    """Make `hilctl status` raise an exception."""

    def prepare(error: BaseException) -> None:
        def raising(as_json: status.JsonOption = False) -> None:
            raise error

        monkeypatch.setattr(status, "status", raising)

    return prepare


HILCTL_ERRORS = [
    cls
    for cls in vars(errors).values()
    if isinstance(cls, type) and issubclass(cls, errors.HilctlError)
]


@pytest.mark.parametrize("kind", HILCTL_ERRORS)
def test_own_errors(kind: type[errors.HilctlError], hilctl: Hilctl, fail_with) -> None:  # type: ignore[no-untyped-def]
    fail_with(kind("it is so", where="peg", hint="do this"))
    answer = hilctl("status")
    assert answer.code == kind.exit_code
    assert answer.err == "error: it is so\n  at peg\nhint: do this\n"
    answer = hilctl("status", "--json")
    assert answer.code == kind.exit_code
    if kind is errors.BelowBarError:
        assert answer.out == ""  # the result itself has been written
        return
    expected = {"code": kind.code, "message": "it is so", "where": "peg", "hint": "do this"}
    assert json.loads(answer.out) == {"error": expected}


@pytest.mark.parametrize(
    ("number", "message", "code"),
    [
        (errno.ENOSPC, "the disk is full", 7),
        (errno.EACCES, "no permission for demos", 2),
        (errno.EROFS, "no permission for demos", 2),
        (errno.EIO, "demos: Input/output error", 7),
        (errno.EMFILE, "demos: Too many open files", 7),
        (errno.ESTALE, "demos: Stale file handle", 7),
    ],
)
def test_disk_trouble(number: int, message: str, code: int, hilctl: Hilctl, fail_with) -> None:  # type: ignore[no-untyped-def]
    fail_with(OSError(number, os.strerror(number), "demos"))
    answer = hilctl("status", "--json")
    assert answer.code == code
    assert answer.json["error"]["message"] == message
    assert answer.json["error"]["hint"]


def test_interrupt(hilctl: Hilctl, fail_with) -> None:  # type: ignore[no-untyped-def]
    fail_with(KeyboardInterrupt())
    answer = hilctl("status")
    assert (answer.code, answer.err) == (130, "interrupted\n")


def test_bug_goes_to_a_log(hilctl: Hilctl, fail_with, here: Path) -> None:  # type: ignore[no-untyped-def]
    fail_with(KeyError("frames"))
    answer = hilctl("status")
    assert answer.code == 70
    assert answer.err.startswith("error: this is a bug in hilctl: KeyError: 'frames'\nhint: ")
    assert "Traceback" not in answer.err
    log = Path(answer.err.strip().rpartition(" ")[2])
    assert here in log.parents
    text = log.read_text("utf-8")
    assert "Traceback" in text
    assert "$ hilctl status" in text
    assert hilctl("status", "--json").json["error"]["code"] == "bug"


def test_unknown_oserror_is_a_bug(hilctl: Hilctl, fail_with) -> None:  # type: ignore[no-untyped-def]
    fail_with(OSError(errno.ENOTSOCK, "Socket operation on non-socket"))
    assert hilctl("status").code == 70


def test_reader_that_leaves_is_no_error(here: Path) -> None:
    command = f"{sys.executable} -m hilctl --help; echo code $? >&2"
    done = subprocess.run(
        ["bash", "-c", f"({command}) | true"], capture_output=True, text=True, timeout=60
    )
    assert done.stderr == "code 0\n"


def test_every_exit_code_is_documented_once() -> None:
    assert {kind.exit_code for kind in HILCTL_ERRORS} == {1, 2, 3, 4, 5, 6, 7}
    assert (errors.EXIT_OK, errors.EXIT_BUG, errors.EXIT_INTERRUPTED) == (0, 70, 130)


def test_table_names_functions_once() -> None:
    targets = [target for target, _ in app.COMMANDS.values()]
    assert len(targets) == len(set(targets))
    assert all(not line.endswith(".") for _, line in app.COMMANDS.values())
