"""What several commands need of a task file: its encoder, its reward, and that it has one arm."""

from __future__ import annotations

from typing import cast

from hilctl.agents.options import AgentOptions
from hilctl.errors import UsageError
from hilctl.networks.encoders import ENCODERS
from hilctl.networks.encoders.base import Encoder
from hilctl.rewards import REWARDS
from hilctl.rewards.base import Reward, RewardSource
from hilctl.task.fingerprint import data_identity
from hilctl.task.workspace import Workspace


def require_one_arm(workspace: Workspace, verb: str, instead: str) -> None:
    """Check that a task has no more than one arm.

    Args:
        workspace: of the task.
        verb: that knows only one: "calibrate".
        instead: what a person can do.

    Raises:
        UsageError: it has several.
    """
    arms = workspace.spec.each_arm
    if len(arms) > 1:
        raise UsageError(
            f"this task has several arms, {' and '.join(arms)}; {verb} knows tasks with one",
            where=str(workspace.task_file),
            hint=instead,
        )


def which_arm(workspace: Workspace, arm: str | None) -> str:
    """Return the arm that a person means: the only one, or the one they named.

    Args:
        workspace: of the task.
        arm: what they named.

    Raises:
        UsageError: they named none of several, or one that is not there.
    """
    arms = list(workspace.spec.hands)
    if arm is None and len(arms) > 1:
        raise UsageError("this task has several arms", hint=f"--arm {' or --arm '.join(arms)}")
    if arm is not None and arm not in arms:
        there = " and ".join(filter(None, arms)) or "one without a name"
        raise UsageError(f"there is no arm {arm!r}", hint=f"the arms of this task: {there}")
    return arms[0] if arm is None else arm


def open_encoder(workspace: Workspace) -> Encoder:
    """Return the frozen encoder that the task's agent names.

    Raises:
        DataError: its weights are missing or damaged.
    """
    options = cast(AgentOptions, workspace.spec.agent.options)
    weights = workspace.root / options.weights if options.weights else None
    return ENCODERS.get(options.encoder)(weights)


def open_reward(workspace: Workspace, encoder: Encoder) -> Reward:
    """Return the task's reward.

    Raises:
        MissingStageError: one of the stages that it needs is missing.
        DataError: what was learnt for it belongs to another set-up.
    """
    spec = workspace.spec
    source = RewardSource(
        folder=workspace.classifier,
        options=spec.reward.options,
        data_identity=data_identity(spec),
        encoder=cast(AgentOptions, spec.agent.options).encoder,
        encoder_fingerprint=encoder.fingerprint,
        root=workspace.root,
    )
    return REWARDS.get(spec.reward.type).open(source)
