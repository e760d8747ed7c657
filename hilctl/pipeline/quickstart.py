"""`hilctl quickstart`: every stage of the method in a new folder, in simulation."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hilctl.pipeline.evaluate import EvaluationResult, evaluate
from hilctl.pipeline.metrics_log import read_metrics
from hilctl.pipeline.progress import Event, Report, silent
from hilctl.pipeline.record_demos import record_demos
from hilctl.pipeline.record_labels import record_labels
from hilctl.pipeline.recording import Question, never
from hilctl.pipeline.report import draw_learning, write_report
from hilctl.pipeline.train import TrainResult, train
from hilctl.pipeline.train_classifier import ClassifierResult, train_classifier
from hilctl.task import scaffold
from hilctl.task.workspace import Workspace

EVALUATION_EPISODES = 20


@dataclass(frozen=True)
class QuickstartResult:
    """The results of all stages."""

    folder: Path
    report: Path
    wall_s: float
    robot_minutes: float
    classifier: ClassifierResult
    training: TrainResult
    evaluation: EvaluationResult

    def as_dict(self) -> dict[str, Any]:
        """Return the final JSON object of `quickstart --json`."""
        figures = self.classifier.as_dict()
        return self.evaluation.as_dict() | {
            "wall_s": self.wall_s,
            "robot_minutes": self.robot_minutes,
            "intervention_steps": self.training.progress.intervention_steps,
            "classifier": {
                key: figures[key] for key in ("precision", "recall", "false_positive_rate")
            },
            "folder": str(self.folder),
            "report": str(self.report),
        }


def quickstart(
    folder: Path, *, template: str, seed: int = 0, report: Report = silent, stop: Question = never
) -> QuickstartResult | None:
    """Run every stage; None when stopped before the end.

    Args:
        folder: to make; must not hold anything yet.
        template: of the task.
        seed: of everything that is random.
        report: told of each stage (event "stage") and what happens in it.
        stop: asked every step.

    Raises:
        HilctlError: whatever a stage raises.
    """
    started = time.monotonic()
    scaffold.check_target(folder)
    chosen = scaffold.find_template(template)
    scaffold.create(chosen, folder, chosen.answers({}))
    workspace = Workspace(folder)

    def stage(number: int, title: str) -> None:
        seconds = time.monotonic() - started
        report(
            Event("stage", f"[{number}/5] {title}", number, 5, {"title": title, "at_s": seconds})
        )

    with workspace.lock("quickstart"):
        stage(1, "demonstrations")
        demos = record_demos(workspace, seed=seed, report=report, stop=stop)
        stage(2, "labels: what success and failure look like")
        labels = record_labels(workspace, seed=seed, report=report, stop=stop)
        if stop():
            return None
        stage(3, "reward classifier")
        classifier = train_classifier(workspace, seed=seed, report=report)
        if stop():
            return None
        stage(4, "reinforcement learning with a human in the loop")
        training = train(workspace, seed=seed, report=report, stop=stop)
        if training is None or stop():
            return None
        stage(5, "evaluation: greedy, no hand on the robot")
        evaluation = evaluate(
            workspace, episodes=EVALUATION_EPISODES, seed=seed, report=report, stop=stop
        )
    recorded_s = demos.robot_s + labels.robot_s
    result = QuickstartResult(
        folder=folder,
        report=training.run / "report" / "report.html",
        wall_s=time.monotonic() - started,
        robot_minutes=(recorded_s + training.progress.robot_s) / 60,
        classifier=classifier,
        training=training,
        evaluation=evaluation,
    )
    write_quickstart_report(result)
    return replace(result, wall_s=time.monotonic() - started)


def write_quickstart_report(result: QuickstartResult) -> None:
    """Write the page with figures and plots of all stages."""
    figures, progress = result.as_dict(), result.training.progress
    low, high = figures["ci95"]
    truth = figures["true_successes"]
    write_report(
        result.report,
        title=f"{result.folder.name}: from an empty folder to a policy",
        lead=(
            f"Demonstrations, help and verdicts came from the {figures['operator']}, which plays "
            "the human with the simulator's privileged state."
        ),
        tables=[
            (
                "Evaluation: greedy, no hand on the robot",
                {
                    "judged successes": f"{figures['successes']}/{figures['episodes']}",
                    "95 % interval (Wilson)": f"{low:.0%} to {high:.0%}",
                    "true successes": f"{truth}/{figures['episodes']}",
                    "false positives": figures["false_positives"],
                    "median time to success": _seconds(figures["median_time_s"]),
                },
            ),
            (
                "Training",
                {
                    "robot time": f"{progress.robot_s / 60:.1f} min",
                    "robot steps": progress.robot_steps,
                    "steps with a human in charge": progress.intervention_steps,
                    "vetoed / claimed successes": f"{progress.vetoes} / {progress.claims}",
                    "updates": progress.updates,
                },
            ),
            (
                "Reward classifier, on held-out episodes",
                {
                    name.replace("_", " "): f"{value:.1%}"
                    for name, value in figures["classifier"].items()
                },
            ),
        ],
        pictures=[
            ("Learning", draw_learning(read_metrics(result.training.run)[0])),
            ("Precision and recall of the classifier", result.classifier.curve.read_bytes()),
            ("The classifier's worst mistakes", result.classifier.mistakes.read_bytes()),
        ],
    )


def _seconds(value: float | None) -> str:
    return "none" if value is None else f"{value:.1f} s"
