"""What a person says with the keys of a terminal: verdicts, pauses, and who is in charge."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence

from hilctl.errors import DeviceError
from hilctl.teleop.base import TeleopEvent
from hilctl.teleop.held_keys import HeldKeys, KeysNow
from hilctl.terminal import KeyTerminal

EVENTS: dict[str, TeleopEvent] = {
    "enter": TeleopEvent.SUCCESS,
    "n": TeleopEvent.FAILURE,
    "b": TeleopEvent.VETO,
    "x": TeleopEvent.DISCARD,
    "backspace": TeleopEvent.RERECORD,
    "p": TeleopEvent.PAUSE,
    "g": TeleopEvent.READY,
    "q": TeleopEvent.QUIT,
}
NO_TERMINAL = (
    "start hilctl in the foreground of a terminal (over ssh: ssh -t), or choose another teleop "
    "type in task.yaml"
)
TOGGLES = {"e": "hold", "tab": "slow"}
KEY_MAP: dict[str, TeleopEvent | str] = {
    **{key if len(key) == 1 else key.capitalize(): event for key, event in EVENTS.items()},
    "e": "in charge on/off",
    "Tab": "slow/fast",
    "Ctrl-C": "stop",
}


class TypedEvents:
    """Keys of a terminal that are read all the time, and asked for at every poll.

    Args:
        path: of the terminal.
        held: tells presses from repeats.
    """

    def __init__(self, path: str, held: HeldKeys) -> None:
        self._path, self._held = path, held
        self._lock = threading.Lock()
        self._pressed: list[str] = []
        self._terminal = KeyTerminal(path, self._take)

    def open(self) -> None:
        """Begin to read keys.

        Raises:
            DeviceError: there is no terminal to read them from.
        """
        self._pressed = []
        self._held.let_go()
        try:
            self._terminal.open()
        except OSError as error:
            raise DeviceError(
                f"no keys can be read from the terminal {self._path}: {error.strerror or error}",
                hint=NO_TERMINAL,
            ) from error

    def close(self) -> None:
        """Give the terminal back; idempotent."""
        self._terminal.close()

    @property
    def lost(self) -> str | None:
        """Why there are no keys any more; None while there are."""
        return self._terminal.lost

    def forget(self) -> None:
        """Drop what was pressed; a key that is still down does not count until pressed anew."""
        with self._lock:
            self._pressed = []
            self._held.let_go()

    def pressed(self) -> list[str]:
        """Return the keys that were pressed anew since the last call, in order.

        Raises:
            DeviceError: the terminal is gone.
        """
        if self.lost is not None:
            raise DeviceError(
                f"no keys any more: {self.lost}",
                hint="go on in another terminal, with the same command",
            )
        with self._lock:
            pressed, self._pressed = self._pressed, []
        return pressed

    def now(self) -> KeysNow:
        """Return which keys came since the last call, and which one is held."""
        with self._lock:
            return self._held.now(time.monotonic())

    def _take(self, keys: Sequence[str], now_s: float) -> None:
        with self._lock:
            self._pressed += self._held.take(keys, now_s)


def events_of(
    pressed: Sequence[str], toggles: Mapping[str, Callable[[], None]]
) -> tuple[TeleopEvent, ...]:
    """Return what was said with some keys; those that switch something do so.

    Args:
        pressed: names of keys.
        toggles: by what is switched, "hold" or "slow".
    """
    for key in pressed:
        if key in TOGGLES:
            toggles[TOGGLES[key]]()
    return tuple(EVENTS[key] for key in pressed if key in EVENTS)
