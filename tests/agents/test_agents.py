"""What every agent promises, and the arithmetic of soft actor-critic."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from made_up_data import ACTIONS, WHOLE_REACH, batches, copied, create, observations, same

from hilctl.agents import AGENTS
from hilctl.agents.rlpd import RLPD
from hilctl.data.batch import Batch
from hilctl.testing.agents import TRANSITIONS

ONE = observations(np.random.default_rng(5))
# what several tests begin with: for every set of options, and for every shape, all is compiled anew
GRADUAL = {
    "imitation": 0.8,
    "imitation_half_life": 4,
    "target_rate": 0.3,
    "average_rate": 0.25,
    "critic_updates_per_actor": 1,
}
every_agent = pytest.mark.parametrize("kind", AGENTS.names())
# to critics that know nothing both proposals of IBRL are worth the same: it does as its clone
sampling_agent = pytest.mark.parametrize("kind", sorted({*AGENTS.names()} - {"ibrl"}))


def whole(kind: str, **options: Any) -> Any:
    """Return an agent that can do anything."""
    return create(kind, **options, **WHOLE_REACH.get(kind, {}))


@cache
def updated(**changes: Any) -> tuple[Any, Any, dict[str, float]]:
    """Return an RLPD agent before and after one call of `update`, and its metrics."""
    data = batches(**{name: changes.pop(name) for name in ("next_seed", "mask") if name in changes})
    agent: Any = create("rlpd", **changes)
    before = copied({name: getattr(agent, name) for name in ("critic", "target_critic", "actor")})
    after, metrics = agent.update(data)
    return before, after, {name: float(value) for name, value in metrics.items()}


@sampling_agent
def test_actions_are_within_their_range(kind: str) -> None:
    agent = whole(kind, log_std=1.0)  # wild
    drawn = np.array([agent.act(ONE, jax.random.key(i), greedy=False) for i in range(50)])
    assert drawn.shape == (50, ACTIONS)
    assert np.abs(drawn).max() <= 1
    assert drawn.std(axis=0).min() > 0.3


@every_agent
def test_greedy_actions_depend_on_what_is_seen_alone(kind: str) -> None:
    agent = whole(kind)
    greedy = agent.act(ONE, jax.random.key(0), greedy=True)
    np.testing.assert_array_equal(greedy, agent.act(ONE, jax.random.key(1), greedy=True))
    other = observations(np.random.default_rng(6))
    assert not np.allclose(greedy, agent.act(other, jax.random.key(0), greedy=True), atol=1e-4)


@sampling_agent
def test_sampled_actions_are_decided_by_the_key_and_centred_on_the_greedy_one(kind: str) -> None:
    agent = whole(kind, log_std=-4.0)
    one = agent.act(ONE, jax.random.key(3), greedy=False)
    np.testing.assert_array_equal(one, agent.act(ONE, jax.random.key(3), greedy=False))
    assert (one != agent.act(ONE, jax.random.key(4), greedy=False)).any()
    drawn = [agent.act(ONE, jax.random.key(i), greedy=False) for i in range(60)]
    greedy = agent.act(ONE, jax.random.key(0), greedy=True)
    np.testing.assert_allclose(np.mean(drawn, axis=0), greedy, atol=0.01)


@pytest.mark.parametrize("kind", ["rlpd", pytest.param("residual", marks=pytest.mark.slow)])
def test_a_spread_keeps_below_its_limit_wherever_the_actor_would_have_it_wider(kind: str) -> None:
    agent = whole(kind, log_std=1.0, max_log_std=-4.0, initial_log_std=-5.0)
    drawn = np.array([agent.act(ONE, jax.random.key(i), greedy=False) for i in range(60)])
    assert 0 < drawn.std(axis=0).max() < 1.5 * np.exp(-4.0)


@every_agent
def test_losses_are_finite_numbers(kind: str) -> None:
    _, metrics = whole(kind).update(batches())
    assert metrics
    assert all(np.isfinite(value) and np.ndim(value) == 0 for value in metrics.values())


def born_first(k: int) -> Batch:
    """Return transitions that are as old as the agent, and say so."""
    data = batches(k)
    return data._replace(born=np.zeros(data.rewards.shape, np.int32))


@pytest.mark.parametrize(
    ("options", "data", "rate"),
    [({}, batches(), 1.0), (GRADUAL, born_first(1), 0.25)],
    ids=["at once", "slowly"],
)
def test_what_acts_follows_the_actor_at_the_given_rate(
    options: dict[str, Any], data: Batch, rate: float
) -> None:
    agent: Any = create("rlpd", **options)
    before = copied(agent.average)
    after, _ = agent.update(data)
    newest = {"actor": after.actor, "head": after.critic["head"]}
    expected = jax.tree.map(lambda old, new: old + rate * (new - old), before, newest)
    for got, wanted in zip(*map(jax.tree.leaves, (after.acting(), expected)), strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-6)


def test_cloning_learns_a_simple_rule() -> None:
    agent, losses = create("bc", learning_rate=3e-3), []
    for seed in range(12):
        data = batches(k=20, n=32, seed=seed)
        actions = 0.8 * np.tanh(data.observations["state"][..., :ACTIONS])
        agent, metrics = agent.update(data._replace(actions=actions.astype(np.float32)))
        losses.append(float(metrics["bc_loss"]))
    assert losses[:4] == sorted(losses[:4], reverse=True)
    assert losses[-1] < losses[0] - 1
    rng = np.random.default_rng(7)
    errors = []
    for _ in range(20):
        seen = observations(rng)
        wanted = 0.8 * np.tanh(seen["state"][:ACTIONS])
        errors.append(np.abs(agent.act(seen, jax.random.key(0), greedy=True) - wanted))
    assert np.mean(errors) < 0.2  # a guess is off by 0.45


def test_an_update_changes_critic_and_actor() -> None:
    before, after, _ = updated()
    assert not same(before["critic"], after.critic)
    assert not same(before["actor"], after.actor)


def test_the_heads_learn_from_the_critic_alone() -> None:
    # without critic updates' gradients the embedding would stay; actor leaves hold no head
    before, after, _ = updated()
    assert not same(before["critic"]["head"], after.critic["head"])
    assert "head" not in after.actor


def test_imitation_fades_by_halves() -> None:
    agent: Any = create("rlpd", **GRADUAL)
    weights = [float(agent._imitation_weight())]
    for _ in range(8):
        agent, _ = agent.update(born_first(1))
        weights.append(float(agent._imitation_weight()))
    assert weights[::4] == pytest.approx([0.8, 0.4, 0.2])
    assert weights == sorted(weights, reverse=True)
    never = agent.options.model_copy(update={"imitation_half_life": None})
    assert agent.replace(options=never)._imitation_weight() == 0.8


def test_a_correction_is_imitated_by_its_own_age() -> None:
    agent: Any = create("rlpd", **GRADUAL)
    for _ in range(8):
        agent, _ = agent.update(born_first(1))
    # as if the critics had had 16 updates
    agent = agent.replace(options=agent.options.model_copy(update={"critic_updates_per_actor": 2}))
    born = np.array([0, 8, 16, 99], np.int32)
    np.testing.assert_allclose(agent._imitation_weight(born), [0.2, 0.4, 0.8, 0.8], rtol=1e-6)


def test_the_latest_correction_pulls_the_policy_most() -> None:
    def pulled(born: int) -> float:
        agent: Any = create("rlpd", **GRADUAL, log_std=-6.0)
        data = batches(1)
        shown = np.full_like(data.actions, 0.7)
        data = data._replace(actions=shown, born=np.full(shown.shape[:2], born, np.int32))
        for _ in range(40):
            agent, _ = agent.update(data)
        seen = observations(np.random.default_rng(5))
        return float(np.abs(agent.act(seen, jax.random.key(0), greedy=True) - 0.7).mean())

    old, new = pulled(born=0), pulled(born=40)
    assert new < old - 0.01


def test_without_births_all_are_as_old_as_the_agent() -> None:
    agent: Any = create("rlpd", **GRADUAL)
    agent, _ = agent.update(born_first(1))
    data, mode = batches(1), np.zeros((1, TRANSITIONS, ACTIONS), np.float32)
    loss = agent._imitation_loss(mode, data)
    assert loss == agent._imitation_loss(mode, born_first(1))
    much_later = data._replace(born=np.full(data.rewards.shape, 99, np.int32))
    assert loss < agent._imitation_loss(mode, much_later)


def test_what_follows_a_terminal_transition_does_not_matter() -> None:
    _, one, told = updated(next_seed=1, mask=0.0)
    _, other, told_other = updated(next_seed=2, mask=0.0)
    assert same(one.critic, other.critic)
    assert told["target_q"] == told_other["target_q"]


def test_what_follows_any_other_transition_does_matter() -> None:
    # truncated ones included: their mask is 1
    trained = []
    for next_seed in (1, 2):
        agent: Any = create("rlpd")
        for _ in range(3):  # an untrained critic is 0 everywhere
            agent, _ = agent.update(batches(next_seed=next_seed))
        trained.append(agent.critic)
    assert not same(*trained)


def test_terminal_targets_are_the_rewards() -> None:
    _, _, metrics = updated(next_seed=1, mask=0.0)
    assert metrics["target_q"] == pytest.approx(float(batches().rewards.mean()), abs=1e-6)


@pytest.mark.parametrize(("believed", "counted"), [(10.0, 1.0), (0.5, 0.5), (-10.0, 0.0)])
def test_targets_are_discounted_and_nothing_is_worth_more_than_the_one_reward(
    believed: float, counted: float
) -> None:
    agent: Any = create("rlpd")
    # the last layer starts with zero weights: its bias is the value
    agent = agent.replace(target_critic=with_last_bias(agent.target_critic, believed))
    data = batches()
    _, metrics = agent.update(data)
    expected = float(data.rewards.mean()) + agent.options.discount * counted
    assert float(metrics["target_q"]) == pytest.approx(expected, abs=0.01)


def with_last_bias(params: Any, value: float) -> Any:
    """Return the critics with the bias of their only one-number layer set."""
    return jax.tree.map(
        lambda leaf: jnp.full_like(leaf, value) if leaf.shape == (2, 1) else leaf, params
    )


def test_the_target_network_moves_by_its_rate() -> None:
    agent: Any = create("rlpd", **GRADUAL)
    rate, before = agent.options.target_rate, copied(agent.target_critic)
    after, _ = agent.update(born_first(1))
    expected = jax.tree.map(lambda t, c: (1 - rate) * t + rate * c, before, copied(after.critic))
    assert not same(before, after.target_critic)
    for one, other in zip(
        jax.tree.leaves(expected), jax.tree.leaves(after.target_critic), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_several_critic_updates_are_made_for_each_one_of_the_actor() -> None:
    _, after, _ = updated()
    assert int(after.critic_optimiser[0].count) == 4
    assert int(after.actor_optimiser[0].count) == 2
    assert int(after.temperature_optimiser[0].count) == 2


@pytest.mark.parametrize(("log_std", "rises"), [(0.0, False), (-6.0, True)])
def test_too_much_entropy_lowers_the_temperature_too_little_raises_it(
    log_std: float, rises: bool
) -> None:
    agent: Any = create("rlpd", log_std=log_std)
    before = float(agent.log_temperature)
    after, _ = agent.update(batches())
    assert (float(after.log_temperature) > before) is rises


def test_the_ensembles_members_differ() -> None:
    agent = create("rlpd")
    assert isinstance(agent, RLPD)
    first_layers = [leaf for leaf in jax.tree.leaves(agent.critic["ensemble"]) if leaf.ndim == 3]
    assert first_layers
    assert any(not np.allclose(leaf[0], leaf[1]) for leaf in first_layers)
