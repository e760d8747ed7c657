"""One control step as it happened: the unit that flows from the loop to disk and to the learner."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hilctl.teleop.base import TeleopEvent

Array = NDArray[np.float64]


class Outcome(enum.StrEnum):
    """How an episode ended."""

    SUCCESS = "success"
    FAILURE = "failure"  # time ran out without success, or a success was vetoed
    ABORTED = "aborted"  # stopped by a human or a fault: says nothing about the policy


@dataclass(frozen=True)
class Observation:
    """What was known at one instant.

    Attributes:
        images: camera → (H, W, 3) uint8 RGB at task size, after the crop.
        features: camera → (rows, columns, channels) float16 of the frozen encoder; empty when no
            encoder is in use.
        state: name → float array, absolute, as `RobotState` has them: tcp_pose (7,) m + xyzw and
            tcp_velocity (6,) m/s, rad/s in the base frame, tcp_wrench (6,) N, N·m in the tool's,
            joint_position (n,) rad, joint_velocity (n,) rad/s where the robot tells it, gripper
            (1,).
        stamp_ns: monotonic time of the robot's measurement.
        frame_stamps_ns: camera → monotonic time of its frame.
    """

    images: Mapping[str, NDArray[np.uint8]]
    state: Mapping[str, Array]
    stamp_ns: int
    frame_stamps_ns: Mapping[str, int]
    features: Mapping[str, NDArray[np.float16]] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One transition.

    Attributes:
        observation: before the action.
        executed_action: (A,) in [-1, 1] after limits and bounds: what the robot was really sent.
        policy_action: (A,) the policy's proposal, or None when no policy was asked.
        human_action: (A,) the human's proposal, or None when no hand was on the robot.
        intervened: the human's action was the one executed.
        next_observation: after the action.
        reward: what the step earned; of most rewards 1.0 on success, else 0.0.
        terminated: the task ended here (success).
        truncated: the episode was cut here (time limit, human, fault); its value goes on.
        probability: the reward model's confidence, or NaN.
        events: what the operator said during the step.
        late_s: by how much the control period ended too late.
        judged: name → what else the reward judged by; the same names in all steps of an episode.
    """

    observation: Observation
    executed_action: Array
    policy_action: Array | None
    human_action: Array | None
    intervened: bool
    next_observation: Observation
    reward: float
    terminated: bool
    truncated: bool
    probability: float = float("nan")
    events: tuple[TeleopEvent, ...] = ()
    late_s: float = 0.0
    judged: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class EpisodeSummary:
    """How an episode went.

    Attributes:
        outcome: after vetoes and claims.
        steps: control steps.
        duration_s: on the environment's clock.
        intervention_steps: steps with a human in charge.
        judged_success: what the reward said before anyone objected.
        true_success: the simulator's truth, or None where nobody knows.
        vetoed: a claimed success was rejected by the operator.
        claimed: a missed success was claimed by the operator.
    """

    outcome: Outcome
    steps: int
    duration_s: float
    intervention_steps: int
    judged_success: bool
    true_success: bool | None
    vetoed: bool = False
    claimed: bool = False
    discarded: bool = False
    quit_requested: bool = False

    @property
    def success(self) -> bool:
        """Whether the episode counts as a success."""
        return self.outcome is Outcome.SUCCESS

    @property
    def success_without_help(self) -> bool:
        """Whether it succeeded with no human in charge at any time."""
        return self.success and self.intervention_steps == 0
