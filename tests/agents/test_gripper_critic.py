"""Grippers by reinforcement: what is chosen, what it is worth, and that nothing else notices."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_data import batches, copied, observations

from hilctl.agents.choices import chosen_jointly, joint_choices
from hilctl.agents.gripper_critic import GripperCritic
from hilctl.agents.options import RLPDOptions
from hilctl.agents.rlpd import RLPD
from hilctl.data.batch import Batch
from hilctl.task.layout import CLOSE, LEAVE, OPEN, ActionLayout, ActionPart

PUSH = ActionPart("push", "", "generic", 1)
TOLD = (CLOSE, LEAVE, OPEN)
GRIPPER_FIRST = ActionLayout((ActionPart("gripper", "", "gripper", 1, TOLD), PUSH))
WITHOUT = ActionLayout((PUSH,))
COST, DISCOUNT = 0.1, 0.9
# several tests begin with these: for every set of options, and every shape, all is compiled anew
LEARNING = {
    "discount": DISCOUNT,
    "gripper_cost": COST,
    "gripper_exploration": 0.5,
    "learning_rate": 2e-3,
    "target_rate": 0.05,
    "critic_width": 32,
}
SHAPE = (4, 64)


def with_grippers(count: int) -> ActionLayout:
    hands = [ActionPart(f"{i}/gripper", str(i), "gripper", 1, TOLD) for i in range(count)]
    return ActionLayout((*hands[:1], PUSH, *hands[1:]))


@cache
def _created(layout: ActionLayout, options: tuple[tuple[str, Any], ...]) -> Any:
    example = observations(np.random.default_rng(0))
    return RLPD.create(jax.random.key(0), example, layout, RLPDOptions(**dict(options)))


def create(layout: ActionLayout = GRIPPER_FIRST, **options: Any) -> Any:
    return jax.tree.map(jnp.copy, _created(layout, tuple(sorted(options.items()))))


def without_grippers(tree: Any) -> Any:
    """Return critics or what acts, but for the part that is the grippers'."""
    return {part: value for part, value in tree.items() if part != "grippers"}


def gripped(data: Batch, layout: ActionLayout = GRIPPER_FIRST) -> Batch:
    """Return transitions whose grippers were told anything."""
    rng = np.random.default_rng(8)
    told = rng.choice(TOLD, (*data.rewards.shape, layout.size)).astype(np.float32)
    told[..., 1] = data.actions[..., 0]
    return data._replace(actions=told)


def test_the_rest_learns_as_if_there_were_no_gripper() -> None:
    # the target entropy included; the heads are shared, so what a gripper teaches them must be
    # nothing: where the toggles cost what was earned, all is worth 0, as to untrained critics
    data = gripped(batches(*SHAPE))
    data = data._replace(toggles=np.rint(data.rewards / COST).astype(np.uint8))
    without = data._replace(actions=data.actions[..., 1:])
    plain, hybrid = create(WITHOUT, **LEARNING), create(**LEARNING)
    learnt, _ = plain.update(without)
    beside, told = hybrid.update(data)
    assert told["gripper_loss"] == 0
    for part in ("actor", "log_temperature", "temperature_optimiser"):
        assert_close(getattr(learnt, part), getattr(beside, part))
    for part in ("critic", "target_critic", "average"):
        assert_close(getattr(learnt, part), without_grippers(getattr(beside, part)))


def test_a_human_is_imitated_as_if_there_were_no_gripper() -> None:
    data = gripped(batches(*SHAPE))
    options = RLPDOptions(imitation=0.5)
    plain, hybrid = (
        agent.replace(options=options)
        for agent in (create(WITHOUT, **LEARNING), create(**LEARNING))
    )
    mode = jnp.zeros((*SHAPE, 1))
    loss = plain._imitation_loss(mode, data._replace(actions=data.actions[..., 1:]))
    assert loss > 0
    assert loss == hybrid._imitation_loss(mode, data)


def assert_close(one: Any, other: Any) -> None:
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        if np.issubdtype(a.dtype, np.number):
            np.testing.assert_allclose(a, b, atol=1e-6)


