"""Choosing what the policy sees of a camera in a window, with the mouse."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from hilctl.calibration.boards.base import Image
from hilctl.cli.calibration.roi_boxes import Size, between
from hilctl.cli.calibration.roi_choice import ARROWS, CropChoice, CropSubject, Level
from hilctl.task.sections import Box

if TYPE_CHECKING:
    import tkinter

POLL_MS = 100
ROOM = (0.5, 0.65)  # of the screen, for the picture
POLICY_PX = 320
SHIFT = 0x1  # in the state of a key event
KEYS = {
    "Left": "left",
    "Right": "right",
    "Up": "up",
    "Down": "down",
    "Return": "enter",
    "KP_Enter": "enter",
    "Escape": "escape",
    "Tab": "tab",
    "space": "space",
}
COLOURS: dict[Level, str] = {"ok": "black", "warning": "#a05a00", "bad": "#c00000"}


def window_available() -> bool:
    """Return whether a window can be opened here."""
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    try:
        import tkinter
    except ImportError:  # some systems have it in a package of its own
        return False
    try:
        tkinter.Tk().destroy()
    except tkinter.TclError:
        return False
    finally:
        gc.collect()
    return True


def pick_in_window(subject: CropSubject, stop: Callable[[], bool]) -> Box | None:
    """Let a person choose a crop in a window.

    Args:
        subject: what there is to choose from.
        stop: asked about ten times a second whether to leave.

    Returns:
        The crop in px on the raw frame; None when the person left without.
    """
    try:
        return CropWindow(subject, stop).run()
    finally:
        # Tcl aborts the process when its interpreter is collected by another thread
        gc.collect()


class CropWindow:
    """A window with the frame, what the policy sees, and the crop in words.

    Args:
        subject: what there is to choose from.
        stop: asked about ten times a second whether to leave.

    Attributes:
        root: the window itself.
        frame: the widget with the picture.
        choice: what has been chosen so far.
    """

    def __init__(self, subject: CropSubject, stop: Callable[[], bool]) -> None:
        import tkinter

        self.choice = CropChoice(subject)
        self.root = tkinter.Tk()
        self._stop = stop
        self._error: BaseException | None = None
        self._anchor = (0, 0)
        self._is_stale = False
        self._size = fitted(subject.frame_px, self._room())
        self._pictures = tkinter.PhotoImage(), tkinter.PhotoImage()
        self.frame = tkinter.Label(self.root, image=self._pictures[0], cursor="crosshair", bd=0)
        self._status = tkinter.Label(self.root, anchor="w", font="TkHeadingFont")
        wrap_px = self._size[0] + POLICY_PX
        self._help = tkinter.Label(self.root, anchor="w", justify="left", wraplength=wrap_px)
        self._lay_out()
        self._bind()
        self._draw()

    def run(self) -> Box | None:
        """Show the window until the person is done; return the crop that is kept."""
        try:
            self.root.lift()
            self.root.focus_force()
            # not at once: what quits before the loop runs does not end it
            self.root.after(POLL_MS, self._poll)
            self.root.mainloop()
        finally:
            self.root.destroy()
        if self._error is not None:
            raise self._error
        return self.choice.kept

    def _room(self) -> Size:
        screen = self.root.winfo_screenwidth(), self.root.winfo_screenheight()
        return int(ROOM[0] * screen[0]), int(ROOM[1] * screen[1])

    def _lay_out(self) -> None:
        import tkinter

        subject = self.choice.subject
        width, height = subject.size
        self.root.title(f"hilctl: the crop of camera {subject.camera}")
        self.root.resizable(width=False, height=False)
        titles = (
            "drag a rectangle around all that matters",
            f"the policy sees, at {width}×{height} px:",
        )
        policy = tkinter.Label(self.root, image=self._pictures[1], bd=0)
        for column, (title, widget) in enumerate(zip(titles, (self.frame, policy), strict=True)):
            tkinter.Label(self.root, text=title).grid(row=0, column=column, pady=6)
            widget.grid(row=1, column=column, padx=8, sticky="n")
        self._status.grid(row=2, columnspan=2, sticky="ew", padx=8, pady=(8, 0))
        self._help.grid(row=3, columnspan=2, sticky="ew", padx=8)
        buttons = tkinter.Frame(self.root)
        buttons.grid(row=4, columnspan=2, sticky="e", padx=8, pady=8)
        for text, key in (("Leave without", "escape"), ("Keep", "enter")):
            # without focus: Space and Tab are for the crop
            button = tkinter.Button(
                buttons, text=text, takefocus=False, command=partial(self._press, key)
            )
            button.pack(side="left", padx=(8, 0))

    def _bind(self) -> None:
        self.root.report_callback_exception = self._fail
        self.root.protocol("WM_DELETE_WINDOW", lambda: self._press("escape"))
        self.root.bind("<Key>", lambda event: self._press(key_of(event)))
        self.frame.bind("<Button-1>", self._begin)
        self.frame.bind("<B1-Motion>", self._drag)

    def _begin(self, event: tkinter.Event[Any]) -> None:
        self._anchor = self._frame_point(event)

    def _drag(self, event: tkinter.Event[Any]) -> None:
        frame_px = self.choice.subject.frame_px
        self.choice.box = between(self._anchor, self._frame_point(event), frame_px)
        self._draw_soon()

    def _frame_point(self, event: tkinter.Event[Any]) -> tuple[int, int]:
        """Return where the mouse is on the raw frame, in px."""
        width, height = self.choice.subject.frame_px
        return round(event.x * width / self._size[0]), round(event.y * height / self._size[1])

    def _press(self, key: str) -> None:
        self.choice.press(key)
        if self.choice.is_over:
            self.root.quit()
        else:
            self._draw_soon()

    def _poll(self) -> None:
        if self._stop():
            self.choice.press("escape")
        if self.choice.is_over:
            self.root.quit()
            return
        if self.choice.refresh():
            self._draw_soon()
        self.root.after(POLL_MS, self._poll)

    def _draw_soon(self) -> None:
        # a mouse moves faster than pictures can be drawn
        if not self._is_stale:
            self._is_stale = True
            self.root.after_idle(self._draw)

    def _draw(self) -> None:
        self._is_stale = False
        choice = self.choice
        size = fitted(choice.subject.size, (POLICY_PX, POLICY_PX))
        seen = cv2.resize(choice.policy_view(), size, interpolation=cv2.INTER_NEAREST)
        for photo, image in zip(
            self._pictures, (choice.picture(self._size), np.asarray(seen, np.uint8)), strict=True
        ):
            photo.configure(data=as_ppm(image), format="ppm")
        status = choice.status()
        colour = max((level for _, level in status), key=list(COLOURS).index)
        words = " · ".join(part for part, _ in status)
        self._status.configure(text=words, fg=COLOURS[colour])
        self._help.configure(text="   ".join(f"{key}: {what}" for key, what in choice.help()))

    def _fail(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        """End the loop: tkinter would print what goes wrong, even Ctrl-C, and go on."""
        self._error = error
        self.root.quit()


def key_of(event: tkinter.Event[Any]) -> str:
    """Return the name that `Choice.press` knows a key by."""
    name = KEYS.get(event.keysym) or event.char or "unknown"
    is_shifted = name in ARROWS and int(event.state) & SHIFT
    return f"shift+{name}" if is_shifted else name


def fitted(size: Size, room: Size) -> Size:
    """Return the largest width and height of the same shape that fit."""
    scale = min(room[0] / size[0], room[1] / size[1])
    return max(1, round(scale * size[0])), max(1, round(scale * size[1]))


def as_ppm(image: Image) -> bytes:
    """Return an (H, W, 3) RGB picture as tkinter reads it."""
    return b"P6 %d %d 255\n" % (image.shape[1], image.shape[0]) + image.tobytes()
