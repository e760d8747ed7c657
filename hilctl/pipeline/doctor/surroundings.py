"""What this computer has, whatever a task says: arms on a serial line, USB, its kernel."""

from __future__ import annotations

import os
import platform
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hilctl.cameras.video_devices import VideoDevice
from hilctl.devices import Finding
from hilctl.driver_faults import call
from hilctl.errors import HilctlError
from hilctl.registry import Registry

SERIAL_BY_ID = Path("/dev/serial/by-id")
SERIAL_PORTS = ("ttyACM*", "ttyUSB*")
REAL_TIME_FLAG = Path("/sys/kernel/realtime")
DEV = Path("/dev")
USABLE = 0.6  # of a bus: the rest is reserved, or lost between packets
RAW_BITS = 16  # a pixel, as cameras send them that do not compress
COMPRESSED = ("MJPG", "H264")


def examine_surroundings() -> list[Finding]:
    """Return which serial ports are here and whether this person may use them, and the kernel."""
    return [*_serial_ports(), _kernel()]


def found_by(registry: Registry[Any], name: str) -> list[Finding]:
    """Return what a driver finds here when it is told nothing."""
    try:
        driver = registry.get(name)
        options = driver.OptionsType()
        subject = f"{registry.kind} {name}"
        found = call(subject, driver, "probe", partial(driver.probe, options))
    except (ImportError, ValidationError, HilctlError):  # it needs to be told more
        return []
    return [one for one in found if one.ok]


def _serial_ports() -> Iterator[Finding]:
    lasting = {link.resolve(): link for link in _entries(SERIAL_BY_ID)}
    ports = sorted(port for pattern in SERIAL_PORTS for port in DEV.glob(pattern))
    for port in ports:
        name = f"{port}, always at {lasting[port]}" if port in lasting else str(port)
        if os.access(port, os.R_OK | os.W_OK):
            yield Finding(True, "serial port", f"{name}: an arm may be on it")
        else:
            hint = 'sudo usermod -aG dialout "$USER", then log in anew'
            yield Finding(False, "serial port", f"{name}, which this account may not use", hint)


def _entries(folder: Path) -> Sequence[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _kernel() -> Finding:
    release = platform.release()
    is_real_time = "PREEMPT_RT" in platform.version()
    if REAL_TIME_FLAG.is_file():
        is_real_time |= REAL_TIME_FLAG.read_text("utf-8").strip() == "1"
    if is_real_time:
        return Finding(True, "kernel", f"{release}, real-time")
    detail = "not real-time: an arm that is controlled from here at 1 kHz wants PREEMPT_RT"
    return Finding(True, "kernel", f"{release}, {detail}")


@dataclass(frozen=True)
class UsbStream:
    """What a camera sends over USB.

    Attributes:
        camera: its name in the task.
        device: that it is.
        size_px, rate_hz: of its pictures.
        fourcc: how they are packed; None = as the camera likes.
    """

    camera: str
    device: VideoDevice
    size_px: tuple[int, int]
    rate_hz: float
    fourcc: str | None

    @property
    def mbit_s(self) -> float:
        """What it takes at most."""
        if self.fourcc in COMPRESSED:
            return 0.0
        return self.size_px[0] * self.size_px[1] * RAW_BITS * self.rate_hz * 1e-6


def examine_usb(streams: Sequence[UsbStream]) -> Iterator[Finding]:
    """Yield for every USB bus whether it can carry what the cameras on it send."""
    buses: dict[int, list[UsbStream]] = defaultdict(list)
    for stream in streams:
        if stream.device.usb_bus is not None and stream.device.usb_mbit_s:
            buses[stream.device.usb_bus].append(stream)
    for bus, there in sorted(buses.items()):
        most = min(one.device.usb_mbit_s or 0.0 for one in there)
        asked = sum(one.mbit_s for one in there)
        names = " and ".join(one.camera for one in there)
        detail = f"{names}: up to {asked:.0f} Mbit/s uncompressed, the bus has {most:g}"
        is_enough = asked <= USABLE * most
        hint = "plug one into another controller, lower resolution or fps, or set fourcc: MJPG"
        yield Finding(is_enough, f"USB bus {bus}", detail, None if is_enough else hint)
