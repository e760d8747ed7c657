"""The stages of a task, each judged from the files on disk: what is there, and what comes next."""

from __future__ import annotations

import enum
import shlex
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hilctl.data import layout
from hilctl.data.header import EpisodeHeader, opened
from hilctl.data.index import episode_paths
from hilctl.data.own_numbers import dataset_of
from hilctl.data.step import Outcome
from hilctl.errors import ComputerError, DataError, MissingStageError
from hilctl.pipeline.calibrate.crops import hidden_motion
from hilctl.pipeline.calibrate.identity import all_records, from_before
from hilctl.pipeline.run_folder.manifest import (
    ClassifierManifest,
    Evaluation,
    RunManifest,
    kept_policy,
    read_manifest,
)
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
class Stage:
    """One row of `hilctl status`: a stage's state, why, and the command that mends it."""

    name: str
    state: State
    reason: str
    command: str

    @property
    def ready(self) -> bool:
        """Whether the next stage can build on this one."""
        return self.state is State.READY


def survey(workspace: Workspace) -> list[Stage]:
    """Return every stage that the task needs, in the order of the work.

    Raises:
        TaskFileError: the task file is wrong.
    """
    has_classifier = workspace.spec.reward.type == "classifier"
    stages = []
    for name, (judge, verb) in _TABLE.items():
        if name in ("labels", "classifier") and not has_classifier:
            continue
        try:
            found = judge(workspace)
        except DataError as error:
            found = StageCheck(State.PARTIAL, error.message)
        command = " && ".join([*found.before, workspace.command(verb)])
        stages.append(Stage(name, found.state, found.reason, command))
    return stages


def next_command(workspace: Workspace, stages: list[Stage]) -> str:
    """Return the command for the first stage that is not ready, or one that improves the result.

    While another command is at work here, which refuses all of them: one that looks at it.
    """
    if workspace.owner() is not None:
        return _look_at(workspace)
    for stage in stages:
        if not stage.ready:
            return stage.command
    result = _latest_evaluation(workspace)
    if result is None or result.success_rate < workspace.spec.training.target_success:
        run = workspace.latest_run()
        better = run is not None and _has_better_policy(run)
        return workspace.command("train --rollback best" if better else "train --new")
    return workspace.command("eval --episodes 50")


def _look_at(workspace: Workspace) -> str:
    runs = workspace.all_runs()
    has_episodes = runs and (runs[-1] / "metrics.jsonl").exists()
    return workspace.command(f"status {runs[-1].name}" if has_episodes else "status")


def require(workspace: Workspace, *names: str) -> None:
    """Check that earlier stages are ready.

    Raises:
        MissingStageError: one is missing or incomplete; the hint is the command to run.
        DataError: one no longer belongs to the task.
    """
    for stage in survey(workspace):
        if stage.name in names and not stage.ready:
            kind = DataError if stage.state is State.STALE else MissingStageError
            message = f"{stage.name} {stage.state}: {stage.reason}"
            raise kind(message, where=str(workspace.root), hint=stage.command)


@dataclass(frozen=True)
class StageCheck:
    """What was found of one stage, and shell commands to run before its own verb mends it."""

    state: State
    reason: str
    before: tuple[str, ...] = ()


def _task(workspace: Workspace) -> StageCheck:
    spec = workspace.spec
    cameras = "1 camera" if len(spec.cameras) == 1 else f"{len(spec.cameras)} cameras"
    return StageCheck(
        State.READY, f"{spec.name}: {spec.robot.type} robot, {cameras}, {spec.agent.type}"
    )


def _cameras(workspace: Workspace) -> StageCheck:
    """Return what is known of the cameras; nothing needs it, so it is always ready."""
    records = all_records(workspace)
    held = sum(record.exposure is not None for record in records.values())
    watched = sum(record.reference is not None for record in records.values())
    cameras = len(workspace.spec.cameras)
    reason = f"{held}/{cameras} with exposure held, {watched}/{cameras} with a reference"
    if min(held, watched) < cameras:
        reason += f" (optional: {workspace.command('calibrate')})"
    return StageCheck(State.READY, reason)


def _demos(workspace: Workspace) -> StageCheck:
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


