"""`hilctl bench`: measure the speed of this machine, or what each part of the method is worth."""

from __future__ import annotations

import enum
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilctl.cli.options import JsonOption, TaskOption
from hilctl.cli.render import Output
from hilctl.cli.suggestions import templates
from hilctl.task.templates import DEFAULT_TEMPLATE

if TYPE_CHECKING:
    from hilctl.pipeline.bench.cells import Plan

DEFAULT_ALGORITHMS = "full,no-interventions,neither,bc,no-verdicts"

# of the loop over the network; a figure's name without its rate and robot → what it is
LOOP_FIGURES = {
    "loop_s": "seconds of training at each rate",
    "late_periods_pct": "% of control periods more than 2 ms late, learner at full load",
    "periods": "control periods that were counted",
    "worst_period_ms": "ms, the longest of them",
    "frame_age_p99_ms": "ms that a picture was older than the state beside it, 99 of 100",
    "command_p50_ms": "ms from a command until the robot's side acts on it, half of them",
    "command_p99_ms": "the same, 99 of 100",
    "second_arm_p50_ms": "ms that a second arm adds to a period: state and command, half of them",
    "second_arm_p99_ms": "the same, 99 of 100",
}


class BenchRobot(enum.StrEnum):
    """What the loop is measured over."""

    SERVE_SIM = "serve-sim"
    FRANKY_SIM = "franky-sim"


class BenchSubject(enum.StrEnum):
    """What to measure."""

    SPEED = "speed"
    METHODS = "methods"
    LOOP = "loop"


def bench(
    subject: Annotated[
        BenchSubject,
        typer.Argument(
            help="This machine's speed, what each part of the method does, or the loop over HTTP."
        ),
    ] = BenchSubject.SPEED,
    task: TaskOption = None,
    folder: Annotated[
        Path,
        typer.Option("--dir", metavar="DIR", help="Folder to make or to go on with, for methods."),
    ] = Path("methods"),
    template: Annotated[
        str, typer.Option("--template", "-t", metavar="T", autocompletion=templates)
    ] = DEFAULT_TEMPLATE,
    tasks: Annotated[
        str | None,
        typer.Option(
            "--tasks", metavar="A,B", help="Templates or task folders; absent = --template."
        ),
    ] = None,
    algorithms: Annotated[
        str,
        typer.Option(
            "--algorithms",
            metavar="A,B",
            help="full, hil-serl, hg-dagger, bc, ibrl, residual, no-interventions, "
            "no-demonstrations, neither or no-verdicts.",
        ),
    ] = DEFAULT_ALGORITHMS,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="How many, for methods.")] = 3,
    max_steps: Annotated[
        int, typer.Option("--max-steps", min=1, help="Robot steps each method may take.")
    ] = 6000,
    operator_steps: Annotated[
        int | None,
        typer.Option(
            "--operator-steps",
            min=0,
            metavar="STEPS",
            help="Steps of each training in which the operator may be in charge; absent = any.",
        ),
    ] = None,
    episodes: Annotated[
        int, typer.Option("--episodes", min=1, help="Of each evaluation, for methods.")
    ] = 50,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", min=1, help="Processes of one core each, for methods; absent = all cores."
        ),
    ] = None,
    cell_minutes: Annotated[
        float,
        typer.Option(
            "--cell-minutes",
            min=0.1,
            metavar="MINUTES",
            help="Time for one training with its evaluation, for methods.",
        ),
    ] = 240.0,
    cadence_s: Annotated[
        float | None,
        typer.Option(
            "--cadence-s",
            min=1,
            metavar="SECONDS",
            help="Also train in real time at 10 and 20 Hz for so long each, for speed.",
        ),
    ] = None,
    loop_s: Annotated[
        float,
        typer.Option("--loop-s", min=1, metavar="SECONDS", help="At each rate, for loop."),
    ] = 300.0,
    robot: Annotated[
        BenchRobot, typer.Option("--robot", help="Whose arm is driven, for loop.")
    ] = BenchRobot.SERVE_SIM,
    as_json: JsonOption = False,
) -> None:
    """Measure the speed of simulator, learner and policy on this machine, or compare methods.

    `bench methods` trains several algorithms on the same data, over several seeds; that takes a
    while, and goes on where it was when it was stopped, killed or cut off: give the same command.
    `bench loop` trains at 10 and 20 Hz against the arm of
    `hilctl serve-sim`, over HTTP, or that of franky-sim, over libfranka's protocol, where it is
    installed.
    """
    output = Output(as_json=as_json)
    if subject is BenchSubject.SPEED:
        _speed(output, task, cadence_s)
    elif subject is BenchSubject.LOOP:
        _loop(output, loop_s, robot)
    else:
        from hilctl.pipeline.bench.methods import planned

        plan = planned(
            (tasks or template).split(","),
            algorithms.split(","),
            seeds=seeds,
            max_steps=max_steps,
            operator_steps=operator_steps,
            episodes=episodes,
        )
        _methods(output, folder, plan, workers, cell_minutes)


