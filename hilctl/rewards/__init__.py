"""Rewards: what tells the policy that the task is done."""

from __future__ import annotations

from hilctl.registry import Registry
from hilctl.rewards.base import Reward

BUILTIN = {
    "classifier": "hilctl.rewards.classifier:ClassifierReward",
    "hook": "hilctl.rewards.hook:HookReward",
    "human": "hilctl.rewards.human:HumanReward",
    "multi-stage": "hilctl.rewards.multi_stage:MultiStageReward",
    "pose": "hilctl.rewards.pose:PoseReward",
    "sum": "hilctl.rewards.weighted_sum:SumReward",
}
REWARDS: Registry[Reward] = Registry("reward", BUILTIN, package=__name__)
