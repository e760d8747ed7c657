"""The one loop: teleoperation, recording, training and evaluation all run episodes through it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import gymnasium
import numpy as np
from numpy.typing import NDArray

from hilctl.data.step import EpisodeSummary, Observation, Outcome, Step
from hilctl.env.base import Obs, environment_of
from hilctl.teleop.base import Role, Teleop, TeleopEvent

Array = NDArray[np.float64]


class Policy(Protocol):
    """Choose actions."""

    def begin_episode(self, first: Observation) -> None:
        """Learn where the episode starts."""
        ...

    def act(self, observation: Observation) -> Array | None:
        """Return an (A,) action in [-1, 1], or None to have no opinion."""
        ...


class HandsOff:
    """The policy that leaves everything to the operator."""

    def begin_episode(self, first: Observation) -> None:
        """Do nothing."""

    def act(self, observation: Observation) -> Array | None:
        """Return None."""
        return None


class Subscriber(Protocol):
    """Be told of everything that happens; the last step comes after the operator's verdict."""

    def on_episode_start(self) -> None:
        """Prepare for an episode."""
        ...

    def on_step(self, step: Step) -> None:
        """Take one step."""
        ...

    def on_episode_end(self, summary: EpisodeSummary) -> None:
        """Take how it ended."""
        ...


@dataclass(frozen=True)
class _Drive:
    """An episode up to the moment the robot stopped."""

    last: Step
    info: dict[str, Any]
    steps: int
    interventions: int
    duration_s: float
    stopped: bool
    said: frozenset[TeleopEvent]  # by the operator, in any of its steps


@dataclass
class EpisodeLoop:
    """Run episodes of `policy` in `env` under an operator's eyes.

    Attributes:
        env: the wrapped environment; `Takeover` is outermost.
        policy: proposes actions.
        teleop: the operator, asked for a verdict at the end of each episode.
        role: what the operator is asked to do; one who watches cannot drive, whatever the device.
        subscribers: told of every step, in this order.
        stop: asked once a step; True ends the episode as aborted.
        claims_end_episode: an operator's SUCCESS ends the episode with reward 1.
    """

    env: gymnasium.Env[Obs, Array]
    policy: Policy
    teleop: Teleop
    role: Role
    subscribers: Sequence[Subscriber] = ()
    stop: Callable[[], bool] = lambda: False
    claims_end_episode: bool = True

    def run_episode(self) -> EpisodeSummary:
        """Run one episode to its end; the robot is stopped first, however it ends."""
        try:
            drive = self._drive()
        finally:
            environment_of(self.env).stop()
        return self._conclude(drive)

    def _drive(self) -> _Drive:
        """Control the robot until the episode ends; publish every step but the last."""
        for subscriber in self.subscribers:
            subscriber.on_episode_start()
        self.teleop.begin_episode(self.role)
        obs, info = self.env.reset(options={"role": self.role})
        observation = to_observation(obs, info)
        start_ns = observation.stamp_ns
        self.policy.begin_episode(observation)
        steps, interventions = 0, 0
        said: frozenset[TeleopEvent] = frozenset()
        while True:
            step, info = self._step(observation)
            steps += 1
            interventions += step.intervened
            said |= {*step.events}
            stopped = self.stop()
            if step.terminated or step.truncated or stopped:
                duration_s = (step.next_observation.stamp_ns - start_ns) * 1e-9
                return _Drive(step, info, steps, interventions, duration_s, stopped, said)
            self._publish(step)
            observation = step.next_observation

    def _conclude(self, drive: _Drive) -> EpisodeSummary:
        """Ask the operator for a verdict, and publish the last step and the summary."""
        step, info = drive.last, drive.info
        judged = bool(info["judged_success"])
        success = self._verdict(drive, judged)
        summary = EpisodeSummary(
            outcome=outcome_of(step, success, drive.stopped),
            steps=drive.steps,
            duration_s=drive.duration_s,
            intervention_steps=drive.interventions,
            judged_success=judged,
            true_success=info.get("true_success"),
            vetoed=judged and not success,
            claimed=success and not judged,
            discarded=TeleopEvent.DISCARD in step.events,
            quit_requested=TeleopEvent.QUIT in drive.said,
        )
        self._publish(with_verdict(step, success))
        self.teleop.end_episode(success=success, intervened=drive.interventions > 0)
        for subscriber in self.subscribers:
            subscriber.on_episode_end(summary)
        return summary

    def _step(self, observation: Observation) -> tuple[Step, dict[str, Any]]:
        proposal = self.policy.act(observation)
        wanted = environment_of(self.env).idle_action() if proposal is None else proposal
        obs, reward, terminated, truncated, info = self.env.step(wanted)
        events = info.get("events", ())
        info["judged_success"] = terminated
        if self.claims_end_episode and TeleopEvent.SUCCESS in events and not terminated:
            reward, terminated, truncated = 1.0, True, False
        step = Step(
            observation=observation,
            executed_action=info["executed_action"],
            policy_action=proposal,
            human_action=info.get("human_action"),
            intervened=bool(info.get("intervened", False)),
            next_observation=to_observation(obs, info),
            reward=float(reward),
            terminated=terminated,
            truncated=truncated,
            probability=info.get("probability", float("nan")),
            events=events,
            late_s=info["late_s"],
        )
        return step, info

    def _verdict(self, drive: _Drive, judged: bool) -> bool:
        step = drive.last
        if TeleopEvent.VETO in drive.said:
            return False  # whatever else claims it, and whoever asks
        if drive.stopped or TeleopEvent.DISCARD in step.events or not self.claims_end_episode:
            return step.terminated
        if step.terminated and not judged:
            return True  # the operator has just claimed it
        return self.teleop.review(claimed=judged)

    def _publish(self, step: Step) -> None:
        for subscriber in self.subscribers:
            subscriber.on_step(step)


def to_observation(obs: Obs, info: Mapping[str, Any]) -> Observation:
    """Return the typed observation of an environment's answer."""
    return Observation(
        images=obs["images"],
        state=obs["state"],
        features=obs.get("features", {}),
        stamp_ns=info["stamp_ns"],
        frame_stamps_ns=info["frame_stamps_ns"],
    )


def outcome_of(step: Step, success: bool, stopped: bool) -> Outcome:
    """Return how an episode counts."""
    if TeleopEvent.DISCARD in step.events or (stopped and not success):
        return Outcome.ABORTED
    return Outcome.SUCCESS if success else Outcome.FAILURE


def with_verdict(step: Step, success: bool) -> Step:
    """Return an episode's last step with the reward the operator lets stand.

    An unsuccessful end is a truncation: its value goes on: storing it as terminal
    would teach that running out of time costs nothing more.
    """
    return replace(step, reward=float(success), terminated=success, truncated=not success)
