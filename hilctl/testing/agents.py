"""What every agent promises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import numpy as np
import pytest
from numpy.typing import NDArray

from hilctl.agents import AGENTS
from hilctl.agents.base import Agent
from hilctl.agents.options import OfflineOptions
from hilctl.data.batch import Batch
from hilctl.task.layout import ActionLayout, ActionPart

ACTIONS = ActionLayout((ActionPart("push", "", "generic", 2),))
UPDATES, TRANSITIONS = 4, 16


def observations(rng: np.random.Generator, *lead: int) -> dict[str, NDArray[Any]]:
    """Return what `Perception` makes of noise: feature maps of a camera, and the state."""
    return {
        "wrist": rng.normal(size=(*lead, 2, 2, 3)).astype(np.float16),
        "state": rng.normal(size=(*lead, 4)).astype(np.float32),
    }


def transitions(seed: int = 0) -> Batch:
    """Return (`UPDATES`, `TRANSITIONS`) of noise, half of them demonstrated."""
    rng = np.random.default_rng(seed)
    shape = (UPDATES, TRANSITIONS)
    return Batch(
        observations(rng, *shape),
        observations(rng, *shape),
        rng.uniform(-1, 1, (*shape, ACTIONS.size)).astype(np.float32),
        rng.integers(0, 2, shape).astype(np.float32),
        np.ones(shape, np.float32),
        np.zeros(shape, bool),
        np.broadcast_to(np.arange(TRANSITIONS) % 2 == 0, shape),
    )


class AgentContract:
    """Tests of an agent.

    Attributes:
        type: as a task file names it.
        options: that it is tested with.
    """

    type: ClassVar[str]
    options: ClassVar[Mapping[str, Any]] = {}

    def create(self, seed: int = 0) -> Agent:
        """Return a new agent."""
        cls = AGENTS.get(self.type)
        example = observations(np.random.default_rng(0))
        options = cls.OptionsType(**self.options)
        return cls.create(jax.random.key(seed), example, ACTIONS, options)

    def act(self, agent: Agent, key: int = 0, *, greedy: bool = True) -> NDArray[Any]:
        """Return what it does, always in the same place."""
        seen = observations(np.random.default_rng(5))
        return np.asarray(agent.act(seen, jax.random.key(key), greedy=greedy))

    @pytest.fixture
    def agent(self) -> Agent:
        """A new agent."""
        return self.create()

    def test_actions_are_within_their_range(self, agent: Agent) -> None:
        for key in range(5):
            action = self.act(agent, key, greedy=False)
            assert action.shape == (ACTIONS.size,)
            assert np.abs(action).max() <= 1

    def test_greedy_actions_depend_on_what_is_seen_alone(self, agent: Agent) -> None:
        np.testing.assert_array_equal(self.act(agent, 0), self.act(agent, 1))

    def test_the_same_seed_and_data_make_the_same_agent(self) -> None:
        one, other, different = (self.create(s).update(transitions())[0] for s in (1, 1, 2))
        np.testing.assert_array_equal(self.act(one), self.act(other))
        assert (self.act(one) != self.act(different)).any()

    def test_learning_changes_what_it_does_and_tells_finite_numbers(self, agent: Agent) -> None:
        before = self.act(agent)
        newer, metrics = agent.update(transitions())
        assert (self.act(newer) != before).any()
        assert metrics
        assert all(np.ndim(value) == 0 and np.isfinite(value) for value in metrics.values())
        options = AGENTS.options_type(self.type)
        if not options.needs_robot:
            assert issubclass(options, OfflineOptions)
            assert any(name.endswith("loss") for name in metrics)

    def test_what_acts_elsewhere_acts_the_same(self, agent: Agent) -> None:
        newer, _ = agent.update(transitions())
        sent = jax.tree.map(np.asarray, newer.acting())
        there = self.create(seed=3).with_acting(sent)
        np.testing.assert_array_equal(self.act(there), self.act(newer))

    def test_it_can_be_stored_as_arrays(self, agent: Agent) -> None:
        leaves, structure = jax.tree.flatten(agent)
        assert leaves
        again: Agent = jax.tree.unflatten(structure, leaves)
        np.testing.assert_array_equal(self.act(again), self.act(agent))
