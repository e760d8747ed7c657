"""A simulated arm, a policy that stands or goes on blindly, and an operator who supervises it."""

from __future__ import annotations

import numpy as np

from hilctl import geometry
from hilctl.devices import Rig
from hilctl.robots.base import Command
from hilctl.robots.sim import SimRobot, SimRobotOptions
from hilctl.sim.experts import expert_for
from hilctl.teleop.base import Role, TeleopInput
from hilctl.teleop.hand import ScriptedHand
from hilctl.teleop.scripted import ScriptedOptions, ScriptedTeleop
from hilctl.training.coach import stretches

SCALE = {
    "insert": np.repeat([0.004, 0.02], 3),
    "insert-hard": np.repeat([0.004, 0.02], 3),
    "reach": np.repeat([0.01, 0.06], 3),
    "route": np.repeat([0.012, 0.04], 3),
}
POLLS = 60


class Stand:
    """A simulated arm, and an operator who supervises it at 10 Hz."""

    def __init__(self, scene: str, **options: object) -> None:
        self.rig, self.scale = Rig(1), SCALE[scene]
        self.robot = SimRobot(SimRobotOptions.model_validate({"scene": scene}), self.rig)
        self.operator = ScriptedTeleop(ScriptedOptions.model_validate(options), self.rig)
        self.operator.action_scale = self.scale
        self._starts = np.random.default_rng(2)

    def episode(self, works_for: int = 0, *, then: np.ndarray | None = None) -> list[TeleopInput]:
        """Supervise a policy that does well for some steps, and then always the same, or nothing.

        Args:
            works_for: so many steps.
            then: (6,) twist; absent = it stands still.
        """
        world = self.robot.world
        expert = expert_for(world)
        good = ScriptedHand(np.random.default_rng(3), 1.0, self.scale)
        self.robot.reset_scene()
        start = world.scene.home_tcp.copy()
        start[:3] += self._starts.uniform(-1, 1, 3) * [0.02, 0.02, 0.01]
        self.robot.move_to(start, speed=0.5)
        self.operator.begin_episode(Role.SUPERVISE)
        polls: list[TeleopInput] = []
        while len(polls) < POLLS and not world.solved():
            hand = self.operator.poll()
            twist = hand.twist
            if not hand.engaged and len(polls) < works_for:
                twist = good.steer(world.tcp_pose(), expert.target())
            elif not hand.engaged and then is not None:
                twist = then
            self._move(twist)
            polls.append(hand)
        intervened = any(hand.engaged for hand in polls)
        self.operator.end_episode(success=world.solved(), intervened=intervened)
        return polls

    def _move(self, twist: np.ndarray) -> None:
        step = twist * self.scale
        move = geometry.pose(step[:3], geometry.quat_from_rotvec(step[3:]))
        self.robot.servo(Command(geometry.compose(self.robot.state().tcp_pose, move)))
        self.rig.clock.sleep_until(self.rig.clock.now_ns() + 100_000_000)


def takeovers(polls: list[TeleopInput]) -> list[list[TeleopInput]]:
    """Return the stretches of polls in which the operator drove."""
    engaged = [hand.engaged for hand in polls]
    return [polls[start : start + length] for start, length in stretches(engaged)]
