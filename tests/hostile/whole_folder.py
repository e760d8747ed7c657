"""A task folder with one of each kind of file, made without robot, simulator or training."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np

from hilctl.agents import AGENTS
from hilctl.agents.options import BCOptions
from hilctl.data.step import EpisodeSummary, Observation, Outcome, Step
from hilctl.data.writer import EpisodeWriter, Kind
from hilctl.networks.perception import Perception
from hilctl.pipeline.events import silent
from hilctl.pipeline.run_folder.manifest import Evaluation, write_manifest
from hilctl.pipeline.run_folder.run import Run
from hilctl.task import scaffold
from hilctl.task.fingerprint import data_fingerprint, data_identity
from hilctl.task.layout import ActionLayout
from hilctl.task.sections import PluginSpec
from hilctl.task.workspace import Workspace
from hilctl.training.checkpoints import save_checkpoint

CAMERAS, GRID, FEATURES = ("wrist", "side"), (2, 2), 10
ENCODER = "abc"
RUN = "20300101-000000"
FEW_FRAMES = {"consecutive: 2 ": "success_frames: 10\n  failure_frames: 10\n  consecutive: 2 "}


def make_task(folder: Path) -> Workspace:
    """Make a task folder whose policy is the one that is quickest to make."""
    template = scaffold.find_template("sim-reach")
    scaffold.create(template, folder, template.answers({"demos": "2"}))
    text = (folder / "task.yaml").read_text("utf-8")
    for old, new in FEW_FRAMES.items():
        assert old in text
        text = text.replace(old, new, 1)
    (folder / "task.yaml").write_text(text, "utf-8")
    spec = Workspace(folder).spec
    cloning = PluginSpec(type="bc", options=BCOptions())
    return Workspace(folder, spec=spec.model_copy(update={"agent": cloning}))


def seen(seed: int) -> Observation:
    rng = np.random.default_rng(seed)
    return Observation(
        images={name: rng.integers(0, 256, (8, 8, 3), dtype=np.uint8) for name in CAMERAS},
        features={name: rng.normal(size=(*GRID, FEATURES)).astype("f2") for name in CAMERAS},
        state={
            "tcp_pose": np.array([*rng.normal(0.4, 0.1, 3), 1.0, 0.0, 0.0, 0.0]),
            "tcp_velocity": rng.normal(size=6),
            "tcp_wrench": rng.normal(size=6),
        },
        stamp_ns=seed,
        frame_stamps_ns=dict.fromkeys(CAMERAS, seed),
    )


def steps(count: int, seed: int) -> list[Step]:
    look = [seen(1000 * seed + i) for i in range(count + 1)]
    return [
        Step(
            observation=look[i],
            executed_action=np.full(6, 0.01 * (i + 1) + 0.001 * seed),
            policy_action=None,
            human_action=None,
            intervened=False,
            next_observation=look[i + 1],
            reward=float(i == count - 1),
            terminated=i == count - 1,
            truncated=False,
        )
        for i in range(count)
    ]


def summary(count: int) -> EpisodeSummary:
    return EpisodeSummary(Outcome.SUCCESS, count, 0.1 * count, 0, True, True)


def write_episode(
    space: Workspace, folder: Path, kind: Kind, seed: int, count: int = 8, labels: str = ""
) -> Path:
    """Write an episode; `labels` has `+` success, `-` failure, `?` neither for each step."""
    attributes = {
        "task_fingerprint": data_fingerprint(space.spec),
        "task_identity": data_identity(space.spec),
        "operator": "nobody",
        "references": {},
    }
    with EpisodeWriter(folder, kind=kind, attributes=attributes, trim_idle=False) as writer:
        for step, label in zip(steps(count, seed), labels or "?" * count, strict=True):
            writer.on_step(step, {"+": 1, "-": 0, "?": -1}[label])
        return writer.commit(summary(count))


def perception(space: Workspace) -> Perception:
    look = [seen(i) for i in range(20)]
    observed = space.spec.observation
    return Perception.fit(
        {name: np.stack([o.features[name] for o in look]) for name in observed.images},
        [{key: np.stack([o.state[key] for o in look]) for key in observed.state}],
        keys=observed.state,
        relative=observed.relative,
        channels=3,
    )


def save_policy(space: Workspace, folder: Path, robot_steps: int) -> Path:
    sight = perception(space)
    agent = AGENTS.get("bc").create(
        jax.random.key(1), sight.example(GRID), ActionLayout.one_arm(), space.spec.agent.options
    )
    about = {
        "robot_steps": robot_steps,
        "updates": 240,
        "autonomous_success_last20": 0.9,
        "encoder_fingerprint": ENCODER,
        "feature_grid": list(GRID),
        "action_layout": ActionLayout.one_arm().as_json(),
        "seed": 0,
        "learner": {
            "updates": 240,
            "owed_steps": 3,
            "rng": np.random.default_rng(0).bit_generator.state,
        },
    }
    return save_checkpoint(folder, agent, sight, space.spec, about)


def make_run(space: Workspace) -> Run:
    """Make a run of three episodes with policies, log and evaluation."""
    run = Run(space, space.run(RUN), seed=3)
    run.begin()
    for seed in range(3):
        write_episode(space, run.folder / "episodes", "rollout", seed)
        run.progress.count(summary(8))
        run.on_episode(summary(8), [], silent)
    save_policy(space, run.folder / "checkpoints", 24)
    save_policy(space, run.folder / "checkpoints" / "best", 16)
    run.write_manifest("stopped")
    result = {"episodes": 20, "successes": 19, "success_rate": 0.95, "checkpoint": "c/s.json"}
    more = {"ci95": [0.76, 0.99], "true_successes": 19, "false_positives": 0}
    write_manifest(run.folder / "eval.json", Evaluation.model_validate(result | more))
    return run


def make_whole(folder: Path) -> Workspace:
    """Make a task folder with demonstrations, labels and a run."""
    space = make_task(folder)
    for seed in range(2):
        write_episode(space, space.demos, "demo", seed)
        write_episode(space, space.labels, "label", seed, count=12, labels="++++++------")
    make_run(space)
    return space
