"""Make a folder of episodes one data set that other programs can open.

The index has robomimic's layout: `data/demo_i` are links to the episode files, relative, so that
the folder can move; `mask/train` and `mask/valid` name whole episodes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from hilctl.data import layout
from hilctl.data.disk import GuardedFile
from hilctl.data.header import EpisodeHeader
from hilctl.data.own_numbers import group_of
from hilctl.errors import BROKEN
from hilctl.task.files import os_errors
from hilctl.task.leftovers import temporary_beside

INDEX = "index.hdf5"
_ROBOMIMIC_GYM_TYPE = 2
_VALID_FRACTION = 0.1


def episode_paths(root: Path) -> list[Path]:
    """Return the committed episode files of a folder in the order they were recorded."""
    return sorted(root.glob("episode_*.hdf5"))


def rebuild_index(root: Path) -> Path:
    """Write `index.hdf5` anew; readers see the old one or the new one.

    Raises:
        DataError: an episode is unreadable, or the disk is full.
        HilctlError: the folder cannot be written.
    """
    headers = [EpisodeHeader.read(path) for path in episode_paths(root)]
    temporary = temporary_beside(root / INDEX)
    with os_errors(temporary):
        temporary.unlink(missing_ok=True)
        disk = GuardedFile(temporary)
    with h5py.File(disk, "w") as file:
        _write(file, headers)
    disk.publish(root / INDEX)
    return root / INDEX


def ensure_index(root: Path) -> Path:
    """Return the index, rebuilt if it is missing, unreadable or not of the episodes there are.

    Raises:
        HilctlError: as `rebuild_index`.
    """
    return root / INDEX if _is_current(root) else rebuild_index(root)


def split_by_episode(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split episodes into training and validation, one in ten but at least one of each.

    The split depends on the names only; a single episode is for training.
    """
    by_digest = sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())
    held_out = max(1, round(_VALID_FRACTION * len(names))) if len(names) > 1 else 0
    valid = set(by_digest[:held_out])
    return [name for name in names if name not in valid], [n for n in names if n in valid]


def _write(file: h5py.File, headers: Sequence[EpisodeHeader]) -> None:
    data, mask = file.create_group("data"), file.create_group("mask")
    demos = {header.path.name: f"demo_{i}" for i, header in enumerate(headers)}
    for name, demo in demos.items():
        data[demo] = h5py.ExternalLink(name, layout.GROUP)
    environment = {
        "env_name": "hilctl",
        "type": _ROBOMIMIC_GYM_TYPE,
        "env_kwargs": dict(headers[0].task_identity) if headers else {},
    }
    data.attrs["total"] = sum(header.num_samples for header in headers)
    data.attrs["env_args"] = json.dumps(environment, sort_keys=True)
    if headers:
        actions = headers[0].action_layout.as_json()
        data.attrs["action_layout"] = json.dumps(actions, sort_keys=True)
    for part, names in zip(("train", "valid"), split_by_episode(list(demos)), strict=True):
        mask[part] = np.array([demos[name] for name in names], dtype="S16")


def _is_current(root: Path) -> bool:
    index, paths = root / INDEX, episode_paths(root)
    if not index.is_file() or any(p.stat().st_mtime > index.stat().st_mtime for p in paths):
        return False
    try:
        with h5py.File(index, "r", locking=False) as file:
            links = [group_of(file, "data").get(key, getlink=True) for key in file["data"]]
            return {link.filename for link in links} == {path.name for path in paths}
    except (*BROKEN, OSError):
        return False
