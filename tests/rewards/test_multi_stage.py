"""Stages: each pays once, in order, and all of them are success."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_scene import CAMERAS, GOAL, IDENTITY, SOURCE, features

from hilctl.errors import MissingStageError
from hilctl.rewards.again import rewards_again
from hilctl.rewards.base import Judgement, Reward, RewardSource
from hilctl.rewards.fit import FittedClassifier
from hilctl.rewards.multi_stage import MultiStageOptions, MultiStageReward
from hilctl.rewards.store import save_classifier

STAGES = st.integers(2, 5)


class Sees(Reward):
    """A stage that is reached while one number of the state is above 0.5."""

    def __init__(self, number: int) -> None:
        self.number, self.resets = number, 0

    def reset(self) -> None:
        self.resets += 1

    def judge(self, features: object, events: object = (), measured: object = None) -> Judgement:
        there = bool(measured["shown"][self.number] > 0.5)  # type: ignore[index]
        return Judgement(there, float(there))


def made(count: int, shares: Sequence[float] | None = None) -> MultiStageReward:
    return MultiStageReward([Sees(i) for i in range(count)], shares or [1 / count] * count)


@st.composite
def episodes(draw: st.DrawFn) -> np.ndarray:
    """(T, stages): which stages look reached in each step."""
    steps, count = draw(st.integers(1, 25)), draw(STAGES)
    rows = st.lists(st.booleans(), min_size=count, max_size=count)
    return np.array(draw(st.lists(rows, min_size=steps, max_size=steps)), float)


def judged(reward: MultiStageReward, shown: np.ndarray) -> list[Judgement]:
    reward.reset()
    seen: list[Judgement] = []
    for row in shown:
        seen.append(reward.judge({}, (), {"shown": row}))
        if seen[-1].success:
            break
    return seen


def expected(shown: np.ndarray) -> list[int]:
    """Return the steps in which the stages are reached, by a search for one after the other."""
    at, steps = 0, []
    for stage in range(shown.shape[1]):
        later = np.flatnonzero(shown[at:, stage])
        if not len(later):
            break
        steps.append(at + int(later[0]))
        at = steps[-1] + 1
    return steps


@given(episodes())
def test_each_stage_pays_once_in_order_and_all_are_success(shown: np.ndarray) -> None:
    count = shown.shape[1]
    seen, reached = judged(made(count), shown), expected(shown)
    assert [i for i, one in enumerate(seen) if one.reward(success=one.success)] == reached
    assert seen[-1].success is (len(reached) == count)
    paid = sum(one.reward(success=one.success) for one in seen)
    assert paid == pytest.approx(len(reached) / count)
    assert [one.seen["reached"] for one in seen] == [
        sum(step <= i for step in reached) for i in range(len(seen))
    ]


@given(episodes(), st.booleans())
def test_an_episode_earns_1_exactly_when_it_is_a_success(shown: np.ndarray, success: bool) -> None:
    """Whoever has the last word: an operator may claim what was not seen, and reject what was."""
    seen = judged(made(shown.shape[1]), shown)
    before = sum(one.reward(success=False) for one in seen[:-1])
    earned = before + seen[-1].reward(success=success)
    assert (earned == pytest.approx(1)) is success
    assert earned <= 1 + 1e-9


@given(episodes())
def test_an_episode_is_judged_as_if_it_were_the_first(shown: np.ndarray) -> None:
    reward = made(shown.shape[1])
    assert judged(reward, shown) == judged(reward, shown)


@given(episodes(), st.booleans())
def test_a_recording_earns_again_what_it_earned(shown: np.ndarray, success: bool) -> None:
    reward = made(shown.shape[1])
    seen = judged(reward, shown)
    earned = [one.reward(success=False) for one in seen[:-1]]
    earned.append(seen[-1].reward(success=success))
    states = {"shown": np.concatenate([np.zeros_like(shown[:1]), shown[: len(seen)]])}
    again = rewards_again(reward, {}, states, np.zeros((len(seen), 2)), success=success)
    np.testing.assert_allclose(again, earned)


@given(st.lists(st.one_of(st.none(), st.floats(0.01, 0.2)), min_size=2, max_size=4))
def test_stages_without_a_share_have_the_rest_in_equal_parts(given_: list[float | None]) -> None:
    stages = [
        {"name": f"s{i}", "type": "human", **({} if share is None else {"share": share})}
        for i, share in enumerate(given_)
    ]
    options = MultiStageOptions(stages=stages)
    rest = {got for share, got in zip(given_, options.shares, strict=True) if share is None}
    assert len(rest) == (None in given_)
    assert sum(options.shares) == pytest.approx(1) or None not in given_
    kept = [got for share, got in zip(given_, options.shares, strict=True) if share is not None]
    assert kept == [share for share in given_ if share is not None]


@given(STAGES, st.integers(1, 4))
def test_whoever_looks_on_after_the_end_is_told_the_same(count: int, looks: int) -> None:
    """As what is looked at before an episode: one picture, asked about again and again."""
    reward = made(count)
    shown = np.ones((count, count))
    last = judged(reward, shown)[-1]
    assert last.success
    assert [reward.judge({}, (), {"shown": shown[0]}) for _ in range(looks)] == [last] * looks


def stages_of_classifiers(folder: Path) -> MultiStageReward:
    options = MultiStageOptions.model_validate(
        {
            "stages": [
                {"name": name, "type": "classifier", "cameras": list(CAMERAS)}
                for name in ("near", "there")
            ]
        }
    )
    about = (SOURCE.encoder, SOURCE.encoder_fingerprint)
    return MultiStageReward.open(RewardSource(folder, options, IDENTITY, *about))


def test_an_objection_is_about_the_last_stage_alone(
    tmp_path: Path, classifier: FittedClassifier
) -> None:
    for stage in ("near", "there"):
        save_classifier(tmp_path / stage, classifier)
    before = (tmp_path / "near" / "classifier.json").read_bytes()
    reward = stages_of_classifiers(tmp_path)
    corrector = reward.corrector(seed=0)
    assert corrector is not None
    corrector.add(features(GOAL[None] + 0.5), success=False, reason="veto", source="episode_1")
    corrector.refit()
    assert (tmp_path / "near" / "classifier.json").read_bytes() == before
    reward.model, reward.version = corrector.model, corrector.version  # type: ignore[assignment]
    assert reward.version == classifier.version + 1 == stages_of_classifiers(tmp_path).version


def test_a_stage_that_was_never_trained_is_named(
    tmp_path: Path, classifier: FittedClassifier
) -> None:
    save_classifier(tmp_path / "near", classifier)
    with pytest.raises(MissingStageError, match="stage there: no classifier") as caught:
        stages_of_classifiers(tmp_path)
    assert caught.value.where == str(tmp_path / "there" / "classifier.json")
    assert caught.value.hint == "hilctl train-classifier"
