"""How many labelled frames of which kind there are, and how many are wanted from where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from hilctl.data import layout
from hilctl.data.header import EpisodeHeader, opened
from hilctl.data.own_numbers import dataset_of, has_link
from hilctl.errors import UsageError
from hilctl.pipeline.record.label_sources import ALIKE, SHOWN, SOURCES, LabelSource
from hilctl.pipeline.record.labelling import FAILURE, NEITHER
from hilctl.rewards.frames import LEAST_EPISODES, what_is_missing
from hilctl.rewards.learnt import NOT_YET, WHOLE, classifiers_of, frames_of_classes
from hilctl.task.workspace import Workspace

SOURCE = "source"  # episode attribute: the name of the source
# Frames of one success look alike. Where an empty hand hovered over a part that was done, two
# episodes brought 172 of 200 frames, and the classifier recognised none of 8 unseen successes.
MOST_OF_ONE = 20


def counted(frames: Mapping[int, int]) -> dict[int, int]:
    """Return how many frames of an episode count, by label: of a stage, so many at most."""
    return {kind: min(n, MOST_OF_ONE) if kind > FAILURE else n for kind, n in frames.items()}


@dataclass
class LabelsResult:
    """What labels there are.

    Attributes:
        wanted: frames of each class: "success", or the name of each stage, then "failure".
        counts: frames for each source and label, as `counted` has them.
        episodes: that there are now.
        showing: of them, those that show each label.
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
    showing: Counter[int] = field(default_factory=Counter)
    sources: tuple[LabelSource, ...] = SOURCES
    coverage: float | None = 0.0
    variety: float | None = None
    robot_s: float = 0.0
    recovered: int = 0

    @property
    def found(self) -> dict[str, int]:
        """The frames of each class that count."""
        return {
            name: sum(count for (_, label), count in self.counts.items() if label == kind)
            for name, kind in self._labels.items()
        }

    @property
    def _labels(self) -> dict[str, int]:
        """The label of each class; stages are counted up."""
        return {**self._reached, NOT_YET: FAILURE}

    @property
    def _reached(self) -> dict[str, int]:
        """The label of each stage that can be reached."""
        return {name: i for i, name in enumerate((n for n in self.wanted if n != NOT_YET), 1)}

    @property
    def missing(self) -> str:
        """What is still lacking, in words; "" when nothing."""
        lacks = [what_is_missing(self.found, self.wanted, self.variety)]
        for name, label in self._reached.items():
            if self.found[name] >= self.wanted[name] and self._episodes_lacking(label):
                lacks.append(f"{name} in {self.showing[label]} of {LEAST_EPISODES} episodes")
        return "; ".join(filter(None, lacks))

    def count(self, source: LabelSource, frames: Mapping[int, int]) -> None:
        """Take an episode's label → frames."""
        self._add(source, frames, 1)

    def take_back(self, source: LabelSource, frames: Mapping[int, int]) -> None:
        """Count down an episode that was set aside."""
        self._add(source, frames, -1)

    def _add(self, source: LabelSource, frames: Mapping[int, int], sign: int) -> None:
        self.episodes += sign
        for label, number in counted(frames).items():
            self.counts[source.name, label] += sign * number
            self.showing[label] += sign * bool(number)

    def lacking(self, source: LabelSource) -> int:
        """Return how many frames a source still has to bring; the last one fills up the rest."""
        found, wanted = self.found, self.wanted
        if source.name == SHOWN.name:
            lacks = [
                max(wanted[name] - found[name], self._episodes_lacking(label))
                for name, label in self._reached.items()
            ]
            return max(0, *lacks)
        quota = ceil(source.failure_share * wanted[NOT_YET])
        lacking = quota - self._not_done(source)
        if source is self.sources[-1]:
            lacking = max(lacking, wanted[NOT_YET] - found[NOT_YET])
        return max(0, lacking)

    def _not_done(self, source: LabelSource) -> int:
        """The frames that a source has brought in which a stage at least is not reached."""
        return sum(self.counts[source.name, label] for label in range(len(self._reached)))

    def _episodes_lacking(self, label: int) -> int:
        """How many more must show a label: a classifier is judged on some that it has not seen."""
        return max(0, LEAST_EPISODES - self.showing[label])

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        found, whole = self.found, self.wanted.keys() == {WHOLE, NOT_YET}
        stages = {name: found[name] for name in self._reached}
        return {
            **(found if whole else {"stages": stages, NOT_YET: found[NOT_YET]}),
            "wanted": self.wanted,
            "sources": {s.name: self._not_done(s) for s in self.sources},
            "episodes": self.episodes,
            "coverage": self.coverage,
            "variety": self.variety,
            "missing": self.missing,
            "robot_s": self.robot_s,
            "recovered": self.recovered,
        }


def frames_wanted(workspace: Workspace) -> dict[str, int]:
    """Return how many frames of each class the task file asks for, as in `LabelsResult`.

    Raises:
        UsageError: the task's reward needs no labels.
    """
    reward = workspace.spec.reward
    if not classifiers_of(workspace.spec):
        raise UsageError(
            f"the reward of this task is {reward.type!r} and learns from no labels",
            where=str(workspace.task_file),
            hint=workspace.command("status"),
        )
    return frames_of_classes(workspace.spec)


def count_labels(headers: Sequence[EpisodeHeader]) -> Counter[tuple[str, int]]:
    """Return the number of frames that count, for each source and label.

    Raises:
        DataError: a file is unreadable.
    """
    counts: Counter[tuple[str, int]] = Counter()
    for header in headers:
        source = str(header.attributes.get(SOURCE, ALIKE.name))
        with opened(header.path) as episode:
            labels = labels_of(episode)
        for label, frames in counted(Counter(labels.tolist())).items():
            counts[source, label] += frames
    return counts


def count_showing(headers: Sequence[EpisodeHeader]) -> Counter[int]:
    """Return in how many episodes each label is seen.

    Raises:
        DataError: a file is unreadable.
    """
    showing: Counter[int] = Counter()
    for header in headers:
        with opened(header.path) as episode:
            showing.update({*labels_of(episode).tolist()})
    return showing


def labels_of(episode: h5py.Group) -> NDArray[np.int8]:
    """Return an episode's (T,) labels; neither where none were kept."""
    if not has_link(episode, layout.LABELS):
        return np.full(len(episode["actions"]), NEITHER, np.int8)
    return np.asarray(dataset_of(episode, layout.LABELS)[()])
