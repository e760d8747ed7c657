"""Where a result comes from: command line, versions, code, data."""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from hilctl import __version__
from hilctl.data.index import episode_paths
from hilctl.rewards.learnt import classifier_folder, classifiers_of
from hilctl.task.regular_files import open_regular
from hilctl.task.workspace import Workspace

PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "h5py", "mujoco")
GIT_TIMEOUT_S = 5.0


def provenance(workspace: Workspace) -> dict[str, Any]:
    """Return as plain JSON what a run of a task folder is made from.

    Returns:
        started (UTC), argv, versions, git (None outside of a repository), and the sha256 of every
        demonstration and of the classifier; of several, those of each stage.
    """
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "argv": [word.encode("utf-8", "backslashreplace").decode() for word in sys.argv],
        "versions": versions(),
        "git": git_state(workspace.root),
        "demos": {path.name: sha256_of(path) for path in episode_paths(workspace.demos)},
        "classifier": _of_classifiers(workspace),
    }


def _of_classifiers(workspace: Workspace) -> str | dict[str, str] | None:
    files = {
        stage: classifier_folder(workspace.classifier, stage) / "classifier.json"
        for stage in classifiers_of(workspace.spec) or [""]
    }
    found = {stage: sha256_of(file) for stage, file in files.items() if file.is_file()}
    return found.get("") if "" in files else found


def versions() -> dict[str, str]:
    """Return the versions of Python, hilctl and what it computes with."""
    found = {"python": platform.python_version(), "hilctl": __version__}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def git_state(folder: Path) -> dict[str, Any] | None:
    """Return commit and whether there are uncommitted changes, or None outside of a repository."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    return {"commit": commit, "changed": bool(_git(folder, "status", "--porcelain", "--", "."))}


def sha256_of(file: Path) -> str:
    """Return the hex digest of a file's content."""
    with open_regular(file) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", timeout=GIT_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
