"""The scripted operator with a hand at each of several arms."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np

from hilctl.devices import Rig
from hilctl.robots.sim import SimRobot, SimRobotOptions
from hilctl.teleop.base import Role
from hilctl.teleop.scripted import ScriptedOptions, ScriptedTeleop

ARMS = ("left", "right")


def test_one_person_looks_at_all_arms_of_an_attempt_or_at_none() -> None:
    rig = Rig(3)
    options = SimRobotOptions.model_validate({"scene": "handover"})
    robots = [SimRobot(options, rig) for _ in ARMS]
    hands = [ScriptedTeleop(ScriptedOptions(), rig) for _ in ARMS]
    looked: list[list[bool]] = []
    with ExitStack() as opened:
        for arm, robot, hand in zip(ARMS, robots, hands, strict=True):
            robot.arm = hand.arm = arm
            hand.action_scale = np.repeat([0.015, 0.06], 3)
            opened.enter_context(robot)
            opened.enter_context(hand)
        looked += [look(hands) for _ in range(12)]
    assert all(left == right for left, right in looked)
    assert {left for left, _ in looked} == {True, False}


def look(hands: list[ScriptedTeleop]) -> list[bool]:
    """Return which hands are ready to help in the next attempt."""
    for hand in hands:
        hand.begin_episode(Role.SUPERVISE)
        hand.poll()
        hand.end_episode(success=False, intervened=False)
    return [hand._attention is not None for hand in hands]
