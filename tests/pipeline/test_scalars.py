"""TensorBoard files hold the numbers of a run."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tensorboardX.proto import event_pb2

from hilctl.pipeline.run_folder.scalars import Scalars


def points(folder: Path) -> Iterator[tuple[str, int, float]]:
    """Yield tag, step and value of every scalar in the event files of a folder."""
    for file in sorted(folder.glob("events.*")):
        data, at = file.read_bytes(), 0
        while at < len(data):
            (length,) = struct.unpack_from("<Q", data, at)
            event: Any = event_pb2.Event.FromString(data[at + 12 : at + 12 + length])
            for value in event.summary.value:
                yield value.tag, event.step, value.simple_value
            at += length + 16


def test_numbers_are_written_by_name_and_step_and_the_rest_is_left_out(tmp_path: Path) -> None:
    scalars = Scalars(tmp_path)
    assert not list(tmp_path.iterdir())
    scalars.write(10, {"q": 0.25, "episodes": 1, "phase": "learning", "judged_success": True})
    scalars.write(30, {"q": 0.5})
    scalars.close()
    scalars.close()
    found = list(points(tmp_path / "tensorboard"))
    assert found == [("q", 10, 0.25), ("episodes", 10, 1.0), ("q", 30, pytest.approx(0.5))]


def test_a_continued_run_adds_to_what_is_there(tmp_path: Path) -> None:
    for step in (1, 2):
        scalars = Scalars(tmp_path)
        scalars.write(step, {"q": float(step)})
        scalars.close()
    assert {step for _, step, _ in points(tmp_path / "tensorboard")} == {1, 2}
