"""The ways to labelled frames: what the operator shows, and what no operator would ever show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import gymnasium
import numpy as np
from gymnasium.wrappers import TimeLimit
from numpy.typing import NDArray

from hilctl.env.base import Obs
from hilctl.env.loop import HandsOff, Policy
from hilctl.env.make import Station
from hilctl.pipeline.record.label_words import how_to_call
from hilctl.pipeline.record.labelling import LabelWindow
from hilctl.pipeline.record.sweep import ArmSweep, Coverage, SweepPolicy
from hilctl.task.layout import named
from hilctl.task.spec import TaskSpec
from hilctl.teleop.base import Role, Teleop, stages_called
from hilctl.training.random_policy import RandomPolicy

Array = NDArray[np.float64]
Env = gymnasium.Env[Obs, Array]

GUARD_S = 0.3  # either side of a change of the label
GUARD_BY_HAND_S = 0.6  # a person sees it on a screen, decides and presses
BY_HAND = 4  # times as many frames of a success: 200 of them are 10 episodes, not 40


@dataclass(frozen=True)
class LabelSource:
    """A way to labelled frames.

    Attributes:
        name: stored with its episodes.
        asks: what a person is to do.
        role: what the operator is asked to do.
        episode_s: at most.
        failure_share: of the failure frames that are wanted.
        lead_s: how long before and after success failures count; None = always.
        hold_frames: an episode of a scripted operator ends with that many sure successes; None = it
            goes on.
    """

    name: str
    asks: str
    role: Role
    episode_s: float
    failure_share: float
    lead_s: float | None = None
    hold_frames: int | None = None

    def asked_of(self, teleop: Teleop) -> str:
        """Return what a person is to do with the hand that they have."""
        if self.role is Role.LABEL and len(teleop.stages) == 1:
            return self.asks
        return f"{self.asks}: {how_to_call(teleop)}"

    @property
    def is_driven(self) -> bool:
        """Whether the operator moves the arm, from the first step on."""
        return self.role in (Role.LABEL, Role.SHOW)

    def window(self, rate_hz: float, *, by_hand: bool = False) -> LabelWindow:
        """Return how far around a frame the operator's word counts.

        A person looks for as long as they like before they call it a success, and has not said
        meanwhile that it is none.
        """
        lead_s = 0.0 if by_hand and self.lead_s is not None else self.lead_s
        lead = None if lead_s is None else round(lead_s * rate_hz)
        return LabelWindow(round(guard_s(by_hand=by_hand) * rate_hz), lead)

    def cut(self, env: Env, rate_hz: float, *, by_hand: bool = False, stages: int = 1) -> Env:
        """Return the environment with episodes that end when this source wants.

        Args:
            env: whose episodes they are.
            rate_hz: of its steps.
            by_hand: a person drives, to whom every episode is work.
            stages: that are reached in a success.
        """
        env = TimeLimit(env, max(1, round(self.episode_s * rate_hz)))
        if self.hold_frames is None:
            return env
        frames = BY_HAND * self.hold_frames if by_hand else self.hold_frames
        guard = self.window(rate_hz, by_hand=by_hand).guard
        return HeldSuccess(env, frames + guard, stages)

    def policy(self, spec: TaskSpec, coverage: Mapping[str, Coverage], station: Station) -> Policy:
        """Return what moves the arm when the operator does not."""
        if self.name == SWEEP.name:
            sweeps = {
                name: ArmSweep(arm, coverage[name], station.rig.generator(named(name, "sweep")))
                for name, arm in spec.each_arm.items()
            }
            return SweepPolicy(sweeps, station.action_layout, station.rig.generator("grips"))
        if self.name == RANDOM.name:
            return RandomPolicy(station.rig.generator("random"), station.action_layout)
        return HandsOff()


def guard_s(*, by_hand: bool) -> float:
    """Return for how long an operator's word is not sure, before and after it changes, in s."""
    return GUARD_BY_HAND_S if by_hand else GUARD_S


class HeldSuccess(gymnasium.Wrapper[Obs, Array, Obs, Array]):
    """Cut an episode when the operator has called it a success for `frames` steps in a row.

    Args:
        env: whose episodes they are.
        frames: in a row.
        stages: that are reached in a success.
    """

    def __init__(self, env: Env, frames: int, stages: int = 1) -> None:
        super().__init__(env)
        self._frames, self._held, self._stages = frames, 0, stages

    def reset(self, **kwargs: Any) -> tuple[Obs, dict[str, Any]]:
        """Reset, and start counting anew."""
        self._held = 0
        return self.env.reset(**kwargs)

    def step(self, action: Array) -> tuple[Obs, float, bool, bool, dict[str, Any]]:
        """Step and count."""
        obs, reward, terminated, truncated, info = self.env.step(action)
        is_held = stages_called(info["events"]) >= self._stages
        self._held = self._held + 1 if is_held else 0
        truncated = truncated or self._held >= self._frames
        return obs, float(reward), terminated, truncated, info


# What people show: things that could be mistaken for success, then success itself. Many short
# successes rather than a few long ones, because each episode holds its object a little differently.
# Of the way there only the end counts: sweeps see the rest, and every frame has to be encoded.
# Demonstrations do not join in: they end as soon as they succeed, within the guard of that change.
FROM_ALL_SIDES = "show success, each time from another side, and as far off as still counts"
NEARLY = "show what could be mistaken for success, and is none"
ALIKE = LabelSource("look-alike", NEARLY, Role.LABEL, 8.0, 0.2, hold_frames=20)  # done for good
SHOWN = LabelSource("success", FROM_ALL_SIDES, Role.SHOW, 12.0, 0.0, lead_s=0.5, hold_frames=5)
# Where no operator goes, and a policy will.
BY_ITSELF = "the arm moves by itself"
RANDOM = LabelSource("random", BY_ITSELF, Role.WATCH, 5.0, 0.2)
SWEEP = LabelSource("sweep", BY_ITSELF, Role.WATCH, 8.0, 0.4)
SOURCES = (ALIKE, SHOWN, RANDOM, SWEEP)
# A tool that is pushed cannot be sent to places.
PUSHED = replace(RANDOM, failure_share=RANDOM.failure_share + SWEEP.failure_share)

# Where there is no tool to sweep with, the expert breaks off on its way, near success most often.
INTERRUPTED = LabelSource("interrupted", NEARLY, Role.LABEL, 8.0, 0.6)
HELD_S = 2.0  # longer than an episode of the task, to hold success


def sources_of(spec: TaskSpec) -> tuple[LabelSource, ...]:
    """Return the ways to labelled frames of a task."""
    longest_s = spec.control.max_episode_s
    if spec.environment is None:
        alike = replace(ALIKE, episode_s=max(ALIKE.episode_s, longest_s))
        shown = replace(SHOWN, episode_s=max(SHOWN.episode_s, longest_s + HELD_S))
        return (alike, shown, *((PUSHED,) if _is_pushed(spec) else (RANDOM, SWEEP)))
    return (
        replace(INTERRUPTED, episode_s=longest_s),
        replace(SHOWN, episode_s=longest_s + HELD_S),
        replace(RANDOM, episode_s=min(RANDOM.episode_s, longest_s), failure_share=0.4),
    )


def _is_pushed(spec: TaskSpec) -> bool:
    return any(arm.control.action == "wrench" for arm in spec.each_arm.values())
