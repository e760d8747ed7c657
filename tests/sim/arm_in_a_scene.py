"""Simulated worlds to poke at, and an operator who drives them without cameras."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hilctl import geometry
from hilctl.data.step import EpisodeSummary
from hilctl.devices import Rig
from hilctl.env.loop import EpisodeLoop, HandsOff, Policy
from hilctl.env.questions import Questions
from hilctl.env.robot_env import RobotEnv
from hilctl.env.wrappers import Takeover
from hilctl.robots.sim import SimRobot
from hilctl.sim.world import SimWorld
from hilctl.task import scaffold
from hilctl.task.load import load_task
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
    """Let the scripted operator drive whole episodes, or help a policy; nothing is drawn."""
    rig = Rig(seed)
    with SimRobot(spec.robot.options, rig) as robot:
        teleop = ScriptedTeleop(ScriptedOptions(skill=skill), rig)
        teleop.action_scale = np.repeat([spec.control.translation_m, spec.control.rotation_rad], 3)
        teleop.open()
        bare = RobotEnv(spec, {"": robot}, {}, rig.generator("reset"))
        env = Takeover(bare, teleop, Questions(teleop, bare.clock))
        loop = EpisodeLoop(env, policy or HandsOff(), teleop, role)
        return [loop.run_episode() for _ in range(episodes)]
