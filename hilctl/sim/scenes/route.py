"""A part that has to go over a fence and under a clip, in this order."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.sim.scenes.base import Scene, add_box
from hilctl.sim.scenes.held import HeldPart, contacts

Array = NDArray[np.float64]

ORANGE, YELLOW = [0.9, 0.45, 0.1, 1], [0.95, 0.75, 0.1, 1]
BLUE, GREEN = [0.16, 0.38, 0.72, 1], [0.1, 0.6, 0.25, 1]


class RouteScene(Scene):
    """Lift a part over a fence, put its foot under a clip, and pull off: the clip keeps it.

    A magnet holds the part. At a touch of the fence it lets go, and nothing brings the part back in
    that episode. Where the foot is under the clip, the hand pulls itself free. The clip stands a
    little elsewhere each time.
    """

    STEM_HALF_M = (0.008, 0.008, 0.022)
    FOOT_HALF_M = (0.015, 0.008, 0.004)
    TIP_M = 0.038  # of the foot, ahead of the tcp
    SOLE_M = 0.022  # of the foot, below the tcp

    FENCE_X_M, FENCE_HALF_M, FENCE_HEIGHT_M = 0.49, 0.004, 0.05
    CLIP_X_M, CLIP_HALF_M = 0.581, 0.006  # of the bar, along x
    CLIP_SPREAD_M = 0.012  # half width of where it stands, along y
    CLEARANCE_M = 0.006  # of the foot under the bar
    BESIDE_M = 0.010  # of the foot between the posts, on each side
    BEYOND_M = 0.004  # the foot has to reach behind the bar
    PULL_OFF_N = 8.0
    LET_GO_M = 0.012  # of the hand above a part that the clip keeps
    GRASP_SHIFT_M = (0.002, 0.0005, 0.001)
    GRASP_TURN_RAD = (np.deg2rad(0.5), np.deg2rad(0.5), np.deg2rad(2.0))

    home_tcp = geometry.pose([0.42, 0.0, 0.06], geometry.quat_from_rpy([np.pi, 0.0, 0.0]))

    def __init__(self) -> None:
        self.part = HeldPart("part")
        self._fence: list[int] = []

    def add_cameras(self, spec: Any) -> None:
        """Add the side camera."""
        spec.worldbody.add_camera(
            name="side", pos=[0.5, -0.33, 0.15], xyaxes=[1, 0, 0, 0, 0.33, 0.944], fovy=33
        )

    def add_objects(self, spec: Any) -> None:
        """Add part, fence and clip."""
        part = self.part.add(spec, self.home_tcp[:3])
        add_box(part, "stem", [0, 0, 0], self.STEM_HALF_M, ORANGE).mass = 0.02
        place = [self.TIP_M - self.FOOT_HALF_M[0], 0, self.SOLE_M - self.FOOT_HALF_M[2]]
        add_box(part, "foot", place, self.FOOT_HALF_M, YELLOW).mass = 0.02
        half = [self.FENCE_HALF_M, 0.075, self.FENCE_HEIGHT_M / 2]
        add_box(spec.worldbody, "fence", [self.FENCE_X_M, 0, half[2]], half, BLUE)
        self._add_clip(spec.worldbody.add_body(name="clip", pos=[self.CLIP_X_M, 0, 0]))

    def _add_clip(self, clip: Any) -> None:
        bar, post = 0.0025, 0.004  # half thicknesses
        bottom = 2 * self.FOOT_HALF_M[2] + self.CLEARANCE_M
        inner = self.FOOT_HALF_M[1] + self.BESIDE_M
        along = self.CLIP_HALF_M
        add_box(clip, "bar", [0, 0, bottom + bar], [along, inner + 2 * post, bar], GREEN)
        for side, sign in (("left", 1), ("right", -1)):
            place = [0, sign * (inner + post), bottom / 2]
            add_box(clip, f"post_{side}", place, [along, post, bottom / 2], GREEN)

    def randomise(
        self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator
    ) -> None:
        """Draw a grasp of the part, and where the clip stands."""
        shift, turn = rng.uniform(-1, 1, 3), rng.uniform(-1, 1, 3)
        self.part.grasp(model, shift * self.GRASP_SHIFT_M, turn * self.GRASP_TURN_RAD)
        model.body("clip").pos[1] = rng.uniform(-1, 1) * self.CLIP_SPREAD_M
        self._fence = [model.geom("fence").id]

    def hand_over(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """Put the part into the hand."""
        self.part.hand_over(model, data)

    def happen(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """Free the part at a touch of the fence, or when it is pulled hard."""
        if not self.part.is_held(model, data):
            return
        touching = data.ncon and contacts(model, data, self.part.name, self._fence).size
        if touching or self.part.pull_n(data)[2] > self.PULL_OFF_N:
            self.part.free(model, data)

    def clip_y_m(self, model: mujoco.MjModel) -> float:
        """Return where the clip stands in this episode."""
        return float(model.body("clip").pos[1])

    def is_under_clip(self, data: mujoco.MjData) -> bool:
        """Return whether the foot lies under the bar and reaches behind it, held or not."""
        part = self.part.pose(data)
        tip = part[:3] + geometry.rotate(part[3:], [self.TIP_M, 0, self.SOLE_M])
        behind = tip[0] - (self.CLIP_X_M + self.CLIP_HALF_M)
        level = geometry.rotate(part[3:], [0, 0, -1.0])[2] > np.cos(0.15)
        aside = abs(tip[1] - data.body("clip").xpos[1])
        within = aside < self.FOOT_HALF_M[1] + self.BESIDE_M
        return bool(behind >= self.BEYOND_M and level and within and tip[2] < self.CLEARANCE_M)

    def away_m(self, data: mujoco.MjData) -> float:
        """Return how far above the part the hand is from where it held it."""
        return float(data.site("tcp").xpos[2] - self.part.pose(data)[2])

    def solved(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Return whether the clip keeps the part and the hand has left it."""
        free = not self.part.is_held(model, data)
        return free and self.is_under_clip(data) and self.away_m(data) >= self.LET_GO_M
