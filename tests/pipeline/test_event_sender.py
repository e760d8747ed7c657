"""What a process tells its supervisor: whatever it is, what comes after it arrives too."""

from __future__ import annotations

import enum
import json
import multiprocessing
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilctl.data.recovery import recover_partials
from hilctl.pipeline.events import Event
from hilctl.pipeline.record.recording import put_away_partials
from hilctl.pipeline.train.processes.event_sender import EventSender, event_of

PATIENCE_S = 10.0


class Colour(enum.StrEnum):
    RED = "red"


@pytest.fixture
def told() -> Iterator[tuple[EventSender, Connection]]:
    here, there = multiprocessing.get_context("spawn").Pipe(duplex=False)
    sender = EventSender(there)
    yield sender, here
    sender.close()
    here.close()
    there.close()


def next_told(pipe: Connection) -> dict[str, Any]:
    assert pipe.poll(PATIENCE_S), "nothing is told any more"
    return dict(json.loads(pipe.recv_bytes()))


def endless() -> list[Any]:
    holds_itself: list[Any] = []
    holds_itself.append(holds_itself)
    return holds_itself


@pytest.mark.parametrize("odd", [Path("/somewhere"), object(), {(1, 2): 3}, endless(), {1j}])
def test_what_cannot_be_packed_is_said_and_what_comes_after_it_arrives(
    told: tuple[EventSender, Connection], odd: Any
) -> None:
    sender, pipe = told
    sender.tell("oddity", figure=odd)
    sender.report(Event("episode", "the next one"))
    sender.tell("done", reached=True)
    untold = event_of(next_told(pipe))
    assert untold.name == "untold"
    assert "oddity" in untold.text
    assert event_of(next_told(pipe)).text == "the next one"
    assert next_told(pipe) == {"kind": "done", "reached": True}


def test_what_becomes_of_an_unfinished_episode_is_told(
    told: tuple[EventSender, Connection], tmp_path: Path
) -> None:
    sender, pipe = told
    (tmp_path / "episode_000001.hdf5.partial").write_bytes(b"cut")
    put_away_partials(tmp_path, sender.report)
    event = event_of(next_told(pipe))
    assert event.name == "recovered"
    assert event.figures["path"] == str(tmp_path / "episode_000001.hdf5.broken")
    assert recover_partials(tmp_path) == []


def test_figures_are_plain_whatever_is_given() -> None:
    given_: Any = {
        "path": Path("/a"),
        "colour": Colour.RED,
        "number": np.float32(0.5),
        "flag": np.True_,
        "array": np.arange(3),
        7: ("a", {"b"}),
    }
    figures = Event("name", "text", figures=given_).figures
    assert figures == {
        "path": "/a",
        "colour": "red",
        "number": 0.5,
        "flag": True,
        "array": [0, 1, 2],
        "7": ["a", ["b"]],
    }
    assert type(figures["colour"]) is str
    assert type(figures["number"]) is float


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
    | st.binary() | st.complex_numbers() | st.builds(Path, st.just("x")) | st.dates(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.text(), anything))
def test_every_event_survives_the_way_to_another_process(figures: Any) -> None:
    event = Event("name", "text", figures=figures)
    assert json.loads(json.dumps(event.as_dict())) == event.as_dict()
