"""Actor and learner keep out of each other's way on one computer."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import Any

import pytest

TAKE_SHARE = """
import json, os, sys, threading
from hilctl.pipeline.processes.share import take_share

take_share(sys.argv[1])
about = {}

def look():
    about.update(
        cores=sorted(os.sched_getaffinity(0)),
        niceness=os.nice(0),
        real_time=os.sched_getscheduler(0) == os.SCHED_RR,
    )

later = threading.Thread(target=look)
later.start()
later.join()
print(json.dumps(about))
"""
ASK = "import os; os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))"
WITHOUT_PERMISSION = ("setpriv", "--bounding-set=-sys_nice", "--inh-caps=-sys_nice")


def works(*command: str) -> bool:
    """Return whether a command can be run here and succeeds."""
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, stderr=subprocess.DEVNULL, timeout=60).returncode == 0


def taken(role: str, *, as_nobody: bool = False) -> dict[str, Any]:
    """Return what a thread started later by a process in a role runs with."""
    command = [sys.executable, "-c", TAKE_SHARE, role]
    if as_nobody:
        command = [*WITHOUT_PERMISSION, *command]
    about: dict[str, Any] = json.loads(subprocess.check_output(command, text=True, timeout=60))
    return about


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one core to share")
def test_no_core_is_shared_and_none_is_left_idle() -> None:
    actor, learner = taken("actor")["cores"], taken("learner")["cores"]
    assert not set(actor) & set(learner)
    assert sorted(actor + learner) == sorted(os.sched_getaffinity(0))


def test_the_learner_lets_everybody_else_go_first() -> None:
    about = taken("learner")
    assert about["niceness"] >= 10
    assert not about["real_time"]


@pytest.mark.skipif(not works(sys.executable, "-c", ASK), reason="it is not permitted here")
def test_the_actor_goes_before_ordinary_programs_where_that_is_permitted() -> None:
    assert taken("actor")["real_time"]


@pytest.mark.skipif(not works(*WITHOUT_PERMISSION, "true"), reason="it cannot be given up here")
def test_an_actor_that_may_not_runs_like_any_other_program() -> None:
    about = taken("actor", as_nobody=True)
    assert not about["real_time"]
    assert about["niceness"] == os.nice(0)