def test_without_a_gripper_there_is_no_critic_of_it() -> None:
    agent = create(WITHOUT, **LEARNING)
    assert agent.grippers is None
    assert set(agent.critic) == {"head", "ensemble"}
    assert set(agent.acting()) == {"head", "actor"}


@given(st.integers(1, 3), st.data())
def test_what_grippers_were_told_is_one_of_their_joint_choices(count: int, data: Any) -> None:
    table = joint_choices(with_grippers(count))
    assert len(table) == len({tuple(row) for row in table}) == 3**count
    told = np.array([data.draw(st.sampled_from(TOLD)) for _ in range(count)], np.float32)
    row = int(np.abs(told - table).sum(axis=-1).argmin())
    assert int(chosen_jointly(jnp.asarray(told), table)) == row
    np.testing.assert_array_equal(table[row], told)


def test_who_knows_nothing_leaves_grippers_alone() -> None:
    agent = create(with_grippers(2))
    seen = observations(np.random.default_rng(1))
    action = np.asarray(agent.act(seen, jax.random.key(0), greedy=False))
    assert action[0] == action[2] == LEAVE
    assert action[1] != 0


def critic_of(count: int) -> GripperCritic:
    return GripperCritic(with_grippers(count), RLPDOptions(gripper_cost=COST, discount=DISCOUNT))


def targets(newest: Any, slow: Any, *, count: int = 1, mask: float = 1.0, toggles: int = 0) -> Any:
    """Return the targets of 16 transitions without reward, all with the same values after them."""
    n = 16
    nothing, told = np.zeros(n, np.float32), np.full(n, toggles, np.uint8)
    masks = np.full(n, mask, np.float32)
    transitions = batches(k=1, n=n)._replace(rewards=nothing, masks=masks, toggles=told)
    shape = (2, n, 3**count)
    values = [jnp.broadcast_to(jnp.asarray(some, jnp.float32), shape) for some in (newest, slow)]
    return np.unique(np.asarray(critic_of(count).target(*values, transitions)))


def test_the_newest_critics_choose_and_the_slow_ones_say_what_that_is_worth() -> None:
    (target,) = targets([0.1, 0.9, 0.2], [0.8, 0.3, 0.7])
    assert target == pytest.approx(DISCOUNT * 0.3)


@pytest.mark.parametrize("toggles", [0, 1, 2])
def test_each_toggle_costs_the_same_and_never_pays(toggles: int) -> None:
    (target,) = targets([0.0] * 9, [0.0] * 9, count=2, mask=0.0, toggles=toggles)
    assert target == pytest.approx(-COST * toggles)


@pytest.mark.parametrize(("believed", "counted"), [(7.0, 1.0), (-0.15, -0.15), (-7.0, -2 * COST)])
def test_values_are_bounded_by_the_reward_and_by_toggles_under_way(
    believed: float, counted: float
) -> None:
    (target,) = targets([believed] * 9, [believed] * 9, count=2)
    assert target == pytest.approx(DISCOUNT * counted)


def toggled(data: Batch, count: int) -> Batch:
    """Return the transitions with so many toggles in each."""
    return data._replace(toggles=np.full(data.rewards.shape, count, np.uint8))


def test_a_toggle_costs_the_gripper_critic_alone() -> None:
    data = gripped(batches(*SHAPE, mask=0.0))
    told = [create(**LEARNING).update(toggled(data, count))[1] for count in (0, 1)]
    assert told[0]["target_q"] == told[1]["target_q"]
    assert told[0]["gripper_loss"] != told[1]["gripper_loss"]


def test_what_acts_elsewhere_tells_grippers_the_same() -> None:
    agent, _ = create(**LEARNING).update(toggled(gripped(batches(*SHAPE)), 1))
    there = create(**LEARNING).with_acting(copied(agent.acting()))
    told = set()
    for seed in range(10):
        seen = observations(np.random.default_rng(seed))
        action = np.asarray(agent.act(seen, jax.random.key(0), greedy=True))
        np.testing.assert_array_equal(there.act(seen, jax.random.key(1), greedy=True), action)
        told.add(float(action[0]))
    assert told <= set(TOLD)


