"""Visit the whole workspace, so that the classifier has seen what a policy may find there."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.data.step import Observation
from hilctl.env.safety import reset_pose
from hilctl.task.layout import ActionLayout, named, pose_scale
from hilctl.task.sections import ArmSpec

Array = NDArray[np.float64]

CELLS = 5  # on each axis
ARRIVED_M = 0.004
ARRIVED_RAD = 0.05
GRIP_STEPS = 10  # of a gripper, until it is told something else
PATIENCE_STEPS = 15  # then something is in the way


class Coverage:
    """Count visits of the tcp to the cells of the bounds.

    Args:
        low, high: corners of the bounds, x, y, z in m first.
    """

    def __init__(self, low: Array, high: Array) -> None:
        self._low = np.asarray(low, float)[:3]
        self.cell_m = (np.asarray(high, float)[:3] - self._low) / CELLS
        self.visits = np.zeros((CELLS, CELLS, CELLS), np.int64)

    def add(self, positions: Array) -> None:
        """Count (..., 3) or longer positions in m; those outside count for the nearest cell."""
        points = np.atleast_2d(positions)[:, :3]
        cells = np.floor((points - self._low) / self.cell_m).astype(int)
        np.add.at(self.visits, tuple(np.clip(cells, 0, CELLS - 1).T), 1)

    @property
    def share(self) -> float:
        """Share of the cells that were visited, 0 to 1."""
        return float((self.visits > 0).mean())

    def draw_inside(self, cell: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Draw an (x, y, z) in m inside a cell."""
        return np.asarray(self._low + (cell + rng.random(3)) * self.cell_m)


class SweepPolicy:
    """Let every arm sweep its own workspace, and grippers open and close at random.

    Args:
        sweeps: by name of the arm.
        layout: of an action.
        rng: draws what the grippers do.
    """

    def __init__(
        self, sweeps: Mapping[str, ArmSweep], layout: ActionLayout, rng: np.random.Generator
    ) -> None:
        self._sweeps, self._layout, self._rng = sweeps, layout, rng
        self._grips = layout.idle()
        self._steps = 0

    def begin_episode(self, first: Observation) -> None:
        """Choose where to go first."""
        self._steps = 0
        for sweep in self._sweeps.values():
            sweep.begin_episode(first)

    def act(self, observation: Observation) -> Array:
        """Return the (A,) action in [-1, 1]."""
        if self._steps % GRIP_STEPS == 0:
            self._grips = self._layout.nearest(self._rng.uniform(-2, 2, self._layout.size))
        self._steps += 1
        action = self._grips.copy()
        for name, sweep in self._sweeps.items():
            pose = self._layout.of_arm(name, "delta_pose")
            assert pose is not None
            here = observation.state[named(name, "tcp_pose")]
            action[self._layout.slice_of(pose)] = sweep.towards(here)
        return action


class ArmSweep:
    """Head for one random pose after the other, first where nobody has been.

    Args:
        spec: of the arm; its bounds are swept, turned at random as far as they allow.
        coverage: what was visited so far; added to.
        rng: draws the poses.
    """

    def __init__(self, spec: ArmSpec, coverage: Coverage, rng: np.random.Generator) -> None:
        control = spec.control
        self._scale = pose_scale(control)
        self._turns = np.array(control.bounds.low[3:]), np.array(control.bounds.high[3:])
        self._upright = reset_pose(spec.reset)[3:]
        self._coverage, self._rng = coverage, rng
        self._aims = np.zeros_like(coverage.visits)

    def begin_episode(self, first: Observation) -> None:
        """Choose where to go first."""
        self._choose()

    def towards(self, here: Array) -> Array:
        """Return the (6,) displacement in [-1, 1] from a (7,) pose towards the next one."""
        self._coverage.add(here)
        way = self._way(here)
        arrived = np.linalg.norm(way[:3]) < ARRIVED_M and np.linalg.norm(way[3:]) < ARRIVED_RAD
        self._patience -= 1
        if arrived or self._patience <= 0:
            self._choose()
            way = self._way(here)
        action = way / self._scale
        return np.asarray(action / max(1.0, np.abs(action).max()))

    def _choose(self) -> None:
        """Aim at a cell that was aimed at least, of those at one that was visited least."""
        order = np.lexsort(
            [self._rng.random(self._aims.size), self._coverage.visits.ravel(), self._aims.ravel()]
        )
        cell = np.unravel_index(order[0], self._aims.shape)
        self._aims[cell] += 1
        turn = geometry.quat_from_rotvec(self._rng.uniform(*self._turns))
        position = self._coverage.draw_inside(tuple(map(int, cell)), self._rng)
        self._target = geometry.pose(position, geometry.quat_multiply(self._upright, turn))
        self._patience = PATIENCE_STEPS

    def _way(self, here: Array) -> Array:
        """Return the (6,) displacement to the target in the tcp frame, m and rad."""
        move = geometry.rotate(geometry.quat_conjugate(here[3:]), self._target[:3] - here[:3])
        return np.concatenate([move, geometry.rotation_between(here, self._target)])
