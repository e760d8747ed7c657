"""Devices of a task that are open for `hilctl doctor`, and what is found of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from hilctl.calibration.record import CameraRecord
from hilctl.cameras.base import STILL_MAX_AGE_S, Camera
from hilctl.cameras.opencv import OpencvCamera, OpencvOptions
from hilctl.cameras.video_devices import video_device
from hilctl.devices import Device, Finding
from hilctl.driver_faults import attended, call
from hilctl.env.base import TaskEnvironment
from hilctl.env.make import control_of, rig_of
from hilctl.env.robot_env import MAX_FRAME_AGE_S
from hilctl.errors import HilctlError
from hilctl.pipeline.doctor.found_cameras import keep_still
from hilctl.pipeline.doctor.measures import CameraPace, keep_time, time_robot
from hilctl.pipeline.doctor.surroundings import UsbStream, examine_usb
from hilctl.robots.base import Robot
from hilctl.robots.scene import SimulatedScene
from hilctl.task.layout import pose_scale
from hilctl.task.sections import PluginSpec
from hilctl.task.spec import TaskSpec
from hilctl.teleop.base import Teleop


@dataclass(frozen=True)
class Thoroughness:
    """How much is tried.

    Attributes:
        cadence_s: seconds of the control loop's time, where a device is of the real world.
        stills: folder for a still of each camera; None = none is kept.
        stop: asked meanwhile; True ends it.
    """

    cadence_s: float = 0.0
    stills: Path | None = None
    stop: Callable[[], bool] = lambda: False


class Trial:
    """Devices that are open, and what was found of them."""

    def __init__(self, spec: TaskSpec, folder: Path | None) -> None:
        self.findings: list[Finding] = []
        self.spec = spec
        self._rig = rig_of(spec, folder=folder)
        self._open: list[tuple[str, Device]] = []
        self._broken: set[str] = set()

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
                device.action_scale = pose_scale(control_of(self.spec, arm))
            if issubclass(driver, TaskEnvironment):
                device.control = self.spec.control
            device.open()
            if issubclass(driver, TaskEnvironment):
                self._rig.attach_environment(device)
            # what is no reading at all is a fault of the driver, too
            reading = call(subject, driver, "state", lambda: _reading(device))
        except HilctlError as error:
            self.findings.append(Finding(False, subject, error.message, error.hint))
            self._broken.add(subject)
            return False
        self.findings.append(Finding(True, subject, f"{block.type}: opened, {reading}"))
        return True

    def know_again(self, records: Mapping[str, CameraRecord]) -> None:
        """Say of every camera that can be told from others whether it is the one from before."""
        owners = {one.serial: name for name, one in records.items() if one.serial is not None}
        for name, camera in self._cameras():
            subject, serial = f"camera {name}", camera.serial
            if serial is None:
                continue
            before = records[name].serial if name in records else None
            if before in (None, serial):
                known = "as calibrated" if before else "not calibrated yet"
                self.findings.append(Finding(True, subject, f"serial {serial}, {known}"))
                continue
            owner = owners.get(serial)
            swapped = f"it is the one that was calibrated as {owner}: are they swapped?"
            told = swapped if owner else f"{before} was calibrated under this name"
            hint = f"swap them in task.yaml, or: hilctl calibrate drift --accept --camera {name}"
            self.findings.append(Finding(False, subject, f"serial {serial}: {told}", hint))

    def keep_stills(self, folder: Path) -> None:
        """Keep a picture of each camera, for a person to look at."""
        for name, camera in self._cameras():
            subject = f"camera {name}"
            with self._told(subject):
                file = keep_still(camera, folder / f"{name}.jpg")
                self.findings.append(Finding(True, subject, f"a still: {file.resolve()}"))

    def measure(self, thorough: Thoroughness) -> None:
        """Measure how fast the devices of the real world are, and whether a loop keeps its time."""
        working = [pair for pair in self._open if pair[0] not in self._broken]
        real = [pair for pair in working if _is_real(pair[1])]
        streams: list[UsbStream] = []
        for subject, device in real:
            with self._told(subject):
                streams += self._measured(subject, device)
        self.findings += examine_usb(streams)
        if real and thorough.cadence_s:
            with self._told("cadence"):
                looks = [_look_at(device) for _, device in working]
                rate_hz, seconds = self.spec.control.rate_hz, thorough.cadence_s
                self.findings += keep_time(looks, rate_hz, seconds, thorough.stop)

    def _measured(self, subject: str, device: Device) -> Iterator[UsbStream]:
        """Measure a device; yield what it sends over USB."""
        rate_hz = self.spec.control.rate_hz
        if not isinstance(device, Camera):
            self.findings.append(time_robot(subject, cast(Robot, device), 1 / rate_hz))
            return
        pace = CameraPace.of(device)
        self.findings.append(pace.finding(subject, rate_hz))
        yield from _usb_stream(subject, device, pace.rate_hz)

    @contextmanager
    def _told(self, subject: str) -> Iterator[None]:
        """What a device fails with is a finding."""
        try:
            yield
        except HilctlError as error:
            self.findings.append(Finding(False, subject, error.message, error.hint))

    def _cameras(self) -> Iterator[tuple[str, Camera]]:
        for subject, device in self._open:
            if subject.startswith("camera ") and subject not in self._broken:
                yield subject.removeprefix("camera "), cast(Camera, device)

    def close(self) -> None:
        """Close all of them, the last one first."""
        for subject, device in reversed(self._open):
            with self._told(subject):
                device.close()


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


def _is_real(device: Device) -> bool:
    if isinstance(device, Camera):
        return device.in_real_time
    return isinstance(device, Robot) and not isinstance(device, SimulatedScene)


def _look_at(device: Any) -> Callable[[], object]:
    """Return what reads a device as the control loop does."""
    if isinstance(device, Camera):
        return lambda: device.latest(max_age_s=MAX_FRAME_AGE_S)
    if isinstance(device, Robot):
        return lambda: device.state()
    if isinstance(device, Teleop):
        return lambda: device.poll()
    return lambda: None


def _usb_stream(subject: str, camera: Camera, rate_hz: float) -> Iterator[UsbStream]:
    """Yield what a camera sends over USB, if it is known to be there."""
    if not isinstance(camera, OpencvCamera) or not camera.device().startswith("/dev/"):
        return
    device, options = video_device(camera.device()), camera.options
    if device is not None:
        height, width = camera.latest(max_age_s=STILL_MAX_AGE_S).image.shape[:2]
        fourcc = cast(OpencvOptions, options).fourcc
        yield UsbStream(subject.removeprefix("camera "), device, (width, height), rate_hz, fourcc)
