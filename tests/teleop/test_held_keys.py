"""Presses, repeats and pasted text are told apart by when keys come."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hilctl.teleop.held_keys import HeldKeys

FIRST_S, REPEAT_S = 0.6, 0.15


def keys() -> HeldKeys:
    return HeldKeys(FIRST_S, REPEAT_S)


@given(wait_s=st.floats(0.25, 0.58), pause_s=st.floats(1 / 30, 1 / 11), seconds=st.floats(0.7, 3))
def test_a_key_that_is_held_down_is_held_without_a_gap(
    wait_s: float, pause_s: float, seconds: float
) -> None:
    held = keys()
    presses = [0.0, *np.arange(wait_s, seconds, pause_s)]
    looks = np.arange(0.005, presses[-1], 0.01)
    pressed = 0
    for at_s, is_press in sorted([(t, True) for t in presses] + [(t, False) for t in looks]):
        if is_press:
            pressed += len(held.take(["w"], at_s))
        else:
            assert held.now(at_s).held == "w"
    assert pressed == 1
    assert held.now(presses[-1] + REPEAT_S + 0.001).held is None


@given(
    st.lists(st.sampled_from("wasdrfikjluoxnbpgq"), min_size=2).filter(lambda k: len(set(k)) > 1)
)
def test_text_that_comes_all_at_once_is_nobodys_hand(text: list[str]) -> None:
    held = keys()
    assert held.take(text, 0.0) == []
    assert held.now(0.0).held is None
    assert held.now(0.0).fresh == frozenset()


def test_text_that_comes_in_pieces_is_none_either() -> None:
    held = keys()
    for number, piece in enumerate(["hello", "w", "orld", "w"]):
        assert held.take(list(piece), number * 0.005) == []
    assert held.now(0.02).held is None
    assert held.take(["w"], 0.5) == ["w"]


@given(st.lists(st.lists(st.sampled_from(["w", "enter", "q", "up"]), max_size=5), max_size=9))
def test_what_is_pasted_between_marks_never_counts(pieces: list[list[str]]) -> None:
    held = keys()
    held.take(["paste"], 0.0)
    for number, piece in enumerate(pieces):
        assert held.take(piece, 0.2 + 0.2 * number) == []
    now = held.now(0.1 + 0.2 * len(pieces))
    assert (now.held, now.fresh) == (None, frozenset())
    held.take(["paste end"], 5.0)
    assert held.take(["w"], 5.5) == ["w"]


def test_a_paste_without_an_end_does_not_last_for_ever() -> None:
    held = keys()
    held.take(["paste"], 0.0)
    assert held.take(["w"], 3.0) == ["w"]


def test_a_key_that_was_down_before_does_not_count_until_it_is_pressed_anew() -> None:
    held = keys()
    held.take(["enter"], 0.0)
    held.let_go()
    for number in range(20):
        assert held.take(["enter"], 0.5 + number / 30) == []
    assert held.now(1.1).held is None
    assert held.take(["enter"], 3.0) == ["enter"]


def test_repeats_that_were_held_up_on_a_slow_line_go_on_holding() -> None:
    held = keys()
    held.take(["w"], 0.0)
    assert held.take(["w", "w", "w"], 0.55) == []
    assert held.now(0.6).held == "w"
