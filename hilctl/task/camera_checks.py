"""Checks of cameras and of what is seen: crops, names, and an environment in their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from hilctl.driver_faults import call
from hilctl.registry import did_you_mean
from hilctl.task.document import Loc
from hilctl.task.explain import SettingError
from hilctl.task.plugins import PluginBlock
from hilctl.task.sections import CameraSpec, ControlSpec, RateSpec, StateKey, section_of
from hilctl.task.spec import measurement_name

_RESERVED = {*get_args(StateKey), "state"}
_RENAME = "call this camera something else"


def check_crop(block: PluginBlock, cls: type[Any], options: Any) -> Iterator[SettingError]:
    """Yield whether a camera's crop leaves its raw frame, where the frame's size is known."""
    known = {key: block.data[key] for key in ("size", "crop") if key in block.data}
    camera = section_of(CameraSpec, {"type": "", "options": options, **known})
    size = call(f"camera {block.loc[-1]}", cls, "frame_size", lambda: cls.frame_size(options))
    if camera is None or camera.crop is None or size is None:
        return
    x, y, width, height = camera.crop
    if x + width > size[0] or y + height > size[1]:
        message = (
            f"crop ends at ({x + width}, {y + height}), "
            f"outside the raw frame of {size[0]}×{size[1]} px"
        )
        yield SettingError(
            (*block.loc, "crop"), message, "[x, y, width, height] in px on the raw frame"
        )


def check_reserved_names(cameras: Any) -> Iterator[SettingError]:
    """Yield every camera that is called like something else that is observed."""
    for name in cameras if isinstance(cameras, dict) else ():
        if name in _RESERVED:
            yield SettingError(
                ("cameras", name), f"{name!r} is a measurement's name", _RENAME, at_key=True
            )


def check_camera_names(loc: Loc, named: Any, cameras: Any) -> Iterator[SettingError]:
    """Yield every name in a list of cameras that is unknown or there twice."""
    if not isinstance(named, list | tuple) or not isinstance(cameras, dict):
        return
    for i, name in enumerate(named):
        if isinstance(name, str) and name not in cameras:
            hint = did_you_mean(name, sorted(cameras))
            yield SettingError((*loc, i), f"there is no camera {name!r}", hint)
        elif name in named[:i]:
            yield SettingError(
                (*loc, i), f"camera {name!r} is named twice", "remove one of the two"
            )


def check_environment(
    data: Mapping[str, Any], options: Mapping[str, Any]
) -> Iterator[SettingError]:
    """Yield what a task with an environment in place of a robot cannot have, or has not."""
    for key in ("robot", "cameras", "reset"):
        if data.get(key):
            message = f"this task has an environment in place of its {key}"
            yield SettingError((key,), message, "remove one of the two", at_key=True)
    control = data.get("control")
    for key, value in control.items() if isinstance(control, dict) else ():
        field = ControlSpec.model_fields.get(key)
        if field and key not in RateSpec.model_fields and value not in (None, field.default):
            message = "an environment has no such setting"
            hint = f"it knows {', '.join(RateSpec.model_fields)}; bounds are environment.action"
            yield SettingError(("control", key), message, hint, at_key=True)
    observation = data.get("observation")
    named = observation.get("state") if isinstance(observation, dict) else None
    paths: list[str] = getattr(options.get("environment"), "state", [])
    known = [measurement_name(path) for path in paths]
    for name in getattr(options.get("environment"), "images", {}):
        if name in _RESERVED or name in known:  # they lie side by side in an episode's file
            message = f"{name!r} is the name of a measurement, too"
            yield SettingError(("environment", "images", name), message, "rename the picture")
    for i, name in enumerate(known):
        if name in _RESERVED:
            message = f"{name!r} is a robot's measurement"
            hint = "call it something else in a wrapper of the environment"
            yield SettingError(("environment", "state", i), message, hint)
    for i, name in enumerate(named if isinstance(named, list) and known else ()):
        if name not in known:
            message = f"environment.state has no {name!r}"
            yield SettingError(("observation", "state", i), message, did_you_mean(str(name), known))
