"""`hilctl train`: from demonstrations and a classifier to a policy."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import jax
import numpy as np

from hilctl import __version__
from hilctl.agents import AGENTS
from hilctl.agents.base import Agent
from hilctl.agents.options import AgentOptions
from hilctl.data.replay import ReplayBuffer
from hilctl.data.step import EpisodeSummary
from hilctl.env.loop import EpisodeLoop
from hilctl.env.make import open_station
from hilctl.errors import MissingStageError
from hilctl.networks.encoders.base import Encoder
from hilctl.networks.perception import Perception
from hilctl.pipeline import stages
from hilctl.pipeline.manifest import RunManifest, write_manifest
from hilctl.pipeline.progress import Event, Report, silent
from hilctl.pipeline.recording import Question, never
from hilctl.pipeline.vision import Demonstrations, open_classifier, open_encoder
from hilctl.rewards.classifier import ClassifierReward
from hilctl.rewards.fit import FittedClassifier
from hilctl.rewards.online import OnlineClassifier
from hilctl.rewards.store import save_classifier
from hilctl.task.fingerprint import data_fingerprint, policy_fingerprint, policy_identity
from hilctl.task.spec import TaskSpec
from hilctl.task.workspace import Workspace
from hilctl.teleop.base import Role
from hilctl.training.checkpoints import save_checkpoint
from hilctl.training.compilation import enable_compilation_cache
from hilctl.training.learner import CHUNK_STEPS, Learner
from hilctl.training.lockstep import EpisodeBuffer, LockstepTrainer
from hilctl.training.metrics import Progress
from hilctl.training.policy import AgentPolicy

SAVE_EVERY_EPISODES = 25
ACTION_DIM = 6


@dataclass(frozen=True)
class Ablation:
    """What to leave out, for comparisons; the full method by default."""

    demonstrations: bool = True
    max_steps: int | None = None


FULL_METHOD = Ablation()


@dataclass(frozen=True)
class TrainResult:
    """How a run ended: whether it met its target, its folder, and its counts."""

    reached: bool
    run: Path
    checkpoint: Path
    progress: Progress

    def as_dict(self) -> dict[str, Any]:
        """Return the final JSON object of `train --json`."""
        return self.progress.as_dict() | {
            "reached_target": self.reached,
            "run": str(self.run),
            "checkpoint": str(self.checkpoint),
        }


def train(
    workspace: Workspace,
    *,
    seed: int = 0,
    report: Report = silent,
    stop: Question = never,
    ablation: Ablation = FULL_METHOD,
) -> TrainResult:
    """Train a policy in a task folder.

    Args:
        workspace: the task folder, locked by the caller.
        seed: of networks, batches, simulator and operator.
        report: told what is going on, and the counts after every episode.
        stop: asked every step; True ends the run and saves it.
        ablation: what to leave out.

    Raises:
        MissingStageError: demonstrations or classifier are missing.
        DataError: they belong to another set-up.
    """
    spec = workspace.spec
    agent_class = AGENTS.get(spec.agent.type)
    stages.require(workspace, "demos", *(["classifier"] if agent_class.needs_robot else []))
    started = time.monotonic()
    enable_compilation_cache()
    encoder = open_encoder(workspace)
    demos = Demonstrations.load(workspace, encoder, report)
    if not demos.episodes:
        raise MissingStageError("no demonstrations", hint=workspace.command("record-demos"))
    perception = demos.perception(spec)
    learner = make_learner(spec, demos, perception, seed, with_demos=ablation.demonstrations)
    run = Run.start(workspace, seed, perception, encoder, learner, started)
    try:
        if agent_class.needs_robot:
            reached = _train_online(run, perception, learner, encoder, report, stop, ablation)
        else:
            reached = _train_offline(run, learner, report, stop)
    finally:
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
    steps = round(spec.training.max_robot_minutes * 60 * spec.control.rate_hz)
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


@dataclass
class Run:
    """A run's folder and everything that is written there."""

    workspace: Workspace
    folder: Path
    seed: int
    perception: Perception
    encoder: Encoder
    learner: Learner
    progress: Progress
    started: float

    @classmethod
    def start(
        cls,
        workspace: Workspace,
        seed: int,
        perception: Perception,
        encoder: Encoder,
        learner: Learner,
        started: float,
    ) -> Run:
        """Make the folder of a new run."""
        folder = workspace.run(workspace.new_run_id(datetime.now()))
        (folder / "checkpoints").mkdir(parents=True)
        run = cls(workspace, folder, seed, perception, encoder, learner, Progress(), started)
        run.write_manifest("running", None)
        return run

    @property
    def limit_s(self) -> float:
        """When to give up, on the robot's clock."""
        return self.workspace.spec.training.max_robot_minutes * 60

    def on_episode(self, summary: EpisodeSummary, report: Report) -> None:
        """Log an episode, and save now and then."""
        self.progress.wall_s = time.monotonic() - self.started
        line = {
            **self.progress.as_dict(),
            "episode_steps": summary.steps,
            "outcome": summary.outcome.value,
            "judged_success": summary.judged_success,
            "true_success": summary.true_success,
            "episode_interventions": summary.intervention_steps,
        }
        with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        if self.progress.episodes % SAVE_EVERY_EPISODES == 0:
            self.save("running")
        report(told(self.progress, self.limit_s))

    def save(self, status: str) -> Path:
        """Write a checkpoint and the manifest."""
        self.progress.wall_s = time.monotonic() - self.started
        spec = self.workspace.spec
        about = {
            "robot_steps": self.progress.robot_steps,
            "updates": self.learner.updates,
            "encoder_fingerprint": self.encoder.fingerprint,
            "feature_grid": list(self.encoder.feature_shape[:2]),
            "action_dim": ACTION_DIM,
            "seed": self.seed,
        }
        checkpoint = save_checkpoint(
            self.folder / "checkpoints", self.learner.agent, self.perception, spec, about
        )
        self.write_manifest(status, checkpoint)
        return checkpoint

    def write_manifest(self, status: str, checkpoint: Path | None) -> None:
        """Write what this run is and how far it got."""
        spec = self.workspace.spec
        manifest = RunManifest.model_validate(
            {
                "status": status,
                "policy_fingerprint": policy_fingerprint(spec),
                "policy_identity": policy_identity(spec),
                "data_fingerprint": data_fingerprint(spec),
                "checkpoint": str(checkpoint.relative_to(self.folder)) if checkpoint else None,
                "seed": self.seed,
                "hilctl": __version__,
                "spec": spec.model_dump(mode="json"),
                "progress": self.progress.as_dict(),
            }
        )
        write_manifest(self.folder / "manifest.json", manifest)


