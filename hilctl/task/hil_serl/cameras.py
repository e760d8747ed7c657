"""The cameras of a rig: serials, sizes, exposure, crops, and which of them are looked at."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hilctl.task.hil_serl.crops import read_crop
from hilctl.task.hil_serl.settings import Settings
from hilctl.task.hil_serl.values import Assigned, NotReadableError, Unreadable

# what their class RSCapture takes where nothing is said
USUAL_SIZE, USUAL_FPS = (640, 480), 15
EXPOSURE_TICK_S = 1e-6  # of the stereo module, to which theirs set it
MOST_CAMERAS = 4
_KNOWN = ("serial_number", "dim", "exposure", "fps")
CAMERAS, CROPS = "REALSENSE_CAMERAS", "IMAGE_CROP"


@dataclass(frozen=True)
class RigCamera:
    """One camera as their file has it.

    Attributes:
        name: here; theirs with the arm before it.
        serial: of the RealSense; None = it is not said.
        size: width and height in px of the raw frame; None = it is not known.
        fps: pictures a second; None = it is not known.
        exposure_s: None = automatic.
        crop: x, y, width, height in px; None = all of it.
    """

    name: str
    serial: str | None = None
    size: tuple[int, int] | None = None
    fps: float | None = None
    exposure_s: float | None = None
    crop: tuple[int, int, int, int] | None = None

    def options(self) -> dict[str, Any]:
        """Return it as task.yaml has it."""
        told: dict[str, Any] = {"type": "realsense"}
        if self.serial is not None:
            told["serial"] = self.serial
        if self.size is not None:
            told |= {"resolution": list(self.size), "fps": self.fps}
        if self.exposure_s is not None:
            told["exposure_s"] = self.exposure_s
        if self.crop is not None:
            told["crop"] = list(self.crop)
        return told | {"size": [128, 128]}


def read_cameras(
    arm: str, settings: Settings, names: Mapping[str, Assigned], seen: Iterable[str]
) -> dict[str, RigCamera]:
    """Return an arm's cameras by the names that the training has for them.

    Args:
        arm: its name; "" for the only one.
        settings: of its class.
        names: of the file, for numbers in crops.
        seen: names of cameras that the training knows, of all arms.

    Raises:
        DataError: a setting is no camera's.
    """
    prefix = f"{arm}/" if arm else ""
    told = settings.kind(CAMERAS, dict, "a dict of cameras")
    crops = settings.kind(CROPS, dict, "a dict of crops") or {}
    if told is None:
        told = dict.fromkeys(
            name.removeprefix(prefix) for name in seen if name.startswith(prefix)
        ) or dict.fromkeys(crops)
        if told:
            settings.remark(CAMERAS, "not in this file: write the serials into task.yaml")
        found = {name: RigCamera(name) for name in told}
    else:
        found = {str(name): _camera(str(name), one, settings) for name, one in told.items()}
    found = _share_devices(found, told, settings)
    for name in found:
        found[name] = _cropped(name, found[name], crops.get(name), settings, names)
    for name in crops.keys() - found.keys():
        settings.note(CROPS, "there is no such camera", f"[{name!r}]")
    return {
        f"{prefix}{name}": replace(camera, name=name_here(f"{prefix}{name}"))
        for name, camera in found.items()
    }


def name_here(name: str) -> str:
    """Return the name of a camera as task.yaml can have it."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", name)
    return plain if plain[:1].isalpha() else f"camera_{plain}"


def choose(
    cameras: Mapping[str, RigCamera], used: list[str], settings: Settings
) -> dict[str, RigCamera]:
    """Return the cameras that are looked at, by their names.

    Raises:
        DataError: there is no such camera, too many are used, or two have one name here.
    """
    for name in used:
        if name not in cameras:
            raise settings.wrong("image_keys", name, f"one of {', '.join(cameras) or 'no cameras'}")
    chosen = {name: camera for name, camera in cameras.items() if name in used}
    if len(chosen) > MOST_CAMERAS:
        raise settings.wrong("image_keys", list(chosen), f"at most {MOST_CAMERAS} cameras")
    if len({camera.name for camera in chosen.values()}) < len(chosen):
        raise settings.wrong("image_keys", list(chosen), "names of letters, digits, '-' and '_'")
    return chosen


