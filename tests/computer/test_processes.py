"""The processes of a training on a computer that is not as it should be."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hilctl.task.locks import NO_LOCKS

if TYPE_CHECKING:
    from conftest import Faulty

CHILD = """
import json, os, signal
from pathlib import Path
from hilctl.pipeline.train.processes.child import ProcessTask, run_child
from hilctl.pipeline.train.processes.signals import SPAWN, ProcessSignals
from hilctl.task.workspace import Workspace
ours, theirs = SPAWN.Pipe(duplex=False)
here = Path.cwd()
address = here / "link"
assignment = ProcessTask(here, Workspace(here).spec, here / "runs/1", 0, address, os.getppid())
try:
    run_child("learner", assignment, ProcessSignals.make(), theirs)
except SystemExit as leaving:
    assert leaving.code == 1
message = json.loads(ours.recv_bytes())
print(message["kind"], message["type"], message["error"]["code"])
"""
PRESENT = """
import subprocess, sys
from pathlib import Path
from hilctl.pipeline.train.processes.presence import present, wait_until_all_have_left
from hilctl.errors import FolderBusyError
here = Path.cwd()
if len(sys.argv) > 1:
    try:
        wait_until_all_have_left(here, 0.2)
    except FolderBusyError:
        print("busy")
    else:
        print("free")
else:
    with present(here), present(here):
        print(subprocess.check_output([sys.executable, "-c", sys.stdin.read(), "wait"], text=True))
"""


def run(program: str, folder: Path, faults: dict[str, str | None], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        env={**os.environ, **{name: str(value) for name, value in faults.items()}},
        input=program,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_process_tells_its_supervisor_what_the_computer_lacks(task: Path, faulty: Faulty) -> None:
    assert run(CHILD, task, faulty(task, flock=errno.EIO)) == "error ComputerError computer"


@pytest.mark.parametrize("number", sorted(NO_LOCKS), ids=lambda number: errno.errorcode[number])
def test_processes_of_a_killed_training_are_noticed_where_there_are_no_locks(
    task: Path, faulty: Faulty, number: int
) -> None:
    faults = faulty(task, flock=number)
    assert run(PRESENT, task, faults) == "busy"
    assert run(PRESENT, task, faults, "wait") == "free"
