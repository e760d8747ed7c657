"""Which SpaceMice are plugged in, and how one is opened; everything that hidapi has to be asked."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hilctl.errors import DeviceError

SYSTEM_LIBRARY = "libhidapi-hidraw.so.0"
# so a device says that it is a "multi-axis controller" (USB HID usage tables)
GENERIC_DESKTOP, MULTI_AXIS = 0x01, 0x08
RULES = "/etc/udev/rules.d/70-spacemouse.rules"
_hidapi = threading.Lock()  # it is not made for several threads


@dataclass(frozen=True)
class SpaceMouse:
    """One that is plugged in.

    Attributes:
        path: of its interface that moves.
        name: of its model.
        serial: "" when it has none.
        handle: easyhid's own.
        spec: pyspacemouse's, of the model.
    """

    path: str
    name: str
    serial: str
    handle: Any
    spec: Any

    def __str__(self) -> str:
        serial = f", serial {self.serial}" if self.serial else ", which has no serial"
        return f"{self.name} at {self.path}{serial}"


def find_spacemice() -> list[SpaceMouse]:
    """Return every SpaceMouse that is plugged in, once each.

    Raises:
        DeviceError: hidapi or pyspacemouse cannot be used.
    """
    with _hidapi:
        _load_hidapi()
        try:
            import pyspacemouse
            from easyhid import Enumeration

            models = {
                (spec.vendor_id, spec.product_id): spec
                for spec in pyspacemouse.get_device_specs().values()
            }
            handles = Enumeration().find()
        except (ImportError, AttributeError, OSError) as error:
            raise DeviceError(
                f"SpaceMice cannot be looked for: {error}",
                hint="pip install --force-reinstall pyspacemouse hidapi",
            ) from error
    mice = [handle for handle in handles if (handle.vendor_id, handle.product_id) in models]
    return [
        SpaceMouse(
            path=handle.path,
            name=models[handle.vendor_id, handle.product_id].name,
            serial=handle.serial_number or "",
            handle=handle,
            spec=models[handle.vendor_id, handle.product_id],
        )
        for handle in _one_of_each(mice)
    ]


def open_spacemouse(mouse: SpaceMouse) -> Any:
    """Return pyspacemouse's device; its axes are x forward, y left, z up.

    Not by `open_by_path`, which prints.

    Raises:
        DeviceError: this person may not open it, or somebody else has it.
    """
    import pyspacemouse

    spec = pyspacemouse.apply_axis_convention(mouse.spec, pyspacemouse.AxisConvention.ROS)
    device = pyspacemouse.SpaceMouseDevice(info=spec, device=mouse.handle)
    with _hidapi:
        try:
            device.open()
            mouse.handle.set_nonblocking(True)
        except Exception as error:
            raise _not_opened(mouse) from error
    return device


def close_spacemouse(device: Any) -> None:
    """Close it; nothing happens when it is gone."""
    with _hidapi:
        device.close()


def _not_opened(mouse: SpaceMouse) -> DeviceError:
    try:
        os.close(os.open(mouse.path, os.O_RDWR | os.O_NONBLOCK))
    except PermissionError:
        return DeviceError(
            f"this account may not use the {mouse}",
            where=mouse.path,
            hint=f"echo '{udev_rule(mouse)}' | sudo tee {RULES} && sudo udevadm control --reload "
            "&& sudo udevadm trigger; in a container, give it the device",
        )
    except OSError:
        pass
    return DeviceError(
        f"the {mouse} cannot be opened",
        where=mouse.path,
        hint="plug it in again, and end what else uses it (spacenavd, 3DxWare)",
    )


def udev_rule(mouse: SpaceMouse) -> str:
    """Return the rule that gives every account of this computer the right to use its maker's."""
    vendor = f"{mouse.spec.vendor_id:04x}"
    return f'KERNEL=="hidraw*", ATTRS{{idVendor}}=="{vendor}", MODE="0666"'


def _load_hidapi() -> None:
    """Load the system's hidapi, or else the one inside the hidapi package, for easyhid to find."""
    try:
        ctypes.CDLL(SYSTEM_LIBRARY, mode=ctypes.RTLD_GLOBAL)
        return
    except OSError:
        pass
    found = importlib.util.find_spec("hidraw")
    if found is None or found.origin is None:
        raise DeviceError(
            f"neither {SYSTEM_LIBRARY} nor the hidapi package is installed",
            hint="pip install hidapi, or: sudo apt-get install libhidapi-hidraw0",
        )
    ctypes.CDLL(found.origin, mode=ctypes.RTLD_GLOBAL)


def _one_of_each(handles: Iterable[Any]) -> list[Any]:
    """Return the interface that moves of each device: some have one for keys, too."""
    chosen: dict[Any, Any] = {}
    for handle in sorted(handles, key=_preference):
        chosen.setdefault(_device_of(handle), handle)
    first: dict[Any, Any] = {}  # how much the best interface of each model tells
    for handle in chosen.values():
        first.setdefault(_model(handle), _preference(handle)[:2])
    found = [one for one in chosen.values() if _preference(one)[:2] == first[_model(one)]]
    return sorted(found, key=lambda handle: str(handle.path))


def _preference(handle: Any) -> tuple[bool, int, str]:
    moves = (handle.usage_page, handle.usage) == (GENERIC_DESKTOP, MULTI_AXIS)
    return not moves, handle.interface_number, handle.path


def _model(handle: Any) -> tuple[int, int]:
    return handle.vendor_id, handle.product_id


def _device_of(handle: Any) -> tuple[Any, ...]:
    """Return what interfaces of one device have in common, as far as that is known."""
    return *_model(handle), handle.serial_number or handle.path
