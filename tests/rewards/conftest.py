"""One classifier of the toy scene for all tests that only look at it."""

from __future__ import annotations

import numpy as np
import pytest
from toy_scene import fitted, labelled

from hilctl.rewards.fit import FittedClassifier
from hilctl.rewards.frames import LabelledFrames

Fit = tuple[FittedClassifier, np.ndarray]


@pytest.fixture(scope="session")
def data() -> LabelledFrames:
    return labelled()


@pytest.fixture(scope="session")
def fit(data: LabelledFrames) -> Fit:
    return fitted(data)


@pytest.fixture(scope="session")
def classifier(fit: Fit) -> FittedClassifier:
    return fit[0]
