"""One classifier of the toy scene for all tests that only look at it."""

from __future__ import annotations

import pytest
from toy_scene import Fit, fitted, labelled

from hilctl.rewards.fit import FittedClassifier
from hilctl.rewards.frames import LabelledFrames


@pytest.fixture(scope="session")
def data() -> LabelledFrames:
    return labelled()


@pytest.fixture(scope="session")
def fit(data: LabelledFrames) -> Fit:
    return fitted(data)


@pytest.fixture(scope="session")
def classifier(fit: Fit) -> FittedClassifier:
    return fit[0]
