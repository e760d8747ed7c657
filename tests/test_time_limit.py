"""Vendors' calls that do not return, or return too late."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

from hilctl.time_limit import within


class Connection:
    """What a vendor's library holds open as long as somebody refers to it."""

    def __init__(self) -> None:
        self.answers = threading.Event()

    def ask(self) -> str:
        """Answer, when that is wanted."""
        self.answers.wait(10.0)
        return "late"


def test_what_a_call_returns_or_raises_is_passed_on() -> None:
    assert within(5.0, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        within(5.0, lambda: 1 // 0)


def test_a_call_that_was_given_up_keeps_nothing_open_once_it_is_over() -> None:
    connection = Connection()
    answers, kept = connection.answers, weakref.ref(connection)
    with pytest.raises(TimeoutError, match=r"no answer within 0\.05 s") as caught:
        within(0.05, connection.ask)
    del connection
    answers.set()
    for thread in threading.enumerate():
        if thread.name == "vendor's call":
            thread.join(5.0)
    gc.collect()
    assert kept() is None, "an error that somebody keeps keeps it"
    assert caught.value.args
