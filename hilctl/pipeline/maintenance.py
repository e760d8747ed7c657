"""`hilctl robot`: what is done to an arm only because a person asks for it."""

from __future__ import annotations

from collections.abc import Mapping

from hilctl.devices import Rig
from hilctl.driver_faults import attended
from hilctl.env.make import of_arm
from hilctl.errors import UsageError
from hilctl.registry import did_you_mean
from hilctl.robots import ROBOTS
from hilctl.robots.base import Robot
from hilctl.task.workspace import Workspace


def chores(workspace: Workspace, arm: str | None = None) -> Mapping[str, str]:
    """Return what can be done to an arm of a task: name → what it does.

    Raises:
        UsageError: there is no such arm, or there are several and none was named.
    """
    return _robot(workspace, arm).maintenance()


def do_chore(workspace: Workspace, chore: str, arm: str | None = None) -> None:
    """Do something to an arm; the folder is locked by the caller, as the arm may move.

    Raises:
        UsageError: there is no such arm or chore.
        DeviceError: it is not done.
    """
    known = chores(workspace, arm)
    if chore not in known:
        hint = did_you_mean(chore, list(known)) if known else "its driver knows none"
        raise UsageError(f"nothing called {chore!r} can be done to this robot", hint=hint)
    with _robot(workspace, arm) as robot:
        robot.maintain(chore)


def _robot(workspace: Workspace, arm: str | None) -> Robot:
    """Return the robot of an arm, not yet open."""
    arms = workspace.spec.each_arm
    if not arms:
        raise UsageError("this task has no robot", where=str(workspace.task_file))
    if arm is None and len(arms) > 1:
        raise UsageError("this task has several arms", hint=f"--arm {' or --arm '.join(arms)}")
    name = next(iter(arms)) if arm is None else arm
    if name not in arms:
        raise UsageError(f"there is no arm {name!r}", hint=did_you_mean(name, list(arms)))
    block = arms[name].robot
    robot = attended(of_arm("robot", name), ROBOTS.get(block.type), block.options, Rig())
    robot.arm = name
    return robot
