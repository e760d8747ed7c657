"""What of a station is lost now, the operator's hand included, and the wait until it is back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from hilctl.env.base import Environment
from hilctl.env.questions import LOOK_NS, NOTHING, Questions, Said
from hilctl.errors import DeviceError, LostHandError, StaleFrameError, StaleStateError

T = TypeVar("T")

BRIEF_S = 1.0  # a device that was late for no longer needs no person
LATE = (StaleFrameError, StaleStateError)


class LostDevices:
    """Hold the arms while anything is lost, and go on once all of it is back.

    Args:
        env: whose devices they are.
        questions: asked whether to go on.
    """

    def __init__(self, env: Environment, questions: Questions) -> None:
        self._env, self._questions = env, questions

    def until_back(self, loss: DeviceError, go_on: Callable[[], T]) -> tuple[Said, T]:
        """Hold until all is there and somebody wants to go on; return what was said, and go on.

        Args:
            loss: what has happened.
            go_on: what is done then; where it fails, that is one more loss.

        Raises:
            DeviceError: something is not back, and nobody waits for it any longer.
        """
        said = NOTHING
        while True:
            said |= self._asked(loss)
            if lost := self._env.lost():
                raise next(iter(lost.values())) if isinstance(loss, LostHandError) else loss
            try:
                return said, go_on()
            except DeviceError as again:
                questions = self._questions
                if not questions.teleop.in_real_time or questions.over or questions.stop():
                    raise
                loss = again

    def was_brief(self, loss: DeviceError) -> bool:
        """Return whether a device that was late is there again by itself, in no time."""
        clock = self._env.clock
        end_ns = clock.now_ns() + round(BRIEF_S * 1e9)
        while clock.now_ns() < end_ns and not self._questions.stop():
            clock.sleep_until(clock.now_ns() + LOOK_NS)
            if not self._env.lost():
                self._questions.screen("late", f"{loss.message}; going on: it is back", {})
                return True
        return False

    def _asked(self, loss: DeviceError) -> Said:
        """Hold, and return what was said until all is back or nobody waits any longer."""
        unheld: DeviceError | None = None
        try:
            self._env.stop()
        except DeviceError as fault:
            unheld = fault
        if isinstance(loss, LATE):
            if self.was_brief(loss):
                return NOTHING
        elif not self._questions.teleop.in_real_time:
            raise loss  # an arm that has stopped itself goes on at a person's word alone
        stopped_itself = not isinstance(loss, (*LATE, LostHandError))
        lost = list(self._env.lost().values())
        told = [*self._hand(), *lost]
        if all(isinstance(one, StaleFrameError) for one in lost):  # states of arms tell no more
            told = [*([loss] if stopped_itself else []), *([unheld] if unheld else []), *told]
        return self._questions.lost(_as_one(told or [loss]), lambda: self._missing(stopped_itself))

    def _missing(self, clear: bool) -> DeviceError | None:
        """Return all that is lost now; None = nothing is.

        Args:
            clear: errors of arms are cleared first.
        """
        try:
            if clear:
                self._env.clear_errors()
        except DeviceError as error:
            return _as_one([*self._hand(), error])
        lost = [*self._hand(), *self._env.lost().values()]
        return _as_one(lost) if lost else None

    def _hand(self) -> list[DeviceError]:
        gone = self._questions.hand_is_gone()
        return [] if gone is None else [gone]


def _as_one(losses: Iterable[DeviceError]) -> DeviceError:
    """Return one error that says what all of them say, each once."""
    told = list(losses)
    hints = dict.fromkeys(one.hint for one in told if one.hint)
    message = "; ".join(dict.fromkeys(one.message for one in told))
    return DeviceError(message, hint=" · ".join(hints) or None)
