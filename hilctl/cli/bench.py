"""`hilctl bench`: measure the speed of this machine, or what each part of the method is worth."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilctl.cli.options import SETTINGS, JsonOption, refuse_options_before
from hilctl.cli.render import Output

if TYPE_CHECKING:
    from hilctl.pipeline.bench.methods import Comparison
    from hilctl.task.workspace import Workspace

# name → help line
SUBJECTS = {
    "speed": "this machine: simulator, learner and policy; what is meant without a word",
    "loop": "training in real time over sockets, with a rig that is simulated",
    "methods": "several algorithms on the same tasks and data, over several seeds",
}
DEFAULT_TASKS = "sim-insert"
DEFAULT_ALGORITHMS = "full,no-interventions,neither,bc,no-verdicts"

# of the loop over sockets; a figure's name without its rate and robot → what it is
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

MeasuredOption = Annotated[
    Path | None,
    typer.Option("--task", metavar="DIR", help="Of a task folder; absent = every simulated task."),
]
CadenceOption = Annotated[
    float | None,
    typer.Option(
        "--cadence-s",
        min=1,
        metavar="SECONDS",
        help="Also train in real time at 10 and 20 Hz for so long each.",
    ),
]


class BenchRobot(enum.StrEnum):
    """What the loop is measured over."""

    SERVE_SIM = "serve-sim"
    FRANKY_SIM = "franky-sim"


bench = typer.Typer(
    add_completion=False, rich_markup_mode=None, subcommand_metavar="[speed|loop|methods] …"
)


def _subject(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return bench.command(name, short_help=SUBJECTS[name], context_settings=SETTINGS)


@bench.callback(invoke_without_command=True, context_settings=SETTINGS)
def this_machine(
    context: typer.Context,
    task: MeasuredOption = None,
    cadence_s: CadenceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure how fast simulator, learner and policy are on this machine."""
    if context.invoked_subcommand is None:
        speed(task, cadence_s, as_json)
    else:
        refuse_options_before(context)


@_subject("speed")
def speed(
    task: MeasuredOption = None, cadence_s: CadenceOption = None, as_json: JsonOption = False
) -> None:
    """Measure how fast simulator, learner and policy are on this machine.

    Of a task folder's simulator and cameras, or without one of every simulated task.
    """
    import tempfile

    from hilctl.cli.live import LiveProgress
    from hilctl.pipeline.bench.cadence import bench_cadence
    from hilctl.pipeline.bench.scenes import bench_scenes
    from hilctl.pipeline.bench.speeds import bench_speeds
    from hilctl.task.workspace import Workspace
    from hilctl.training.compilation import enable_compilation_cache

    output = Output(as_json=as_json)
    enable_compilation_cache()
    with tempfile.TemporaryDirectory() as scratch, LiveProgress(output) as live:
        workspace = Workspace.find(task) if task else _task_in(Path(scratch))
        figures = bench_speeds(workspace, live.report)
        if task is None:
            figures |= bench_scenes(Path(scratch), live.report)
        if cadence_s is not None:
            figures |= bench_cadence(cadence_s, live.report)
    for name, value in figures.items():
        output.say(f"{name:28} {value:.4g}")
    output.next(workspace.command("status") if task else "hilctl quickstart")
    output.result(figures)


