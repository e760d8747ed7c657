"""What an episode file looks like inside: which dataset holds what, one row a step.

All lies in the group `/episode`, so that an index can link to it:

- `obs/<camera>` (T, H, W, 3) uint8 and `obs/<state key>` (T, ·): before each action;
- `final_obs/<key>` (1, ...): after the last action;
- `next_obs/<key>`: a virtual view of the two, shifted by one step, for readers that want it;
- `actions` (T, A) as executed; `policy_actions`, `human_actions` (T, A), NaN where there is none;
- `intervened`, `terminated`, `truncated`, `dones` (T,) bool; `rewards`, `probability` (T,);
- `judged/<name>` (T,): what else the reward judged by;
- `stamps_ns` (T + 1,), `frame_stamps_ns/<camera>` (T + 1,): monotonic nanoseconds;
- `labels` (T,) int8, in files of kind "label", of the observation after each action, as the
  reward is: 1 success, 0 failure, -1 neither; where the attribute `label_stages` names stages, how
  many of them are reached.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import h5py
import numpy as np
from numpy.typing import NDArray

from hilctl.data.step import Observation, Step

FORMAT = 1
GROUP = "/episode"
STEP_COLUMNS = (
    "actions",
    "policy_actions",
    "human_actions",
    "intervened",
    "rewards",
    "terminated",
    "truncated",
    "dones",
    "probability",
)
ACTION_COLUMNS = STEP_COLUMNS[:3]
STAMP_COLUMN = "stamps_ns"
FRAME_STAMPS = "frame_stamps_ns/"
LABELS = "labels"
LABEL_STAGES = "label_stages"
JUDGED = "judged/"

_DEFLATE_LEVEL = 1

Packed = dict[str, bytes]  # camera → its frame, compressed as in the file


@dataclass(frozen=True)
class PackedFrames:
    """Rows of a camera that need only be copied to the file.

    Attributes:
        row: (H, W, 3) of every frame.
        frames: each compressed by itself, as HDF5 would.
    """

    row: tuple[int, ...]
    frames: Sequence[bytes]
    dtype: ClassVar[np.dtype[np.uint8]] = np.dtype(np.uint8)

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.frames)


Rows = NDArray[Any] | PackedFrames
Columns = dict[str, Rows]


def packed(observation: Observation) -> Packed:
    """Compress the frames of an observation.

    A few frames in each step: HDF5 would compress all of ten steps at once, which takes 20 ms of a
    control period of 50.
    """
    return {
        camera: zlib.compress(np.ascontiguousarray(image).data, _DEFLATE_LEVEL)
        for camera, image in observation.images.items()
    }


def columns_of(steps: Sequence[Step], frames: Sequence[Packed]) -> Columns:
    """Return the rows of steps: dataset name → (k, ...).

    Args:
        steps: k of them.
        frames: of the observation of each.
    """
    executed = np.stack([step.executed_action for step in steps])
    nothing = np.full(executed.shape[1], np.nan)
    terminated = np.array([step.terminated for step in steps], np.bool_)
    truncated = np.array([step.truncated for step in steps], np.bool_)
    return {
        **_observed("obs/", [step.observation for step in steps], frames),
        **stamps_of([step.observation for step in steps]),
        "actions": executed,
        "policy_actions": np.stack([_or(step.policy_action, nothing) for step in steps]),
        "human_actions": np.stack([_or(step.human_action, nothing) for step in steps]),
        "intervened": np.array([step.intervened for step in steps], np.bool_),
        "rewards": np.array([step.reward for step in steps], np.float64),
        "terminated": terminated,
        "truncated": truncated,
        "dones": terminated | truncated,
        "probability": np.array([step.probability for step in steps], np.float64),
        **{
            JUDGED + name: np.array([step.judged[name] for step in steps], np.float64)
            for name in steps[0].judged
        },
    }


def final_columns(observation: Observation) -> Columns:
    """Return what is stored of the observation after the last action: dataset → (1, ...)."""
    seen = _observed("final_obs/", [observation], [packed(observation)])
    return {**seen, **stamps_of([observation])}


def stamps_of(observations: Sequence[Observation]) -> Columns:
    """Return the rows of time stamps: dataset name → (k,) int64 ns."""
    stamps: Columns = {STAMP_COLUMN: np.array([o.stamp_ns for o in observations], np.int64)}
    for camera in observations[0].frame_stamps_ns:
        values = [o.frame_stamps_ns[camera] for o in observations]
        stamps[FRAME_STAMPS + camera] = np.array(values, np.int64)
    return stamps


class GrowingRows:
    """Datasets of a group that rows are added to.

    They are kept open: to find 20 of them again takes HDF5 5 ms.

    Args:
        group: in which those that are not there yet are made.
    """

    def __init__(self, group: h5py.Group) -> None:
        self._group = group
        self._datasets: dict[str, h5py.Dataset] = {}

    def append(self, columns: Mapping[str, Rows]) -> None:
        """Add rows."""
        for name, rows in columns.items():
            if name not in self._datasets:
                self._datasets[name] = _created(self._group, name, rows)
            _append(self._datasets[name], rows)


def _append(dataset: h5py.Dataset, rows: Rows) -> None:
    start = len(dataset)
    dataset.resize(start + len(rows), axis=0)
    if not isinstance(rows, PackedFrames):
        dataset[start:] = rows
        return
    for i, frame in enumerate(rows.frames, start):
        dataset.id.write_direct_chunk((i, *[0] * len(rows.row)), frame)


def link_next_observations(group: h5py.Group) -> None:
    """Add `next_obs` as a view of `obs` and `final_obs`; nothing is stored twice."""
    names: list[str] = []
    group["obs"].visititems(lambda name, item: names.append(name) if _has_rows(item) else None)
    for key in names:
        now = group[f"obs/{key}"]
        view = h5py.VirtualLayout(shape=now.shape, dtype=now.dtype)
        if len(now) > 1:
            view[:-1] = h5py.VirtualSource(".", now.name, shape=now.shape)[1:]
        final = group[f"final_obs/{key}"]
        view[-1:] = h5py.VirtualSource(".", final.name, shape=final.shape)
        group.create_virtual_dataset(f"next_obs/{key}", view)


def is_image(dataset: Any) -> bool:
    """Return whether a dataset or array is a stack of camera frames."""
    return bool(dataset.dtype == np.uint8 and dataset.ndim == 4)


def _observed(
    prefix: str, observations: Sequence[Observation], frames: Sequence[Packed]
) -> Columns:
    first = observations[0]
    if both := first.images.keys() & first.state.keys():
        raise ValueError(f"a camera and a state key are both called {sorted(both)}")
    rows: Columns = {}
    for key in first.images:
        rows[prefix + key] = PackedFrames(first.images[key].shape, [one[key] for one in frames])
    for key in first.state:
        rows[prefix + key] = np.stack([o.state[key] for o in observations])
    return rows


def _has_rows(item: Any) -> bool:
    return isinstance(item, h5py.Dataset)


def _or(action: NDArray[Any] | None, otherwise: NDArray[Any]) -> NDArray[Any]:
    return otherwise if action is None else action


def _created(group: h5py.Group, name: str, rows: Rows) -> h5py.Dataset:
    if isinstance(rows, PackedFrames):
        row, image = rows.row, True
    else:
        row, image = rows.shape[1:], is_image(rows)
    deflated = {"compression": "gzip", "compression_opts": _DEFLATE_LEVEL}
    options: dict[str, Any] = {"chunks": (1, *row), **deflated} if image else {"chunks": (64, *row)}
    return group.create_dataset(name, (0, *row), rows.dtype, maxshape=(None, *row), **options)
