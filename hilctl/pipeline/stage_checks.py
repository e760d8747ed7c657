"""What is on disk of each stage of a task, and whether the next one can build on it."""

from __future__ import annotations

import enum
import shlex
from collections import Counter
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, replace
from os.path import isfile  # of a name that cannot be, too, it says no
from pathlib import Path
from typing import Any, cast

from hilctl.agents.options import AgentOptions
from hilctl.data import layout
from hilctl.data.header import EpisodeHeader, opened
from hilctl.data.index import episode_paths
from hilctl.data.own_numbers import dataset_of
from hilctl.data.step import Outcome
from hilctl.errors import ComputerError, DataError
from hilctl.pipeline.calibrate.crops import hidden_motion
from hilctl.pipeline.calibrate.identity import all_records, from_before
from hilctl.pipeline.label_stages import other_stages
from hilctl.pipeline.record.label_counts import counted
from hilctl.pipeline.run_folder.manifest import (
    ClassifierManifest,
    Evaluation,
    ShownSuccesses,
    changed_settings,
    measured_before,
    read_manifest,
    run_manifest,
    status_now,
)
from hilctl.rewards.classifier import ClassifierOptions
from hilctl.rewards.learnt import classifier_folder, classifiers_of, frames_of_classes
from hilctl.rewards.metrics import MIN_RECALL
from hilctl.task.fingerprint import (
    Identity,
    data_fingerprint,
    data_identity,
    explain_difference,
    policy_fingerprint,
    policy_identity,
)
from hilctl.task.workspace import Workspace


class State(enum.StrEnum):
    """How far a stage is."""

    MISSING = "missing"  # nothing there
    PARTIAL = "partial"  # begun, or unreadable
    READY = "ready"
    STALE = "stale"  # made from data or settings that have changed since


@dataclass(frozen=True)
class StageCheck:
    """What was found of one stage, and shell commands to run before its own verb mends it."""

    state: State
    reason: str
    before: tuple[str, ...] = ()


def check_task(workspace: Workspace) -> StageCheck:
    """Return what the task is, or that its encoder's weights are not where its file has them.

    Nobody wants to learn after an hour of recording that their path has a spelling mistake.
    """
    spec = workspace.spec
    weights = cast(AgentOptions, spec.agent.options).weights
    if weights is not None and not isfile(workspace.root / weights):
        return StageCheck(State.PARTIAL, f"agent.weights names no file: {weights}")
    views = "1 camera" if len(spec.views) == 1 else f"{len(spec.views)} cameras"
    environment = spec.environment
    robots = ", ".join(
        f"{arm.robot.type} robot" + (f" {name}" if name else "")
        for name, arm in spec.each_arm.items()
    )
    where = robots if environment is None else f"{environment.type} environment"
    return StageCheck(State.READY, f"{spec.name}: {where}, {views}, {spec.agent.type}")


def check_cameras(workspace: Workspace) -> StageCheck:
    """Return what is known of the cameras; nothing needs it, so it is always ready."""
    records = all_records(workspace)
    held = sum(record.exposure is not None for record in records.values())
    watched = sum(record.reference is not None for record in records.values())
    cameras = len(workspace.spec.cameras)
    reason = f"{held}/{cameras} with exposure held, {watched}/{cameras} with a reference"
    if min(held, watched) < cameras:
        reason += f" (optional: {workspace.command('calibrate')})"
    return StageCheck(State.READY, reason)


def check_demos(workspace: Workspace) -> StageCheck:
    """Return how many successful demonstrations there are."""
    headers = _headers(workspace, workspace.demos)
    if isinstance(headers, StageCheck):
        reason = "; ".join([headers.reason, *hidden_motion(workspace)])
        return replace(headers, reason=reason)
    wanted = workspace.spec.training.demos
    done = sum(header.outcome is Outcome.SUCCESS for header in headers)
    reason = f"{done}/{wanted} successful demonstrations"
    if unfinished := len(list(workspace.demos.glob("*.partial"))):
        reason += f", {unfinished} unfinished"
    reason += _older(workspace, headers)
    return StageCheck(_progress(headers, enough=done >= wanted), reason)


