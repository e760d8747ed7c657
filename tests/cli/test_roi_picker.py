"""A crop is chosen with keys in a terminal or with the mouse in a window; nothing stays behind."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment, Segments

from hilctl.calibration.roi import LEAST_PX
from hilctl.cli.calibration import roi_choice, roi_terminal, roi_window
from hilctl.cli.calibration.roi_boxes import (
    between,
    clamped,
    grown,
    moved,
    resized,
    shaped,
)
from hilctl.cli.calibration.roi_choice import CropChoice, CropSubject
from hilctl.cli.calibration.roi_picker import pick
from hilctl.cli.halfblocks import drawn, fitted, half_blocks
from hilctl.cli.render import Output
from hilctl.env.robot_env import crop_and_resize
from hilctl.errors import StaleFrameError, UsageError
from hilctl.networks.letterbox import filled_share
from hilctl.task.sections import Box, CameraSpec
from hilctl.terminal import ESCAPE_S, Keys

FRAME = (320, 240)
START = (100, 40, 120, 120)
IMAGE = np.random.default_rng(0).integers(0, 255, (FRAME[1], FRAME[0], 3), np.uint8)
WAIT_S = 30.0

frames = st.tuples(st.integers(LEAST_PX, 700), st.integers(LEAST_PX, 700))
numbers = st.integers(-800, 800)
boxes = st.tuples(numbers, numbers, numbers, numbers)


def is_within(box: Box, frame: tuple[int, int]) -> bool:
    x, y, width, height = box
    fits = x >= 0 and y >= 0 and x + width <= frame[0] and y + height <= frame[1]
    return fits and min(width, height) >= LEAST_PX


@given(boxes, frames, numbers, numbers, st.tuples(st.integers(16, 512), st.integers(16, 512)))
def test_a_crop_never_leaves_the_frame_nor_vanishes(
    box: Box, frame: tuple[int, int], a: int, b: int, size: tuple[int, int]
) -> None:
    start = clamped(box, frame)
    after = [
        moved(start, a, b, frame),
        resized(start, a, b, frame),
        grown(start, a, frame),
        shaped(start, size, frame),
        between((a, b), (box[0], box[1]), frame),
    ]
    assert [new for new in [start, *after] if not is_within(new, frame)] == []
    assert clamped(start, frame) == start
    assert after[0][2:] == start[2:]


@given(st.integers(-50, 50), st.integers(-50, 50), st.sampled_from([moved, resized]))
def test_there_and_back_where_there_is_room(
    a: int, b: int, change: Callable[[Box, int, int, tuple[int, int]], Box]
) -> None:
    box = (300, 300, 100, 100)
    assert change(change(box, a, b, (800, 800)), -a, -b, (800, 800)) == box


@given(boxes, numbers)
def test_growing_keeps_a_square_square(box: Box, by: int) -> None:
    square = shaped(clamped(box, FRAME), (128, 128), FRAME)
    assert square[2] == square[3]
    assert filled_share(grown(square, by, FRAME)[2:], (128, 128)) == 1


def test_the_shape_of_the_policys_picture() -> None:
    assert shaped((100, 100, 40, 60), (128, 128), FRAME) == (90, 100, 60, 60)
    assert shaped((0, 0, *FRAME), (128, 128), FRAME) == (40, 0, 240, 240)
    assert shaped((100, 100, 40, 40), (160, 80), FRAME) == (80, 100, 80, 40)
    assert filled_share(FRAME, (128, 128)) == pytest.approx(3 / 4)


def test_a_wider_crop_stays_where_it_begins() -> None:
    assert resized((300, 0, 20, 20), 16, 0, FRAME) == (300, 0, 20, 20)
    assert resized((290, 0, 20, 20), 16, 0, FRAME) == (290, 0, 30, 20)


def after(keys: str, subject: CropSubject | None = None) -> CropChoice:
    choice = CropChoice(subject or CropSubject("side", IMAGE, START))
    for key in keys.split():
        choice.press(key)
    return choice


@pytest.mark.parametrize(
    ("keys", "box"),
    [
        ("right down", (104, 44, 120, 120)),
        ("shift+right shift+up", (100, 40, 124, 116)),
        ("tab right shift+right", (104, 40, 124, 120)),
        ("space right space right", (117, 40, 120, 120)),
        ("+ + -", (96, 36, 128, 128)),
        ("shift+right s", (100, 38, 124, 124)),
        ("f", (0, 0, *FRAME)),
        ("m x unknown", START),
    ],
)
def test_what_keys_do(keys: str, box: Box) -> None:
    assert after(keys).box == box


def test_enter_keeps_and_the_others_leave_without() -> None:
    assert after("right enter").kept == (104, 40, 120, 120)
    assert [after(key).is_over for key in ("escape", "q")] == [True] * 2
    assert [after(f"right {key}").kept for key in ("escape", "q")] == [None] * 2


def test_the_status_says_what_is_cut_and_left_black() -> None:
    motion = np.zeros((FRAME[1], FRAME[0]))
    motion[60:70, 90:190] = 0.5  # a tenth lies left of the crop
    subject = CropSubject("side", IMAGE, START, motion=motion)
    crop = ("crop 100,40,120,120", "ok")
    assert after("", subject).status() == [crop, ("cuts 10 % of what moves", "warning")]
    assert after("left left left", subject).status()[1] == ("cuts 0 % of what moves", "ok")
    away = after("space" + 5 * " right" + 10 * " down", subject)
    assert away.status()[1] == ("cuts 100 % of what moves", "bad")
    assert after("").status() == [crop]
    assert after("f").status()[1:] == [("fills 75 %, the rest is black; s mends it", "ok")]


def test_what_moves_is_shown_only_where_it_is_known() -> None:
    motion = np.full((FRAME[1], FRAME[0]), 0.5)
    known, unknown = (
        CropSubject("side", IMAGE, START, motion=motion),
        CropSubject("side", IMAGE, START),
    )
    assert np.any(after("m", known).picture(FRAME) != after("", known).picture(FRAME))
    np.testing.assert_array_equal(
        after("m m", known).picture(FRAME), after("", known).picture(FRAME)
    )
    np.testing.assert_array_equal(
        after("m", unknown).picture(FRAME), after("", unknown).picture(FRAME)
    )
    assert [("m" in dict(after("", one).help())) for one in (known, unknown)] == [True, False]


def test_what_is_shown_is_what_the_policy_will_see() -> None:
    spec = CameraSpec.model_construct(size=(64, 48), crop=START)
    shown = CropChoice(CropSubject("side", IMAGE, START, (64, 48))).policy_view()
    np.testing.assert_array_equal(shown, crop_and_resize("side", IMAGE, spec))


def test_live_pictures_come_now_and_then_and_their_lack_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(roi_choice, "LOOK_EVERY_S", 0.0)
    bright = np.full_like(IMAGE, 200)
    answers: Iterator[object] = iter([bright, StaleFrameError("it hangs"), bright[:9], bright])

    def look() -> np.ndarray:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, np.ndarray)
        return answer

    choice = CropChoice(CropSubject("side", IMAGE, START, look=look))
    assert choice.refresh()
    assert (choice.policy_view() == 200).all()
    for trouble in ("it hangs", "another size"):
        choice.refresh()
        assert trouble in choice.status()[-1][0]
    choice.refresh()
    assert len(choice.status()) == 1
    monkeypatch.setattr(roi_choice, "LOOK_EVERY_S", 60.0)
    assert not choice.refresh()


Colours = Literal["standard", "256", "truecolor"]


def console(colours: Colours | None = "truecolor", *, no_color: bool = False) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, color_system=colours, no_color=no_color)


def cells(lines: list[list[Segment]]) -> list[list[Segment]]:
    return [[Segment(sign, part.style) for part in line for sign in part.text] for line in lines]


def test_every_cell_has_the_colours_of_its_two_pixels() -> None:
    image = np.random.default_rng(1).integers(0, 255, (7, 5, 3), np.uint8)
    image[2:6, 1:4] = image[2, 1]
    padded = np.concatenate([image, np.zeros_like(image[:1])])
    drawn_cells = cells(half_blocks(console(), image))
    assert [len(line) for line in drawn_cells] == [5] * 4
    for row, line in enumerate(drawn_cells):
        for column, cell in enumerate(line):
            assert cell.style is not None
            assert cell.style.color is not None
            assert cell.style.bgcolor is not None
            above, below = cell.style.color.triplet, cell.style.bgcolor.triplet
            assert (cell.text, above) == ("▀", tuple(padded[2 * row, column]))
            assert below == tuple(padded[2 * row + 1, column])


@pytest.mark.parametrize(
    ("colours", "code"), [("truecolor", "38;2;"), ("256", "38;5;"), ("standard", "[31;")]
)
def test_a_terminal_gets_the_colours_it_has(colours: Colours, code: str) -> None:
    red = np.full((2, 1, 3), (255, 0, 0), np.uint8)
    screen = console(colours)
    with screen.capture() as captured:
        screen.print(Segments(half_blocks(screen, red)[0]))
    assert code in captured.get()


def test_a_terminal_without_colours_gets_shades() -> None:
    image = np.zeros((4, 2, 3), np.uint8)
    image[:2, 1] = 255
    for screen in (console(None), console("truecolor", no_color=True)):
        assert half_blocks(screen, image) == [[Segment(" @")], [Segment("  ")]]


@given(frames, st.integers(10, 200), st.integers(5, 60))
def test_a_picture_fits_and_keeps_its_shape(size: tuple[int, int], columns: int, rows: int) -> None:
    width, height = fitted(size, columns, rows)
    assert width <= columns
    assert height <= 2 * rows
    assert height % 2 == 0
    exact = min(columns / size[0], 2 * rows / size[1])
    assert abs(width - exact * size[0]) <= 1
    assert abs(height - exact * size[1]) <= 2


def test_a_picture_is_averaged_not_thinned_out() -> None:
    stripes = np.zeros((40, 40, 3), np.uint8)
    stripes[:, ::2] = 200
    (cell, *_), *_ = cells(drawn(console(), stripes, 10, 5))
    assert cell.style is not None
    assert cell.style.color is not None
    assert cell.style.color.triplet == (100, 100, 100)


def typed(*pieces: bytes) -> list[str]:
    keys = Keys()
    return [key for piece in pieces for key in keys.feed(piece)]


@pytest.mark.parametrize(
    ("pieces", "names"),
    [
        ((b"\x1b[A\x1b[1;2C\x1bOD",), ["up", "shift+right", "left"]),
        ((b"\x1b", b"[", b"1;", b"2B"), ["shift+down"]),
        ((b"\x1b[a\x1b[Z\x1b[3~\x1bOP",), ["shift+up", "unknown", "unknown", "unknown"]),
        ((b"\r\n\t +q\x03",), ["enter", "enter", "tab", "space", "+", "q", "ctrl+c"]),
        ((b"\x1b\x1b[A",), ["escape", "up"]),
        (("é".encode(),), ["\N{REPLACEMENT CHARACTER}"] * 2),
    ],
)
def test_bytes_are_understood_as_keys(pieces: tuple[bytes, ...], names: list[str]) -> None:
    assert typed(*pieces) == names


def test_a_lone_escape_is_one_once_nothing_follows() -> None:
    keys = Keys()
    assert keys.feed(b"\x1b") == []
    time.sleep(ESCAPE_S + 0.01)
    assert keys.feed(b"") == ["escape"]
    keys.feed(b"\x1b[1")
    time.sleep(ESCAPE_S + 0.01)
    assert keys.feed(b"") == ["unknown"]


CHILD = """
import json, sys
import numpy as np
from hilctl.cli.interrupt import interruptible
from hilctl.cli.calibration.roi_choice import CropSubject
from hilctl.cli.calibration.roi_terminal import pick_in_terminal
def broken(): raise ZeroDivisionError
image = np.full((240, 320, 3), 90, np.uint8)
look = broken if {breaks} else lambda: image
with interruptible() as stop:
    box = pick_in_terminal(CropSubject("side", image, {start}, look=look), stop)
