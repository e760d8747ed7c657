"""A simulated world in real time, which many talk to at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from hilctl.devices import Rig
from hilctl.sim.person import BoardCarrier, CameraView, HandGuide
from hilctl.sim.scenes import BoardScene, PrintedBoard
from hilctl.sim.scenes.board import HELD_AHEAD_M, in_hand
from hilctl.sim.world import SimWorld

Array = NDArray[np.float64]

STEP_S = 0.004  # between two looks at what is to be simulated
MOST_NS = 50_000_000  # that is made up for at once; a computer that is slower falls behind
FORCE_S = 0.02  # over which what a tool feels is smoothed, as sensors do
REFLEX_N = 60.0  # a blow that stops an arm with an error


class LiveWorld:
    """A scene that moves as time goes by; whoever looks at it or changes it holds it meanwhile.

    Args:
        scene: name of a scene of the simulator.
        seed: of what differs from episode to episode.

    Attributes:
        rig: whose world it is.
    """

    def __init__(self, scene: str, seed: int = 0) -> None:
        self.rig = Rig(seed)
        self._scene, self._grasps = scene, self.rig.generator("grasp")
        self._world = SimWorld(scene, self._grasps)
        self.rig.attach_world(self._world)
        self._held = threading.RLock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="world", daemon=True)
        self._forces = {name: np.zeros(6) for name in self._world.arms}
        self._failed: set[str] = set()

    def start(self) -> None:
        """Let time pass."""
        self._thread.start()

    def close(self) -> None:
        """Let time stand still; idempotent."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(10)

    @property
    def is_over(self) -> bool:
        """Whether time stands still."""
        return self._over.is_set()

    def wait(self, seconds: float) -> None:
        """Wait, but not longer than time passes here."""
        self._over.wait(seconds)

    @contextmanager
    def held(self) -> Iterator[SimWorld]:
        """Return the world, which does not move meanwhile."""
        with self._held:
            yield self._world

    def force_on(self, arm: str) -> Array:
        """Return the (6,) force in N and torque in N·m on a tool, tcp frame, smoothed."""
        with self._held:
            return self._forces[arm].copy()

    @property
    def shows_board(self) -> bool:
        """Whether a board is there in place of the scene's objects."""
        return isinstance(self._world.scene, BoardScene)

    def put_back(self) -> None:
        """Put the objects back as a person would, who leaves the arms alone."""
        with self._held:
            self._world.put_back()

    def show(self, board: PrintedBoard | None, view: str = "", aspect: float = 1.0) -> None:
        """Put a board in place of the scene's objects, or these back; the arms stay as they are.

        Args:
            board: None = the scene's objects.
            view, aspect: camera before which it is carried, if it is, and width of its pictures in
                their heights.
        """
        world = SimWorld(self._scene, self._grasps, board=board)  # takes seconds: time goes on
        with self._held:
            world.follow(self._world)
            if board is not None and board.place == "person":
                eye = CameraView(view, aspect)
                rng = self.rig.generator("person")
                world.carrier = BoardCarrier(world, eye, board.size_m, rng)
            self._world = world
            self.rig.attach_world(world)

    def lead(self, arm: str) -> None:
        """Let a person lead an arm by the hand, until it is told where to go."""
        with self._held:
            world, led = self._world, self._world.arms[arm]
            pivot_m = HELD_AHEAD_M if in_hand(world.scene) else float(led.tcp_pose()[2])
            led.leader = HandGuide(led, pivot_m, self.rig.generator("person"), world.time_ns)

    def fail(self, arm: str) -> None:
        """Stop an arm with an error: it holds, and follows nothing until that is cleared."""
        with self._held:
            self._world.arms[arm].hold()
            self._failed.add(arm)

    def clear(self, arm: str) -> None:
        """Clear the error that stopped an arm."""
        with self._held:
            self._failed.discard(arm)

    def has_failed(self, arm: str) -> bool:
        """Return whether an error has stopped an arm."""
        return arm in self._failed

    def _run(self) -> None:
        ahead_ns = self._world.time_ns - time.monotonic_ns()
        while not self._over.wait(STEP_S):
            with self._held:
                world = self._world
                now_ns = time.monotonic_ns() + ahead_ns
                if now_ns - world.time_ns > MOST_NS:
                    ahead_ns -= now_ns - world.time_ns - MOST_NS
                    now_ns = world.time_ns + MOST_NS
                world.advance_to(now_ns)
                self._feel(world)

    def _feel(self, world: SimWorld) -> None:
        for name, arm in world.arms.items():
            self._forces[name] += STEP_S / FORCE_S * (arm.wrench - self._forces[name])
            if np.linalg.norm(self._forces[name][:3]) > REFLEX_N:
                self.fail(name)