def check_labels(workspace: Workspace) -> StageCheck:
    """Return how many labelled frames of each kind there are."""
    headers = _headers(workspace, workspace.labels)
    if isinstance(headers, StageCheck):
        return headers
    if why := other_stages(headers, workspace.spec):
        return StageCheck(State.STALE, why, (_away(workspace.labels),))
    wanted = frames_of_classes(workspace.spec)
    found = _count_frames(headers, [*wanted])
    if isinstance(found, StageCheck):
        return found
    counts = ", ".join(f"{found[kind]}/{wanted[kind]} {kind}" for kind in found)
    enough = all(found[kind] >= wanted[kind] for kind in found)
    reason = f"{counts} frames{_older(workspace, headers)}"
    return StageCheck(_progress(headers, enough=enough), reason)


def _older(workspace: Workspace, headers: list[EpisodeHeader]) -> str:
    """Return in words how many episodes are from before a camera got a new reference."""
    counts = from_before(workspace, headers)
    return "".join(f", {n} from before {name}'s present reference" for name, n in counts.items())


def _progress(headers: list[EpisodeHeader], *, enough: bool) -> State:
    if not headers:
        return State.MISSING
    return State.READY if enough else State.PARTIAL


def check_classifier(workspace: Workspace) -> StageCheck:
    """Return whether there is a classifier of the present labels and settings, for each stage."""
    checks = {
        stage: _check_classifier_of(stage, options, workspace)
        for stage, options in classifiers_of(workspace.spec).items()
    }
    lagging = [stage for stage, check in checks.items() if check.state is not State.READY]
    told = lagging[:1] or [*checks]
    reasons = [f"{stage}: {checks[stage].reason}" if stage else checks[""].reason for stage in told]
    return replace(checks[told[0]], reason="; ".join(reasons))


def told_of_poor_classifiers(workspace: Workspace) -> Iterator[str]:
    """Yield in words what a training cannot count on: that successes are seen."""
    for stage in classifiers_of(workspace.spec):
        folder = classifier_folder(workspace.classifier, stage)
        manifest = read_manifest(ClassifierManifest, folder / "classifier.json")
        successes = manifest.metrics.successes if manifest else ShownSuccesses()
        if successes.recognised < MIN_RECALL * successes.shown:
            yield (
                f"the classifier{f' of {stage}' if stage else ''}, as trained, recognised "
                f"{successes.recognised} of {successes.shown} unseen successes: say when it misses "
                f"one, or record more labels: {workspace.command('record-labels')}"
            )


def _check_classifier_of(
    stage: str, wanted_of: ClassifierOptions, workspace: Workspace
) -> StageCheck:
    folder = classifier_folder(workspace.classifier, stage)
    manifest = read_manifest(ClassifierManifest, folder / "classifier.json")
    if manifest is None:
        return StageCheck(State.MISSING, "none yet")
    spec = workspace.spec
    if manifest.data_fingerprint != data_fingerprint(spec):
        return StageCheck(State.STALE, _difference(data_identity(spec), manifest.data_identity))
    options = _sorted_lists(wanted_of.model_dump(mode="json"))
    made_with = _sorted_lists(manifest.model_dump(mode="json"), only=options)
    wanted = _sorted_lists(options, only=made_with)
    if lines := explain_difference({"reward": wanted}, {"reward": made_with}):
        return StageCheck(State.STALE, "; ".join(lines))
    known = set(manifest.label_episodes)
    labels = {path.name for path in episode_paths(workspace.labels)}
    if newer := labels - known:
        reason = f"{len(newer)} of {len(labels)} label episodes are newer than it"
        return StageCheck(State.STALE, reason)
    reason = f"version {manifest.version}, from {len(known)} label episodes"
    if (successes := manifest.metrics.successes).shown:
        reason += f"; recognised {successes.recognised} of {successes.shown} unseen successes"
    return StageCheck(State.READY, reason)


