"""`hilctl teleop`: what a hand says, poll by poll, with the robot still or following it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from hilctl.clock import Clock
from hilctl.devices import Rig
from hilctl.driver_faults import attended
from hilctl.env.hands import Hands
from hilctl.env.loop import EpisodeLoop, HandsOff
from hilctl.env.make import of_arm, open_environment, open_station, teleop_of
from hilctl.pipeline.events import Event, Figures, Report, ShouldStop, never, silent, told_by
from hilctl.pipeline.parts import which_arm
from hilctl.robots import ROBOTS
from hilctl.robots.scene import SimulatedScene
from hilctl.task.workspace import Workspace
from hilctl.teleop.base import Role, Teleop, TeleopEvent, TeleopInput, TeleopStatus

AXES = ("x", "y", "z", "rx", "ry", "rz")
GRIPPER = {-1: "closes", 0: "", 1: "opens"}
NO_LIMIT_S = 86_400.0  # a hand that is tried for longer is started again
WINDOW_S = 2.0  # over which the rate is measured


@dataclass
class HandTrial:
    """What came from a hand.

    Attributes:
        operator: whose it is.
        polls, engaged_polls, moved_polls: how often it was asked, how often somebody was in charge,
            and how often it was moved.
        seconds: since the first poll.
        farthest: (6,) largest deflection of each axis, 0 to 1.
        gripper: polls in which it closed or opened.
        said: how often each event came; once while it is said on and on.
        oldest_s: the oldest that its newest input was; None = the driver does not say.
        status: what it said of itself last.
    """

    operator: str
    polls: int = 0
    engaged_polls: int = 0
    moved_polls: int = 0
    seconds: float = 0.0
    farthest: NDArray[np.float64] = field(default_factory=lambda: np.zeros(len(AXES)))
    gripper: int = 0
    said: Counter[str] = field(default_factory=Counter)
    oldest_s: float | None = None
    status: TeleopStatus = field(default_factory=TeleopStatus)

    @property
    def rate_hz(self) -> float:
        """Polls a second, over all of them."""
        return (self.polls - 1) / self.seconds if self.polls > 1 and self.seconds > 0 else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the final JSON object of `teleop --json`."""
        return {
            "operator": self.operator,
            "device": self.status.device,
            "polls": self.polls,
            "seconds": self.seconds,
            "rate_hz": self.rate_hz,
            "engaged_polls": self.engaged_polls,
            "moved_polls": self.moved_polls,
            "farthest": dict(zip(AXES, self.farthest.tolist(), strict=True)),
            "gripper_polls": self.gripper,
            "events": dict(self.said),
            "oldest_input_s": self.oldest_s,
            "dead_band": self.status.dead_band,
        }


def try_hand(
    workspace: Workspace,
    *,
    arm: str | None = None,
    move: bool = False,
    seconds: float | None = None,
    seed: int = 0,
    report: Report = silent,
    stop: ShouldStop = never,
) -> HandTrial:
    """Poll a task's hand at the control rate, and tell of every poll.

    Args:
        workspace: the task folder, locked by the caller.
        arm: whose hand it is, of several.
        move: the robot follows, from the task's start and inside its bounds, and every other arm
            follows its own hand; else none is touched. A simulated one is opened all the same: the
            hand may live in its world.
        seconds: until the end; None = until somebody stops it.
        seed: of the simulated devices.
        report: told of every poll ("hand"), of what the operator says ("said"), and of a hand
            that comes or goes ("engaged").
        stop: asked every period; True stops the robot and ends it.

    Raises:
        UsageError: the task has several arms, or no such one.
        DeviceError: a device fails.
    """
    limit_s = NO_LIMIT_S if seconds is None else seconds
    watched = _Watched(report, seconds, which_arm(workspace, arm))
    if move:
        _follow(workspace, limit_s, seed, watched, stop)
    else:
        _only_look(workspace, limit_s, seed, watched, stop)
    return watched.trial


def _follow(
    workspace: Workspace, limit_s: float, seed: int, watched: _Watched, stop: ShouldStop
) -> None:
    """Let the robot follow, in one episode unless the hand itself ends it."""
    spec = workspace.spec
    control = spec.control.model_copy(update={"max_episode_s": 2 * limit_s})
    spec = spec.model_copy(update={"control": control})

    def over() -> bool:
        return stop() or watched.trial.seconds >= limit_s

    with open_station(
        spec,
        seed=seed,
        real_time=True,
        watch=watched.among,
        screen=watched.screen,
        stop=over,
        folder=workspace.root,
    ) as station:
        loop = EpisodeLoop(
            station.env, HandsOff(), station.teleop, Role.DEMONSTRATE, stop=over,
            claims_end_episode=False, questions=station.questions,
        )  # fmt: skip
        while not over():
            if loop.run_episode().quit_requested:
                break


