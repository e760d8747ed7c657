"""The simulated tasks: solvable, not by accident, a little different every time, repeatable."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from arm_in_a_scene import at, demonstrate, follow_experts, glide, run, task_of, world_of

from hilctl import geometry
from hilctl.sim.experts import EXPERTS, expert_for
from hilctl.sim.scenes import SCENES, InsertScene, ReachScene
from hilctl.sim.world import SimWorld
from hilctl.teleop.base import Role
from hilctl.teleop.scene_demonstrator import SceneDemonstrator


def pushes(scene: str) -> bool:
    return EXPERTS[SCENES[scene]].pushes


def put_tip(world: SimWorld, height_m: float, tilt_rad: float) -> Callable[[float], np.ndarray]:
    """Bring the peg's tip above the hole; return where the tool has to be for other heights."""
    x, y = InsertScene.SOCKET_XY_M
    tip_to_tcp = geometry.compose(geometry.inverse(world.site_pose("peg_tip")), world.tcp_pose())

    def tcp_for(z_m: float) -> np.ndarray:
        return geometry.compose(at(x, y, z_m, tilt_rad), tip_to_tcp)

    glide(world, tcp_for(height_m), 1.0)
    return tcp_for


def push_down(tilt_rad: float, seed: int) -> SimWorld:
    world = world_of("insert", seed)
    tcp_for = put_tip(world, InsertScene.SOCKET_TOP_M + 0.01, tilt_rad)
    glide(world, tcp_for(InsertScene.SOCKET_TOP_M - InsertScene.HOLE_DEPTH_M - 0.005), 2.5)
    return world


@pytest.mark.parametrize("seed", range(2))
def test_a_tilted_peg_jams_and_an_upright_one_goes_in(seed: int) -> None:
    assert push_down(0.0, seed).solved()
    jammed = push_down(np.deg2rad(6), seed)
    assert not jammed.solved()
    assert jammed.scene.depth_m(jammed.data) < InsertScene.SOLVED_DEPTH_M - 0.003  # type: ignore[attr-defined]
    assert np.linalg.norm(jammed.wrench[:3]) > 3  # it is stuck, not on its way


@pytest.mark.parametrize("name", [name for name, scene in SCENES.items() if scene.stages])
def test_an_expert_reaches_one_stage_after_the_other_and_the_last_is_success(name: str) -> None:
    world = world_of(name)
    seen = [world.reached()]
    while not world.solved() and len(seen) < 300:
        follow_experts(world, 1)
        seen.append(world.reached())
    assert seen[0] == ()
    assert seen[-1] == world.scene.stages
    assert [len(b) - len(a) for a, b in itertools.pairwise(seen)].count(1) == len(seen[-1])
    assert {len(b) - len(a) for a, b in itertools.pairwise(seen)} == {0, 1}


def push_down_beside(aside_m: float) -> SimWorld:
    """Bring the peg down upright, so far beside the hole."""
    world = world_of("insert")
    tcp_for = put_tip(world, InsertScene.SOCKET_TOP_M + 0.01, 0.0)
    for height_m in (0.01, -0.03):
        aside = tcp_for(InsertScene.SOCKET_TOP_M + height_m)
        aside[0] += aside_m
        glide(world, aside, 1.5)
    return world


def test_a_peg_beside_the_hole_stays_on_the_rim() -> None:
    world = push_down_beside(0.006)
    assert not world.solved()
    assert world.site_pose("peg_tip")[2] > InsertScene.SOCKET_TOP_M - 0.005


def test_the_slope_around_the_hole_leads_the_peg_in() -> None:
    assert push_down_beside(InsertScene.CLEARANCE_M + 0.8 * InsertScene.LEAD_IN_M).solved()


def test_the_clearance_is_half_a_millimetre_a_side() -> None:
    model = world_of("insert").model
    for axis, walls in enumerate([("wall_front", "wall_back"), ("wall_left", "wall_right")]):
        inner = [abs(model.geom(wall).pos[axis]) - model.geom(wall).size[axis] for wall in walls]
        gap_m = sum(inner) - 2 * model.geom("peg").size[axis]
        assert gap_m / 2 == pytest.approx(0.0005, abs=1e-6)


def test_every_episode_has_its_own_grasp_within_its_range() -> None:
    world = world_of("insert")
    grasps = []
    for _ in range(12):
        world.reset()
        tip = geometry.compose(geometry.inverse(world.tcp_pose()), world.site_pose("peg_tip"))
        grasps.append([*tip[:3], *geometry.rotvec_from_quat(tip[3:])])
    spread = np.ptp(grasps, axis=0)
    assert len(np.unique(np.round(grasps, 9), axis=0)) == 12
    assert (spread[:3] < 0.02).all()
    assert spread[:3].max() > 0.001
    assert 0.01 < spread[3:].max() < 0.3


