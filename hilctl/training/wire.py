"""Messages between acting and learning side as bytes: MessagePack with arrays, never code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from flax import serialization

from hilctl.agents.base import Agent
from hilctl.data.step import EpisodeSummary, Outcome
from hilctl.rewards.model import Heads, SuccessModel
from hilctl.training.link import FinishedEpisode, Health, PolicyUpdate
from hilctl.training.trajectory import Trajectory

Message = Mapping[str, Any]


def pack(kind: str, content: Message) -> bytes:
    """Return a message of plain values, arrays and mappings as bytes."""
    packed: bytes = serialization.msgpack_serialize({"kind": kind, **content})
    return packed


def unpack(data: bytes) -> dict[str, Any]:
    """Return a message; its `kind` says which.

    Raises:
        ValueError: not a message.
    """
    try:
        message = serialization.msgpack_restore(data)
    except (KeyError, TypeError) as error:
        raise ValueError(f"this is not MessagePack: {error}") from error
    if not isinstance(message, dict) or "kind" not in message:
        raise ValueError("this is not a message of hilctl")
    return message


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
    try:
        summary = dict(message["summary"])
        summary["outcome"] = Outcome(summary["outcome"])
        return FinishedEpisode(
            message["number"],
            Trajectory(**message["trajectory"]),
            EpisodeSummary(**summary),
            message["correction"] or None,
            message["trial"],
            message["policy_updates"],
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"this is no episode: {error}") from error


def pack_policy(update: PolicyUpdate) -> bytes:
    """Return what the acting side needs of a newer version, as bytes."""
    reward: dict[str, Any] = {}
    if update.reward is not None:
        model = update.reward
        reward = {
            "heads": model.heads.arrays(),
            "successes": model.successes,
            "reach": float(model.reach),
            "threshold": float(model.threshold),
        }
    acting = serialization.to_state_dict(update.agent.acting())
    return pack(
        "policy", {"updates": update.updates, "acting": plain(acting), "reward": plain(reward)}
    )


def unpack_policy(message: Message, agent: Agent, reward: SuccessModel | None) -> PolicyUpdate:
    """Return a newer version.

    Args:
        message: as packed.
        agent, reward: the present ones, of the same shapes.
    """
    acting = serialization.from_state_dict(agent.acting(), message["acting"])
    changed = message["reward"]
    if reward is None or not changed:
        return PolicyUpdate(message["updates"], agent.with_acting(acting))
    newer = replace(
        reward,
        heads=Heads(**changed["heads"]),
        successes=changed["successes"],
        reach=changed["reach"],
        threshold=changed["threshold"],
    )
    return PolicyUpdate(message["updates"], agent.with_acting(acting), newer)


def pack_health(health: Health) -> bytes:
    """Return the learning side's state as bytes."""
    return pack("health", asdict(health))


def unpack_health(message: Message) -> Health:
    """Return the learning side's state."""
    return Health(**{key: value for key, value in message.items() if key != "kind"})


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
