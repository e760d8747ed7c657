"""A process of its own that holds an arm whose controller goes on when nobody talks to it."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from contextlib import suppress
from typing import Self

from hilctl.env.guard_process import BEAT, LEAVE, READY, REST
from hilctl.errors import DeviceError
from hilctl.robots.base import Robot

START_S = 30.0
LEAVE_S = 2.0
HOLD_S = 5.0  # with all of its tries


class Guard:
    """Watch over the process that moves an arm, from another one.

    Args:
        subject: what the arm is called.
        robot: open; its driver says how it is held from outside.
        limit_s: seconds between two signs of life of an arm that moves.
    """

    def __init__(self, subject: str, robot: Robot, limit_s: float) -> None:
        self._moves = False  # as far as anybody has said that it was stopped
        driver = robot.__class__  # of the device itself, where it is attended
        self._subject = subject
        self._command = [
            *(sys.executable, "-m", "hilctl.env.guard_process"),
            f"{driver.__module__}:{driver.__qualname__}",
            json.dumps(robot.options.model_dump(mode="json")),
            f"{limit_s:g}",
        ]

    def __enter__(self) -> Self:
        """Start it.

        Raises:
            DeviceError: it does not start.
        """
        paths = [*filter(None, sys.path), os.environ.get("PYTHONPATH", "")]
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            start_new_session=True,  # Ctrl-C and a closed terminal are not for it
        )
        assert self._process.stdin is not None
        os.set_blocking(self._process.stdin.fileno(), False)
        if not self._is_ready():
            self._process.kill()
            self._process.wait(LEAVE_S)
            raise DeviceError(
                f"{self._subject}: the process that would hold it in case of need does not start",
                hint="its words are above; without it the arm is not moved",
            )
        return self

    def __exit__(self, *exc: object) -> None:
        """End it; an arm that nobody could stop from here it holds first."""
        process = self._process
        if self._moves and process.stdin is not None:
            process.stdin.close()
        else:
            self._tell(LEAVE)
        with suppress(subprocess.TimeoutExpired):
            process.wait(HOLD_S if self._moves else LEAVE_S)
        if process.poll() is None:
            process.kill()
            process.wait(LEAVE_S)
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]

    def beat(self) -> None:
        """Say that the arm moves and all is well."""
        self._moves = True
        self._tell(BEAT)

    def travel(self) -> None:
        """Say that the arm goes somewhere by itself: no sign of life is due."""
        self._moves = True
        self._tell(REST)

    def rest(self) -> None:
        """Say that the arm was stopped: no sign of life is due."""
        self._moves = False
        self._tell(REST)

    @property
    def is_alive(self) -> bool:
        """Whether it watches."""
        return self._process.poll() is None

    def _tell(self, word: bytes) -> None:
        assert self._process.stdin is not None
        with suppress(OSError):  # it is gone, which `is_alive` tells, or late, and told enough
            os.write(self._process.stdin.fileno(), word)

    def _is_ready(self) -> bool:
        assert self._process.stdout is not None
        deadline_s = time.monotonic() + START_S
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while (left_s := deadline_s - time.monotonic()) > 0:
                if selector.select(left_s):
                    return os.read(self._process.stdout.fileno(), len(READY)) == READY
        return False
