"""Policies on disk: arrays in an .npz, and beside it a JSON that says what they are.

The arrays' file is named by what it holds, and the JSON, which names it, is written last and in one
stroke. So a cut leaves an older checkpoint, never half of one nor the halves of two.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import jax
import numpy as np
from flax import serialization, traverse_util
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError, field_validator

from hilctl.agents import AGENTS
from hilctl.agents.base import Agent
from hilctl.data.arrays import load_arrays
from hilctl.errors import BROKEN, DamagedDataError, DataError, MissingStageError
from hilctl.networks.perception import Perception
from hilctl.rewards.value_bounds import bounded_agent_options
from hilctl.task.files import (
    explain_os_error,
    is_computers,
    os_errors,
    write_bytes_atomic,
    write_json_atomic,
)
from hilctl.task.fingerprint import explain_difference, fingerprint, policy_identity
from hilctl.task.json_files import first_flaw, parse_json
from hilctl.task.layout import ActionLayout, ObservationLayout
from hilctl.task.names import plain_name
from hilctl.task.regular_files import LARGE_BYTES, read_regular
from hilctl.task.spec import TaskSpec

T = TypeVar("T")

FORMAT = 1
TRAIN_AGAIN = "hilctl train"


Count = Annotated[int, Field(ge=0, le=2**53)]
Side = Annotated[int, Field(ge=1, le=128)]


class _Learner(BaseModel):
    """What `Learner.state` returned."""

    updates: Count
    owed_steps: Annotated[int, Field(ge=0, le=10_000_000)]
    rng: dict[str, Any]

    @field_validator("rng")
    @classmethod
    def _is_a_state(cls, state: dict[str, Any]) -> dict[str, Any]:
        np.random.default_rng().bit_generator.state = state
        return state


class _About(BaseModel):
    """What the JSON beside the weights holds at least."""

    weights: str
    robot_steps: Count
    updates: Count
    encoder_fingerprint: str
    policy_identity: dict[str, Any]
    agent: dict[str, Any]
    feature_grid: tuple[Side, Side]
    action_layout: dict[str, Any] | None = None  # None: written before there was more than one
    observation_layout: dict[str, Any] | None = None
    learner: _Learner | None = None

    @property
    def actions(self) -> ActionLayout:
        """What the numbers of an action are.

        Raises:
            ValueError: nobody can tell.
        """
        if self.action_layout is None:
            return ActionLayout.one_arm()
        return ActionLayout.from_json(self.action_layout)

    @property
    def observations(self) -> ObservationLayout | None:
        """What is seen, or None where only the weights tell.

        Raises:
            ValueError: nobody can tell.
        """
        stored = self.observation_layout
        return None if stored is None else ObservationLayout.from_json(stored)


@dataclass(frozen=True)
class Checkpoint:
    """A trained agent and how it sees the world.

    Attributes:
        agent: networks and optimiser states.
        perception: what its observations are made with.
        about: the JSON beside it: steps, updates, encoder fingerprint, task identity.
        actions: layout of what it does.
        observations: layout of what it is shown; None where that was not stored.
    """

    agent: Agent
    perception: Perception
    about: Mapping[str, Any]
    actions: ActionLayout
    observations: ObservationLayout | None

    def check_environment(self, actions: ActionLayout, observations: ObservationLayout) -> None:
        """Check that the policy fits what it shall act in.

        Raises:
            DataError: it does not; says in what.
        """
        difference = self.actions.difference(actions)
        if difference is None and self.observations is not None:
            difference = self.observations.difference(observations)
        if difference:
            raise DataError(
                f"the policy was trained with {difference}",
                where=str(self.about.get("file", "")),
                hint=TRAIN_AGAIN,
            )


def save_checkpoint(
    folder: Path, agent: Agent, perception: Perception, spec: TaskSpec, about: Mapping[str, Any]
) -> Path:
    """Write a checkpoint named after its robot steps; older ones are removed.

    Args:
        folder: `checkpoints/` of a run.
        agent: what was learnt.
        perception: belongs to it.
        spec: of the task.
        about: must hold robot_steps, updates, encoder_fingerprint, feature_grid, action_layout
            and observation_layout.

    Returns:
        The JSON file.

    Raises:
        HilctlError: the disk is full or the folder cannot be written.
    """
    flat = {f"agent/{k}": v for k, v in leaves(agent).items()}
    flat |= {f"perception/{k}": np.asarray(v) for k, v in perception.arrays().items()}
    buffer = io.BytesIO()
    np.savez(buffer, **flat)  # type: ignore[arg-type]  # numpy's stub takes **kwds as a flag
    description = {
        "format": FORMAT,
        "policy_identity": policy_identity(spec),
        "agent": {"type": spec.agent.type, **spec.agent.options.model_dump(mode="json")},
        **about,
    }
    return write_checkpoint(folder, buffer.getvalue(), description)


def write_checkpoint(
    folder: Path, weights: bytes, about: Mapping[str, Any], *, name: str | None = None
) -> Path:
    """Put a checkpoint in the place of all older ones of a folder and return its JSON file.

    Args:
        folder: of the checkpoints.
        weights: the .npz file.
        about: what it is.
        name: of its JSON file; None = its robot steps.

    Raises:
        HilctlError: the disk is full or the folder cannot be written.
    """
    name = name or f"step_{about['robot_steps']:07d}"
    file = folder / f"{name}.json"
    arrays = folder / f"{name}_{hashlib.sha256(weights).hexdigest()[:12]}.npz"
    with os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    write_bytes_atomic(arrays, weights)
    write_json_atomic(file, {**about, "weights": arrays.name})
    with os_errors(folder):
        for old in folder.glob("step_*"):
            if old not in (file, arrays):
                old.unlink(missing_ok=True)
    return file


def load_checkpoint(folder: Path, spec: TaskSpec, *, encoder_fingerprint: str) -> Checkpoint:
    """Read the newest checkpoint of a run and check that it belongs to the task.

    Raises:
        MissingStageError: nothing has been trained.
        ComputerError: the computer could not read it.
        DamagedDataError: a file is cut off or altered.
        DataError: trained for another task, encoder or agent; names what differs.
    """
    files = sorted(folder.glob("step_*.json"))
    if not files:
        raise MissingStageError("no policy has been trained", where=str(folder), hint=TRAIN_AGAIN)
    try:
        about = parse_json(read_regular(files[-1]))
        known = _About.model_validate(about)
        actions, observations = known.actions, known.observations
        # read first: zipfile takes an error of the disk for damage
        content = read_regular(folder / plain_name(about["weights"]), LARGE_BYTES)
        arrays = load_arrays(io.BytesIO(content))
        _check(about, actions, spec, encoder_fingerprint, files[-1])
        if about["updates"] == 0:
            raise MissingStageError(
                "the policy has learnt nothing yet", where=str(files[-1]), hint=TRAIN_AGAIN
            )
        return _rebuild(spec, arrays, {**about, "file": str(files[-1])}, actions, observations)
    except (*BROKEN, OSError) as error:
        if is_computers(error):
            raise explain_os_error(error, files[-1]) from error
        reason = first_flaw(error) if isinstance(error, ValidationError) else str(error)
        raise DamagedDataError(
            f"the checkpoint is damaged: {reason}", where=str(files[-1]), hint=TRAIN_AGAIN
        ) from error


def put_aside(folder: Path) -> list[str]:
    """Rename the checkpoints of a folder so that nobody takes them for whole; return their names.

    Raises:
        HilctlError: the folder cannot be written.
    """
    moved = []
    for file in sorted(folder.glob("step_*")):
        with os_errors(file):
            file.rename(file.with_name(f"damaged_{file.name}"))
        moved.append(f"damaged_{file.name}")
    return moved


def _check(
    about: Mapping[str, Any], actions: ActionLayout, spec: TaskSpec, encoder: str, file: Path
) -> None:
    ours, theirs = policy_identity(spec), about["policy_identity"]
    differences = []
    wanted = ActionLayout.of(spec)
    if wanted is not None and (difference := actions.difference(wanted)):
        differences.append(f"it has {difference}")
    if fingerprint(ours) != fingerprint(theirs):
        differences += explain_difference(ours, theirs)
    if about["encoder_fingerprint"] != encoder:
        differences.append(f"encoder: {encoder} here, {about['encoder_fingerprint']} there")
    if differences:
        raise DataError(
            "the policy was trained for another set-up: " + "; ".join(differences),
            where=str(file),
            hint=TRAIN_AGAIN,
        )


def _rebuild(
    spec: TaskSpec,
    arrays: Mapping[str, NDArray[Any]],
    about: Mapping[str, Any],
    actions: ActionLayout,
    observations: ObservationLayout | None,
) -> Checkpoint:
    perception = Perception.from_arrays(
        _under("perception/", arrays),
        cameras=spec.observation.images,
        keys=spec.measurements,
        relative=spec.observation.relative,
    )
    example = perception.example(tuple(about["feature_grid"]))
    agent_class = AGENTS.get(spec.agent.type)
    options = bounded_agent_options(spec)
    blank = agent_class.create(jax.random.key(0), example, actions, options)
    try:
        agent = fill(blank, _under("agent/", arrays))
        return Checkpoint(agent, perception, about, actions, observations)
    except ValueError as error:
        ours = {"type": spec.agent.type, **spec.agent.options.model_dump(mode="json")}
        changed = explain_difference({"agent": ours}, {"agent": about["agent"]})
        if not changed:
            raise
        raise DataError(
            f"the policy's networks are of another shape ({error}): " + "; ".join(changed),
            where=about["file"],
            hint="put task.yaml back as it was, or start another run: hilctl train --new",
        ) from error


def leaves(agent: Any) -> dict[str, NDArray[Any]]:
    """Return every array of an agent, or of a part of it, by its path; random keys as raw data."""
    return {path: _raw(leaf) for path, leaf in _flat(agent).items() if not _is_empty(leaf)}


def fill(blank: T, arrays: Mapping[str, NDArray[Any]]) -> T:
    """Return a copy of an agent, or of a part of it, with its arrays replaced.

    Raises:
        ValueError: leaves are missing, or of another shape; names them.
    """
    tree, wanted = _flat(blank), leaves(blank)
    wrong = [
        path
        for path, leaf in wanted.items()
        if path not in arrays or arrays[path].shape != leaf.shape
    ]
    if wrong:
        raise ValueError(f"leaves do not match: {', '.join(wrong[:5])}")
    restored = {
        path: _like(leaf, arrays[path]) if path in wanted else leaf for path, leaf in tree.items()
    }
    state = traverse_util.unflatten_dict(restored, sep="/")
    filled: T = serialization.from_state_dict(blank, state)
    return filled


def _flat(agent: Any) -> dict[str, Any]:
    """Return path → leaf; optimisers also have nodes without arrays, which are kept."""
    tree = serialization.to_state_dict(agent)
    flat: dict[str, Any] = traverse_util.flatten_dict(tree, keep_empty_nodes=True, sep="/")
    return flat


def _is_empty(leaf: Any) -> bool:
    return leaf is traverse_util.empty_node


def _raw(leaf: Any) -> NDArray[Any]:
    if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return np.asarray(jax.random.key_data(leaf))
    return np.asarray(leaf)


def _like(leaf: Any, array: NDArray[Any]) -> Any:
    if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(jax.numpy.asarray(array))
    return jax.numpy.asarray(array)


def _under(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
