"""The reward contract: judge each observation, know nothing of the simulator's truth.

A judgement says what the step earns if the episode goes on, and what it earns if the task is done
there: an operator who rejects or claims a success changes which of the two is paid, and nothing
that was paid before.

A reward that can be wrong may learn from the operator's objections while training runs: then it
has a `model` of arrays, and a `RewardCorrector` on the learning side makes newer ones.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from hilctl.devices import Options
from hilctl.task.explain import SettingError
from hilctl.task.surroundings import Surroundings
from hilctl.teleop.base import TeleopEvent

if TYPE_CHECKING:
    from hilctl.rewards.classifier import ClassifierOptions

ACTION = "action"
LEARNT = ("labels", "classifier")  # what a reward needs that judges by what it has learnt
Measured = Mapping[str, NDArray[np.float64]]
NOTHING_MEASURED: Measured = {}


@dataclass(frozen=True)
class Judgement:
    """What a reward says of one observation.

    Attributes:
        success: the task is done; the episode ends.
        probability: confidence in [0, 1], for people to look at.
        on_the_way: what the step earns if the task is not done there.
        when_done: what it earns if it is.
        seen: name → what was judged by, recorded with the step; always the same names.
    """

    success: bool
    probability: float
    on_the_way: float = 0.0
    when_done: float = 1.0
    seen: Mapping[str, float] = field(default_factory=dict)

    def reward(self, *, success: bool) -> float:
        """Return what the step earns, by the word of whoever has the last one."""
        return self.when_done if success else self.on_the_way


NOTHING_JUDGED = Judgement(success=False, probability=float("nan"))


@dataclass(frozen=True)
class RewardSource:
    """What a task's reward is opened from.

    Attributes:
        folder: what was learnt for it, if anything.
        options: of the task file, an instance of the reward's `OptionsType`.
        data_identity: of the task, as `task.fingerprint.data_identity` gives it.
        encoder: type name of the encoder whose features it will judge.
        encoder_fingerprint: of that encoder's architecture and weights.
        root: the task folder.
    """

    folder: Path
    options: Any
    data_identity: Mapping[str, Any]
    encoder: str
    encoder_fingerprint: str
    root: Path = Path()


class RewardModel(ABC):
    """What a reward judges by, where it changes as corrections come in; immutable."""

    @property
    @abstractmethod
    def cameras(self) -> tuple[str, ...]:
        """Whose frames are judged."""

    @abstractmethod
    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all that corrections change."""

    @abstractmethod
    def with_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Return a copy that judges as the model did whose `arrays()` these are.

        Raises:
            ValueError: they are of another model.
        """


class RewardCorrector(ABC):
    """Make newer models of a reward from frames that the operator has judged."""

    @property
    @abstractmethod
    def version(self) -> int:
        """Counts up with each newer model."""

    @property
    @abstractmethod
    def model(self) -> RewardModel:
        """The newest."""

    @abstractmethod
    def add(
        self, features: Mapping[str, NDArray[Any]], *, success: bool, reason: str, source: str
    ) -> None:
        """Add frames of one episode that the operator has judged, once.

        Args:
            features: camera → (n, rows, columns, channels) encoder features.
            success: what they really show.
            reason: "veto" or "claim", with what a person wants to know; kept in the history.
            source: names the episode; one that was learnt from before is left out.
        """

    @abstractmethod
    def refit(self) -> None:
        """Learn from what was added since the last time; do nothing when nothing was."""


class Reward(ABC):
    """Judge whether the task is done.

    Attributes:
        judge_name: who judges, in words.
        pays_on_the_way: steps before the last one may earn something: demonstrations are judged
            again for what theirs would have earned.
        model: judges; may be replaced by a newer version at any time. None = it never changes.
        version: of the model; goes with it.
    """

    OptionsType: ClassVar[type[Options]] = Options
    judge_name: ClassVar[str] = "reward"
    pays_on_the_way: bool = False
    model: RewardModel | None = None
    version: int = 1

    @classmethod
    def classifiers(cls, options: Any) -> dict[str, ClassifierOptions]:
        """Return the settings of what it learns from labels, by the stage of it that is judged.

        They are in the order in which the stages are reached; "" is the whole task. Here, none.

        Args:
            options: an instance of `OptionsType`.
        """
        return {}

    @classmethod
    def stages_needed(cls, options: Any) -> tuple[str, ...]:
        """Return the stages of the task, by name, that it needs; `hilctl status` shows them.

        Args:
            options: an instance of `OptionsType`.
        """
        return LEARNT if cls.classifiers(options) else ()

    @classmethod
    def flaws(cls, options: Any, around: Surroundings) -> Iterator[SettingError]:
        """Yield what is wrong with options of a task file, by paths below them; here, nothing.

        Args:
            options: an instance of `OptionsType`.
            around: what they have to go with.
        """
        yield from ()

    @classmethod
    def value_bounds(cls, options: Any, discount: float) -> tuple[float, float]:
        """Return the least and the most that can still be earned from any step on.

        Args:
            options: an instance of `OptionsType`.
            discount: of the next step's value.
        """
        return 0.0, 1.0

    @classmethod
    def open(cls, source: RewardSource) -> Self:
        """Return the reward of a task; here, one that needs nothing.

        Raises:
            MissingStageError: one of its stages is missing.
            DataError: what was learnt for it belongs to another set-up.
        """
        return cls()

    def corrector(self, *, seed: int) -> RewardCorrector | None:
        """Return what learns from the operator's objections, or None when it cannot learn.

        Args:
            seed: of all that is random in it.
        """
        return None

    @abstractmethod
    def reset(self) -> None:
        """Forget what was seen: a new episode starts."""

    @abstractmethod
    def judge(
        self,
        features: Mapping[str, NDArray[np.float16]],
        events: Collection[TeleopEvent] = (),
        measured: Measured = NOTHING_MEASURED,
    ) -> Judgement:
        """Judge the newest observation.

        Args:
            features: camera name → (rows, columns, channels) encoder features of its frame.
            events: what the operator said in the step that led there.
            measured: state name → (n,) as `data.step.Observation` has it, and `ACTION` → (A,) in
                [-1, 1], what was executed in that step.
        """
