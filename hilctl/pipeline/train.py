"""`hilctl train`: from demonstrations and a classifier to a policy."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import jax
import numpy as np

from hilctl.agents import AGENTS
from hilctl.agents.base import Agent
from hilctl.agents.options import AgentOptions
from hilctl.data.recorder import EpisodeRecorder
from hilctl.data.replay import ReplayBuffer
from hilctl.env.loop import EpisodeLoop
from hilctl.env.make import Station, open_station
from hilctl.errors import MissingStageError, SafetyStopError
from hilctl.networks.encoders.base import Encoder
from hilctl.networks.perception import Perception
from hilctl.pipeline import stages
from hilctl.pipeline.progress import Event, Report, silent
from hilctl.pipeline.recording import Question, episode_attributes, never
from hilctl.pipeline.resume import EPISODES, UnfinishedRun, find_unfinished
from hilctl.pipeline.run import ACTION_DIM, Run
from hilctl.pipeline.vision import Demonstrations, open_classifier, open_encoder
from hilctl.rewards.classifier import ClassifierReward
from hilctl.rewards.fit import FittedClassifier
from hilctl.rewards.online import OnlineClassifier
from hilctl.rewards.store import save_classifier
from hilctl.task.spec import TaskSpec
from hilctl.task.workspace import Workspace
from hilctl.teleop.base import Role
from hilctl.training.coach import Coach
from hilctl.training.compilation import enable_compilation_cache
from hilctl.training.learner import Learner
from hilctl.training.lockstep import EpisodeBuffer, LockstepTrainer
from hilctl.training.metrics import Progress
from hilctl.training.policy import AgentPolicy


@dataclass(frozen=True)
class Ablation:
    """What to leave out, for comparisons; the full method by default."""

    demonstrations: bool = True
    max_steps: int | None = None


FULL_METHOD = Ablation()
OFFLINE_REPORTS = 20  # lines of progress over a training without a robot


@dataclass(frozen=True)
class TrainResult:
    """How a run ended: whether it met its target, its folder, policy (if any) and counts."""

    reached: bool
    run: Path
    checkpoint: Path | None
    progress: Progress

    def as_dict(self) -> dict[str, Any]:
        """Return the final JSON object of `train --json`."""
        return self.progress.as_dict() | {
            "reached_target": self.reached,
            "run": str(self.run),
            "checkpoint": str(self.checkpoint) if self.checkpoint else None,
        }


def train(
    workspace: Workspace,
    *,
    seed: int = 0,
    report: Report = silent,
    stop: Question = never,
    new: bool = False,
    ablation: Ablation = FULL_METHOD,
) -> TrainResult | None:
    """Train a policy in a task folder; None when stopped before the run began.

    An unfinished run is continued, with its own seed.

    Args:
        workspace: the task folder, locked by the caller.
        seed: of networks, batches, simulator and operator.
        report: told what is going on, and the counts after every episode.
        stop: asked every step; True ends the run and saves it.
        new: start another run even if the last one is unfinished.
        ablation: what to leave out.

    Raises:
        MissingStageError: demonstrations or classifier are missing.
        DataError: they belong to another set-up.
        DeviceError: a device cannot be opened.
    """
    started = time.monotonic()
    spec = workspace.spec
    online = AGENTS.get(spec.agent.type).needs_robot
    stages.require(workspace, "demos", *(["classifier"] if online else []))
    enable_compilation_cache()
    encoder = open_encoder(workspace)
    fitted = open_classifier(workspace, encoder) if online else None
    unfinished = find_unfinished(workspace, encoder) if online and not new else None
    demos = Demonstrations.load(workspace, encoder, report, stop)
    if stop():
        return None
    if not demos.episodes:
        raise MissingStageError("no demonstrations", hint=workspace.command("record-demos"))
    run = _prepare(workspace, demos, encoder, seed, unfinished, ablation)
    if unfinished is not None:
        unfinished.restore(
            workspace, encoder, run.perception, run.learner, run.progress, report, stop
        )
    if stop():
        return None
    run.started = started - run.progress.wall_s
    if fitted is None:
        run.begin()
        return _finish(run, lambda: _train_offline(run, report, stop), stop)
    with ExitStack() as devices:  # whatever is wrong with them is found before the run begins
        classifier, reward = _open_classifier(workspace, fitted, run.seed)
        devices.callback(classifier.close)
        station = devices.enter_context(
            open_station(spec, seed=run.station_seed, encode=encoder, reward=reward)
        )
        run.begin()
        return _finish(
            run, lambda: _train_online(run, station, classifier, report, stop, ablation), stop
        )


def _prepare(
    workspace: Workspace,
    demos: Demonstrations,
    encoder: Encoder,
    seed: int,
    unfinished: UnfinishedRun | None,
    ablation: Ablation,
) -> Run:
    """Return a new run, or an unfinished one that still has to be restored."""
    spec = workspace.spec
    if unfinished is None:
        folder = workspace.run(workspace.new_run_id(datetime.now()))
        perception = demos.perception(spec)
    else:
        folder, seed, saved = unfinished.folder, unfinished.seed, unfinished.checkpoint
        perception = saved.perception if saved else demos.perception(spec)
    learner = make_learner(spec, demos, perception, seed, with_demos=ablation.demonstrations)
    return Run(workspace, folder, seed, perception, encoder, learner, Progress(), started=0.0)


def _finish(run: Run, learn: Callable[[], bool], stop: Question) -> TrainResult:
    """Run the training to its end, and save it however it ends."""
    try:
        reached = learn()
    except (KeyboardInterrupt, SafetyStopError):
        # an update may have been cut, or the policy is broken: leave what was saved before
        raise
    except BaseException:
        run.save("stopped")
        raise
    checkpoint = run.save("stopped")
    if not stop():
        run.write_manifest("finished", checkpoint)
    return TrainResult(reached, run.folder, checkpoint, run.progress)


def make_learner(
    spec: TaskSpec,
    demos: Demonstrations,
    perception: Perception,
    seed: int,
    *,
    with_demos: bool = True,
) -> Learner:
    """Return a learner with an untrained agent and the demonstrations in its buffer."""
    trajectories = demos.trajectories(perception)
    example = {name: array[0] for name, array in trajectories[0].observations.items()}
    shapes = {name: (array.shape, array.dtype) for name, array in example.items()}
    options = cast(AgentOptions, spec.agent.options)
    agent: Agent = AGENTS.get(spec.agent.type).create(
        jax.random.key(seed), example, ACTION_DIM, options
    )
    seconds = max(spec.training.max_robot_minutes * 60, 2 * spec.control.max_episode_s)
    steps = round(seconds * spec.control.rate_hz)
    room = 2 * sum(len(t) + 1 for t in trajectories) + 2 * steps
    learner = Learner(
        agent,
        ReplayBuffer(2 * steps, shapes, ACTION_DIM),
        ReplayBuffer(room, shapes, ACTION_DIM),
        np.random.default_rng([seed, 1]),
        updates_per_step=spec.training.updates_per_step,
        batch=options.batch,
    )
    if with_demos:
        for trajectory in trajectories:
            learner.add_demonstration(trajectory)
    return learner


def _open_classifier(
    workspace: Workspace, fitted: FittedClassifier, seed: int
) -> tuple[OnlineClassifier, ClassifierReward]:
    """Return a classifier that learns, and the reward that always judges by its newest version."""
    reward = ClassifierReward(fitted.model, fitted.consecutive)

    def publish(newer: FittedClassifier) -> None:
        reward.model = newer.model
        save_classifier(workspace.classifier, newer)

    return OnlineClassifier(fitted, seed=seed, publish=publish), reward


def _train_online(
    run: Run,
    station: Station,
    classifier: OnlineClassifier,
    report: Report,
    stop: Question,
    ablation: Ablation,
) -> bool:
    spec, learner, clock = run.workspace.spec, run.learner, station.rig.clock
    key = jax.random.key(run.seed + 1)
    if run.progress.episodes:  # noise of its own for every part of a continued run
        key = jax.random.fold_in(key, run.progress.episodes)
    policy = AgentPolicy(lambda: learner.agent, run.perception, key, greedy=False)
    while learner.updates < spec.training.updates_before and learner.has_demonstrations:
        learner.learn_chunk()
    policy.warm_up(run.encoder.feature_shape[:2])
    report(Event("phase", f"learning; help and verdicts by the {station.teleop.operator}"))
    buffer = EpisodeBuffer()
    attributes = episode_attributes(spec, station, run.seed)
    coach = Coach(spec.control.rate_hz, round(spec.control.max_episode_s * spec.control.rate_hz))
    recorder = EpisodeRecorder(run.folder / EPISODES, kind="rollout", attributes=attributes)
    start_s = clock.now_ns() * 1e-9 - run.progress.robot_s
    trainer = LockstepTrainer(
        loop=EpisodeLoop(
            station.env,
            policy,
            station.teleop,
            Role.SUPERVISE,
            [buffer, recorder, coach],
            stop=stop,
        ),
        buffer=buffer,
        policy=policy,
        perception=run.perception,
        learner=learner,
        classifier=classifier,
        progress=run.progress,
        target=spec.training.target_success,
        max_robot_s=run.limit_s,
        clock_s=lambda: clock.now_ns() * 1e-9 - start_s,
        on_episode=lambda summary: run.on_episode(
            summary, coach.diagnoses(learner.metrics.get("q"), learner.owed_steps), report
        ),
        max_steps=ablation.max_steps,
    )
    with closing(recorder):
        return trainer.run()


def _train_offline(run: Run, report: Report, stop: Question) -> bool:
    """Make the updates an agent wants that learns from demonstrations alone."""
    learner, progress = run.learner, run.progress
    updates = run.workspace.spec.agent.options.model_dump()["updates"]
    reports = 0
    while learner.updates < updates and not stop():
        learner.learn_chunk()
        progress.updates, progress.learner = learner.updates, learner.metrics
        if learner.updates * OFFLINE_REPORTS >= (reports + 1) * updates:
            reports += 1
            progress.wall_s = time.monotonic() - run.started
            text = f"update {learner.updates}/{updates}, loss {learner.metrics['bc_loss']:.2f}"
            report(Event("update", text, learner.updates, updates, progress.as_dict()))
    return learner.updates >= updates
