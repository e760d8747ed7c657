"""Fingerprints change with what makes data or weights incomparable, and with nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hilctl.devices import Address, Options
from hilctl.task.fingerprint import (
    data_fingerprint,
    data_identity,
    explain_difference,
    fingerprint,
    policy_fingerprint,
    policy_identity,
    shown,
)
from hilctl.task.sections import PluginSpec
from hilctl.task.spec import TaskSpec

Load = Callable[..., TaskSpec]

INCOMPARABLE = {
    "robot.scene": ("scene: insert", "scene: reach"),
    "cameras.wrist.size": ("view: wrist, size: [128, 128]", "view: wrist, size: [96, 96]"),
    "cameras.side.view": ("view: side", "view: wrist"),
    "cameras.side.crop": (
        "view: side, size: [128, 128]",
        "view: side, size: [128, 128], crop: [0, 0, 64, 64]",
    ),
    "control.rate_hz": ("rate_hz: 10", "rate_hz: 20"),
    "control.translation_m": ("translation_m: 0.01", "translation_m: 0.02"),
    "control.rotation_rad": ("rotation_rad: 0.06", "rotation_rad: 0.05"),
}
COMPARABLE = {
    "another start": ("random_xy_m: 0.02", "random_xy_m: 0.01"),
    "other bounds": ("0.26, 0.3, 0.3, 0.3]", "0.25, 0.3, 0.3, 0.3]"),
    "another operator": ("skill: 0.8", "skill: 0.5"),
    "more demonstrations": ("demos: 20", "demos: 30"),
    "other words": ("instruction: ", "instruction: please "),
    "one measurement more": ("tcp_wrench]", "tcp_wrench, joint_position]"),
    "one measurement less": ("tcp_velocity, tcp_wrench]", "tcp_velocity]"),
    "order of state keys": ("[tcp_pose, tcp_velocity,", "[tcp_velocity, tcp_pose,"),
}


@pytest.mark.parametrize("field", list(INCOMPARABLE))
def test_data_no_longer_comparable(load_changed: Load, field: str) -> None:
    before, after = load_changed(), load_changed(INCOMPARABLE[field])
    assert data_fingerprint(before) != data_fingerprint(after)
    assert policy_fingerprint(before) != policy_fingerprint(after)
    (line,) = explain_difference(data_identity(before), data_identity(after))
    assert line.startswith(f"{field}: ")


@pytest.mark.parametrize("change", list(COMPARABLE))
def test_data_still_comparable(load_changed: Load, change: str) -> None:
    before, after = load_changed(), load_changed(COMPARABLE[change])
    assert data_fingerprint(before) == data_fingerprint(after)


def test_policy_depends_on_what_it_sees_and_on_its_networks(load_changed: Load) -> None:
    before = load_changed()
    for change in (
        ("images: [wrist, side]", "images: [wrist]"),
        ("tcp_wrench]", "tcp_wrench, joint_position]"),
        ("relative: true", "relative: false"),
        ("agent: {type: rlpd", "agent: {type: bc"),
    ):
        if change[1].endswith("bc"):
            after = load_changed(change, (", discount: 0.97", ""))
        else:
            after = load_changed(change)
        assert data_fingerprint(before) == data_fingerprint(after)
        assert policy_fingerprint(before) != policy_fingerprint(after)


class Gripper(Options):
    """A part of an arm with an address of its own."""

    ip: str = "10.0.0.1"
    width_m: float = 0.08


class ArmOptions(Options):
    """An arm that is found in many ways."""

    url: str = "http://10.0.0.2:5000"
    port: int = 5000
    serial: str | None = None
    controller: Annotated[str, Address()] = "10.0.0.3"
    flange: str = "standard"
    gripper: Gripper = Gripper()


def with_arm(spec: TaskSpec, **changes: Any) -> TaskSpec:
    options = ArmOptions.model_validate(changes)
    return spec.model_copy(update={"robot": PluginSpec(type="arm", options=options)})


@pytest.mark.parametrize(
    "moved",
    [
        {"url": "http://robot.lab:80"},
        {"port": 80},
        {"serial": "042"},
        {"controller": "10.1.1.1"},
        {"gripper": {"ip": "10.1.1.2"}},
    ],
    ids=str,
)
def test_the_same_device_at_another_address_is_the_same_task(
    load_changed: Load, moved: dict[str, Any]
) -> None:
    here, there = with_arm(load_changed()), with_arm(load_changed(), **moved)
    assert data_fingerprint(here) == data_fingerprint(there)
    assert policy_fingerprint(here) == policy_fingerprint(there)


@pytest.mark.parametrize("other", [{"flange": "long"}, {"gripper": {"width_m": 0.1}}], ids=str)
def test_another_device_is_another_task(load_changed: Load, other: dict[str, Any]) -> None:
    here, there = with_arm(load_changed()), with_arm(load_changed(), **other)
    assert data_fingerprint(here) != data_fingerprint(there)


def test_what_draws_the_pictures_is_part_of_the_data(
    load_changed: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, seen = load_changed(), []
    for renderer in ("egl", "raycast"):
        monkeypatch.setattr("hilctl.sim.rendering.renderer_name", lambda name=renderer: name)
        seen.append((data_fingerprint(spec), policy_fingerprint(spec), data_identity(spec)))
    (data, policy, before), (other_data, other_policy, after) = seen
    assert data != other_data
    assert policy != other_policy
    assert explain_difference(before, after) == [
        "cameras.side.renderer: egl here, raycast there",
        "cameras.wrist.renderer: egl here, raycast there",
    ]


def test_sizes_read_like_sizes(load_changed: Load) -> None:
    before, after = load_changed(), load_changed(INCOMPARABLE["cameras.wrist.size"])
    assert explain_difference(data_identity(before), data_identity(after)) == [
        "cameras.wrist.size: 128×128 here, 96×96 there"
    ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
identities = st.dictionaries(st.sampled_from("abc"), json_values, max_size=3)


@given(identity=identities)
def test_survives_json_and_key_order(identity: dict[str, Any]) -> None:
    stored = json.loads(json.dumps(dict(reversed(identity.items()))))
    assert fingerprint(identity) == fingerprint(stored)
    assert explain_difference(identity, stored) == []


@given(identity=identities, key=st.sampled_from("abc"), value=st.integers(10**6))
def test_every_difference_is_named(identity: dict[str, Any], key: str, value: int) -> None:
    assume(identity.get(key) != value)
    other = {**identity, key: value}
    assert fingerprint(identity) != fingerprint(other)
    assert any(line.startswith(key) for line in explain_difference(identity, other))


def test_identities_are_plain_json(load_changed: Load) -> None:
    for identity in (data_identity(load_changed()), policy_identity(load_changed())):
        assert json.loads(json.dumps(identity)) == identity


def test_a_value_is_shown_without_the_password_in_it() -> None:
    assert shown("source", "rtsp://me:secret@10.0.0.1/door") == "rtsp://…@10.0.0.1/door"
    several = shown("sources", ["rtsp://me:secret@10.0.0.1/door"])
    assert "secret" not in several
