"""Checks of the reward, which knows itself what it has to go with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hilctl.devices import Options
from hilctl.task.arm_checks import arms_in, name_of
from hilctl.task.arm_geometry import bounds_of
from hilctl.task.document import Loc
from hilctl.task.explain import SettingError
from hilctl.task.plugins import Driver, PluginBlock
from hilctl.task.surroundings import Surroundings


def parts_of(reward: Options | None) -> Iterator[tuple[Loc, Any]]:
    """Yield a reward's options and those of its stages, by paths below it; not what is wrong."""
    yield (), reward
    for i, stage in enumerate(getattr(reward, "stages", ())):
        if not any(stage.flaws(Surroundings({}))):
            yield ("stages", i), stage.options


def check_reward(
    block: PluginBlock, options: Options, around: Surroundings
) -> Iterator[SettingError]:
    """Yield what a reward finds wrong with its options.

    Args:
        block: that chooses the reward.
        options: of it.
        around: what they have to go with.
    """
    for flaw in block.find_class().flaws(options, around):
        yield replace(flaw, loc=(*block.loc, *flaw.loc))


def surroundings(
    data: Mapping[str, Any], drivers: Mapping[Loc, Driver], folder: Path | None
) -> Surroundings:
    """Return what a reward's options have to go with.

    Args:
        data: of the whole file.
        drivers: what is known of its arms.
        folder: of the task, where it is at hand.
    """
    arms = {name_of(loc): (loc, arm) for loc, arm in arms_in(data)}
    robots = {name: drivers.get((*loc, "robot")) for name, (loc, _) in arms.items()}
    forceless = [name for name, one in robots.items() if one and not one.driver.tells_wrench]
    return Surroundings(
        {name: bounds_of(arm) for name, (_, arm) in arms.items()}, folder, forceless
    )
