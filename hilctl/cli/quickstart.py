"""`hilctl quickstart`: see the whole method work in simulation, in minutes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilctl.cli.options import DEFAULT_TEMPLATE, JsonOption, SeedOption
from hilctl.cli.render import Output

if TYPE_CHECKING:
    from hilctl.pipeline.quickstart import QuickstartResult


def quickstart(
    folder: Annotated[Path, typer.Option("--dir", metavar="DIR", help="Folder to make.")] = Path(
        "quickstart"
    ),
    template: Annotated[str, typer.Option("--template", "-t", metavar="T")] = DEFAULT_TEMPLATE,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Watch the whole method: demonstrations, classifier, learning with help, evaluation.

    Everything happens in the embedded simulator; a scripted operator plays the human.
    """
    from hilctl.cli.dashboard import Dashboard
    from hilctl.cli.interrupt import interruptible
    from hilctl.pipeline import quickstart as pipeline
    from hilctl.task.workspace import Workspace

    output = Output(as_json=as_json)
    with interruptible() as stop, Dashboard(output, "hilctl quickstart") as dashboard:
        result = pipeline.quickstart(
            folder, template=template, seed=seed, report=dashboard.report, stop=stop
        )
    stop.leave_if_interrupted()
    assert result is not None
    _say(output, result)
    output.next(Workspace(folder).command("status"))
    output.result(result.as_dict())


def _say(output: Output, result: QuickstartResult) -> None:
    from hilctl.cli.eval import say_evaluation
    from hilctl.cli.train import say_how_it_went

    figures = result.as_dict()
    classifier = figures["classifier"]
    say_how_it_went(output, result.training)
    output.say(
        f"classifier on held-out episodes: precision {classifier['precision']:.3f}, "
        f"recall {classifier['recall']:.3f}, "
        f"false positives {classifier['false_positive_rate']:.2%}"
    )
    say_evaluation(output, result.evaluation)
    output.say(
        f"{figures['robot_minutes']:.1f} robot minutes, {result.wall_s / 60:.1f} minutes in all, "
        f"by the {figures['operator']}"
    )
    output.say(f"report: {result.report}")
