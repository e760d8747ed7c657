"""Over a fence and under a clip: what a touch spoils stays so, and only the whole way counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from arm_in_a_scene import at, demonstrate, glide, hand_of, robot_of, run, task_of, world_of

from hilctl.devices import Rig
from hilctl.sim.experts import expert_for
from hilctl.sim.scenes import RouteScene
from hilctl.sim.world import SimWorld
from hilctl.teleop.base import Role, TeleopEvent
from hilctl.teleop.scripted import LOST_POLLS

HIGH_M, LOW_M = 0.095, 0.0225  # of the tool, over the table
SEAT_X_M = 0.559


def scene_of(world: SimWorld) -> RouteScene:
    assert isinstance(world.scene, RouteScene)
    return world.scene


def is_held(world: SimWorld) -> bool:
    return scene_of(world).part.is_held(world.model, world.data)


def carry(world: SimWorld, *way: tuple[float, float]) -> None:
    """Glide through x and height of the tool, in line with the clip."""
    y = scene_of(world).clip_y_m(world.model)
    for x, z in way:
        glide(world, at(x, y, z), 0.6)


def over_the_fence(seed: int = 0) -> SimWorld:
    world = world_of("route", seed)
    carry(world, (0.42, HIGH_M), (0.52, HIGH_M), (0.52, LOW_M))
    assert is_held(world)
    return world


@pytest.mark.parametrize("seed", range(2))
def test_over_the_fence_under_the_clip_and_off_is_success(seed: int) -> None:
    world = over_the_fence(seed)
    carry(world, (SEAT_X_M, LOW_M))
    assert scene_of(world).is_under_clip(world.data)
    assert not world.solved()  # it is still held
    carry(world, (SEAT_X_M, HIGH_M))
    assert world.solved()
    assert not expert_for(world).is_lost()


def test_the_straight_way_loses_the_part_for_the_rest_of_the_episode() -> None:
    world = world_of("route")
    carry(world, (0.46, 0.06))
    assert not is_held(world)
    assert expert_for(world).is_lost()
    assert scene_of(world).part.pose(world.data)[2] < 0.03  # it lies there
    carry(world, (0.46, LOW_M), (0.42, HIGH_M), (0.52, HIGH_M), (0.52, LOW_M), (SEAT_X_M, LOW_M))
    assert not is_held(world)
    assert not world.solved()
    world.reset()
    run(world, 0.1)
    assert is_held(world)


def test_a_foot_that_does_not_reach_behind_the_clip_does_not_count() -> None:
    world = over_the_fence()
    carry(world, (0.545, LOW_M), (0.545, HIGH_M))
    assert not is_held(world)
    assert not world.solved()
    assert expert_for(world).is_lost()


def test_nothing_pulls_off_in_front_of_the_clip() -> None:
    world = over_the_fence()
    carry(world, (0.53, LOW_M), (0.53, HIGH_M))
    assert is_held(world)


def test_the_table_may_be_touched() -> None:
    world = over_the_fence()
    carry(world, (0.52, LOW_M - 0.003))
    assert is_held(world)


def test_the_part_goes_back_into_a_hand_that_is_elsewhere() -> None:
    world = world_of("route")
    glide(world, at(0.45, 0.02, 0.12), 1.0)
    world.put_back()
    run(world, 0.2)
    away_m = np.linalg.norm(scene_of(world).part.pose(world.data)[:3] - world.tcp_pose()[:3])
    assert away_m < 0.004
    assert np.linalg.norm(world.tcp_velocity()) < 0.05


def test_clip_and_grasp_differ_from_episode_to_episode() -> None:
    world, clips, grasps = world_of("route"), [], []
    for _ in range(8):
        world.reset()
        clips.append(scene_of(world).clip_y_m(world.model))
        grasps.append(scene_of(world).part.pose(world.data) - world.tcp_pose())
    assert 0.008 < np.ptp(clips) <= 2 * RouteScene.CLIP_SPREAD_M
    assert np.ptp(grasps, axis=0)[0] > 0.001


def test_the_operator_shows_the_whole_way(tmp_path: Path) -> None:
    episodes = demonstrate(task_of("sim-route", tmp_path), skill=0.8, episodes=3, seed=0)
    assert all(episode.success and episode.true_success for episode in episodes)


@pytest.mark.parametrize("role", [Role.DEMONSTRATE, Role.SUPERVISE])
def test_an_operator_only_calls_a_lost_part_a_failure(role: Role, tmp_path: Path) -> None:
    arm, rig = task_of("sim-route", tmp_path).each_arm[""], Rig(0)
    with robot_of(arm, "", rig) as robot:
        hand = hand_of(arm, "", rig, skill=0.8)
        hand.begin_episode(role)
        scene_of(robot.world).part.free(robot.world.model, robot.world.data)
        for number in range(1, 30):
            said = hand.poll()
            run(robot.world, 0.1)
            assert not said.engaged
            seen = role is Role.DEMONSTRATE or number >= LOST_POLLS
            assert (TeleopEvent.FAILURE in said.events) == seen
