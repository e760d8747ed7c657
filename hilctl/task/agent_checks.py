"""Checks of the agent: settings that contradict each other, or change nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hilctl.task.explain import SettingError
from hilctl.task.reward_checks import parts_of

FOR_SUCCESS_ALONE = (0.0, 1.0)
GAUSSIAN_ENTROPY = 1.419  # of one number with a log std of 0: half of log(2πe)


def check_one_encoder(options: Mapping[str, Any]) -> Iterator[SettingError]:
    """Yield whether reward and agent name different encoders, by the options of each section."""
    agent, parts = options.get("agent"), [part for _, part in parts_of(options.get("reward"))]
    for key in ("encoder", "weights"):
        if not hasattr(agent, key):
            continue
        ours = getattr(agent, key)
        others = (getattr(part, key) for part in parts if hasattr(part, key))
        different = [theirs for theirs in others if str(theirs) != str(ours)]
        if different:
            message = f"the reward has {different[0]}, the agent {ours}"
            yield SettingError(
                ("agent", key), message, "frames are encoded once: write the same in both"
            )


def check_preset(options: Mapping[str, Any]) -> Iterator[SettingError]:
    """Yield every setting of the agent that its preset has otherwise."""
    agent = options.get("agent")
    for key, theirs in getattr(agent, "preset_settings", {}).items():
        ours = getattr(agent, key)
        if ours != theirs:
            preset, has = getattr(agent, "preset", None), "none" if theirs is None else theirs
            message = f"{ours} contradicts preset {preset}, which has {has}"
            hint = f"take {key} out, or the preset"
            yield SettingError(("agent", key), message, hint, at_key=True)


def check_effects(options: Mapping[str, Any]) -> Iterator[SettingError]:
    """Yield every setting of the agent that changes nothing as long as another one stays so."""
    agent: Any = options.get("agent")
    for option, other, value in getattr(agent, "dependent", ()):
        is_set = getattr(agent, option) != type(agent).model_fields[option].default
        if is_set and getattr(agent, other) == value:
            stands = "is not set" if value is None else f"is {value}"
            message = f"this changes nothing as long as {other} {stands}"
            yield SettingError(("agent", option), message, f"set {other}, or take it out", True)


def check_spread(options: Mapping[str, Any]) -> Iterator[SettingError]:
    """Yield what of the actor's spread its greatest one does not allow."""
    agent: Any = options.get("agent")
    if not hasattr(agent, "max_log_std"):
        return
    most = agent.max_log_std
    if agent.initial_log_std >= most:
        message = f"{agent.initial_log_std:g} is not below max_log_std, {most:g}"
        hint = "lower it: a spread at its limit learns nothing"
        yield SettingError(("agent", "initial_log_std"), message, hint, at_key=True)
    reachable = most + GAUSSIAN_ENTROPY
    if agent.target_entropy >= reachable:
        message = (
            f"{agent.target_entropy:g} is out of reach with max_log_std: {most:g}, which allows "
            f"less than {reachable:.2f}"
        )
        hint = "lower target_entropy: the temperature would grow without end"
        yield SettingError(("agent", "target_entropy"), message, hint, at_key=True)


def check_value_bounds(
    options: Mapping[str, Any], reward: type[Any] | None
) -> Iterator[SettingError]:
    """Yield bounds between which the values of a task that pays for success alone cannot lie.

    What a success is worth where a reward pays on the way too, nobody knows beforehand.

    Args:
        options: of all sections that are sound.
        reward: the class of the task's reward, where nothing is wrong with that.
    """
    agent: Any = options.get("agent")
    given = getattr(agent, "value_bounds", None)
    if given is None or reward is None:
        return
    if reward.value_bounds(options["reward"], agent.discount) != FOR_SUCCESS_ALONE:
        return
    low, high = given
    loc, hint = ("agent", "value_bounds"), "take it out: the reward says between which values"
    if low > 0:
        yield SettingError(loc, f"a failure is worth 0, not {low:g} at least", hint, at_key=True)
    elif high < 1:
        yield SettingError(loc, f"a success is worth 1, not {high:g} at most", hint, at_key=True)
