"""`metrics.jsonl` of a run: one line an episode, read back without trusting any of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from hilctl.task.files import os_errors
from hilctl.task.json_files import parse_json
from hilctl.task.regular_files import open_regular, read_regular

METRICS = "metrics.jsonl"
MAX_BYTES = 2**30  # of a million episodes

Record = dict[str, Any]
Count = Annotated[int, Field(ge=0, le=2**53)]


class _Line(BaseModel):
    """What every line holds, besides figures that only people read."""

    model_config = ConfigDict(extra="allow")

    robot_steps: Count
    episodes: Count
    updates: Count
    intervention_steps: Count
    vetoes: Count
    claims: Count
    lag_steps: Count
    policy_age: Count
    late_periods: Count
    safety_stops: Count
    episode_steps: Count
    episode_interventions: Count
    robot_s: FiniteFloat
    wall_s: FiniteFloat
    worst_late_s: FiniteFloat
    autonomous_success_last20: FiniteFloat
    intervention_rate_last20: FiniteFloat
    q: FiniteFloat = 0.0
    outcome: str
    diagnoses: list[str] = []


def read_metrics(run: Path) -> tuple[list[Record], int]:
    """Return one record an episode, and how many lines are damaged and were left out.

    Raises:
        HilctlError: the file cannot be read.
    """
    records: list[Record] = []
    lines = _lines(run / METRICS)
    for line in lines:
        try:
            record = parse_json(line)
            _Line.model_validate(record)
        except ValueError:
            continue
        records.append(record)
    return records, len(lines) - len(records)


def end_last_line(run: Path) -> None:
    """End a line that a kill cut off, so that the next one does not become part of it.

    Raises:
        HilctlError: the file cannot be read or written.
    """
    file = run / METRICS
    with os_errors(file):
        if not file.exists() or not (size := file.stat().st_size):
            return
        with open_regular(file) as stream:
            stream.seek(size - 1)
            whole = stream.read() == b"\n"
        if not whole:
            with file.open("ab") as stream:
                stream.write(b"\n")


def _lines(file: Path) -> list[bytes]:
    with os_errors(file):
        try:
            content = read_regular(file, MAX_BYTES)
        except FileNotFoundError:
            return []
    return [line for line in content.split(b"\n") if line.strip()]
