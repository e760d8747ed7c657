"""Rewards: what tells the policy that the task is done."""

from __future__ import annotations

from hilctl.registry import Registry
from hilctl.rewards.base import Reward

BUILTIN = {
    "classifier": "hilctl.rewards.classifier:ClassifierReward",
    "human": "hilctl.rewards.human:HumanReward",
}
REWARDS: Registry[Reward] = Registry("reward", BUILTIN, package=__name__)
