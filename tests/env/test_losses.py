"""A camera, an arm or a hand that is lost: the robot holds, says why, and goes on with one key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from paper_robot import PaperRobot, paper_rig

from hilctl.cameras.base import Camera, Frame
from hilctl.devices import Options, Rig
from hilctl.env.loop import EpisodeLoop, HandsOff, Outcome
from hilctl.env.losses import HoldOnLoss
from hilctl.env.questions import Questions
from hilctl.env.robot_env import RobotEnv
from hilctl.env.safety import reset_pose
from hilctl.env.wrappers import Takeover
from hilctl.errors import (
    DeviceError,
    OutsideBoundsError,
    StaleFrameError,
    StaleStateError,
    TravelStoppedError,
)
from hilctl.robots.base import Command, RobotState
from hilctl.task.spec import TaskSpec
from hilctl.teleop.base import Role, Teleop, TeleopEvent, TeleopInput, TeleopStatus

FORWARD = np.array([0.0, 0, 1, 0, 0, 0])  # along the tool, which looks down


class Eye(Camera):
    """A camera that can be lost."""

    in_real_time = True
    lost = False
    name = "the camera"

    def open(self) -> None: ...

    def close(self) -> None: ...

    def latest(self, *, max_age_s: float) -> Frame:
        if self.lost:
            raise StaleFrameError(f"no new picture of {self.name}: unplugged", hint="plug it in")
        return Frame(np.full((24, 32, 3), 90, np.uint8), self.rig.clock.now_ns())


class TroubledRobot(PaperRobot):
    """An arm that stops itself with an error, or says the same again and again."""

    error = ""
    gone = False
    frozen_ns: int | None = None
    chores: tuple[str, ...] = ()

    def state(self) -> RobotState:
        if self.gone:
            raise StaleStateError("the arm does not answer", hint="is it on?")
        state = super().state()
        if self.frozen_ns is None:
            return state
        return RobotState(state.tcp_pose, *[np.zeros(6)] * 2, np.zeros(7), 1.0, self.frozen_ns)

    def servo(self, command: Command) -> Command:
        if self.error:
            raise DeviceError(self.error, hint="free it")
        return super().servo(command)

    def stop(self) -> None:
        super().stop()
        if self.gone:
            raise DeviceError("the arm cannot be told to stop")

    def maintenance(self) -> Mapping[str, str]:
        return {"clear-errors": "clear them"}

    def maintain(self, chore: str) -> None:
        self.chores = (*self.chores, chore)
        self.error = ""


class PersonsHand(Teleop):
    """A hand that answers what it is asked."""

    def __init__(self, rig: Rig) -> None:
        super().__init__(Options(), rig)
        self.answers: list[Callable[[], TeleopEvent | None]] = []
        self.asked = False
        self.present = True
        self.enabling = True

    def open(self) -> None: ...

    def close(self) -> None: ...

    def poll(self) -> TeleopInput:
        events = []
        if self.asked and self.answers:
            event = self.answers.pop(0)()
            events = [event] if event else []
        return TeleopInput(events=tuple(events), enabling=self.enabling)

    def status(self) -> TeleopStatus:
        return TeleopStatus("the mouse", present=self.present)


class Nobody(PersonsHand):
    """A hand of nobody's."""

    in_real_time = False  # type: ignore[misc]


class Cell:
    """A robot, a camera and a person at work."""

    def __init__(self, spec: TaskSpec, hand: type[PersonsHand] = PersonsHand, **waits: Any) -> None:
        self.rig = paper_rig()
        camera = next(iter(spec.cameras.values()))
        reset = spec.reset.model_copy(update={"random_xy_m": 0.0, "random_yaw_rad": 0.0})
        cameras = {"eye": camera, "other": camera}
        task = spec.model_copy(update={"cameras": cameras, "reset": reset})
        rng = np.random.default_rng(0)
        self.robot = TroubledRobot(reset_pose(reset), rng, rig=self.rig)
        self.eye, self.other = Eye(Options(), self.rig), Eye(Options(), self.rig)
        self.other.name = "the other camera"
        self.hand = hand(self.rig)
        self.told: list[str] = []
        waits = spec.operator.model_copy(update=waits)
        self.questions = Questions(self.hand, self.rig.clock, waits, self._screen)
        bare = RobotEnv(task, {"": self.robot}, {"eye": self.eye, "other": self.other}, rng)
        self.env = Takeover(HoldOnLoss(bare, self.questions), self.hand, self.questions)
        self.env.reset()
        self.robot.stops = 0

    def _screen(self, name: str, text: str, figures: Mapping[str, Any]) -> None:
        self.told.append(text)
        self.hand.asked = name == "waiting"

    def step(self) -> dict[str, Any]:
        """Step forward; return what is told, and whether the episode was cut."""
        *_, truncated, info = self.env.step(FORWARD)
        return info | {"truncated": truncated}

    def answers(self, *does: Callable[[], TeleopEvent | None]) -> None:
        """Have the person do this, look by look, once asked."""
        self.hand.answers = list(does)


