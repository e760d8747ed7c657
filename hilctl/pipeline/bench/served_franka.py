"""franky-sim in a process of its own: a Franka in real time behind libfranka's own protocol."""

from __future__ import annotations

import json
import signal
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilctl.errors import DeviceError
from hilctl.pipeline.train.processes.signals import SPAWN
from hilctl.real_time import become_real_time

LIBRARIES = {"franky_sim": "franky-sim", "franky": "franky-control"}
START_S, ANSWER_S, LEAVE_S = 60.0, 10.0, 5.0
KEPT = 30_000  # commands, one each millisecond
# the real control compensates gravity and friction of whoever commands torques, franky-sim only
# gravity
LEFT_OF_FRICTION = 0.2


class ServedFranka:
    """A simulated Franka that is there.

    Args:
        host: where its control is.
        pipe: to its process.

    Attributes:
        host: where its control is.
    """

    def __init__(self, host: str, pipe: Connection) -> None:
        self.host, self._pipe = host, pipe

    def heard(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return when it was told torques lately, in ns, and by how much they changed, in N·m.

        Raises:
            DeviceError: its process says nothing.
        """
        self._pipe.send_bytes(b"heard")
        stamps_ns, changes_nm = json.loads(_answer(self._pipe, ANSWER_S))
        return np.array(stamps_ns, np.int64), np.array(changes_nm)


@contextmanager
def served_franka() -> Iterator[ServedFranka]:
    """Run franky-sim.

    Raises:
        DeviceError: it is not installed, or does not start.
    """
    require_installed()
    pipe, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=_serve, args=(theirs,), name="franky-sim", daemon=True)
    process.start()
    theirs.close()
    try:
        yield ServedFranka(_answer(pipe, START_S).decode(), pipe)
    finally:
        pipe.close()
        process.join(LEAVE_S)
        if process.is_alive():
            process.kill()
            process.join()


def require_installed() -> None:
    """Check that the simulator and the library that talks to it are installed.

    Raises:
        DeviceError: one of them is not.
    """
    missing = [name for module, name in LIBRARIES.items() if find_spec(module) is None]
    if missing:
        raise DeviceError(
            f"{' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} not installed",
            hint=f"pip install {' '.join(missing)}; there are wheels for Linux on x86-64",
        )


def _answer(pipe: Connection, limit_s: float) -> bytes:
    try:
        if pipe.poll(limit_s):
            return pipe.recv_bytes()
    except (EOFError, OSError):
        raise DeviceError("franky-sim has ended", hint="its last words are above") from None
    raise DeviceError(f"franky-sim says nothing for {limit_s:g} s")


def _serve(pipe: Connection) -> None:
    """Be a Franka until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; whoever asked decides
    import franky_sim
    from franky_sim.mujoco_simulator import MujocoSimulator

    with MujocoSimulator() as sim:
        robot = sim.add_robot()
        with franky_sim.SimulationServer(sim) as server:
            sim.model.dof_frictionloss[robot._dof_addrs] *= LEFT_OF_FRICTION
            told = _told_torques(server.robot_servers[0])
            become_real_time()  # a robot does not wait for the programs of a computer
            pipe.send_bytes(robot.hostname.encode())
            while True:
                server.run_once()
                if pipe.poll():
                    try:
                        pipe.recv_bytes()
                    except (EOFError, OSError):
                        return
                    pipe.send_bytes(json.dumps(list(zip(*told, strict=True))).encode())


def _told_torques(control: Any) -> deque[tuple[int, float]]:
    """Note from now on when a control is told torques, and by how much they change at most."""
    from franky_sim.franka_robot_protocol import UDPCommand

    told: deque[tuple[int, float]] = deque([(time.monotonic_ns(), 0.0)], maxlen=KEPT)
    plainly = control._handle_udp_command
    last = np.zeros(7)

    def handle(data: bytes) -> None:
        nonlocal last
        plainly(data)
        now = np.array(UDPCommand.from_bytes(data).tau_J_d)
        told.append((time.monotonic_ns(), float(np.abs(now - last).max())))
        last = now

    control._handle_udp_command = handle
    return told
