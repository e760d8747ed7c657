"""The loop over franky-sim: what it needs, its hand, and how commands to it are timed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from hilctl.devices import Options, Rig
from hilctl.errors import DeviceError, UsageError
from hilctl.pipeline.bench import franka_loop, served_franka
from hilctl.teleop import TELEOPS
from hilctl.teleop.base import Role, TeleopEvent

MS = 1_000_000  # ns
INSTALLED = find_spec("franky") is not None and find_spec("franky_sim") is not None


def test_without_the_simulator_it_is_named_and_nothing_is_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(served_franka, "find_spec", lambda module: None)
    with pytest.raises(DeviceError, match="franky-sim and franky-control are not") as told:
        franka_loop.bench_franka_loop(1.0, lambda event: None)
    assert told.value.hint is not None
    assert "pip install franky-sim franky-control" in told.value.hint


def test_a_hand_is_known_for_a_while_that_demonstrates_and_never_helps(tmp_path: Path) -> None:
    with franka_loop.known_as_waving(tmp_path / "hand"):
        teleop = TELEOPS.get("waving")(Options(), Rig())
    with pytest.raises(UsageError):
        TELEOPS.get("waving")
    with teleop:
        teleop.begin_episode(Role.DEMONSTRATE)
        shown = [teleop.poll() for _ in range(30)]
        assert all(hand.engaged for hand in shown)
        assert np.ptp([hand.twist[0] for hand in shown]) > 0.5
        assert TeleopEvent.SUCCESS in shown[-1].events
        teleop.begin_episode(Role.SUPERVISE)
        assert not any((hand := teleop.poll()).engaged or hand.events for _ in range(30))


def test_a_command_is_answered_by_the_first_large_change_before_the_next_one() -> None:
    stamps_ns = np.arange(100) * MS
    changes_nm = np.full(100, 0.01)
    changes_nm[[5, 6, 58]] = 0.9, 1.0, 2.0
    asked_ns = np.array([2, 52]) * MS
    assert franka_loop.answers_ms(asked_ns, stamps_ns, changes_nm) == [3.0, 6.0]


def test_a_control_that_is_told_nothing_for_a_while_answers_when_it_is_told_again() -> None:
    stamps_ns = np.array([0, 1, 130, 131]) * MS
    changes_nm = np.array([0.0, 0.0, 1.0, 0.0])
    asked_ns = np.array([2, 52, 102]) * MS
    assert franka_loop.answers_ms(asked_ns, stamps_ns, changes_nm) == [128.0, 78.0, 28.0]


def test_a_command_after_which_nothing_is_told_is_an_error_that_says_so() -> None:
    with pytest.raises(DeviceError, match="told nothing after a command"):
        franka_loop.answers_ms(np.array([2, 52]) * MS, np.array([0, 3]) * MS, np.ones(2))


@pytest.mark.skipif(not INSTALLED, reason="franky-control and franky-sim are for x86-64 Linux")
def test_commands_to_a_simulated_franka_are_timed_until_its_torques_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(franka_loop, "COMMANDS", 6)
    with served_franka.served_franka() as franka:
        figures = franka_loop._commanded(franka)
        stamps_ns, changes_nm = franka.heard()
    assert 0 < figures["franky_command_p50_ms"] <= figures["franky_command_p99_ms"]
    assert (np.diff(stamps_ns) > 0).all()
    # steps of the reference stand out from what holds it there
    assert changes_nm.max() > 5 * np.median(changes_nm)
