"""A sum of named terms with weights as the reward: rewards, and numbers of the measured state.

Small terms beside a sparse reward lead the way or price what is unwanted; what the task is stays
with the rewards among the terms.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hilctl.devices import Options
from hilctl.rewards import REWARDS
from hilctl.rewards.base import NOTHING_MEASURED, Judgement, Measured, Reward, RewardSource
from hilctl.rewards.nested import OptionsClass, Part
from hilctl.rewards.terms import TERMS, ShapedTerm
from hilctl.task.explain import SettingError
from hilctl.task.sections import Name
from hilctl.task.surroundings import Surroundings
from hilctl.teleop.base import TeleopEvent


class SumTerm(Part):
    """One term: its weight, and a reward or a shaped term."""

    weight: float = Field(ge=-100, le=100, description="what the term is multiplied by")

    @property
    def is_reward(self) -> bool:
        """Whether its type is one of the rewards."""
        return self.type not in TERMS

    @property
    def options_type(self) -> OptionsClass:
        """The class of its type's options."""
        return super().options_type if self.is_reward else TERMS[self.type]

    @classmethod
    def known_types(cls) -> list[str]:
        """Return what a term can be."""
        return sorted({*super().known_types(), *TERMS})

    def _flaws_of(self, options: Any, around: Surroundings) -> Iterator[SettingError]:
        if not self.is_reward:
            yield from options.flaws(around)
            return
        if self.weight <= 0:
            yield SettingError(("weight",), "the weight of a reward is more than 0")
        yield from super()._flaws_of(options, around)


class SumOptions(Options):
    """Settings of the `sum` reward."""

    terms: dict[Name, SumTerm] = Field(
        min_length=1, description="name: {weight: ..., type: ..., its options}"
    )


class SumReward(Reward):
    """Pay the weighted sum of the terms; the task is done when all rewards among them say so.

    A reward pays what it pays by itself, times its weight.

    Args:
        rewards: name → weight and reward.
        shaped: name → weight and term.
    """

    OptionsType: ClassVar[type[Options]] = SumOptions
    judge_name: ClassVar[str] = "sum of terms"
    pays_on_the_way = True

    def __init__(
        self,
        rewards: Mapping[str, tuple[float, Reward]],
        shaped: Mapping[str, tuple[float, ShapedTerm]],
    ) -> None:
        self._rewards, self._shaped = rewards, shaped

    @classmethod
    def flaws(cls, options: SumOptions, around: Surroundings) -> Iterator[SettingError]:
        """Yield terms that do not exist, are set wrongly, or leave the sum without an end."""
        for name, term in options.terms.items():
            for flaw in term.flaws(around):
                yield replace(flaw, loc=("terms", name, *flaw.loc))
        if not any(term.is_reward for term in options.terms.values()):
            hint = "add one that says when the task is done, as done: {weight: 1, type: human}"
            yield SettingError(("terms",), "no term is a reward", hint)

    @classmethod
    def value_bounds(cls, options: SumOptions, discount: float) -> tuple[float, float]:
        """Return the weighted sum of the terms' own bounds."""
        low = high = 0.0
        for term in options.terms.values():
            if term.is_reward:
                bounds = REWARDS.get(term.type).value_bounds(term.options, discount)
            else:
                bounds = 0.0, 1 / (1 - discount)
            ends = sorted(term.weight * bound for bound in bounds)
            low, high = low + ends[0], high + ends[1]
        return low, high

    @classmethod
    def open(cls, source: RewardSource) -> Self:
        """Return the sum, each of its rewards open."""
        rewards: dict[str, tuple[float, Reward]] = {}
        shaped: dict[str, tuple[float, ShapedTerm]] = {}
        for name, term in source.options.terms.items():
            if term.is_reward:
                rewards[name] = (term.weight, term.opened(source))
            else:
                shaped[name] = (term.weight, term.options)
        return cls(rewards, shaped)

    def reset(self) -> None:
        """Forget what was seen: a new episode starts."""
        for _, reward in self._rewards.values():
            reward.reset()

    def judge(
        self,
        features: Mapping[str, NDArray[np.float16]],
        events: Collection[TeleopEvent] = (),
        measured: Measured = NOTHING_MEASURED,
    ) -> Judgement:
        """Judge the newest observation; what is seen is every term before its weight.

        Args:
            features: camera → (rows, columns, channels) encoder features of its frame.
            events: what the operator said in the step that led there.
            measured: what the terms are made of.
        """
        shaped = {name: term.value(measured) for name, (_, term) in self._shaped.items()}
        always = sum(weight * shaped[name] for name, (weight, _) in self._shaped.items())
        judged = {
            name: (weight, reward.judge(features, events, measured))
            for name, (weight, reward) in self._rewards.items()
        }
        return Judgement(
            success=all(said.success for _, said in judged.values()),
            probability=min(said.probability for _, said in judged.values()),
            on_the_way=always + sum(weight * said.on_the_way for weight, said in judged.values()),
            when_done=always + sum(weight * said.when_done for weight, said in judged.values()),
            seen=shaped | {name: float(said.success) for name, (_, said) in judged.items()},
        )
