"""Drivers for an arm at the other end of a connection, and for a hand that never rests."""

import json
import math
import os
import socket
import threading
import time

import numpy as np

from hilctl.devices import Options
from hilctl.errors import DeviceError
from hilctl.robots.base import Command, Robot, RobotLimits, RobotState
from hilctl.teleop.base import Teleop, TeleopInput

DOWN = [1.0, 0.0, 0.0, 0.0]
PERIOD_S = 0.01


class WireOptions(Options):
    port: int


class Line:
    """A connection."""

    def __init__(self, port):
        self.lock = threading.Lock()
        self.socket = socket.create_connection(("127.0.0.1", port), 2.0)
        self.file = self.socket.makefile("rw")

    def tell(self, **told):
        with self.lock:
            self.file.write(json.dumps(told) + "\n")
            self.file.flush()
            return json.loads(self.file.readline())

    def close(self):
        self.file.close()
        self.socket.close()


class WireRobot(Robot):
    """Goes where it is told, and on."""

    OptionsType = WireOptions
    limits = RobotLimits(reach_m=0.85, speed_m_s=0.2, speed_rad_s=1.0)
    needs_guard = True
    line = None
    stopped = 0

    @classmethod
    def hold_from_outside(cls, options):
        line = Line(options.port)
        line.tell(hold=True)
        line.close()

    def open(self):
        self.line = Line(self.options.port)

    def close(self):
        if self.line is not None:
            self.line.close()
            self.line = None

    def state(self):
        told = self.line.tell()
        pose = np.array([*told["place"], *DOWN])
        now_ns = self.rig.clock.now_ns()
        velocity = np.array([*told["velocity"], 0.0, 0.0, 0.0])
        return RobotState(pose, velocity, np.zeros(6), np.zeros(7), 1.0, now_ns)

    def servo(self, command):
        self.line.tell(target=command.tcp_pose[:3].tolist(), speed=self.limits.speed_m_s)
        return Command(command.tcp_pose, command.gripper)

    def move_to(self, tcp_pose, *, speed):
        stopped, goal = self.stopped, np.array(tcp_pose[:3])
        while True:
            away = goal - self.state().tcp_pose[:3]
            if np.linalg.norm(away) < 0.001:
                break
            if self.stopped > stopped:
                raise DeviceError("the arm was stopped on its way")
            self.line.tell(target=goal.tolist(), speed=speed * self.limits.speed_m_s)
            time.sleep(PERIOD_S)
        self.line.tell(hold=True)

    def stop(self):
        self.stopped += 1
        if self.line is not None:
            self.line.tell(hold=True)


class WireHand(Teleop):
    """Drives back and forth; blocks once where WIRE_STALL names a file that is there."""

    stalls = 0

    def open(self):
        self.begun = time.monotonic()

    def close(self):
        pass

    def poll(self):
        stall = os.environ.get("WIRE_STALL", "")
        if stall and os.path.exists(stall):
            os.remove(stall)
            time.sleep(1.0)
        x = math.copysign(1.0, math.sin(4 * (time.monotonic() - self.begun)))
        return TeleopInput(twist=np.array([x, 0, 0, 0, 0, 0]), engaged=True)
