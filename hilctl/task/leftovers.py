"""Temporary files: their names tell who writes them, and what the dead left is removed."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

_NAME = re.compile(r"\..+\.(\d+)\.tmp")


def is_running(pid: int) -> bool:
    """Return whether there is a process of that number; anybody's."""
    if pid <= 0:  # to the kernel these mean many processes
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def temporary_beside(path: Path) -> Path:
    """Return where this process prepares a file or folder that will be renamed to `path`."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def sweep(folder: Path, *, deep: bool = True) -> None:
    """Remove files that processes that no longer run were preparing.

    Args:
        folder: where they lie.
        deep: look into the folders below it, too.
    """
    for path in _hidden_files(folder, deep):
        match = _NAME.fullmatch(path.name)
        if match and not is_running(int(match[1])):
            with contextlib.suppress(OSError):
                path.unlink()


def sweep_folders(parent: Path, names: str) -> None:
    """Remove folders of our own directly in `parent` whose makers no longer run.

    Args:
        parent: where they lie, among things of others.
        names: regular expression of their whole names; its group 1 is the process id.
    """
    with contextlib.suppress(OSError):
        for path in parent.iterdir():
            match = re.fullmatch(names, path.name)
            if match and not is_running(int(match[1])) and _is_ours(path):
                shutil.rmtree(path, ignore_errors=True)


def _hidden_files(folder: Path, deep: bool) -> Iterable[Path]:
    for inside, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if deep and not name.startswith(".")]
        yield from (Path(inside, name) for name in files if name.startswith("."))


def _is_ours(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and path.stat().st_uid == os.getuid()
