"""A Franka to connect to: franky-sim as a process, its clock, and what happens to it."""

from __future__ import annotations

import json
import mmap
import os
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

START_S, ANSWER_S = 120.0, 30.0


class Moment(NamedTuple):
    """Its time in ns, its fastest joint in rad/s, where the hand is in m, "move" or "idle"."""

    now_ns: int
    fastest: float
    hand: list[float]
    mode: str


class FakeFranka:
    """franky-sim behind libfranka's own protocol, at a loopback address of its own."""

    def __init__(self) -> None:
        with tempfile.NamedTemporaryFile(delete=False) as file:
            file.write(struct.pack("<q", 0))
        self._clock_path = Path(file.name)
        with open(file.name, "rb") as opened:
            self._clock = mmap.mmap(opened.fileno(), 8, access=mmap.ACCESS_READ)
        script = Path(__file__).with_name("franka_process.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script), file.name, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            self.host = self._line(START_S)
        except BaseException:
            self.end()
            raise
        self.clock = RobotClock(self)

    def now_ns(self) -> int:
        """Return the robot's own time."""
        return int(struct.unpack("<q", self._clock[:])[0])

    def tell(self, *words: Any) -> None:
        """Let something happen to it."""
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()

    def history(self) -> list[Moment]:
        """Return its last seconds, a millisecond each."""
        self.tell("history")
        return [Moment(*entry) for entry in json.loads(self._line())]

    def freeze(self) -> None:
        """Let it say nothing any more; return when it has stopped."""
        os.kill(self._process.pid, signal.SIGSTOP)
        limit_s = time.monotonic() + ANSWER_S
        while not self._is_stopped():
            assert time.monotonic() < limit_s, "franky-sim goes on"
            time.sleep(0.001)

    def _is_stopped(self) -> bool:
        tasks = Path(f"/proc/{self._process.pid}/task").glob("*/stat")
        return all(" T " in task.read_text().rpartition(")")[2][:3] for task in tasks)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self._process.pid, signal.SIGCONT)

    def end(self) -> None:
        """Be gone."""
        self._process.kill()
        self._process.wait(ANSWER_S)
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with suppress(BrokenPipeError):
                stream.close()
        self._clock.close()
        self._clock_path.unlink(missing_ok=True)

    def _line(self, limit_s: float = ANSWER_S) -> str:
        assert self._process.stdout is not None
        there, *_ = select.select([self._process.stdout], [], [], limit_s)
        assert there, "franky-sim says nothing"
        line = self._process.stdout.readline()
        assert line, "franky-sim has ended"
        return line.strip()


class RobotClock:
    """The robot's own time: a loaded machine makes it slow, and nothing late."""

    def __init__(self, franka: FakeFranka) -> None:
        self._franka = franka

    def now_ns(self) -> int:
        return self._franka.now_ns()

    def sleep_until(self, stamp_ns: int) -> None:
        limit_s = time.monotonic() + 60.0
        while self.now_ns() < stamp_ns:
            assert time.monotonic() < limit_s, "franky-sim stands still"
            time.sleep(0.001)
