"""An arm without a body: its tool moves in a plane as it is told, in no time."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from hilctl.data.step import EpisodeSummary, Observation, Step
from hilctl.devices import Options, Rig
from hilctl.env.base import Environment, Obs
from hilctl.task.layout import ActionLayout, ActionPart
from hilctl.teleop.base import Teleop, TeleopEvent, TeleopInput

STEP_M, NEAR_M, FAR_M, STEPS = 0.02, 0.015, 0.1, 15
PLANE = ActionLayout((ActionPart("push", "", "generic", 2),))
PERIOD_NS = 100_000_000


class StandingClock:
    """A clock that only sleepers move on."""

    def __init__(self) -> None:
        self.stamp_ns = 0

    def now_ns(self) -> int:
        return self.stamp_ns

    def sleep_until(self, stamp_ns: int) -> None:
        self.stamp_ns = max(self.stamp_ns, stamp_ns)


class PointWorld(Environment):
    """Episodes begin somewhere around the middle, which is where the tool has to go."""

    def __init__(self, seed: int) -> None:
        self.clock, self.action_layout = StandingClock(), PLANE
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float64)
        self.rng, self.at, self.steps = np.random.default_rng(seed), np.zeros(2), 0

    @property
    def solved(self) -> bool:
        return bool(np.linalg.norm(self.at) < NEAR_M)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        angle = self.rng.uniform(-np.pi, np.pi)
        self.at = self.rng.uniform(0.5, 1) * FAR_M * np.array([np.cos(angle), np.sin(angle)])
        self.steps = 0
        return self.seen(), self.info()

    def step(self, action: np.ndarray) -> Any:
        self.at = np.clip(self.at + STEP_M * action, -2 * FAR_M, 2 * FAR_M)
        self.steps += 1
        self.clock.sleep_until(self.clock.stamp_ns + PERIOD_NS)
        # an operator's word, for a reward that is that
        events = (TeleopEvent.SUCCESS,) if self.solved else ()
        info = {**self.info(), "executed_action": np.array(action), "late_s": 0.0, "said": events}
        return self.seen(), 0.0, False, self.steps >= STEPS, info

    def stop(self) -> None: ...

    def seen(self) -> Obs:
        state = {
            "tcp_pose": np.array([*self.at, 0.0, 0.0, 0.0, 0.0, 1.0]),
            "tcp_wrench": np.zeros(6),
        }
        picture = np.array([*self.at / FAR_M, 1.0], np.float16).reshape(1, 1, 3)
        return {"images": {}, "state": state, "features": {"top": picture}}

    def info(self) -> dict[str, Any]:
        return {"stamp_ns": self.clock.stamp_ns, "frame_stamps_ns": {}, "true_success": self.solved}


class Calls(gymnasium.Wrapper[Obs, np.ndarray, Obs, np.ndarray]):
    """An operator who calls success when it is one, but never drives."""

    def step(self, action: np.ndarray) -> Any:
        obs, reward, terminated, truncated, info = self.env.step(action)
        return obs, reward, terminated, truncated, {**info, "events": info["said"]}


class Onlooker(Teleop):
    """A hand that does nothing and believes the reward."""

    def __init__(self) -> None:
        super().__init__(Options(), Rig())

    def open(self) -> None: ...

    def close(self) -> None: ...

    def poll(self) -> TeleopInput:
        return TeleopInput()

    def review(self, *, claimed: bool) -> bool:
        return claimed


class Expert:
    """Go to the middle, a little clumsily."""

    def __init__(self, rng: np.random.Generator, noise: float) -> None:
        self.rng, self.noise = rng, noise

    def begin_episode(self, first: Observation) -> None: ...

    def act(self, observation: Observation) -> np.ndarray:
        wanted = -observation.state["tcp_pose"][:2] / STEP_M + self.rng.normal(0, self.noise, 2)
        return np.clip(wanted, -1, 1)


class Kept:
    """Keep the steps of every episode."""

    def __init__(self) -> None:
        self.episodes: list[list[Step]] = []
        self.summaries: list[EpisodeSummary] = []

    def on_episode_start(self) -> None:
        self.episodes.append([])

    def on_step(self, step: Step) -> None:
        self.episodes[-1].append(step)

    def on_episode_end(self, summary: EpisodeSummary) -> None:
        self.summaries.append(summary)
