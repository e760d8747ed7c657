"""What an action is, and what an observation: the names, order and widths of their numbers.

A layout is made once, from the task or by the environment. It is stored with episodes and
checkpoints, said first when acting and learning side meet, and compared wherever two of them do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from hilctl.task.sections import ArmControlSpec
from hilctl.task.spec import TaskSpec

Array = NDArray[np.float64]
PartKind = Literal["delta_pose", "wrench", "gripper", "generic"]

TWIST = ("x", "y", "z", "rx", "ry", "rz")  # translation, then a rotation vector
TRANSLATION, ROTATION = slice(0, 3), slice(3, len(TWIST))
CLOSE, LEAVE, OPEN = -1.0, 0.0, 1.0  # what a discrete gripper can be told


@dataclass(frozen=True)
class ActionPart:
    """Neighbouring numbers of an action that belong together.

    Attributes:
        name: "delta_pose", "gripper" …; of one among several arms, "left/gripper".
        arm: that it moves; "" when there is one without a name, or none.
        kind: "delta_pose" is a displacement of the tcp in its own frame, "wrench" pushes it in that
            frame, "gripper" tells it to open or close, "generic" means something to its
            environment only.
        size: how many numbers it has.
        choices: the values its number can have; None = all of [-1, 1].
        scale: (size,) what 1.0 means in m and rad, in N and N·m, or in the environment's unit;
            None = unknown.
        axes: which of `TWIST` the numbers of a wrench are; None = it is none.
    """

    name: str
    arm: str
    kind: PartKind
    size: int
    choices: tuple[float, ...] | None = None
    scale: tuple[float, ...] | None = None
    axes: tuple[str, ...] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its numbers."""
        if self.kind == "delta_pose":
            return tuple(named(self.arm, axis) for axis in TWIST)
        if self.axes is not None:
            return tuple(f"{self.name}_{axis}" for axis in self.axes)
        if self.size == 1:
            return (self.name,)
        return tuple(f"{self.name}_{i}" for i in range(self.size))

    def __str__(self) -> str:
        """Return it in words, for a person."""
        if self.kind == "gripper":
            return "continuous" if self.choices is None else "discrete"
        if self.axes is not None:
            return ", ".join(self.axes)
        return f"{self.size} numbers" if self.size > 1 else "1 number"


@dataclass(frozen=True)
class ActionLayout:
    """The parts of an action, in order; every number is in [-1, 1]."""

    parts: tuple[ActionPart, ...]

    @classmethod
    def of(cls, spec: TaskSpec) -> Self | None:
        """Return the layout of a task's actions; None where only its environment knows."""
        if spec.environment is not None:
            return None
        arms = spec.each_arm.items()
        return cls(tuple(part for name, arm in arms for part in _parts_of_arm(name, arm.control)))

    @classmethod
    def one_arm(cls) -> Self:
        """Return that of one unnamed arm without gripper: all that was recorded before layouts."""
        return cls((ActionPart("delta_pose", "", "delta_pose", len(TWIST)),))

    @property
    def size(self) -> int:
        """A, how many numbers an action has."""
        return sum(part.size for part in self.parts)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all numbers, in order."""
        return tuple(column for part in self.parts for column in part.columns)

    def slice_of(self, part: ActionPart) -> slice:
        """Return where a part's numbers are."""
        start = sum(before.size for before in self.parts[: self.parts.index(part)])
        return slice(start, start + part.size)

    def indices_of(self, parts: Iterable[ActionPart]) -> NDArray[np.int64]:
        """Return where the numbers of some parts are, one after the other."""
        places = [np.arange(self.size)[self.slice_of(part)] for part in parts]
        return np.concatenate([np.zeros(0, np.int64), *places])

    def of_arm(self, arm: str, kind: PartKind) -> ActionPart | None:
        """Return the part of that kind of an arm, or None when it has none."""
        found = (part for part in self.parts if part.arm == arm and part.kind == kind)
        return next(found, None)

    def idle(self) -> Array:
        """Return the (A,) action that does nothing.

        A continuous gripper has no number for that: it is told to stay half open here, and
        `Environment.idle_action` knows better.
        """
        return np.zeros(self.size)

    def nearest(self, action: Array) -> Array:
        """Return the possible (A,) action nearest to one of any numbers."""
        possible = np.clip(np.asarray(action, dtype=np.float64), -1.0, 1.0)
        for part in self.parts:
            if part.choices is not None:
                numbers, choices = self.slice_of(part), np.array(part.choices)
                distance = np.abs(possible[numbers, None] - choices)
                possible[numbers] = choices[distance.argmin(axis=1)]
        return possible

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {"parts": [_plain(asdict(part)) for part in self.parts]}

    @classmethod
    def from_json(cls, data: Any) -> ActionLayout:
        """Return the layout that `as_json` described.

        Raises:
            ValueError: it is none.
        """
        layout = _ACTION.validate_python(data)
        for part in layout.parts:
            if part.size < 1 or (part.scale is not None and len(part.scale) != part.size):
                raise ValueError(f"action part {part.name!r} is of no size")
            if part.axes is not None and len(part.axes) != part.size:
                raise ValueError(f"action part {part.name!r} has other axes than numbers")
            if part.choices is not None and not part.choices:
                raise ValueError(f"action part {part.name!r} has nothing to choose from")
        return layout

    def difference(self, task: ActionLayout) -> str | None:
        """Return how this layout differs from a task's, None when it does not.

        In words that go on after "was recorded with".
        """
        ours = {part.name: part for part in task.parts}
        theirs = {part.name: part for part in self.parts}
        for name, part in theirs.items():
            if name not in ours:
                return f"action part `{name}` ({part}), this task has none"
            if told := _difference(part, ours[name]):
                return told
        for name, part in ours.items():
            if name not in theirs:
                return f"no action part `{name}`, this task has one ({part})"
        if list(theirs) != list(ours):
            return f"its action in the order {', '.join(theirs)}, this task in {', '.join(ours)}"
        return None


