"""What every robot, camera and teleop driver promises about being opened and closed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from rigs import OPTIONS, REGISTRIES, build, simulated_rig, variants

from hilctl.devices import Device, Finding, Rig, is_address
from hilctl.errors import DeviceError

EVERY_DRIVER = [(kind, name, options) for kind in REGISTRIES for name, options in variants(kind)]

every_driver = pytest.mark.parametrize(("kind", "name", "options"), EVERY_DRIVER)


def test_every_registered_driver_is_tested() -> None:
    for kind, registry in REGISTRIES.items():
        assert set(registry.names()) == set(OPTIONS[kind]), "list its options in rigs.py"


@every_driver
def test_a_driver_may_be_closed_before_it_is_opened(
    kind: str, name: str, options: dict[str, Any]
) -> None:
    device: Device = build(kind, name, options, Rig())
    device.close()
    device.close()


@every_driver
def test_a_driver_opens_again_after_it_was_closed_and_closes_twice(
    kind: str, name: str, options: dict[str, Any]
) -> None:
    with simulated_rig() as (rig, _):
        device: Device = build(kind, name, options, rig)
        for _ in range(2):
            device.open()
            device.close()
            device.close()


@every_driver
def test_a_driver_is_a_context_manager_that_closes_whatever_happens(
    kind: str, name: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    with simulated_rig() as (rig, _):
        device: Device = build(kind, name, options, rig)
        really_close = device.close
        monkeypatch.setattr(device, "close", lambda: (calls.append("close"), really_close()))
        with pytest.raises(ZeroDivisionError), device:
            _ = 1 / 0
    assert calls == ["close"]


@every_driver
def test_probing_answers_with_findings_and_opens_nothing(
    kind: str, name: str, options: dict[str, Any]
) -> None:
    cls = REGISTRIES[kind].get(name)
    found = cls.probe(cls.OptionsType(**options))  # type: ignore[attr-defined]
    assert all(isinstance(finding, Finding) for finding in found)
    assert all(finding.subject and finding.detail for finding in found)
    assert all(finding.hint for finding in found if not finding.ok)


@every_driver
def test_options_refuse_keys_they_do_not_know_and_stay_as_they_are(
    kind: str, name: str, options: dict[str, Any]
) -> None:
    cls = REGISTRIES[kind].get(name)
    with pytest.raises(ValidationError):
        cls.OptionsType(**options, no_such_option=1)  # type: ignore[attr-defined]
    validated = cls.OptionsType(**options)  # type: ignore[attr-defined]
    field = next(iter(type(validated).model_fields), None)
    if field is not None:
        with pytest.raises(ValidationError):
            setattr(validated, field, None)


@pytest.mark.parametrize(
    ("kind", "name", "options"),
    [
        driver
        for driver in EVERY_DRIVER
        if driver[:2] in {("camera", "sim"), ("teleop", "scripted")}
    ],
)
def test_a_driver_that_needs_the_simulator_says_so_when_there_is_none(
    kind: str, name: str, options: dict[str, Any]
) -> None:
    device: Device = build(kind, name, options, Rig())
    with pytest.raises(DeviceError, match="simulat") as caught:
        device.open()
    assert caught.value.hint is not None
    assert "type" in caught.value.hint
    device.close()


def free_texts(options: type[BaseModel]) -> list[tuple[str, FieldInfo]]:
    """Return the options into which a person may write any text."""
    return [
        (name, field)
        for name, field in options.model_fields.items()
        if {str, Path} & {field.annotation, *get_args(field.annotation)}
    ]


@pytest.mark.parametrize("kind", ["robot", "camera"])
def test_what_a_person_may_write_freely_is_an_address(kind: str) -> None:
    # anything else that a driver is told is a choice, and tells one task from another
    for name in REGISTRIES[kind].names():
        for option, field in free_texts(REGISTRIES[kind].options_type(name)):
            assert is_address(option, field), f"{kind} {name}: mark {option} with Address()"