def _labels(workspace: Workspace) -> StageCheck:
    headers = _headers(workspace, workspace.labels)
    if isinstance(headers, StageCheck):
        return headers
    found = _count_frames(headers)
    if isinstance(found, StageCheck):
        return found
    options = workspace.spec.reward.options.model_dump()
    wanted = {kind: int(options.get(f"{kind}_frames", 0)) for kind in found}
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


def _classifier(workspace: Workspace) -> StageCheck:
    manifest = read_manifest(ClassifierManifest, workspace.classifier / "classifier.json")
    if manifest is None:
        return StageCheck(State.MISSING, "none yet")
    spec = workspace.spec
    if manifest.data_fingerprint != data_fingerprint(spec):
        return StageCheck(State.STALE, _difference(data_identity(spec), manifest.data_identity))
    options = _sorted_lists(spec.reward.options.model_dump(mode="json"))
    made_with = _sorted_lists(manifest.model_dump(mode="json"), only=options)
    wanted = _sorted_lists(options, only=made_with)
    if lines := explain_difference({"reward": wanted}, {"reward": made_with}):
        return StageCheck(State.STALE, "; ".join(lines))
    known = set(manifest.label_episodes)
    labels = {path.name for path in episode_paths(workspace.labels)}
    if newer := labels - known:
        reason = f"{len(newer)} of {len(labels)} label episodes are newer than it"
        return StageCheck(State.STALE, reason)
    return StageCheck(State.READY, f"version {manifest.version}, from {len(known)} label episodes")


def _policy(workspace: Workspace) -> StageCheck:
    run = workspace.latest_run()
    if run is None:
        return StageCheck(State.MISSING, "no training run")
    manifest = read_manifest(RunManifest, run / "manifest.json")
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
    cut_off = manifest.status == "running" and workspace.owner() is None
    return StageCheck(
        State.PARTIAL, f"{run.name}: training {'was cut off' if cut_off else manifest.status}"
    )


def _evaluation(workspace: Workspace) -> StageCheck:
    result = _latest_evaluation(workspace)
    run = workspace.latest_run()
    if result is None or run is None:
        return StageCheck(State.MISSING, "none yet")
    manifest = read_manifest(RunManifest, run / "manifest.json")
    newest = Path(manifest.checkpoint).name if manifest and manifest.checkpoint else None
    measured = Path(result.checkpoint).name
    if newest and measured != newest:
        return StageCheck(State.STALE, f"measured {measured}; now there is {newest}")
    reason = f"{result.successes}/{result.episodes} successes"
    target = workspace.spec.training.target_success
    if result.success_rate < target:
        reason += f", below the target of {target:.0%}"
    return StageCheck(State.READY, reason)


def _has_better_policy(run: Path) -> bool:
    """Return whether the best policy of a run is another than its last."""
    try:
        best, last = kept_policy(run / "checkpoints" / "best"), kept_policy(run / "checkpoints")
    except DataError:
        return False
    return best is not None and (last is None or best.updates != last.updates)


def _latest_evaluation(workspace: Workspace) -> Evaluation | None:
    run = workspace.latest_run()
    return read_manifest(Evaluation, run / "eval.json") if run else None


_TABLE: dict[str, tuple[Callable[[Workspace], StageCheck], str]] = {
    "task": (_task, "status"),
    "cameras": (_cameras, "calibrate"),
    "demos": (_demos, "record-demos"),
    "labels": (_labels, "record-labels"),
    "classifier": (_classifier, "train-classifier"),
    "policy": (_policy, "train"),
    "evaluation": (_evaluation, "eval"),
}


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
    away = shlex.join(["mv", str(folder), f"{folder}.old"])
    return StageCheck(State.STALE, f"{len(foreign)} of {len(headers)} episodes: {why}", (away,))


def _unreadable(path: Path, error: DataError) -> StageCheck:
    away = shlex.join(["mv", str(path), f"{path}.broken"])
    return StageCheck(State.PARTIAL, f"{path.name}: {error.message}", (away,))


def _count_frames(headers: list[EpisodeHeader]) -> dict[str, int] | StageCheck:
    """Return how many frames of each kind there are, or which file does not tell."""
    counts = {"success": 0, "failure": 0}
    for header in headers:
        try:
            with opened(header.path) as episode:
                labels = dataset_of(episode, layout.LABELS)[:]
        except DataError as error:
            return _unreadable(header.path, error)
        counts["success"] += int((labels == 1).sum())
        counts["failure"] += int((labels == 0).sum())
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
