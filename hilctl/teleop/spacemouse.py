"""A SpaceMouse as a hand, with the axes of the rigs that SERL's authors built."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hilctl.devices import Finding, Options
from hilctl.errors import DeviceError
from hilctl.teleop.base import TeleopStatus
from hilctl.teleop.buttoned import ButtonedOptions, ButtonedTeleop, Buttons, Does, dead_banded
from hilctl.teleop.hid import SpaceMouse, close_spacemouse, find_spacemice, open_spacemouse

LOOK_S = 0.002  # between two looks for reports: they come every 8 ms
RETRY_S = 0.5
AXES = ("x", "y", "z", "roll", "pitch", "yaw")
PLUG_IN = "plug it in, or choose another teleop type in task.yaml (keyboard needs nothing)"


class SpaceMouseOptions(ButtonedOptions):
    """Which SpaceMouse, and how its deflection becomes motion."""

    path: str | None = Field(
        default=None, description="which one, as /dev/hidraw3, where there are several"
    )
    serial: str | None = Field(
        default=None, description="which one, by its serial: stays right whatever its path is"
    )
    stand: Literal["behind", "facing"] = Field(
        default="facing",
        description="where you stand: facing the robot, as on SERL's rigs, where away from you "
        "is -x; or behind it",
    )
    dead_band: float = Field(
        default=0.08, ge=0, lt=1, description="deflection up to which an axis counts as released"
    )
    stale_s: float = Field(
        default=0.3,
        gt=0,
        le=5,
        description="seconds without a report after which a deflected cap counts as released: "
        "one that is held reports all the time",
    )
    buttons: Mapping[str, Does] = Field(
        default={"LEFT": "close", "RIGHT": "open", "BTN_1": "close", "BTN_2": "open"},
        description="what each button does, by its name: {LEFT: close, RIGHT: success}",
    )


@dataclass(frozen=True)
class _Deflection:
    axes: NDArray[np.float64]
    stamp_s: float
    present: bool = True


RELEASED = _Deflection(np.zeros(6), 0.0)


class SpaceMouseTeleop(ButtonedTeleop):
    """One SpaceMouse, read by a thread so that no report is older than it need be."""

    OptionsType: ClassVar[type[Options]] = SpaceMouseOptions
    _taken: ClassVar[set[str]] = set()  # paths: no two hands share a device

    _thread: threading.Thread | None = None
    _mouse: SpaceMouse | None = None

    @classmethod
    def probe(cls, options: Options) -> list[Finding]:
        """List every SpaceMouse that is plugged in."""
        try:
            mice = find_spacemice()
        except DeviceError as error:
            return [Finding(None, "spacemouse", error.message, error.hint)]
        if not mice:
            return [Finding(None, "spacemouse", "none is plugged in", PLUG_IN)]
        return [Finding(True, "spacemouse", str(mouse)) for mouse in mice]

    @property
    def settings(self) -> SpaceMouseOptions:
        """The validated options."""
        return cast(SpaceMouseOptions, self.options)

    def open(self) -> None:
        """Open the SpaceMouse that the options name, or the only one.

        Raises:
            DeviceError: there is none, there are several, another hand has it, or this person may
                not use it.
        """
        mouse = self._choose(find_spacemice())
        if mouse.path in self._taken:
            raise DeviceError(
                f"another hand has the {mouse}",
                where=mouse.path,
                hint="name one for each arm: teleop: {type: spacemouse, path: ...} or serial",
            )
        device = open_spacemouse(mouse)
        self._mouse = mouse
        self._taken.add(mouse.path)
        self._now, self._was_present, self._is_stale = RELEASED, True, False
        self._read_t = -1.0  # pyspacemouse's time of the last report
        self._buttons = Buttons(self.settings.buttons)
        self._over = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(device,), name="spacemouse", daemon=True
        )
        self._thread.start()
        self.open_keys()

    def close(self) -> None:
        """Let go of the device."""
        self.close_keys()
        if self._thread is not None:
            self._over.set()
            self._thread.join()
            self._thread = None
        if self._mouse is not None:
            self._taken.discard(self._mouse.path)
            self._mouse = None

    def status(self) -> TeleopStatus:
        """Return which device it is, and how old its newest report."""
        now = self._now
        age_s = time.monotonic() - now.stamp_s if now.stamp_s else None
        remark = "" if now.present else "it is unplugged"
        return TeleopStatus(
            str(self._mouse), age_s, self.settings.dead_band, remark, present=now.present
        )

    def axes(self) -> NDArray[np.float64]:
        """Return the (6,) deflection beyond the dead band; zero when it is stale or gone."""
        now = self._now
        self._tell_changes(now)
        if not now.present or not now.axes.any():
            return np.zeros(6)
        stale = time.monotonic() - now.stamp_s > self.settings.stale_s
        if stale and not self._is_stale:
            self.tell(f"the SpaceMouse has said nothing for {self.settings.stale_s:g} s: released")
        self._is_stale = stale
        return np.zeros(6) if stale else dead_banded(now.axes, self.settings.dead_band)

    def _tell_changes(self, now: _Deflection) -> None:
        if now.present == self._was_present:
            return
        self._was_present = now.present
        self.tell(
            "the SpaceMouse is back"
            if now.present
            else f"the SpaceMouse is gone ({self._mouse}): nothing moves until it is plugged in"
        )

    def _choose(self, mice: list[SpaceMouse]) -> SpaceMouse:
        wanted = self.settings
        found = [mouse for mouse in mice if self._is_wanted(mouse)]
        if len(found) == 1:
            return found[0]
        listed = "; ".join(str(mouse) for mouse in mice)
        if found:
            raise DeviceError(
                f"{len(found)} SpaceMice are plugged in: {listed}",
                hint=f"say which one: teleop: {{type: spacemouse, path: {found[0].path}}}, or its "
                "serial",
            )
        which = wanted.serial or wanted.path
        if which and mice:
            raise DeviceError(f"there is no SpaceMouse {which}; there is {listed}", hint=PLUG_IN)
        raise DeviceError("no SpaceMouse is plugged in", hint=PLUG_IN)

    def _is_wanted(self, mouse: SpaceMouse) -> bool:
        wanted = self.settings
        if wanted.serial is not None and mouse.serial != wanted.serial:
            return False
        return wanted.path is None or Path(mouse.path) == Path(wanted.path).resolve()

    def _run(self, device: Any) -> None:
        """Read reports until closed; open the same device again when it comes back."""
        while device is not None and not self._over.wait(LOOK_S):
            try:
                self._drain(device)
            except Exception:  # easyhid's own, which says no more than "failed to read"
                close_spacemouse(device)
                self._taken.discard(self._mouse.path if self._mouse else "")
                self._now = _Deflection(np.zeros(6), time.monotonic(), present=False)
                self._buttons.release()
                device, self._read_t = self._wait_for_it(), -1.0
                self._now = RELEASED
        if device is not None:
            close_spacemouse(device)

    def _drain(self, device: Any) -> None:
        """Take every report that is there: `read` takes one, and old ones would queue up."""
        while (state := device.read()).t != self._read_t:
            self._read_t = state.t
            names = device.info.button_names
            down = {name for name, is_down in zip(names, state.buttons, strict=False) if is_down}
            self._buttons.take(down)
            axes = np.array([getattr(state, axis) for axis in AXES])
            self._now = _Deflection(axes, time.monotonic())

    def _wait_for_it(self) -> Any:
        """Return the same device once it is plugged in again, None when closed meanwhile."""
        assert self._mouse is not None
        while not self._over.wait(RETRY_S):
            with suppress(DeviceError):  # it is there, and udev has not given the right to it yet
                for mouse in find_spacemice():
                    if self._is_the_same(mouse):
                        device = open_spacemouse(mouse)
                        self._taken.add(mouse.path)
                        self._mouse = mouse
                        return device
        return None

    def _is_the_same(self, mouse: SpaceMouse) -> bool:
        """Return whether it is the one that was unplugged, as far as it can be told apart."""
        before = self._mouse
        assert before is not None
        if (mouse.name, mouse.serial) != (before.name, before.serial):
            return False
        # without a serial, another one like it may come to the path of this one: by path it is
        # asked for, and no other hand's is taken
        alike = mouse.serial or mouse.path == before.path or self.settings.path is None
        return bool(alike) and mouse.path not in self._taken