@dataclass(frozen=True)
class ObservationLayout:
    """What an observation holds.

    Attributes:
        images: camera → (width, height) px.
        state: name → how many numbers.
    """

    images: Mapping[str, tuple[int, int]]
    state: Mapping[str, int]

    def only(self, images: Sequence[str], state: Sequence[str]) -> ObservationLayout:
        """Return the layout of some of it; names that are not there are left out."""
        return ObservationLayout(
            {name: self.images[name] for name in images if name in self.images},
            {name: self.state[name] for name in state if name in self.state},
        )

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "images": {name: list(size) for name, size in self.images.items()},
            "state": dict(self.state),
        }

    @classmethod
    def from_json(cls, data: Any) -> ObservationLayout:
        """Return the layout that `as_json` described.

        Raises:
            ValueError: it is none.
        """
        return _OBSERVATION.validate_python(data)

    def difference(self, task: ObservationLayout) -> str | None:
        """Return what of this layout a task lacks or has otherwise, None when it has it all.

        In words that go on after "was recorded with".
        """
        for name, size in self.images.items():
            if name not in task.images:
                return f"camera `{name}`, this task has none"
            if tuple(size) != tuple(task.images[name]):
                here, there = ("×".join(map(str, one)) for one in (size, task.images[name]))
                return f"camera `{name}` of {here} px, this task has {there}"
        for name, width in self.state.items():
            if name not in task.state:
                return f"state `{name}`, this task has none"
            if width != task.state[name]:
                return f"state `{name}` of {width} numbers, this task has {task.state[name]}"
        return None


_ACTION, _OBSERVATION = TypeAdapter(ActionLayout), TypeAdapter(ObservationLayout)


def pose_scale(control: ArmControlSpec) -> Array:
    """Return the (6,) metres and radians that 1.0 means in each number of a displacement."""
    return np.repeat([control.translation_m, control.rotation_rad], 3)


def _parts_of_arm(arm: str, control: ArmControlSpec) -> Iterator[ActionPart]:
    if control.wrench is not None:
        axes = tuple(axis for axis in TWIST if axis in control.wrench)
        loads = tuple(float(control.wrench[axis]) for axis in axes)
        yield ActionPart(named(arm, "wrench"), arm, "wrench", len(axes), None, loads, axes)
    else:
        scale = tuple(map(float, pose_scale(control)))
        yield ActionPart(named(arm, "delta_pose"), arm, "delta_pose", len(TWIST), None, scale)
    if control.gripper != "none":
        choices = (CLOSE, LEAVE, OPEN) if control.gripper == "discrete" else None
        yield ActionPart(named(arm, "gripper"), arm, "gripper", 1, choices, (1.0,))


def named(arm: str, name: str) -> str:
    """Return what something of an arm is called; that of the only one needs no prefix."""
    return f"{arm}/{name}" if arm else name


def _difference(theirs: ActionPart, ours: ActionPart) -> str | None:
    name = theirs.name
    if theirs.kind != ours.kind or theirs.arm != ours.arm:
        return f"action part `{name}` as {theirs.kind}, this task has it as {ours.kind}"
    one_kind = (theirs.choices is None) == (ours.choices is None)
    if theirs.size != ours.size or theirs.axes != ours.axes or not one_kind:
        return f"action part `{name}` ({theirs}), this task has `{name}` ({ours})"
    if theirs.choices != ours.choices:
        return f"action part `{name}` of {theirs.choices}, this task has {ours.choices}"
    if None not in (theirs.scale, ours.scale) and theirs.scale != ours.scale:
        here, there = (_numbers(part.scale) for part in (theirs, ours))
        return f"action part `{name}` in steps of {here}, this task has {there}"
    return None


def _numbers(values: Sequence[float] | None) -> str:
    """Return numbers in words, each once."""
    return " and ".join(f"{value:.12g}" for value in dict.fromkeys(values or ()))


def _plain(part: dict[str, Any]) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in part.items()}
