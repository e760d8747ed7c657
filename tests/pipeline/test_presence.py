"""Nobody goes on with a run while processes of a killed command still write."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from hilctl.errors import FolderBusyError
from hilctl.pipeline.train.processes.presence import present, wait_until_all_have_left

HOLD = """
import sys, time
from pathlib import Path
from hilctl.pipeline.train.processes.presence import present
with present(Path(sys.argv[1])):
    print("here", flush=True)
    time.sleep(600)
"""


def test_whoever_is_alone_does_not_wait(tmp_path: Path) -> None:
    wait_until_all_have_left(tmp_path, patience_s=0)


def test_several_can_be_present_at_once(tmp_path: Path) -> None:
    with present(tmp_path), present(tmp_path):
        pass


def test_one_that_stays_is_named_and_one_that_is_killed_is_gone(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "here\n"
        try:
            with pytest.raises(FolderBusyError, match="still write") as caught:
                wait_until_all_have_left(tmp_path, patience_s=0.2)
        finally:
            other.kill()
        assert caught.value.hint == f"end them: kill {other.pid}"
        started = time.monotonic()
        wait_until_all_have_left(tmp_path)
        assert time.monotonic() - started < 30
