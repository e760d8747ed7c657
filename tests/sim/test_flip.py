"""The pan: a tile lies in it, a cook's swing turns it over, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import pytest
from arm_in_a_scene import demonstrate, run, task_of, world_of

from hilctl.data.step import Observation
from hilctl.devices import Rig
from hilctl.env.loop import HandsOff
from hilctl.env.robot_env import RobotEnv
from hilctl.robots.sim import SimRobot
from hilctl.sim.experts import expert_for
from hilctl.sim.experts.flip import FlipExpert
from hilctl.sim.scenes import FlipScene
from hilctl.sim.world import SimWorld
from hilctl.task.spec import TaskSpec
from hilctl.teleop.base import Role
from hilctl.training.random_policy import RandomPolicy


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> TaskSpec:
    return task_of("sim-flip", tmp_path_factory.mktemp("flip"))


def scene_of(world: SimWorld) -> FlipScene:
    assert isinstance(world.scene, FlipScene)
    return world.scene


def lay(world: SimWorld, place: tuple[float, float, float], turn_rad: float) -> None:
    """Put the tile at a place in the level pan, turned about its length."""
    pan = world.data.site("pan").xpos
    tile = world.data.joint("tile")
    tile.qpos[:3] = pan + place
    tile.qpos[3:] = [np.cos(turn_rad / 2), np.sin(turn_rad / 2), 0, 0]
    run(world, 0.5)


def test_a_tile_lies_still_in_a_pan_that_is_held() -> None:
    world = world_of("flip")
    run(world, 1.0)
    before = scene_of(world).tile_in_pan(world.data)
    run(world, 2.0)
    np.testing.assert_allclose(scene_of(world).tile_in_pan(world.data), before, atol=1e-3)
    assert scene_of(world).lies_in_pan(world.data)
    assert not world.solved()


@pytest.mark.parametrize(
    ("place", "turn_rad", "solved"),
    [
        ((0.0, 0.0, 0.007), np.pi, True),
        ((0.0, 0.0, 0.007), 0.0, False),
        ((0.0, 0.0, 0.05), np.pi / 2 + 0.2, False),
        ((0.0, -0.2, 0.007), np.pi, False),
    ],
)
def test_a_tile_counts_when_it_lies_in_the_pan_with_its_other_side_up(
    place: tuple[float, float, float], turn_rad: float, solved: bool
) -> None:
    world = world_of("flip")
    lay(world, place, turn_rad)
    assert world.solved() == solved


def test_a_tile_counts_while_it_is_carried_calmly_and_not_while_it_slides() -> None:
    world = world_of("flip")
    lay(world, (0.0, 0.0, 0.007), np.pi)
    aside = world.tcp_pose()
    aside[1] += 0.1
    world.set_target(aside)
    run(world, 0.3)
    assert np.linalg.norm(world.arms[""].tcp_velocity()[:3]) > 0.12
    assert world.solved()
    world.data.joint("tile").qvel[:3] += [0.0, 0.2, 0.0]
    mujoco.mj_forward(world.model, world.data)
    assert not world.solved()


def test_a_tile_beside_the_pan_is_lost_and_the_operator_keeps_off() -> None:
    world = world_of("flip")
    assert not expert_for(world).is_lost()
    lay(world, (0.0, -0.2, 0.0), 0.0)
    assert expert_for(world).is_lost()


def test_a_cook_turns_it_over_at_least_3_of_4_times(spec: TaskSpec) -> None:
    episodes = demonstrate(spec, skill=0.8, episodes=4, seed=0)
    assert sum(bool(episode.true_success) for episode in episodes) >= 3
    assert all(episode.success == episode.true_success for episode in episodes)
    assert {episode.steps for episode in episodes} == {40}


def test_the_operator_helps_a_policy_that_stands_still_with_a_whole_swing(spec: TaskSpec) -> None:
    episodes = demonstrate(
        spec, skill=0.8, episodes=2, seed=1, policy=HandsOff(), role=Role.SUPERVISE
    )
    helped = [episode for episode in episodes if episode.intervention_steps]
    assert helped
    assert all(episode.intervention_steps >= len(FlipExpert.SWING) for episode in helped)
    assert any(episode.true_success for episode in helped)


class Shaking(HandsOff):
    """Push to and fro, not so hard that the tile leaps out."""

    def __init__(self) -> None:
        self.steps = 0

    def act(self, observation: Observation) -> np.ndarray:
        """Return the next push."""
        self.steps += 1
        return np.array([0.5 * (-1) ** (self.steps // 3), 0.0, 0.0])


def test_the_operator_keeps_off_a_pan_that_is_shaken(spec: TaskSpec) -> None:
    episodes = demonstrate(
        spec, skill=0.8, episodes=6, seed=1, policy=Shaking(), role=Role.SUPERVISE
    )
    assert not any(episode.intervention_steps for episode in episodes)


def test_luck_does_not(spec: TaskSpec) -> None:
    rig = Rig(0)
    with SimRobot(spec.robot.options, rig) as robot:
        env = RobotEnv(spec.model_copy(update={"cameras": {}}), {"": robot}, {}, rig.generator("a"))
        scene = scene_of(robot.world)
        policy = RandomPolicy(rig.generator("b"), env.action_layout)
        for _ in range(3):
            env.reset()
            for _ in range(40):
                env.step(policy.act(None))  # type: ignore[arg-type]  # it does not look
                if scene.is_lost(robot.world.data):
                    break
            assert not robot.true_success()


def test_the_template_is_a_task_of_three_numbers_with_a_verdict(tmp_path: Path) -> None:
    spec = task_of("sim-flip", tmp_path)
    assert spec.control.wrench is not None
    assert len(spec.control.wrench) == 3
    assert spec.control.fixed_length == "end"
    assert spec.reward.type == "human"
    assert {"joint_position", "joint_velocity"} <= set(spec.observation.state)
