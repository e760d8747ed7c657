"""Rewards inside of a reward: their type beside their options, as the task file has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar, cast

from pydantic import ConfigDict, Field, ValidationError

from hilctl.devices import Options
from hilctl.registry import did_you_mean
from hilctl.rewards import REWARDS
from hilctl.rewards.base import Reward, RewardSource
from hilctl.task.explain import SettingError, explain
from hilctl.task.surroundings import Surroundings

NESTING = ("sum", "multi-stage")
OptionsClass = type[Options]  # in a part, `type` is its type


class Part(Options):
    """One part of a reward that is made of several.

    Attributes:
        may_learn: it may be a classifier.
    """

    model_config = ConfigDict(extra="allow", frozen=True)
    may_learn: ClassVar[bool] = False

    type: str = Field(description="of the part, its options beside it")

    @property
    def options_type(self) -> OptionsClass:
        """The class of its type's options."""
        return cast(OptionsClass, REWARDS.options_type(self.type))

    @property
    def options(self) -> Any:
        """The options of its type.

        Raises:
            ValidationError: they are wrong.
        """
        return self.options_type.model_validate(self.model_extra)

    @classmethod
    def known_types(cls) -> list[str]:
        """Return what a part can be: a reward that is not made of parts itself."""
        return sorted({*REWARDS.names()} - {*NESTING})

    def opened(self, source: RewardSource) -> Reward:
        """Return the reward that it is, of a task."""
        return REWARDS.get(self.type).open(replace(source, options=self.options))

    def flaws(self, around: Surroundings) -> Iterator[SettingError]:
        """Yield what is wrong with it among what is around it, by paths below it."""
        known = self.known_types()
        if self.type not in known:
            hint = did_you_mean(self.type, known)
            yield SettingError(("type",), f"there is no {self.type!r} to take here", hint)
            return
        try:
            options = self.options
        except ValidationError as error:
            errors = error.errors(include_url=False)
            yield from explain(errors, self.options_type, (), {*type(self).model_fields})
            return
        yield from self._flaws_of(options, around)

    def _flaws_of(self, options: Any, around: Surroundings) -> Iterator[SettingError]:
        reward = REWARDS.get(self.type)
        needed = reward.stages_needed(options)
        if needed and not self.may_learn:
            message = f"a {self.type} needs {' and '.join(needed)} of its own"
            hint = "take it as the task's only reward, or as a stage of multi-stage"
            yield SettingError(("type",), message, hint)
        yield from reward.flaws(options, around)