def _train_online(
    run: Run,
    perception: Perception,
    learner: Learner,
    encoder: Encoder,
    report: Report,
    stop: Question,
    ablation: Ablation,
) -> bool:
    workspace, spec = run.workspace, run.workspace.spec
    fitted = open_classifier(workspace, encoder)
    reward = ClassifierReward(fitted.model, fitted.consecutive)

    def publish(newer: FittedClassifier) -> None:
        reward.model = newer.model
        save_classifier(workspace.classifier, newer)

    classifier = OnlineClassifier(fitted, seed=run.seed, publish=publish)
    policy = AgentPolicy(
        lambda: learner.agent, perception, jax.random.key(run.seed + 1), greedy=False
    )
    buffer = EpisodeBuffer()
    with ExitStack() as stack:
        stack.callback(classifier.close)
        station = stack.enter_context(
            open_station(spec, seed=run.seed, encode=encoder, reward=reward)
        )
        operator = station.teleop.operator
        report(Event("phase", f"learning; help and verdicts by the {operator}"))
        start_ns = station.rig.clock.now_ns()
        trainer = LockstepTrainer(
            loop=EpisodeLoop(
                station.env, policy, station.teleop, Role.SUPERVISE, [buffer], stop=stop
            ),
            buffer=buffer,
            policy=policy,
            perception=perception,
            learner=learner,
            classifier=classifier,
            progress=run.progress,
            target=spec.training.target_success,
            max_robot_s=spec.training.max_robot_minutes * 60,
            clock_s=lambda: (station.rig.clock.now_ns() - start_ns) * 1e-9,
            on_episode=lambda summary: run.on_episode(summary, report),
            max_steps=ablation.max_steps,
        )
        return trainer.run()


def told(progress: Progress, limit_s: float) -> Event:
    """Return what a person wants to hear after an episode."""
    text = (
        f"episode {progress.episodes}: untouched success "
        f"{progress.autonomous_success_last20:.0%} of the last 20, "
        f"interventions {progress.intervention_rate_last20:.0%}, "
        f"vetoes {progress.vetoes}, {progress.robot_steps} steps, "
        f"{progress.robot_s / 60:.1f} robot minutes ({progress.phase})"
    )
    return Event("episode", text, progress.robot_s, limit_s, progress.as_dict())


def _train_offline(run: Run, learner: Learner, report: Report, stop: Question) -> bool:
    """Make the updates an agent wants that learns from demonstrations alone."""
    updates = run.workspace.spec.agent.options.model_dump()["updates"]
    every = max(1, updates // 20)
    while learner.updates < updates and not stop():
        learner.learn_chunk()
        run.progress.updates = learner.updates
        run.progress.learner = learner.metrics
        if learner.updates // every != (learner.updates - CHUNK_STEPS) // every:
            run.progress.wall_s = time.monotonic() - run.started
            text = f"update {learner.updates}/{updates}, loss {learner.metrics['bc_loss']:.2f}"
            figures = run.progress.as_dict()
            report(Event("update", text, learner.updates, updates, figures))
    return learner.updates >= updates
