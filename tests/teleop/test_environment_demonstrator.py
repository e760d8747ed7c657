"""The expert of an environment beside a policy: it demonstrates, helps soon, and lets go again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hilctl.clock import SteppedClock
from hilctl.devices import Rig
from hilctl.errors import DeviceError
from hilctl.teleop.base import Role, TeleopEvent, TeleopInput
from hilctl.teleop.environment_demonstrator import agreement
from hilctl.teleop.scripted import ScriptedOptions, ScriptedTeleop

PERIOD_NS = 100_000_000
Policy = Callable[[np.ndarray], np.ndarray]


class Line:
    """A point 3 m from where it shall be, 0.1 m an action."""

    def __init__(self) -> None:
        self.clock = SteppedClock()
        self.executed: np.ndarray | None = None
        self.at = np.array([3.0, 0.0])

    def hire(self, operator: str) -> None:
        assert operator == "line:expert"

    def advice(self) -> np.ndarray:
        return np.clip(-self.at * 10, -1, 1)

    def solved(self) -> bool:
        return bool(np.linalg.norm(self.at) < 0.1)

    def step(self, action: np.ndarray) -> None:
        self.executed = action
        self.at = self.at + 0.1 * action
        self.clock.sleep_until(self.clock.now_ns() + PERIOD_NS)


def hired(line: Line, **options: object) -> ScriptedTeleop:
    rig = Rig(1)
    rig.attach_environment(line)
    settings = ScriptedOptions.model_validate({"operator": "line:expert", **options})
    teleop = ScriptedTeleop(settings, rig)
    teleop.action_scale = np.ones(6)
    teleop.open()
    return teleop


def supervised(policy: Policy, steps: int = 60, episodes: int = 12) -> list[list[TeleopInput]]:
    """Return what an operator did in the episodes in which it paid attention."""
    seen = []
    line = Line()
    teleop = hired(line)
    for _ in range(episodes):
        line.at, line.executed = np.array([3.0, 0.0]), None
        teleop.begin_episode(Role.SUPERVISE)
        polls = []
        while len(polls) < steps and not line.solved():
            polls.append(teleop.poll())
            action = polls[-1].action if polls[-1].engaged else policy(line.at)
            assert action is not None
            line.step(action)
        if teleop._attention is not None:
            seen.append(polls)
        teleop.end_episode(success=line.solved(), intervened=any(p.engaged for p in polls))
    assert seen
    return seen


def test_a_policy_that_goes_along_is_left_alone() -> None:
    for polls in supervised(lambda at: np.clip(-at * 10, -0.7, 0.7)):
        assert not any(hand.engaged for hand in polls)


@pytest.mark.parametrize(
    "policy",
    [
        lambda at: np.zeros(2),  # stalls
        lambda at: np.array([0.5, 0.0]),  # leaves
        lambda at: np.array([0.0, 0.5]),  # goes astray
    ],
)
def test_one_that_stalls_or_leaves_is_helped_soon_and_briefly(policy: Policy) -> None:
    for polls in supervised(policy):
        engaged = [hand.engaged for hand in polls]
        assert 5 <= engaged.index(True) <= 15
        first = engaged.index(True)
        assert not all(engaged[first : first + 16])


def test_its_demonstrations_succeed_and_say_so() -> None:
    line = Line()
    teleop = hired(line)
    teleop.begin_episode(Role.DEMONSTRATE)
    for _ in range(60):
        hand = teleop.poll()
        assert hand.engaged
        assert hand.action is not None
        assert np.abs(hand.action).max() <= 1
        if TeleopEvent.SUCCESS in hand.events:
            break
        line.step(hand.action)
    assert line.solved()


def test_labels_show_the_start_what_lies_near_success_and_success() -> None:
    line = Line()
    teleop = hired(line)
    distances, calls = [], []
    for _ in range(20):
        line.at, line.executed = np.array([3.0, 0.0]), None
        teleop.begin_episode(Role.LABEL)
        for _ in range(60):
            hand = teleop.poll()
            assert hand.action is not None
            calls.append(TeleopEvent.SUCCESS in hand.events)
            distances.append(float(np.linalg.norm(line.at)))
            line.step(hand.action)
    failures = np.array(distances)[~np.array(calls)]
    assert 0.02 < np.mean(calls) < 0.8
    for low, high in ((0.1, 0.5), (0.5, 2.0), (2.0, 3.5)):
        assert ((failures >= low) & (failures < high)).mean() > 0.05


def test_verdicts_are_true() -> None:
    line = Line()
    teleop = hired(line)
    assert teleop.review(claimed=True) is False
    line.at = np.zeros(2)
    assert teleop.review(claimed=False) is True


def test_an_environment_without_a_named_expert_has_no_scripted_operator() -> None:
    with pytest.raises(DeviceError, match="knows no expert") as caught:
        hired(Line(), operator=None)
    assert "package.module:factory" in str(caught.value.hint)


def test_agreement_is_the_share_of_the_advised_action_that_was_done() -> None:
    advised = np.array([0.6, -0.8])
    assert agreement(advised, advised) == pytest.approx(1)
    assert agreement(0.5 * advised, advised) == pytest.approx(0.5)
    assert agreement(-2 * advised, advised) == -1
    assert agreement(np.zeros(2), advised) == 0
    assert agreement(np.zeros(2), np.zeros(2)) == 1
    assert agreement(np.ones(2), np.zeros(2)) == 0