def _speed(output: Output, task: Path | None, cadence_s: float | None) -> None:
    import tempfile

    from hilctl.cli.live import LiveProgress
    from hilctl.pipeline.bench.speeds import bench_speeds
    from hilctl.task import scaffold
    from hilctl.task.workspace import Workspace
    from hilctl.training.compilation import enable_compilation_cache

    enable_compilation_cache()
    with tempfile.TemporaryDirectory() as scratch, LiveProgress(output) as live:
        if task is None:
            root = Path(scratch) / "bench"
            template = scaffold.find_template(DEFAULT_TEMPLATE)
            scaffold.create(template, root, template.answers({}))
            workspace = Workspace(root)
        else:
            workspace = Workspace.find(task)
        figures = bench_speeds(workspace, live.report)
        if cadence_s is not None:
            from hilctl.pipeline.bench.cadence import bench_cadence

            figures |= bench_cadence(cadence_s, live.report)
    for name, value in figures.items():
        output.say(f"{name:28} {value:.4g}")
    output.next("hilctl quickstart" if task is None else workspace.command("status"))
    output.result(figures)


def _loop(output: Output, seconds: float, robot: BenchRobot) -> None:
    from hilctl.cli.live import LiveProgress
    from hilctl.pipeline.bench.franka_loop import bench_franka_loop
    from hilctl.pipeline.bench.loop import bench_loop
    from hilctl.training.compilation import enable_compilation_cache

    enable_compilation_cache()
    with LiveProgress(output) as live:
        measure = bench_loop if robot is BenchRobot.SERVE_SIM else bench_franka_loop
        figures = measure(seconds, live.report)
    rows = [(name, f"{value:.4g}", _meaning(name)) for name, value in figures.items()]
    output.table(("figure", "value", "what it is"), rows)
    output.next("hilctl serve-sim")
    output.result(figures)


def _meaning(figure: str) -> str:
    rate = re.search(r"_(\d+)hz", figure)
    bare = figure.replace(rate[0] if rate else "", "", 1)
    words = LOOP_FIGURES[re.sub("^(http|franky)_", "", bare)]
    return f"{words}, at {rate[1]} Hz" if rate else words


def _methods(
    output: Output, folder: Path, plan: Plan, workers: int | None, cell_minutes: float
) -> None:
    import os

    from hilctl.cli.interrupt import interruptible
    from hilctl.cli.live import LiveProgress
    from hilctl.pipeline.bench.methods import compare_methods
    from hilctl.pipeline.bench.methods_page import write_comparison
    from hilctl.pipeline.bench.methods_table import HEADER, LEGEND, cells_of

    with interruptible() as stop, LiveProgress(output) as live:
        found = compare_methods(
            folder,
            plan,
            workers=workers or len(os.sched_getaffinity(0)),
            limit_s=60 * cell_minutes,
            report=live.report,
            stop=stop,
        )
    page = write_comparison(folder, found)
    if found.rows:
        output.table(HEADER, [cells_of(row) for row in found.rows])
        output.say(LEGEND)
    for name, why in found.failed.items():
        output.say(f"{name} failed: {why}")
    output.say(f"page: {page}")
    stop.leave_if_interrupted()
    output.next("hilctl new-task NAME")
    output.result(found.as_dict())
