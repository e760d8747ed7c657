"""Pictures of the simulated world: OpenGL when there is one, else ray casting."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from typing import Protocol

import mujoco
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

PROBE_TIMEOUT_S = 20.0


class Renderer(Protocol):
    """Draw what a camera of the model sees."""

    def render(self, data: mujoco.MjData, camera: str, width: int, height: int) -> Image:
        """Return a (height, width, 3) RGB picture."""
        ...

    def close(self) -> None:
        """Free what the renderer holds."""
        ...


class GLRenderer:
    """MuJoCo's own renderer, without shadows and reflections to stay fast in software."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self._model = model
        self._renderers: dict[tuple[int, int], mujoco.Renderer] = {}

    def render(self, data: mujoco.MjData, camera: str, width: int, height: int) -> Image:
        """Return a (height, width, 3) RGB picture."""
        renderer = self._renderers.get((width, height))
        if renderer is None:
            renderer = mujoco.Renderer(self._model, height, width)
            self._renderers[width, height] = renderer
        renderer.update_scene(data, camera)
        flags = renderer.scene.flags
        for flag in ("SHADOW", "REFLECTION", "SKYBOX", "HAZE", "FOG"):
            flags[getattr(mujoco.mjtRndFlag, f"mjRND_{flag}")] = 0
        picture: Image = renderer.render()
        return picture

    def close(self) -> None:
        """Free the GL contexts."""
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()


class RayRenderer:
    """Lambert shading of ray-cast primitives: slower, but needs nothing beyond MuJoCo itself."""

    AMBIENT, HEADLIGHT, LAMP = 0.45, 0.45, 0.35

    def __init__(self, model: mujoco.MjModel) -> None:
        self._model = model
        self._rays: dict[tuple[str, int, int], NDArray[np.float64]] = {}
        visible = model.geom_rgba.copy()
        with_material = model.geom_matid >= 0
        visible[with_material] = model.mat_rgba[model.geom_matid[with_material]]
        self._colours = np.vstack([visible[:, :3], np.zeros((1, 3))])  # last row: nothing hit
        lamp = np.asarray(model.light_dir[0]) if model.nlight else np.array([0.0, 0.0, -1.0])
        self._lamp = -lamp / np.linalg.norm(lamp)

    def render(self, data: mujoco.MjData, camera: str, width: int, height: int) -> Image:
        """Return a (height, width, 3) RGB picture."""
        view = data.camera(camera)
        rays = self._directions(camera, width, height) @ view.xmat.reshape(3, 3).T
        rays = np.ascontiguousarray(rays)
        count = len(rays)
        hit = np.full(count, -1, np.int32)
        distance, normals = np.empty(count), np.zeros(count * 3)
        mujoco.mj_multiRay(
            self._model, data, view.xpos, rays.reshape(-1), None, True, -1,
            hit, distance, normals, count, mujoco.mjMAXVAL,
        )  # fmt: skip
        return self._shade(rays, hit, normals.reshape(-1, 3)).reshape(height, width, 3)

    def close(self) -> None:
        """Free nothing: there is no context."""

    def _directions(self, camera: str, width: int, height: int) -> NDArray[np.float64]:
        key = (camera, width, height)
        if key not in self._rays:
            half = np.tan(np.deg2rad(self._model.camera(camera).fovy[0]) / 2)
            y = half * (1 - 2 * (np.arange(height) + 0.5) / height)
            x = half * width / height * (2 * (np.arange(width) + 0.5) / width - 1)
            grid = np.stack(
                [np.tile(x, height), np.repeat(y, width), -np.ones(width * height)], axis=1
            )
            self._rays[key] = grid / np.linalg.norm(grid, axis=1, keepdims=True)
        return self._rays[key]

    def _shade(
        self, rays: NDArray[np.float64], hit: NDArray[np.int32], normals: NDArray[np.float64]
    ) -> Image:
        facing = np.abs(np.einsum("ij,ij->i", rays, normals))
        lamp = np.maximum(normals @ self._lamp, 0.0)
        light = self.AMBIENT + self.HEADLIGHT * facing + self.LAMP * lamp
        colour = self._colours[hit] * light[:, None]
        return (np.minimum(colour, 1.0) * 255).astype(np.uint8)


@cache
def renderer_name() -> str:
    """Return "egl", "osmesa", "glfw" or "raycast": what pictures are made with on this machine.

    A GL library that cannot make a context may abort the process, so a child tries it first. The
    environment variable HILCTL_RENDERER=raycast skips the trial.
    """
    if os.environ.get("HILCTL_RENDERER") == "raycast":
        return "raycast"
    backend = os.environ.get("MUJOCO_GL") or ("egl" if not os.environ.get("DISPLAY") else "glfw")
    program = (
        "import mujoco; m = mujoco.MjModel.from_xml_string('<mujoco/>');"
        "r = mujoco.Renderer(m, 8, 8); d = mujoco.MjData(m); mujoco.mj_forward(m, d);"
        "r.update_scene(d); r.render()"
    )
    try:
        trial = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "MUJOCO_GL": backend},
            capture_output=True,
            timeout=PROBE_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "raycast"
    return backend if trial.returncode == 0 else "raycast"


def make_renderer(model: mujoco.MjModel) -> Renderer:
    """Return the best renderer this machine has."""
    return RayRenderer(model) if renderer_name() == "raycast" else GLRenderer(model)
