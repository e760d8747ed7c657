"""Going on with a training run that was stopped or cut off.

Counts and replay buffer are made again from the episodes, which are on disk one by one; agent,
optimisers and random state come from the last checkpoint. What lies between is learnt first.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from hilctl.data.episode import Episode
from hilctl.data.step import EpisodeSummary
from hilctl.errors import DataError, MissingStageError
from hilctl.networks.encoders.base import Encoder
from hilctl.networks.perception import Perception
from hilctl.pipeline.manifest import RunManifest, read_manifest
from hilctl.pipeline.progress import Event, Report
from hilctl.pipeline.recording import Question, open_dataset, put_away_partials
from hilctl.pipeline.vision import encode_episode, trajectory_from
from hilctl.task.fingerprint import explain_difference, policy_fingerprint, policy_identity
from hilctl.task.workspace import Workspace
from hilctl.training.checkpoints import Checkpoint, load_checkpoint
from hilctl.training.learner import Learner
from hilctl.training.metrics import Progress

EPISODES = "episodes"
METRICS = "metrics.jsonl"


@dataclass(frozen=True)
class UnfinishedRun:
    """What an unfinished run left behind: its folder, its seed and, if any, its checkpoint."""

    folder: Path
    seed: int
    checkpoint: Checkpoint | None

    def restore(
        self,
        workspace: Workspace,
        encoder: Encoder,
        perception: Perception,
        learner: Learner,
        progress: Progress,
        report: Report,
        stop: Question,
    ) -> None:
        """Fill learner and counts with the run so far; incomplete when stopped.

        Raises:
            DataError: an episode is unreadable or of another task.
            HilctlError: the folder cannot be written.
        """
        put_away_partials(self.folder / EPISODES, report)
        dataset = open_dataset(self.folder / EPISODES, workspace.spec)
        for episode in dataset.episodes():
            if stop():
                return
            features = encode_episode(episode, workspace.spec.observation.images, encoder)
            learner.add_rollout(trajectory_from(episode, features, perception))
            progress.count(summary_of(episode))
            done, total = progress.episodes, len(dataset)
            report(Event("encode", f"reading the run so far: {done}/{total} episodes", done, total))
        self._restore_times(progress)
        if self.checkpoint is not None:
            learner.restore(self.checkpoint.agent, self.checkpoint.about["learner"])
            learner.learn(max(0, progress.robot_steps - self.checkpoint.about["robot_steps"]))
        progress.updates = learner.updates
        text = f"going on with run {self.folder.name} after {progress.episodes} episodes"
        report(Event("phase", text, figures={"run": str(self.folder), **progress.as_dict()}))

    def _restore_times(self, progress: Progress) -> None:
        file = self.folder / METRICS
        lines = file.read_text("utf-8").splitlines() if file.exists() else []
        for line in reversed(lines):
            try:
                figures = json.loads(line)
            except ValueError:  # cut off in the middle
                continue
            progress.robot_s, progress.wall_s = figures["robot_s"], figures["wall_s"]
            return


def find_unfinished(workspace: Workspace, encoder: Encoder) -> UnfinishedRun | None:
    """Return the newest run if it was stopped or cut off, else None.

    Raises:
        DataError: it was for another set-up, or its files are damaged.
    """
    runs = workspace.all_runs()
    manifest = read_manifest(RunManifest, runs[-1] / "manifest.json") if runs else None
    if manifest is None or manifest.status == "finished":
        return None
    spec, folder = workspace.spec, runs[-1]
    if manifest.policy_fingerprint != policy_fingerprint(spec):
        differences = explain_difference(policy_identity(spec), manifest.policy_identity)
        raise DataError(
            f"the unfinished run {folder.name} is for another set-up: " + "; ".join(differences),
            where=str(folder),
            hint="put task.yaml back as it was, or start another run: hilctl train --new",
        )
    return UnfinishedRun(folder, manifest.seed, _checkpoint(workspace, folder, encoder))


def _checkpoint(workspace: Workspace, folder: Path, encoder: Encoder) -> Checkpoint | None:
    try:
        return load_checkpoint(
            folder / "checkpoints", workspace.spec, encoder_fingerprint=encoder.fingerprint
        )
    except MissingStageError:
        return None  # it ended before there was anything to save


def summary_of(episode: Episode) -> EpisodeSummary:
    """Return how a stored episode went."""
    header = episode.header
    known = header.attributes
    return EpisodeSummary(
        outcome=header.outcome,
        steps=header.num_samples,
        duration_s=float(known["duration_s"]),
        intervention_steps=int(episode.intervened.sum()),
        judged_success=bool(known["judged_success"]),
        true_success=header.true_success,
        vetoed=bool(known["vetoed"]),
        claimed=bool(known["claimed"]),
    )
