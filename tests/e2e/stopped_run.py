"""One training in real time that is looked at while it runs, and stopped with Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processes import Running, Start, edit, is_episode, is_gone, processes, until, with_eyes

from hilctl.task.workspace import Workspace

SEED = 5
UPDATES = 20  # more than those before the robot moves
Finished = tuple[int, list[dict[str, Any]], str]  # exit code, JSON lines, talk


@dataclass(frozen=True)
class StoppedRun:
    """What was seen of it.

    Attributes:
        space: the task folder that it left.
        supervisor: process id.
        next_at_first: what `status` proposes before there is an episode,
        next_later: and when there is one;
        followed: what that proposal answers,
        for_people: and what `status` says without `--json`.
        second: a second `train` in the same folder.
        answer: of the training, when it was stopped.
        left_over: processes that outlived it.
    """

    space: Workspace
    supervisor: int
    next_at_first: str
    next_later: str
    followed: Finished
    for_people: str
    second: Finished
    answer: Finished
    left_over: list[int]

    def write(self, file: Path) -> None:
        """Keep what was seen, for other processes."""
        file.write_text(json.dumps({**vars(self), "space": None}), "utf-8")

    @classmethod
    def read(cls, file: Path, task: Path) -> StoppedRun:
        """Return what was seen of a task folder."""
        seen = json.loads(file.read_text("utf-8"))
        return cls(**{**seen, "space": Workspace(task)})


def watch_and_stop(space: Workspace, start: Start) -> StoppedRun:
    """Train, ask all there is to ask meanwhile, and press Ctrl-C after some episodes."""
    edit(space, {"max_robot_minutes: 0.4": "max_robot_minutes: 5"})
    running = start(space, "train", "--new", "--seed", str(SEED))
    events = [running.event()]
    next_at_first = proposed(start, space)
    events += until(running, is_episode(1))
    next_later = proposed(start, space)
    followed = start(space, *next_later.split()[1:]).finish()
    for_people = words_of_status(space)
    second = start(space, "train").finish()
    pids = processes(events)
    until(running, has_learnt)
    answer = interrupted(running)
    return StoppedRun(
        space=space,
        supervisor=running.process.pid,
        next_at_first=next_at_first,
        next_later=next_later,
        followed=followed,
        for_people=for_people,
        second=second,
        answer=answer,
        left_over=[pid for pid in pids.values() if not is_gone(pid)],
    )


def has_learnt(event: dict[str, Any]) -> bool:
    """Return whether an event is the end of an episode after the first updates that it entitles to.

    They come when the robot has moved for 20 s.
    """
    return event["event"] == "episode" and event["updates"] > UPDATES


def interrupted(running: Running) -> Finished:
    """Press Ctrl-C and wait for the end."""
    running.kill(signal.SIGINT)
    return running.finish()


def proposed(start: Start, space: Workspace) -> str:
    """Return what `hilctl status` says comes next."""
    code, lines, talk = start(space, "status").finish()
    assert code == 0, talk
    return str(lines[-1]["next"])


def words_of_status(space: Workspace) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "hilctl", "status"],
        cwd=space.root,
        env=with_eyes({}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout
