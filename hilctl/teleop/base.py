"""The teleoperation contract: what the human's hand says right now."""

from __future__ import annotations

import enum
from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hilctl.devices import Device, Options
from hilctl.task.layout import TWIST


class TeleopEvent(enum.StrEnum):
    """What an operator can say with a button."""

    SUCCESS = "success"  # the task is done (claims a success that was missed)
    FAILURE = "failure"  # the task has failed; ends the episode
    VETO = "veto"  # this is no success, whoever claims one
    DISCARD = "discard"  # throw this episode away
    RERECORD = "rerecord"  # throw the last recorded episode away and record it again
    PAUSE = "pause"  # hold until pressed again
    READY = "ready"  # things are back in place
    QUIT = "quit"  # finish after this episode


EVENT_WORDS = {
    TeleopEvent.SUCCESS: "success",
    TeleopEvent.FAILURE: "failure",
    TeleopEvent.VETO: "no success (veto)",
    TeleopEvent.DISCARD: "throw away",
    TeleopEvent.RERECORD: "record the last again",
    TeleopEvent.PAUSE: "pause",
    TeleopEvent.READY: "ready, go",
    TeleopEvent.QUIT: "quit after this one",
}

WHOLE_TASK = ("",)  # the one stage of a task without stages


class Role(enum.StrEnum):
    """What the operator is asked to do in an episode."""

    DEMONSTRATE = "demonstrate"  # drive the whole episode, which ends with success
    SHOW = "show"  # drive to success and stay, calling it one as long as it lasts
    SUPERVISE = "supervise"  # take over when the policy needs help
    LABEL = "label"  # drive to what could be mistaken for success
    WATCH = "watch"  # hands off; only events count


def no_twist() -> NDArray[np.float64]:
    """Return the (6,) twist that leaves the tool where it is."""
    return np.zeros(len(TWIST))


@dataclass(frozen=True)
class TeleopInput:
    """One poll of the device.

    Attributes:
        twist: (6,) in [-1, 1], tcp frame: translation then rotation, 1 = one full action.
        gripper: -1 close, 0 leave, 1 open.
        engaged: the human is in charge of this step.
        events: buttons pressed since the last poll; while labels are recorded, success once for
            every stage that is reached.
        enabling: the dead man's button is held down.
        action: (A,) a whole action in place of twist and gripper, from an operator who knows the
            environment itself; NaN where it has no say. None = there is none.
    """

    twist: NDArray[np.float64] = field(default_factory=no_twist)
    gripper: int = 0
    engaged: bool = False
    events: tuple[TeleopEvent, ...] = ()
    action: NDArray[np.float64] | None = None
    enabling: bool = False


@dataclass(frozen=True)
class TeleopStatus:
    """What a device says of itself, for whoever tries it; a driver that says nothing is in order.

    Attributes:
        device: what it is, as its maker or the system calls it; "" = it does not say.
        age_s: how old the newest that came from it is; None = it does not say.
        dead_band: deflection, 0 to 1, up to which an axis counts as released; None = it has none.
        remark: what a person should know now: which key does what, that it is unplugged.
        present: it is there; what is gone says nothing until it is back.
    """

    device: str = ""
    age_s: float | None = None
    dead_band: float | None = None
    remark: str = ""
    present: bool = True


def tell_nobody(text: str) -> None:
    """Say nothing."""


class Teleop(Device):
    """A device in an operator's hand, for one arm.

    Attributes:
        operator: who that is, as stored with what was recorded.
        in_real_time: it is a person's: a simulated world does not run ahead of the wall clock, and
            answers are waited for. Else things are back in place as soon as that is asked for.
        switches_success: its key of success, pressed once, counts until that of a veto is pressed,
            since it cannot be held down.
        stages: what is called reached, one after the other, while labels are recorded.
        tcp_pose: tells the (7,) pose of the tool that it moves; set by whoever builds it, None
            where there is no tool.
        tell: takes words for the person, such as that the device was unplugged; set by whoever
            builds it. Called while polled, never from another thread.
    """

    operator: ClassVar[str] = "human"
    in_real_time: ClassVar[bool] = True
    switches_success: ClassVar[bool] = False
    is_unique: ClassVar[bool] = False  # with the same options it is the same one, as a terminal
    stages: Sequence[str] = WHOLE_TASK
    action_scale: NDArray[np.float64]  # (6,) m and rad of a full twist; set by whoever builds it
    tcp_pose: Callable[[], NDArray[np.float64]] | None = None
    tell: Callable[[str], None] = staticmethod(tell_nobody)

    @classmethod
    def key_map(cls, options: Options) -> Mapping[str, TeleopEvent | str]:
        """Return what each key or button says, or in words what else it does; empty = not known.

        Keys are called as a person calls them: {"Enter": SUCCESS, "w s": "forward, back"}.
        """
        return {}

    @property
    def keys(self) -> Mapping[TeleopEvent, str]:
        """What says each event here, as `key_map` calls it: the first where there are several."""
        return keys_of(self.key_map(self.options))

    @property
    def has_dead_man(self) -> bool:
        """Whether `TeleopInput.enabling` can be told."""
        return False

    def call_stages(self, stages: Sequence[str]) -> None:
        """Learn which stages are to be called, in the order in which they are reached.

        Args:
            stages: their names; "" is the whole task.

        Raises:
            DeviceError: the operator cannot tell them.
        """
        self.stages = tuple(stages)

    def begin_episode(self, role: Role) -> None:
        """Learn what is asked in the episode that starts now; forget what was pressed before."""

    def end_episode(self, *, success: bool, intervened: bool) -> None:
        """Learn how the episode ended, after vetoes and claims."""

    @abstractmethod
    def poll(self) -> TeleopInput:
        """Return the newest input; never one that is stale."""

    def status(self) -> TeleopStatus:
        """Return what the device says of itself; takes nothing away from the next poll."""
        return TeleopStatus()

    def review(self, *, claimed: bool) -> bool | None:
        """Say at once whether the episode that just ended was a success.

        Args:
            claimed: what the reward said.

        Returns:
            The operator's verdict; None = it has to be asked for, and `poll` brings the answer.
        """
        return None


def keys_of(key_map: Mapping[str, TeleopEvent | str]) -> dict[TeleopEvent, str]:
    """Return the first key of each event."""
    keys: dict[TeleopEvent, str] = {}
    for key, does in key_map.items():
        if isinstance(does, TeleopEvent):
            keys.setdefault(does, key)
    return keys


def claims_success(events: Collection[TeleopEvent]) -> bool:
    """Return whether an operator who said this called a frame a success."""
    return stages_called(events) > 0


def stages_called(events: Collection[TeleopEvent]) -> int:
    """Return how many stages an operator who said this called reached in a frame."""
    return 0 if TeleopEvent.VETO in events else [*events].count(TeleopEvent.SUCCESS)
