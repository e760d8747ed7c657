"""The one loop: what subscribers see, who has the last word, and that the robot always stops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from bench_stand import Diary, Hand, Pushes, Stand

from hilctl.data.step import Outcome
from hilctl.env.loop import EpisodeLoop, HandsOff
from hilctl.errors import StaleFrameError
from hilctl.teleop.base import Role, Teleop, TeleopEvent, TeleopInput

Run = Callable[..., tuple[Diary, Hand]]
SAYS_SUCCESS = TeleopInput(events=(TeleopEvent.SUCCESS,))
SAYS_VETO = TeleopInput(events=(TeleopEvent.VETO,))


@pytest.fixture
def run(stand: Stand) -> Run:
    """Run one episode under a hand and a reward that fires at a step."""

    def run(fires_at: int | None = None, hand: Hand | None = None, **settings: Any) -> Any:
        hand, diary = hand or Hand(), Diary()
        settings = {"policy": Pushes(), "role": Role.SUPERVISE} | settings
        loop = EpisodeLoop(
            env=stand.wrapped(hand, fires_at),
            teleop=hand,
            subscribers=[diary],
            **settings,
        )
        summary = loop.run_episode()
        assert diary.summaries == [summary]
        return diary, hand

    return run


def ends(diary: Diary) -> list[tuple[float, bool, bool]]:
    return [(step.reward, step.terminated, step.truncated) for step in diary.steps]


GOES_ON = (0.0, False, False)
SUCCEEDED = (1.0, True, False)
CUT = (0.0, False, True)


def test_steps_chain_and_only_the_last_one_ends(run: Run) -> None:
    diary, hand = run(fires_at=4)
    assert ends(diary) == [GOES_ON] * 3 + [SUCCEEDED]
    for before, after in zip(diary.steps, diary.steps[1:], strict=False):
        assert before.next_observation is after.observation
    assert hand.roles == [Role.SUPERVISE]
    assert diary.summaries[0].outcome is Outcome.SUCCESS
    assert diary.summaries[0].judged_success
    assert diary.summaries[0].duration_s == pytest.approx(0.4)


def test_the_robot_stands_still_while_the_operator_makes_up_their_mind(
    run: Run, stand: Stand
) -> None:
    class Slow(Hand):
        def review(self, *, claimed: bool) -> bool:
            assert stand.robot.calls[-1] == "stop"
            return super().review(claimed=claimed)

    _, hand = run(fires_at=4, hand=Slow())
    assert hand.reviews == [True]


def test_a_discarded_episode_is_no_success(run: Run) -> None:
    both = TeleopInput(events=(TeleopEvent.SUCCESS, TeleopEvent.DISCARD))
    diary, _ = run(hand=Hand([TeleopInput(), both]))
    assert diary.summaries[0].outcome is Outcome.ABORTED
    assert diary.summaries[0].discarded


def test_a_wish_to_quit_is_remembered_to_the_end_of_the_episode(run: Run) -> None:
    diary, _ = run(hand=Hand([TeleopInput(events=(TeleopEvent.QUIT,))]))
    assert len(diary.steps) == 20
    assert diary.summaries[0].quit_requested


def test_running_out_of_time_is_a_failure_whose_value_goes_on(run: Run) -> None:
    diary, hand = run()
    assert ends(diary) == [GOES_ON] * 19 + [CUT]
    assert diary.summaries[0].outcome is Outcome.FAILURE
    assert hand.ends == [(False, False)]


def test_a_vetoed_success_reaches_subscribers_as_a_cut_without_reward(run: Run) -> None:
    diary, hand = run(fires_at=4, hand=Hand(verdict=False))
    assert ends(diary) == [GOES_ON] * 3 + [CUT]
    summary = diary.summaries[0]
    assert summary.outcome is Outcome.FAILURE
    assert summary.judged_success
    assert summary.vetoed
    assert not summary.claimed
    assert hand.reviews == [True]
    assert hand.ends == [(False, False)]


def test_a_success_that_the_reward_missed_can_be_claimed_at_the_end(run: Run) -> None:
    diary, _ = run(hand=Hand(verdict=True))
    assert ends(diary) == [GOES_ON] * 19 + [SUCCEEDED]
    summary = diary.summaries[0]
    assert summary.outcome is Outcome.SUCCESS
    assert summary.claimed
    assert not summary.judged_success
    assert not summary.vetoed


def test_a_success_claimed_with_a_button_ends_the_episode(run: Run) -> None:
    diary, hand = run(hand=Hand([TeleopInput(), SAYS_SUCCESS], verdict=False))
    assert ends(diary) == [GOES_ON, SUCCEEDED]
    assert diary.summaries[0].claimed
    assert hand.reviews == []  # the operator has spoken already


def test_who_only_watches_cannot_end_or_change_an_episode(run: Run) -> None:
    diary, hand = run(hand=Hand([SAYS_SUCCESS], verdict=True), claims_end_episode=False)
    assert ends(diary) == [GOES_ON] * 19 + [CUT]
    assert diary.summaries[0].outcome is Outcome.FAILURE
    assert hand.reviews == []
    diary, _ = run(fires_at=3, hand=Hand(verdict=False), claims_end_episode=False)
    assert ends(diary)[-1] == SUCCEEDED


def test_the_hand_of_who_only_watches_reaches_nothing_whatever_the_device_says(run: Run) -> None:
    grips = TeleopInput(twist=np.array([0.0, 0, 1.0, 0, 0, 0]), engaged=True)
    watched, _ = run(role=Role.WATCH, hand=Hand([grips] * 20))
    for step in watched.steps:
        assert not step.intervened
        assert step.human_action is None
    for step in watched.steps[:5]:  # before the bounds are met
        np.testing.assert_allclose(step.executed_action, 0.3, atol=1e-6)
    assert watched.summaries[0].intervention_steps == 0
    helped, _ = run(hand=Hand([grips] * 20))  # the same hand may drive in the next episode
    assert helped.summaries[0].intervention_steps == 20


@pytest.mark.parametrize("step", [1, 4])
@pytest.mark.parametrize("claims_end_episode", [True, False])
@pytest.mark.parametrize("role", Role)
def test_a_veto_with_a_button_holds_against_the_reward_whoever_says_it(
    run: Run, step: int, claims_end_episode: bool, role: Role
) -> None:
    hand = Hand([TeleopInput()] * (step - 1) + [SAYS_VETO], verdict=True)
    diary, _ = run(4, hand, role=role, claims_end_episode=claims_end_episode)
    assert ends(diary) == [GOES_ON] * 3 + [CUT]
    summary = diary.summaries[0]
    assert summary.outcome is Outcome.FAILURE
    assert summary.vetoed
    assert not summary.success
    assert hand.reviews == []  # the operator has spoken already
    assert hand.ends == [(False, False)]


@pytest.mark.parametrize("after", [0, 2])
def test_a_veto_holds_against_a_claim_of_the_operator_too(run: Run, after: int) -> None:
    both = TeleopInput(events=(TeleopEvent.SUCCESS, TeleopEvent.VETO))
    script = [SAYS_VETO, TeleopInput(), SAYS_SUCCESS] if after else [both]
    diary, _ = run(hand=Hand(script, verdict=True))
    assert ends(diary)[-1] == CUT
    assert not diary.summaries[0].claimed


def test_a_veto_is_of_its_own_episode(stand: Stand) -> None:
    class Once(Hand):
        def begin_episode(self, role: Role) -> None:
            self._left = [self.on_the_way, SAYS_VETO] if not self.roles else []
            self.roles.append(role)

    hand = Once()
    loop = EpisodeLoop(stand.wrapped(hand, 3), Pushes(), hand, Role.SUPERVISE)
    assert [loop.run_episode().success for _ in range(2)] == [False, True]


def test_a_device_without_a_review_of_its_own_is_asked_for_a_veto(run: Run) -> None:
    class Buttons(Hand):
        review = Teleop.review

    diary, _ = run(4, Buttons([TeleopInput()] * 4 + [SAYS_VETO]))
    assert diary.summaries[0].vetoed
    diary, _ = run(4, Buttons([TeleopInput()] * 4 + [SAYS_SUCCESS]))
    assert diary.summaries[0].success


def test_an_episode_thrown_away_is_aborted_not_failed(run: Run) -> None:
    diary, hand = run(hand=Hand([TeleopInput(events=(TeleopEvent.DISCARD, TeleopEvent.QUIT))]))
    assert ends(diary) == [CUT]
    summary = diary.summaries[0]
    assert summary.outcome is Outcome.ABORTED
    assert summary.discarded
    assert summary.quit_requested
    assert hand.reviews == []


def test_being_stopped_aborts_within_one_step(run: Run) -> None:
    answers = iter([False, False, True])
    diary, hand = run(stop=lambda: next(answers))
    assert ends(diary) == [GOES_ON, GOES_ON, CUT]
    assert diary.summaries[0].outcome is Outcome.ABORTED
    assert hand.reviews == []


def test_both_proposals_and_who_was_in_charge_are_kept(run: Run) -> None:
    twist = np.array([0.0, 0, 1.0, 0, 0, 0])
    hand = Hand([TeleopInput(), TeleopInput(twist=twist, engaged=True), TeleopInput()])
    diary, _ = run(fires_at=3, hand=hand)
    assert [step.intervened for step in diary.steps] == [False, True, False]
    for step in diary.steps:
        np.testing.assert_array_equal(step.policy_action, np.full(6, 0.3))
    np.testing.assert_array_equal(diary.steps[1].human_action, twist)
    assert diary.steps[0].human_action is None
    np.testing.assert_allclose(diary.steps[1].executed_action, twist, atol=1e-6)
    assert diary.summaries[0].intervention_steps == 1
    assert hand.ends == [(True, True)]


def test_without_a_policy_nothing_is_proposed_and_the_arm_stays(run: Run) -> None:
    diary, _ = run(policy=HandsOff())
    assert all(step.policy_action is None for step in diary.steps)
    np.testing.assert_allclose([s.executed_action for s in diary.steps], 0, atol=1e-6)


def test_the_policy_learns_where_the_episode_starts(run: Run) -> None:
    policy = Pushes()
    diary, _ = run(policy=policy)
    assert policy.begun == [diary.steps[0].observation]


class Breaks:
    """Fail at one place of an episode."""

    def __init__(self, where: str, error: BaseException) -> None:
        self._where, self._error = where, error

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*args: Any, **kwargs: Any) -> Any:
            if name == self._where:
                raise self._error
            return np.zeros(6) if name == "act" else None

        return call


@pytest.mark.parametrize("where", ["on_episode_start", "on_step", "on_episode_end"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()], ids=repr)
def test_the_robot_is_stopped_when_a_subscriber_breaks(
    stand: Stand, where: str, error: BaseException
) -> None:
    hand = Hand()
    loop = EpisodeLoop(
        stand.wrapped(hand, 3), Pushes(), hand, Role.SUPERVISE, [Breaks(where, error)]
    )
    with pytest.raises(type(error)):
        loop.run_episode()
    assert stand.robot.calls[-1] == "stop"


@pytest.mark.parametrize("where", ["begin_episode", "act"])
def test_the_robot_is_stopped_when_the_policy_breaks(stand: Stand, where: str) -> None:
    hand = Hand()
    policy = Breaks(where, RuntimeError("no idea"))
    loop = EpisodeLoop(stand.wrapped(hand), policy, hand, Role.SUPERVISE)
    with pytest.raises(RuntimeError, match="no idea"):
        loop.run_episode()
    assert stand.robot.calls[-1] == "stop"


def test_the_robot_is_stopped_when_a_camera_fails_in_the_middle(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand = Hand()
    loop = EpisodeLoop(stand.wrapped(hand), Pushes(), hand, Role.SUPERVISE)
    camera = stand.env.cameras["side"]
    really, frames = camera.latest, iter(range(4))

    def latest(*, max_age_s: float) -> Any:
        if next(frames, None) is None:
            raise StaleFrameError("no new frame")
        return really(max_age_s=max_age_s)

    monkeypatch.setattr(camera, "latest", latest)
    with pytest.raises(StaleFrameError):
        loop.run_episode()
    assert stand.robot.calls[-2:] == ["servo", "stop"]


def test_the_robot_is_stopped_after_every_episode(run: Run, stand: Stand) -> None:
    run(fires_at=2)
    assert stand.robot.calls[-2:] == ["servo", "stop"]
    here = stand.robot.state().tcp_pose
    stand.robot.world.advance_to(stand.robot.world.time_ns + 10**9)
    np.testing.assert_allclose(stand.robot.state().tcp_pose[:3], here[:3], atol=0.01)
