"""Simulated worlds to poke at, and an operator who drives them without cameras."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from hilctl import geometry
from hilctl.data.step import EpisodeSummary
from hilctl.devices import Rig
from hilctl.env.hands import Hands
from hilctl.env.loop import EpisodeLoop, HandsOff, Policy
from hilctl.env.questions import Questions
from hilctl.env.robot_env import RobotEnv
from hilctl.env.wrappers import Takeover
from hilctl.robots.sim import SimRobot
from hilctl.sim.experts import expert_for
from hilctl.sim.world import SimWorld
from hilctl.task import scaffold
from hilctl.task.load import load_task
from hilctl.task.sections import ArmSpec
from hilctl.task.spec import TaskSpec
from hilctl.teleop.base import Role
from hilctl.teleop.scripted import ScriptedOptions, ScriptedTeleop

DOWN = geometry.quat_from_rpy([np.pi, 0, 0])


def world_of(scene: str = "insert", seed: int = 0) -> SimWorld:
    return SimWorld(scene, np.random.default_rng(seed))


def at(x: float, y: float, z: float, tilt_rad: float = 0.0) -> np.ndarray:
    """Return a pose with the tool pointing down, tilted about its own x axis."""
    tilt = geometry.quat_from_rotvec([tilt_rad, 0, 0])
    return geometry.pose([x, y, z], geometry.quat_multiply(DOWN, tilt))


def run(world: SimWorld, seconds: float) -> None:
    world.advance_to(world.time_ns + round(seconds * 1e9))


def glide(world: SimWorld, goal: np.ndarray, seconds: float) -> None:
    """Move the target in a straight line at constant speed, then wait half a second."""
    start, steps = world.tcp_pose(), max(1, round(seconds / 0.02))
    for step in range(1, steps + 1):
        world.set_target(geometry.interpolate(start, goal, step / steps))
        run(world, 0.02)
    run(world, 0.5)


def follow_expert(world: SimWorld, steps: int) -> None:
    """Let the expert drive a single arm."""
    follow_experts(world, steps, [""])


def follow_experts(world: SimWorld, steps: int, arms: Sequence[str] | None = None) -> None:
    """Let experts drive arms, all of them unless they are named, until the task is done."""
    named = {name: arm for name, arm in world.arms.items() if arms is None or name in arms}
    experts = {name: expert_for(world, name) for name in named}
    for _ in range(steps):
        for name, arm in named.items():
            here, goal = arm.tcp_pose(), experts[name].target()
            step = goal[:3] - here[:3]
            share = min(1.0, 0.01 / max(float(np.linalg.norm(step)), 1e-9))
            arm.set_target(geometry.pose(here[:3] + step * share, goal[3:]))
            if told := experts[name].gripper():
                arm.grip(float(told > 0))
        run(world, 0.1)
        if world.solved():
            return


def task_of(template: str, folder: Path) -> TaskSpec:
    found = scaffold.find_template(template)
    scaffold.create(found, folder / "task", found.answers({}))
    return load_task(folder / "task")


def demonstrate(
    spec: TaskSpec,
    *,
    skill: float,
    episodes: int,
    seed: int,
    policy: Policy | None = None,
    role: Role = Role.DEMONSTRATE,
) -> list[EpisodeSummary]:
    """Let scripted operators drive whole episodes, or help a policy; nothing is drawn."""
    rig = Rig(seed)
    with ExitStack() as stack:
        robots = {name: robot_of(arm, name, rig) for name, arm in spec.each_arm.items()}
        for robot in robots.values():
            stack.enter_context(robot)
        bare = RobotEnv(spec, robots, {}, rig.generator("reset"))
        hands = {name: hand_of(arm, name, rig, skill) for name, arm in spec.each_arm.items()}
        teleop = hands[""] if "" in hands else Hands(hands, bare)
        env = Takeover(bare, teleop, Questions(teleop, bare.clock))
        loop = EpisodeLoop(env, policy or HandsOff(), teleop, role)
        return [loop.run_episode() for _ in range(episodes)]


def robot_of(arm: ArmSpec, name: str, rig: Rig) -> SimRobot:
    robot = SimRobot(arm.robot.options, rig)
    robot.arm = name
    return robot


def hand_of(arm: ArmSpec, name: str, rig: Rig, skill: float) -> ScriptedTeleop:
    hand = ScriptedTeleop(ScriptedOptions(skill=skill), rig)
    hand.arm = name
    hand.action_scale = np.repeat([arm.control.translation_m, arm.control.rotation_rad], 3)
    hand.open()
    return hand
