"""Stages in order as the reward: each pays its share once an episode, all are success.

Those that are classifiers learn from the same labelled frames, each of which says how many of them
are reached: ordinal classes, told apart by one binary classifier for each step from one class to
the next (Frank and Hall 2001). That of a stage knows all later ones, too, as success: a stage that
was overlooked when it was reached is seen in what follows.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hilctl.devices import Options
from hilctl.errors import DataError, MissingStageError
from hilctl.rewards import REWARDS
from hilctl.rewards.base import (
    NOTHING_MEASURED,
    Judgement,
    Measured,
    Reward,
    RewardCorrector,
    RewardModel,
    RewardSource,
)
from hilctl.rewards.learnt import NOT_YET, classifier_folder
from hilctl.rewards.nested import Part
from hilctl.task.explain import SettingError
from hilctl.task.sections import Name
from hilctl.task.surroundings import Surroundings
from hilctl.teleop.base import TeleopEvent

if TYPE_CHECKING:
    from hilctl.rewards.classifier import ClassifierOptions


class StageOfReward(Part):
    """One stage: its name, its share, and the reward that says when it is reached."""

    may_learn: ClassVar[bool] = True
    name: Name = Field(description="what is reached: grasped, placed …")
    share: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="of the reward of a success, which is 1; absent = what the others leave",
    )

    def opened(self, source: RewardSource) -> Reward:
        """Return the reward that it is, of a task; a classifier lies in a folder of its name.

        Raises:
            MissingStageError: nothing was learnt for it.
            DataError: what was learnt for it belongs to another set-up.
        """
        try:
            folder = classifier_folder(source.folder, self.name)
            return super().opened(replace(source, folder=folder))
        except (MissingStageError, DataError) as error:
            message = f"stage {self.name}: {error.message}"
            raise type(error)(message, where=error.where, hint=error.hint) from error


class MultiStageOptions(Options):
    """Settings of the `multi-stage` reward."""

    stages: list[StageOfReward] = Field(
        min_length=2, description="in their order: {name: ..., type: ..., its options}"
    )

    @property
    def shares(self) -> list[float]:
        """What each stage pays; those without a share have the rest in equal parts."""
        given = [stage.share for stage in self.stages if stage.share is not None]
        others = len(self.stages) - len(given)
        rest = (1 - sum(given)) / others if others else 0.0
        return [rest if stage.share is None else stage.share for stage in self.stages]


class MultiStageReward(Reward):
    """Ask for one stage after the other; the episode ends when the last one is reached.

    Only the next stage is asked for, one in a step. A success that is claimed pays all stages that
    have not been paid, one that is rejected takes the last stage back: an episode's rewards are 1
    in all exactly when it is a success. What an operator objects to is the end of an episode, so
    the last stage alone learns from that.

    Args:
        parts: says when each stage is reached.
        shares: what each pays; 1 in all.
    """

    OptionsType: ClassVar[type[Options]] = MultiStageOptions
    judge_name: ClassVar[str] = "stages"
    pays_on_the_way = True

    def __init__(self, parts: Sequence[Reward], shares: Sequence[float]) -> None:
        self._parts, self._shares = list(parts), list(shares)
        self._reached = 0

    @property
    def model(self) -> RewardModel | None:
        """What the last stage judges by; None = it never changes."""
        return self._parts[-1].model

    @model.setter
    def model(self, model: RewardModel | None) -> None:
        self._parts[-1].model = model

    @property
    def version(self) -> int:
        """Of the model."""
        return self._parts[-1].version

    @version.setter
    def version(self, version: int) -> None:
        self._parts[-1].version = version

    def corrector(self, *, seed: int) -> RewardCorrector | None:
        """Return what learns when the last stage was called wrongly, if that can learn."""
        return self._parts[-1].corrector(seed=seed)

    @classmethod
    def classifiers(cls, options: MultiStageOptions) -> dict[str, ClassifierOptions]:
        """Return the settings of those stages that are classifiers, in their order."""
        found = {
            stage.name: REWARDS.get(stage.type).classifiers(stage.options).get("")
            for stage in options.stages
        }
        return {name: own for name, own in found.items() if own is not None}

    @classmethod
    def flaws(cls, options: MultiStageOptions, around: Surroundings) -> Iterator[SettingError]:
        """Yield stages that do not exist, are set wrongly, or do not share 1."""
        for i, stage in enumerate(options.stages):
            for flaw in stage.flaws(around):
                yield replace(flaw, loc=("stages", i, *flaw.loc))
            if stage.type == "human" and stage is not options.stages[-1]:
                message = "the operator's word ends the episode: human is the last stage, or none"
                hint = "say by a pose or a hook when this stage is reached"
                yield SettingError(("stages", i, "type"), message, hint)
            if stage.name == NOT_YET:
                message = f"labels call {NOT_YET} what no stage is: call this one otherwise"
                yield SettingError(("stages", i, "name"), message)
        for name, times in Counter(stage.name for stage in options.stages).items():
            if times > 1:
                yield SettingError(("stages",), f"{times} stages are called {name!r}")
        shares = options.shares
        if min(shares) <= 0 or not math.isclose(sum(shares), 1, abs_tol=1e-6):
            message = f"the shares of the stages are {sum(shares):g} in all, not 1"
            if min(shares) <= 0:
                message = "the shares that are given leave nothing for the other stages"
            yield SettingError(("stages",), message, "leave share out to share equally")

    @classmethod
    def open(cls, source: RewardSource) -> Self:
        """Return the reward of a task, each of its stages open."""
        options: MultiStageOptions = source.options
        return cls([stage.opened(source) for stage in options.stages], options.shares)

    def reset(self) -> None:
        """Begin with the first stage: a new episode starts."""
        self._reached = 0
        for part in self._parts:
            part.reset()

    def judge(
        self,
        features: Mapping[str, NDArray[np.float16]],
        events: Collection[TeleopEvent] = (),
        measured: Measured = NOTHING_MEASURED,
    ) -> Judgement:
        """Judge whether the next stage is reached; `reached` is seen as how many are.

        Args:
            features: camera → (rows, columns, channels) encoder features of its frame.
            events: what the operator said in the step that led there.
            measured: of that step.
        """
        stage = self._reached
        said = self._parts[stage].judge(features, events, measured)
        is_last = stage == len(self._parts) - 1
        moves_on = said.success and not is_last
        self._reached += moves_on
        return Judgement(
            success=said.success and is_last,
            probability=said.probability,
            on_the_way=self._shares[stage] if moves_on else 0.0,
            when_done=sum(self._shares[stage:]),
            seen={"reached": float(stage + said.success)},
        )
