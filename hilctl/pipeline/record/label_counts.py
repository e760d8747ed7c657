"""How many labelled frames of which kind there are, and how many are wanted from where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, cast

import h5py
import numpy as np
from numpy.typing import NDArray

from hilctl.data import layout
from hilctl.data.header import EpisodeHeader, opened
from hilctl.data.own_numbers import dataset_of, has_link
from hilctl.errors import UsageError
from hilctl.pipeline.record.label_sources import ALIKE, SHOWN, SOURCES, LabelSource
from hilctl.pipeline.record.labelling import FAILURE, NEITHER, SUCCESS
from hilctl.rewards import REWARDS
from hilctl.rewards.classifier import ClassifierOptions
from hilctl.rewards.frames import LEAST_EPISODES, what_is_missing
from hilctl.task.workspace import Workspace

SOURCE = "source"  # episode attribute: the name of the source


@dataclass
class LabelsResult:
    """What labels there are.

    Attributes:
        wanted: "success" and "failure" → frames.
        counts: frames for each source and label.
        episodes: that there are now.
        showing: those of them in which success was seen.
        sources: the ways to labelled frames of the task.
        coverage: share of the workspace's cells that the tool has been in, demonstrations included;
            None = it has no tool.
        variety: of the failures, see `rewards.frames.variety`; None = nothing to compare.
        robot_s: seconds on the robot's clock in this session, resets included.
        recovered: leftovers of an earlier session that were put away.
    """

    wanted: dict[str, int]
    counts: Counter[tuple[str, int]]
    episodes: int
    showing: int = 0
    sources: tuple[LabelSource, ...] = SOURCES
    coverage: float | None = 0.0
    variety: float | None = None
    robot_s: float = 0.0
    recovered: int = 0

    @property
    def found(self) -> dict[str, int]:
        """The "success" and "failure" frames there are."""
        return {
            name: sum(count for (_, label), count in self.counts.items() if label == kind)
            for name, kind in (("success", SUCCESS), ("failure", FAILURE))
        }

    @property
    def missing(self) -> str:
        """What is still lacking, in words; "" when nothing."""
        lacks = [what_is_missing(self.found, self.wanted, self.variety)]
        if self.found["success"] >= self.wanted["success"] and self._episodes_lacking:
            lacks.append(f"success in {self.showing} of {LEAST_EPISODES} episodes")
        return "; ".join(filter(None, lacks))

    def count(self, source: LabelSource, frames: Mapping[int, int]) -> None:
        """Take an episode's label → frames."""
        self.episodes += 1
        self.showing += bool(frames.get(SUCCESS))
        for label, number in frames.items():
            self.counts[source.name, label] += number

    def take_back(self, source: LabelSource, frames: Mapping[int, int]) -> None:
        """Count down an episode that was set aside."""
        self.episodes -= 1
        self.showing -= bool(frames.get(SUCCESS))
        for label, number in frames.items():
            self.counts[source.name, label] -= number

    def lacking(self, source: LabelSource) -> int:
        """Return how many frames a source still has to bring; the last one fills up the rest."""
        found, wanted = self.found, self.wanted
        if source.name == SHOWN.name:
            return max(0, wanted["success"] - found["success"], self._episodes_lacking)
        quota = ceil(source.failure_share * wanted["failure"])
        lacking = quota - self.counts[source.name, FAILURE]
        if source is self.sources[-1]:
            lacking = max(lacking, wanted["failure"] - found["failure"])
        return max(0, lacking)

    @property
    def _episodes_lacking(self) -> int:
        """How many more must show success: a classifier is judged on some that it has not seen."""
        return max(0, LEAST_EPISODES - self.showing)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            **self.found,
            "wanted": self.wanted,
            "sources": {s.name: self.counts[s.name, FAILURE] for s in self.sources},
            "episodes": self.episodes,
            "coverage": self.coverage,
            "variety": self.variety,
            "missing": self.missing,
            "robot_s": self.robot_s,
            "recovered": self.recovered,
        }


def frames_wanted(workspace: Workspace) -> dict[str, int]:
    """Return how many frames of "success" and "failure" the task file asks for.

    Raises:
        UsageError: the task's reward needs no labels.
    """
    reward = workspace.spec.reward
    if "labels" not in REWARDS.get(reward.type).stages:
        raise UsageError(
            f"the reward of this task is {reward.type!r} and learns from no labels",
            where=str(workspace.task_file),
            hint=workspace.command("status"),
        )
    options = cast(ClassifierOptions, reward.options)
    return {"success": options.success_frames, "failure": options.failure_frames}


def count_labels(headers: Sequence[EpisodeHeader]) -> Counter[tuple[str, int]]:
    """Return the number of frames for each source and label.

    Raises:
        DataError: a file is unreadable.
    """
    counts: Counter[tuple[str, int]] = Counter()
    for header in headers:
        source = str(header.attributes.get(SOURCE, ALIKE.name))
        with opened(header.path) as episode:
            labels = labels_of(episode)
        counts.update({(source, label): int((labels == label).sum()) for label in (1, 0, -1)})
    return counts


def count_showing(headers: Sequence[EpisodeHeader]) -> int:
    """Return in how many episodes success was seen.

    Raises:
        DataError: a file is unreadable.
    """
    showing = 0
    for header in headers:
        with opened(header.path) as episode:
            showing += bool((labels_of(episode) == SUCCESS).any())
    return showing


def labels_of(episode: h5py.Group) -> NDArray[np.int8]:
    """Return an episode's (T,) labels; neither where none were kept."""
    if not has_link(episode, layout.LABELS):
        return np.full(len(episode["actions"]), NEITHER, np.int8)
    return np.asarray(dataset_of(episode, layout.LABELS)[()])
