"""HG-DAgger clones what humans do, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
from made_up_data import SEEN, create, greedy, rule, same, shown


def dagger() -> Any:
    return create("hg-dagger", learning_rate=3e-3)


def test_hg_dagger_learns_nothing_from_steps_of_the_policy() -> None:
    data = shown()
    human = data.is_demo[..., None]
    otherwise = data._replace(actions=np.where(human, data.actions, -data.actions))
    one, _ = dagger().update(data)
    other, _ = dagger().update(otherwise)
    assert same(one.acting(), other.acting())
    human_otherwise = data._replace(actions=np.where(human, -data.actions, data.actions))
    third, _ = dagger().update(human_otherwise)
    assert not same(one.acting(), third.acting())


def test_hg_dagger_takes_up_what_a_human_does_later() -> None:
    agent = dagger()
    for seed in range(6):
        agent, _ = agent.update(shown(seed=seed))
    assert np.abs(greedy(agent) - rule(SEEN)).mean() < 0.25  # a guess is off by 0.45
    for seed in range(6):
        later = shown(seed=seed)
        agent, _ = agent.update(later._replace(actions=-later.actions))
    assert np.abs(greedy(agent) + rule(SEEN)).mean() < 0.25
