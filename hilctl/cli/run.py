"""`hilctl run`: let a finished policy work, again and again."""

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


def run_policy(
    task: TaskOption = None,
    episodes: Annotated[
        int | None,
        typer.Option("--episodes", "-n", min=1, help="How many.  [default: until Ctrl-C]"),
    ] = None,
    seed: SeedOption = 0,
    run: RunOption = None,
    best: BestOption = False,
    weights: WeightsOption = None,
    allow_motion: MotionOption = False,
    as_json: JsonOption = False,
) -> None:
    """Let a finished policy work, with the reset that the task has, until Ctrl-C.

    The hand cannot drive, but stops it and says success or failure. This is no evaluation: it
    counts, and nothing is kept with the run.
    """
    from hilctl.cli.hand_keys import hand_keys
    from hilctl.cli.interrupt import interruptible
    from hilctl.cli.live import LiveProgress
    from hilctl.cli.prompts import confirm_motion
    from hilctl.pipeline.run.run_policy import run_policy as work
    from hilctl.task.workspace import Workspace

    output = Output(as_json=as_json)
    workspace = Workspace.find(task).with_weights(weights)
    confirm_motion(output, workspace.spec, allowed=allow_motion)
    progress = LiveProgress(output, hand_keys(workspace.spec))
    with workspace.lock("run"), interruptible() as stop, progress as live:
        result = work(
            workspace,
            episodes=episodes,
            seed=seed,
            run=workspace.existing_run(run) if run else None,
            best=best,
            report=live.report,
            stop=stop,
        )
    _say(output, result.as_dict())
    if stop():
        output.event({"event": "stopped", **result.as_dict()})
    stop.leave_if_interrupted()
    step = workspace.command("eval --episodes 50")
    output.next(step)
    output.result({**result.as_dict(), "next": step})


def _say(output: Output, figures: Mapping[str, Any]) -> None:
    minutes = figures["robot_s"] / 60
    counts = [f"{figures['successes']} successful", f"{figures['failures']} failed"]
    if figures["discarded"]:
        counts.append(f"{figures['discarded']} thrown away")
    how = ", ".join(counts)
    output.say(f"episodes: {figures['episodes']} in {minutes:.1f} robot minutes, {how}")
    said = [f"{figures[what]} {what}" for what in ("claimed", "vetoed") if figures[what]]
    if said:
        output.say(f"by the operator's word: {', '.join(said)}")
    if figures["median_time_s"] is not None:
        output.say(f"time to success: median {figures['median_time_s']:.1f} s")
