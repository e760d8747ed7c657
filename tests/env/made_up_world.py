"""A point that shall be moved to the middle of its square; each fault of an environment on demand.

The worker imports it by name: its folder is the task's.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

STEP, NEAR, SIDE_PX = 0.1, 0.1, 32


class PointWorld(gymnasium.Env[dict[str, Any], np.ndarray]):
    """A point in a square; done when it is near the middle."""

    def __init__(self, fault: str = "", ends: bool = False, render_mode: str | None = None) -> None:
        self.fault, self.ends, self.render_mode = fault, ends, render_mode
        picture = spaces.Box(0, 255, (SIDE_PX, SIDE_PX, 3), np.uint8)
        self.observation_space = spaces.Dict(
            {
                "pixels": spaces.Dict({"front": picture, "top": picture}),
                "agent_pos": spaces.Box(-1, 1, (2,), np.float32),
            }
        )
        bound = np.inf if fault == "unbounded" else 1.0
        self.action_space = spaces.Box(-bound, bound, (2,), np.float32)
        if fault == "integer":
            self.action_space = spaces.Box(-3, 3, (2,), np.int32)
        self.at, self.steps = np.zeros(2), 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        super().reset(seed=seed)
        if self.fault == "reset":
            raise RuntimeError("the scene cannot be built")
        self.at, self.steps = self.np_random.uniform(-1, 1, 2), 0
        return self.seen(), {}

    def step(self, action: np.ndarray) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action), action
        self.at = np.clip(self.at + STEP * action, -1, 1)
        self.steps += 1
        if self.steps > 2:
            self.misbehave()
        distance = float(np.linalg.norm(self.at))
        near = distance < NEAR
        reward = np.nan if self.fault == "nan reward" and self.steps > 2 else -distance
        fell = self.fault == "falls" and self.steps > 2
        return self.seen(), reward, (near and self.ends) or fell, False, {"is_success": near}

    def misbehave(self) -> None:
        if self.fault == "hangs":
            time.sleep(3600)
        elif self.fault == "dies":
            os.write(2, b"out of memory in the renderer\n")
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.fault == "prints":
            sys.stdout.write("a progress bar of 300 bytes".ljust(300))
            sys.stdout.flush()
        elif self.fault == "leaves":
            sys.exit("the licence has run out")

    def seen(self) -> dict[str, Any]:
        picture = np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
        row, column = ((self.at + 1) / 2 * (SIDE_PX - 3)).astype(int)
        picture[row : row + 3, column : column + 3] = 255
        at = self.at.astype(np.float32)
        if self.steps > 2 and self.fault == "shape":
            at = np.append(at, np.float32(0))
        if self.steps > 2 and self.fault == "nan":
            at[0] = np.nan
        return {"pixels": {"front": picture, "top": picture[::-1].copy()}, "agent_pos": at}

    def render(self) -> np.ndarray:  # type: ignore[override]
        return np.asarray(self.seen()["pixels"]["front"])


class BoxWorld(gymnasium.ObservationWrapper[np.ndarray, np.ndarray, dict[str, Any]]):
    """The same with observations that are no mapping."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(PointWorld(**kwargs))
        self.observation_space = spaces.Box(-1, 1, (4,), np.float32)

    def observation(self, observation: dict[str, Any]) -> np.ndarray:
        return np.concatenate([observation["agent_pos"], [0.5, 0.25]])


gymnasium.register("Point-v0", PointWorld)
gymnasium.register("Box-v0", BoxWorld)


def expert(env: gymnasium.Env[Any, Any]) -> Callable[[Any], np.ndarray]:
    """Return what moves the point to the middle."""
    return lambda observation: -observation["agent_pos"] / STEP


def failing_expert(env: gymnasium.Env[Any, Any]) -> Callable[[Any], np.ndarray]:
    """Return what does not know the way for long."""

    def act(observation: Any) -> np.ndarray:
        if env.unwrapped.steps > 2:  # type: ignore[attr-defined]
            raise KeyError("no plan")
        return np.zeros(2)

    return act