@_subject("loop")
def loop(
    loop_s: Annotated[
        float, typer.Option("--loop-s", min=1, metavar="SECONDS", help="At each rate.")
    ] = 300.0,
    robot: Annotated[
        BenchRobot, typer.Option("--robot", help="Whose arm is driven.")
    ] = BenchRobot.SERVE_SIM,
    as_json: JsonOption = False,
) -> None:
    """Train at 10 and 20 Hz over sockets and measure how punctual the robot's period is.

    The arm is that of `hilctl serve-sim`, over HTTP, or that of franky-sim, over libfranka's
    protocol, where it is installed.
    """
    from hilctl.cli.live import LiveProgress
    from hilctl.pipeline.bench.franka_loop import bench_franka_loop
    from hilctl.pipeline.bench.loop import bench_loop
    from hilctl.training.compilation import enable_compilation_cache

    output = Output(as_json=as_json)
    enable_compilation_cache()
    with LiveProgress(output) as live:
        measure = bench_loop if robot is BenchRobot.SERVE_SIM else bench_franka_loop
        figures = measure(loop_s, live.report)
    rows = [(name, f"{value:.4g}", meaning(name)) for name, value in figures.items()]
    output.table(("figure", "value", "what it is"), rows)
    output.next("hilctl serve-sim")
    output.result(figures)


@_subject("methods")
def methods(
    tasks: Annotated[
        str, typer.Option("--tasks", metavar="A,B", help="Templates or task folders.")
    ] = DEFAULT_TASKS,
    algorithms: Annotated[
        str,
        typer.Option(
            "--algorithms",
            metavar="A,B",
            help="full, hil-serl, hg-dagger, bc, ibrl, residual, no-interventions, "
            "no-demonstrations, neither or no-verdicts.",
        ),
    ] = DEFAULT_ALGORITHMS,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="How many.")] = 3,
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
    episodes: Annotated[int, typer.Option("--episodes", min=1, help="Of each evaluation.")] = 50,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="Processes of one core each; absent = all cores."),
    ] = None,
    cell_minutes: Annotated[
        float,
        typer.Option(
            "--cell-minutes",
            min=0.1,
            metavar="MINUTES",
            help="Time for one training with its evaluation.",
        ),
    ] = 240.0,
    folder: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="Folder to make or to go on with.")
    ] = Path("methods"),
    as_json: JsonOption = False,
) -> None:
    """Train several algorithms on the same data, over several seeds, and compare them.

    That takes a while, and goes on where it was when it was stopped, killed or cut off: give the
    same command.
    """
    import os

    from hilctl.cli.interrupt import interruptible
    from hilctl.cli.live import LiveProgress
    from hilctl.pipeline.bench.methods import compare_methods, planned

    output = Output(as_json=as_json)
    plan = planned(
        tasks.split(","),
        algorithms.split(","),
        seeds=seeds,
        max_steps=max_steps,
        operator_steps=operator_steps,
        episodes=episodes,
    )
    with interruptible() as stop, LiveProgress(output) as live:
        found = compare_methods(
            folder,
            plan,
            workers=workers or len(os.sched_getaffinity(0)),
            limit_s=60 * cell_minutes,
            report=live.report,
            stop=stop,
        )
    _say_comparison(output, folder, found)
    stop.leave_if_interrupted()
    output.next("hilctl new-task NAME")
    output.result(found.as_dict())
    found.check()


def meaning(figure: str) -> str:
    """Return what a figure of the loop is, in words, from its name."""
    rate = re.search(r"_(\d+)hz", figure)
    bare = figure.replace(rate[0] if rate else "", "", 1)
    words = LOOP_FIGURES[re.sub("^(http|franky)_", "", bare)]
    return f"{words}, at {rate[1]} Hz" if rate else words


def _task_in(scratch: Path) -> Workspace:
    from hilctl.task import scaffold
    from hilctl.task.templates import DEFAULT_TEMPLATE

    return scaffold.make(DEFAULT_TEMPLATE, scratch / "bench")


def _say_comparison(output: Output, folder: Path, found: Comparison) -> None:
    from hilctl.pipeline.bench.methods_page import write_comparison
    from hilctl.pipeline.bench.methods_table import HEADER, cells_of, legend

    page = write_comparison(folder, found)
    if found.rows:
        output.table(HEADER, [cells_of(row) for row in found.rows])
        output.say(legend(found.data))
    for name, why in found.failed.items():
        output.say(f"{name} failed: {why}")
    output.say(f"page: {page}")
