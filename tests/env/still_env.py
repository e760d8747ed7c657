"""An environment without a robot, whose time passes only when somebody sleeps."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from hilctl.env.base import Environment, Obs
from hilctl.task.layout import ActionLayout

PERIOD_NS = 100_000_000


class ManualClock:
    """A clock that a test looks at afterwards."""

    def __init__(self) -> None:
        self.stamp_ns = 10**9

    def now_ns(self) -> int:
        return self.stamp_ns

    def sleep_until(self, stamp_ns: int) -> None:
        self.stamp_ns = max(self.stamp_ns, stamp_ns)


class StillEnv(Environment):
    """Episodes of `steps` steps at 10 Hz; `log` says what was asked of it, in order."""

    def __init__(self, steps: int = 8) -> None:
        self.clock = ManualClock()
        self.log: list[str] = []
        self.sent: list[np.ndarray] = []
        self._most, self._steps, self._due_ns = steps, 0, 0
        self.action_layout = ActionLayout.one_arm()
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (6,), np.float64)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        self._steps, self._due_ns = 0, self.clock.now_ns() + PERIOD_NS
        return self._seen(), self._info()

    def step(self, action: np.ndarray) -> Any:
        self.log.append("step")
        self.sent.append(np.array(action))
        late_s = max(0.0, (self.clock.now_ns() - self._due_ns) * 1e-9)
        self.clock.sleep_until(self._due_ns)
        self._due_ns = self.clock.now_ns() + PERIOD_NS
        self._steps += 1
        info = {**self._info(), "executed_action": np.array(action), "late_s": late_s}
        return self._seen(), 0.0, False, self._steps >= self._most, info

    def stop(self) -> None:
        self.log.append("stop")

    def resume(self) -> None:
        self.log.append("resume")
        self._due_ns = self.clock.now_ns() + PERIOD_NS

    def _seen(self) -> Obs:
        return {"images": {}, "state": {"q": np.zeros(1)}, "features": {}}

    def _info(self) -> dict[str, Any]:
        return {"stamp_ns": self.clock.now_ns(), "frame_stamps_ns": {}, "true_success": None}
