"""Faults of devices, told as such: the one place through which drivers are built and called.

A driver may come from anybody and raise anything: what the operating system says, a vendor's own
exceptions, a mistake of its author. None of it is a bug of hilctl.
"""

from __future__ import annotations

import errno
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, TypeVar, cast

from hilctl.devices import Device, Options, Rig
from hilctl.errors import DeviceError, HilctlError

D = TypeVar("D", bound=Device)
R = TypeVar("R")

# what a person knows an operation by, where the method's name says less
OPERATIONS = {"__init__": "open", **dict.fromkeys(("state", "latest", "still", "poll"), "read")}
# mistakes in a program: of hilctl's own drivers they are bugs
MISTAKES = (ArithmeticError, AssertionError, AttributeError, LookupError, NameError, TypeError)
CHECK = "see that it has power, that its cable is plugged in and nobody else uses it"
_RIGHTS = "give this account the right to use it (ls -l on it names the group)"
_PLUGGED = "see that it is plugged in, and that its address in task.yaml is right"
_REACHED = "see that its network cable is in, and that its address in task.yaml is right"
_ANSWERS = "see that it has started up, and that its address in task.yaml is right"
REMEDIES = {
    **dict.fromkeys((errno.EACCES, errno.EPERM), _RIGHTS),
    **dict.fromkeys((errno.ENOENT, errno.ENODEV, errno.ENXIO), _PLUGGED),
    **dict.fromkeys((errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT), _REACHED),
    **dict.fromkeys((errno.ECONNREFUSED, errno.ECONNRESET), _ANSWERS),
    errno.EBUSY: "end the other program that uses it",
    errno.EMFILE: "allow more open files (ulimit -n 4096)",
    # so says the kernel when the cameras of one USB controller ask for more than it can carry
    errno.ENOSPC: "plug it into another USB controller, or lower its resolution or rate",
}


def attended(subject: str, driver: type[D], options: Options, rig: Rig) -> D:
    """Return a device, not yet open, whose failures are all `DeviceError`s.

    Args:
        subject: what a person calls it: "robot", "camera wrist", "teleop".
        driver: its class.
        options: its validated settings.
        rig: shared with the other devices.

    Raises:
        DeviceError: it cannot be built.
    """
    device = call(subject, driver, "__init__", lambda: driver(options, rig))
    return cast(D, Attended(subject, device))


def call(subject: str, driver: type[Device], name: str, method: Callable[[], R]) -> R:
    """Return what a driver's method returns.

    Args:
        subject: what a person calls the device.
        driver: its class.
        name: of the method.
        method: calls it.

    Raises:
        DeviceError: in place of whatever it raises.
    """
    try:
        return method()
    except (HilctlError, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, MISTAKES) and driver.__module__.startswith("hilctl."):
            raise
        raise _fault(subject, driver, name, error) from error


class Attended:
    """A device seen from outside: everything is the device's own, but what its methods raise.

    The driver itself is left as it is, so what it raises and catches inside stays its own affair.
    """

    def __init__(self, subject: str, device: Device) -> None:
        object.__setattr__(self, "_subject", subject)
        object.__setattr__(self, "_device", device)

    @property  # type: ignore[misc]
    def __class__(self) -> type[Device]:  # type: ignore[override]
        """The driver's, so that `isinstance` answers as for the device."""
        return type(self._device)

    def __getattr__(self, name: str) -> Any:
        subject, device = self._subject, self._device
        driver = type(device)
        if not hasattr(driver, name):  # set by whoever built it, or not there
            return getattr(device, name)
        value = call(subject, driver, name, lambda: getattr(device, name))
        if not callable(value) or isinstance(value, type):
            return value
        return lambda *given, **named: call(subject, driver, name, lambda: value(*given, **named))

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._device, name, value)

    def __enter__(self) -> Attended:
        try:
            self.open()
        except BaseException:
            self._close_quietly()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:  # what went wrong before says more
            self._close_quietly()

    def _close_quietly(self) -> None:
        with suppress(DeviceError):
            self.close()


def _fault(subject: str, driver: type[Device], name: str, error: Exception) -> DeviceError:
    cause = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    message = f"{subject}: {OPERATIONS.get(name, name)} failed: {cause}"
    before = error.__context__  # a robot that cannot be read cannot be stopped either
    if isinstance(before, HilctlError):
        repeated = before.message.startswith(message)
        message = before.message if repeated else f"{message}; before that, {before.message}"
    return DeviceError(message, where=_place(driver, error), hint=_remedy(name, error))


def _place(driver: type[Device], error: Exception) -> str:
    """Return file and line of the driver's last step, for its author."""
    frames = traceback.extract_tb(error.__traceback__)
    file = getattr(sys.modules.get(driver.__module__), "__file__", None)
    own = [frame for frame in frames if frame.filename == file]
    last = (own or frames)[-1]
    return f"{last.filename}:{last.lineno}"


def _remedy(name: str, error: Exception) -> str:
    if name == "stop":
        return "the robot may still move: press the emergency stop"
    if isinstance(error, ImportError):
        return "install the vendor's library that its driver needs"
    number = errno.ETIMEDOUT if isinstance(error, TimeoutError) else getattr(error, "errno", None)
    return f"{REMEDIES.get(number or 0, CHECK)}; then: hilctl doctor"