def nothing() -> None:
    """Wait."""


def pause() -> TeleopEvent:
    return TeleopEvent.PAUSE


@pytest.fixture
def cell(spec: TaskSpec) -> Cell:
    return Cell(spec)


def test_a_camera_that_is_lost_holds_the_robot_until_a_person_says_go_on(cell: Cell) -> None:
    cell.step()
    sent = len(cell.robot.sent)
    cell.eye.lost = True

    def plug_in() -> None:
        assert cell.robot.stops > 0
        cell.eye.lost = False

    cell.answers(nothing, nothing, plug_in, pause)
    info = cell.step()
    assert len(cell.robot.sent) == sent + 1  # nothing more meanwhile
    assert not info["truncated"]
    assert np.abs(info["executed_action"]).max() <= 1
    assert any("unplugged; the robot holds" in text and "plug it in" in text for text in cell.told)
    assert not cell.step()["truncated"]
    assert len(cell.robot.sent) == sent + 2


def test_the_executed_action_is_where_the_arm_really_went(cell: Cell) -> None:
    cell.step()
    before = cell.robot.pose
    cell.eye.lost = True
    cell.answers(lambda: setattr(cell.eye, "lost", False), pause)
    info = cell.step()
    moved_m = before[2] - cell.robot.pose[2]
    assert info["executed_action"][2] == pytest.approx(moved_m / 0.01, abs=1e-6)


def test_a_key_that_comes_too_early_is_told_what_is_missing(cell: Cell) -> None:
    cell.eye.lost = True
    cell.answers(pause, nothing, lambda: setattr(cell.eye, "lost", False), pause)
    cell.step()
    assert sum("the robot holds" in text for text in cell.told) == 2


def test_a_camera_that_is_late_for_a_moment_needs_no_person(cell: Cell) -> None:
    cell.eye.lost = True
    looks = iter([True, True])
    del cell.eye.lost
    cell.eye.__class__ = type("Late", (Eye,), {"lost": property(lambda eye: next(looks, False))})
    assert not cell.step()["truncated"]
    assert any("going on: it is back" in text for text in cell.told)
    assert cell.robot.stops > 0


def test_a_camera_that_is_late_for_a_moment_at_a_start_does_not_end_the_work(cell: Cell) -> None:
    late = iter([StaleFrameError("no new picture")])
    plainly = cell.eye.latest

    def latest(*, max_age_s: float) -> Frame:
        if error := next(late, None):
            raise error
        return plainly(max_age_s=max_age_s)

    cell.eye.latest = latest  # type: ignore[method-assign]
    cell.env.reset()
    assert next(late, None) is None
    assert not cell.hand.asked
    cell.eye.lost = True
    cell.eye.latest = plainly  # type: ignore[method-assign]
    with pytest.raises(StaleFrameError, match="unplugged"):
        cell.env.reset()


