"""A learner that is left saves what it has learnt, unless it was cut in the middle of an update."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from hilctl.pipeline.train.processes.learner_process import _left_in_order
from hilctl.training.link import Health


@pytest.mark.parametrize(
    ("ending", "begun", "saves"),
    [
        (None, True, True),
        (ValueError(), True, True),
        (SystemExit(1), True, False),
        (None, False, False),
    ],
    ids=["ended", "failed", "terminated", "stopped before the robot moved"],
)
def test_it_saves_unless_it_was_cut(ending: BaseException | None, begun: bool, saves: bool) -> None:
    done: list[str] = []
    side: Any = SimpleNamespace(
        save=lambda: done.append("save"), episode_learner=SimpleNamespace(health=Health)
    )
    server: Any = SimpleNamespace(close=lambda: done.append("close"))
    signals: Any = SimpleNamespace(go=SimpleNamespace(value=begun))
    sender: Any = SimpleNamespace(tell=lambda kind, **figures: done.append(kind))
    raised: type[BaseException] | None = None
    try:
        with _left_in_order(side, server, signals, sender):
            if ending is not None:
                raise ending
    except BaseException as error:
        raised = type(error)
    assert raised is (None if ending is None else type(ending))
    assert done == ["close", *(["save"] if saves else []), "health"]
