"""A small task for tests that record: the reaching scene with tiny pictures."""

from __future__ import annotations

from pathlib import Path

from hilctl.task import scaffold
from hilctl.task.workspace import Workspace

TINY_CAMERAS = {
    f"view: {name}, size: [128, 128]": f"view: {name}, width_px: 32, height_px: 32, size: [32, 32]"
    for name in ("wrist", "side")
}


def make_task(folder: Path) -> Workspace:
    """Make a task folder."""
    chosen = scaffold.find_template("sim-reach")
    scaffold.create(chosen, folder, chosen.answers({}))
    return edit(Workspace(folder), TINY_CAMERAS)


def edit(workspace: Workspace, changes: dict[str, str]) -> Workspace:
    """Replace pieces of a task file's text."""
    text = workspace.task_file.read_text("utf-8")
    for old, new in changes.items():
        assert old in text, f"{old!r} is not in the template any more"
        text = text.replace(old, new, 1)
    workspace.task_file.write_text(text, "utf-8")
    return Workspace(workspace.root)
