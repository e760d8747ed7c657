"""Every driver of the registry is tested, and those that need the simulator say so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from rigs import ELSEWHERE, OPTIONS, REGISTRIES, build, variants

from hilctl.devices import Device, Rig
from hilctl.errors import DeviceError

TESTS = Path(__file__).parents[1]
LACKING = {("camera", "realsense"), ("camera", "basler")}  # where their libraries are missing


def test_every_registered_driver_is_tested() -> None:
    for kind, registry in REGISTRIES.items():
        assert set(registry.names()) == set(OPTIONS[kind]), "list its options in rigs.py"
    left = {(kind, name) for kind, named in OPTIONS.items() for name, at in named.items() if not at}
    assert left <= set(ELSEWHERE) | LACKING, "say in rigs.py where its contract is"


@pytest.mark.parametrize(("kind", "name"), ELSEWHERE)
def test_a_contract_that_is_elsewhere_is_there(kind: str, name: str) -> None:
    file, _, test = ELSEWHERE[kind, name].partition("::")
    code = (TESTS / file).read_text()
    assert re.search(rf"^class {test}\((Robot|Teleop|Device)Contract\):", code, re.M)
    assert f'DriverChoice("{name}"' in code


@pytest.mark.parametrize(
    ("kind", "name", "options"),
    [
        (kind, name, options)
        for kind, wanted in (("camera", "sim"), ("teleop", "scripted"))
        for name, options in variants(kind)
        if name == wanted
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
