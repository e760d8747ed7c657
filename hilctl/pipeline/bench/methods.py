"""`hilctl bench methods`: what each part of the method is worth, on the same task and data."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from hilctl.agents import AGENTS
from hilctl.pipeline.classify.train_classifier import train_classifier
from hilctl.pipeline.evaluate.evaluate import evaluate
from hilctl.pipeline.evaluate.statistics import interval_over_seeds
from hilctl.pipeline.events import Event, Report, ShouldStop, never, silent
from hilctl.pipeline.record.demos import record_demos
from hilctl.pipeline.record.labels import record_labels
from hilctl.pipeline.stages import require_classifier
from hilctl.pipeline.train.train import Ablation, train
from hilctl.task import scaffold
from hilctl.task.files import os_errors
from hilctl.task.spec import PluginSpec, TaskSpec
from hilctl.task.workspace import Workspace


@dataclass(frozen=True)
class Method:
    """One row of the table.

    Attributes:
        name: for people.
        operator: options of the operator that differ.
        demonstrations: whether the learner gets them.
        agent: another agent type, with default settings but the same encoder.
    """

    name: str
    operator: Mapping[str, Any]
    demonstrations: bool = True
    agent: str | None = None


METHODS = (
    Method("full method", {}),
    Method("without interventions, with vetoes and claims", {"interventions": False}),
    Method(
        "without demonstrations and interventions, with vetoes and claims",
        {"interventions": False},
        demonstrations=False,
    ),
    Method("behaviour cloning on the demonstrations", {}, agent="bc"),
    Method("without vetoes and claims, with interventions", {"veto": False}),
)


@dataclass(frozen=True)
class MethodResult:
    """What one method did with one seed.

    Attributes:
        robot_steps: of training.
        trial_steps: those of them in which a policy was tested.
        intervention_steps: those with a human in charge.
        reached_target: whether a policy passed its trial.
        episodes, true_successes: of the evaluation.
    """

    method: str
    seed: int
    robot_steps: int
    trial_steps: int
    intervention_steps: int
    reached_target: bool
    episodes: int
    true_successes: int
    median_time_s: float | None


def compare_methods(
    folder: Path,
    *,
    template: str,
    seeds: Sequence[int],
    max_steps: int,
    episodes: int,
    report: Report = silent,
    stop: ShouldStop = never,
) -> list[MethodResult]:
    """Train every method on the same demonstrations, labels and classifier, for each seed.

    Args:
        folder: to work in; must not hold anything yet.
        template: of the simulated task.
        seeds: of everything that is random.
        max_steps: robot steps each method may take; it stops earlier when it meets its target.
        episodes: of each evaluation.
        report: told what is going on.
        stop: asked every step; the outcomes so far are returned.

    Raises:
        UsageError: the folder cannot be made, or the task's reward has no classifier.
        HilctlError: whatever a stage raises.
    """
    scaffold.check_target(folder)
    with os_errors(folder):
        folder.mkdir(exist_ok=True)
    outcomes: list[MethodResult] = []
    for seed in seeds:
        base = _prepare(folder / f"seed_{seed}", template, seed, report, stop)
        for method in METHODS:
            if stop():
                return outcomes
            report(Event("method", f"seed {seed}: {method.name}"))
            outcome = _try(base, method, seed, max_steps, episodes, report, stop)
            if outcome is None:
                return outcomes
            outcomes.append(outcome)
            report(Event("outcome", told(outcomes[-1]), figures=vars(outcomes[-1])))
    return outcomes


def told(outcome: MethodResult) -> str:
    """Return one outcome in words."""
    return (
        f"seed {outcome.seed}, {outcome.method}: {outcome.true_successes}/{outcome.episodes} "
        f"true successes after {outcome.robot_steps} robot steps"
    )


def summarise(outcomes: Sequence[MethodResult]) -> list[dict[str, Any]]:
    """Return one row a method, over its seeds; its interval is of the mean over all seeds."""
    rows = []
    for name in dict.fromkeys(outcome.method for outcome in outcomes):
        own = [outcome for outcome in outcomes if outcome.method == name]
        successes, episodes = (
            sum(outcome.true_successes for outcome in own),
            sum(outcome.episodes for outcome in own),
        )
        times_s = [outcome.median_time_s for outcome in own if outcome.median_time_s is not None]
        rows.append(
            {
                "method": name,
                "seeds": len(own),
                "robot_steps": fmean(outcome.robot_steps for outcome in own),
                "trial_steps": fmean(outcome.trial_steps for outcome in own),
                "intervention_steps": fmean(outcome.intervention_steps for outcome in own),
                "reached_target": sum(outcome.reached_target for outcome in own),
                "true_successes": successes,
                "episodes": episodes,
                "ci95": interval_over_seeds([one.true_successes for one in own], own[0].episodes),
                "median_time_s": fmean(times_s) if times_s else None,
            }
        )
    return rows


def _prepare(folder: Path, template: str, seed: int, report: Report, stop: ShouldStop) -> Workspace:
    chosen = scaffold.find_template(template)
    scaffold.create(chosen, folder, chosen.answers({}))
    workspace = Workspace(folder)
    require_classifier(workspace, "bench methods")
    record_demos(workspace, seed=seed, report=report, stop=stop)
    record_labels(workspace, seed=seed, report=report, stop=stop)
    if not stop():
        train_classifier(workspace, seed=seed, report=report)
    return workspace


def _try(
    base: Workspace,
    method: Method,
    seed: int,
    max_steps: int,
    episodes: int,
    report: Report,
    stop: ShouldStop,
) -> MethodResult | None:
    slug = method.name.replace(",", "").replace(" ", "_")
    root = base.root.with_name(f"{base.root.name}_{slug}")
    shutil.copytree(base.root, root, ignore=shutil.ignore_patterns("runs", ".hilctl*"))
    workspace = Workspace(root, spec=changed(base.spec, method))
    ablation = Ablation(demonstrations=method.demonstrations, max_steps=max_steps)
    result = train(workspace, seed=seed, report=report, stop=stop, ablation=ablation)
    if result is None or stop():
        return None
    figures = evaluate(workspace, episodes=episodes, seed=seed, stop=stop).as_dict()
    if stop():
        return None
    return MethodResult(
        method=method.name,
        seed=seed,
        robot_steps=result.progress.robot_steps,
        trial_steps=result.progress.trial_steps,
        intervention_steps=result.progress.intervention_steps,
        reached_target=result.reached and method.agent is None,
        episodes=figures["episodes"],
        true_successes=figures["true_successes"] or 0,
        median_time_s=figures["median_time_s"],
    )


def changed(spec: TaskSpec, method: Method) -> TaskSpec:
    """Return the task as a method wants it."""
    teleop = spec.teleop.model_copy(
        update={"options": spec.teleop.options.model_copy(update=dict(method.operator))}
    )
    changes: dict[str, Any] = {"teleop": teleop}
    if method.agent is not None:
        options_type = AGENTS.options_type(method.agent)
        shared = options_type.model_fields.keys() & type(spec.agent.options).model_fields
        kept = {
            key: getattr(spec.agent.options, key)
            for key in ("encoder", "weights", "channels", "shift_cells")
        }
        options = options_type(**{k: v for k, v in kept.items() if k in shared})
        changes["agent"] = PluginSpec(type=method.agent, options=options)
    return spec.model_copy(update=changes)
