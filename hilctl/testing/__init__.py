"""What every driver promises, as tests that you run on your own: needs pytest.

```python
from hilctl.testing import CameraContract


class TestMyCamera(CameraContract):
    type = "mine"
    options = {"width_px": 64}
```

The type is that of the entry point. A device that needs more than itself gets it from a fixture
`rig` of your own class, and what a contract cannot know is a method to override.
"""

from __future__ import annotations

import pytest

ROOMS = (
    "agents",
    "cameras",
    "devices",
    "encoders",
    "environments",
    "rewards",
    "robots",
    "teleops",
)
# before they are imported: a failing assertion shows its values
pytest.register_assert_rewrite(*(f"hilctl.testing.{name}" for name in ROOMS))

from hilctl.testing.agents import AgentContract  # noqa: E402
from hilctl.testing.cameras import CameraContract  # noqa: E402
from hilctl.testing.devices import DeviceContract, DriverChoice  # noqa: E402
from hilctl.testing.encoders import EncoderContract  # noqa: E402
from hilctl.testing.environments import EnvironmentContract  # noqa: E402
from hilctl.testing.rewards import RewardContract  # noqa: E402
from hilctl.testing.robots import RobotContract  # noqa: E402
from hilctl.testing.teleops import TeleopContract  # noqa: E402

__all__ = [
    "AgentContract",
    "CameraContract",
    "DeviceContract",
    "DriverChoice",
    "EncoderContract",
    "EnvironmentContract",
    "RewardContract",
    "RobotContract",
    "TeleopContract",
]
