"""Drawing beside the loop of a robot."""

from __future__ import annotations

import threading

import pytest

from hilctl.cli.aside import Aside
from hilctl.pipeline.events import Event


def test_a_terminal_that_takes_nothing_holds_nobody_up() -> None:
    takes, drawn = threading.Event(), []

    def draw(event: Event) -> None:
        takes.wait(30)
        drawn.append(event.text)

    with Aside(draw) as aside:
        for number in range(5000):  # more than are kept
            aside.report(Event("seen", str(number)))
        takes.set()
    assert drawn[-1] == "4999"
    assert len(drawn) < 5000


def test_events_are_drawn_in_their_order_before_the_view_closes() -> None:
    drawn: list[str] = []
    with Aside(lambda event: drawn.append(event.text)) as aside:
        for number in range(100):
            aside.report(Event("episode", str(number)))
    assert drawn == [str(number) for number in range(100)]


def test_a_terminal_that_is_gone_is_told_to_whoever_reports() -> None:
    def draw(event: Event) -> None:
        raise BrokenPipeError

    def report_for_ever() -> None:
        while True:
            aside.report(Event("episode", ""))

    with Aside(draw) as aside, pytest.raises(BrokenPipeError):
        report_for_ever()
