"""Labels say what the operator said about the same frame, and nothing near a change of mind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hilctl.data.step import EpisodeSummary, Observation, Outcome, Step
from hilctl.pipeline.record.labelling import FAILURE, NEITHER, SUCCESS, Labeller, LabelWindow
from hilctl.teleop.base import TeleopEvent

CLAIMS = st.lists(st.booleans(), max_size=40)
WINDOWS = st.builds(LabelWindow, st.integers(0, 5), st.none() | st.integers(0, 6))
SEEN = Observation({}, {}, 0, {})
ENDING = EpisodeSummary(Outcome.FAILURE, 1, 0.1, 0, False, None)


def step(number: int, claimed: bool) -> Step:
    """A step that can be told from the others by its reward."""
    events = (TeleopEvent.SUCCESS,) if claimed else ()
    return Step(SEEN, np.zeros(6), None, None, False, SEEN, number, False, False, events=events)


def labels_of(claims: list[bool], window: LabelWindow) -> list[int]:
    """Run an episode through a labeller and return the labels in order."""
    written: list[tuple[float, int]] = []
    labeller = Labeller(window, lambda step, label: written.append((step.reward, label)))
    for _ in range(2):  # the second episode owes nothing to the first
        written.clear()
        labeller.on_episode_start()
        for number, claimed in enumerate(claims):
            labeller.on_step(step(number, claimed))
        labeller.on_episode_end(ENDING)
    assert [number for number, _ in written] == list(range(len(claims)))
    labels = [label for _, label in written]
    assert labeller.counts == {kind: labels.count(kind) for kind in (SUCCESS, FAILURE, NEITHER)}
    return labels


def draw(labels: list[int]) -> str:
    return "".join({SUCCESS: "+", FAILURE: ".", NEITHER: "?"}[label] for label in labels)


def said(text: str) -> list[bool]:
    return [letter == "+" for letter in text]


def test_a_step_is_labelled_by_what_is_said_of_the_frame_after_it() -> None:
    # what is said during step 3 is about the frame that step 2 ended in
    assert draw(labels_of(said("...+..."), LabelWindow(0))) == "..+...?"


def test_nothing_near_a_change_is_labelled() -> None:
    assert draw(labels_of(said("......++++++......"), LabelWindow(2))) == "...????++????....?"


def test_success_up_to_the_end_is_labelled() -> None:
    assert draw(labels_of(said("......++++++"), LabelWindow(2))) == "...????++++?"


def test_failures_far_from_success_can_be_left_out() -> None:
    assert (
        draw(labels_of(said("......++++++......"), LabelWindow(1, lead=2))) == "??..??++++??..????"
    )
    assert draw(labels_of(said("........"), LabelWindow(1, lead=2))) == "????????"


@given(claims=CLAIMS, window=WINDOWS)
def test_labels_agree_with_all_that_is_said_around(claims: list[bool], window: LabelWindow) -> None:
    labels = labels_of(claims, window)
    for number, label in enumerate(labels):
        around = claims[max(0, number + 1 - window.guard) : number + 2 + window.guard]
        if number == len(labels) - 1:
            assert label == NEITHER
        elif label == SUCCESS:
            assert all(around)
        elif label == FAILURE:
            assert not any(around)


@given(claims=CLAIMS, guard=st.integers(0, 5))
def test_a_longer_guard_never_labels_more(claims: list[bool], guard: int) -> None:
    short, long = (labels_of(claims, LabelWindow(g)) for g in (guard, guard + 1))
    assert all(b in (a, NEITHER) for a, b in zip(short, long, strict=True))


@given(claims=CLAIMS, window=WINDOWS)
def test_steps_are_written_as_soon_as_their_label_is_certain(
    claims: list[bool], window: LabelWindow
) -> None:
    written: list[int] = []
    labeller = Labeller(window, lambda step, label: written.append(label))
    for number, claimed in enumerate(claims):
        labeller.on_step(step(number, claimed))
        assert len(written) == max(0, number - window.reach)


@given(called=st.lists(st.integers(0, 3), max_size=40), window=WINDOWS)
def test_each_stage_is_labelled_as_if_it_were_the_only_one(
    called: list[int], window: LabelWindow
) -> None:
    written: list[int] = []
    labeller = Labeller(window, lambda step, label: written.append(label), stages=3)
    for number, reached in enumerate(called):
        events = (TeleopEvent.SUCCESS,) * reached
        labeller.on_step(replace(step(number, False), events=events))
    labeller.on_episode_end(ENDING)
    assert {*written} <= {NEITHER, 0, 1, 2, 3}
    for stage in (1, 2, 3):
        alone = labels_of([reached >= stage for reached in called], replace(window, lead=None))
        for label, by_itself in zip(written, alone, strict=True):
            assert label == NEITHER or (label >= stage) == (by_itself == SUCCESS)
            assert label == NEITHER or by_itself != NEITHER


def test_more_stages_are_never_reached_than_there_are() -> None:
    twice = (TeleopEvent.SUCCESS, TeleopEvent.SUCCESS)
    written: list[int] = []
    labeller = Labeller(LabelWindow(0), lambda step, label: written.append(label))
    for number in range(2):
        labeller.on_step(replace(step(number, False), events=twice))
    labeller.on_episode_end(ENDING)
    assert written == [SUCCESS, NEITHER]


def test_a_vetoed_frame_is_no_success() -> None:
    written: list[int] = []
    labeller = Labeller(LabelWindow(0), lambda step, label: written.append(label))
    for number, events in enumerate(
        [(), (TeleopEvent.SUCCESS,), (TeleopEvent.SUCCESS, TeleopEvent.VETO), ()]
    ):
        labeller.on_step(replace(step(number, False), events=events))
    labeller.on_episode_end(ENDING)
    assert draw(written) == "+..?"
