"""`hilctl eval`: measure a policy, hands off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from hilctl.cli.options import (
    JsonOption,
    MotionOption,
    SeedOption,
    TaskOption,
    WeightsOption,
)
from hilctl.cli.policy_options import BestOption, RunOption
from hilctl.cli.render import Output


def evaluate(
    task: TaskOption = None,
    episodes: Annotated[int, typer.Option("--episodes", "-n", min=1, help="How many.")] = 20,
    seed: SeedOption = 0,
    run: RunOption = None,
    best: BestOption = False,
    weights: WeightsOption = None,
    video: Annotated[bool, typer.Option("--video", help="Write a video of every episode.")] = False,
    allow_motion: MotionOption = False,
    as_json: JsonOption = False,
) -> None:
    """Measure a policy: greedy, no hand on the robot, with an honest interval.

    The reward judges, as it would on a robot; where the robot knows the truth, it is told too.
    An episode that is thrown away counts as a failure.
    """
    from hilctl.cli.hand_keys import hand_keys
    from hilctl.cli.interrupt import interruptible
    from hilctl.cli.live import LiveProgress
    from hilctl.cli.prompts import confirm_motion
    from hilctl.pipeline.evaluate.evaluate import evaluate
    from hilctl.task.workspace import Workspace

    output = Output(as_json=as_json)
    workspace = Workspace.find(task).with_weights(weights)
    confirm_motion(output, workspace.spec, allowed=allow_motion)
    progress = LiveProgress(output, hand_keys(workspace.spec))
    with workspace.lock("eval"), interruptible() as stop, progress as live:
        result = evaluate(
            workspace,
            episodes=episodes,
            seed=seed,
            report=live.report,
            stop=stop,
            run=workspace.existing_run(run) if run else None,
            video=video,
            best=best,
        )
    say_evaluation(output, result.as_dict())
    if stop():
        output.event({"event": "stopped", **result.as_dict()})
    stop.leave_if_interrupted()
    output.next(workspace.command("status"))
    output.result(result.as_dict())


def say_evaluation(output: Output, figures: Mapping[str, Any]) -> None:
    """Tell the success rate with its interval, the truth beside it, and the time it took.

    Args:
        output: where it goes.
        figures: as `EvaluationResult.as_dict` gives them.
    """
    low, high = figures["ci95"]
    output.say(
        f"{figures['successes']}/{figures['episodes']} successes "
        f"by the {figures.get('judge', 'classifier')} "
        f"(95 % interval {low:.0%} to {high:.0%}), "
        f"{figures['interventions'] or 'no'} interventions"
    )
    for what in ("discarded", "vetoed"):
        if figures.get(what):
            output.say(f"{figures[what]} {what}, counted as failures")
    if figures["true_successes"] is not None:
        output.say(
            f"{figures['true_successes']}/{figures['episodes']} true successes, "
            f"{figures['false_positives']} false positives"
        )
    if figures["median_time_s"] is not None:
        output.say(
            f"time to success: median {figures['median_time_s']:.1f} s, "
            f"mean {figures['mean_time_s']:.1f} s"
        )
    if figures.get("stopped"):
        output.say("stopped before the end: this is not kept with the run")
    if figures.get("videos"):
        first, *more = figures["videos"]
        output.say(f"video: {first}" + (f" and {len(more)} more beside it" if more else ""))
