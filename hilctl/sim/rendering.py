"""Pictures of the simulated world: OpenGL when there is one, else ray casting."""

from __future__ import annotations

import importlib
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
BACKENDS = ("egl", "osmesa", "glfw")
# MuJoCo's other words for MUJOCO_GL
ANY_WORDS = ("", "enable", "enabled", "on", "true", "1", "glx")
OFF_WORDS = ("disable", "disabled", "off", "false", "0")


class Renderer(Protocol):
    """Draw what a camera of the model sees."""

    def render(self, data: mujoco.MjData, camera: str, width: int, height: int) -> Image:
        """Return a (height, width, 3) RGB picture."""
        ...

    def close(self) -> None:
        """Free what the renderer holds."""
        ...


class GLRenderer:
    """MuJoCo's OpenGL, without shadows and reflections to stay fast in software.

    `mujoco.Renderer` is not used because it takes its GL library from the environment at the
    moment mujoco is first imported, when nobody has looked yet which one works.

    Args:
        model: whose cameras are drawn, up to its offscreen size.
        backend: "egl", "osmesa" or "glfw".
        scale: of the canvas, in sizes of the model's offscreen buffer.
        samples: of each pixel, which make edges smooth; 0 = edges are as they come, which takes
            a third of the time of 4 where software draws. None = as the model says.
    """

    FLAGS_OFF = ("SHADOW", "REFLECTION", "SKYBOX", "HAZE", "FOG")
    MAX_GEOMS = 4000  # a board of 9 by 7 squares has a thousand patches of ink

    def __init__(
        self, model: mujoco.MjModel, backend: str, scale: int = 1, samples: int | None = None
    ) -> None:
        self._model = model
        size = model.vis.global_
        width, height = scale * size.offwidth, scale * size.offheight
        gl = importlib.import_module(f"mujoco.{backend}")
        self._gl = gl.GLContext(width, height)
        self._gl.make_current()
        self._context = _context(model, samples)
        mujoco.mjr_resizeOffscreen(width, height, self._context)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._context)
        self._scene = mujoco.MjvScene(model, maxgeom=self.MAX_GEOMS)
        for flag in self.FLAGS_OFF:
            self._scene.flags[getattr(mujoco.mjtRndFlag, f"mjRND_{flag}")] = 0
        self._options, self._perturb = mujoco.MjvOption(), mujoco.MjvPerturb()
        self._view = mujoco.MjvCamera()
        self._view.type = mujoco.mjtCamera.mjCAMERA_FIXED

    def render(self, data: mujoco.MjData, camera: str, width: int, height: int) -> Image:
        """Return a (height, width, 3) RGB picture."""
        self._gl.make_current()
        self._view.fixedcamid = self._model.camera(camera).id
        everything = mujoco.mjtCatBit.mjCAT_ALL.value
        mujoco.mjv_updateScene(
            self._model, data, self._options, self._perturb, self._view, everything, self._scene
        )
        frame = mujoco.MjrRect(0, 0, width, height)
        mujoco.mjr_render(frame, self._scene, self._context)
        upside_down = np.empty((height, width, 3), np.uint8)
        mujoco.mjr_readPixels(upside_down, None, frame, self._context)
        return np.ascontiguousarray(upside_down[::-1])

    def close(self) -> None:
        """Free the GL context; idempotent."""
        self._gl.make_current()
        self._context.free()
        self._gl.free()


def _context(model: mujoco.MjModel, samples: int | None) -> mujoco.MjrContext:
    """Return what is drawn on; MuJoCo takes the samples of its pixels from the model."""
    quality = model.vis.quality
    usual = quality.offsamples
    quality.offsamples = usual if samples is None else samples
    try:
        return mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
    finally:
        quality.offsamples = usual


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

    A GL library that cannot make a context may abort the process, so a child tries each first.
    MUJOCO_GL names the only one to try; what HILCTL_RENDERER names needs no trial, which takes half
    a second.
    """
    known = os.environ.get("HILCTL_RENDERER")
    if known == "raycast":
        return "raycast"
    asked_for = renderer_asked_for()
    candidates = ["egl", "glfw"] if os.environ.get("DISPLAY") else ["egl"]
    for backend in candidates if asked_for is None else [asked_for]:
        if backend in BACKENDS and (backend == known or _works(backend)):
            return backend
    return "raycast"


def renderer_asked_for() -> str | None:
    """Return what MUJOCO_GL names, known or not; None = whatever works."""
    word = os.environ.get("MUJOCO_GL", "").strip().lower()
    return None if word in ANY_WORDS else "raycast" if word in OFF_WORDS else word


def _works(backend: str) -> bool:
    program = f"from hilctl.sim.rendering import try_out; try_out({backend!r})"
    try:
        trial = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            timeout=PROBE_TIMEOUT_S,
            check=False,
            start_new_session=True,  # Ctrl-C is for us: it says nothing about a backend
        )
    except subprocess.TimeoutExpired:
        return False
    return trial.returncode == 0


def try_out(backend: str) -> None:
    """Draw one small picture; a backend that does not work raises or aborts."""
    camera = "<mujoco><worldbody><camera name='eye'/></worldbody></mujoco>"
    model = mujoco.MjModel.from_xml_string(camera)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    renderer = GLRenderer(model, backend)
    renderer.render(data, "eye", 8, 8)
    renderer.close()


def make_renderer(model: mujoco.MjModel, scale: int = 1, samples: int | None = None) -> Renderer:
    """Return the best renderer this machine has.

    Args:
        model: whose cameras are drawn.
        scale: of the canvas, in sizes of the model's offscreen buffer.
        samples: of each pixel; None = as the model says.
    """
    name = renderer_name()
    return RayRenderer(model) if name == "raycast" else GLRenderer(model, name, scale, samples)
