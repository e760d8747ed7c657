"""A person who answers what is on the screen, key by key."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hilctl.pipeline.events import Event
from hilctl.task import scaffold
from hilctl.task.workspace import Workspace

TINY_CAMERAS = {
    f"view: {name}, size: [128, 128]": f"view: {name}, width_px: 32, height_px: 32, size: [32, 32]"
    for name in ("wrist", "side")
}
HUMAN_RESET = {"by: script": "by: human"}


class Person:
    """Reads events as they come and types answers.

    Attributes:
        answers: to the questions "ready", "verdict" and "content": keys for the 1st, 2nd … time;
            the last ones go on.
        events: all that was on the screen.
    """

    def __init__(self, fd: int, terminal: str) -> None:
        self._fd, self.terminal = fd, terminal
        self.answers: dict[str, list[str]] = {"ready": ["g"]}
        self.events: list[Event] = []
        self._times: Counter[str] = Counter()

    def type(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def report(self, event: Event) -> None:
        self.events.append(event)
        self.answer({"event": event.name, **event.figures})

    def answer(self, figures: dict[str, Any]) -> None:
        subject = figures.get("for")
        if figures["event"] != "waiting" or subject not in self.answers:
            return
        keys = self.answers[subject]
        self.type(keys[min(self._times[subject], len(keys) - 1)])
        self._times[subject] += 1

    def texts(self, name: str) -> list[str]:
        return [event.text for event in self.events if event.name == name]


def small_task(
    folder: Path, person: Person | None, changes: dict[str, str] | None = None, **options: Any
) -> Workspace:
    """Make a reaching task with tiny pictures under a typing hand, or the scripted operator."""
    chosen = scaffold.find_template("sim-reach")
    scaffold.create(chosen, folder, chosen.answers({"demos": "2", "max_episode_s": "4"}))
    if person is not None:
        given = {"terminal": person.terminal, "skill": 1.0, **options}
        said = ", ".join(f"{key}: {_yaml(value)}" for key, value in given.items())
        changes = {"{type: scripted, skill: 0.8}": f"{{type: typing, {said}}}"} | (changes or {})
    return edit(Workspace(folder), TINY_CAMERAS | HUMAN_RESET | (changes or {}))


def edit(space: Workspace, changes: dict[str, str]) -> Workspace:
    """Replace pieces of a task file's text."""
    text = space.task_file.read_text("utf-8")
    for old, new in changes.items():
        assert old in text, f"{old!r} is not in the template any more"
        text = text.replace(old, new, 1)
    space.task_file.write_text(text, "utf-8")
    return Workspace(space.root)


def waits(**seconds: float) -> dict[str, str]:
    """Return what gives the task file a section about the operator."""
    said = ", ".join(f"{key}: {value}" for key, value in seconds.items())
    return {"observation:": f"operator: {{{said}}}\n\nobservation:"}


def once(call: Callable[[], None]) -> Callable[[], None]:
    """Return what does a thing the first time only."""
    done: list[bool] = []

    def maybe() -> None:
        if not done:
            done.append(True)
            call()

    return maybe


def _yaml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
