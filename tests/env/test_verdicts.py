"""What a hand can say: failure, pause, verdicts asked for, and a reward that is its word."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pytest
from bench_stand import Diary, FiresAt, Hand, Pushes, Stand
from hypothesis import given
from hypothesis import strategies as st
from still_env import PERIOD_NS, StillEnv

from hilctl.data.step import Outcome
from hilctl.env.loop import EpisodeLoop
from hilctl.env.questions import LOOK_NS, Questions
from hilctl.env.wrappers import JudgeReward, Takeover
from hilctl.rewards.base import Reward
from hilctl.rewards.human import HumanReward
from hilctl.task.sections import OperatorSpec
from hilctl.teleop.base import Role, Teleop, TeleopEvent, TeleopInput, stages_called

IDLE = TeleopInput()
KEYS = {event: event.value[0] for event in TeleopEvent}
SUCCESS, FAILURE, VETO = TeleopEvent.SUCCESS, TeleopEvent.FAILURE, TeleopEvent.VETO
DISCARD, RERECORD, PAUSE = TeleopEvent.DISCARD, TeleopEvent.RERECORD, TeleopEvent.PAUSE
READY, QUIT = TeleopEvent.READY, TeleopEvent.QUIT


def said(*events: TeleopEvent) -> TeleopInput:
    return TeleopInput(events=events)


class Person(Hand):
    """A hand that has to be asked, and has a key for everything."""

    review = Teleop.review

    @property
    def keys(self) -> Mapping[TeleopEvent, str]:
        return KEYS


class Told:
    """A screen that keeps everything."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, Mapping[str, Any]]] = []

    def __call__(self, name: str, text: str, figures: Mapping[str, Any]) -> None:
        self.lines.append((name, text, figures))

    def texts(self, name: str) -> list[str]:
        return [text for told, text, _ in self.lines if told == name]


class Scene:
    """A person before an environment that does not move."""

    def __init__(
        self,
        script: Collection[TeleopInput] = (),
        *,
        reward: Reward | None = None,
        role: Role = Role.SUPERVISE,
        claims: bool = True,
        steps: int = 8,
        stop: Any = lambda: False,
        **waits: Any,
    ) -> None:
        self.env, self.hand, self.diary = StillEnv(steps), Person(list(script)), Diary()
        self.told = Told()
        self.set_aside: list[str] = []
        self.questions = Questions(
            self.hand,
            self.env.clock,
            OperatorSpec(**waits),
            self.told,
            stop,
            record_again=lambda: self.set_aside.append("last"),
        )
        wrapped = Takeover(self.env, self.hand, self.questions)
        self.loop = EpisodeLoop(
            JudgeReward(wrapped, reward or FiresAt(None)),
            Pushes(),
            self.hand,
            role,
            [self.diary],
            stop=stop,
            claims_end_episode=claims,
            questions=self.questions,
        )

    def run(self) -> Any:
        return self.loop.run_episode()


def test_a_failure_ends_the_episode_at_once_and_nobody_is_asked() -> None:
    scene = Scene([IDLE, said(FAILURE)])
    summary = scene.run()
    assert (summary.steps, summary.outcome) == (2, Outcome.FAILURE)
    last = scene.diary.steps[-1]
    assert (last.reward, last.terminated, last.truncated) == (0.0, False, True)
    assert scene.told.lines == []


def test_a_failure_outweighs_a_reward_and_a_claim_of_the_same_step() -> None:
    scene = Scene([said(FAILURE, SUCCESS)], reward=FiresAt(1))
    summary = scene.run()
    assert (summary.outcome, summary.vetoed, summary.claimed) == (Outcome.FAILURE, True, False)


@pytest.mark.parametrize("claims", [True, False])
def test_a_failure_counts_whoever_says_it(claims: bool) -> None:
    scene = Scene([said(FAILURE)], role=Role.WATCH, claims=claims)
    assert scene.run().outcome is Outcome.FAILURE
    assert scene.diary.summaries[0].steps == 1


def test_the_question_names_the_keys_the_limit_and_what_counts_without_an_answer() -> None:
    scene = Scene(steps=1, verdict_s=7)
    scene.run()
    (name, text, figures), (answered, verdict, _) = scene.told.lines
    assert name == "waiting"
    assert "s = success, f = failure, d = throw away" in text
    assert "no answer in 7 s: failure" in text
    assert figures["keys"] == {"success": "s", "failure": "f", "discard": "d"}
    assert (answered, verdict) == ("answered", "verdict: failure")


