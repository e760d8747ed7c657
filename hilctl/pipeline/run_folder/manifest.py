"""What stages leave beside their results for later stages to check, as small JSON files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    NonNegativeInt,
    TypeAdapter,
    field_validator,
)

from hilctl.task.files import write_json_atomic
from hilctl.task.fingerprint import differences, shown
from hilctl.task.json_files import read_json
from hilctl.task.load import as_written
from hilctl.task.spec import TaskSpec

MANIFEST = "manifest.json"  # of a run
_SECONDS = TypeAdapter(FiniteFloat)
_COUNT = TypeAdapter(NonNegativeInt)
DEATHS = ("actor_deaths", "learner_deaths")  # known to who watches the processes: not in the log


class Manifest(BaseModel):
    """Base of the manifests; fields that only people read may be added freely."""

    model_config = ConfigDict(extra="allow")

    format: int = 1


class ShownSuccesses(BaseModel):
    """How many successes a classifier was shown that it had not learnt from, and recognised."""

    shown: NonNegativeInt = 0
    recognised: NonNegativeInt = 0


class ClassifierMetrics(BaseModel):
    """What was measured of a classifier, as far as other stages tell of it."""

    model_config = ConfigDict(extra="allow")

    successes: ShownSuccesses = ShownSuccesses()


class ClassifierManifest(Manifest):
    """`classifier/classifier.json`: what the classifier was made from, and how it decides.

    Attributes:
        data_fingerprint: of the task whose labels it has seen; `data_identity` spells it out.
        cameras: whose frames it judges.
        label_episodes: file names of the label episodes it was made from.
        version: counts up with every re-fit of its head.
        metrics: of its first version.
    """

    data_fingerprint: str
    data_identity: dict[str, Any] = {}
    cameras: list[str]
    label_episodes: list[str] = []
    version: int = 1
    metrics: ClassifierMetrics = ClassifierMetrics()


class RunManifest(Manifest):
    """`runs/<id>/manifest.json`: one training run.

    Attributes:
        status: "stopped" and "running" are continued, "finished" met its target or its limit.
        reached_target: whether a policy passed its trial.
        progress: its counts.
        seed: of everything that is random in it.
        parts: where it comes from, see `provenance`; one entry for every time it was started.
        policy_fingerprint: of the task it learns; `policy_identity` spells it out.
        checkpoint: the one to evaluate, relative to the run.
    """

    status: Literal["running", "stopped", "finished"]
    policy_fingerprint: str
    policy_identity: dict[str, Any] = {}
    seed: int = Field(default=0, ge=0, le=2**62)
    parts: list[dict[str, Any]] = []
    checkpoint: str | None = None
    reached_target: bool | None = None
    progress: dict[str, Any] = {}

    @field_validator("progress")
    @classmethod
    def _time_is_a_number(cls, progress: dict[str, Any]) -> dict[str, Any]:
        """Check those of its counts that a run goes on from."""
        robot_s = _SECONDS.validate_python(progress.get("robot_s", 0.0))
        deaths = {name: _COUNT.validate_python(progress.get(name, 0)) for name in DEATHS}
        return progress | deaths | {"robot_s": robot_s}


class KeptPolicy(Manifest):
    """`step_*.json` in `runs/<id>/checkpoints` and its `best/`: a policy that was kept.

    Attributes:
        updates: critic updates behind it.
        robot_steps: of the run when it was written.
        trial_successes, trial_failures: of its own episodes, on trial; of the best one only.
        trial_evidence: the most that spoke for it at any time of its trial.
    """

    updates: int
    robot_steps: int
    trial_successes: int = 0
    trial_failures: int = 0
    trial_evidence: float = 1.0

    @property
    def record(self) -> str:
        """How it did on trial, in words."""
        tried = self.trial_successes + self.trial_failures
        return f"{self.trial_successes} of {tried} successes on trial" if tried else "no trial"


class Evaluation(Manifest):
    """`runs/<id>/eval.json`: how well a checkpoint of that run does, greedy and hands off."""

    episodes: int
    successes: int
    success_rate: float
    checkpoint: str


def kept_policy(folder: Path) -> KeptPolicy | None:
    """Return what is known of the policy that is kept in a folder of checkpoints, if one is.

    Raises:
        DataError: damaged.
    """
    file = kept_file(folder)
    return read_manifest(KeptPolicy, file) if file else None


def kept_file(folder: Path) -> Path | None:
    """Return the file that tells of it; more than one is there only after a cut."""
    return max(folder.glob("step_*.json"), default=None)


def measured_before(checkpoint: str, folder: Path) -> str:
    """Return which policy was measured, if a newer one is kept in its place; else "".

    The files tell: a manifest that a kill left behind names the policy of an earlier stop.

    Args:
        checkpoint: of an evaluation.
        folder: of the run's checkpoints.
    """
    measured, newest = Path(checkpoint), kept_file(folder)
    return measured.stem if newest and measured.name != newest.name else ""


def status_now(manifest: RunManifest, *, at_work: bool) -> str:
    """Return the status of a run: "interrupted" of one that a kill left "running".

    Args:
        manifest: of the run.
        at_work: whether a command is at work in its task folder.
    """
    return "interrupted" if manifest.status == "running" and not at_work else manifest.status


M = TypeVar("M", bound=Manifest)


def read_manifest(model: type[M], file: Path) -> M | None:
    """Return a manifest, or None when there is none.

    Raises:
        DataError: damaged, or of another layout.
    """
    return read_json(model, file, hint="move it away and run the stage again")


def run_manifest(folder: Path) -> RunManifest | None:
    """Return the manifest of a run, or None when there is none.

    Raises:
        DataError: damaged, or of another layout.
    """
    return read_manifest(RunManifest, folder / MANIFEST)


def changed_settings(manifest: RunManifest, spec: TaskSpec) -> list[str]:
    """Return in words what a task file says now and did not when a run was last begun."""
    then = manifest.model_dump().get("spec")
    if not isinstance(then, dict):
        return []
    found = differences(as_written(spec.model_dump(mode="json")), as_written(then))
    return [f"{key} {shown(key, now)} ({shown(key, before)} before)" for key, now, before in found]


def write_manifest(file: Path, manifest: Manifest) -> None:
    """Write a manifest in one stroke.

    Raises:
        HilctlError: the disk is full or the folder cannot be written.
    """
    write_json_atomic(file, manifest.model_dump(mode="json"))
