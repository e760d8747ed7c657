"""`hilctl train-classifier`: learn to tell success."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hilctl.cli.options import JsonOption, SeedOption, TaskOption, WeightsOption
from hilctl.cli.render import Output

if TYPE_CHECKING:
    from hilctl.pipeline.classify.train_classifier import ClassifierResult


def train_classifier(
    task: TaskOption = None,
    weights: WeightsOption = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Train the reward classifier on the labels, and judge it on episodes it has not seen."""
    from hilctl.cli.live import LiveProgress
    from hilctl.pipeline.classify.train_classifier import train_classifier as fit
    from hilctl.pipeline.stages import next_command, survey
    from hilctl.task.workspace import Workspace

    output = Output(as_json=as_json)
    workspace = Workspace.find(task).with_weights(weights)
    with workspace.lock("train-classifier"), LiveProgress(output) as live:
        result = fit(workspace, seed=seed, report=live.report)
    for one in result.each:
        _say(output, one)
    if result.is_good:
        step = next_command(workspace, survey(workspace))
    else:
        step = workspace.command("record-labels")
    output.next(step)
    output.result({**result.as_dict(), "next": step})
    result.check()


def _say(output: Output, result: ClassifierResult) -> None:
    metrics, fitted = result.fitted.metrics, result.fitted
    if result.stage:
        output.say(f"{result.stage}, of the frames in which it is reached, or a later stage:")
    output.say(
        f"on episodes it has not seen, frame by frame: accuracy {metrics.accuracy:.1%}, "
        f"precision {metrics.precision:.1%}, recall {metrics.recall:.1%}, "
        f"false positives {metrics.false_positive_rate:.2%}"
    )
    count = {name: str(number) for name, number in metrics.confusion.items()}
    rows = [
        ("success", count["true_positive"], count["false_negative"]),
        ("failure", count["false_positive"], count["true_negative"]),
    ]
    output.table(("labelled", "taken for success", "taken for failure"), rows)
    shown = metrics.successes
    output.say(
        f"with {fitted.consecutive} frames in a row, as in use: {shown['recognised']} of "
        f"{shown['shown']} successes recognised, {metrics.false_claims} false ones"
    )
    output.say(
        f"threshold {fitted.model.threshold:.3f}, for the least convinced of "
        f"{len(fitted.model.heads)} heads; it is saved with it"
    )
    output.say(f"pictures: {result.curve}, {result.mistakes}")
    if result.blame and result.is_good:  # else it is the hint of what is raised
        output.say(result.blame)
