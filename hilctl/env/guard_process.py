"""What runs beside the process that moves an arm, and holds the arm when that dies or hangs.

It is started as `python -m hilctl.env.guard_process`, told on stdin, and answers nothing: whoever
would hear it is dead.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable

from hilctl.devices import Options
from hilctl.real_time import become_real_time
from hilctl.registry import load
from hilctl.robots.base import Robot

READY = b"ready\n"
BEAT, REST, LEAVE = b"b", b"r", b"q"
LOOK_S = 1.0  # between two looks at nothing
TRIES, PAUSE_S = 5, 0.2
FD = 0


def main(target: str, options: str, limit_s: float) -> None:
    """Watch until told to leave.

    Args:
        target: "module:Class" of the driver.
        options: its options, as JSON.
        limit_s: seconds between two signs of life of an arm that moves.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # they are for the other one
        signal.signal(number, signal.SIG_IGN)
    driver: type[Robot] = load(target)
    settings = driver.OptionsType(**json.loads(options))
    driver.prepare_to_hold(settings)
    become_real_time()  # a busy computer may be why the other one hangs
    os.write(1, READY)
    watch(lambda: hold(driver, settings), limit_s)


def watch(hold_arm: Callable[[], None], limit_s: float) -> None:
    """Read signs of life; hold the arm when they end, or stay away while it moves."""
    due_s: float | None = None
    with selectors.DefaultSelector() as selector:
        selector.register(FD, selectors.EVENT_READ)
        while True:
            wait_s = LOOK_S if due_s is None else max(0.0, due_s - time.monotonic())
            if selector.select(wait_s):
                told = os.read(FD, 4096)
                if LEAVE in told:
                    return
                if not told:
                    hold_arm()
                    return
                due_s = None if told.endswith(REST) else time.monotonic() + limit_s
            elif due_s is not None and time.monotonic() >= due_s:
                hold_arm()
                due_s = None


def hold(driver: type[Robot], options: Options) -> None:
    """Hold the arm; try again where that fails, and say so once."""
    for left in reversed(range(TRIES)):
        try:
            driver.hold_from_outside(options)
        except Exception as error:  # of a vendor's library: any
            if not left:
                os.write(2, f"the arm cannot be held: {error}\n".encode())
            time.sleep(PAUSE_S)
        else:
            return


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
