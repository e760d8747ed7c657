"""Which stages the labels of a task count, and whether those on disk count the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hilctl.data.header import EpisodeHeader
from hilctl.data.layout import LABEL_STAGES
from hilctl.rewards.learnt import WHOLE, classifiers_of
from hilctl.task.spec import TaskSpec


def label_stages(spec: TaskSpec) -> tuple[str, ...]:
    """Return the stages that the labels of a task count; "" is the whole task."""
    return tuple(classifiers_of(spec))


def stages_as_attribute(stages: tuple[str, ...]) -> dict[str, Any]:
    """Return what is stored with label episodes; nothing where they are about the whole task."""
    return {LABEL_STAGES: ",".join(stages)} if any(stages) else {}


def other_stages(headers: Iterable[EpisodeHeader], spec: TaskSpec) -> str:
    """Return in words which label episodes count other stages than the task does; "" = none."""
    ours = label_stages(spec)
    others = [header for header in headers if header.label_stages != ours]
    if not others:
        return ""
    return (
        f"{len(others)} label episodes: {_told(ours)} here, {_told(others[0].label_stages)} there"
    )


def _told(stages: tuple[str, ...]) -> str:
    return ", then ".join(stage or WHOLE for stage in stages)
