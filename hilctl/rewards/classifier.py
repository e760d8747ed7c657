"""The reward of HIL-SERL: a classifier of camera frames that says when the task is done."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hilctl.devices import Options
from hilctl.rewards.base import NOTHING_MEASURED, Judgement, Measured, Reward, RewardSource
from hilctl.rewards.model import SuccessModel
from hilctl.teleop.base import TeleopEvent

if TYPE_CHECKING:
    from hilctl.rewards.fit import FittedClassifier
    from hilctl.rewards.online import OnlineClassifier


class ClassifierOptions(Options):
    """Settings of the `classifier` reward."""

    cameras: list[str] = Field(min_length=1, description="whose frames are judged")
    max_false_positive_rate: float = Field(
        default=0.005,
        gt=0,
        lt=0.5,
        description="largest share of failure frames taken for success; "
        "ours: HIL-SERL takes what is more likely than not",
    )
    consecutive: int = Field(
        default=2,
        ge=1,
        le=20,
        description="frames in a row that must look like success; ours: one is enough for HIL-SERL",
    )
    success_frames: int = Field(default=200, ge=10, description="success frames to record")
    failure_frames: int = Field(default=1000, ge=10, description="failure frames to record")
    encoder: str = Field(default="efficientnet-lite0", description="frozen image encoder")
    weights: str | None = Field(default=None, description="file with the encoder's weights")


class ClassifierReward(Reward):
    """Call the task done when enough frames in a row look like success.

    Args:
        model: judges single frames.
        consecutive: frames in a row.
        version: of the model.
    """

    OptionsType: ClassVar[type[Options]] = ClassifierOptions
    judge_name: ClassVar[str] = "classifier"
    model: SuccessModel

    def __init__(self, model: SuccessModel, consecutive: int, version: int = 1) -> None:
        self.model = model
        self.version = version
        self.consecutive = consecutive
        self._in_a_row = 0
        self._stored: tuple[Path, FittedClassifier] | None = None

    @classmethod
    def classifiers(cls, options: ClassifierOptions) -> dict[str, ClassifierOptions]:
        """Return its own settings: it judges the whole task."""
        return {"": options}

    @classmethod
    def open(cls, source: RewardSource) -> Self:
        """Return the classifier that was trained for a task.

        Raises:
            MissingStageError: none was trained.
            DataError: it belongs to other cameras, another encoder or another set-up.
        """
        from hilctl.rewards.store import load_classifier

        fitted = load_classifier(
            source.folder,
            data_identity=source.data_identity,
            cameras=source.options.cameras,
            encoder=source.encoder,
            encoder_fingerprint=source.encoder_fingerprint,
        )
        reward = cls(fitted.model, fitted.consecutive, fitted.version)
        reward._stored = (source.folder, fitted)
        return reward

    def corrector(self, *, seed: int) -> OnlineClassifier | None:
        """Return the classifier as it goes on learning; each version is stored in its folder."""
        from hilctl.rewards.online import OnlineClassifier
        from hilctl.rewards.store import save_classifier

        if self._stored is None:
            return None
        folder, fitted = self._stored
        return OnlineClassifier(fitted, seed=seed, publish=partial(save_classifier, folder))

    def reset(self) -> None:
        """Forget what was seen: a new episode starts."""
        self._in_a_row = 0

    def judge(
        self,
        features: Mapping[str, NDArray[np.float16]],
        events: Collection[TeleopEvent] = (),
        measured: Measured = NOTHING_MEASURED,
    ) -> Judgement:
        """Judge the newest observation, whatever the operator says.

        Args:
            features: camera → (rows, columns, channels) encoder features of its frame.
            events: what the operator said in the step that led there.
            measured: not looked at.

        Raises:
            DataError: a camera is missing, or the features come from another encoder.
        """
        model = self.model
        frame = model.reduce({camera: array[None] for camera, array in features.items()})
        probability = float(model.probability(frame)[0])
        self._in_a_row = self._in_a_row + 1 if probability >= model.threshold else 0
        return Judgement(self._in_a_row >= self.consecutive, probability)
