"""Parts of an HDF5 file whose numbers lie in that file, all of them, in the size that it says.

A virtual data set that is made of itself ends the process, external ones read whatever they name,
and rows that were declared and never written take memory all the same.
"""

from __future__ import annotations

import math
from typing import Any

import h5py

from hilctl.data import layout

MAX_BYTES = 4 * 2**30  # of one data set in memory
INFLATION = 1100  # deflate makes at most 1032 bytes of one
SLACK_BYTES = 2**20


def group_of(parent: Any, name: str) -> h5py.Group:
    """Return a group that lies directly in another.

    Raises:
        ValueError: it is missing, leads elsewhere, or is something else.
    """
    return _member(parent, name, h5py.Group, "group")


def datasets_in(parent: h5py.Group, name: str) -> list[str]:
    """Return the names of the data sets in a group that lies directly in another.

    Those of an arm lie one group deeper: "left/tcp_pose".

    Raises:
        ValueError: a group is missing, leads elsewhere, or is something else.
    """
    group, found = group_of(parent, name), []
    for member in group:
        inner = _is_own_group(group, member)
        found += [f"{member}/{one}" for one in group[member]] if inner else [member]
    return found


def has_link(parent: h5py.Group, name: str) -> bool:
    """Return whether a group has a member of that name, wherever it leads."""
    return bool(parent.id.links.exists(name.encode()))


def dataset_of(parent: h5py.Group, name: str) -> h5py.Dataset:
    """Return a data set that lies directly in a group, or in one of an arm there.

    Raises:
        ValueError: it is missing, leads elsewhere, is something else, or is larger than what is
            stored of it.
    """
    outer, _, inner = name.rpartition("/")
    if outer:
        return dataset_of(group_of(parent, outer), inner)
    dataset = _member(parent, name, h5py.Dataset, "dataset")
    if flaw := _flaw_of(dataset):
        raise ValueError(f"{_label(parent, name)} {flaw}")
    return dataset


def _flaw_of(dataset: h5py.Dataset) -> str | None:
    """Return what is wrong with a data set, to be said after its name, or None."""
    # what h5py is asked it asks the file, each time
    created, kind, shape = dataset.id.get_create_plist(), dataset.dtype, dataset.shape
    if created.get_layout() == h5py.h5d.VIRTUAL or created.get_external_count():
        return "has numbers that lie elsewhere"
    if kind.kind not in "biuf" or shape is None:
        return f"holds {kind}, not numbers"
    declared = kind.itemsize * math.prod(shape)
    if declared > MAX_BYTES:
        return f"declares {declared} bytes"
    if declared > SLACK_BYTES and declared > INFLATION * dataset.id.get_storage_size():
        return f"declares {declared} bytes that were never written"
    return None


def _is_own_group(parent: h5py.Group, name: str) -> bool:
    hard = parent.id.links.get_info(name.encode()).type == h5py.h5l.TYPE_HARD
    return bool(hard and parent.get(name, getclass=True) is h5py.Group)


def _member(parent: Any, name: str, kind: type[Any], what: str) -> Any:
    # not `in` nor `get`: they follow links to see whether there is something at their end
    links, key = parent.id.links, name.encode()
    if not links.exists(key):
        raise ValueError(f"{what} {_label(parent, name)} is missing")
    if links.get_info(key).type != h5py.h5l.TYPE_HARD:
        raise ValueError(f"{_label(parent, name)} leads elsewhere")
    item = parent[name]
    if not isinstance(item, kind):
        raise ValueError(f"{_label(parent, name)} is not a {what}")
    return item


def _label(parent: Any, name: str) -> str:
    return f"{parent.name}/{name}".removeprefix(layout.GROUP).lstrip("/")
