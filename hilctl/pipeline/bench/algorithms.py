"""The algorithms that `bench methods` compares: how each changes a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from hilctl.agents import AGENTS
from hilctl.agents.options import AgentOptions, RLPDOptions
from hilctl.errors import UsageError
from hilctl.registry import did_you_mean
from hilctl.task.sections import PluginSpec
from hilctl.task.spec import TaskSpec
from hilctl.teleop.scripted import ScriptedOptions

SIGHT = ("encoder", "weights", "channels", "embedding", "shift_cells")  # the same for all
# ours beside RLPD: baselines are what their authors describe
OURS = ("imitation", "imitation_half_life")


@dataclass(frozen=True)
class Algorithm:
    """One row of the table.

    Attributes:
        about: what it is, for people.
        agent: another agent type; None = the task's own, with its settings.
        options: of that agent, besides what it shares with the task's own.
        training: what differs in the task file's section of that name.
        interventions, verdicts: whether the operator takes over; objects and claims.
        demonstrations: whether the learner gets them.
    """

    about: str
    agent: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    interventions: bool = True
    verdicts: bool = True
    demonstrations: bool = True


ALGORITHMS: Mapping[str, Algorithm] = {
    "full": Algorithm("the task's own agent, with demonstrations, interventions and verdicts"),
    "hil-serl": Algorithm(
        "RLPD in the settings of HIL-SERL's authors, which begins with the robot's first steps",
        agent="rlpd",
        options={"preset": "hil-serl"},
        training={"updates_before": 0},
    ),
    "hg-dagger": Algorithm("HG-DAgger: cloning, interventions included", agent="hg-dagger"),
    "bc": Algorithm("behaviour cloning of the demonstrations", agent="bc"),
    "ibrl": Algorithm("imitation bootstrapped RL", agent="ibrl"),
    "residual": Algorithm("residual RL on a clone", agent="residual"),
    "no-interventions": Algorithm("the task's own, without interventions", interventions=False),
    "no-demonstrations": Algorithm("the task's own, without demonstrations", demonstrations=False),
    "neither": Algorithm(
        "the task's own, without demonstrations and interventions",
        interventions=False,
        demonstrations=False,
    ),
    "no-verdicts": Algorithm("the task's own, without vetoes and claims", verdicts=False),
}


def find_algorithm(name: str) -> Algorithm:
    """Return an algorithm by name.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in ALGORITHMS:
        raise UsageError(f"unknown algorithm {name!r}", hint=did_you_mean(name, [*ALGORITHMS]))
    return ALGORITHMS[name]


def changed(spec: TaskSpec, algorithm: Algorithm) -> TaskSpec:
    """Return the task as an algorithm wants it.

    Raises:
        UsageError: its operator is a person, who cannot be told how much to help.
    """
    spec = _with_operator(spec, algorithm)
    if algorithm.agent is None:
        return spec
    options = _options(cast(AgentOptions, spec.agent.options), algorithm)
    agent = PluginSpec(type=algorithm.agent, options=options)
    training = spec.training.model_copy(update=dict(algorithm.training))
    return spec.model_copy(update={"agent": agent, "training": training})


def _options(ours: AgentOptions, algorithm: Algorithm) -> AgentOptions:
    """Return an agent's options: what networks see, and what else means the same in both."""
    options_type = AGENTS.options_type(str(algorithm.agent))
    names = {*SIGHT}
    if algorithm.options.get("preset"):
        names = {"encoder", "weights", "discount"}
    elif issubclass(options_type, RLPDOptions):
        names = {*type(ours).model_fields} - {*OURS, "preset"}
    shared = names & type(ours).model_fields.keys() & options_type.model_fields.keys()
    kept = {name: getattr(ours, name) for name in shared}
    return cast(AgentOptions, options_type(**kept, **algorithm.options))


def _with_operator(spec: TaskSpec, algorithm: Algorithm) -> TaskSpec:
    wanted = {"interventions": algorithm.interventions, "veto": algorithm.verdicts}

    def told(hand: PluginSpec) -> PluginSpec:
        if not isinstance(hand.options, ScriptedOptions):
            raise UsageError(
                f"{spec.name}: the operator is at the {hand.type}; methods are compared unattended",
                hint="teleop: {type: scripted} in its task.yaml",
            )
        return hand.model_copy(update={"options": hand.options.model_copy(update=wanted)})

    if spec.arms is None:
        return spec.model_copy(update={"teleop": told(spec.teleop)})
    arms = {
        name: arm.model_copy(update={"teleop": told(arm.teleop)}) for name, arm in spec.arms.items()
    }
    return spec.model_copy(update={"arms": arms})
