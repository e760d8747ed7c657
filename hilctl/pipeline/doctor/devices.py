"""Every device of a task tried out for `hilctl doctor`: opened, read, closed, never moved."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hilctl.calibration.record import CameraRecord
from hilctl.cameras import CAMERAS
from hilctl.devices import Finding
from hilctl.env import ENVIRONMENTS
from hilctl.env.make import of_arm
from hilctl.pipeline.doctor.surroundings import found_by
from hilctl.pipeline.doctor.trial import Thoroughness, Trial
from hilctl.robots import ROBOTS
from hilctl.task.spec import TaskSpec
from hilctl.teleop import TELEOPS


def examine_devices(
    spec: TaskSpec,
    folder: Path | None = None,
    *,
    records: Mapping[str, CameraRecord] | None = None,
    thorough: Thoroughness | None = None,
) -> list[Finding]:
    """Return what was found by trying a task's devices; they are open all at once, as at work.

    Call it with the folder locked: nobody else may be using them.

    Args:
        spec: of the task.
        folder: of the task.
        records: what is known of its cameras.
        thorough: how much is tried besides.
    """
    thorough = thorough or Thoroughness()
    trial = Trial(spec, folder)
    try:
        if not _opened_all(trial):
            return trial.findings
        trial.know_again(records or {})
        if thorough.stills is not None:
            trial.keep_stills(thorough.stills)
        trial.measure(thorough)
    finally:
        trial.close()
    return trial.findings


def _opened_all(trial: Trial) -> bool:
    """Return whether all devices were tried; else it is said why the others were not."""
    spec = trial.spec
    if spec.environment is not None:
        driver = ENVIRONMENTS.get(spec.environment.type)
        if not trial.opens("environment", driver, spec.environment):
            trial.findings.append(Finding(None, "teleop", "not without the environment"))
            return False
    for arm, part in spec.each_arm.items():
        subject = of_arm("robot", arm)
        if trial.opens(subject, ROBOTS.get(part.robot.type), part.robot, arm):
            trial.findings.append(Finding(None, subject, "motion: doctor moves nothing"))
        elif part.robot.type == "sim":  # the others may live in its world
            trial.findings += [
                Finding(None, other, "not without the simulated robot")
                for other in (*(f"camera {name}" for name in spec.cameras), "teleop")
            ]
            return False
    for name, block in spec.cameras.items():
        trial.opens(f"camera {name}", CAMERAS.get(block.type), block)
    for arm, hand in spec.hands.items():
        trial.opens(of_arm("teleop", arm), TELEOPS.get(hand.type), hand, arm)
    return True


def find_hands() -> list[Finding]:
    """Return which hands of people are here: keys, SpaceMice, gamepads."""
    found = [one for name in TELEOPS.names() for one in found_by(TELEOPS, name)]
    return [Finding(True, "hand", f"{one.subject}: {one.detail}") for one in found]
