"""Veto and confirm: the frames are learnt, the rest is kept, and it is quick and repeatable."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from toy_scene import GOAL, Fit, features

from hilctl.rewards.fit import CLAIMS_THAT_TELL, FittedClassifier
from hilctl.rewards.model import SuccessModel
from hilctl.rewards.online import OnlineClassifier

ELSEWHERE = GOAL + np.array([0.25, 0.0, 0.0])  # a success that no label shows
FOOLING = GOAL + np.array([0.0, 0.0, 0.09])  # just outside the goal


def frames_at(place: np.ndarray, count: int = 3, seed: int = 0) -> dict[str, np.ndarray]:
    return features(np.tile(place, (count, 1)), seed)


def probability(model: SuccessModel, place: np.ndarray) -> float:
    return float(model.probability(model.reduce(frames_at(place, seed=4))).max())


def veto(online: OnlineClassifier) -> None:
    online.add(frames_at(FOOLING), success=False, reason="veto: episode 7", source="a/7")
    online.refit()


def test_a_vetoed_place_no_longer_passes(fit: Fit) -> None:
    online = OnlineClassifier(fit[0])
    veto(online)
    model = online.fitted.model
    assert probability(model, FOOLING) < model.threshold
    successes = fit[0].memory.frames[fit[0].memory.labels]
    assert (model.probability(successes) >= model.threshold).mean() > 0.5


def test_a_claimed_place_becomes_familiar(classifier: FittedClassifier) -> None:
    online = OnlineClassifier(classifier)
    place = GOAL + np.array([0.15, 0.0, 0.0])
    before = probability(classifier.model, place)
    online.add(frames_at(place, count=8), success=True, reason="claim: episode 9", source="a/9")
    online.refit()
    assert probability(online.fitted.model, place) > before


def fooled(classifier: FittedClassifier, probability: float) -> FittedClassifier:
    """Return a classifier with failures that heads which never saw them took for success."""
    held_out = classifier.memory.held_out.copy()
    held_out[np.flatnonzero(~classifier.memory.labels)[:20]] = probability
    return replace(classifier, memory=replace(classifier.memory, held_out=held_out))


def claim(online: OnlineClassifier, episode: int) -> None:
    frames = frames_at(ELSEWHERE, seed=10 + episode)
    online.add(frames, success=True, reason="claim", source=f"a/{episode}")
    online.refit()


def test_too_few_claims_do_not_lower_what_held_out_failures_ask_for(
    classifier: FittedClassifier,
) -> None:
    online = OnlineClassifier(fooled(classifier, 0.99))
    for episode in range(CLAIMS_THAT_TELL // 3 - 1):
        claim(online, episode)
        assert probability(online.model, ELSEWHERE) < online.model.threshold
        assert online.fitted.history[-1]["false_positive_rate"] <= 0.005


@pytest.mark.parametrize("alike", [0.97, 0.9775, 0.99])
def test_claims_teach_a_classifier_that_a_look_alike_keeps_blind_and_go_on_doing_so(
    classifier: FittedClassifier, alike: float
) -> None:
    online = OnlineClassifier(fooled(classifier, alike))
    for episode in range(CLAIMS_THAT_TELL // 3):
        claim(online, episode)
    for episode in range(10, 15):
        assert probability(online.model, ELSEWHERE) >= online.model.threshold
        known = online.model.probability(classifier.memory.successes())
        assert (known >= online.model.threshold).mean() > 0.9
        claim(online, episode)
    assert online.fitted.history[-1]["false_positive_rate"] == pytest.approx(20 / 520, abs=0.001)


def test_a_veto_counts_after_claims_that_told(classifier: FittedClassifier) -> None:
    online = OnlineClassifier(fooled(classifier, 0.99))
    for episode in range(CLAIMS_THAT_TELL // 3):
        claim(online, episode)
    beside = ELSEWHERE + np.array([0.03, 0.0, 0.0])
    assert probability(online.model, beside) >= online.model.threshold
    online.add(frames_at(beside), success=False, reason="veto", source="a/20")
    online.refit()
    assert probability(online.model, beside) < online.model.threshold


def test_one_wrong_veto_does_not_end_all_success(classifier: FittedClassifier) -> None:
    online = OnlineClassifier(classifier)
    online.add(frames_at(GOAL), success=False, reason="veto by mistake", source="a/1")
    online.refit()
    model = online.fitted.model
    successes = classifier.memory.successes()
    assert (model.probability(successes) >= model.threshold).mean() > 0.25


def test_versions_and_reasons_are_recorded(classifier: FittedClassifier) -> None:
    published: list[FittedClassifier] = []
    online = OnlineClassifier(classifier, publish=published.append)
    online.refit()
    assert published == []
    veto(online)
    online.add(frames_at(GOAL, 2), success=True, reason="claim: episode 8", source="a/8")
    online.add(frames_at(FOOLING, 1), success=False, reason="veto: episode 9", source="a/9")
    online.refit()
    assert [new.version for new in published] == [2, 3]
    first, second = online.fitted.history
    assert (first["version"], first["reason"], first["added"]) == (2, "veto: episode 7", 3)
    assert (second["reason"], second["added"]) == ("claim: episode 8; veto: episode 9", 3)
    assert online.fitted.metrics == classifier.metrics


def test_an_episode_is_learnt_from_once_also_by_whoever_goes_on(
    classifier: FittedClassifier,
) -> None:
    online = OnlineClassifier(classifier)
    for _ in range(2):
        veto(online)
    again = OnlineClassifier(online.fitted)
    veto(again)
    assert again.fitted.version == 2
    assert len(again.fitted.memory.labels) == len(classifier.memory.labels) + 3
    again.add(frames_at(FOOLING), success=False, reason="veto: episode 7", source="b/7")
    again.refit()
    assert again.fitted.version == 3


def test_the_same_seed_gives_the_same_version(classifier: FittedClassifier) -> None:
    results = []
    for _ in range(2):
        online = OnlineClassifier(classifier, seed=3)
        veto(online)
        results.append(online.fitted.model.heads.hidden)
    np.testing.assert_array_equal(*results)
