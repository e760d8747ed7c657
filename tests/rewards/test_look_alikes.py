"""A failure that passes for success is named where it alone costs the classifier its recall."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from toy_scene import Fit, fitted

from hilctl.rewards.frames import LabelledFrames
from hilctl.rewards.look_alikes import LookAlike, find_look_alike


def look_alike_of(data: LabelledFrames, fit: Fit) -> LookAlike | None:
    classifier, held_out = fit
    return find_look_alike(held_out, data, classifier.memory.folds, 0.005, 2)


def test_a_success_that_was_labelled_a_failure_is_named(data: LabelledFrames) -> None:
    wrong = "episode_000004.hdf5"
    labels = data.labels & (data.episodes != wrong)
    mislabelled = replace(data, labels=labels)
    fit = fitted(mislabelled)
    found = look_alike_of(mislabelled, fit)
    assert found is not None
    assert found.episode == wrong
    assert found.shown == 7
    assert found.recognised >= fit[0].metrics.successes["recognised"] + 0.3 * found.shown


def test_labels_that_are_right_blame_no_episode(data: LabelledFrames, fit: Fit) -> None:
    assert look_alike_of(data, fit) is None


def test_many_alike_blame_no_single_one(data: LabelledFrames, fit: Fit) -> None:
    classifier, held_out = fit
    shifted = np.where(data.labels, held_out, np.maximum(held_out, 0.9999))
    assert find_look_alike(shifted, data, classifier.memory.folds, 0.005, 2) is None
