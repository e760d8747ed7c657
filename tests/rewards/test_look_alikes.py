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
    assert data.labels[(data.episodes == wrong) & (data.steps == found.step)].all()
    assert found.recognised >= fit[0].metrics.successes["recognised"] + 0.3 * found.shown


def test_labels_that_are_right_blame_no_episode(data: LabelledFrames, fit: Fit) -> None:
    assert look_alike_of(data, fit) is None


def lifted(data: LabelledFrames, held_out: np.ndarray, *episodes: str) -> np.ndarray:
    """Return held-out probabilities by which the failures of some episodes are sure successes."""
    fooling = ~data.labels & np.isin(data.episodes, episodes)
    return np.where(fooling, 0.9999, held_out)


def test_one_episode_of_failures_is_named_with_its_worst_step_and_two_hide_each_other(
    data: LabelledFrames, fit: Fit
) -> None:
    classifier, held_out = fit
    folds = classifier.memory.folds
    one, two = "episode_000003.hdf5", "episode_000005.hdf5"
    fooled = lifted(data, held_out, one)
    fooled[np.flatnonzero(data.episodes == one)[20]] = 0.99999
    found = find_look_alike(fooled, data, folds, 0.005, 2)
    assert found is not None
    assert (found.episode, found.step, found.shown) == (one, 20, 8)
    assert found.recognised == classifier.metrics.successes["recognised"]
    both = lifted(data, held_out, one, two)
    assert find_look_alike(both, data, folds, 0.005, 2) is None
