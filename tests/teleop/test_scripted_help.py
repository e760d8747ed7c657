"""The scripted operator beside a policy in the real simulator: soon, without pauses, briefly."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from supervision_stand import Stand, takeovers

from hilctl.sim.experts import expert_for
from hilctl.sim.scenes import InsertHardScene
from hilctl.teleop.base import Role, TeleopEvent
from hilctl.teleop.scripted import LOST_POLLS, MOST_HELP, ScriptedTeleop

NEAR_ZERO = 0.1


@pytest.fixture
def stand(request: pytest.FixtureRequest) -> Iterator[Stand]:
    made = Stand(request.param)
    with made.robot, made.operator:
        yield made


@pytest.mark.parametrize(
    ("stand", "works_for"), [("insert", 0), ("insert", 12), ("reach", 0)], indirect=["stand"]
)
def test_help_comes_soon_without_pauses_and_briefly(stand: Stand, works_for: int) -> None:
    episodes = [stand.episode(works_for) for _ in range(10)]
    helped = [polls for polls in episodes if takeovers(polls)]
    assert len(helped) >= 3
    firsts = [next(i for i, hand in enumerate(polls) if hand.engaged) for polls in helped]
    assert works_for < np.median(firsts) <= works_for + 10
    bursts = [burst for polls in helped for burst in takeovers(polls)]
    assert np.median([len(burst) for burst in bursts]) <= 15
    assert max(len(burst) for burst in bursts) <= 15
    pauses = [np.linalg.norm(hand.twist) < NEAR_ZERO for burst in bursts for hand in burst]
    assert np.mean(pauses) < 0.02


@pytest.mark.parametrize(
    ("stand", "blindly"),
    [("insert-hard", [0.2, 0, 0.6, 0, 0, 0]), ("route", [0.4, 0, 0, 0, 0, 0])],
    indirect=["stand"],
)
def test_who_looks_takes_over_before_a_part_is_lost(stand: Stand, blindly: list[float]) -> None:
    looked, helped, lost = [], [], []
    for _ in range(8):
        polls = stand.episode(then=np.array(blindly))
        looked.append(stand.operator._attention is not None)
        helped.append(any(hand.engaged for hand in polls))
        lost.append(expert_for(stand.robot.world).is_lost())
    assert sum(looked) >= 3
    assert np.mean(np.array(helped)[looked]) > 0.7
    assert np.array(lost)[~np.array(helped)].all()


@pytest.mark.parametrize("stand", ["insert-hard"], indirect=True)
def test_an_attempt_that_nothing_can_save_is_called_a_failure_after_a_while(stand: Stand) -> None:
    polls = stand.episode(then=np.array([0, 0, -0.2, 0, 0, 0]))
    assert not any(hand.events for hand in polls)
    scene, world = stand.robot.world.scene, stand.robot.world
    stand.robot.reset_scene()
    stand.operator.begin_episode(Role.SUPERVISE)
    assert isinstance(scene, InsertHardScene)
    scene.peg.free(world.model, world.data)
    said = [stand.operator.poll().events for _ in range(LOST_POLLS + 1)]
    assert said == [()] * (LOST_POLLS - 1) + [(TeleopEvent.FAILURE,)] * 2


@pytest.fixture
def operator() -> Iterator[ScriptedTeleop]:
    made = Stand("reach")
    with made.robot, made.operator:
        yield made.operator


def supervise(operator: ScriptedTeleop, episodes: int, *, success: bool, intervened: bool) -> None:
    for _ in range(episodes):
        operator.begin_episode(Role.SUPERVISE)
        operator.end_episode(success=success, intervened=intervened)


def test_one_success_alone_hardly_changes_how_much_is_helped(operator: ScriptedTeleop) -> None:
    assert operator.help_probability() == MOST_HELP
    supervise(operator, 1, success=True, intervened=False)
    assert 0.9 * MOST_HELP <= operator.help_probability() < MOST_HELP


def test_help_tapers_over_tens_of_successes_alone_and_comes_back(operator: ScriptedTeleop) -> None:
    chances = [operator.help_probability()]
    for _ in range(20):
        supervise(operator, 1, success=True, intervened=False)
        chances.append(operator.help_probability())
    assert chances == sorted(chances, reverse=True)
    assert chances[10] == pytest.approx(MOST_HELP / 2)
    assert chances[-1] == pytest.approx(0)
    supervise(operator, 10, success=False, intervened=False)
    assert operator.help_probability() == pytest.approx(MOST_HELP / 2)


def test_an_episode_that_needed_help_is_one_in_which_the_policy_failed(
    operator: ScriptedTeleop,
) -> None:
    supervise(operator, 30, success=True, intervened=True)
    assert operator.help_probability() == MOST_HELP


def test_a_demonstration_says_nothing_about_the_policy(operator: ScriptedTeleop) -> None:
    operator.begin_episode(Role.DEMONSTRATE)
    operator.end_episode(success=True, intervened=True)
    supervise(operator, 20, success=True, intervened=False)
    assert operator.help_probability() == pytest.approx(0)


def test_the_helper_drives_nothing_once_the_task_is_done() -> None:
    made = Stand("reach")
    with made.robot, made.operator:
        for _ in range(4):
            while takeovers(made.episode()) == []:
                pass
            for _ in range(30):
                assert not made.operator.poll().engaged
                made.rig.clock.sleep_until(made.rig.clock.now_ns() + 100_000_000)
