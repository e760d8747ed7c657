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
import json, os, subprocess, sys, threading
from hilctl.pipeline.train.processes.share import take_share
from hilctl.real_time import become_real_time

REAL_TIME = (os.SCHED_RR, os.SCHED_RR | os.SCHED_RESET_ON_FORK)
HELPER = "import os; print(os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK == os.SCHED_OTHER)"
take_share(sys.argv[1])
about, begin = {}, threading.Event()

def look():
    begin.wait(60)
    helper = subprocess.check_output([sys.executable, "-c", HELPER], text=True)
    about.update(
        cores=sorted(os.sched_getaffinity(0)),
        niceness=os.nice(0),
        real_time=os.sched_getscheduler(0) in REAL_TIME,
        helper_is_ordinary=helper.strip() == "True",
    )

there = threading.Thread(target=look)
there.start()
if sys.argv[1] == "actor":
    become_real_time()  # as before the robot moves
begin.set()
there.join()
about["control_is_real_time"] = os.sched_getscheduler(0) in REAL_TIME
helper = subprocess.check_output([sys.executable, "-c", HELPER], text=True)
about["helper_is_ordinary"] &= helper.strip() == "True"
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
    """Return what a process in a role, and a thread that it has, run with before robots move."""
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
    about = taken("actor")
    assert about["control_is_real_time"]
    assert about["real_time"]


def test_programs_that_the_actor_starts_are_ordinary() -> None:
    assert taken("actor")["helper_is_ordinary"]


@pytest.mark.skipif(not works(*WITHOUT_PERMISSION, "true"), reason="it cannot be given up here")
def test_an_actor_that_may_not_runs_like_any_other_program() -> None:
    about = taken("actor", as_nobody=True)
    assert not about["real_time"]
    assert about["niceness"] == os.nice(0)
