"""Everything that learns in a run: made anew, or as an unfinished run left it."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import jax
import numpy as np

from hilctl.agents import AGENTS
from hilctl.agents.base import Agent
from hilctl.agents.options import AgentOptions
from hilctl.data.index import episode_paths
from hilctl.data.replay import ReplayBuffer, bytes_needed
from hilctl.errors import DamagedDataError, MissingStageError, SafetyStopError
from hilctl.networks.encoders.base import Encoder
from hilctl.networks.perception import Perception
from hilctl.pipeline.events import Event, Report, ShouldStop
from hilctl.pipeline.features import Demonstrations
from hilctl.pipeline.parts import open_reward
from hilctl.pipeline.run_folder.best import BEST, best_policy
from hilctl.pipeline.run_folder.resume import EPISODES
from hilctl.pipeline.run_folder.run import CHECKPOINTS, Run
from hilctl.pipeline.train.learner.stored import last_checkpoint, stored_episodes
from hilctl.rewards.base import Reward
from hilctl.rewards.value_bounds import bounded_agent_options
from hilctl.task.layout import ActionLayout, ObservationLayout
from hilctl.task.sections import CHUNK_STEPS
from hilctl.task.spec import TaskSpec
from hilctl.training.checkpoints import save_checkpoint
from hilctl.training.episode_learner import EpisodeLearner, is_warm
from hilctl.training.late_rate import LateRate
from hilctl.training.learner import Learner
from hilctl.training.link import FinishedEpisode, Greeting
from hilctl.training.trial import evidence

FAULTS = "faults"
REHEARSAL_S = 0.5
MEMORY_SHARE = 0.5
UPDATE_REPORTS = 20  # of updates that nobody sees otherwise, 12000 where a gripper is learnt
NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True)
class LearningSide:
    """What learns in a run, ready to take episodes."""

    run: Run
    encoder: Encoder
    perception: Perception
    learner: Learner
    episode_learner: EpisodeLearner
    actions: ActionLayout
    observations: ObservationLayout

    def greeting(self) -> Greeting:
        """Return what the acting side has to know first."""
        taken, perception = self.episode_learner.taken, self.perception.arrays()
        return Greeting(taken, perception, self.actions, self.observations)

    def stored_episodes(self, *, before: int | None = None) -> Iterator[FinishedEpisode]:
        """Yield those of the run's episodes on disk that the learner does not have yet.

        Args:
            before: number of the first later one that is not wanted; None = all are.

        Raises:
            DataError: an episode is unreadable or of another task.
        """
        reward = self.episode_learner.reward()
        return stored_episodes(
            self.run.folder,
            self.run.workspace.spec,
            self.encoder,
            self.perception,
            judged=reward.model.cameras if reward else (),
            after=self.episode_learner.taken,
            before=before,
        )

    def read_again(self, learnt_steps: int, report: Report, stop: ShouldStop) -> None:
        """Take in what the run has on disk; what comes after `learnt_steps` is owed.

        The folder is read once: whatever an actor adds meanwhile is either among it, or comes as
        an episode with a later number. How old a human's step is follows from the updates that
        later steps entitled to: back from those of the checkpoint, which may be an older policy's.

        Raises:
            DataError: an episode is unreadable or of another task.
        """
        total = len(episode_paths(self.run.folder / EPISODES))
        per_step = self.run.workspace.spec.training.updates_per_step
        first = self.updates_before if self.learner.has_demonstrations else 0
        made = max(first, self.learner.updates + self.learner.owed_steps * per_step)
        warm_steps = cold_steps = 0
        for episode in self.stored_episodes():
            if stop():
                return
            later_steps = max(0, learnt_steps - cold_steps) - warm_steps
            born = max(first, made - later_steps * per_step)
            self.episode_learner.recall(episode, learnt_steps=learnt_steps, born=born)
            if is_warm(self.episode_learner.progress.robot_steps):
                warm_steps += episode.summary.steps
            else:
                cold_steps += episode.summary.steps
            text = f"reading the run so far: {episode.number}/{total} episodes"
            report(Event("encode", text, episode.number, total))
        self.episode_learner.settle()

    def save(self) -> Path | None:
        """Write a checkpoint, once something has been learnt.

        Raises:
            HilctlError: the disk is full or the folder cannot be written.
        """
        return self._save_to(CHECKPOINTS)

    def keep_if_best(self) -> None:
        """Keep this policy beside the last one if no other has done better in its own episodes.

        Those are episodes on trial: otherwise every one is of another policy. The learner rests
        meanwhile, so it still has the policy that acts; else its newer one is tried next.

        Raises:
            HilctlError: the disk is full or the folder cannot be written.
        """
        progress, target = (
            self.episode_learner.progress,
            self.run.workspace.spec.training.target_success,
        )
        if not progress.trial or self.episode_learner.acted != self.learner.updates:
            return
        successes, failures = progress.trial_record
        try:
            best = best_policy(self.run.folder)
        except DamagedDataError:
            best = None  # this one takes its place
        worth, most = evidence(successes, failures, target), best.trial_evidence if best else 1.0
        if worth <= most and (best is None or best.updates != self.learner.updates):
            return
        record = {
            "trial_successes": successes,
            "trial_failures": failures,
            "trial_evidence": max(worth, most),
        }
        self._save_to(f"{CHECKPOINTS}/{BEST}", record)

    def _save_to(self, folder: str, more: Mapping[str, Any] = NOTHING) -> Path | None:
        self.run.check_home()
        if not self.learner.updates:
            return None
        about = {
            "autonomous_success_last20": self.episode_learner.progress.autonomous_success_last20,
            "robot_steps": self.episode_learner.progress.robot_steps,
            "updates": self.learner.updates,
            "encoder_fingerprint": self.encoder.fingerprint,
            "feature_grid": list(self.encoder.feature_shape[:2]),
            "action_layout": self.actions.as_json(),
            "observation_layout": self.observations.as_json(),
            "seed": self.run.seed,
            "learner": self.learner.state(),
            **more,
        }
        spec, agent = self.run.workspace.spec, self.learner.agent
        return save_checkpoint(self.run.folder / folder, agent, self.perception, spec, about)

    @property
    def updates_before(self) -> int:
        """Updates before the robot moves: those the agent begins with, and those asked for."""
        spec = self.run.workspace.spec
        agent = cast(AgentOptions, spec.agent.options)
        return agent.updates_first + spec.training.updates_before

    def learn_before(self, report: Report, stop: ShouldStop) -> None:
        """Make the updates on demonstrations that come before the robot moves."""
        learner, total = self.learner, self.updates_before
        if learner.updates >= total or not learner.has_demonstrations:
            return
        report(_told_before(learner.updates, total))  # the first ones take long: they are compiled
        while learner.updates < total and not stop():
            updates = learner.updates
            learner.learn_chunk()
            if is_told(updates, learner.updates, total):
                report(_told_before(learner.updates, total))

    def rehearse(self) -> float:
        """Return how many seconds the updates of one robot step take; nothing is learnt.

        What is compiled for it need not be compiled while the robot moves.
        """
        self.learner.rehearse()  # compiles
        times_s: list[float] = []
        while sum(times_s) < REHEARSAL_S:
            started = time.monotonic()
            self.learner.rehearse()
            times_s.append(time.monotonic() - started)
        return statistics.median(times_s) / CHUNK_STEPS


def open_learning_side(
    run: Run, encoder: Encoder, report: Report, stop: ShouldStop, *, with_demos: bool = True
) -> LearningSide | None:
    """Return a run's learner as it was left, or a new one; None when stopped meanwhile.

    Args:
        run: to go on with, or new.
        encoder: of the task.
        report: told of every episode read.
        stop: asked before every episode.
        with_demos: whether the learner gets the demonstrations.

    Raises:
        MissingStageError: demonstrations or classifier are missing.
        DataError: they, or what the run left, are unreadable or belong to another set-up.
    """
    workspace, spec = run.workspace, run.workspace.spec
    needs_robot = cast(AgentOptions, spec.agent.options).needs_robot
    reward = open_reward(workspace, encoder) if needs_robot else None
    demos = Demonstrations.load(workspace, encoder, report, stop)
    if stop():
        return None
    if not demos.episodes:
        raise MissingStageError("no demonstrations", hint=workspace.command("record-demos"))
    saved = last_checkpoint(run.folder, spec, encoder, report)
    perception = saved.perception if saved else demos.perception(spec)
    learner = make_learner(
        spec,
        demos,
        perception,
        run.seed,
        with_demos=with_demos,
        faults=run.folder / FAULTS,
        reward=reward,
    )
    report(told_memory(learner))
    if saved is not None:
        learner.restore(saved.agent, saved.about["learner"])
    corrector = reward.corrector(seed=run.seed) if reward else None
    late_rate = LateRate.of(cast(AgentOptions, spec.agent.options))
    episode_learner = EpisodeLearner(
        learner, corrector, run.folder.name, late_rate, check_home=run.check_home
    )
    seen = demos.observation_layout(spec)
    side = LearningSide(
        run, encoder, perception, learner, episode_learner, demos.action_layout, seen
    )
    side.read_again(saved.about["robot_steps"] if saved else 0, report, stop)
    return None if stop() else side


def is_told(before: int, now: int, total: int) -> bool:
    """Return whether some updates complete another part that is told, of `UPDATE_REPORTS`."""
    return now * UPDATE_REPORTS // total > before * UPDATE_REPORTS // total


def _told_before(updates: int, total: int) -> Event:
    text = f"learning from the demonstrations before the robot moves: update {updates}/{total}"
    if not updates:
        text += ", once all is compiled"
    return Event("update", text, updates, total, {"updates": updates, "updates_before": total})


def told_memory(learner: Learner) -> Event:
    """Return what the replay buffers take when they are full."""
    gigabytes = (learner.online.nbytes + learner.demos.nbytes) / 1e9
    text = f"replay buffers: {gigabytes:.2f} GB of memory when full"
    return Event("memory", text, figures={"replay_gb": gigabytes})


@contextmanager
def saved_at_the_end(side: LearningSide) -> Iterator[None]:
    """Save what was learnt in the block, however it ends."""
    try:
        yield
    except (KeyboardInterrupt, SafetyStopError):
        # an update may have been cut, or the policy is broken: leave what was saved before
        raise
    except BaseException:
        side.save()
        side.run.write_manifest("stopped")
        raise
    side.save()


def make_learner(
    spec: TaskSpec,
    demos: Demonstrations,
    perception: Perception,
    seed: int,
    *,
    with_demos: bool,
    faults: Path,
    reward: Reward | None = None,
) -> Learner:
    """Return a learner with an untrained agent and the demonstrations in its buffer."""
    trajectories = demos.trajectories(perception, reward)
    example = {name: array[0] for name, array in trajectories[0].observations.items()}
    shapes = {name: (array.shape, array.dtype) for name, array in example.items()}
    options, actions = cast(AgentOptions, spec.agent.options), demos.action_layout
    agent: Agent = AGENTS.get(spec.agent.type).create(
        jax.random.key(seed), example, actions, bounded_agent_options(spec)
    )
    one_bytes = bytes_needed(1, shapes, actions.size)
    online, human = slots(spec, sum(len(t) + 1 for t in trajectories), one_bytes)
    learner = Learner(
        agent,
        ReplayBuffer(online, shapes, actions.size),
        ReplayBuffer(human, shapes, actions.size),
        np.random.default_rng([seed, 1]),
        updates_per_step=spec.training.updates_per_step,
        batch=options.batch,
        faults=faults,
    )
    if with_demos:
        for trajectory in trajectories:
            learner.add_demonstration(trajectory)
    return learner


def slots(spec: TaskSpec, demo_slots: int, slot_bytes: int) -> tuple[int, int]:
    """Return how many observations the buffers of rollouts and of human steps have room for.

    Enough for all that can happen, unless that took more than half of the memory that is free.

    Args:
        spec: of the task.
        demo_slots: observations of the demonstrations.
        slot_bytes: that one observation and its step take.
    """
    seconds = max(spec.training.max_robot_minutes * 60, 2 * spec.control.max_episode_s)
    wanted = 2 * round(seconds * spec.control.rate_hz)  # twice: a start for every step
    free_bytes = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    affordable = int(MEMORY_SHARE * free_bytes / 2) // slot_bytes
    online = max(2, min(wanted, affordable))
    return online, 2 * demo_slots + online
