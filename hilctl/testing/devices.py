"""What every driver promises about being chosen, opened and closed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, get_args

import pytest
from pydantic import BaseModel, ValidationError

from hilctl.devices import Device, Finding, Rig, is_address
from hilctl.registry import Registry


@dataclass(frozen=True)
class DriverChoice:
    """A driver by its type, and the options to open it with."""

    type: str
    options: Mapping[str, Any] = field(default_factory=dict)


class DeviceContract:
    """Tests of one driver; each kind of device has its own class of them.

    Attributes:
        registry: of the kind of device.
        type: of the driver, as a task file names it.
        options: that it can be opened with here.
    """

    registry: ClassVar[Registry[Any]]
    type: ClassVar[str]
    options: ClassVar[Mapping[str, Any]] = {}

    @pytest.fixture
    def driver(self) -> DriverChoice:
        """The driver that is tested."""
        return DriverChoice(self.type, self.options)

    @pytest.fixture
    def rig(self) -> Rig | Iterator[Rig]:
        """What the device shares with others; override it where it needs some of them."""
        return Rig()

    @pytest.fixture
    def device(self, driver: DriverChoice, rig: Rig) -> Iterator[Any]:
        """The device, open."""
        with self.build(driver, rig) as opened:
            yield opened

    def build(self, driver: DriverChoice, rig: Rig) -> Any:
        """Return an unopened device."""
        cls = self.registry.get(driver.type)
        return cls(cls.OptionsType(**driver.options), rig)

    def test_a_driver_may_be_closed_before_it_is_opened(self, driver: DriverChoice) -> None:
        device: Device = self.build(driver, Rig())
        device.close()
        device.close()

    def test_a_driver_opens_again_after_it_was_closed_and_closes_twice(
        self, driver: DriverChoice, rig: Rig
    ) -> None:
        device: Device = self.build(driver, rig)
        for _ in range(2):
            device.open()
            device.close()
            device.close()

    def test_a_driver_is_a_context_manager_that_closes_whatever_happens(
        self, driver: DriverChoice, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls: list[str] = []
        device: Device = self.build(driver, rig)
        really_close = device.close

        def close() -> None:
            calls.append("close")
            really_close()

        monkeypatch.setattr(device, "close", close)
        with pytest.raises(ZeroDivisionError), device:
            _ = 1 / 0
        assert calls == ["close"]

    def test_probing_answers_with_findings_and_opens_nothing(self, driver: DriverChoice) -> None:
        cls: Any = self.registry.get(driver.type)
        found = cls.probe(cls.OptionsType(**driver.options))
        assert all(isinstance(finding, Finding) for finding in found)
        assert all(finding.subject and finding.detail for finding in found)
        assert all(finding.hint for finding in found if not finding.ok)

    def test_options_refuse_keys_they_do_not_know_and_stay_as_they_are(
        self, driver: DriverChoice
    ) -> None:
        options_type = self.registry.options_type(driver.type)
        with pytest.raises(ValidationError):
            options_type(**driver.options, no_such_option=1)
        validated = options_type(**driver.options)
        name = next(iter(options_type.model_fields), None)
        if name is not None:
            with pytest.raises(ValidationError):
                setattr(validated, name, None)


def unmarked_texts(options_type: type[BaseModel]) -> list[str]:
    """Return the options into which a person may write any text and that are no address.

    Anything else that a driver is told is a choice, and tells one task from another.
    """
    return [
        name
        for name, option in options_type.model_fields.items()
        if {str, Path} & {option.annotation, *get_args(option.annotation)}
        and not is_address(name, option)
    ]
