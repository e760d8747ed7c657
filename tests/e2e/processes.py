"""Task folders to work in, and `hilctl` as a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from hilctl.task import scaffold
from hilctl.task.workspace import Workspace

TINY_CAMERAS = {
    f"view: {name}, size: [128, 128]": f"view: {name}, width_px: 32, height_px: 32, size: [32, 32]"
    for name in ("wrist", "side")
}
EYES = Path(__file__).parents[1] / "eyes"
THUMBNAILS = {  # in place of an encoder that takes most of the time
    "encoder: efficientnet-lite0": "encoder: thumbnails",
    "type: classifier\n": "type: classifier\n  encoder: thumbnails\n",
}
SHORT = {
    "max_robot_minutes: 20": "max_robot_minutes: 0.4",
    "updates_per_step: 4": "updates_per_step: 1",
    "updates_before: 2000": "updates_before: 4",
}
PATIENCE_S = 60.0
FEW_LABELS = {"consecutive: 2 ": "success_frames: 20\n  failure_frames: 100\n  consecutive: 2 "}


@dataclass
class Running:
    """A `hilctl` process with JSON lines on stdout."""

    process: subprocess.Popen[str]

    def event(self) -> dict[str, Any]:
        """Wait for the next line and return it."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"it ended: {self.finish()}")
        return dict(json.loads(line))

    def kill(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def finish(self) -> tuple[int, list[dict[str, Any]], str]:
        """Wait for the end and return exit code, remaining JSON lines and talk."""
        out, talk = self.process.communicate(timeout=240)
        return self.process.returncode, [json.loads(line) for line in out.splitlines()], talk


class Start(Protocol):
    """Start `hilctl` with `--json` in a task folder, with further environment variables."""

    def __call__(
        self, space: Workspace, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> Running: ...


@contextmanager
def starting() -> Iterator[Start]:
    """Return what starts processes; those that are left on leaving are ended."""
    running: list[subprocess.Popen[str]] = []

    def call(
        space: Workspace, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> Running:
        process = subprocess.Popen(
            [sys.executable, "-m", "hilctl", *arguments, "--json"],
            cwd=space.root,
            env=with_eyes(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return Running(process)

    try:
        yield call
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
            process.communicate()


def with_eyes(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a process that finds the encoder of these tests."""
    known = {name: value for name, value in os.environ.items() if name != "MUJOCO_GL"}
    known |= environment
    path = [folder for folder in known.get("PYTHONPATH", "").split(os.pathsep) if folder]
    return known | {"PYTHONPATH": os.pathsep.join([*path, str(EYES)])}


class Ask(Protocol):
    """Run a command line with `--json` in this process; return code, JSON lines and talk."""

    def __call__(
        self, space: Workspace, *arguments: str
    ) -> tuple[int, list[dict[str, Any]], str]: ...


def install(site: Path, name: str, module: str, entry_points: str) -> dict[str, str]:
    """Write a package of one module that registers plug-ins; return where Python finds it."""
    about = site / f"{name}-1.0.dist-info"
    about.mkdir(parents=True)
    (site / f"{name}.py").write_text(module)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(entry_points)
    return python_path(site)


def python_path(site: Path) -> dict[str, str]:
    """Return the environment in which Python looks into a folder first."""
    return {"PYTHONPATH": f"{site}:{os.environ.get('PYTHONPATH', '')}"}


def make_task(folder: Path, template: str, changes: dict[str, str], **answers: str) -> Workspace:
    """Make a task folder, answering some questions, and replace pieces of its task file."""
    chosen = scaffold.find_template(template)
    scaffold.create(chosen, folder, chosen.answers(answers))
    file = folder / "task.yaml"
    text = file.read_text("utf-8")
    for old, new in changes.items():
        assert old in text, f"{old!r} is not in the template any more"
        text = text.replace(old, new, 1)
    file.write_text(text, "utf-8")
    return Workspace(folder)


def copy(folder: Path, target: Path) -> Workspace:
    """Return a task folder of one's own."""
    return Workspace(Path(shutil.copytree(folder, target)))


def edit(space: Workspace, changes: Mapping[str, str]) -> None:
    """Replace pieces of a task file."""
    text = space.task_file.read_text("utf-8")
    for old, new in changes.items():
        assert old in text, f"{old!r} is not in the task file"
        text = text.replace(old, new)
    space.task_file.write_text(text, "utf-8")


def until(running: Running, wanted: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """Return all events up to the one that is wanted."""
    seen = [running.event()]
    while not wanted(seen[-1]):
        seen.append(running.event())
    return seen


def is_episode(number: int) -> Callable[[dict[str, Any]], bool]:
    """Return whether an event is the end of that episode, or of a later one."""
    return lambda event: event["event"] == "episode" and event["episodes"] >= number


def progress(space: Workspace) -> dict[str, Any]:
    """Return how far the only run got, as it was written when it was stopped."""
    (run,) = space.all_runs()
    return dict(json.loads((run / "manifest.json").read_text("utf-8"))["progress"])


def processes(events: list[dict[str, Any]]) -> dict[str, int]:
    """Return the process ids of both sides of a training."""
    return {event["role"]: event["pid"] for event in events if event["event"] == "process"}


def episodes(space: Workspace) -> list[Path]:
    """Return the episodes of the only run."""
    (run,) = space.all_runs()
    return sorted((run / "episodes").glob("*.hdf5"))


def is_gone(pid: int) -> bool:
    """Return whether a process has ended."""
    try:
        return "Z" in Path(f"/proc/{pid}/stat").read_text().split(")")[1][:3]
    except OSError:
        return True


def eventually(true: Callable[[], bool]) -> bool:
    """Return whether something becomes true within a minute."""
    deadline = time.monotonic() + PATIENCE_S
    while not true() and time.monotonic() < deadline:
        time.sleep(0.1)
    return true()
