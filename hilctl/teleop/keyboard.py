"""The keys of a terminal as a hand: works over ssh and needs nothing but a keyboard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hilctl.devices import Finding, Options
from hilctl.teleop.base import TeleopEvent, TeleopStatus
from hilctl.teleop.held_keys import HeldKeys, KeysNow
from hilctl.teleop.human import CALLING, HandReading, HumanOptions, HumanTeleop, Terminal
from hilctl.teleop.typed_events import KEY_MAP, NO_TERMINAL, TypedEvents, events_of
from hilctl.terminal import CONTROLLING, find_terminal

# key → (number of the motion, sign); x is forward, y left, z up
MOTIONS: dict[str, tuple[int, int]] = {
    "w": (0, 1),
    "s": (0, -1),
    "a": (1, 1),
    "d": (1, -1),
    "r": (2, 1),
    "f": (2, -1),
    "l": (3, 1),
    "j": (3, -1),
    "k": (4, -1),
    "i": (4, 1),
    "u": (5, 1),
    "o": (5, -1),
}
ARROWS = {"up": "w", "down": "s", "left": "a", "right": "d", "page up": "r", "page down": "f"}
GRIPPER = {"c": -1, "v": 1}


class KeyboardOptions(HumanOptions):
    """How presses become motion, where a terminal does not say that a key is let go."""

    terminal: Terminal = CONTROLLING
    tap_s: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="seconds for which a press moves at full speed; one control period at 10 Hz",
    )
    first_hold_s: float = Field(
        default=0.6,
        gt=0,
        le=1,
        description="seconds for which a press counts as held until the terminal repeats it, "
        "which most do after 0.5 s",
    )
    creep: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="share of the speed between a tap and the first repeat: more is smoother, "
        "less makes taps finer",
    )
    repeat_hold_s: float = Field(
        default=0.15,
        gt=0,
        le=1,
        description="seconds for which a repeated key counts as held; terminals repeat 11 to 30 "
        "times a second",
    )


class KeyboardTeleop(HumanTeleop):
    """Keys that move, turn, grip and say how it went."""

    OptionsType: ClassVar[type[Options]] = KeyboardOptions
    is_unique: ClassVar[bool] = True
    switches_success: ClassVar[bool] = True
    _keys: TypedEvents | None = None
    _claims = False

    @classmethod
    def key_map(cls, options: Options) -> Mapping[str, TeleopEvent | str]:
        """Return what each key does."""
        moving = {
            "w s": "forward, back",
            "a d": "left, right",
            "r f": "up, down",
            "i k": "pitch",
            "j l": "roll",
            "u o": "yaw",
            "Shift+key": "one small step",
            "c v": "close, open",
        }
        return {**moving, **KEY_MAP}

    @classmethod
    def probe(cls, options: Options) -> list[Finding]:
        """Say whether there is a terminal whose keys can be read."""
        try:
            name = find_terminal(cast(KeyboardOptions, options).terminal)
        except OSError as error:
            why = f"no keys can be read here: {error.strerror or error}"
            return [Finding(None, "keyboard", why, NO_TERMINAL)]
        return [Finding(True, "keyboard", f"the keys of {name}")]

    @property
    def settings(self) -> KeyboardOptions:
        """The validated options."""
        return cast(KeyboardOptions, self.options)

    def open(self) -> None:
        """Read every key of the terminal from now on.

        Raises:
            DeviceError: there is no terminal.
        """
        settings = self.settings
        held = HeldKeys(settings.first_hold_s, settings.repeat_hold_s)
        self._keys = TypedEvents(settings.terminal, held)
        self._keys.open()

    def close(self) -> None:
        """Give the terminal back as it was."""
        if self._keys is not None:
            self._keys.close()
            self._keys = None

    def status(self) -> TeleopStatus:
        """Return whether there are keys."""
        return TeleopStatus("keys of the terminal", remark=(self._keys and self._keys.lost) or "")

    def forget(self) -> None:
        """Drop what was pressed, and what was called a success."""
        self._claims = False
        if self._keys is not None:
            self._keys.forget()

    def read(self) -> HandReading:
        """Return what the keys say now.

        Raises:
            DeviceError: the terminal is gone.
        """
        assert self._keys is not None
        pressed = self._keys.pressed()
        events = events_of(pressed, {"hold": self.toggle_hold, "slow": self.toggle_slow})
        if self._role in CALLING and not self.counts_stages:
            events = self._claiming(events)
        now = self._keys.now()
        down = now.fresh | ({now.held} if now.held else set())
        grips = sum(GRIPPER.get(key, 0) for key in down)
        return HandReading(self._motion(now), max(-1, min(1, grips)), events, self._claims)

    def _motion(self, now: KeysNow) -> NDArray[np.float64]:
        motion = np.zeros(6)
        for key in now.fresh:
            plain = ARROWS.get(key.removeprefix("shift+"), key.lower())
            if plain in MOTIONS:
                number, sign = MOTIONS[plain]
                is_step = key.isupper() or key.startswith("shift+")
                motion[number] += sign * (self.manner.slow if is_step else 1.0)
        held = ARROWS.get(now.held or "", now.held or "")
        if held in MOTIONS and now.held not in now.fresh and not self._is_slow:
            number, sign = MOTIONS[held]
            full = now.repeats or now.held_s < self.settings.tap_s
            motion[number] += sign * (1.0 if full else self.settings.creep)
        return np.clip(motion, -1.0, 1.0)

    def _claiming(self, events: tuple[TeleopEvent, ...]) -> tuple[TeleopEvent, ...]:
        """Let success count from its key to the one of no success.

        A terminal repeats one key only, so none can be held down; and one key for both would leave
        a person to guess whether a second press was taken for a repeat of the first.
        """
        for event in events:
            if event in (TeleopEvent.SUCCESS, TeleopEvent.FAILURE, TeleopEvent.VETO):
                self._claims = event is TeleopEvent.SUCCESS
        return tuple(event for event in events if event is not TeleopEvent.SUCCESS)
