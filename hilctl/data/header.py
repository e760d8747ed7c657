"""Open an episode file, and refuse what is not one."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from hilctl.data import layout
from hilctl.data.disk import WatchedFile
from hilctl.data.own_numbers import dataset_of, datasets_in, group_of, has_link
from hilctl.data.step import Outcome
from hilctl.errors import BROKEN, DamagedDataError, DataError
from hilctl.task.files import os_errors
from hilctl.task.json_files import parse_json
from hilctl.task.layout import ActionLayout, ObservationLayout
from hilctl.task.regular_files import NotRegularError, require_regular

_TEXT_ATTRIBUTES = ("kind", "outcome", "operator", "task_fingerprint", "task_identity", "versions")
_JSON_ATTRIBUTES = (
    "task_identity",
    "versions",
    "references",
    "action_layout",
    "observation_layout",
)
MAX_STEPS = 1_000_000  # more than a day at 10 Hz


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
    def action_layout(self) -> ActionLayout:
        """What the numbers of its actions are; before that was stored there was only one kind."""
        stored = self.attributes.get("action_layout")
        return ActionLayout.one_arm() if stored is None else ActionLayout.from_json(stored)

    @property
    def observation_layout(self) -> ObservationLayout | None:
        """What its observations hold, or None where that is told by the rows alone."""
        stored = self.attributes.get("observation_layout")
        return None if stored is None else ObservationLayout.from_json(stored)

    @property
    def label_stages(self) -> tuple[str, ...]:
        """The stages that its labels count; "" is the whole task."""
        return tuple(str(self.attributes.get(layout.LABEL_STAGES, "")).split(","))

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
    with os_errors(path):
        try:
            require_regular(path)
        except (NotRegularError, IsADirectoryError) as error:
            raise damaged(path, _reason(error)) from error
        with WatchedFile(path) as watched:
            try:
                with h5py.File(watched, "r") as file:
                    yield group_of(file, layout.GROUP.strip("/"))
            except (*BROKEN, OSError, SystemError) as error:
                raise damaged(path, _reason(error)) from error
            finally:
                watched.check()  # whatever HDF5 or the block made of it


def damaged(path: Path, reason: str) -> DamagedDataError:
    """Return the error that says what is wrong with an episode file, and the way out."""
    move = shlex.join(["mv", str(path), f"{path}.broken"])
    hint = f"restore it from a copy, or move it out of the way: {move}"
    return DamagedDataError(reason, where=str(path), hint=hint)


def _reason(error: Exception) -> str:
    text = str(error)
    if "file signature not found" in text:
        return "this is not an HDF5 file"
    if "truncated file" in text:
        return "the file is truncated: it ends before its data does"
    if isinstance(error, NotRegularError):
        return text
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
    if not isinstance(steps, int) or not 1 <= steps <= MAX_STEPS:
        raise ValueError("num_samples is missing")
    columns = _check_steps(group, steps)
    widths = _check_observations(group, steps)
    stamps = group_of(group, layout.FRAME_STAMPS.strip("/"))
    for name in stamps:
        _expect(f"{layout.FRAME_STAMPS}{name}", dataset_of(stamps, name), steps + 1, "iu", 1)
    if has_link(group, layout.LABELS):
        _expect(layout.LABELS, dataset_of(group, layout.LABELS), steps, "iu", 1)
    elif attributes["kind"] == "label":
        raise ValueError(f"{layout.LABELS} are missing")
    header = EpisodeHeader(path, steps, attributes)
    _check_layouts(header, columns, widths)
    return header


def _check_steps(group: h5py.Group, steps: int) -> int:
    """Check what there is of every step; return how many numbers an action has."""
    shapes = set()
    for name in layout.STEP_COLUMNS:
        column = dataset_of(group, name)
        if name in layout.ACTION_COLUMNS:
            _expect(name, column, steps, "f", 2)
            shapes.add(column.shape)
        else:
            _expect(name, column, steps, "biuf", 1)
    if len(shapes) > 1:
        raise ValueError("the kinds of actions differ in shape")
    stamps = dataset_of(group, layout.STAMP_COLUMN)
    _expect(layout.STAMP_COLUMN, stamps, steps + 1, "iu", 1)
    return int(shapes.pop()[1])


def _check_layouts(
    header: EpisodeHeader, columns: int, widths: Mapping[str, tuple[int, ...]]
) -> None:
    """Check that the rows are as wide as the layouts say."""
    wanted = header.action_layout.size
    if columns != wanted:
        raise ValueError(f"actions have {columns} columns, their layout {wanted}")
    seen = header.observation_layout
    for name, width in seen.state.items() if seen else ():
        if widths.get(name) != (width,):
            raise ValueError(f"obs/{name} is not of {width} columns, as the layout says")


def _check_observations(group: h5py.Group, steps: int) -> dict[str, tuple[int, ...]]:
    """Check what there is of every observation; return the shape of a row of each."""
    names = datasets_in(group, "obs")
    if not names:
        raise ValueError("obs is empty")
    rows, last = group_of(group, "obs"), group_of(group, "final_obs")
    widths = {}
    for name in names:
        now, final = dataset_of(rows, name), dataset_of(last, name)
        _expect(f"obs/{name}", now, steps, "biuf")
        _expect(f"final_obs/{name}", final, 1, "biuf")
        widths[name] = now.shape[1:]
        if final.shape[1:] != widths[name]:
            raise ValueError(f"final_obs/{name} differs in shape from obs/{name}")
    return widths


def _expect(
    name: str, dataset: h5py.Dataset, length: int, kinds: str, dimensions: int | None = None
) -> None:
    kind, shape = dataset.dtype, dataset.shape
    if kind.kind not in kinds:
        raise ValueError(f"{name} holds {kind}, not what it should")
    if shape[:1] != (length,) or len(shape) != (dimensions or len(shape)):
        raise ValueError(f"{name} has shape {shape}, expected {length} rows")


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
    value = parse_json(text)
    if not isinstance(value, dict):
        raise ValueError(f"{key} is not a JSON object")
    return value
