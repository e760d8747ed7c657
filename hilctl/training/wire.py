"""Messages between acting and learning side as bytes: MessagePack with arrays, never code.

Whatever bytes arrive, reading them gives a message or a ValueError.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Literal

import numpy as np
from flax import serialization
from numpy.typing import NDArray
from pydantic import TypeAdapter

from hilctl.agents.base import Agent
from hilctl.data.step import EpisodeSummary
from hilctl.rewards.base import RewardModel
from hilctl.task.json_files import parse_json
from hilctl.task.layout import ActionLayout, ObservationLayout
from hilctl.training.checkpoints import fill, leaves
from hilctl.training.link import FinishedEpisode, Greeting, Health, PolicyUpdate, RewardUpdate
from hilctl.training.trajectory import Trajectory

Kind = Literal["greeting", "episode", "policy", "reward", "health"]
Message = Mapping[str, Any]

_SUMMARY, _HEALTH = TypeAdapter(EpisodeSummary), TypeAdapter(Health)
_COLUMNS = ("actions", "rewards", "terminated", "intervened", "toggles")


def pack(kind: Kind, content: Message) -> bytes:
    """Return a message of plain values, arrays and mappings as bytes."""
    packed: bytes = serialization.msgpack_serialize({"kind": kind, **content})
    return packed


def unpack(data: bytes) -> dict[str, Any]:
    """Return a message; its `kind` says which.

    Raises:
        ValueError: not a message.
    """
    with _reading("message"):
        message = serialization.msgpack_restore(data)
        if not isinstance(message, dict) or not isinstance(message.get("kind"), str):
            raise ValueError("it has no kind")
        return message


def pack_greeting(greeting: Greeting) -> bytes:
    """Return a greeting as bytes."""
    return pack(
        "greeting",
        {
            "taken": greeting.taken,
            "perception": plain(greeting.perception),
            "actions": json.dumps(greeting.actions.as_json()),
            "observations": json.dumps(greeting.observations.as_json()),
        },
    )


def unpack_greeting(message: Message) -> Greeting:
    """Return the greeting that was packed.

    Raises:
        ValueError: it is something else.
    """
    with _reading("greeting"):
        return Greeting(
            _count(message["taken"]),
            _arrays(message["perception"]),
            ActionLayout.from_json(parse_json(message["actions"])),
            ObservationLayout.from_json(parse_json(message["observations"])),
        )


def pack_episode(episode: FinishedEpisode) -> bytes:
    """Return an episode as bytes."""
    summary = asdict(episode.summary) | {"outcome": episode.summary.outcome.value}
    return pack(
        "episode",
        {
            "number": episode.number,
            "trajectory": plain(vars(episode.trajectory)),
            "summary": summary,
            "correction": plain(episode.correction or {}),
            "trial": episode.trial,
            "policy_updates": episode.policy_updates,
        },
    )


def unpack_episode(message: Message) -> FinishedEpisode:
    """Return the episode that was packed.

    Raises:
        ValueError: it is something else.
    """
    with _reading("episode"):
        return FinishedEpisode(
            _count(message["number"]),
            _trajectory(message["trajectory"]),
            _SUMMARY.validate_python(message["summary"]),
            _arrays(message["correction"]) or None,
            trial=_count(message["trial"]),
            policy_updates=_count(message["policy_updates"]),
        )


def pack_policy(update: PolicyUpdate) -> bytes:
    """Return what the acting side needs of a newer policy, as bytes."""
    acting = leaves(update.agent.acting())
    return pack("policy", {"updates": update.updates, "acting": acting})


def unpack_policy(message: Message, agent: Agent) -> PolicyUpdate:
    """Return a newer policy.

    Args:
        message: as packed.
        agent: the present one, whose arrays have the same shapes.

    Raises:
        ValueError: it is something else, or of other networks.
    """
    with _reading("policy"):
        present, arrays = agent.acting(), _arrays(message["acting"])
        acting = fill(present, _of_equal_types(leaves(present), arrays))
        return PolicyUpdate(_count(message["updates"]), agent.with_acting(acting))


def pack_reward(update: RewardUpdate) -> bytes:
    """Return what the acting side needs of a newer reward, as bytes."""
    return pack("reward", {"version": update.version, "arrays": plain(update.model.arrays())})


def unpack_reward(message: Message, model: RewardModel) -> RewardUpdate:
    """Return a newer reward.

    Args:
        message: as packed.
        model: the present one, whose arrays have the same types and shapes.

    Raises:
        ValueError: it is something else, or of another model.
    """
    with _reading("reward"):
        return RewardUpdate(
            _count(message["version"]), model.with_arrays(_arrays(message["arrays"]))
        )


def pack_health(health: Health) -> bytes:
    """Return the learning side's state as bytes."""
    return pack("health", asdict(health))


def unpack_health(message: Message) -> Health:
    """Return the learning side's state.

    Raises:
        ValueError: it is something else.
    """
    with _reading("health"):
        return _HEALTH.validate_python({k: v for k, v in message.items() if k != "kind"})


def plain(tree: Message) -> dict[str, Any]:
    """Return nested mappings as dicts of NumPy arrays and plain values."""
    return {
        key: plain(value)
        if isinstance(value, Mapping)
        else value
        if isinstance(value, (str, bool, int, float))
        else np.asarray(value)
        for key, value in tree.items()
    }


@contextmanager
def _reading(what: str) -> Iterator[None]:
    """Turn whatever goes wrong in the block into a ValueError that names what was expected.

    Bytes of a stranger reach several libraries here, and each has errors of its own.
    """
    try:
        yield
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(f"this is no {what} of hilctl: {reason}") from error


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value


def _arrays(tree: Any) -> dict[str, NDArray[Any]]:
    if not isinstance(tree, dict):
        raise ValueError(f"{type(tree).__name__} in place of arrays by name")
    for name, value in tree.items():
        if not isinstance(name, str) or not isinstance(value, np.ndarray):
            raise ValueError(f"{name!r} is no array")
    return tree


def _of_equal_types(
    wanted: Mapping[str, NDArray[Any]], arrays: Mapping[str, Any]
) -> dict[str, NDArray[Any]]:
    """Return the arrays that are wanted; another type would be compiled for anew, or not work."""
    for name, array in wanted.items():
        if not isinstance(arrays[name], np.ndarray) or arrays[name].dtype != array.dtype:
            raise ValueError(f"{name} is not of {array.dtype}")
    return {name: arrays[name] for name in wanted}


def _trajectory(tree: Any) -> Trajectory:
    columns = _arrays({name: tree[name] for name in _COLUMNS})
    trajectory = Trajectory(_arrays(tree["observations"]), **columns)
    steps = len(trajectory)
    if steps < 1 or trajectory.actions.ndim != 2:
        raise ValueError("it has no steps")
    if any(columns[name].shape != (steps,) for name in _COLUMNS[1:]):
        raise ValueError(f"its columns are not of {steps} steps")
    if any(array.shape[:1] != (steps + 1,) for array in trajectory.observations.values()):
        raise ValueError(f"its observations are not those of {steps} steps")
    if any(array.dtype.kind not in "biuf" for array in columns.values()):
        raise ValueError("its columns are no numbers")
    return trajectory
