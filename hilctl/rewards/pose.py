"""The tool at a known pose as the reward: no labels, no training, for tasks that a pose defines."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hilctl.devices import Options
from hilctl.geometry import quat_conjugate, quat_from_rpy, quat_multiply, rotvec_from_quat
from hilctl.registry import did_you_mean
from hilctl.rewards.base import NOTHING_MEASURED, Judgement, Measured, Reward, RewardSource
from hilctl.task.arm_geometry import odd_unit, odd_units
from hilctl.task.explain import SettingError
from hilctl.task.layout import TWIST, named
from hilctl.task.sections import Bounds, Name, Section, Vec6
from hilctl.task.surroundings import Surroundings
from hilctl.teleop.base import TeleopEvent

Array = NDArray[np.float64]
Axis = Literal["x", "y", "z", "rx", "ry", "rz"]
Within = dict[Axis, Annotated[float, Field(gt=0)]]

_POSE = "[x, y, z] in m, then [roll, pitch, yaw] in rad about fixed axes; base frame"
_WITHIN = (
    "largest deviation by axis: x y z in m, rx ry rz of a rotation vector in rad, both along the "
    "axes of the base; an axis without one is not looked at"
)


class PoseGoal(Section):
    """Where one arm's tool is to be."""

    pose: Vec6 = Field(description=_POSE)
    within: Within = Field(min_length=1, description=_WITHIN)


class PoseOptions(Options):
    """Settings of the `pose` reward."""

    pose: Vec6 | None = Field(default=None, description=f"of the only arm: {_POSE}")
    within: Within = Field(default={}, description=_WITHIN)
    arms: dict[Name, PoseGoal] = Field(
        default={}, description="of several arms: name: {pose, within}; all have to be there"
    )
    consecutive: int = Field(
        default=2, ge=1, le=20, description="steps in a row that every arm has to be there"
    )

    @property
    def goals(self) -> dict[str, PoseGoal]:
        """Where each arm is to be, by its name."""
        if self.pose is None:
            return dict(self.arms)
        return {"": PoseGoal(pose=self.pose, within=self.within)}


class PoseReward(Reward):
    """Call the task done when the tool has been within tolerances of a pose for some steps.

    Args:
        goals: by the name of the arm.
        consecutive: steps in a row.
    """

    OptionsType: ClassVar[type[Options]] = PoseOptions
    judge_name: ClassVar[str] = "pose"

    def __init__(self, goals: Mapping[str, PoseGoal], consecutive: int) -> None:
        self.consecutive = consecutive
        self._goals = {arm: _Nearness(goal) for arm, goal in goals.items()}
        self._in_a_row = 0

    @classmethod
    def flaws(cls, options: PoseOptions, around: Surroundings) -> Iterator[SettingError]:
        """Yield arms that the task does not have, and a pose that is not said or never reached."""
        arms = [*around.arms]
        if not arms:
            yield SettingError(("type",), "an environment has no arm whose pose could be looked at")
        elif arms == [""] and (options.pose is None or not options.within):
            missing = "pose" if options.pose is None else "within"
            yield SettingError((), f"missing key {missing!r}", "pose: [...], within: {z: 0.005}")
        elif arms != [""] and (options.pose is not None or not options.arms):
            hint = f"write arms: {{{arms[0]}: {{pose: ..., within: ...}}}}"
            yield SettingError((), "this task has several arms: say whose pose", hint)
        for arm in options.arms:
            yield from unknown_arm(arm, arms, ("arms", arm))
        for arm, goal in options.goals.items():
            for flaw in _odd_goal(goal, around.arms.get(arm)):
                yield replace(flaw, loc=(*(("arms", arm) if arm else ()), *flaw.loc))

    @classmethod
    def open(cls, source: RewardSource) -> Self:
        """Return the reward of a task; it needs nothing that is learnt."""
        return cls(source.options.goals, source.options.consecutive)

    def reset(self) -> None:
        """Forget what was seen: a new episode starts."""
        self._in_a_row = 0

    def judge(
        self,
        features: Mapping[str, NDArray[np.float16]],
        events: Collection[TeleopEvent] = (),
        measured: Measured = NOTHING_MEASURED,
    ) -> Judgement:
        """Judge the newest pose; `deviation` is seen as the largest share of its tolerance.

        Args:
            features: not looked at.
            events: not listened to.
            measured: has the `tcp_pose` of every arm.
        """
        shares = [
            near.deviation(measured[named(arm, "tcp_pose")]) for arm, near in self._goals.items()
        ]
        worst = max(shares)
        self._in_a_row = self._in_a_row + 1 if worst <= 1 else 0
        done = self._in_a_row >= self.consecutive
        return Judgement(done, 1 / (1 + worst), seen={"deviation": worst})


class _Nearness:
    """How far a pose is from a goal, in shares of the tolerances."""

    def __init__(self, goal: PoseGoal) -> None:
        self._position = np.array(goal.pose[:3])
        self._from_goal = quat_conjugate(quat_from_rpy(goal.pose[3:]))
        self._axes = [TWIST.index(axis) for axis in goal.within]
        self._within = np.array(list(goal.within.values()))

    def deviation(self, tcp_pose: Array) -> float:
        """Return the largest deviation of a (7,) pose along an axis, by that axis's tolerance."""
        turn = rotvec_from_quat(quat_multiply(tcp_pose[3:], self._from_goal))
        away = np.concatenate([tcp_pose[:3] - self._position, turn])
        return float((np.abs(away[self._axes]) / self._within).max())


def _odd_goal(goal: PoseGoal, bounds: Bounds | None) -> Iterator[SettingError]:
    """Yield numbers of a goal that are in another unit, or that the tool never comes to."""
    units = [*odd_units(("pose",), goal.pose)]
    for axis, tolerance in goal.within.items():
        units += odd_unit(("within", axis), axis, tolerance)
    yield from units
    if bounds is not None and not units:
        yield from _never_reached(goal, bounds)


def _never_reached(goal: PoseGoal, bounds: Bounds) -> Iterator[SettingError]:
    """Yield every coordinate of a goal that bounds keep the tool away from."""
    for i, name in enumerate(TWIST[:3]):
        low, high, there = bounds.low[i], bounds.high[i], goal.pose[i]
        near = {str(axis): tolerance for axis, tolerance in goal.within.items()}.get(name)
        if near is not None and not low - near <= there <= high + near:
            message = f"{name} = {there:g} ± {near:g} m is outside the bounds [{low:g}, {high:g}]"
            hint = "the tool never comes there: move the pose or widen control.bounds"
            yield SettingError(("pose", i), message, hint)


def unknown_arm(
    arm: str, arms: Sequence[str], loc: tuple[str | int, ...]
) -> Iterator[SettingError]:
    """Yield whether a task has no arm of that name."""
    if arm not in arms:
        known = list(filter(None, arms))
        hint = did_you_mean(arm, known) if known else "this task has one arm, without a name"
        yield SettingError(loc, f"there is no arm {arm!r}" if arm else "say which arm", hint)
