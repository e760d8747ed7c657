"""A reward that is somebody's own function: what it may say, and what becomes of its mistakes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hilctl.errors import TaskFileError
from hilctl.rewards.base import Judgement, RewardSource
from hilctl.rewards.hook import HookOptions, HookReward

HOOKS = """\
from __future__ import annotations
from dataclasses import dataclass

@dataclass
class Above:
    height_m: float

    def __call__(self, measured, features):
        return bool(measured["tcp_pose"][2] > self.height_m)

def high():
    return Above(0.2)

def lifted():
    return lambda measured, features: measured["tcp_pose"][2] > 0.2

def third():
    calls = []
    def judge(measured, features):
        calls.append(measured)
        return len(calls) == 3, -0.1 * len(calls)
    return judge

def broken():
    return lambda measured, features: measured["tcp_poes"][2] > 0.2

def wordy():
    return lambda measured, features: "yes"

def endless():
    return lambda measured, features: (False, float("nan"))

def leaving():
    return lambda measured, features: exit(3)

def stillborn():
    raise RuntimeError("no calibration")
"""
SEEN = {"tcp_pose": np.array([0, 0, 0.3, 0, 0, 0, 1.0])}


def opened(folder: Path, name: str, **options: object) -> HookReward:
    (folder / "hooks.py").write_text(HOOKS)
    chosen = HookOptions(judge=f"hooks:{name}", **options)
    return HookReward.open(RewardSource(folder, chosen, {}, "none", "0", folder))


def episode(reward: HookReward, steps: int = 4) -> list[Judgement]:
    reward.reset()
    return [reward.judge({}, (), SEEN) for _ in range(steps)]


def test_it_says_whether_the_task_is_done(tmp_path: Path) -> None:
    reward = opened(tmp_path, "lifted")
    low = {"tcp_pose": SEEN["tcp_pose"] - [0, 0, 0.2, 0, 0, 0, 0]}
    assert reward.judge({}, (), SEEN).success
    assert not reward.judge({}, (), low).success
    assert not reward.pays_on_the_way


def test_it_may_be_a_data_class(tmp_path: Path) -> None:
    assert opened(tmp_path, "high").judge({}, (), SEEN).success


def test_it_begins_anew_with_each_episode(tmp_path: Path) -> None:
    reward = opened(tmp_path, "third", extra=[-1, 0])
    assert [one.success for one in episode(reward)] == [False, False, True, False]
    assert episode(reward) == episode(reward)


def test_what_it_pays_besides_stays_within_what_was_said(tmp_path: Path) -> None:
    seen = episode(opened(tmp_path, "third", extra=[-0.15, 0]))
    assert [one.on_the_way for one in seen] == pytest.approx([-0.1, -0.15, -0.15, -0.15])
    assert [one.when_done for one in seen] == pytest.approx([0.9, 0.85, 0.85, 0.85])
    assert {one.on_the_way for one in episode(opened(tmp_path, "third"))} == {0.0}
    low, high = HookReward.value_bounds(HookOptions(judge="hooks:third", extra=(-0.15, 0.1)), 0.9)
    assert (low, high) == pytest.approx((-1.5, 2.0))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("broken", "KeyError"),
        ("wordy", "expected True or False, got 'yes'"),
        ("endless", "nan is no finite number"),
        ("stillborn", "no calibration"),
        ("leaving", "SystemExit: 3"),
    ],
)
def test_its_mistakes_are_told_as_such(tmp_path: Path, name: str, told: str) -> None:
    with pytest.raises(TaskFileError, match=told):
        episode(opened(tmp_path, name))


@pytest.mark.parametrize(
    ("judge", "told"),
    [
        ("hooks:lifed", r"no function 'lifed' in hooks\.py"),
        ("own:it", "cannot be imported: ZeroDivisionError"),
        ("leaving:it", "cannot be imported: SystemExit"),
        ("other:it", r"there is no other\.py beside task\.yaml"),
    ],
)
def test_what_is_not_there_is_refused_when_it_is_opened(
    tmp_path: Path, judge: str, told: str
) -> None:
    (tmp_path / "hooks.py").write_text(HOOKS)
    (tmp_path / "own.py").write_text("1 / 0")
    (tmp_path / "leaving.py").write_text("import sys\nsys.exit(3)")
    source = RewardSource(tmp_path, HookOptions(judge=judge), {}, "none", "0", tmp_path)
    with pytest.raises(TaskFileError, match=told):
        HookReward.open(source)