def test_an_arm_that_is_lost_at_an_episodes_end_is_waited_for_at_the_next_start(
    cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = EpisodeLoop(cell.env, HandsOff(), cell.hand, Role.SUPERVISE, questions=cell.questions)
    plainly = cell.env.step

    def step(action: np.ndarray) -> Any:
        """Step, and break a cable in the last one."""
        *seen, truncated, info = plainly(action)
        cell.robot.gone = truncated
        return *seen, truncated, info

    def come_back() -> TeleopEvent:
        cell.robot.gone = False
        return TeleopEvent.PAUSE

    monkeypatch.setattr(cell.env, "step", step)
    cell.answers(lambda: TeleopEvent.FAILURE)
    assert loop.run_episode().outcome is Outcome.FAILURE
    assert cell.robot.gone
    cell.answers(nothing, come_back, nothing, lambda: TeleopEvent.FAILURE)
    assert loop.run_episode().outcome is Outcome.FAILURE
    assert any("the arm does not answer" in text for text in cell.told)


def test_a_way_to_a_start_that_a_person_gives_up_is_not_gone_when_all_is_back(cell: Cell) -> None:
    cell.eye.lost = True
    ways = []

    def give_up() -> TeleopEvent:
        cell.eye.lost = False
        ways.append(len(cell.robot.speeds))
        return TeleopEvent.QUIT

    cell.answers(nothing, give_up)
    with pytest.raises(TravelStoppedError):
        cell.env.reset()
    assert ways == [len(cell.robot.speeds)]


def test_where_nobody_is_it_goes_on_by_itself(spec: TaskSpec) -> None:
    cell = Cell(spec, Nobody)
    back_ns = cell.rig.clock.now_ns() + 5 * 10**9
    lost = property(lambda eye: eye.rig.clock.now_ns() < back_ns)
    cell.eye.__class__ = type("Returning", (Eye,), {"lost": lost})
    info = cell.step()
    assert not info["truncated"]
    assert "unplugged" in info["lost"]


def test_an_arm_that_has_stopped_itself_stays_so_where_nobody_is(spec: TaskSpec) -> None:
    cell = Cell(spec, Nobody)
    cell.robot.error = "protective stop"
    with pytest.raises(DeviceError, match="protective stop"):
        cell.step()
    assert cell.robot.chores == ()


def test_what_does_not_come_back_ends_the_work_with_its_own_words(spec: TaskSpec) -> None:
    alone, person = Cell(spec, Nobody), Cell(spec, wait_s=5.0)
    person.answers(lambda: TeleopEvent.QUIT)
    for cell in (alone, person):
        cell.eye.lost = True
        with pytest.raises(StaleFrameError, match="unplugged"):
            cell.step()
        assert cell.robot.stops > 0


def test_an_error_of_the_arm_is_cleared_by_a_persons_key_and_not_before(cell: Cell) -> None:
    cell.robot.error = "protective stop"

    def look() -> None:
        assert cell.robot.chores == ()

    cell.answers(look, look, pause)
    cell.step()
    assert cell.robot.chores == ("clear-errors",)
    sent = len(cell.robot.sent)
    cell.step()
    assert len(cell.robot.sent) == sent + 1


def test_a_state_that_stays_the_same_for_ever_is_a_robot_that_is_lost(cell: Cell) -> None:
    cell.robot.frozen_ns = cell.rig.clock.now_ns()
    cell.answers(nothing, lambda: setattr(cell.robot, "frozen_ns", None), pause)
    for _ in range(4):
        cell.step()
    assert any("state of the robot is" in text for text in cell.told)
    cell.robot.frozen_ns = cell.rig.clock.now_ns() - 10**9
    with pytest.raises(StaleStateError, match=r"1\.0 s old"):
        cell.env.unwrapped.step(FORWARD)


def test_throwing_the_episode_away_while_it_is_lost_ends_it(cell: Cell) -> None:
    cell.eye.lost = True

    def discard() -> TeleopEvent:
        cell.eye.lost = False
        return TeleopEvent.DISCARD

    cell.answers(discard)
    assert cell.step()["truncated"]


def test_a_hand_that_is_gone_holds_the_robot_before_the_step(cell: Cell) -> None:
    cell.step()
    sent = len(cell.robot.sent)
    cell.hand.present = False

    def plug_in() -> None:
        assert len(cell.robot.sent) == sent
        cell.hand.present = True

    cell.answers(pause, plug_in, pause)  # the keys of the terminal are still there
    assert not cell.step()["truncated"]
    assert sum("the mouse is gone; the robot holds" in text for text in cell.told) == 2
    assert len(cell.robot.sent) == sent + 1


def test_a_hand_and_an_arm_that_are_lost_at_once_are_told_in_one_and_go_on_with_one_key(
    cell: Cell,
) -> None:
    cell.step()
    sent = len(cell.robot.sent)
    cell.hand.present, cell.robot.gone = False, True

    def come_back() -> None:
        assert len(cell.robot.sent) == sent
        cell.hand.present, cell.robot.gone = True, False

    cell.answers(nothing, come_back, pause)
    assert not cell.step()["truncated"]
    (asked,) = [text for text in cell.told if "the robot holds" in text]
    assert "the mouse is gone" in asked
    assert "the arm does not answer" in asked
    assert "plug it in again" in asked
    assert "is it on?" in asked
    assert len(cell.robot.sent) == sent + 1


@pytest.mark.parametrize("first", ["hand", "arm"])
def test_a_key_that_comes_when_only_one_of_them_is_back_names_the_other_one(
    cell: Cell, first: str
) -> None:
    cell.hand.present, cell.robot.gone = False, True

    def hand_is_back() -> TeleopEvent:
        cell.hand.present = True
        return TeleopEvent.PAUSE

    def arm_is_back() -> TeleopEvent:
        cell.robot.gone = False
        return TeleopEvent.PAUSE

    both = (hand_is_back, arm_is_back)
    cell.answers(*(both if first == "hand" else reversed(both)))
    assert not cell.step()["truncated"]
    asked = [text for text in cell.told if "the robot holds" in text]
    assert len(asked) == 2
    gone, back = ("does not answer", "is gone")[:: 1 if first == "hand" else -1]
    assert gone in asked[1]
    assert back not in asked[1]


def test_a_camera_and_an_arm_or_two_cameras_that_are_lost_at_once_are_told_in_one(
    cell: Cell,
) -> None:
    cell.eye.lost = cell.other.lost = cell.robot.gone = True

    def come_back() -> None:
        cell.eye.lost = cell.other.lost = cell.robot.gone = False

    cell.answers(nothing, come_back, pause)
    assert not cell.step()["truncated"]
    (asked,) = [text for text in cell.told if "the robot holds" in text]
    for words in ("of the camera", "of the other camera", "the arm does not answer"):
        assert words in asked


def test_an_arm_that_stopped_itself_is_named_beside_the_camera_that_is_lost(cell: Cell) -> None:
    cell.robot.error = "protective stop"
    cell.eye.lost = True
    cell.answers(nothing, lambda: setattr(cell.eye, "lost", False), pause)
    assert not cell.step()["truncated"]
    (asked,) = [text for text in cell.told if "the robot holds" in text]
    assert "protective stop; no new picture of the camera" in asked
    assert cell.robot.chores == ("clear-errors",)


def test_an_arm_that_is_lost_again_as_it_goes_on_is_waited_for_again(cell: Cell) -> None:
    sent = len(cell.robot.sent)
    cell.eye.lost = True
    resume, fails = cell.env.unwrapped.resume, iter([True])

    def lost_again() -> None:
        cell.robot.gone = next(fails, False)
        resume()

    cell.env.unwrapped.resume = lost_again  # type: ignore[method-assign]
    come_back = [lambda: setattr(cell.robot, "gone", False), pause]
    cell.answers(lambda: setattr(cell.eye, "lost", False), pause, *come_back)
    assert not cell.step()["truncated"]
    asked = [text for text in cell.told if "the robot holds" in text]
    assert ["the arm does not answer" in text for text in asked] == [False, True]
    assert len(cell.robot.sent) == sent + 1


def test_an_arm_that_is_lost_while_a_person_pauses_is_waited_for(cell: Cell) -> None:
    sent = len(cell.robot.sent)
    cell.hand.asked = True

    def lose() -> TeleopEvent:
        cell.robot.gone = True
        return TeleopEvent.PAUSE

    cell.answers(pause, lose, nothing, lambda: setattr(cell.robot, "gone", False), pause)
    assert not cell.step()["truncated"]
    asked = [text for text in cell.told if "the robot holds" in text]
    assert ["paused" in text for text in asked] == [True, False]
    assert "the arm does not answer" in asked[1]
    assert len(cell.robot.sent) == sent + 1


def test_what_does_not_come_back_beside_a_hand_that_is_gone_ends_the_work(cell: Cell) -> None:
    cell.hand.present, cell.robot.gone = False, True
    cell.answers(nothing, lambda: TeleopEvent.QUIT)
    with pytest.raises(StaleStateError, match="the arm does not answer"):
        cell.step()


def test_with_a_dead_mans_button_the_robot_moves_only_while_it_is_held(spec: TaskSpec) -> None:
    cell = Cell(spec, dead_man=True)
    cell.step()
    assert cell.robot.stops == 0
    sent = len(cell.robot.sent)
    cell.hand.enabling = False

    def hold() -> None:
        assert len(cell.robot.sent) == sent
        assert cell.robot.stops > 0
        cell.hand.enabling = True

    cell.answers(nothing, nothing, hold)
    assert not cell.step()["truncated"]
    assert len(cell.robot.sent) == sent + 1
    assert any("dead man's button" in text for text in cell.told)


def test_an_arm_far_out_of_its_bounds_is_moved_back_at_a_persons_word_alone(spec: TaskSpec) -> None:
    person, alone = Cell(spec), Cell(spec, Nobody)
    for cell in (person, alone):
        away = cell.robot.pose.copy()
        away[:3] = [0.3, 0.4, 0.5]
        cell.robot.pose, cell.robot.sent = away, []
    with pytest.raises(OutsideBoundsError, match=r"far out of control\.bounds"):
        alone.env.reset()
    np.testing.assert_array_equal(alone.robot.pose, away)
    person.answers(nothing, pause)
    person.env.reset()
    assert person.env.unwrapped.arms[0].bounds.outside(person.robot.pose)[0] < 1e-6
    assert any("far out of control.bounds" in text for text in person.told)
