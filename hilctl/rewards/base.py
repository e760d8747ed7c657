"""The reward contract: judge each observation, know nothing of the simulator's truth."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hilctl.devices import Options


@dataclass(frozen=True)
class Judgement:
    """What a reward says of one observation.

    Attributes:
        success: the task is done; the episode ends with reward 1.
        probability: confidence in [0, 1], for people to look at.
    """

    success: bool
    probability: float


class Reward(ABC):
    """Judge whether the task is done."""

    OptionsType: ClassVar[type[Options]] = Options

    @abstractmethod
    def reset(self) -> None:
        """Forget what was seen: a new episode starts."""

    @abstractmethod
    def judge(self, features: Mapping[str, NDArray[np.float16]]) -> Judgement:
        """Judge the newest observation.

        Args:
            features: camera name → (rows, columns, channels) encoder features of its frame.
        """
