"""A thread that takes every picture of a camera as it comes, so that the newest one is at hand.

Whoever reads a camera at the control rate alone gets old pictures: they queue up between camera and
program, a 10 Hz loop before a 30 Hz camera falls behind by a second and a half in two.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswerError
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hilctl.cameras.base import FactoryLens, Frame
from hilctl.errors import DeviceError, StaleFrameError

R = TypeVar("R")
Image = NDArray[np.uint8]

START_S = 10.0  # until the first picture
LEAVE_S = 2.0  # for a driver that waits for a picture
CONTROL_S = 5.0  # until a camera has taken a setting, and sent a picture taken with it
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 2.0  # between two tries to open a camera that was lost
ON_THEIR_WAY = 3  # pictures that may have been taken before a setting that has just been made
SPARSE = 16  # two pictures are compared in every so many pixels first
REMEDY = (
    "see that it has power and its cable is in; it is opened again by itself as soon as it is back"
)


class PictureSource(ABC):
    """A camera while it is connected; all of it is used by one thread.

    Attributes:
        serial: of the device; None where it has none.
        may_repeat: a picture that is the last one to the last bit says nothing of the camera.
    """

    serial: str | None = None
    may_repeat: bool = False

    @abstractmethod
    def read(self) -> Image | None:
        """Wait for the next (H, W, 3) RGB picture, a second or two at most; None = a damaged one.

        The array belongs to the caller.

        Raises:
            DeviceError: the camera is lost, as are all other exceptions.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of the device."""

    def controls(self) -> dict[str, float]:
        """Return what `Camera.controls` returns."""
        return {}

    def fix(self, controls: Mapping[str, float]) -> dict[str, float]:
        """Do what `Camera.fix` does."""
        return {}

    def factory_lens(self) -> FactoryLens | None:
        """Return what `Camera.factory_lens` returns."""
        return None


class CameraReader:
    """Keep the newest picture of a camera, and open the camera again when it is lost.

    Args:
        connect: opens the camera.
        now_ns: tells the time that pictures are stamped with, when they come.
        label: what the camera is called in messages.
        frozen_after_s: seconds of one and the same picture after which a camera counts as frozen;
            None = it never does.
    """

    def __init__(
        self,
        connect: Callable[[], PictureSource],
        now_ns: Callable[[], int],
        label: str,
        frozen_after_s: float | None = None,
    ) -> None:
        self.label = label
        self._connect, self._now_ns, self._frozen_after_s = connect, now_ns, frozen_after_s
        self._news = threading.Condition()
        self._over = threading.Event()
        self._questions: SimpleQueue[tuple[Callable[[PictureSource], Any], Future[Any]]]
        self._questions = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"camera {label}", daemon=True)
        self._frame: Frame | None = None
        self._changed_ns = 0  # when the picture was last another one
        self._size_px: tuple[int, int] | None = None
        self._trouble = ""
        self._failure: Exception | None = None  # of the first try
        self._connected = False
        self._held: dict[str, float] = {}
        self._to_drop = 0
        self.serial: str | None = None

    def start(self) -> None:
        """Open the camera and wait for its first picture.

        Raises:
            Exception: whatever opening it raises.
            DeviceError: no picture comes.
        """
        self._thread.start()
        with self._news:
            self._news.wait_for(lambda: self._frame or self._failure, START_S)
        if self._frame is None:
            self.stop()
            raise self._failure or DeviceError(
                f"{self.label} has sent no picture for {START_S:g} s"
                + (f": {self._trouble}" if self._trouble else ""),
                hint="see that it has power, that its cable is in, and that nobody else uses it",
            )

    def stop(self) -> None:
        """Close the camera; a driver that does not return is left behind."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join(LEAVE_S)

    def latest(self, max_age_s: float) -> Frame:
        """Return the newest picture; never waits.

        Raises:
            StaleFrameError: it is older than that, or the camera shows the same one for too long.
        """
        with self._news:
            frame, trouble, changed_ns = self._frame, self._trouble, self._changed_ns
        now_ns = self._now_ns()
        age_s = (now_ns - frame.stamp_ns) * 1e-9 if frame else float("inf")
        if frame is None or age_s > max_age_s:
            since = f"for {age_s:.1f} s" if frame else "since it was set anew"
            reason = trouble or "it is there, and sends none"
            raise StaleFrameError(
                f"no new picture of {self.label} {since} ({max_age_s:g} s are allowed): {reason}",
                hint=REMEDY,
            )
        if self._is_frozen(frame.stamp_ns, changed_ns):
            raise StaleFrameError(
                f"{self.label} is frozen: its picture has been the same to the last bit for "
                f"{(frame.stamp_ns - changed_ns) * 1e-9:.1f} s",
                hint="plug it in again. If nothing but a still picture can come from it, as from "
                "one without noise: frozen_after_s: null among its options",
            )
        return frame

    def ask(self, question: Callable[[PictureSource], R]) -> R:
        """Return what the camera answers, asked between two pictures.

        Raises:
            DeviceError: it is not there, or does not answer in time.
        """
        if not self._connected:
            raise DeviceError(f"{self.label} is not there: {self._trouble}", hint=REMEDY)
        answer: Future[R] = Future()
        self._questions.put((question, answer))
        try:
            return answer.result(CONTROL_S)
        except NoAnswerError:
            raise DeviceError(
                f"{self.label} has not answered for {CONTROL_S:g} s", hint=REMEDY
            ) from None

    def fix(self, controls: Mapping[str, float]) -> dict[str, float]:
        """Have the camera hold controls, also when it comes back; the next picture shows it.

        Raises:
            DeviceError: it is not there, or does not take them.
        """

        def hold(source: PictureSource) -> dict[str, float]:
            taken = source.fix(controls)
            self._held = dict(controls)
            with self._news:
                self._frame, self._to_drop = None, ON_THEIR_WAY
            return taken

        taken = self.ask(hold)
        with self._news:
            if not self._news.wait_for(lambda: self._frame, CONTROL_S):
                raise DeviceError(
                    f"{self.label} sends no picture since it was set: {self._trouble or 'why?'}",
                    hint=REMEDY,
                )
        return taken

    def _run(self) -> None:
        """Read until it is over; open the camera again, ever less often, when it is lost."""
        pause_s = FIRST_PAUSE_S
        while not self._over.is_set():
            came = False
            try:
                source = self._connected_source()
                try:
                    came = self._drain(source)
                finally:
                    self._connected = False
                    with suppress(Exception):  # it is lost: there is nothing to lose any more
                        source.close()
            except Exception as error:  # of a vendor's library: any
                self._lose(error)
            if self._size_px is None and self._failure is not None:
                return  # it has never been there: whoever opens it is told
            self._refuse_questions()
            pause_s = FIRST_PAUSE_S if came else min(2 * pause_s, LONGEST_PAUSE_S)
            self._over.wait(pause_s)

    def _connected_source(self) -> PictureSource:
        source = self._connect()
        if self._size_px is None:
            self.serial = source.serial
        elif source.serial != self.serial:
            source.close()
            raise DeviceError(
                f"another camera is in its place, serial {source.serial or 'unknown'} instead of "
                f"{self.serial or 'unknown'}"
            )
        if self._held:
            source.fix(self._held)
            self._to_drop = ON_THEIR_WAY
        self._connected = True
        return source

    def _drain(self, source: PictureSource) -> bool:
        """Take pictures until it is over, or the camera is frozen; return whether any came."""
        came = False
        begin_ns = self._now_ns()
        while not self._over.is_set():
            self._answer(source)
            image = source.read()
            if image is None:
                self._trouble = "its last picture was damaged"
                continue
            if not self._take(image, source.may_repeat):
                continue
            came = True
            if self._is_frozen(self._now_ns(), max(self._changed_ns, begin_ns)):
                self._trouble = "it was frozen, and is opened anew"
                return False
        return came

    def _take(self, image: Image, may_repeat: bool) -> bool:
        """Keep a picture that just came; return whether it can be used."""
        size_px = (image.shape[1], image.shape[0])
        if self._size_px is not None and size_px != self._size_px:
            now, then = (f"{width}×{height}" for width, height in (size_px, self._size_px))
            self._trouble = f"its pictures have {now} px now, and had {then} when it was opened"
            return False
        if self._to_drop:
            self._to_drop -= 1
            return True
        stamp_ns = self._now_ns()
        last = self._frame
        with self._news:
            if last is None or may_repeat or not _same(last.image, image):
                self._changed_ns = stamp_ns
            self._frame, self._size_px, self._trouble = Frame(image, stamp_ns), size_px, ""
            self._news.notify_all()
        return True

    def _is_frozen(self, now_ns: int, changed_ns: int) -> bool:
        limit_s = self._frozen_after_s
        return limit_s is not None and (now_ns - changed_ns) * 1e-9 > limit_s

    def _lose(self, error: Exception) -> None:
        words = error.message if isinstance(error, DeviceError) else str(error)
        with self._news:
            self._trouble = words.removeprefix(f"{self.label} ") or type(error).__name__
            if self._size_px is None:
                self._failure = error
            self._news.notify_all()

    def _answer(self, source: PictureSource) -> None:
        with suppress(Empty):
            while True:
                question, answer = self._questions.get_nowait()
                try:
                    answer.set_result(question(source))
                except Exception as error:
                    answer.set_exception(error)

    def _refuse_questions(self) -> None:
        with suppress(Empty):
            while True:
                _, answer = self._questions.get_nowait()
                text = f"{self.label} is not there: {self._trouble}"
                answer.set_exception(DeviceError(text, hint=REMEDY))


def _same(one: Image, other: Image) -> bool:
    """Return whether two pictures are equal to the last bit; quick where they are not."""
    sparse = np.array_equal(one[::SPARSE, ::SPARSE], other[::SPARSE, ::SPARSE])
    return sparse and np.array_equal(one, other)