def test_keys_that_a_device_does_not_have_are_not_offered() -> None:
    class TwoButtons(Person):
        @property
        def keys(self) -> Mapping[TeleopEvent, str]:
            return {SUCCESS: "left", FAILURE: "right"}

    scene = Scene(steps=1)
    scene.questions.teleop = TwoButtons()
    scene.questions.verdict(claimed=False)
    assert "left = success, right = failure ·" in scene.told.texts("waiting")[0]


@pytest.mark.parametrize(
    ("answer", "outcome", "claimed"),
    [
        (SUCCESS, Outcome.SUCCESS, True),
        (FAILURE, Outcome.FAILURE, False),
        (VETO, Outcome.FAILURE, False),
        (DISCARD, Outcome.ABORTED, False),
        (RERECORD, Outcome.ABORTED, False),  # of the one that is asked about
        (READY, Outcome.FAILURE, False),  # it stays as it is
    ],
)
def test_an_answer_is_taken_as_soon_as_it_is_given(
    answer: TeleopEvent, outcome: Outcome, claimed: bool
) -> None:
    scene = Scene([IDLE, IDLE, IDLE, said(answer)], steps=1)
    summary = scene.run()
    assert (summary.outcome, summary.claimed) == (outcome, claimed)
    assert summary.discarded == (outcome is Outcome.ABORTED)
    assert scene.questions.waited_s == pytest.approx(2 * LOOK_NS * 1e-9)
    assert scene.set_aside == []


@pytest.mark.parametrize("fires", [True, False])
@pytest.mark.parametrize("verdict", ["reward", "failure", "discard"])
def test_who_says_nothing_gets_what_the_task_file_says_in_time(fires: bool, verdict: str) -> None:
    scene = Scene(steps=1, reward=FiresAt(1 if fires else None), verdict=verdict, verdict_s=3)
    summary = scene.run()
    wanted = {"reward": Outcome.SUCCESS if fires else Outcome.FAILURE, "failure": Outcome.FAILURE}
    assert summary.outcome is wanted.get(verdict, Outcome.ABORTED)
    assert scene.questions.waited_s == pytest.approx(3, abs=0.1)
    assert summary.duration_s == pytest.approx(0.1)


def test_the_robot_stands_still_while_it_is_asked() -> None:
    scene = Scene(steps=2)
    scene.run()
    assert scene.env.log == ["step", "step", "stop"]


def test_a_stop_ends_the_question() -> None:
    asked: list[int] = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 10

    scene = Scene(steps=1, stop=stop, verdict_s=600)
    scene.run()
    assert scene.questions.waited_s < 1


@pytest.mark.parametrize("answer", [VETO, FAILURE, DISCARD])
def test_a_success_of_an_evaluation_can_be_objected_to_after_its_end(answer: TeleopEvent) -> None:
    scene = Scene([IDLE] * 3 + [said(answer)], reward=FiresAt(2), role=Role.WATCH, claims=False)
    summary = scene.run()
    assert summary.judged_success
    assert summary.vetoed == (answer is not DISCARD)
    assert not summary.success


def test_a_failure_of_an_evaluation_cannot_be_made_a_success() -> None:
    scene = Scene([IDLE] * 9 + [said(SUCCESS)], role=Role.WATCH, claims=False)
    assert scene.run().outcome is Outcome.FAILURE
    assert scene.told.lines == []


@pytest.mark.parametrize("role", [Role.SUPERVISE, Role.DEMONSTRATE, Role.WATCH])
def test_the_word_of_the_operator_can_be_the_reward(role: Role) -> None:
    scene = Scene(
        [IDLE, said(SUCCESS)], reward=HumanReward(), role=role, claims=role is not Role.WATCH
    )
    summary = scene.run()
    assert (summary.steps, summary.outcome) == (2, Outcome.SUCCESS)
    assert summary.judged_success
    assert not summary.claimed
    assert scene.diary.steps[-1].reward == 1.0
    assert scene.told.lines == []  # the operator has spoken already


