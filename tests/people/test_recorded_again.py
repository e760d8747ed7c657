"""The last recorded episode is thrown away and recorded again, and nothing is counted twice."""

from __future__ import annotations

import importlib
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from persons import Person, small_task

from hilctl.data.dataset import Dataset
from hilctl.data.index import episode_paths
from hilctl.data.writer import REMOVED
from hilctl.pipeline.events import Event
from hilctl.pipeline.record.label_counts import LabelsResult, count_labels
from hilctl.pipeline.record.label_sources import SOURCES
from hilctl.pipeline.record.labels import record_labels

FEW_LABELS = {"consecutive: 2 ": "success_frames: 20\n  failure_frames: 100\n  consecutive: 2 "}


@pytest.mark.parametrize("after", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_labels_are_counted_down_with_the_episode_that_is_set_aside(
    tmp_path: Path, person: Person, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    typing = importlib.import_module("typing_hand")
    monkeypatch.setattr(typing.Typing, "in_real_time", False)  # its arm is a script's
    changes = FEW_LABELS | {"by: human": "by: script"}
    space = small_task(tmp_path / "labels", person, changes)

    def report(event: Event) -> None:
        person.report(event)
        if event.name == "episode" and len(person.texts("episode")) == after:
            person.type("r")

    result = record_labels(space, report=report)
    assert len(person.texts("removed")) == 1
    assert [path.name for path in episode_paths(space.labels / REMOVED)] == [
        f"episode_{after:06d}.hdf5"
    ]
    there = Dataset.open(space.labels, expect_fingerprint=None)
    assert result.counts == count_labels(there.headers)
    assert result.episodes == len(there)
    assert not result.missing or "variety" in result.missing
    assert not any(result.lacking(source) for source in SOURCES)


frames = st.dictionaries(st.sampled_from([1, 0, -1]), st.integers(0, 200))


@given(
    first=st.lists(st.tuples(st.sampled_from(SOURCES), frames), max_size=5),
    last=st.tuples(st.sampled_from(SOURCES), frames),
)
def test_what_is_taken_back_has_never_been(
    first: list[tuple[object, dict[int, int]]], last: tuple[object, dict[int, int]]
) -> None:
    results = [LabelsResult({"success": 50, "failure": 300}, Counter(), 0) for _ in range(2)]
    for result in results:
        for source, counts in first:
            result.count(source, counts)  # type: ignore[arg-type]
    results[1].count(*last)  # type: ignore[arg-type]
    results[1].take_back(*last)  # type: ignore[arg-type]
    for ask in (lambda r: r.found, lambda r: [r.lacking(s) for s in SOURCES], lambda r: r.episodes):
        assert ask(results[0]) == ask(results[1])
