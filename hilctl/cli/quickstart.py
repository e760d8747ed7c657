"""`hilctl quickstart`: see the whole method work in simulation, in minutes."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilctl.cli.options import JsonOption
from hilctl.cli.render import Output
from hilctl.cli.suggestions import templates

if TYPE_CHECKING:
    from hilctl.pipeline.quickstart_result import QuickstartResult

FOLDER = Path("quickstart")


def quickstart(
    folder: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="Folder to make, or to go on in.")
    ] = FOLDER,
    template: Annotated[
        str | None,
        typer.Option(
            "--template",
            "-t",
            metavar="T",
            help="Of the task.  [default: sim-insert]",
            autocompletion=templates,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", min=0, help="Of everything that is random.  [default: 0]"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Watch the whole method: demonstrations, classifier, learning with help, evaluation.

    Everything happens in the embedded simulator; a scripted operator plays the human. Stopped or
    killed, the same command goes on where it was.
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
    if result is None:
        raise KeyboardInterrupt(_again(folder))
    _say(output, result)
    output.next(Workspace(folder).command("status"))
    output.result(result.as_dict())


def _again(folder: Path) -> str:
    """Return the command that goes on."""
    return shlex.join(
        ["hilctl", "quickstart", *([] if folder == FOLDER else ["--dir", str(folder)])]
    )


def _say(output: Output, result: QuickstartResult) -> None:
    from hilctl.cli.eval import say_evaluation
    from hilctl.cli.train import say_how_it_went

    figures = result.as_dict()
    classifier = figures["classifier"]
    output.say(
        f"classifier on held-out episodes: precision {classifier['precision']:.3f}, "
        f"recall {classifier['recall']:.3f}, "
        f"false positives {classifier['false_positive_rate']:.2%}"
    )
    say_how_it_went(output, result.training)
    say_evaluation(output, figures)
    recording_min, training_min = (
        round(figures[f"{part}_minutes"], 1) for part in ("recording", "training")
    )
    output.say(
        f"took {result.wall_s / 60:.1f} min; on the robot's clock, which a simulator runs faster: "
        f"{recording_min:.1f} min of demonstrations and labels and {training_min:.1f} min of "
        f"training, {recording_min + training_min:.1f} min together; the human was the "
        f"{figures['operator']}"
    )
    output.say(f"report: {result.report}")
