"""A plug into a socket: by its handle, pressed in and let go of; and a bad grasp is put right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from arm_in_a_scene import at, demonstrate, follow_expert, glide, run, task_of, world_of

from hilctl import geometry
from hilctl.sim.experts import expert_for
from hilctl.sim.scenes import PickInsertScene
from hilctl.sim.world import SimWorld

BY_THE_HANDLE_M, BY_THE_PIN_M = 0.013, -0.006  # tcp over the plug's middle


def scene_of(world: SimWorld) -> PickInsertScene:
    assert isinstance(world.scene, PickInsertScene)
    return world.scene


def grasp(world: SimWorld, over_m: float) -> None:
    """Close the fingers so high over the plug's middle."""
    x, y, z = scene_of(world).plug(world.data)[:3]
    glide(world, at(x, y, 0.09), 0.8)
    glide(world, at(x, y, z + over_m), 0.8)
    world.arm.grip(0.0)
    run(world, 0.5)


def press_in(world: SimWorld) -> None:
    """Carry the held plug over the socket and press it down."""
    scene = scene_of(world)
    for place in ([0.47, 0.0, 0.08], [*scene.SOCKET_XY_M, 0.08], [*scene.SOCKET_XY_M, 0.034]):
        to_tcp = geometry.compose(geometry.inverse(scene.plug(world.data)), world.tcp_pose())
        upright = geometry.pose(place, geometry.IDENTITY[3:])
        glide(world, geometry.compose(upright, to_tcp), 0.8)


@pytest.mark.parametrize("seed", range(2))
def test_a_plug_held_by_its_handle_goes_in_and_counts_when_the_hand_has_left(seed: int) -> None:
    world = world_of("pick-insert", seed)
    grasp(world, BY_THE_HANDLE_M)
    press_in(world)
    assert scene_of(world).depth_m(world.data) >= PickInsertScene.SOLVED_DEPTH_M
    assert not world.solved()  # it is still held
    world.arm.grip(1.0)
    run(world, 0.5)
    assert not world.solved()  # the hand is still around it
    glide(world, at(*world.tcp_pose()[:2], 0.1), 0.5)
    assert world.solved()


@pytest.fixture
def badly_held() -> SimWorld:
    world = world_of("pick-insert")
    grasp(world, BY_THE_PIN_M)
    return world


def test_a_plug_held_by_its_pin_stays_half_in_even_when_it_is_let_go_of(
    badly_held: SimWorld,
) -> None:
    world, scene = badly_held, scene_of(badly_held)
    press_in(world)
    depth_m = scene.depth_m(world.data)
    assert 0.003 < depth_m < scene.SOLVED_DEPTH_M - 0.003
    world.arm.grip(1.0)
    run(world, 1.0)
    assert scene.depth_m(world.data) == pytest.approx(depth_m, abs=0.002)
    assert not world.solved()


@pytest.mark.parametrize("half_in", [False, True])
def test_the_expert_puts_a_bad_grasp_right(badly_held: SimWorld, half_in: bool) -> None:
    if half_in:
        press_in(badly_held)
    follow_expert(badly_held, 200)
    assert badly_held.solved()


def test_a_plug_that_is_knocked_over_is_lost() -> None:
    world = world_of("pick-insert")
    x, y, _ = scene_of(world).plug(world.data)[:3]
    glide(world, at(x, y - 0.07, 0.04), 0.8)
    glide(world, at(x, y, 0.04), 0.4)
    glide(world, at(x, y, 0.12), 0.6)
    assert scene_of(world).tilt_rad(world.data) > 1.0
    assert expert_for(world).is_lost()
    assert not world.solved()


def test_the_spring_holds_no_more_than_its_plug() -> None:
    world = world_of("pick-insert")
    assert world.data.joint("spring").qpos[0] == pytest.approx(0, abs=1e-3)
    run(world, 0.5)
    assert abs(world.data.joint("spring").qvel[0]) < 1e-3


def test_every_episode_has_its_plug_elsewhere_upright() -> None:
    world, places = world_of("pick-insert"), []
    for _ in range(8):
        world.reset()
        run(world, 0.1)
        places.append(scene_of(world).plug(world.data)[:3][:2])
        assert scene_of(world).tilt_rad(world.data) < 0.02
    assert (np.ptp(places, axis=0) > 0.005).all()


def test_the_operator_picks_and_inserts(tmp_path: Path) -> None:
    episodes = demonstrate(task_of("sim-pick-insert", tmp_path), skill=0.8, episodes=3, seed=0)
    assert all(episode.success == episode.true_success for episode in episodes)
    assert sum(episode.success for episode in episodes) >= 2
