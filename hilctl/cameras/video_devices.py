"""Which cameras Linux knows as video devices, and what it says of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SYSFS = Path("/sys/class/video4linux")
BY_ID = Path("/dev/v4l/by-id")


@dataclass(frozen=True)
class VideoDevice:
    """A camera that is plugged in.

    Attributes:
        path: such as /dev/video0; it may be another one after the next start of the computer.
        name: of its model.
        serial: "" where it has none.
        lasting_path: one that stays the same; "" where there is none.
        usb_mbit_s: what its USB port can carry; None where it is not on USB.
        usb_bus: number of the controller it shares with others; None likewise.
    """

    path: str
    name: str
    serial: str = ""
    lasting_path: str = ""
    usb_mbit_s: float | None = None
    usb_bus: int | None = None

    def __str__(self) -> str:
        serial = f", serial {self.serial}" if self.serial else ""
        lasting = f", always at {self.lasting_path}" if self.lasting_path else ""
        return f"{self.name} at {self.path}{serial}{lasting}"


def video_devices() -> list[VideoDevice]:
    """Return every camera of this computer; the metadata nodes that most have too are left out."""
    if not SYSFS.is_dir():
        return []
    nodes = sorted(SYSFS.iterdir(), key=lambda node: (len(node.name), node.name))
    return [_described(node) for node in nodes if _text(node / "index") in ("0", "")]


def video_device(path: str) -> VideoDevice | None:
    """Return the camera at a path, whatever it is called there; None where none is known."""
    name = Path(path).resolve().name
    found = (device for device in video_devices() if Path(device.path).name == name)
    return next(found, None)


def _described(node: Path) -> VideoDevice:
    path = f"/dev/{node.name}"
    usb = _usb_device((node / "device").resolve())
    return VideoDevice(
        path=path,
        name=_text(node / "name") or "a camera",
        serial=_text(usb / "serial") if usb else "",
        lasting_path=_lasting_path(path),
        usb_mbit_s=_number(usb / "speed") if usb else None,
        usb_bus=int(bus) if usb and (bus := _number(usb / "busnum")) else None,
    )


def _usb_device(interface: Path) -> Path | None:
    """Return the folder of the USB device that an interface belongs to."""
    for folder in (interface, *interface.parents):
        if (folder / "idVendor").is_file():
            return folder
    return None


def _lasting_path(path: str) -> str:
    if not BY_ID.is_dir():
        return ""
    links = sorted(link for link in BY_ID.iterdir() if link.resolve() == Path(path))
    return str(links[0]) if links else ""


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def _number(file: Path) -> float | None:
    try:
        return float(_text(file))
    except ValueError:
        return None