def _only_look(
    workspace: Workspace, limit_s: float, seed: int, watched: _Watched, stop: ShouldStop
) -> None:
    with _hand_alone(workspace, seed, watched) as (teleop, clock):
        # whoever demonstrates is in charge all the time; here it is told when a hand takes over
        person = teleop.operator == "human"
        teleop.begin_episode(Role.SUPERVISE if person else Role.DEMONSTRATE)
        period_ns = round(1e9 / workspace.spec.control.rate_hz)
        next_ns = clock.now_ns()
        while not stop() and watched.trial.seconds < limit_s:
            teleop.poll()
            next_ns = max(next_ns + period_ns, clock.now_ns())
            clock.sleep_until(next_ns)


@contextmanager
def _hand_alone(
    workspace: Workspace, seed: int, watched: _Watched
) -> Iterator[tuple[Teleop, Clock]]:
    """Open the hand, and below it an environment or simulated robot; a real one is left alone."""
    spec, rig = workspace.spec, Rig(seed, real_time=True, folder=workspace.root)
    with ExitStack() as stack:
        if spec.environment is not None:
            open_environment(spec, rig, stack)
        for name, part in spec.each_arm.items():
            if issubclass(driver := ROBOTS.get(part.robot.type), SimulatedScene):
                robot = attended(of_arm("robot", name), driver, part.robot.options, rig)
                robot.arm = name
                stack.enter_context(robot)
        hand = stack.enter_context(teleop_of(spec, rig, screen=watched.screen, arm=watched.arm))
        yield watched.over(hand), rig.clock


class _Watched:
    """Tell of everything that a hand says to whoever polls it."""

    def __init__(self, report: Report, limit_s: float | None, arm: str) -> None:
        self.trial, self.arm = HandTrial(""), arm
        self._report, self._limit_s = report, limit_s
        self.screen = told_by(report)
        self._teleop: Teleop | None = None
        self._times_s: list[float] = []
        self._engaged = False
        self._saying: tuple[TeleopEvent, ...] = ()

    def over(self, teleop: Teleop) -> Teleop:
        """Return a device that is the same, but for what is told of it."""
        self._teleop = teleop
        self.trial.operator = teleop.operator
        return cast(Teleop, self)

    def among(self, operator: Teleop) -> Teleop:
        """Return an operator of whom one hand, or the only one, is told of."""
        if not isinstance(operator, Hands):
            return self.over(operator)
        operator.hands = {**operator.hands, self.arm: self.over(operator.hands[self.arm])}
        return operator

    def __getattr__(self, name: str) -> Any:
        return getattr(self._teleop, name)

    def poll(self) -> TeleopInput:
        """Poll the device and tell what it said."""
        assert self._teleop is not None
        hand, status = self._teleop.poll(), self._teleop.status()
        new = [event for event in hand.events if event not in self._saying]
        self._saying = hand.events
        self.trial.said.update(event.value for event in new)
        self._count(hand, status)
        self._tell(hand, status, new)
        return hand

    def _count(self, hand: TeleopInput, status: TeleopStatus) -> None:
        now_s = time.monotonic()
        self._times_s = [t for t in self._times_s if now_s - t <= WINDOW_S] + [now_s]
        trial = self.trial
        if trial.polls == 0:
            self._started_s = now_s
        trial.polls += 1
        trial.seconds = now_s - self._started_s
        trial.engaged_polls += hand.engaged
        trial.moved_polls += bool(hand.twist.any() or hand.gripper)
        trial.farthest = np.maximum(trial.farthest, np.abs(hand.twist))
        trial.gripper += hand.gripper != 0
        trial.status = status
        if status.age_s is not None:
            trial.oldest_s = max(trial.oldest_s or 0.0, status.age_s)

    def _tell(self, hand: TeleopInput, status: TeleopStatus, new: list[TeleopEvent]) -> None:
        for event in new:
            self._report(Event("said", f"said: {event.value}", figures={"said": event.value}))
        if hand.engaged != self._engaged:
            self._engaged = hand.engaged
            what = "a hand is on it" if hand.engaged else "no hand on it"
            self._report(Event("engaged", what, figures={"engaged": hand.engaged}))
        figures: Figures = {
            "twist": hand.twist.tolist(),
            "gripper": hand.gripper,
            "engaged": hand.engaged,
            "events": list(hand.events),
            "rate_hz": self._rate_hz(),
            "age_s": status.age_s,
            "dead_band": status.dead_band,
            "device": status.device,
            "remark": status.remark,
            "polls": self.trial.polls,
            "time_s": self.trial.seconds,
        }
        self._report(Event("hand", in_words(hand), self.trial.seconds, self._limit_s, figures))

    def _rate_hz(self) -> float:
        """Return polls a second of late."""
        span_s = self._times_s[-1] - self._times_s[0]
        return (len(self._times_s) - 1) / span_s if span_s > 0 else 0.0


def in_words(hand: TeleopInput) -> str:
    """Return what a hand says in one line."""
    axes = [f"{name} {value:+.2f}" for name, value in zip(AXES, hand.twist, strict=True) if value]
    parts = [*axes, *filter(None, [GRIPPER[hand.gripper] and f"gripper {GRIPPER[hand.gripper]}"])]
    return f"hand: {' '.join(parts) or 'at rest'}" + ("" if hand.engaged else ", not engaged")
