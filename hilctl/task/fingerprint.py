"""Decide which data and policies belong together, and say why two of them do not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from hilctl.host_names import without_password
from hilctl.task.plugins import picture_source
from hilctl.task.sections import ArmSpec, PluginSpec
from hilctl.task.spec import TaskSpec

Identity = dict[str, Any]
ABSENT = object()  # what a tree has not got; None is a value of JSON


def data_identity(spec: TaskSpec) -> Identity:
    """Return what makes recorded data comparable, as plain JSON; store it next to the data.

    Where episodes start, how the policy looks at the data, and where devices are to be found may
    change between recordings. Every episode holds all that the robot measures.
    """
    control = spec.control.model_dump(mode="json")
    if spec.environment is not None:
        return {
            "environment": _plugin(spec.environment),
            "control": {"rate_hz": control["rate_hz"]},
        }
    cameras = {
        name: _plugin(camera)
        | picture_source(camera)
        | {"aspect": "kept"}
        | camera.model_dump(mode="json", include={"size", "crop"})
        for name, camera in spec.cameras.items()
    }
    if "" not in spec.each_arm:
        arms = {name: _arm(arm) for name, arm in spec.each_arm.items()}
        return {"arms": arms, "cameras": cameras, "control": {"rate_hz": control["rate_hz"]}}
    arm = _arm(spec.each_arm[""])
    arm["control"]["rate_hz"] = control["rate_hz"]
    return {**arm, "cameras": cameras}


def _arm(arm: ArmSpec) -> Identity:
    keys = {"action", "translation_m", "rotation_rad", "wrench", "gripper"}
    control = arm.control.model_dump(mode="json", include=keys, exclude_none=True)
    return {"robot": _plugin(arm.robot), "control": control}


def policy_identity(spec: TaskSpec) -> Identity:
    """Return what a policy's weights depend on, as plain JSON; store it next to the weights."""
    agent = _plugin(spec.agent)
    seen_by: Identity = {key: agent[key] for key in ("type", "encoder", "channels") if key in agent}
    if agent.get("embedding", "components") != "components":  # others are older than the setting
        seen_by["embedding"] = agent["embedding"]
    return {
        **data_identity(spec),
        "observation": spec.observation.model_dump(mode="json"),
        "agent": seen_by,
    }


def data_fingerprint(spec: TaskSpec) -> str:
    """Return 12 hex digits that are equal when recorded data may be mixed."""
    return fingerprint(data_identity(spec))


def policy_fingerprint(spec: TaskSpec) -> str:
    """Return 12 hex digits that are equal when a policy's weights fit the task."""
    return fingerprint(policy_identity(spec))


def fingerprint(identity: Mapping[str, Any]) -> str:
    """Return 12 hex digits of the sha256 of an identity's canonical JSON."""
    canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def explain_difference(here: Mapping[str, Any], there: Mapping[str, Any]) -> list[str]:
    """Return one line for every field in which two identities differ.

    Example: `cameras.wrist.size: 128×128 here, 96×96 there`.
    """
    lines = []
    for key, ours, theirs in differences(here, there):
        here_is = "absent here" if ours is ABSENT else f"{shown(key, ours)} here"
        there_is = "absent there" if theirs is ABSENT else f"{shown(key, theirs)} there"
        lines.append(f"{key}: {here_is}, {there_is}")
    return lines


def differences(here: Mapping[str, Any], there: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Return each dotted key in which two trees of plain JSON differ, with both values.

    A key that one of them has not is `ABSENT` there.
    """
    ours, theirs = dict(_flat(here)), dict(_flat(there))
    pairs = ((key, ours.get(key, ABSENT), theirs.get(key, ABSENT)) for key in {*ours, *theirs})
    return sorted((pair for pair in pairs if pair[1] != pair[2]), key=lambda pair: pair[0])


def shown(key: str, value: Any) -> str:
    """Return a value of a task for a person, without passwords; the key tells how it is meant."""
    if value is ABSENT:
        return "–"
    if key.endswith(".size") and isinstance(value, list):
        return "×".join(str(side) for side in value)
    if isinstance(value, float):
        return f"{value:.12g}"
    plain = json.dumps(value) if isinstance(value, list | bool) or value is None else str(value)
    return without_password(plain)


def _plugin(block: PluginSpec) -> Identity:
    return {"type": block.type, **block.options.identity()}


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
