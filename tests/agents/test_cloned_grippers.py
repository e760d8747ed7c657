"""Cloning of actions with discrete parts: classified, while all other numbers are regressed."""

from __future__ import annotations

import jax
import numpy as np
from made_up_data import batches, observations

from hilctl.agents.bc import BC
from hilctl.agents.options import BCOptions
from hilctl.data.batch import Batch
from hilctl.task.layout import ActionLayout, ActionPart

GRIPPER = ActionPart("gripper", "", "gripper", 1, (-1.0, 0.0, 1.0))
OPTIONS = BCOptions(shift_cells=0, learning_rate=3e-3)
LAYOUT = ActionLayout((ActionPart("push", "", "generic", 1), GRIPPER))


def cloned(layout: ActionLayout, data: Batch, calls: int) -> BC:
    example = observations(np.random.default_rng(0))
    agent = BC.create(jax.random.key(0), example, layout, OPTIONS)
    for _ in range(calls):
        agent, _ = agent.update(data)
    return agent


def shown() -> Batch:
    """Return transitions of a person who closes or opens by the state's first number."""
    data = batches(k=4, n=64)
    state = np.asarray(data.observations["state"])
    grip = np.where(state[..., 0] < -0.4, -1.0, np.where(state[..., 0] > 0.4, 1.0, 0.0))
    actions = np.stack([0.8 * np.tanh(state[..., 1]), grip], axis=-1).astype(np.float32)
    return data._replace(actions=actions, is_demo=np.ones_like(data.is_demo))


def test_discrete_parts_are_classified_and_the_others_regressed() -> None:
    data = shown()
    agent = cloned(LAYOUT, data, 30)
    chosen, off = [], []
    for i in range(64):
        seen = {name: array[0, i] for name, array in data.observations.items()}
        action = np.asarray(agent.act(seen, jax.random.key(i), greedy=True))
        chosen.append(float(action[1]))
        off.append(abs(action[0] - data.actions[0, i, 0]))
    assert set(chosen) == {-1.0, 0.0, 1.0}
    assert np.mean(chosen == data.actions[0, :, 1]) > 0.95
    assert np.mean(off) < 0.1


def test_a_sample_is_one_of_the_choices_and_not_always_the_same() -> None:
    agent = cloned(LAYOUT, shown(), 0)
    seen = observations(np.random.default_rng(1))
    drawn = {float(agent.act(seen, jax.random.key(i), greedy=False)[1]) for i in range(40)}
    assert drawn <= {-1.0, 0.0, 1.0}
    assert len(drawn) > 1


def test_where_a_discrete_part_stands_makes_no_difference() -> None:
    data, seen = shown(), observations(np.random.default_rng(1))
    turned = ActionLayout(LAYOUT.parts[::-1])
    one = cloned(LAYOUT, data, 3)
    other = cloned(turned, data._replace(actions=data.actions[..., ::-1]), 3)
    actions = [np.asarray(a.act(seen, jax.random.key(0), greedy=True)) for a in (one, other)]
    np.testing.assert_allclose(actions[0], actions[1][::-1], atol=1e-6)