def test_a_veto_holds_against_the_operator_as_the_reward() -> None:
    scene = Scene([said(VETO), said(SUCCESS)], reward=HumanReward())
    assert scene.run().outcome is Outcome.FAILURE


@pytest.mark.parametrize("verdict", [SUCCESS, FAILURE, VETO, DISCARD])
def test_a_verdict_that_comes_late_is_none_of_the_next_episode(verdict: TeleopEvent) -> None:
    scene = Scene([IDLE, IDLE, said(FAILURE)])
    scene.hand.on_the_way = said(verdict)
    summary = scene.run()
    assert (summary.steps, summary.discarded) == (3, False)
    assert not any(step.events for step in scene.diary.steps[:-1])


def test_what_else_is_said_on_the_way_to_a_start_is_heard() -> None:
    scene = Scene([IDLE, said(PAUSE), IDLE, said(FAILURE)])
    scene.hand.on_the_way = said(PAUSE, QUIT, RERECORD)
    summary = scene.run()
    assert scene.env.log[:2] == ["stop", "resume"]
    assert summary.quit_requested
    assert scene.set_aside == ["last"]


def test_a_pause_holds_the_robot_at_once_and_leaves_no_trace_in_the_data() -> None:
    scene = Scene([IDLE, said(PAUSE), *[IDLE] * 40, said(PAUSE), IDLE, said(SUCCESS)])
    summary = scene.run()
    assert scene.env.log == ["step", "stop", "resume", "step", "step", "stop"]
    assert summary.steps == 3
    assert summary.duration_s == pytest.approx(0.3)
    assert scene.questions.waited_s == pytest.approx(40 * LOOK_NS * 1e-9, rel=0.1)
    assert [step.late_s for step in scene.diary.steps] == [0.0] * 3
    for before, after in zip(scene.diary.steps, scene.diary.steps[1:], strict=False):
        assert before.next_observation is after.observation
    assert scene.told.texts("waiting")[0].startswith("paused, the robot holds: p = go on")


def test_a_stage_that_is_called_before_a_pause_and_after_it_is_called_once() -> None:
    script = [said(SUCCESS, PAUSE), said(PAUSE), said(SUCCESS), said(FAILURE)]
    scene = Scene(script, role=Role.LABEL, claims=False)
    scene.run()
    assert stages_called(scene.diary.steps[0].events) == 1


def test_after_a_pause_the_hand_is_asked_anew() -> None:
    up = TeleopInput(twist=np.array([0.0, 0, 1, 0, 0, 0]), engaged=True)
    scene = Scene([TeleopInput(events=(PAUSE,)), said(PAUSE), up, said(FAILURE)])
    scene.run()
    np.testing.assert_array_equal(scene.env.sent[0], up.twist)


@pytest.mark.parametrize("event", [FAILURE, DISCARD, QUIT])
def test_what_ends_a_pause_but_going_on_moves_nothing(event: TeleopEvent) -> None:
    scene = Scene([IDLE, said(PAUSE), IDLE, said(event)])
    summary = scene.run()
    assert summary.steps == 2
    np.testing.assert_array_equal(scene.env.sent[-1], np.zeros(6))
    outcome = Outcome.FAILURE if event is FAILURE else Outcome.ABORTED
    assert summary.outcome is outcome
    assert summary.quit_requested == (event is QUIT)


def test_a_pause_that_nobody_ends_ends_the_work_with_reminders() -> None:
    scene = Scene([said(PAUSE)], wait_s=100, remind_s=30)
    summary = scene.run()
    assert summary.outcome is Outcome.ABORTED
    assert summary.quit_requested
    assert not summary.discarded
    assert scene.questions.waited_s == pytest.approx(100, abs=0.1)
    assert len(scene.told.texts("waiting")) == 1 + 3
    assert "nobody came for 1:40 min: stopping" in scene.told.texts("answered")[0]
    assert not scene.loop.ready()


def test_an_episode_recorded_before_is_set_aside_when_the_one_that_runs_has_ended() -> None:
    scene = Scene([said(RERECORD), IDLE, said(SUCCESS)])
    summary = scene.run()
    assert summary.success
    assert scene.set_aside == ["last"]


