"""The robot server of a rig: its address, and how softly it is told to hold the arm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from hilctl.devices import Options
from hilctl.task.hil_serl.settings import Settings
from hilctl.task.plugins import PluginBlock
from hilctl.task.sections import PluginSpec

USUAL_URL = "http://127.0.0.1:5000"  # of their DefaultEnvConfig


def read_server(settings: Settings) -> dict[str, Any]:
    """Return the options of a robot `serl_http`, but for its gripper.

    Raises:
        DataError: a setting is not what it is taken for.
    """
    url = settings.kind("SERVER_URL", str, "an address as http://127.0.0.1:5000")
    if url is None and not settings.is_lost("SERVER_URL"):
        settings.remark("SERVER_URL", f"not in this file: taken for HIL-SERL's own, {USUAL_URL}")
    robot: dict[str, Any] = {"url": (url or USUAL_URL).rstrip("/")}
    work = _compliance("COMPLIANCE_PARAM", settings)
    way = _compliance("PRECISION_PARAM", settings)
    for name in sorted(way.keys() - work.keys()):
        settings.note(
            "PRECISION_PARAM", "COMPLIANCE_PARAM does not say what it is at work", f"[{name!r}]"
        )
    way = {name: value for name, value in way.items() if name in work}
    robot |= {"compliance": _folded(work), "precision": _folded(way)}
    return robot | {"load": _load(settings)}


def _compliance(key: str, settings: Settings) -> dict[str, float]:
    told = settings.kind(key, dict, "a dict of numbers") or {}
    known = _options_of("serl_http").model_fields["compliance"].annotation
    taken: dict[str, float] = {}
    for name, value in told.items():
        if name not in known.model_fields:  # type: ignore[union-attr]
            settings.note(key, "hilctl's robot server has no such parameter", f"[{name!r}]")
            continue
        if settings.part(key, value, name) is None:
            continue
        number = settings.checked(key, value)
        try:
            known.model_validate({name: number})  # type: ignore[union-attr]
        except ValidationError as error:
            why = error.errors()[0]["msg"].removeprefix("Input should be ")
            raise settings.wrong(key, value, f"{name!r} {why}") from None
        taken[name] = int(number) if number == int(number) else number
    return taken


def _folded(parameters: Mapping[str, float]) -> dict[str, float]:
    """Return parameters with those that are the same in every direction as one."""
    folded = dict(parameters)
    for kind in ("translational_clip", "rotational_clip"):
        sides = {f"{kind}_{side}" for side in ("x", "y", "z", "neg_x", "neg_y", "neg_z")}
        values = {folded.get(side) for side in sides}
        if len(values) == 1 and None not in values:
            folded = {name: value for name, value in folded.items() if name not in sides}
            folded[kind] = parameters[f"{kind}_x"]
    return folded


def _options_of(robot: str) -> type[Options]:
    """Return the class of a robot's options."""
    return PluginBlock("robot", ("robot",), {"type": robot}, PluginSpec).options_type()


def _load(settings: Settings) -> dict[str, Any] | None:
    told = settings.kind("LOAD_PARAM", dict, "a dict")
    if not told:
        return None
    lengths = {"mass": 0, "F_x_center_load": 3, "load_inertia": 9}
    parts: dict[str, Any] = {}
    for name, length in lengths.items():
        usual = [0.0] * length if length else 0.0
        values = settings.part("LOAD_PARAM", told.get(name, usual), name)
        if values is None:
            return None
        if not length:
            parts[name] = settings.checked("LOAD_PARAM", values, low=0, high=10)
        elif not isinstance(values, list | tuple) or len(values) != length:
            raise settings.wrong("LOAD_PARAM", values, f"{length} numbers as {name!r}")
        else:
            parts[name] = [settings.checked("LOAD_PARAM", value) for value in values]
    if not parts["mass"]:
        return None
    return {
        "mass_kg": parts["mass"],
        "centre_m": parts["F_x_center_load"],
        "inertia_kg_m2": parts["load_inertia"],
    }
