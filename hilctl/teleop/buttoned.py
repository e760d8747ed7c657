"""Devices with axes and buttons; for what they have no button, the terminal's keys do as well."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hilctl.devices import Options
from hilctl.errors import DeviceError
from hilctl.teleop.base import TeleopEvent, keys_of
from hilctl.teleop.held_keys import HeldKeys
from hilctl.teleop.human import HandReading, HumanOptions, HumanTeleop, Terminal
from hilctl.teleop.typed_events import KEY_MAP, TypedEvents, events_of
from hilctl.terminal import CONTROLLING

Does = Literal[
    "close",
    "open",
    "hold",
    "slow",
    "success",
    "failure",
    "veto",
    "discard",
    "rerecord",
    "pause",
    "ready",
    "quit",
    "enable",
    "nothing",
]
GRIPS = {"close": -1, "open": 1}
EVENTS = {event.value: event for event in TeleopEvent}
KEY_HOLD_S = 0.75


class ButtonedOptions(HumanOptions):
    """Settings of a device with buttons."""

    buttons: Mapping[str, Does]
    keys: bool = Field(
        default=True,
        description="whether the terminal's keys say what has no button: success, veto, pause …",
    )
    terminal: Terminal = CONTROLLING


class Buttons:
    """Which buttons are down, and which were pressed since somebody looked.

    Args:
        does: what each does, by its name.
    """

    def __init__(self, does: Mapping[str, Does]) -> None:
        self._does = does
        self._lock = threading.Lock()
        self._down: set[str] = set()
        self._pressed: list[str] = []

    def take(self, down: Collection[str]) -> None:
        """Take the names of all buttons that are down now."""
        with self._lock:
            fresh = sorted(set(down) - self._down)
            self._pressed += [self._does[name] for name in fresh if name in self._does]
            self._down = set(down)

    def release(self) -> None:
        """Let all go: the device is not there any more."""
        self.take(())

    def forget(self) -> None:
        """Drop what was pressed; what is down stays down."""
        with self._lock:
            self._pressed = []

    def pressed(self) -> list[str]:
        """Return what was asked for since the last call, in order."""
        with self._lock:
            pressed, self._pressed = self._pressed, []
            return pressed

    def down(self) -> set[str]:
        """Return what is being asked for."""
        with self._lock:
            return {self._does[name] for name in self._down if name in self._does}


class ButtonedTeleop(HumanTeleop):
    """A device with six axes, buttons, and the terminal's keys beside them."""

    _buttons = Buttons({})
    _keys: TypedEvents | None = None

    @classmethod
    def key_map(cls, options: Options) -> Mapping[str, TeleopEvent | str]:
        """Return what each button does, and each key."""
        given = cast(ButtonedOptions, options)
        buttons = {
            name: EVENTS.get(does, does)
            for name, does in given.buttons.items()
            if does != "nothing"
        }
        return {**buttons, **(KEY_MAP if given.keys else {})}

    @property
    def keys(self) -> Mapping[TeleopEvent, str]:
        """The button of each event, or the key where the terminal's keys are read."""
        has_keys = self._keys is not None
        return keys_of(self.key_map(self.options.model_copy(update={"keys": has_keys})))

    @property
    def has_dead_man(self) -> bool:
        """Whether a button means `enable`."""
        return "enable" in cast(ButtonedOptions, self.options).buttons.values()

    @abstractmethod
    def axes(self) -> NDArray[np.float64]:
        """Return (6,) in [-1, 1]: x forward, y left, z up, and turns about them; zero when gone."""

    def open_keys(self) -> None:
        """Read the terminal's keys, too, where there are some and no other hand reads them."""
        given = cast(ButtonedOptions, self.options)
        if given.keys:
            keys = TypedEvents(given.terminal, HeldKeys(KEY_HOLD_S, KEY_HOLD_S))
            with suppress(DeviceError):
                keys.open()
                self._keys = keys

    def close_keys(self) -> None:
        """Give the terminal back."""
        if self._keys is not None:
            self._keys.close()
            self._keys = None

    def forget(self) -> None:
        """Drop what was pressed."""
        self._buttons.forget()
        if self._keys is not None:
            self._keys.forget()

    def read(self) -> HandReading:
        """Return what axes, buttons and keys say now."""
        axes = self.axes()
        typed = [] if self._keys is None else self._keys.pressed()
        toggles = {"hold": self.toggle_hold, "slow": self.toggle_slow}
        pressed, down = self._buttons.pressed(), self._buttons.down()
        for does in pressed:
            if does in toggles:
                toggles[does]()
        said = tuple(EVENTS[does] for does in pressed if does in EVENTS)
        grips = sum(GRIPS[does] for does in {*pressed, *down} if does in GRIPS)
        return HandReading(
            motion=axes,
            gripper=max(-1, min(1, grips)),
            pressed=said + events_of(typed, toggles),
            claims="success" in down,
            enabling="enable" in down,
        )


def dead_banded(axes: NDArray[np.float64], band: float) -> NDArray[np.float64]:
    """Return deflections in [-1, 1] that begin with zero at the edge of a dead band."""
    beyond = np.clip((np.abs(axes) - band) / (1 - band), 0.0, 1.0)
    return np.sign(axes) * beyond
