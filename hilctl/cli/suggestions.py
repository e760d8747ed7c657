"""What a shell offers when Tab is pressed: looked up in files, quickly, and never an error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hilctl.task.templates import template_folders

CAMERA = re.compile(r"^ {1,8}([\w-]+):")  # a key below `cameras:`


def commands() -> list[tuple[str, str]]:
    """Return every command with its line."""
    from hilctl.cli.app import COMMANDS

    return [(name, line) for name, (_, line) in COMMANDS.items()]


def templates() -> list[str]:
    """Return the names of templates."""
    return [folder.name for folder in template_folders()]


def run_ids(ctx: Any) -> list[str]:
    """Return the ids of a task's runs, the newest first."""
    runs = _task_folder(ctx) / "runs"
    try:
        return sorted((run.name for run in runs.iterdir() if run.is_dir()), reverse=True)
    except OSError:
        return []


def cameras(ctx: Any) -> list[str]:
    """Return the names of a task's cameras."""
    try:
        text = (_task_folder(ctx) / "task.yaml").read_text("utf-8")
    except (OSError, ValueError):
        return []
    return list(_keys_below("cameras:", text))


def _task_folder(ctx: Any) -> Path:
    return Path(ctx.params.get("task") or ".")


def _keys_below(section: str, text: str) -> Iterator[str]:
    """Yield the keys of a block of YAML: a parser would take longer than a person waits."""
    inside, indent = False, ""
    for line in text.splitlines():
        if line.startswith(section):
            inside = True
        elif inside and line[:1] not in (" ", "#", ""):
            return
        elif inside and (found := CAMERA.match(line)):
            here = line[: len(line) - len(line.lstrip())]
            indent = indent or here
            if here == indent:
                yield found[1]