open({out!r}, "w").write(json.dumps(box))
"""


class Terminal:
    """A person at a terminal in which a crop is being chosen."""

    def __init__(self, out: Path, *, breaks: bool = False, typed: bytes = b"", **env: str) -> None:
        self._out = out
        self.master, self.slave = pty.openpty()
        self.resize(100, 30)
        self.before = termios.tcgetattr(self.slave)
        os.write(self.master, typed)
        code = CHILD.format(breaks=breaks, start=START, out=str(out))
        kept = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
        self.child = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=self.slave,
            stdout=self.slave,
            stderr=subprocess.DEVNULL,
            env={**kept, "TERM": "xterm-256color", "COLORTERM": "truecolor", **env},
        )
        self.shown = ""

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait_for(self, words: str) -> None:
        """Read until something new is on the screen."""
        start, due = len(self.shown), time.monotonic() + WAIT_S
        while words not in self.shown[start:]:
            assert time.monotonic() < due, self.shown[start:][-500:]
            self.read()

    def read(self) -> None:
        if select.select([self.master], [], [], 0.05)[0]:
            self.shown += os.read(self.master, 65536).decode(errors="replace")

    def type(self, *pieces: bytes) -> None:
        for piece in pieces:
            os.write(self.master, piece)
            time.sleep(0.02)

    def end(self) -> int:
        """Read until the child ends; return its exit code."""
        due = time.monotonic() + WAIT_S
        while self.child.poll() is None:
            assert time.monotonic() < due, self.shown[-500:]
            self.read()
        self.read()
        return self.child.returncode

    @property
    def chosen(self) -> Box | None:
        found = json.loads(self._out.read_text())
        return None if found is None else tuple(found)

    def assert_is_as_before(self) -> None:
        assert termios.tcgetattr(self.slave) == self.before
        assert self.shown.endswith("\x1b[?25h\x1b[?1049l")

    def close(self) -> None:
        self.child.kill()
        self.child.wait()
        for fd in {self.master, self.slave}:
            os.close(fd)


Sit = Callable[..., Terminal]


@pytest.fixture
def sit(tmp_path: Path) -> Iterator[Sit]:
    """Sit down at a terminal."""
    terminals: list[Terminal] = []

    def call(**options: str | bool | bytes) -> Terminal:
        terminals.append(Terminal(tmp_path / "chosen.json", **options))  # type: ignore[arg-type]
        return terminals[-1]

    yield call
    for terminal in terminals:
        terminal.close()


def test_a_crop_is_chosen_with_keys(sit: Sit) -> None:
    terminal = sit()
    terminal.wait_for("leaves without")
    assert "crop 100,40,120,120" in terminal.shown
    assert "the policy sees, at 128×128 px" in terminal.shown
    assert "38;2;" in terminal.shown
    terminal.type(b"\x1b[C", b"\x1b", b"[1;2", b"B")
    terminal.wait_for("crop 104,40,120,124")
    terminal.type(b"s\r")
    assert terminal.end() == 0
    assert terminal.chosen == (102, 40, 124, 124)
    terminal.assert_is_as_before()


@pytest.mark.parametrize("key", [b"\x1b", b"q"])
def test_leaving_chooses_nothing(sit: Sit, key: bytes) -> None:
    terminal = sit(typed=b"\r")  # before anything could be seen
    terminal.wait_for("leaves without")
    terminal.type(b"f", key)
    assert terminal.end() == 0
    assert terminal.chosen is None
    terminal.assert_is_as_before()


@pytest.mark.parametrize("key", [b"\x03", b"\x04"])
def test_ctrl_c_interrupts(sit: Sit, key: bytes) -> None:
    terminal = sit()
    terminal.wait_for("leaves without")
    terminal.type(key)
    assert terminal.end() != 0
    terminal.assert_is_as_before()


def test_a_request_to_stop_is_heard(sit: Sit) -> None:
    terminal = sit()
    terminal.wait_for("leaves without")
    terminal.child.send_signal(signal.SIGTERM)
    assert terminal.end() == 0
    assert terminal.chosen is None
    terminal.assert_is_as_before()


def test_whatever_goes_wrong_the_terminal_is_as_before(sit: Sit) -> None:
    terminal = sit(breaks=True)
    assert terminal.end() == 1
    assert "leaves without" in terminal.shown
    terminal.assert_is_as_before()


def test_a_terminal_that_is_gone_ends_it(sit: Sit) -> None:
    terminal = sit()
    terminal.wait_for("leaves without")
    os.close(terminal.master)
    terminal.master = terminal.slave
    assert terminal.child.wait(WAIT_S) == 0
    assert terminal.chosen is None


def test_a_window_that_changes_its_size_is_drawn_anew(sit: Sit) -> None:
    terminal = sit(NO_COLOR="1")
    terminal.wait_for("leaves without")
    assert "38;2;" not in terminal.shown
    terminal.resize(40, 10)
    terminal.wait_for("are needed")
    terminal.resize(80, 24)
    terminal.wait_for("leaves without")
    terminal.type(b"\n")
    assert terminal.end() == 0
    assert terminal.chosen == START


@given(st.integers(60, 250), st.integers(16, 80), st.tuples(*[st.integers(16, 900)] * 2))
def test_whatever_the_terminal_no_line_is_too_long(
    columns: int, rows: int, frame: tuple[int, int]
) -> None:
    image = np.zeros((frame[1], frame[0], 3), np.uint8)
    choice = CropChoice(CropSubject("a camera with a name", image, (0, 0, *frame)))
    lines = roi_terminal.as_text(console(None), choice, columns, rows)
    assert len(lines) <= rows
    assert max(map(len, lines)) <= columns


def test_a_terminal_that_cannot_draw_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(UsageError, match="cannot show pictures"):
        roi_terminal.pick_in_terminal(CropSubject("side", IMAGE, START), lambda: False)


class Watched(Output):
    """An output with a person before it."""

    interactive = True


@pytest.mark.parametrize("there", [True, False])
def test_a_window_where_there_can_be_one(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    monkeypatch.setattr(roi_window, "window_available", lambda: there)
    monkeypatch.setattr(roi_window, "pick_in_window", lambda *_: (0, 0, 20, 20))
    monkeypatch.setattr(roi_terminal, "pick_in_terminal", lambda *_: (0, 0, 30, 30))
    chosen = pick(Watched(), CropSubject("side", IMAGE, START), lambda: False)
    assert chosen == ((0, 0, 20, 20) if there else (0, 0, 30, 30))


@pytest.mark.parametrize("display", [None, "", ":4711"])
def test_there_is_no_window_without_a_display(
    monkeypatch: pytest.MonkeyPatch, display: str | None
) -> None:
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    if display is not None:
        monkeypatch.setenv("DISPLAY", display)
    assert not roi_window.window_available()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A display that nobody looks at."""
    pytest.importorskip("tkinter")
    if shutil.which("Xvfb") is None:
        pytest.skip("there is no Xvfb")
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", "1280x900x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            if not select.select([process.stdout], [], [], 20)[0]:
                pytest.skip("Xvfb does not start")
            number = process.stdout.readline().decode().strip()
            if not number:
                pytest.skip("Xvfb does not start")
            yield f":{number}"
        finally:
            process.kill()


