"""A peg that is lost at a touch beside the hole: aligned in the air it goes in, feeling is over."""

from __future__ import annotations

from pathlib import Path

import pytest
from arm_in_a_scene import at, demonstrate, follow_expert, glide, run, task_of, world_of

from hilctl.sim.experts import expert_for
from hilctl.sim.scenes import InsertHardScene, InsertScene
from hilctl.sim.world import SimWorld


def is_held(world: SimWorld) -> bool:
    assert isinstance(world.scene, InsertHardScene)
    return world.scene.peg.is_held(world.model, world.data)


@pytest.mark.parametrize("aside_m", [0.004, -0.008])
def test_a_touch_of_the_rim_loses_the_peg(aside_m: float) -> None:
    world = world_of("insert-hard")
    tip = world.site_pose("peg_tip")
    x, y = InsertHardScene.SOCKET_XY_M
    over = world.tcp_pose()
    over[:2] += [x + aside_m - tip[0], y - tip[1]]
    glide(world, over, 0.8)
    assert is_held(world)
    over[2] -= tip[2] - InsertHardScene.SOCKET_TOP_M + 0.004
    glide(world, over, 1.5)
    assert not is_held(world)
    assert expert_for(world).is_lost()
    glide(world, at(x, y, 0.07), 1.0)
    assert not world.solved()
    world.reset()
    run(world, 0.1)
    assert is_held(world)


@pytest.mark.parametrize("seed", range(2))
def test_an_aligned_peg_goes_in(seed: int) -> None:
    world = world_of("insert-hard", seed)
    follow_expert(world, 80)
    assert world.solved()
    assert is_held(world)


def test_the_hole_is_no_tighter_than_that_of_the_quick_setting() -> None:
    assert InsertHardScene.CLEARANCE_M == InsertScene.CLEARANCE_M
    assert InsertHardScene.LEAD_IN_M >= InsertScene.LEAD_IN_M


def test_the_operator_inserts(tmp_path: Path) -> None:
    episodes = demonstrate(task_of("sim-insert-hard", tmp_path), skill=0.8, episodes=4, seed=0)
    assert sum(bool(episode.true_success) for episode in episodes) >= 3
