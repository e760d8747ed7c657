"""What the hands of people have in common, whatever is in them."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hilctl import geometry
from hilctl.devices import Address, Options
from hilctl.teleop.base import Role, Teleop, TeleopEvent, TeleopInput

Array = NDArray[np.float64]
Terminal = Annotated[
    str,
    Address(),
    Field(
        min_length=1,
        description="the terminal whose keys are read; /dev/tty is the one hilctl was started in",
    ),
]
DRIVING = (Role.DEMONSTRATE, Role.SHOW, Role.LABEL)  # in charge of every step
CALLING = (Role.SHOW, Role.LABEL, Role.WATCH)  # success is said as long as it lasts
COUNTED = {TeleopEvent.SUCCESS: 1, TeleopEvent.VETO: -1}  # stages on
# signs of the robot's x and y along what is forward and left to the person
STANDS: dict[str, tuple[int, int]] = {"behind": (1, 1), "facing": (-1, -1)}


class HumanOptions(Options):
    """Settings of every hand of a person."""

    frame: Literal["base", "tool"] = Field(
        default="base",
        description="whose axes the hand moves along: base (up is up) or tool (as it is turned)",
    )
    stand: Literal["behind", "facing"] = Field(
        default="behind",
        description="where you stand: behind the robot, or facing it; away from you is then "
        "its +x or its -x",
    )
    speed: float = Field(
        default=1.0, gt=0, le=1, description="share of a full action that the hand reaches, 0 to 1"
    )
    slow: float = Field(
        default=0.25, gt=0, le=1, description="what is left of that when it is slow, 0 to 1"
    )
    engage_hold_s: float = Field(
        default=0.5,
        ge=0,
        le=5,
        description="seconds for which you stay in charge after your last motion, up to 5",
    )


@dataclass(frozen=True)
class HandReading:
    """What a device says now.

    Attributes:
        motion: (6,) in [-1, 1]: x forward, y left, z up of a person who looks ahead, then the
            rotation vector in the same axes.
        gripper: -1 close, 0 leave, 1 open.
        pressed: events whose keys or buttons were pressed since the last reading.
        claims: the key or button of success is down.
        enabling: the dead man's button is down.
    """

    motion: Array = field(default_factory=lambda: np.zeros(6))
    gripper: int = 0
    pressed: tuple[TeleopEvent, ...] = ()
    claims: bool = False
    enabling: bool = False


class HumanTeleop(Teleop):
    """A hand that is in charge while it moves."""

    OptionsType: ClassVar[type[Options]] = HumanOptions
    _role = Role.WATCH
    _holds_on = False
    _is_slow = False
    _moved_s = -1e9
    _reached = 0  # stages

    @property
    def manner(self) -> HumanOptions:
        """The options that every hand has."""
        return cast(HumanOptions, self.options)

    def begin_episode(self, role: Role) -> None:
        """Learn who is in charge; what was pressed before does not count."""
        self._role = role
        self._holds_on = False
        self._moved_s = -1e9
        self._reached = 0
        self.forget()

    @abstractmethod
    def forget(self) -> None:
        """Drop what was pressed so far."""

    @abstractmethod
    def read(self) -> HandReading:
        """Return what the device says now; all zero when it is not there."""

    def poll(self) -> TeleopInput:
        """Return the newest input of the hand, in the axes of the tool."""
        reading = self.read()
        events = reading.pressed
        if self.counts_stages:
            events = self._counted(events)
        elif reading.claims and self._role in CALLING and TeleopEvent.SUCCESS not in events:
            events = (*events, TeleopEvent.SUCCESS)  # as long as it is held
        if self._role is Role.WATCH:
            return TeleopInput(events=events, enabling=reading.enabling)
        motion = reading.motion * self._pace()
        now_s = time.monotonic()
        if motion.any() or reading.gripper:
            self._moved_s = now_s
        recently = now_s - self._moved_s < self.manner.engage_hold_s
        engaged = self._role in DRIVING or self._holds_on or recently
        return TeleopInput(
            twist=self._in_the_tools_axes(motion) if motion.any() else motion,
            gripper=reading.gripper,
            engaged=bool(engaged),
            events=events,
            enabling=reading.enabling,
        )

    @property
    def counts_stages(self) -> bool:
        """Whether every press of success moves one stage on now, and every veto one back."""
        return len(self.stages) > 1 and self._role in CALLING

    def _counted(self, pressed: Sequence[TeleopEvent]) -> tuple[TeleopEvent, ...]:
        """Return what was pressed, with a success for every stage that is reached by now."""
        for event in pressed:
            way = COUNTED.get(event, 0)
            self._reached = min(max(0, self._reached + way), len(self.stages))
        others = [event for event in pressed if event not in COUNTED]
        return (*others, *[TeleopEvent.SUCCESS] * self._reached)

    def toggle_hold(self) -> None:
        """Take charge until told otherwise, or leave it to the policy again."""
        self._holds_on = not self._holds_on
        self.tell("you are in charge" if self._holds_on else "in charge only while you move")

    def toggle_slow(self) -> None:
        """Change between slow and fast."""
        self._is_slow = not self._is_slow
        self.tell("slow" if self._is_slow else "fast")

    def _pace(self) -> float:
        return self.manner.speed * (self.manner.slow if self._is_slow else 1.0)

    def _in_the_tools_axes(self, motion: Array) -> Array:
        if self.tcp_pose is None or self.manner.frame == "tool":
            return motion
        x, y = STANDS[self.manner.stand]
        motion = motion * [x, y, 1, x, y, 1]
        turn = geometry.quat_conjugate(self.tcp_pose()[3:])
        halves = [geometry.rotate(turn, half) for half in (motion[:3], motion[3:])]
        return np.concatenate([_within(half) for half in halves])


def _within(half: Array) -> Array:
    """Return a vector turned into other axes, shorter where one of them would be out of range."""
    return np.asarray(half / max(1.0, float(np.abs(half).max())))
