"""The policy of a run that a person means, ready to act."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import jax

from hilctl.env.make import Station
from hilctl.errors import MissingStageError
from hilctl.networks.encoders.base import Encoder
from hilctl.pipeline.events import Event, Report
from hilctl.pipeline.parts import open_encoder
from hilctl.pipeline.run_folder.best import BEST, run_with_best
from hilctl.pipeline.run_folder.manifest import kept_policy
from hilctl.pipeline.run_folder.run import CHECKPOINTS
from hilctl.task.workspace import Workspace
from hilctl.training.checkpoints import Checkpoint, load_checkpoint
from hilctl.training.compilation import enable_compilation_cache
from hilctl.training.policy import AgentPolicy


@dataclass(frozen=True)
class ChosenPolicy:
    """A greedy policy, and where it is from.

    Attributes:
        run: the folder of its run.
        checkpoint: its file.
        encoder: that it sees through.
        policy: acts.
        trained: what it was loaded from.
    """

    run: Path
    checkpoint: Path
    encoder: Encoder
    policy: AgentPolicy
    trained: Checkpoint

    def check_environment(self, station: Station) -> None:
        """Check that it fits what it shall act in.

        Raises:
            DataError: it does not; says in what.
        """
        self.trained.check_environment(station.action_layout, station.observation_layout)

    def warm_up(self) -> None:
        """Compile what it runs, so that no robot waits for it."""
        self.policy.warm_up(self.encoder.feature_shape[:2])


def open_policy(
    workspace: Workspace, *, run: Path | None, best: bool, seed: int, report: Report
) -> ChosenPolicy:
    """Return a policy that was trained in a task folder.

    Args:
        workspace: the task folder.
        run: whose policy; None = the latest run that has one.
        best: the run's best policy, not its last.
        seed: of what is random in it.
        report: told what the best policy did on trial.

    Raises:
        MissingStageError: nothing was trained, or no policy is kept as the best.
        DataError: the policy belongs to another set-up.
    """
    run = run_with_best(workspace, run) if best else run or workspace.latest_run()
    if run is None:
        raise MissingStageError("no policy has been trained", hint=workspace.command("train"))
    enable_compilation_cache()
    encoder = open_encoder(workspace)
    folder = run / CHECKPOINTS / BEST if best else run / CHECKPOINTS
    checkpoint = load_checkpoint(folder, workspace.spec, encoder_fingerprint=encoder.fingerprint)
    report(Event("phase", _told(run, folder, best)))
    policy = AgentPolicy(checkpoint.agent, checkpoint.perception, jax.random.key(seed), greedy=True)
    return ChosenPolicy(run, Path(checkpoint.about["file"]), encoder, policy, checkpoint)


def _told(run: Path, folder: Path, best: bool) -> str:
    """Return which policy of a run it is, in words."""
    kept = kept_policy(folder)
    steps = f", after {kept.robot_steps} robot steps" if kept and kept.robot_steps else ""
    trial = f": {kept.record} there" if kept and best else ""
    return f"the {'best' if best else 'last'} policy of run {run.name}{steps}{trial}"
