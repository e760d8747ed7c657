"""Every device of a task tried out for `hilctl doctor`: opened, read once, closed, never moved."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hilctl.cameras import CAMERAS
from hilctl.cameras.base import STILL_MAX_AGE_S
from hilctl.devices import Device, Finding
from hilctl.driver_faults import attended, call
from hilctl.env import ENVIRONMENTS
from hilctl.env.base import TaskEnvironment
from hilctl.env.make import control_of, of_arm, rig_of
from hilctl.errors import HilctlError
from hilctl.robots import ROBOTS
from hilctl.task.layout import pose_scale
from hilctl.task.spec import PluginSpec, TaskSpec
from hilctl.teleop import TELEOPS


def examine_devices(spec: TaskSpec, folder: Path | None = None) -> list[Finding]:
    """Return what was found by trying a task's devices; they are open all at once, as at work.

    Call it with the folder locked: nobody else may be using them.
    """
    trial = _Trial(spec, folder)
    try:
        if spec.environment is not None:
            driver = ENVIRONMENTS.get(spec.environment.type)
            if not trial.opens("environment", driver, spec.environment):
                trial.findings.append(Finding(None, "teleop", "not without the environment"))
                return trial.findings
        for arm, part in spec.each_arm.items():
            subject = of_arm("robot", arm)
            if trial.opens(subject, ROBOTS.get(part.robot.type), part.robot, arm):
                trial.findings.append(Finding(None, subject, "motion: doctor moves nothing"))
            elif part.robot.type == "sim":  # the others may live in its world
                trial.findings += [
                    Finding(None, other, "not without the simulated robot")
                    for other in (*(f"camera {name}" for name in spec.cameras), "teleop")
                ]
                return trial.findings
        for name, block in spec.cameras.items():
            trial.opens(f"camera {name}", CAMERAS.get(block.type), block)
        for arm, hand in spec.hands.items():
            trial.opens(of_arm("teleop", arm), TELEOPS.get(hand.type), hand, arm)
    finally:
        trial.close()
    return trial.findings


def find_hands() -> list[Finding]:
    """Return which hands of people are here: keys, SpaceMice, gamepads."""
    found = []
    for name in TELEOPS.names():
        driver = TELEOPS.get(name)
        try:
            options = driver.OptionsType()
            found += call(f"teleop {name}", driver, "probe", partial(driver.probe, options))
        except (ValidationError, HilctlError):  # it needs to be told more
            continue
    return [Finding(True, "hand", f"{one.subject}: {one.detail}") for one in found if one.ok]


class _Trial:
    """Devices that are open, and what was found of them."""

    def __init__(self, spec: TaskSpec, folder: Path | None) -> None:
        self.findings: list[Finding] = []
        self._spec = spec
        self._rig = rig_of(spec, folder=folder)
        self._open: list[tuple[str, Device]] = []

    def opens(self, subject: str, driver: type[Any], block: PluginSpec, arm: str = "") -> bool:
        """Return whether a device, of one of several arms, can be opened and read."""
        try:
            found = call(subject, driver, "probe", lambda: driver.probe(block.options))
            self.findings += [
                Finding(one.ok, subject, f"{one.subject}: {one.detail}", one.hint) for one in found
            ]
            device = attended(subject, driver, block.options, self._rig)
            self._open.append((subject, device))
            device.arm = arm
            if hasattr(driver, "poll"):  # it is told before it is opened
                device.action_scale = pose_scale(control_of(self._spec, arm))
            if issubclass(driver, TaskEnvironment):
                device.control = self._spec.control
            device.open()
            if issubclass(driver, TaskEnvironment):
                self._rig.attach_environment(device)
            # what is no reading at all is a fault of the driver, too
            reading = call(subject, driver, "state", lambda: _reading(device))
        except HilctlError as error:
            self.findings.append(Finding(False, subject, error.message, error.hint))
            return False
        self.findings.append(Finding(True, subject, f"{block.type}: opened, {reading}"))
        return True

    def close(self) -> None:
        """Close all of them, the last one first."""
        for subject, device in reversed(self._open):
            try:
                device.close()
            except HilctlError as error:
                self.findings.append(Finding(False, subject, error.message, error.hint))


def _reading(device: Any) -> str:
    """Return in words what a device says now."""
    if hasattr(device, "latest"):
        height, width, _ = device.latest(max_age_s=STILL_MAX_AGE_S).image.shape
        return f"a frame of {width}×{height} px taken"
    if hasattr(device, "state"):
        x, y, z = (float(number) for number in device.state().tcp_pose[:3])
        return f"tool at {x:.3f}, {y:.3f}, {z:.3f} m"
    if isinstance(device, TaskEnvironment):
        device.reset()
        return f"an action has {device.action_layout.size} numbers; reset"
    hand = device.poll()
    return "a hand on it" if hand.engaged else "no hand on it"
