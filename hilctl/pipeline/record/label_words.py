"""What a person who labels is told: how to call what is seen, and what it counts as now."""

from __future__ import annotations

from hilctl.teleop.base import Teleop, TeleopEvent


def how_to_call(teleop: Teleop) -> str:
    """Return what a person does with the hand that they have to call success, or each stage."""
    key = teleop.keys.get(TeleopEvent.SUCCESS, "the button of success")
    over = teleop.keys.get(TeleopEvent.VETO, "the button of no success")
    if len(teleop.stages) > 1:
        stages = ", then ".join(teleop.stages)
        return f"press {key} when a stage is reached ({stages}), {over} when it no longer is"
    (stage,) = teleop.stages
    so = f"{stage} is reached" if stage else "it is a success"
    if teleop.switches_success:
        return f"press {key} when {so}, {over} when it no longer is"
    return f"hold {key} as long as {so}"


def called_now(teleop: Teleop, reached: int) -> str:
    """Return what is seen from now on counts as.

    Args:
        teleop: the hand that has called it.
        reached: stages.
    """
    if not reached:
        return "no success from here on"
    switches = teleop.switches_success or len(teleop.stages) > 1
    ends = TeleopEvent.VETO if switches else TeleopEvent.SUCCESS
    key, how = teleop.keys.get(ends, "the button"), "pressed" if switches else "let go"
    return f"{teleop.stages[reached - 1] or 'a success'} from here on, until {key} is {how}"
