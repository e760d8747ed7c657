"""What stages leave beside their results for later stages to check, as small JSON files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from hilctl.task.files import write_json_atomic
from hilctl.task.json_files import read_json


class Manifest(BaseModel):
    """Base of the manifests; fields that only people read may be added freely."""

    model_config = ConfigDict(extra="allow")

    format: int = 1


class ClassifierManifest(Manifest):
    """`classifier/classifier.json`: what the classifier was made from, and how it decides.

    Attributes:
        data_fingerprint: of the task whose labels it has seen; `data_identity` spells it out.
        cameras: whose frames it judges.
        label_episodes: file names of the label episodes it was made from.
        version: counts up with every re-fit of its head.
    """

    data_fingerprint: str
    data_identity: dict[str, Any] = {}
    cameras: list[str]
    label_episodes: list[str] = []
    version: int = 1


class RunManifest(Manifest):
    """`runs/<id>/manifest.json`: one training run.

    Attributes:
        status: "stopped" and "running" are continued, "finished" met its target or its limit.
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


class Evaluation(Manifest):
    """`runs/<id>/eval.json`: how well a checkpoint of that run does, greedy and hands off."""

    episodes: int
    successes: int
    success_rate: float
    checkpoint: str


M = TypeVar("M", bound=Manifest)


def read_manifest(model: type[M], file: Path) -> M | None:
    """Return a manifest, or None when there is none.

    Raises:
        DataError: damaged, or of another layout.
    """
    return read_json(model, file, hint="move it away and run the stage again")


def write_manifest(file: Path, manifest: Manifest) -> None:
    """Write a manifest in one stroke.

    Raises:
        HilctlError: the disk is full or the folder cannot be written.
    """
    write_json_atomic(file, manifest.model_dump(mode="json"))
