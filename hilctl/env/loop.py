"""The one loop: teleoperation, recording, training and evaluation all run episodes through it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import gymnasium
import numpy as np
from numpy.typing import NDArray

from hilctl.data.step import EpisodeSummary, Observation, Outcome, Step
from hilctl.env.base import AT_THE_START, Obs, environment_of
from hilctl.env.ending import Ending
from hilctl.env.questions import NOTHING, REJECTED, Questions, Said
from hilctl.errors import DeviceError, TravelStoppedError
from hilctl.real_time import before_others
from hilctl.rewards.base import NOTHING_JUDGED, Judgement
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
    said: Said  # by the operator, in any of its steps


@dataclass
class EpisodeLoop:
    """Run episodes of `policy` in `env` under an operator's eyes.

    Attributes:
        env: the wrapped environment; the operator's hand and the reward are among the wrappers.
        policy: proposes actions.
        teleop: the operator, asked for a verdict at the end of each episode.
        role: what the operator is asked to do; one who watches cannot drive, whatever the device.
        subscribers: told of every step, in this order.
        stop: asked once a step; True ends the episode as aborted.
        claims_end_episode: an operator's SUCCESS ends the episode with reward 1; else only the
            reward can make one.
        questions: what the operator is asked; None = by the environment's clock, told to nobody.
        put_back: has the scene ready for an episode; False = there shall be none.
        to_show: what a person drives to, whose first motion is waited for; "" = it is not.
        goes_first: in an environment of the real world, this process goes before ordinary programs
            while an episode runs; not where something else of weight is done in it.
    """

    env: gymnasium.Env[Obs, Array]
    policy: Policy
    teleop: Teleop
    role: Role
    subscribers: Sequence[Subscriber] = ()
    stop: Callable[[], bool] = lambda: False
    claims_end_episode: bool = True
    questions: Questions | None = None
    put_back: Callable[[], bool] = lambda: True
    to_show: str = ""
    goes_first: bool = True
    _questions: Questions = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._questions = self.questions or Questions(
            self.teleop, environment_of(self.env).clock, stop=self.stop
        )

    def ready(self) -> bool:
        """Have things put back for the next episode; False = a person wants an end instead."""
        try:
            return not self._is_stopped() and self.put_back() and not self._is_stopped()
        except TravelStoppedError:
            return False

    def run_episode(self) -> EpisodeSummary:
        """Run one episode to its end; the robot is stopped first, however it ends.

        One that is stopped on the way to its start has no steps, and nobody is told that it ended.
        """
        bare = environment_of(self.env)
        drive: _Drive | None = None
        with before_others() if self.goes_first and bare.is_real else nullcontext():
            try:
                drive = self._drive()
            except TravelStoppedError:
                return EpisodeSummary(Outcome.ABORTED, 0, 0.0, 0, False, None)
            finally:
                # what was done is kept first: the next start asks for an arm that is lost now
                with suppress(DeviceError) if drive is not None else nullcontext():
                    bare.stop()
        return self._conclude(drive)

    def _drive(self) -> _Drive:
        """Control the robot until the episode ends; publish every step but the last."""
        for subscriber in self.subscribers:
            subscriber.on_episode_start()
        self.teleop.begin_episode(self.role)
        options: dict[str, Any] = {"role": self.role}
        if self.to_show:
            options[AT_THE_START] = lambda: self._questions.until_moved(self.to_show)
        obs, info = self.env.reset(options=options)
        observation = to_observation(obs, info)
        bare = environment_of(self.env)
        start_ns, waited_s = observation.stamp_ns, self._questions.waited_s
        self.policy.begin_episode(observation)
        steps, interventions = 0, 0
        said = NOTHING
        ending = Ending(bare.fixed_length)
        while True:
            step, info = self._step(observation, ending)
            steps += 1
            interventions += step.intervened
            said |= {*step.events}
            stopped = self._is_stopped()
            if step.terminated or step.truncated or stopped:
                duration_s = (step.next_observation.stamp_ns - start_ns) * 1e-9
                duration_s -= self._questions.waited_s - waited_s  # pauses
                return _Drive(step, info, steps, interventions, duration_s, stopped, said)
            self._publish(step)
            observation = step.next_observation

    def _conclude(self, drive: _Drive) -> EpisodeSummary:
        """Ask the operator for a verdict, and publish the last step and the summary."""
        judged = bool(drive.info["judged_success"])
        success, answer = self._verdict(drive, judged)
        step = replace(drive.last, events=(*drive.last.events, *sorted(answer)))
        summary = EpisodeSummary(
            outcome=outcome_of(step, success, drive.stopped),
            steps=drive.steps,
            duration_s=drive.duration_s,
            intervention_steps=drive.interventions,
            judged_success=judged,
            true_success=drive.info.get("true_success"),
            vetoed=judged and not success,
            claimed=success and not judged,
            discarded=TeleopEvent.DISCARD in step.events,
            quit_requested=TeleopEvent.QUIT in drive.said | answer or self._questions.over,
        )
        self._publish(with_verdict(step, success, drive.info["judgement"]))
        self.teleop.end_episode(success=success, intervened=drive.interventions > 0)
        for subscriber in self.subscribers:
            subscriber.on_episode_end(summary)
        self._questions.heard(drive.said)
        return summary

    def _step(self, observation: Observation, ending: Ending) -> tuple[Step, dict[str, Any]]:
        proposal = self.policy.act(observation)
        wanted = environment_of(self.env).idle_action() if proposal is None else proposal
        obs, _, judged, truncated, info = self.env.step(wanted)
        is_over = truncated or info.get("is_over", False)
        events = info.get("events", ())
        judgement: Judgement = info.setdefault("judgement", NOTHING_JUDGED)
        claimed = self.claims_end_episode and TeleopEvent.SUCCESS in events
        judged, claimed = ending.after(judged=judged, claimed=claimed, is_over=is_over)
        info["judged_success"], terminated = judged, judged or claimed
        step = Step(
            observation=observation,
            executed_action=info["executed_action"],
            policy_action=proposal,
            human_action=info.get("human_action"),
            intervened=bool(info.get("intervened", False)),
            next_observation=to_observation(obs, info),
            reward=judgement.reward(success=terminated),
            terminated=terminated,
            truncated=is_over and not terminated,
            probability=judgement.probability,
            judged=judgement.seen,
            events=events,
            late_s=info["late_s"],
        )
        return step, info

    def _verdict(self, drive: _Drive, judged: bool) -> tuple[bool, Said]:
        """Return whether the episode is a success, and what the operator said when asked."""
        step = drive.last
        if drive.said & REJECTED:
            return False, NOTHING  # whatever else claims it, and whoever asks
        # a success that nobody has judged is one that was claimed, now or before
        has_spoken = step.terminated and (not judged or TeleopEvent.SUCCESS in step.events)
        if drive.stopped or has_spoken or TeleopEvent.DISCARD in step.events:
            return step.terminated, NOTHING
        if not self.claims_end_episode and not (judged and self.teleop.in_real_time):
            return judged, NOTHING
        known = self.teleop.review(claimed=judged) if self.claims_end_episode else None
        if known is not None:
            return known, NOTHING
        answer = self._questions.verdict(claimed=judged, may_claim=self.claims_end_episode)
        if answer & REJECTED:
            return False, answer
        return TeleopEvent.SUCCESS in answer or (judged and TeleopEvent.DISCARD in answer), answer

    def _is_stopped(self) -> bool:
        return self.stop() or self._questions.over

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


def with_verdict(step: Step, success: bool, judgement: Judgement) -> Step:
    """Return an episode's last step with the reward the operator lets stand.

    An unsuccessful end is a truncation: its value goes on: storing it as terminal
    would teach that running out of time costs nothing more.
    """
    reward = judgement.reward(success=success)
    return replace(step, reward=reward, terminated=success, truncated=not success)