def _camera(name: str, told: Any, settings: Settings) -> RigCamera:
    if isinstance(told, str | Unreadable) or told is None:
        told = {"serial_number": told}
    if not isinstance(told, dict):
        raise settings.wrong(CAMERAS, told, f"a serial or a dict for {name!r}")
    camera, told = RigCamera(name, size=USUAL_SIZE, fps=USUAL_FPS), dict(told)
    for key in told:
        if key not in _KNOWN:
            settings.note(CAMERAS, "hilctl has no such option", f"[{name!r}][{key!r}]")
        else:
            told[key] = settings.part(CAMERAS, told[key], name, key)
    serial, dim = told.get("serial_number"), told.get("dim")
    if serial is not None and not (isinstance(serial, str) and serial.strip()):
        raise settings.wrong(CAMERAS, serial, f"a text as serial of {name!r}")
    if dim is not None:
        camera = replace(camera, size=_size(name, dim, settings))
    if told.get("fps") is not None:
        fps = settings.checked(CAMERAS, told["fps"], low=1, high=1000)
        camera = replace(camera, fps=int(fps) if fps == int(fps) else fps)
    if told.get("exposure") is not None:
        ticks = settings.checked(CAMERAS, told["exposure"], low=1, high=10 / EXPOSURE_TICK_S)
        camera = replace(camera, exposure_s=round(ticks * EXPOSURE_TICK_S, 6))
    return replace(camera, serial=serial)


def _size(name: str, dim: Any, settings: Settings) -> tuple[int, int]:
    if not isinstance(dim, list | tuple) or len(dim) != 2:
        raise settings.wrong(CAMERAS, dim, f"width and height as dim of {name!r}")
    width, height = (settings.checked(CAMERAS, side, low=16, high=8192) for side in dim)
    return int(width), int(height)


def _share_devices(
    cameras: dict[str, RigCamera], told: Mapping[Any, Any], settings: Settings
) -> dict[str, RigCamera]:
    """Let cameras of one device have one device's options; a device can be had but once."""
    shared: dict[str, RigCamera] = {}
    for name, camera in cameras.items():
        if told.get(name) == {}:  # a second picture of a camera whose name begins its own
            first = max(
                (one for one in cameras if one != name and name.startswith(one)), default=""
            )
            if first:
                settings.remark(CAMERAS, f"empty: taken for the device of {first!r}", f"[{name!r}]")
                camera = replace(cameras[first], name=camera.name)
        twin = next((one for one in shared.values() if one.serial == camera.serial), None)
        if twin is not None and camera.serial is not None:
            if replace(twin, name=camera.name) != camera:
                why = f"serial, dim and exposure are those of {twin.name!r}: it is one device"
                settings.remark(CAMERAS, why, f"[{name!r}]")
            camera = replace(twin, name=camera.name)
        shared[name] = camera
    return shared


def _cropped(
    name: str,
    camera: RigCamera,
    function: Any,
    settings: Settings,
    names: Mapping[str, Assigned],
) -> RigCamera:
    if function is None:
        return camera
    part = f"[{name!r}]"
    try:
        if isinstance(function, Unreadable):
            raise NotReadableError(function.line, function.why)
        if not isinstance(function, ast.Lambda):
            raise settings.wrong(CROPS, function, f"a lambda for {name!r}")
        crop = read_crop(function, camera.size, names)
    except NotReadableError as error:
        why = f"not readable, {error.why}: all of the picture is seen; crop it in task.yaml"
        settings.note(CROPS, why, part)
        return camera
    if crop.is_turned:
        settings.remark(CROPS, "turned or mirrored there: the same part is seen as it is", part)
    whole = (0, 0, *(camera.size or ()))
    return replace(camera, crop=None if crop.box == whole else crop.box)
