"""Checks of rates: episodes without a step, updates that cannot be dealt out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hilctl.task.explain import SettingError
from hilctl.task.sections import CHUNK_STEPS, RateSpec, TrainingSpec, section_of


def check_episodes(control: Any) -> Iterator[SettingError]:
    """Yield whether an episode is over before its first step."""
    given = control if isinstance(control, dict) else {}
    rate = section_of(RateSpec, {key: given[key] for key in RateSpec.model_fields if key in given})
    if rate is not None and rate.max_episode_s * rate.rate_hz < 1:
        message = f"{rate.max_episode_s:g} s are not one step at {rate.rate_hz:g} Hz"
        hint = f"at least {1 / rate.rate_hz:g}; seconds until an episode is cut"
        yield SettingError(("control", "max_episode_s"), message, hint)


def check_update_groups(options: Mapping[str, Any], training: Any) -> Iterator[SettingError]:
    """Yield whether the critic updates of one compiled call cannot be dealt to the actor's."""
    key = "critic_updates_per_actor"
    section = section_of(TrainingSpec, training if training is not None else {})
    group = getattr(options.get("agent"), key, 1)
    if section is not None and CHUNK_STEPS * section.updates_per_step % group:
        message = (
            f"{CHUNK_STEPS} × updates_per_step = {CHUNK_STEPS * section.updates_per_step} "
            f"is no multiple of {group}"
        )
        hint = f"{CHUNK_STEPS} steps of the robot are learnt from at once: choose a divisor"
        yield SettingError(("agent", key), message, hint)