def check_policy(workspace: Workspace) -> StageCheck:
    """Return how far the latest run is, and whether it is of the present settings."""
    run = workspace.latest_run()
    if run is None:
        return StageCheck(State.MISSING, "no training run")
    manifest = run_manifest(run)
    if manifest is None:
        return StageCheck(State.PARTIAL, f"{run.name}: no manifest.json")
    spec = workspace.spec
    if manifest.policy_fingerprint != policy_fingerprint(spec):
        why = _difference(policy_identity(spec), manifest.policy_identity)
        return StageCheck(State.STALE, f"{run.name}: {why}")
    checkpoints = run / "checkpoints"
    if not checkpoints.is_dir() or not any(checkpoints.iterdir()):
        return StageCheck(State.PARTIAL, f"{run.name}: no checkpoint yet")
    if manifest.status == "finished":
        return StageCheck(State.READY, f"{run.name}: training finished")
    how = status_now(manifest, at_work=workspace.owner() is not None)
    how = "was cut off" if how == "interrupted" else how
    changed = "".join(f"; now {words}" for words in changed_settings(manifest, spec))
    return StageCheck(State.PARTIAL, f"{run.name}: training {how}{changed}")


def check_evaluation(workspace: Workspace) -> StageCheck:
    """Return what the latest evaluation measured, and whether of the newest policy."""
    result = latest_evaluation(workspace)
    run = workspace.latest_run()
    if result is None or run is None:
        return StageCheck(State.MISSING, "none yet")
    if older := measured_before(result.checkpoint, run / "checkpoints"):
        return StageCheck(State.STALE, f"measured {older}; now there is a newer policy")
    reason = f"{result.successes}/{result.episodes} successes"
    target = workspace.spec.training.target_success
    if result.success_rate < target:
        reason += f", below the target of {target:.0%}"
    return StageCheck(State.READY, reason)


def latest_evaluation(workspace: Workspace) -> Evaluation | None:
    """Return the result of the latest run, or None when it has not been measured."""
    run = workspace.latest_run()
    return read_manifest(Evaluation, run / "eval.json") if run else None


def _headers(workspace: Workspace, folder: Path) -> list[EpisodeHeader] | StageCheck:
    """Return the episodes of a folder, or why they cannot be used as they are."""
    headers = []
    for path in episode_paths(folder):
        try:
            headers.append(EpisodeHeader.read(path))
        except ComputerError as error:
            return StageCheck(State.PARTIAL, f"{path.name} cannot be read: {error.message}")
        except DataError as error:
            return _unreadable(path, error)
    ours = data_fingerprint(workspace.spec)
    foreign = [header for header in headers if header.task_fingerprint != ours]
    if not foreign:
        return headers
    why = _difference(data_identity(workspace.spec), foreign[0].task_identity)
    reason = f"{len(foreign)} of {len(headers)} episodes: {why}"
    return StageCheck(State.STALE, reason, (_away(folder),))


def _away(folder: Path) -> str:
    return shlex.join(["mv", str(folder), f"{folder}.old"])


def _unreadable(path: Path, error: DataError) -> StageCheck:
    away = shlex.join(["mv", str(path), f"{path}.broken"])
    return StageCheck(State.PARTIAL, f"{path.name}: {error.message}", (away,))


def _count_frames(headers: list[EpisodeHeader], kinds: list[str]) -> dict[str, int] | StageCheck:
    """Return how many frames of each kind count, or which file does not tell."""
    counts = dict.fromkeys(kinds, 0)
    for header in headers:
        try:
            with opened(header.path) as episode:
                labels = dataset_of(episode, layout.LABELS)[:]
        except DataError as error:
            return _unreadable(header.path, error)
        there = counted(Counter(labels.tolist()))
        for label, kind in enumerate([kinds[-1], *kinds[:-1]]):  # that of no stage comes last
            counts[kind] += there.get(label, 0)
    return counts


def _sorted_lists(values: Mapping[str, Any], only: Container[str] | None = None) -> Identity:
    """Return settings in which the order of a list's items no longer matters."""
    return {
        key: sorted(value, key=str) if isinstance(value, list) else value
        for key, value in values.items()
        if only is None or key in only
    }


def _difference(ours: Identity, theirs: Mapping[str, Any]) -> str:
    lines = explain_difference(ours, theirs) if theirs else []
    return "; ".join(lines[:3]) or "made for another task file"
