"""What is proposed can be done: while another command is at work, after Ctrl-C, and at the end."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import av
from processes import Ask, Start
from stopped_run import StoppedRun

from hilctl.task.workspace import Workspace


def test_while_training_runs_status_proposes_only_what_is_not_refused(stopped: StoppedRun) -> None:
    assert stopped.next_at_first == "hilctl status"  # there is nothing else to look at yet
    (run,) = stopped.space.all_runs()
    assert stopped.next_later == f"hilctl status {run.name}"
    code, lines, _ = stopped.followed
    assert (code, lines[-1]["status"]) == (0, "running")
    assert f"kill -INT {stopped.supervisor}" in stopped.for_people


def test_what_goes_on_after_ctrl_c_starts_nothing_anew(stopped: StoppedRun, ask: Ask) -> None:
    code, lines, talk = stopped.answer  # of `hilctl train --new --seed 5`
    assert code == 130
    assert lines[-1]["error"]["next"] == "hilctl train"
    assert talk.splitlines()[-1] == "next: hilctl train"
    code, lines, _ = ask(stopped.space, "status")
    assert (code, lines[-1]["next"]) == (0, "hilctl train")


def test_ctrl_c_proposes_the_same_command(ready: Workspace, start: Start) -> None:
    running = start(ready, "record-demos", "-n", "50")
    running.event()
    running.kill(signal.SIGINT)
    running.kill(signal.SIGTERM)  # two of the same kind may arrive as one
    code, lines, _ = running.finish()
    assert code == 130
    assert lines[-1]["error"]["next"] == "hilctl record-demos -n 50 --json"


def test_eval_tells_where_its_videos_are(finished: Workspace, ask: Ask) -> None:
    code, lines, talk = ask(finished, "eval", "-n", "2", "--video")
    assert code == 0, talk
    first, second = (finished.root / file for file in lines[-1]["videos"])
    assert f"video: {os.path.relpath(first, finished.root)} and 1 more beside it" in talk
    for file in (first, second):
        with av.open(file) as film:
            (stream,) = film.streams.video
            assert stream.codec_context.name == "h264"
            assert sum(1 for _ in film.decode(stream)) > 1
    code, lines, _ = ask(finished, "eval", "-n", "1", "--video")
    (file,) = lines[-1]["videos"]
    assert [path.name for path in Path(finished.root / file).parent.iterdir()] == [Path(file).name]
