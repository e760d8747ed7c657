"""The gripper in the simulated world: what it holds stays held, and what counts as placed."""

from __future__ import annotations

import numpy as np
import pytest
from arm_in_a_scene import at, glide, run, world_of

from hilctl.devices import Rig
from hilctl.errors import DeviceError
from hilctl.robots.base import Command
from hilctl.robots.sim import SimRobot, SimRobotOptions
from hilctl.sim.scenes import PickScene
from hilctl.sim.world import SimWorld


def scene_of(world: SimWorld) -> PickScene:
    assert isinstance(world.scene, PickScene)
    return world.scene


def grasp(world: SimWorld) -> None:
    """Close the fingers around the block."""
    x, y, _ = scene_of(world).block_m(world.data)
    glide(world, at(x, y, 0.06), 0.8)
    glide(world, at(x, y, 0.018), 0.8)
    world.arm.grip(0.0)
    run(world, 0.5)


def carry(world: SimWorld, x: float, y: float, z: float) -> None:
    glide(world, at(*world.tcp_pose()[:2], 0.08), 0.6)
    glide(world, at(x, y, 0.08), 1.0)
    glide(world, at(x, y, z), 0.8)


@pytest.mark.parametrize("seed", range(2))
def test_a_block_that_is_held_goes_with_the_tool(seed: int) -> None:
    world = world_of("pick", seed)
    grasp(world)
    carry(world, 0.5, 0.02, 0.1)
    away_m = np.linalg.norm(scene_of(world).block_m(world.data) - world.tcp_pose()[:3])
    assert away_m < 0.01
    assert 0.3 < world.arm.opening() < 0.45  # the block is between the fingers
    assert world.wrench[2] == pytest.approx(0.05 * 9.81, abs=0.15)  # its weight, in the tool's z


def test_a_block_counts_when_it_is_let_go_of_on_the_pad() -> None:
    world = world_of("pick")
    grasp(world)
    carry(world, *PickScene.PAD_XY_M, 0.016)
    assert scene_of(world).lies_on_pad(world.data)
    assert not world.solved()  # it is still held
    world.arm.grip(1.0)
    run(world, 0.5)
    assert world.solved()


def test_a_block_beside_the_pad_does_not_count() -> None:
    world = world_of("pick")
    grasp(world)
    x, y = PickScene.PAD_XY_M
    carry(world, x, y + PickScene.TOLERANCE_M + 0.012, 0.019)
    world.arm.grip(1.0)
    run(world, 0.5)
    assert not world.solved()


def test_every_episode_has_its_block_elsewhere_and_the_gripper_open() -> None:
    world, places = world_of("pick"), []
    for _ in range(8):
        world.arm.grip(0.0)
        run(world, 0.3)
        world.reset()
        run(world, 0.1)
        places.append(scene_of(world).block_m(world.data)[:2])
        assert world.arm.opening() > 0.95
    spread = np.ptp(places, axis=0)
    assert (spread > 0.005).all()
    assert (spread <= 2 * PickScene.SPREAD_M + 1e-3).all()


def opened(scene: str) -> SimRobot:
    return SimRobot(SimRobotOptions.model_validate({"scene": scene}), Rig())


def test_a_command_opens_and_closes_the_gripper_and_none_leaves_it() -> None:
    with opened("pick") as robot:
        assert robot.has_gripper
        here = robot.state().tcp_pose
        for told, wanted in ((0.0, 0.0), (None, 0.0), (0.5, 0.5), (None, 0.5), (1.0, 1.0)):
            robot.servo(Command(here, told))
            run(robot.world, 0.6)
            assert robot.state().gripper == pytest.approx(wanted, abs=0.05)


def test_an_arm_whose_fingers_are_for_show_has_no_gripper() -> None:
    with opened("reach") as robot:
        assert not robot.has_gripper
        robot.servo(Command(robot.state().tcp_pose, 1.0))
        assert robot.state().gripper == 0.0


def test_a_scene_of_two_arms_says_how_to_name_them() -> None:
    with pytest.raises(DeviceError, match="has no arm ''") as caught:
        opened("reach-both").open()
    assert "name left and right under `arms`" in str(caught.value.hint)
