"""Which keys are held, told from presses alone: a terminal says when a key repeats, never its end.

A terminal sends a key once, waits 0.25 to 0.66 s (desktops: 0.5 s), then repeats it 11 to 30 times
a second until it is let go, or another key is pressed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SAME_PRESS_S = 0.75  # the longest wait for the first repeat, and a slow line
BURST_S = 0.02  # hands are slower, pasted text is not
QUIET_S = 0.1
LONGEST_PASTE_S = 2.0  # whose end never came


@dataclass
class _Press:
    key: str
    first_s: float
    last_s: float
    repeats: bool = False
    counts: bool = True


@dataclass(frozen=True)
class KeysNow:
    """What a person does with the keys.

    Attributes:
        fresh: keys that came since the last look, however short they were pressed.
        held: the key that is down.
        repeats: the terminal has begun to repeat it.
        held_s: for how long it has been down.
    """

    fresh: frozenset[str] = frozenset()
    held: str | None = None
    repeats: bool = False
    held_s: float = 0.0


class HeldKeys:
    """Tell presses from repeats and from pasted text.

    The last key is held for a while after its press, until the terminal has begun to repeat it, and
    after that for a little more than the pause between two repeats.

    Args:
        first_hold_s: after a press.
        repeat_hold_s: after a repeat.
    """

    def __init__(self, first_hold_s: float, repeat_hold_s: float) -> None:
        self._first_hold_s, self._repeat_hold_s = first_hold_s, repeat_hold_s
        self._press: _Press | None = None
        self._fresh: set[str] = set()
        self._paste_s: float | None = None  # since when text is being pasted between marks
        self._burst_s = self._came_s = -1e9

    def take(self, keys: Sequence[str], now_s: float) -> list[str]:
        """Take the keys of one read; return those that were pressed anew, by a hand."""
        typed = self._outside_of_paste(keys, now_s)
        came_s, self._came_s = self._came_s, now_s
        if not typed:
            return []
        key = typed[0]
        is_held = self._is_held(key, now_s)
        # Two keys at once are no hand's; nor is one twice, but for repeats that were held up.
        if len(set(typed)) > 1 or (len(typed) > 1 and not is_held):
            self._burst_s = now_s
        elif now_s - self._burst_s < QUIET_S and now_s - came_s < BURST_S:
            self._burst_s = now_s  # more of it
        if now_s - self._burst_s < QUIET_S:
            return []
        return self._pressed(key, now_s)

    def _pressed(self, key: str, now_s: float) -> list[str]:
        press = self._press
        if press is not None and press.key == key and now_s - press.last_s < SAME_PRESS_S:
            press.last_s, press.repeats = now_s, True
            if press.counts:
                self._fresh.add(key)
            return []
        self._press = _Press(key, now_s, now_s)
        self._fresh.add(key)
        return [key]

    def now(self, now_s: float) -> KeysNow:
        """Return which keys came since the last call, and which one is held."""
        fresh, self._fresh = frozenset(self._fresh), set()
        press = self._press
        if press is None or not self._is_held(press.key, now_s):
            return KeysNow(fresh)
        return KeysNow(fresh, press.key, press.repeats, now_s - press.first_s)

    def _is_held(self, key: str, now_s: float) -> bool:
        press = self._press
        if press is None or press.key != key or not press.counts:
            return False
        hold_s = self._repeat_hold_s if press.repeats else self._first_hold_s
        return now_s - press.last_s < hold_s

    def let_go(self) -> None:
        """Hold nothing; a key that is still down does not count until it is pressed anew."""
        self._fresh = set()
        if self._press is not None:
            self._press.counts = False

    def _outside_of_paste(self, keys: Sequence[str], now_s: float) -> list[str]:
        if self._paste_s is not None and now_s - self._paste_s > LONGEST_PASTE_S:
            self._paste_s = None
        typed = []
        for key in keys:
            if key == "paste":
                self._paste_s = now_s
            elif key == "paste end":
                self._paste_s = None
            elif self._paste_s is None:
                typed.append(key)
            else:
                self._paste_s = now_s
        return typed
