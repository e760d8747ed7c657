"""The errors a person can meet, each with its exit code; exit codes live here and nowhere else."""

from __future__ import annotations

from typing import ClassVar

EXIT_OK = 0
EXIT_BUG = 70
EXIT_INTERRUPTED = 130

# What parsers and those who use what was parsed raise over damaged content. Errors of reading are
# not among them: those say nothing of the content.
BROKEN = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    EOFError,
)


class HilctlError(Exception):
    """Tell a person what went wrong, where, and how to mend it.

    Args:
        message: what is wrong and why, in one or a few lines.
        where: file:line:col, path or device serial the message is about.
        hint: the command or edit that mends it.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def as_dict(self) -> dict[str, str | None]:
        """Return the JSON form: code, message, where, hint."""
        return {
            "code": self.code,
            "message": self.message,
            "where": self.where,
            "hint": self.hint,
        }


class BelowBarError(HilctlError):
    """A result is below the bar that was asked for."""

    code = "below_bar"
    exit_code = 1


class UsageError(HilctlError):
    """The command was asked for something that does not make sense."""

    code = "usage"
    exit_code = 2


class TaskFileError(HilctlError):
    """The task file is missing or wrong; the message lists every problem found."""

    code = "task_file"
    exit_code = 3


class DeviceError(HilctlError):
    """A robot, camera or teleoperation device failed."""

    code = "device"
    exit_code = 4


class StaleFrameError(DeviceError):
    """A camera has not delivered a new frame within the allowed age."""

    code = "stale_frame"


class StaleStateError(DeviceError):
    """A robot has not told a new state within the allowed age."""

    code = "stale_state"


class LostHandError(DeviceError):
    """The device in the operator's hand is gone."""

    code = "lost_hand"


class OutsideBoundsError(DeviceError):
    """A tool is far out of the bounds of its task, before anything has moved."""

    code = "outside_bounds"


class TravelStoppedError(DeviceError):
    """An arm was stopped on its way because a person wants an end."""

    code = "stopped"


class MissingStageError(HilctlError):
    """An earlier stage has to run first."""

    code = "missing_stage"
    exit_code = 5


class SafetyStopError(HilctlError):
    """The robot was stopped for safety."""

    code = "safety_stop"
    exit_code = 6


class DataError(HilctlError):
    """Stored data or weights are unreadable, or belong to another task."""

    code = "data"
    exit_code = 7


class DamagedDataError(DataError):
    """A file is cut off or altered: it cannot be used whatever the task says."""


class ComputerError(DataError):
    """The computer could not read or write: disk, locks, memory, limits; the data may be whole."""

    code = "computer"


class FolderBusyError(HilctlError):
    """Another command is writing to the same task folder."""

    code = "busy"
    exit_code = 2
