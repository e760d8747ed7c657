"""franky-sim in a process of its own: libfranka's protocol, an FR3 with friction in MuJoCo.

It says its address on the first line, keeps its clock in a file that others map, and does what it
is told on its standard input, a word a line, as long as whoever started it lives.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import signal
import struct
import sys
import threading
import xml.etree.ElementTree as ET
from collections import deque
from typing import Any

import franky_sim
import mujoco
import numpy as np
from franky_sim.franka_robot_protocol import (
    AutomaticErrorRecoveryCommand,
    BaseCommand,
    MoveStatus,
    RobotCommand,
    RobotMode,
)
from franky_sim.franka_robot_server import FrankaRobotServer
from franky_sim.mujoco_simulator import MujocoSimulator

CARTESIAN_REFLEX = 7  # in libfranka's list of errors
PARENT_DEATH_SIGNAL = 1  # Linux's PR_SET_PDEATHSIG
KEPT = 3000  # ms of history
# the real control compensates gravity and friction of whoever commands torques, franky-sim only
# gravity
LEFT_OF_FRICTION = 0.2


class Told:
    """What it was told, and how it went."""

    def __init__(self) -> None:
        self.wrench = (0.0,) * 6
        self.mode: RobotMode | None = None
        self.reflex = self.home = False
        self.push_n = np.zeros(3)
        self.slow = 1.0  # how much slower than real time it is
        self.friction, self.all_friction = LEFT_OF_FRICTION, None
        self.history: deque[tuple[int, float, list[float], str]] = deque(maxlen=KEPT)

    def hear(self, server: FrankaRobotServer) -> None:
        for line in sys.stdin:
            word, *numbers = line.split()
            values = tuple(map(float, numbers))
            if word == "wrench":
                self.wrench = values
            elif word == "push":
                self.push_n = np.array(values)
            elif word == "friction":
                (self.friction,) = values
            elif word == "slow":
                (self.slow,) = values
            elif word == "mode":
                self.mode = RobotMode(int(values[0])) if values else None
            elif word == "reflex":
                self.reflex = True
            elif word == "home":
                self.home = True
            elif word == "history":
                say(json.dumps(list(self.history)))
        os._exit(0)  # nobody is there any more


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def serve(clock_file: str) -> None:
    told = Told()
    with open(clock_file, "r+b") as file:
        clock = mmap.mmap(file.fileno(), 8)
    with MujocoSimulator() as sim:
        robot = sim.add_robot()
        wall = {"type": "box", "size": "0.3 0.02 0.5", "pos": "0.5 -0.37 0.5"}
        ET.SubElement(sim.worldbody, "geom", wall)
        with franky_sim.SimulationServer(sim) as server:
            (control,) = server.robot_servers
            dress(control, told)
            sim.register_pre_step_callback(lambda sim: push(sim, robot, told))
            sim.register_post_step_callback(lambda sim: remember(sim, robot, control, told, clock))
            say(robot.hostname)
            threading.Thread(target=told.hear, args=(control,), daemon=True).start()
            while True:
                server.run_once(told.slow)


def dress(control: Any, told: Told) -> None:
    """Let the control tell wrenches, modes and errors that franky-sim does not know."""
    plainly = control._get_state_bytes

    def state_bytes() -> bytes:
        changes: dict[str, Any] = {"K_F_ext_hat_K": told.wrench}
        if told.mode is not None:
            changes["robot_mode"] = told.mode
            errors = [False] * 41
            errors[CARTESIAN_REFLEX] = told.mode is RobotMode.kReflex
            changes["errors"] = changes["reflex_reason"] = tuple(errors)
        return bytes(control.robot_state.replace(**changes).pack_state())

    assert callable(plainly)
    control._get_state_bytes = state_bytes
    acknowledge = AutomaticErrorRecoveryCommand.handle

    def handle(command: AutomaticErrorRecoveryCommand, server: Any) -> None:
        told.mode = None
        acknowledge(command, server)

    AutomaticErrorRecoveryCommand.handle = handle  # type: ignore[method-assign]


def push(sim: Any, robot: Any, told: Told) -> None:
    """Push at the hand, put the arm back, or let the control stop itself, as told."""
    control = robot.server
    if told.all_friction is None:
        told.all_friction = sim.model.dof_frictionloss[robot._dof_addrs].copy()
    if told.reflex:
        told.reflex, told.mode = False, RobotMode.kReflex
        motion, socket = control.current_motion_id, control._tcp_socket
        control.stop_motion(send_preemption_signal=False)
        BaseCommand.send_response(socket, RobotCommand.kMove, motion, MoveStatus.kReflexAborted)
        control.reset_current_motion_id()
    if told.home:
        told.home = False
        for address, angle in zip(robot._qpos_addrs, robot.initial_q, strict=True):
            sim.data.qpos[address] = angle
        sim.data.qvel[:] = 0.0
        control._reset_state()
    sim.model.dof_frictionloss[robot._dof_addrs] = told.friction * told.all_friction
    hand = mujoco.mj_name2id(sim.model, mujoco.mjtObj.mjOBJ_BODY, "robot0_hand")
    sim.data.xfrc_applied[hand, :3] = told.push_n


def remember(sim: Any, robot: Any, control: Any, told: Told, clock: mmap.mmap) -> None:
    """Note by the robot's own clock how fast its fastest joint is, and whether it is in motion."""
    now_ns = round(sim.data.time * 1e9)
    clock[:] = struct.pack("<q", now_ns)
    fastest = max(abs(float(sim.data.qvel[address])) for address in robot._dof_addrs)
    moving = "move" if control.current_motion_id else "idle"
    hand = sim.data.body("robot0_hand").xpos.round(6).tolist()
    told.history.append((now_ns, fastest, hand, moving))


def end_with(parent: int) -> None:
    """Have the kernel end this process with its parent, even while it is halted."""
    ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


if __name__ == "__main__":
    end_with(int(sys.argv[2]))
    serve(sys.argv[1])