@pytest.mark.parametrize("scene", sorted(SCENES))
def test_a_reset_puts_the_arm_home_and_leaves_the_task_unsolved(scene: str) -> None:
    world = world_of(scene)
    world.set_target(at(0.52, 0.02, 0.2, 0.1))
    run(world, 0.5)
    world.reset()
    np.testing.assert_allclose(world.tcp_pose()[:3], world.scene.home_tcp[:3], atol=1e-5)
    assert np.linalg.norm(world.tcp_velocity()) == 0
    assert not world.solved()


@pytest.mark.parametrize("scene", sorted(SCENES))
def test_time_only_goes_forward_also_through_resets(scene: str) -> None:
    world = world_of(scene)
    run(world, 0.3)
    before_ns = world.clock.now_ns()
    world.reset()
    assert world.clock.now_ns() == before_ns
    world.clock.sleep_until(before_ns - 1)
    assert world.clock.now_ns() == before_ns
    world.clock.sleep_until(before_ns + 100_000_000)
    assert world.clock.now_ns() == before_ns + 100_000_000


def trace(seed: int) -> np.ndarray:
    world, states = world_of("insert", seed), []
    for step in range(10):
        world.set_target(at(0.5 + 0.002 * step, 0.01, 0.12 - 0.008 * step))
        run(world, 0.1)
        states.append(np.concatenate([world.tcp_pose(), world.data.qpos, world.wrench]))
    world.reset()
    return np.concatenate([*states, world.site_pose("peg_tip")])


def test_the_same_seed_is_the_same_world_to_the_last_bit() -> None:
    np.testing.assert_array_equal(trace(3), trace(3))
    assert (trace(3) != trace(4)).any()


@pytest.mark.parametrize("scene", [name for name in sorted(SCENES) if not pushes(name)])
def test_the_expert_gets_closer_and_succeeds(scene: str) -> None:
    world = world_of(scene, seed=1)
    experts = [expert_for(world, name) for name in world.arms]
    start_m = sum(expert.remaining_m() for expert in experts)
    follow_experts(world, 200)
    assert world.solved()
    assert sum(expert.remaining_m() for expert in experts) < 0.2 * start_m


def test_a_reach_is_solved_at_the_ball_and_not_beside_it() -> None:
    world = world_of("reach")
    x, y, z = ReachScene.TARGET_M
    glide(world, at(x, y, z + ReachScene.TIP_M), 1.0)
    assert world.solved()
    glide(world, at(x + 1.5 * ReachScene.TOLERANCE_M, y, z + ReachScene.TIP_M), 0.5)
    assert not world.solved()


@pytest.mark.parametrize("scene", ["reach", "reach-both"])
def test_success_is_shown_all_over_what_counts_as_one_and_demonstrated_in_its_middle(
    scene: str,
) -> None:
    world, rng = world_of(scene), np.random.default_rng(0)
    tolerance_m = world.scene.TOLERANCE_M  # type: ignore[attr-defined]
    for name, arm in world.arms.items():
        arm.set_target(expert_for(world, name).target())
        run(world, 2.0)
        operator = SceneDemonstrator(world, rng, 1.0, np.repeat([0.01, 0.06], 3), name)
        aims_m: dict[Role, list[np.ndarray]] = {Role.SHOW: [], Role.DEMONSTRATE: []}
        for role in 100 * list(aims_m):
            operator.begin_episode(role)
            aims_m[role].append(0.01 * operator.drive().twist[:3])
        shown = np.linalg.norm(aims_m[Role.SHOW], axis=1)
        assert 0.4 * tolerance_m < shown.max() < tolerance_m
        assert (np.ptp(aims_m[Role.SHOW], axis=0) > tolerance_m / 2).all()
        assert np.linalg.norm(aims_m[Role.DEMONSTRATE], axis=1).max() < tolerance_m / 5


def test_a_steady_hand_inserts_at_least_9_of_10(tmp_path: Path) -> None:
    spec = task_of("sim-insert", tmp_path)
    episodes = demonstrate(spec, skill=1.0, episodes=10, seed=0)
    assert sum(bool(episode.true_success) for episode in episodes) >= 9
    assert all(episode.success == episode.true_success for episode in episodes)


def test_a_clumsy_hand_is_slower_than_a_steady_one(tmp_path: Path) -> None:
    spec = task_of("sim-reach", tmp_path)
    clumsy = demonstrate(spec, skill=0.2, episodes=4, seed=0)
    steady = demonstrate(spec, skill=1.0, episodes=4, seed=0)
    assert np.mean([e.steps for e in clumsy]) > np.mean([e.steps for e in steady])


def test_a_steady_hand_picks_and_places_at_least_9_of_10(tmp_path: Path) -> None:
    spec = task_of("sim-pick", tmp_path)
    episodes = demonstrate(spec, skill=0.8, episodes=10, seed=0)
    assert sum(bool(episode.true_success) for episode in episodes) >= 9
    assert all(episode.success == episode.true_success for episode in episodes)
