"""An actor waits for the first policy as long as its learner is at work."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import pytest

from hilctl.errors import HilctlError
from hilctl.pipeline.train.processes import actor_process


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actor_process, "LEARNER_START_S", 0.4)
    monkeypatch.setattr(actor_process, "POLL_S", 0.02)


def after(seconds: float) -> Callable[[], str | None]:
    begun = time.monotonic()
    return lambda: "a policy" if time.monotonic() - begun > seconds else None


def test_who_makes_updates_is_waited_for() -> None:
    updates = itertools.count()
    assert actor_process._wait_for(after(1.5), updates.__next__, lambda: False) == "a policy"


def test_who_does_nothing_is_given_up() -> None:
    with pytest.raises(HilctlError, match="has not answered for"):
        actor_process._wait_for(after(60.0), lambda: 0, lambda: False)


def test_who_wants_to_stop_waits_no_longer() -> None:
    assert actor_process._wait_for(after(60.0), lambda: 0, lambda: True) is None
