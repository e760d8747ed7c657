"""`hilctl serve-sim` in a terminal: keys of a person in the room."""

from __future__ import annotations

import os
import sys

import pexpect


def test_keys_do_what_somebody_in_the_room_does() -> None:
    command = ["-m", "hilctl", "serve-sim", "--port", "0", "--scene", "reach"]
    terminal = pexpect.spawn(
        sys.executable,
        command,
        env={**os.environ, "TERM": "xterm"},
        timeout=60,
        dimensions=(40, 100),
    )
    terminal.expect(r"arm +(http://127.0.0.1:\d+)")
    url = terminal.match[1].decode()
    terminal.expect_exact(f"--template serl-insert --set url={url}")
    terminal.expect_exact(f"--set side={url}/camera/side.mjpg")
    terminal.expect_exact("put things back")
    terminal.expect_exact("q  leave")
    for key, told in (("r", "things are back"), ("e", "stopped with an error"), ("?", "")):
        terminal.send(key)
        terminal.expect_exact(told)
    terminal.send("q")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
