"""Pictures: two renderers that see the same world, and a choice between them that never crashes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import pytest
from arm_in_a_scene import at, glide, world_of

from hilctl.sim import rendering
from hilctl.sim.rendering import GLRenderer, RayRenderer, Renderer, renderer_name
from hilctl.sim.world import SimWorld

SIZE = (128, 96)


@pytest.fixture(scope="module")
def insert() -> SimWorld:
    world = world_of("insert")
    glide(world, at(0.5, 0.01, 0.13), 0.5)
    return world


@pytest.fixture(scope="module")
def reach() -> SimWorld:
    return world_of("reach")


@pytest.fixture(params=["raycast", "gl"])
def kind(request: pytest.FixtureRequest) -> str:
    if request.param == "gl" and renderer_name() == "raycast":
        pytest.skip("no GL on this machine")
    return str(request.param)


def make(kind: str, world: SimWorld) -> Renderer:
    return (
        RayRenderer(world.model) if kind == "raycast" else GLRenderer(world.model, renderer_name())
    )


@pytest.fixture
def draw(kind: str, insert: SimWorld, reach: SimWorld) -> Iterator[object]:
    made = {"insert": make(kind, insert), "reach": make(kind, reach)}
    worlds = {"insert": insert, "reach": reach}
    yield lambda scene, camera: made[scene].render(worlds[scene].data, camera, *SIZE)
    for renderer in made.values():
        renderer.close()


def test_ctrl_c_while_a_backend_is_tried_does_not_say_that_it_fails() -> None:
    if renderer_name() == "raycast":
        pytest.skip("no GL on this machine")
    program = (
        "import signal; from hilctl.sim import rendering\n"
        "signal.signal(signal.SIGINT, lambda *_: print('heard', flush=True))\n"
        f"print('trying', flush=True); print(rendering._works({renderer_name()!r}), flush=True)"
    )
    trying = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert trying.stdout is not None
    assert trying.stdout.readline() == "trying\n"
    time.sleep(0.2)  # it takes half a second
    os.killpg(trying.pid, signal.SIGINT)
    assert trying.communicate(timeout=60)[0].split() == ["heard", "True"]


def orange(image: np.ndarray) -> np.ndarray:
    red, green, blue = np.moveaxis(image.astype(int), -1, 0)
    return (red > 1.5 * green) & (red > 2 * blue) & (red > 60)


def blue(image: np.ndarray) -> np.ndarray:
    red, green, blue = np.moveaxis(image.astype(int), -1, 0)
    return (blue > 1.4 * green) & (blue > 2 * red)


def green(image: np.ndarray) -> np.ndarray:
    red, green, blue = np.moveaxis(image.astype(int), -1, 0)
    return (green > 1.5 * blue) & (green > 2 * red)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / max(1, (one | other).sum()))


@pytest.mark.parametrize("camera", ["wrist", "side"])
def test_pictures_show_the_work(draw, camera: str) -> None:
    image = draw("insert", camera)
    assert image.shape == (SIZE[1], SIZE[0], 3)
    assert image.dtype == np.uint8
    assert orange(image).sum() > 50, "the peg"
    assert blue(image).sum() > 50, "the socket"


@pytest.mark.parametrize("camera", ["wrist", "side"])
def test_things_are_drawn_where_a_pinhole_camera_sees_them(
    draw, reach: SimWorld, camera: str
) -> None:
    ball = green(draw("reach", camera))
    view = reach.data.camera(camera)
    x, y, z = view.xmat.reshape(3, 3).T @ (reach.data.body("target").xpos - view.xpos)
    focal_px = SIZE[1] / 2 / np.tan(np.deg2rad(reach.model.camera(camera).fovy[0]) / 2)
    column, row = SIZE[0] / 2 - focal_px * x / z, SIZE[1] / 2 + focal_px * y / z
    rows, columns = np.nonzero(ball)
    assert len(rows) > 5
    assert np.mean(columns) + 0.5 == pytest.approx(column, abs=2.0)
    assert np.mean(rows) + 0.5 == pytest.approx(row, abs=2.0)


@pytest.mark.parametrize("camera", ["wrist", "side"])
def test_both_renderers_see_the_same(insert: SimWorld, camera: str) -> None:
    if renderer_name() == "raycast":
        pytest.skip("no GL on this machine")
    pictures = []
    for kind in ("raycast", "gl"):
        renderer = make(kind, insert)
        pictures.append(renderer.render(insert.data, camera, *SIZE))
        renderer.close()
    difference = np.abs(pictures[0].astype(int) - pictures[1].astype(int))
    assert difference.mean() < 15
    assert overlap(orange(pictures[0]), orange(pictures[1])) > 0.85
    assert overlap(blue(pictures[0]), blue(pictures[1])) > 0.85


def test_pictures_follow_the_world(kind: str) -> None:
    world = world_of("insert")
    renderer = make(kind, world)
    before = renderer.render(world.data, "side", *SIZE)
    np.testing.assert_array_equal(renderer.render(world.data, "side", *SIZE), before)
    glide(world, at(0.53, 0.02, 0.13), 0.5)
    assert (renderer.render(world.data, "side", *SIZE) != before).mean() > 0.02
    renderer.close()


def test_ray_casting_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HILCTL_RENDERER", "raycast")
    assert renderer_name.__wrapped__() == "raycast"
    world = world_of("reach")
    monkeypatch.setattr(rendering, "renderer_name", renderer_name.__wrapped__)
    assert isinstance(rendering.make_renderer(world.model), RayRenderer)


def test_a_renderer_that_is_known_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    monkeypatch.setattr(rendering, "_works", lambda backend: bool(tried.append(backend)))
    monkeypatch.setenv("HILCTL_RENDERER", "egl")
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    assert renderer_name.__wrapped__() == "egl"
    assert tried == []
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    assert renderer_name.__wrapped__() == "raycast"
    assert tried == ["osmesa"]


@pytest.mark.parametrize(
    ("word", "tried"), [("EGL", ["egl"]), (" glfw ", ["glfw"]), ("../egl", []), ("off", [])]
)
def test_only_what_mujoco_gl_names_is_tried(
    monkeypatch: pytest.MonkeyPatch, word: str, tried: list[str]
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(rendering, "_works", lambda backend: seen.append(backend) is not None)
    monkeypatch.delenv("HILCTL_RENDERER", raising=False)
    monkeypatch.setenv("MUJOCO_GL", word)
    assert renderer_name.__wrapped__() == "raycast"
    assert seen == tried


def test_a_gl_library_that_does_not_work_is_found_out_in_a_child(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HILCTL_RENDERER", raising=False)
    monkeypatch.setenv("MUJOCO_GL", "no_such_library")
    assert renderer_name.__wrapped__() == "raycast"
