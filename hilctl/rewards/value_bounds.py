"""What an agent is told of its task's reward: between which values every step lies."""

from __future__ import annotations

from typing import Any

from hilctl.rewards import REWARDS
from hilctl.task.spec import TaskSpec


def bounded_agent_options(spec: TaskSpec) -> Any:
    """Return the options of a task's agent, with the bounds of its reward's values.

    Those that the task file gives itself stay, as do options of an agent that learns no values.
    """
    options: Any = spec.agent.options
    if getattr(options, "value_bounds", ()) is not None:
        return options
    reward = REWARDS.get(spec.reward.type)
    bounds = reward.value_bounds(spec.reward.options, options.discount)
    return options.model_copy(update={"value_bounds": bounds})


def largest_value(spec: TaskSpec) -> float:
    """Return the most that a step of a task can be worth to its agent."""
    bounds = getattr(bounded_agent_options(spec), "value_bounds", None)
    return float(bounds[1]) if bounds else 1.0