@pytest.fixture
def display(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", server)


@pytest.mark.usefixtures("display")
def test_a_crop_is_drawn_with_the_mouse() -> None:
    assert roi_window.window_available()
    window = roi_window.CropWindow(CropSubject("side", IMAGE, START), lambda: False)
    seen = []

    def drag() -> None:
        window.root.update()
        # twice as large as the frame
        window.frame.event_generate("<ButtonPress-1>", x=400, y=300)
        window.frame.event_generate("<B1-Motion>", x=200, y=100)
        window.root.update()
        seen.append(window.choice.box)
        window.root.event_generate("<Shift-Right>")
        window.root.event_generate("<Key-s>")
        window.root.event_generate("<Key-Return>")

    window.root.after(100, drag)
    assert window.run() == (100, 48, 104, 104)
    assert seen == [(100, 50, 100, 100)]


@pytest.mark.usefixtures("display")
@pytest.mark.parametrize("way", ["key", "closed", "stop"])
def test_a_window_is_left_without(way: str) -> None:
    window = roi_window.CropWindow(CropSubject("side", IMAGE, START), lambda: way == "stop")

    def leave() -> None:
        if way == "key":
            window.root.event_generate("<Key-Escape>")
        else:
            window.root.tk.eval("eval [wm protocol . WM_DELETE_WINDOW]")

    if way != "stop":
        window.root.after(100, leave)
    assert window.run() is None


@pytest.mark.usefixtures("display")
def test_a_window_hides_no_errors() -> None:
    calls = iter([False])

    def stop() -> bool:
        return next(calls)

    with pytest.raises(StopIteration):
        roi_window.pick_in_window(CropSubject("side", IMAGE, START), stop)