def test_grippers_explore_as_often_as_they_are_told_to_and_never_when_greedy() -> None:
    agent = create(**LEARNING)
    seen = observations(np.random.default_rng(1))
    keys = [jax.random.key(i) for i in range(200)]
    drawn = [float(agent.act(seen, key, greedy=False)[0]) for key in keys]
    greedy = {float(agent.act(seen, key, greedy=True)[0]) for key in keys[:20]}
    assert np.mean([told != LEAVE for told in drawn]) == pytest.approx(1 / 3, abs=0.1)
    assert set(drawn) == set(TOLD)
    assert greedy == {LEAVE}


class Given(GripperCritic):
    """A critic whose parameters are its values."""

    def values(self, params: Any, embedding: jax.Array) -> jax.Array:
        return jnp.asarray(params)


def test_what_humans_chose_is_raised_above_all_else_until_it_is() -> None:
    critic = Given(GRIPPER_FIRST, RLPDOptions())
    closed = np.tile(np.array([CLOSE, 0.3], np.float32), (16, 1))
    data = batches(k=1)._replace(actions=closed, is_demo=np.arange(16) < 8)
    row = int(np.argmin(critic.table[:, 0]))

    @jax.jit
    def gradient(values: jax.Array, imitation: float) -> jax.Array:
        fits = values[0, :, row]  # so that only imitation pulls
        loss = lambda v: critic.loss(v, jnp.zeros(16), data, fits, imitation)[0]  # noqa: E731
        return jax.grad(loss)(values)

    def pull(values: jax.Array, imitation: float) -> np.ndarray:
        return -np.asarray(gradient(values, imitation))

    equal = jnp.zeros((2, 16, 3))
    assert not pull(equal, 0.0).any()
    pulled = pull(equal, 1.0)
    assert (pulled[:, :8, row] > 0).all()
    assert (np.delete(pulled, row, axis=-1)[:, :8] < 0).all()
    assert not pulled[:, 8:].any()  # of nobody
    far = equal.at[..., row].set(0.5)
    assert np.abs(pull(far, 1.0)).max() < 0.01 * np.abs(pulled).max()


def grasping(rng: np.random.Generator, k: int, n: int) -> Batch:
    """Return transitions of a hand over a table, told at random what to do.

    It is somewhere (first number of the state), open or closed (second). Closing over the block is
    the success; closing elsewhere does nothing, and it has to open again.
    """
    there, is_open = rng.random((k, n)) < 0.5, rng.random((k, n)) < 0.5
    told = rng.choice(TOLD, (k, n))
    open_after = np.where(told == LEAVE, is_open, told == OPEN)
    success = there & is_open & (told == CLOSE)
    before, after = observations(rng, k, n), observations(rng, k, n)
    for seen, place, opening in (
        (before, there, is_open),
        (after, rng.random((k, n)) < 0.5, open_after),
    ):
        seen["wrist"][...] = 0
        seen["state"][...] = 0
        seen["state"][..., 0], seen["state"][..., 1] = place, opening
    push = rng.uniform(-1, 1, (k, n))
    return Batch(
        before,
        after,
        np.stack([told, push], axis=-1).astype(np.float32),
        success.astype(np.float32),
        (~success).astype(np.float32),
        np.zeros((k, n), bool),
        np.zeros((k, n), bool),
        toggles=(open_after != is_open).astype(np.uint8),
    )


def test_it_learns_when_to_close_when_to_open_and_when_to_leave_it() -> None:
    rng = np.random.default_rng(0)
    agent = create(**LEARNING)
    for _ in range(120):
        agent, _ = agent.update(grasping(rng, *SHAPE))

    def told(there: bool, is_open: bool) -> float:
        seen = jax.tree.map(np.zeros_like, observations(rng))
        seen["state"][:2] = there, is_open
        return float(agent.act(seen, jax.random.key(0), greedy=True)[0])

    assert told(there=True, is_open=True) == CLOSE
    assert told(there=False, is_open=True) != CLOSE
    assert told(there=True, is_open=False) == OPEN
