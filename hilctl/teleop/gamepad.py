"""A gamepad as a hand, whatever SDL knows as one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hilctl.devices import Finding, Options
from hilctl.errors import DeviceError
from hilctl.teleop.base import TeleopEvent, TeleopStatus
from hilctl.teleop.buttoned import ButtonedOptions, ButtonedTeleop, Buttons, Does, dead_banded

# SDL's own numbers, which are the same for every pad that it knows
BUTTONS = (
    *("A", "B", "X", "Y", "BACK", "GUIDE", "START", "LEFT_STICK", "RIGHT_STICK"),
    *("LEFT_SHOULDER", "RIGHT_SHOULDER", "UP", "DOWN", "LEFT", "RIGHT"),
)
LEFT_X, LEFT_Y, RIGHT_X, RIGHT_Y, LEFT_TRIGGER, RIGHT_TRIGGER = range(6)
FULL = 32767.0
# no window is wanted, no greeting on stdout, and Ctrl-C is not SDL's
QUIETLY = {
    "PYGAME_HIDE_SUPPORT_PROMPT": "1",
    "SDL_VIDEODRIVER": "dummy",
    "SDL_JOYSTICK_ALLOW_BACKGROUND_EVENTS": "1",
    "SDL_NO_SIGNAL_HANDLERS": "1",
}
PLUG_IN = "plug it in or pair it, or choose another teleop type in task.yaml"
INSTALL = 'pip install "hilctl[gamepad]"'


class GamepadOptions(ButtonedOptions):
    """Which gamepad, and what its buttons do."""

    device: str | None = Field(
        default=None, description="which one, by its name, where there are several"
    )
    dead_band: float = Field(
        default=0.12, ge=0, lt=1, description="deflection up to which a stick counts as released"
    )
    buttons: Mapping[str, Does] = Field(
        default={
            "A": "success",
            "B": "failure",
            "X": "close",
            "Y": "open",
            "BACK": "discard",
            "START": "ready",
            "GUIDE": "quit",
            "LEFT_STICK": "slow",
            "RIGHT_STICK": "hold",
            "UP": "pause",
            "DOWN": "veto",
            "LEFT": "rerecord",
        },
        description=f"what each button does, by SDL's name: {', '.join(BUTTONS)}",
    )


class GamepadTeleop(ButtonedTeleop):
    """One gamepad: left stick x and y, triggers down and up, right stick yaw and pitch."""

    OptionsType: ClassVar[type[Options]] = GamepadOptions
    is_unique: ClassVar[bool] = True
    _taken: ClassVar[set[int]] = set()  # SDL's ids: no two hands share a device

    _pad: Any = None
    _id: int | None = None
    _name = ""

    @classmethod
    def key_map(cls, options: Options) -> Mapping[str, TeleopEvent | str]:
        """Return what sticks and buttons do."""
        sticks = {
            "left stick": "forward, back, left, right",
            "triggers": "down, up",
            "right stick": "yaw, pitch",
            "shoulders": "roll",
        }
        return {**sticks, **super().key_map(options)}

    @classmethod
    def probe(cls, options: Options) -> list[Finding]:
        """List every gamepad that is plugged in."""
        try:
            pads = _pads(_sdl())
        except DeviceError as error:
            return [Finding(None, "gamepad", error.message, error.hint)]
        if not pads:
            return [Finding(None, "gamepad", "none is plugged in", PLUG_IN)]
        return [Finding(True, "gamepad", name) for name in pads.values()]

    @property
    def settings(self) -> GamepadOptions:
        """The validated options."""
        return cast(GamepadOptions, self.options)

    def open(self) -> None:
        """Open the gamepad that the options name, or the only one.

        Raises:
            DeviceError: pygame is not installed, there is none, or there are several.
        """
        self._sdl = _sdl()
        self._buttons = Buttons(self.settings.buttons)
        self._pad = self._opened(self._choose(_pads(self._sdl)))
        self.open_keys()

    def close(self) -> None:
        """Let go of the device."""
        self.close_keys()
        self._let_go()

    def status(self) -> TeleopStatus:
        """Return which device it is."""
        remark = "" if self._pad is not None else "it is unplugged"
        there = self._pad is not None
        return TeleopStatus(self._name, None, self.settings.dead_band, remark, present=there)

    def axes(self) -> NDArray[np.float64]:
        """Return the (6,) deflection beyond the dead band; zero when the gamepad is gone."""
        self._sdl.event.get()  # lets SDL look at its devices; what it says is asked for below
        if self._pad is not None and not self._pad.attached():
            self._let_go()
            self._buttons.release()
            self.tell(f"the gamepad is gone ({self._name}): nothing moves until it is plugged in")
        if self._pad is None:
            self._come_back()
        if self._pad is None:
            return np.zeros(6)
        down = {name for number, name in enumerate(BUTTONS) if self._pad.get_button(number)}
        self._buttons.take(down)
        raw = np.array([self._pad.get_axis(number) for number in range(6)]) / FULL
        stick = dead_banded(np.clip(raw, -1, 1), self.settings.dead_band)
        roll = ("RIGHT_SHOULDER" in down) - ("LEFT_SHOULDER" in down)
        return np.array(
            [
                -stick[LEFT_Y],
                -stick[LEFT_X],
                stick[RIGHT_TRIGGER] - stick[LEFT_TRIGGER],
                roll,
                -stick[RIGHT_Y],
                -stick[RIGHT_X],
            ]
        )

    def _choose(self, pads: Mapping[int, str]) -> int:
        wanted = self.settings.device
        found = [index for index, name in pads.items() if wanted in (None, name)]
        listed = ", ".join(pads.values())
        if not found:
            message = f"there is no gamepad {wanted!r}; there is {listed}" if pads else ""
            raise DeviceError(message or "no gamepad is plugged in", hint=PLUG_IN)
        free = [index for index in found if self._sdl_id(index) not in self._taken]
        if not free:
            raise DeviceError(
                f"another hand has the gamepad {pads[found[0]]}",
                hint="give the other arm another teleop type in task.yaml",
            )
        if len(free) > 1 and wanted is None:
            raise DeviceError(
                f"{len(free)} gamepads are plugged in: {listed}",
                hint="say which one: teleop: {type: gamepad, device: NAME}",
            )
        return free[0]

    def _opened(self, index: int) -> Any:
        pad = _controllers().Controller(index)
        self._name = str(pad.name)
        self._id = self._sdl_id(index)
        self._taken.add(self._id)
        return pad

    def _come_back(self) -> None:
        for index, name in _pads(self._sdl).items():
            if name == self._name and self._sdl_id(index) not in self._taken:
                self._pad = self._opened(index)
                self.tell("the gamepad is back")
                return

    def _let_go(self) -> None:
        if self._pad is not None:
            self._pad.quit()
            self._pad = None
        if self._id is not None:
            self._taken.discard(self._id)
            self._id = None

    def _sdl_id(self, index: int) -> int:
        return int(self._sdl.joystick.Joystick(index).get_instance_id())


def _sdl() -> Any:
    """Return pygame with its joysticks ready.

    Raises:
        DeviceError: it is not installed.
    """
    for name, value in QUIETLY.items():
        os.environ.setdefault(name, value)
    try:
        import pygame
    except ImportError as error:
        raise DeviceError("gamepads need pygame, which is not installed", hint=INSTALL) from error
    pygame.display.init()
    pygame.joystick.init()
    _controllers().init()
    return pygame


def _controllers() -> Any:
    from pygame._sdl2 import controller  # every pad that SDL knows, with the same names

    return controller


def _pads(pygame: Any) -> dict[int, str]:
    """Return number and name of every gamepad that is plugged in."""
    pygame.event.get()
    controllers = _controllers()
    return {
        index: str(controllers.name_forindex(index))
        for index in range(pygame.joystick.get_count())
        if controllers.is_controller(index)
    }
