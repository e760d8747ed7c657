"""What is proposed can be done: while another command is at work, after Ctrl-C, and at the end."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import av
import pytest
from processes import Start, is_episode, until

from hilctl.task.workspace import Workspace


def follow(space: Workspace, command: str) -> tuple[int, str]:
    """Run what was proposed, as JSON."""
    program, *arguments = shlex.split(command)
    assert program == "hilctl"
    done = subprocess.run(
        [sys.executable, "-m", "hilctl", *arguments, "--json"],
        cwd=space.root,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout


def next_of(space: Workspace) -> str:
    code, out = follow(space, "hilctl status")
    assert code == 0
    return str(json.loads(out)["next"])


def test_while_training_runs_status_proposes_only_what_is_not_refused(
    ready: Workspace, start: Start
) -> None:
    running = start(ready, "train")
    first = running.event()
    assert first
    assert next_of(ready) == "hilctl status"  # there is nothing else to look at yet
    until(running, is_episode(1))
    (run,) = ready.all_runs()
    proposed = next_of(ready)
    assert proposed == f"hilctl status {run.name}"
    code, out = follow(ready, proposed)
    assert (code, json.loads(out)["status"]) == (0, "running")
    done = subprocess.run(
        [sys.executable, "-m", "hilctl", "status"],
        cwd=ready.root,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert f"kill -INT {running.process.pid}" in done.stdout
    running.kill(signal.SIGINT)
    code, lines, talk = running.finish()
    assert code == 130
    assert lines[-1]["error"]["next"] == "hilctl train"
    assert talk.splitlines()[-1] == "next: hilctl train"
    assert next_of(ready) == "hilctl train"


@pytest.mark.parametrize("options", [[], ["--new"]])
def test_what_goes_on_after_ctrl_c_starts_nothing_anew(
    options: list[str], ready: Workspace, start: Start
) -> None:
    running = start(ready, "train", *options)
    until(running, is_episode(1))
    running.kill(signal.SIGINT)
    _, lines, _ = running.finish()
    assert lines[-1]["error"]["next"] == "hilctl train"


def test_ctrl_c_proposes_the_same_command(ready: Workspace, start: Start) -> None:
    running = start(ready, "record-demos", "-n", "50")
    running.event()
    running.kill(signal.SIGINT)
    running.kill(signal.SIGTERM)  # two of the same kind may arrive as one
    code, lines, _ = running.finish()
    assert code == 130
    assert lines[-1]["error"]["next"] == "hilctl record-demos -n 50 --json"


def test_eval_tells_where_its_videos_are(ready: Workspace, start: Start) -> None:
    code, _, talk = start(ready, "train", "--lockstep").finish()
    assert code == 0, talk
    code, lines, talk = start(ready, "eval", "-n", "2", "--video").finish()
    assert code == 0, talk
    first, second = (ready.root / file for file in lines[-1]["videos"])
    assert f"video: {os.path.relpath(first, ready.root)} and 1 more beside it" in talk
    for file in (first, second):
        with av.open(file) as film:
            (stream,) = film.streams.video
            assert stream.codec_context.name == "h264"
            assert sum(1 for _ in film.decode(stream)) > 1
    code, lines, _ = start(ready, "eval", "-n", "1", "--video").finish()
    (file,) = lines[-1]["videos"]
    assert [path.name for path in Path(ready.root / file).parent.iterdir()] == [Path(file).name]
