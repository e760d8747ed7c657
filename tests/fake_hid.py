"""SpaceMice without hardware: a hidapi of our own, loaded by its name as the system's would be."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import tempfile
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).parent / "teleop" / "fake_hidapi.c"
COMPACT = "256f c635"  # a model with two buttons, whose turns come in reports of their own
FULL = 350


@cache
def library() -> Path:
    """Return the compiled library; a folder with nothing else for LD_LIBRARY_PATH."""
    folder = Path(tempfile.mkdtemp(prefix="hilctl-fake-hid-"))
    compiler = shutil.which("cc")
    assert compiler is not None, "needs a C compiler for the fake hidapi"
    target = folder / "libhidapi-hidraw.so.0"
    command = [compiler, "-shared", "-fPIC", "-O1", "-Wl,-soname,libhidapi-hidraw.so.0"]
    subprocess.run([*command, "-o", str(target), str(SOURCE)], check=True)
    return target


class FakeMouse:
    """One SpaceMouse; `plug_in` and `unplug` as a hand would.

    Args:
        folder: of all devices, as FAKE_HID names it.
        name: of its file, like hidraw0.
        serial: "-" = none.
        interfaces: how many it has; the last one moves.
    """

    def __init__(self, folder: Path, name: str, serial: str = "-", interfaces: int = 1) -> None:
        self.serial, self._interfaces = serial, interfaces
        self._folder = folder
        self.path = folder / name
        self._server: socket.socket | None = None
        self._peer: socket.socket | None = None
        self._files: list[Path] = []
        self.plug_in()

    def plug_in(self, name: str | None = None) -> None:
        """Be there, perhaps as another file than before."""
        self.path = self._folder / name if name else self.path
        for interface in range(self._interfaces):
            moves = interface == self._interfaces - 1
            file = self.path if moves else self.path.with_name(f"{self.path.name}{interface}")
            usage = "1 8" if moves else "1 6"
            file.write_text(f"{COMPACT} {interface} {usage} {self.serial} SpaceMouse Compact\n")
            self._files.append(file)
        self._address = Path(f"{self.path}.reports")
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._server.bind(str(self._address))
        self._server.listen()

    def unplug(self) -> None:
        """Be gone."""
        for file in [*self._files, self._address]:
            file.unlink(missing_ok=True)
        self._files = []
        for end in (self._peer, self._server):
            if end is not None:
                end.close()
        self._peer = self._server = None

    def push(self, x: float = 0, y: float = 0, z: float = 0) -> None:
        """Report a translation, in raw HID axes: x right, y towards the person, z down."""
        self._send(struct.pack("<Bhhh", 1, *(round(FULL * one) for one in (x, y, z))))

    def turn(self, rx: float = 0, ry: float = 0, rz: float = 0) -> None:
        """Report a rotation, about the same axes."""
        self._send(struct.pack("<Bhhh", 2, *(round(FULL * one) for one in (rx, ry, rz))))

    def press(self, left: bool = False, right: bool = False) -> None:
        """Report which buttons are down."""
        self._send(bytes([3, left | right << 1, 0, 0, 0, 0, 0]))

    def _send(self, report: bytes) -> None:
        assert self._server is not None
        if self._peer is None:
            self._server.settimeout(10)
            self._peer, _ = self._server.accept()
        self._peer.send(report)


def fake_environment(folder: Path) -> dict[str, str]:
    """Return the environment of a process that finds the fake library and these devices."""
    before = os.environ.get("LD_LIBRARY_PATH", "")
    paths = ":".join(filter(None, [str(library().parent), before]))
    return {**os.environ, "LD_LIBRARY_PATH": paths, "FAKE_HID": str(folder)}
