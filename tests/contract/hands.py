"""Hands without hardware: a terminal of our own, a fake hidapi, and SDL's virtual gamepad."""

from __future__ import annotations

import ctypes
import os
import pty
import tempfile
from functools import cache
from pathlib import Path

from fake_hid import FakeMouse, library

GAME_CONTROLLER = 1  # SDL_JOYSTICK_TYPE_GAMECONTROLLER


@cache
def terminal() -> tuple[int, str]:
    """Return the end at which a person types, and the path of the terminal."""
    typing_end, terminal_end = pty.openpty()
    return typing_end, os.ttyname(terminal_end)


@cache
def spacemouse() -> FakeMouse:
    """Return a SpaceMouse that is plugged in; hidapi is the fake one from here on."""
    # by its soname, the loader takes the one that is there for the system's
    ctypes.CDLL(str(library()), mode=ctypes.RTLD_GLOBAL)
    folder = Path(tempfile.mkdtemp(prefix="hilctl-fake-hid-"))
    os.environ["FAKE_HID"] = str(folder)
    return FakeMouse(folder, "hidraw0", serial="contract")


class VirtualGamepad:
    """SDL's own gamepad without hardware: six axes, fifteen buttons."""

    def __init__(self) -> None:
        from hilctl.teleop.gamepad import _sdl

        _sdl()
        maps = Path("/proc/self/maps").read_text().splitlines()
        path = next(line.split()[-1] for line in maps if "libSDL2-2" in line)
        self._sdl = ctypes.CDLL(path)
        self._sdl.SDL_JoystickOpen.restype = ctypes.c_void_p
        self._sdl.SDL_JoystickSetVirtualAxis.argtypes = [
            ctypes.c_void_p,
            ctypes.c_int,
            ctypes.c_int16,
        ]
        self._sdl.SDL_JoystickSetVirtualButton.argtypes = [
            ctypes.c_void_p,
            ctypes.c_int,
            ctypes.c_uint8,
        ]
        self.plug_in()

    def plug_in(self) -> None:
        """Be there."""
        self._index = self._sdl.SDL_JoystickAttachVirtual(GAME_CONTROLLER, 6, 15, 0)
        assert self._index >= 0
        self._pad = self._sdl.SDL_JoystickOpen(self._index)
        for trigger in (4, 5):
            self.lean(trigger, -1)

    def unplug(self) -> None:
        """Be gone."""
        self._sdl.SDL_JoystickDetachVirtual(self._index)

    def lean(self, axis: int, share: float) -> None:
        """Deflect an axis, -1 to 1; triggers are released at -1."""
        self._sdl.SDL_JoystickSetVirtualAxis(self._pad, axis, round(32767 * share))

    def press(self, button: int, down: bool = True) -> None:
        """Press a button, or let it go."""
        self._sdl.SDL_JoystickSetVirtualButton(self._pad, button, int(down))


@cache
def gamepad() -> VirtualGamepad:
    """Return a gamepad that is plugged in."""
    return VirtualGamepad()
