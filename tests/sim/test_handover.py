"""A bar from one arm to the other: it changes hands in the air, and what is dropped is lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from arm_in_a_scene import demonstrate, follow_experts, run, task_of, world_of

from hilctl.sim.experts import expert_for
from hilctl.sim.scenes import HandoverScene
from hilctl.sim.world import SimWorld


def scene_of(world: SimWorld) -> HandoverScene:
    assert isinstance(world.scene, HandoverScene)
    return world.scene


def held_out() -> SimWorld:
    """Return a world in which the left arm holds the bar out, and the right one has not come."""
    world = world_of("handover")
    follow_experts(world, 80, arms=["left"])
    assert scene_of(world).bar(world.data)[2] > 0.1
    return world


def test_the_arms_face_each_other() -> None:
    world = world_of("handover")
    left, right = (arm.T_world_base for arm in world.arms.values())
    np.testing.assert_allclose(right[:3] - left[:3], [1.06, 0, 0], atol=1e-9)
    for arm in world.arms.values():
        np.testing.assert_allclose(arm.tcp_pose(), scene_of(world).home_tcp, atol=1e-4)
    apart_m = scene_of(world).tcp_m(world.data, "right") - scene_of(world).tcp_m(world.data, "left")
    np.testing.assert_allclose(apart_m, [1.06 - 0.8, 0, 0], atol=1e-4)


def test_the_bar_changes_hands_in_the_air_and_counts_when_the_hand_has_left() -> None:
    world = world_of("handover")
    scene, held_by_both_m, held_on_pad = scene_of(world), 0.0, False
    for _ in range(200):
        follow_experts(world, 1)
        held = [not scene.has_let_go(world.data, arm) for arm in scene.arms]
        if all(held):
            held_by_both_m = max(held_by_both_m, scene.bar(world.data)[2])
        held_on_pad |= scene.lies_on_pad(world.data) and held == [False, True]
        if held_on_pad and held[1]:
            assert not world.solved()
        if world.solved():
            break
    assert world.solved()
    assert held_on_pad
    assert held_by_both_m > scene.WALL_HEIGHT_M + 0.05


def test_a_bar_that_nobody_takes_is_lost() -> None:
    world = held_out()
    assert not expert_for(world, "left").is_lost()
    world.arms["left"].grip(1.0)
    run(world, 2.0)
    assert all(expert_for(world, arm).is_lost() for arm in world.arms)
    assert not world.solved()


def test_both_arms_see_the_same_way_left() -> None:
    world = held_out()
    left, right = (expert_for(world, arm).remaining_m() for arm in world.arms)
    assert left == right


def test_every_episode_has_its_bar_elsewhere() -> None:
    world, places = world_of("handover"), []
    for _ in range(8):
        world.reset()
        run(world, 0.1)
        places.append(scene_of(world).bar(world.data)[:2])
    spread = np.ptp(places, axis=0)
    assert (spread > 0.005).all()
    assert (spread <= 2 * HandoverScene.SPREAD_M + 1e-3).all()


def test_the_operators_hand_over(tmp_path: Path) -> None:
    episodes = demonstrate(task_of("sim-handover", tmp_path), skill=0.8, episodes=2, seed=0)
    assert all(episode.success and episode.true_success for episode in episodes)
