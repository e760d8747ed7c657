"""What a quickstart found, read from its folder whatever session made it, and its page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from hilctl.errors import MissingStageError
from hilctl.pipeline.classify.train_classifier import CURVE, MISTAKES
from hilctl.pipeline.evaluate.video import films_in
from hilctl.pipeline.page import write_report
from hilctl.pipeline.quickstart_journal import QuickstartJournal
from hilctl.pipeline.report.curves import draw_learning
from hilctl.pipeline.report.run_summary import Record, evaluation_table, read_run
from hilctl.pipeline.run_folder.manifest import Evaluation, read_manifest
from hilctl.pipeline.train.train import TrainResult
from hilctl.task.workspace import Workspace
from hilctl.training.metrics import Progress

PAGE = "report.html"
WORST_FRAMES = "Frames the classifier judged worst: wrong ones in red, right ones in green"


@dataclass(frozen=True)
class QuickstartResult:
    """The results of all stages.

    Attributes:
        training: how the run ended.
        evaluation: as `eval --json` tells it.
        classifier: precision, recall and false-positive rate on held-out episodes.
        recording_s: of demonstrations and labels, on the robot's clock.
        wall_s: of all sessions.
        records: of the run, one an episode.
    """

    folder: Path
    training: TrainResult
    evaluation: Mapping[str, Any]
    classifier: Mapping[str, float]
    recording_s: float
    wall_s: float
    records: list[Record]

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / PAGE

    def as_dict(self) -> dict[str, Any]:
        """Return the final JSON object of `quickstart --json`."""
        progress = self.training.progress
        evaluation = {k: v for k, v in self.evaluation.items() if k != "format"}
        return evaluation | {
            "checkpoint": str(self.training.checkpoint),
            "videos": [str(file) for file in films_in(self.training.run / "videos")],
            "wall_s": self.wall_s,
            "robot_minutes": (self.recording_s + progress.robot_s) / 60,
            "recording_minutes": self.recording_s / 60,
            "training_minutes": progress.robot_s / 60,
            "robot_steps": progress.robot_steps,
            "intervention_steps": progress.intervention_steps,
            "reached_target": self.training.reached,
            "classifier": dict(self.classifier),
            "folder": str(self.folder),
            "report": str(self.report),
        }


def read_result(workspace: Workspace, journal: QuickstartJournal) -> QuickstartResult:
    """Return what was found.

    Raises:
        MissingStageError: a stage is missing.
        DataError: its files are damaged.
    """
    run = workspace.existing_run(None)
    manifest, records = read_run(run)
    evaluation = read_manifest(Evaluation, run / "eval.json")
    if evaluation is None or manifest.checkpoint is None or journal.classifier is None:
        raise MissingStageError("not all stages are done", where=str(workspace.root))
    known = manifest.model_dump()["progress"]
    progress = Progress(**{f.name: known[f.name] for f in fields(Progress) if f.name in known})
    return QuickstartResult(
        folder=workspace.root,
        training=TrainResult(
            reached=bool(manifest.reached_target),
            run=run,
            checkpoint=run / manifest.checkpoint,
            progress=progress,
        ),
        evaluation=evaluation.model_dump(),
        classifier=journal.classifier,
        recording_s=sum(journal.robot_s.values()),
        wall_s=journal.wall_s,
        records=records,
    )


def write_page(result: QuickstartResult) -> None:
    """Write the page with figures, plots and a film of all stages.

    Raises:
        HilctlError: the disk is full or the folder cannot be written.
    """
    figures, progress = result.as_dict(), result.training.progress
    classifier = result.folder / "classifier"
    write_report(
        result.report,
        title=f"{result.folder.resolve().name}: from an empty folder to a policy",
        lead=(
            f"Demonstrations, help and verdicts came from the {figures['operator']}, which plays "
            "the human with the simulator's privileged state."
        ),
        tables=[
            ("Evaluation: greedy, no hand on the robot", evaluation_table(figures)),
            (
                "What it took",
                {
                    "time in all": f"{result.wall_s / 60:.1f} min",
                    "robot time (a simulator runs faster)": f"{figures['robot_minutes']:.1f} min",
                    "of it, demonstrations and labels": f"{figures['recording_minutes']:.1f} min",
                    "of it, training": f"{figures['training_minutes']:.1f} min",
                    "robot steps of training": progress.robot_steps,
                    "of these on trial": progress.trial_steps,
                    "of them, with a human in charge": progress.intervention_steps,
                    "vetoed / claimed successes": f"{progress.vetoes} / {progress.claims}",
                    "updates": progress.updates,
                },
            ),
            (
                "Reward classifier, on held-out episodes",
                {name.replace("_", " "): f"{v:.1%}" for name, v in result.classifier.items()},
            ),
        ],
        pictures=[
            ("Learning", draw_learning(result.records)),
            ("Precision and recall of the classifier", (classifier / CURVE).read_bytes()),
            (WORST_FRAMES, (classifier / MISTAKES).read_bytes()),
        ],
        films=[("The policy", Path(file).read_bytes()) for file in figures["videos"][:1]],
    )
