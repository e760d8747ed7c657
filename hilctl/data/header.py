"""Open an episode file, and refuse what is not one."""

from __future__ import annotations

import contextlib
import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from hilctl.data import layout
from hilctl.data.disk import WatchedFile
from hilctl.data.step import Outcome
from hilctl.errors import DamagedDataError, DataError
from hilctl.task.files import os_errors

_TEXT_ATTRIBUTES = ("kind", "outcome", "operator", "task_fingerprint", "task_identity", "versions")
_JSON_ATTRIBUTES = ("task_identity", "versions", "references")


@dataclass(frozen=True)
class EpisodeHeader:
    """What is known of an episode without reading its rows.

    Attributes:
        path: of the file.
        num_samples: T, the steps.
        attributes: everything else that was recorded about the whole episode.
    """

    path: Path
    num_samples: int
    attributes: Mapping[str, Any]

    @staticmethod
    def read(path: Path) -> EpisodeHeader:
        """Read a file's header and check that its parts fit together.

        Raises:
            DataError: not an episode file, truncated, inconsistent, or of another format.
        """
        with opened(path) as group:
            return checked(path, group)

    @property
    def outcome(self) -> Outcome:
        """How the episode ended."""
        return Outcome(self.attributes["outcome"])

    @property
    def kind(self) -> str:
        """What it was recorded for: "demo", "label" or "rollout"."""
        return str(self.attributes["kind"])

    @property
    def task_fingerprint(self) -> str:
        """The task it was recorded for."""
        return str(self.attributes["task_fingerprint"])

    @property
    def task_identity(self) -> Mapping[str, Any]:
        """What the fingerprint is of."""
        identity: Mapping[str, Any] = self.attributes["task_identity"]
        return identity

    @property
    def references(self) -> Mapping[str, str]:
        """Camera → the reference picture it was compared with: digits of its sha256."""
        references: Mapping[str, str] = self.attributes.get("references", {})
        return references

    @property
    def true_success(self) -> bool | None:
        """The simulator's truth, or None where nobody knew."""
        value = self.attributes.get("true_success")
        return None if value is None else bool(value)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[h5py.Group]:
    """Open a file's episode group for reading; whatever is wrong with it becomes a DataError.

    Raises:
        ComputerError: the computer could not read it.
        DamagedDataError: the block found something wrong with it.
        DataError: it is not there.
    """
    with os_errors(path), WatchedFile(path) as watched:
        try:
            with h5py.File(watched, "r") as file:
                if not isinstance(file.get(layout.GROUP), h5py.Group):
                    raise ValueError(f"it has no group {layout.GROUP}")
                yield file[layout.GROUP]
        except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
            move = shlex.join(["mv", str(path), f"{path}.broken"])
            hint = f"restore it from a copy, or move it out of the way: {move}"
            raise DamagedDataError(_reason(error), where=str(path), hint=hint) from error
        finally:
            watched.check()  # whatever HDF5 or the block made of it


def _reason(error: Exception) -> str:
    text = str(error)
    if "file signature not found" in text:
        return "this is not an HDF5 file"
    if "truncated file" in text:
        return "the file is truncated: it ends before its data does"
    if isinstance(error, ValueError):
        return f"not an episode file: {text}"
    return f"the file is damaged: {text}"


def checked(path: Path, group: h5py.Group) -> EpisodeHeader:
    """Return the header of an open group after checking that it is an episode.

    Raises:
        DataError: of another format.
        ValueError: not an episode, or inconsistent; `opened` makes it a DataError.
    """
    attributes = _attributes(path, group)
    steps = attributes.pop("num_samples", None)
    if not isinstance(steps, int) or steps < 1:
        raise ValueError("num_samples is missing")
    for name, length in _expected_lengths(group, steps).items():
        if name not in group:
            raise ValueError(f"{name} is missing")
        dataset = group[name]
        if not isinstance(dataset, h5py.Dataset):
            raise ValueError(f"{name} is not a dataset")
        if dataset.dtype.kind not in "biuf":
            raise ValueError(f"{name} holds {dataset.dtype}, not numbers")
        if dataset.shape[:1] != (length,):
            raise ValueError(f"{name} has shape {dataset.shape} for {steps} steps")
    for key, now in group["obs"].items():
        if now.shape[1:] != group[f"final_obs/{key}"].shape[1:]:
            raise ValueError(f"final_obs/{key} differs in shape from obs/{key}")
    return EpisodeHeader(path, steps, attributes)


def _attributes(path: Path, group: Any) -> dict[str, Any]:
    values = {
        key: value.item() if isinstance(value, np.generic) else value
        for key, value in group.attrs.items()
    }
    if values.get("format") != layout.FORMAT:
        raise DataError(
            f"written in format {values.get('format')}, this hilctl reads format {layout.FORMAT}",
            where=str(path),
            hint=f"use the version that wrote it: {values.get('versions', 'unknown')}",
        )
    for key in _TEXT_ATTRIBUTES:
        if not isinstance(values.get(key), str):
            raise ValueError(f"{key} is missing")
    Outcome(values["outcome"])
    return values | {key: _parsed(key, values[key]) for key in _JSON_ATTRIBUTES if key in values}


def _parsed(key: str, text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"{key} is not a JSON object")
    return value


def _expected_lengths(group: Any, steps: int) -> dict[str, int]:
    lengths = dict.fromkeys(layout.STEP_COLUMNS, steps) | {layout.STAMP_COLUMN: steps + 1}
    if layout.LABELS in group:
        lengths[layout.LABELS] = steps
    for name in ("obs", "final_obs", layout.FRAME_STAMPS):
        if name not in group:
            raise ValueError(f"{name} is missing")
    for key in group["obs"]:
        lengths |= {f"obs/{key}": steps, f"final_obs/{key}": 1}
    return lengths | {layout.FRAME_STAMPS + key: steps + 1 for key in group[layout.FRAME_STAMPS]}
