"""`hilctl record-labels`: show what success and failure look like."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from hilctl.cli.options import JsonOption, MotionOption, SeedOption, TaskOption
from hilctl.cli.render import Output

if TYPE_CHECKING:
    from hilctl.pipeline.record.label_counts import LabelsResult


def record_labels(
    task: TaskOption = None,
    seed: SeedOption = 0,
    allow_motion: MotionOption = False,
    as_json: JsonOption = False,
) -> None:
    """Record frames of success and failure for the reward classifier.

    The operator shows both and calls success. Then the arm sweeps the workspace and moves at random
    by itself: a policy will look for false successes where no operator ever goes.
    """
    from hilctl.cli.hand_keys import hand_keys
    from hilctl.cli.interrupt import interruptible
    from hilctl.cli.live import LiveProgress
    from hilctl.cli.prompts import confirm_motion, keep_interrupted
    from hilctl.pipeline.record.labels import record_labels as record
    from hilctl.pipeline.stages import next_command, survey
    from hilctl.task.workspace import Workspace

    output = Output(as_json=as_json)
    workspace = Workspace.find(task)
    confirm_motion(output, workspace.spec, allowed=allow_motion)
    with workspace.lock("record-labels"), interruptible() as stop, ExitStack() as view:

        def keep() -> bool:
            view.close()  # a live bar and a question cannot share a terminal
            return keep_interrupted(output)

        live = view.enter_context(LiveProgress(output, hand_keys(workspace.spec)))
        result = record(workspace, seed=seed, report=live.report, stop=stop, keep=keep)
    _say(output, result)
    stop.leave_if_interrupted()
    step = next_command(workspace, survey(workspace))
    output.next(step)
    output.result({**result.as_dict(), "next": step})


def _say(output: Output, result: LabelsResult) -> None:
    found = result.found
    frames = " and ".join(f"{count} {kind}" for kind, count in found.items())
    output.say(
        f"{frames} frames in {result.episodes} episodes, {result.robot_s / 60:.1f} robot minutes"
    )
    if result.coverage is not None:
        output.say(f"the tool has been in {result.coverage:.0%} of the workspace")
    if result.missing:
        output.say(f"not enough yet: {result.missing}")
