"""The other interpreter from outside: started, asked with a time limit, ended.

Whatever the environment there does, an answer or a `DeviceError` comes in time: it may hang, die,
print, or raise.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from hilctl.env import gymnasium_worker
from hilctl.env.gymnasium_worker import packed, receive
from hilctl.errors import DeviceError

LEAVE_S = 2.0  # from the end of the conversation until it is killed
TAIL_BYTES = 8192  # of what it prints, for messages

_LACKING = re.compile(r"No module named '([\w.]+)'")


class WorkerProcess:
    """A Gymnasium environment in a process of its own.

    Args:
        python: its interpreter; None = the present one.
        folder: of the task, whose modules the environment and its expert may be.
        limit_s: how long it may take for an answer.
    """

    def __init__(self, python: str | None, folder: Path, limit_s: float) -> None:
        self._python = str(Path(python).expanduser()) if python else sys.executable
        self._folder, self._limit_s = folder, limit_s
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the interpreter.

        Raises:
            DeviceError: there is none.
        """
        ours, theirs = socket.socketpair()
        script = gymnasium_worker.__file__
        command = [self._python, script, str(theirs.fileno()), str(self._folder.resolve())]
        with theirs:
            try:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,  # Ctrl-C is for whoever asks
                )
            except OSError as error:
                ours.close()
                raise DeviceError(
                    f"environment: cannot start {self._python}: {error.strerror}",
                    hint="environment.python in task.yaml is the path of a Python interpreter",
                ) from None
        self._socket = ours
        self._printed = bytearray()
        self._reader = threading.Thread(target=self._read_what_it_prints, daemon=True)
        self._reader.start()

    def ask(
        self, call: str, arrays: Mapping[str, NDArray[Any]] | None = None, **content: Any
    ) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the content and the arrays of its answer.

        Raises:
            DeviceError: it raised, died, or did not answer in time; in the latter two cases it is
                ended.
        """
        if self._process is None:
            raise DeviceError("environment: its process no longer runs", hint="begin anew")
        deadline = time.monotonic() + self._limit_s
        try:
            self._socket.settimeout(self._limit_s)
            self._socket.sendall(packed({"call": call, **content}, arrays or {}))
            answer, found = receive(lambda size: self._read(size, deadline))
        except TimeoutError:
            self.close()
            raise DeviceError(
                f"environment: {call} took more than {self._limit_s:g} s{self._last_words()}",
                hint="if it may take longer, raise environment.limit_s in task.yaml",
            ) from None
        except (OSError, EOFError, ValueError):
            raise self._died(call) from None
        if "flaw" in answer:
            raise DeviceError(f"environment: {answer['flaw']}", hint=answer["hint"])
        if "raised" in answer:
            raise self._raised(call, answer)
        return answer, found

    def close(self) -> None:
        """End it and all processes that it started; idempotent."""
        process = self._process
        if process is None:
            return
        self._process = None
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(LEAVE_S)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._reader.join(LEAVE_S)
        if process.stdout is not None and not self._reader.is_alive():
            process.stdout.close()

    def _read(self, size: int, deadline: float) -> bytearray:
        data = bytearray(size)
        view, got = memoryview(data), 0
        while got < size:
            self._socket.settimeout(max(1e-3, deadline - time.monotonic()))
            count = self._socket.recv_into(view[got:])
            if not count:
                raise EOFError
            got += count
        return data

    def _read_what_it_prints(self) -> None:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        while part := os.read(process.stdout.fileno(), TAIL_BYTES):
            self._printed += part
            del self._printed[:-TAIL_BYTES]

    def _last_words(self) -> str:
        lines = self._printed.decode(errors="replace").strip().splitlines()
        return f"; it said: {lines[-1].strip()[:300]}" if lines else ""

    def _died(self, call: str) -> DeviceError:
        process = self._process
        self.close()
        code = process.returncode if process is not None else None
        said = self._last_words()
        how = f"died of signal {-code}" if code and code < 0 else "has ended"
        message = f"environment: its process {how} during {call}{said}"
        return DeviceError(message, hint=self._remedy(said) or "run it by itself to see why")

    def _raised(self, call: str, answer: Mapping[str, Any]) -> DeviceError:
        who = "the expert" if answer["by"] == "expert" else f"environment: {call}"
        lacking = answer["lacking"] and f"No module named {answer['lacking'].split('.')[0]!r}"
        hint = lacking and self._remedy(lacking)
        return DeviceError(
            f"{who} failed: {answer['raised']}",
            where=answer["where"],
            hint=hint or f"it is the {answer['by']}'s fault: mend it there",
        )

    def _remedy(self, said: str) -> str | None:
        """Return what to install when a module is missing."""
        if found := _LACKING.search(said):
            module = found[1].split(".")[0]
            return f"install what has {module!r} there: {self._python} -m pip install {module}"
        return None
