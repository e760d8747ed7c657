"""The folder of a training run, and everything that is written there."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hilctl.data.step import EpisodeSummary
from hilctl.pipeline.events import Event, Report
from hilctl.pipeline.provenance import provenance
from hilctl.pipeline.record.recording import station_seed
from hilctl.pipeline.run_folder.manifest import (
    DEATHS,
    MANIFEST,
    RunManifest,
    kept_file,
    run_manifest,
    write_manifest,
)
from hilctl.pipeline.run_folder.metrics_log import METRICS, end_last_line
from hilctl.pipeline.run_folder.scalars import FigureLog, Scalars
from hilctl.pipeline.run_folder.weights_and_biases import WeightsAndBiases
from hilctl.task.fingerprint import data_fingerprint, policy_fingerprint, policy_identity
from hilctl.task.same_folder import SameFolder
from hilctl.task.workspace import Workspace
from hilctl.training.diagnoses import Diagnosis
from hilctl.training.metrics import Progress

CHECKPOINTS = "checkpoints"


@dataclass
class Run:
    """A run's folder, and how far it is.

    Attributes:
        left_early: its operator asked for an end.
        started: on the monotonic clock, before the time that earlier parts of the run took.
    """

    workspace: Workspace
    folder: Path
    seed: int
    progress: Progress = field(default_factory=Progress)
    started: float = field(default_factory=time.monotonic)
    left_early: bool = False
    _logs: list[FigureLog] = field(default_factory=list, init=False)
    _parts: list[dict[str, Any]] = field(default_factory=list, init=False)
    _known_troubles: set[str] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        self._home = SameFolder(self.workspace.root)

    def check_home(self) -> None:
        """Check that the task folder is still where it was.

        Raises:
            DataError: it was moved or removed.
        """
        self._home.check()

    def begin(self) -> None:
        """Make the folder, where it is not there yet, and mark the run as running."""
        earlier = run_manifest(self.folder)
        end_last_line(self.folder)
        self._parts = [*(earlier.parts if earlier else []), provenance(self.workspace)]
        # last: a kill before would leave a run that does not say what it is and never goes on
        (self.folder / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
        self.write_manifest("running")

    def open_logs(self) -> None:
        """Open what figures are written to episode by episode, besides metrics.jsonl.

        Raises:
            HilctlError: Weights & Biases is asked for and cannot be reached.
        """
        self._logs = [Scalars(self.folder)]
        spec = self.workspace.spec
        if spec.training.wandb is not None:
            config = spec.model_dump(mode="json")
            self._logs.append(WeightsAndBiases(self.folder, spec.training.wandb, config))

    @property
    def limit_s(self) -> float:
        """When to give up, on the robot's clock."""
        return self.workspace.spec.training.max_robot_minutes * 60

    @property
    def station_seed(self) -> int:
        """Seed of the devices; a continued run does not see the same starts again."""
        done = self.progress.episodes
        return station_seed(self.seed, "train", done) if done else self.seed

    @property
    def checkpoint(self) -> Path | None:
        """The newest checkpoint, if there is one."""
        return kept_file(self.folder / CHECKPOINTS)

    def on_episode(
        self, summary: EpisodeSummary, diagnoses: Sequence[Diagnosis], report: Report
    ) -> None:
        """Log an episode and what goes wrong."""
        self.check_home()
        self.progress.wall_s = time.monotonic() - self.started
        counts = self.progress.as_dict()
        line = {
            **{name: value for name, value in counts.items() if name not in DEATHS},
            "episode_steps": summary.steps,
            "outcome": summary.outcome.value,
            "judged_success": summary.judged_success,
            "true_success": summary.true_success,
            "episode_interventions": summary.intervention_steps,
            "diagnoses": [found.name for found in diagnoses],
        }
        with (self.folder / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        for log in self._logs:
            log.write(self.progress.robot_steps, line)
        for found in diagnoses:
            if found.name not in self._known_troubles:
                text = f"{found.name}: {found.what}; {found.remedy}"
                report(Event("diagnosis", text, figures=asdict(found)))
        self._known_troubles = {found.name for found in diagnoses}
        report(told(self.progress, diagnoses, self.limit_s))

    def close(self) -> None:
        """Close what is written episode by episode."""
        for log in self._logs:
            log.close()

    def end(self, *, reached: bool, stopped: bool) -> None:
        """Write how it ended.

        Args:
            reached: whether a policy passed its trial.
            stopped: whether somebody ended it, not its limit.
        """
        over = reached or not (stopped or self.left_early)
        self.write_manifest("finished" if over else "stopped", reached=reached)

    def write_manifest(self, status: str, *, reached: bool = False) -> None:
        """Write what this run is and how far it got."""
        self.check_home()
        spec, checkpoint = self.workspace.spec, self.checkpoint
        self.progress.wall_s = time.monotonic() - self.started
        manifest = RunManifest.model_validate(
            {
                "status": status,
                "policy_fingerprint": policy_fingerprint(spec),
                "policy_identity": policy_identity(spec),
                "data_fingerprint": data_fingerprint(spec),
                "checkpoint": str(checkpoint.relative_to(self.folder)) if checkpoint else None,
                "reached_target": reached,
                "seed": self.seed,
                "parts": self._parts,
                "spec": spec.model_dump(mode="json"),
                "progress": self.progress.as_dict(),
            }
        )
        write_manifest(self.folder / MANIFEST, manifest)


def told(progress: Progress, diagnoses: Sequence[Diagnosis], limit_s: float) -> Event:
    """Return what a person wants to hear after an episode."""
    text = (
        f"episode {progress.episodes}: success without help "
        f"{progress.autonomous_success_last20:.0%} of the last 20, "
        f"interventions {progress.intervention_rate_last20:.0%}, "
        f"vetoes {progress.vetoes}, {progress.robot_steps} steps, "
        f"{progress.robot_s / 60:.1f} robot minutes ({progress.phase})"
    )
    figures = progress.as_dict() | {"diagnoses": [asdict(found) for found in diagnoses]}
    return Event("episode", text, progress.robot_s, limit_s, figures)
