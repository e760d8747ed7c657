"""Every environment of the registry keeps its contract."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from hilctl.devices import Rig
from hilctl.env import ENVIRONMENTS
from hilctl.testing import EnvironmentContract


class TestGymnasium(EnvironmentContract):
    type = "gymnasium"
    options: ClassVar[Mapping[str, Any]] = {
        "id": "made_up_world:Point-v0",
        "images": {"front": "pixels/front", "top": "pixels/top"},
        "state": ["agent_pos"],
        "success": "info/is_success",
        "size": (32, 32),
        "limit_s": 20,
    }

    @pytest.fixture
    def rig(self) -> Rig:
        return Rig(folder=Path(__file__).parent)


def test_every_registered_environment_is_tested() -> None:
    assert ENVIRONMENTS.names() == [TestGymnasium.type]