def test_ready_is_said_after_the_question_not_before() -> None:
    scene = Scene([said(READY), IDLE, IDLE, said(READY)])
    assert READY in scene.questions.ready("put things back, then press")
    assert scene.questions.waited_s == pytest.approx(2 * LOOK_NS * 1e-9)
    assert scene.told.texts("waiting")[0].startswith(
        "waiting for you: put things back, then press r"
    )


def test_an_episode_can_be_recorded_again_while_things_are_put_back() -> None:
    scene = Scene([IDLE, said(RERECORD), IDLE, said(READY)])
    assert READY in scene.questions.ready("put things back, then press")
    assert scene.set_aside == ["last"]


@pytest.mark.parametrize("said_early", [True, False])
def test_to_stop_is_heard_before_and_while_things_are_put_back(said_early: bool) -> None:
    scene = Scene([said(QUIT)] if said_early else [IDLE, IDLE, said(QUIT)])
    assert READY not in scene.questions.ready("put things back, then press")
    assert scene.questions.over
    assert not scene.loop.ready()


@pytest.mark.parametrize(("answer", "content"), [(RERECORD, False), (READY, True), (None, True)])
def test_the_last_of_all_can_be_recorded_again_for_a_moment(
    answer: TeleopEvent | None, content: bool
) -> None:
    scene = Scene([IDLE, IDLE, said(answer)] if answer else [], verdict_s=4)
    assert scene.questions.content() is content
    assert scene.set_aside == ([] if content else ["last"])
    assert scene.questions.waited_s <= 4.1


inputs = st.builds(
    TeleopInput,
    engaged=st.booleans(),
    events=st.lists(st.sampled_from(TeleopEvent), max_size=2).map(tuple),
)


@given(
    script=st.lists(st.one_of(st.just(IDLE), inputs), max_size=30),
    fires_at=st.none() | st.integers(1, 8),
    role=st.sampled_from(Role),
    claims=st.booleans(),
    stops_after=st.integers(3, 60),
    human=st.booleans(),
)
def test_whatever_is_said_an_episode_ends_well(
    script: list[TeleopInput],
    fires_at: int | None,
    role: Role,
    claims: bool,
    stops_after: int,
    human: bool,
) -> None:
    asked: list[int] = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > stops_after

    reward = HumanReward() if human else FiresAt(fires_at)
    scene = Scene(
        script, reward=reward, role=role, claims=claims, stop=stop, wait_s=20, verdict_s=3
    )
    summary = scene.run()
    steps = scene.diary.steps
    heard = {event for step in steps for event in step.events}
    assert scene.env.log[-1] == "stop"
    assert 1 <= len(steps) == summary.steps == scene.env.log.count("step") <= 8
    assert not any(step.terminated or step.truncated for step in steps[:-1])
    assert [step.reward for step in steps[:-1]] == [0.0] * (len(steps) - 1)
    last = steps[-1]
    assert last.terminated != last.truncated
    assert last.reward == float(last.terminated)
    if heard & {VETO, FAILURE}:
        assert not last.terminated
    if DISCARD in heard:
        assert (summary.outcome, summary.discarded) == (Outcome.ABORTED, True)
    else:
        assert summary.success == last.terminated
    assert summary.vetoed == (summary.judged_success and not last.terminated)
    if role is Role.WATCH:
        assert summary.intervention_steps == 0
    if not claims:  # who may only object makes no success
        assert not summary.claimed
    assert summary.duration_s == pytest.approx(len(steps) * PERIOD_NS * 1e-9)
    assert max(step.late_s for step in steps) == 0.0


def test_a_pause_of_a_real_environment_makes_no_period_late(stand: Stand) -> None:
    script = [IDLE, said(PAUSE), *[IDLE] * 30, said(PAUSE), IDLE, said(FAILURE)]
    hand, diary = Person(script), Diary()
    questions = Questions(hand, stand.env.clock)
    loop = EpisodeLoop(
        stand.wrapped(hand, questions=questions),
        Pushes(),
        hand,
        Role.SUPERVISE,
        [diary],
        questions=questions,
    )
    summary = loop.run_episode()
    assert summary.steps == 3
    assert summary.duration_s == pytest.approx(0.3, abs=0.06)
    assert max(step.late_s for step in diary.steps) < 1e-6
    assert stand.robot.calls[-5:] == ["servo", "stop", "servo", "servo", "stop"]
