"""`hilctl teleop`: try the device in your hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hilctl.cli.options import JsonOption, MotionOption, SeedOption, TaskOption
from hilctl.cli.render import Output

if TYPE_CHECKING:
    from hilctl.pipeline.teleop.try_hand import HandTrial


def teleop(
    task: TaskOption = None,
    move: Annotated[
        bool, typer.Option("--move", help="The robot follows; else it is left alone.")
    ] = False,
    arm: Annotated[
        str | None, typer.Option("--arm", metavar="NAME", help="Whose hand, of several arms.")
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option("--seconds", "-s", min=0.1, help="How long.  [default: until Ctrl-C]"),
    ] = None,
    seed: SeedOption = 0,
    allow_motion: MotionOption = False,
    as_json: JsonOption = False,
) -> None:
    """Try the device in your hand: axes, gripper, buttons, how often and how old its input is.

    The robot stays still, or follows with --move, from its start and within its bounds; of several
    arms every one then follows its own hand. Nothing is recorded.
    """
    from hilctl.cli.hand_keys import hand_keys
    from hilctl.cli.hand_view import HandView
    from hilctl.cli.interrupt import interruptible
    from hilctl.cli.prompts import confirm_motion
    from hilctl.pipeline.parts import which_arm
    from hilctl.pipeline.stages import next_command, survey
    from hilctl.pipeline.teleop.try_hand import try_hand
    from hilctl.task.workspace import Workspace

    output = Output(as_json=as_json)
    workspace = Workspace.find(task)
    chosen, named = which_arm(workspace, arm), [] if arm is None else ["--arm", arm]
    if move:
        confirm_motion(output, workspace.spec, allowed=allow_motion)
    kind = " ".join(filter(None, [chosen, workspace.spec.hands[chosen].type]))
    title, keys = f"{kind} · robot {'follows' if move else 'still'}", hand_keys(workspace.spec)
    view = HandView(output, title, keys)
    with workspace.lock("teleop"), interruptible() as stop, view:
        trial = try_hand(
            workspace, arm=arm, move=move, seconds=seconds, seed=seed, report=view.report, stop=stop
        )
    _say(output, trial)
    if stop():
        output.event({"event": "stopped", **trial.as_dict()})
    then = " ".join(["teleop --move", *named])
    step = next_command(workspace, survey(workspace)) if move else workspace.command(then)
    stop.leave_if_interrupted(step)
    output.next(step)
    output.result({**trial.as_dict(), "next": step})


def _say(output: Output, trial: HandTrial) -> None:
    from hilctl.pipeline.teleop.try_hand import AXES

    share = trial.moved_polls / max(1, trial.polls)
    output.say(
        f"{trial.polls} polls in {trial.seconds:.1f} s, {trial.rate_hz:.1f} a second; "
        f"moved in {share:.0%} of them"
    )
    farthest = zip(AXES, trial.farthest, strict=True)
    output.say(f"farthest: {', '.join(f'{name} {value:.2f}' for name, value in farthest)}")
    if trial.said:
        said = ", ".join(f"{name} {count}×" for name, count in trial.said.items())
        output.say(f"said: {said}")
    if trial.oldest_s is not None:
        output.say(f"the oldest input was {1e3 * trial.oldest_s:.0f} ms old when it was read")
