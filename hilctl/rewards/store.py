"""The classifier's folder: `classifier.json` says what it is, `weights-<version>.npz` holds arrays.

The weights are written first and the JSON last, each in one stroke, so that a cut leaves the old
classifier or the new one.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, FiniteFloat, ValidationError

from hilctl.data.arrays import load_arrays
from hilctl.errors import BROKEN, DataError, MissingStageError
from hilctl.networks.projection import Projection
from hilctl.rewards.fit import ClassifierSource, FittedClassifier
from hilctl.rewards.frames import Memory
from hilctl.rewards.metrics import Metrics
from hilctl.rewards.model import Heads, SuccessModel
from hilctl.task.files import explain_os_error, os_errors, write_bytes_atomic, write_json_atomic
from hilctl.task.fingerprint import explain_difference, fingerprint
from hilctl.task.json_files import first_flaw, parse_json
from hilctl.task.names import plain_name
from hilctl.task.regular_files import LARGE_BYTES, SMALL_BYTES, read_regular

FORMAT = 2
FILE = "classifier.json"
UNTRAINED = "no classifier has been trained"
TRAIN_AGAIN = "hilctl train-classifier"


class _About(BaseModel):
    """What `classifier.json` holds at least."""

    version: Annotated[int, Field(ge=0, le=2**53)]
    data_identity: dict[str, Any]
    encoder: str
    encoder_fingerprint: str
    cameras: Annotated[list[str], Field(min_length=1)]
    threshold: FiniteFloat
    reach: FiniteFloat
    consecutive: Annotated[int, Field(ge=1, le=1000)]
    max_false_positive_rate: FiniteFloat
    label_episodes: list[str]
    weights_file: str
    weights_sha256: str
    metrics: Metrics
    history: list[Any]


def save_classifier(folder: Path, fitted: FittedClassifier) -> None:
    """Write a classifier; older weights go once the new ones are in place.

    Raises:
        HilctlError: the disk is full or the folder cannot be written.
    """
    name = f"weights-{fitted.version}.npz"
    content = _packed(fitted)
    with os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    write_bytes_atomic(folder / name, content)
    write_json_atomic(folder / FILE, _description(fitted, name, content))
    for old in folder.glob("weights-*.npz"):
        if old.name != name:
            old.unlink(missing_ok=True)


def load_classifier(
    folder: Path,
    *,
    data_identity: Mapping[str, Any],
    cameras: Sequence[str],
    encoder: str,
    encoder_fingerprint: str,
) -> FittedClassifier:
    """Read a classifier and check that it belongs to the task.

    Args:
        folder: as written by `save_classifier`.
        data_identity: of the task, as `task.fingerprint.data_identity` gives it.
        cameras: whose frames the task wants judged.
        encoder: type name of the encoder in use, for messages.
        encoder_fingerprint: of the encoder in use.

    Raises:
        MissingStageError: there is none.
        DataError: damaged, or made with other cameras, another encoder or another set-up; names
            what differs.
    """
    file = folder / FILE
    try:
        fitted = _unpacked(*_read_both(file))
    except BROKEN as error:
        reason = first_flaw(error) if isinstance(error, ValidationError) else str(error)
        raise DataError(
            f"the classifier is damaged: {reason}", where=str(file), hint=TRAIN_AGAIN
        ) from error
    differences = explain_difference(data_identity, fitted.source.data_identity)
    if sorted(cameras) != sorted(fitted.model.cameras):
        seen = ", ".join(fitted.model.cameras)
        differences.append(f"reward.cameras: {', '.join(cameras)} here, {seen} there")
    if encoder_fingerprint != fitted.source.encoder_fingerprint:
        here = f"{encoder} ({encoder_fingerprint[:6]})"
        there = f"{fitted.source.encoder} ({fitted.source.encoder_fingerprint[:6]})"
        differences.append(f"encoder: {here} here, {there} there")
    if differences:
        raise DataError(
            "the classifier was made for another set-up: " + "; ".join(differences),
            where=str(file),
            hint=TRAIN_AGAIN,
        )
    return fitted


def _read_both(file: Path) -> tuple[dict[str, Any], bytes]:
    """Return the description and the weights it names; a newer pair may take their place."""
    text = _read(file, SMALL_BYTES, missing=UNTRAINED)
    while True:
        about = parse_json(text)
        if about["format"] != FORMAT:
            raise ValueError(f"format {about['format']}, this version reads {FORMAT}")
        _About.model_validate(about)
        try:
            return about, _read(file.parent / plain_name(about["weights_file"]), LARGE_BYTES)
        except MissingStageError:
            newer = _read(file, SMALL_BYTES, missing=UNTRAINED)
            if newer == text:
                raise
            text = newer


def _read(file: Path, at_most: int, missing: str | None = None) -> bytes:
    try:
        return read_regular(file, at_most)
    except FileNotFoundError:
        message = missing or f"{file.name} is missing"
        raise MissingStageError(message, where=str(file), hint=TRAIN_AGAIN) from None
    except OSError as error:
        raise explain_os_error(error, file) from error


def _description(fitted: FittedClassifier, name: str, content: bytes) -> dict[str, Any]:
    model, source = fitted.model, fitted.source
    return {
        "format": FORMAT,
        "version": fitted.version,
        "data_fingerprint": fingerprint(source.data_identity),
        "data_identity": source.data_identity,
        "encoder": source.encoder,
        "encoder_fingerprint": source.encoder_fingerprint,
        "cameras": list(model.cameras),
        "threshold": model.threshold,
        "reach": model.reach,
        "consecutive": fitted.consecutive,
        "max_false_positive_rate": fitted.max_false_positive_rate,
        "label_episodes": list(source.label_episodes),
        "weights_file": name,
        "weights_sha256": hashlib.sha256(content).hexdigest(),
        "metrics": fitted.metrics.as_dict(),
        "history": list(fitted.history),
    }


def _packed(fitted: FittedClassifier) -> bytes:
    arrays = {f"head.{key}": value for key, value in fitted.model.heads.arrays().items()}
    arrays |= {f"memory.{key}": value for key, value in fitted.memory.arrays().items()}
    for camera, projection in fitted.model.projections.items():
        arrays |= {f"camera.{camera}.{key}": value for key, value in projection.arrays().items()}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _unpacked(about: Mapping[str, Any], content: bytes) -> FittedClassifier:
    if hashlib.sha256(content).hexdigest() != about["weights_sha256"]:
        raise ValueError(f"{about['weights_file']} is not the file that belongs to it")
    arrays = load_arrays(io.BytesIO(content))
    memory = Memory(**_under("memory", arrays))
    projections = {
        camera: Projection.from_arrays(_under(f"camera.{camera}", arrays))
        for camera in about["cameras"]
    }
    heads = Heads(**_under("head", arrays))
    model = SuccessModel(projections, heads, memory.successes(), about["reach"], about["threshold"])
    metrics = about["metrics"]
    return FittedClassifier(
        model=model,
        memory=memory,
        source=ClassifierSource(
            data_identity=about["data_identity"],
            encoder=about["encoder"],
            encoder_fingerprint=about["encoder_fingerprint"],
            label_episodes=tuple(about["label_episodes"]),
        ),
        metrics=Metrics(**{field.name: metrics[field.name] for field in fields(Metrics)}),
        max_false_positive_rate=about["max_false_positive_rate"],
        consecutive=about["consecutive"],
        version=about["version"],
        history=tuple(about["history"]),
    )


def _under(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    start = f"{prefix}."
    return {
        key.removeprefix(start): value for key, value in arrays.items() if key.startswith(start)
    }
