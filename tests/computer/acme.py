"""Drivers of another package: they work, but for the method and the exception ACME_FAULT names."""

from __future__ import annotations

import os
from typing import Any

from hilctl.cameras.sim import SimCamera
from hilctl.robots.sim import SimRobot
from hilctl.teleop.scripted import ScriptedTeleop


class VendorError(Exception):
    """A class that hilctl has never heard of."""


ERRORS = {
    "refused": ConnectionRefusedError(111, "Connection refused"),
    "input": OSError(5, "Input/output error"),
    "vendor": VendorError("joint 3: reflex"),
    "value": ValueError("bad packet"),
    "key": KeyError("serial"),
    "assertion": AssertionError(),
    "timeout": TimeoutError(),
}
METHODS = ("open", "close", "state", "servo", "move_to", "stop", "latest", "poll", "reset_scene")


def note(call: str) -> None:
    """Remember a call for the test."""
    with open(os.environ["ACME_CALLS"], "a", encoding="utf-8") as file:
        file.write(f"{call}\n")


class Acme:
    """Count calls, and fail as told."""

    kind: str
    _inside = False

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._maybe_fail("__init__")

    def _maybe_fail(self, name: str) -> None:
        call, _, error = os.environ.get("ACME_FAULT", "").partition(":")
        if call == f"{self.kind}.{name}":
            raise ERRORS[error]

    def __getattribute__(self, name: str) -> Any:
        if name not in METHODS:
            return super().__getattribute__(name)
        method = super().__getattribute__(name)

        def call(*arguments: Any, **named: Any) -> Any:
            if self._inside:  # what it does with itself is not what is asked of it
                return method(*arguments, **named)
            self._inside = True
            try:
                note(f"{self.kind}.{name}")
                self._maybe_fail(name)
                return method(*arguments, **named)
            finally:
                self._inside = False

        return call


class AcmeRobot(Acme, SimRobot):
    """A robot."""

    kind = "robot"


class AcmeCamera(Acme, SimCamera):
    """A camera."""

    kind = "camera"


class AcmeTeleop(Acme, ScriptedTeleop):
    """A hand."""

    kind = "teleop"
