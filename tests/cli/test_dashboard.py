"""The live view of a training: what it says of time."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from hilctl.cli import dashboard
from hilctl.cli.dashboard import Dashboard, remaining_s
from hilctl.cli.render import Output
from hilctl.pipeline.events import Event
from hilctl.pipeline.run_folder.run import told
from hilctl.training.metrics import Progress

LIMIT_S = 3600.0


def episode(robot_s: float, wall_s: float) -> Event:
    return told(Progress(robot_steps=1, robot_s=robot_s, wall_s=wall_s), [], LIMIT_S)


def test_the_rest_is_told_by_the_pace_since_the_robot_moves() -> None:
    # four minutes of compiling, then a robot in real time
    assert remaining_s(episode(10, 250), episode(70, 310)) == pytest.approx(LIMIT_S - 70)


def test_earlier_robot_time_of_a_run_that_goes_on_does_not_shorten_the_rest() -> None:
    assert remaining_s(episode(378, 900), episode(408, 930)) == pytest.approx(LIMIT_S - 408)


def test_a_robot_that_is_slower_than_its_clock_takes_longer() -> None:
    assert remaining_s(episode(0, 0), episode(60, 120)) == pytest.approx(2 * (LIMIT_S - 60))


def test_the_rest_is_not_known_after_one_episode() -> None:
    assert remaining_s(episode(10, 250), episode(10, 250)) is None


def test_its_clocks_go_on_between_episodes(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 1000.0
    monkeypatch.setattr(dashboard.time, "monotonic", lambda: now_s)
    view = Dashboard(Output(), "busy")
    for event in (episode(0, 300), episode(60, 360)):
        view._take(event)
    now_s += 75
    screen = Console(file=io.StringIO(), width=100)
    screen.print(view._render())
    drawn = " ".join(screen.file.getvalue().split())  # type: ignore[attr-defined]
    assert "wall time 7:15" in drawn
    assert "at most until the limit 57:45" in drawn
