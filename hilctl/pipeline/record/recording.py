"""What the recording verbs share: seeds, attributes, leftovers, and who decides what is kept."""

from __future__ import annotations

import shlex
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np

from hilctl.data.dataset import Dataset
from hilctl.data.index import ensure_index, episode_paths
from hilctl.data.recorder import made_to_stay
from hilctl.data.recovery import RecoveredFile, recover_partials
from hilctl.data.removal import set_aside
from hilctl.data.step import EpisodeSummary, Outcome, Step
from hilctl.data.writer import EpisodeWriter, Kind
from hilctl.env.make import Station
from hilctl.errors import DataError
from hilctl.pipeline.calibrate.crops import hidden_motion
from hilctl.pipeline.calibrate.identity import current_references
from hilctl.pipeline.events import Event, Report
from hilctl.pipeline.label_stages import other_stages
from hilctl.pipeline.record.labelling import NEITHER
from hilctl.task.fingerprint import data_fingerprint, data_identity
from hilctl.task.layout import ActionLayout
from hilctl.task.same_folder import SameFolder
from hilctl.task.spec import TaskSpec
from hilctl.task.workspace import Workspace

MIN_STEPS = 2  # an episode of a single one shows nothing


def station_seed(seed: int, purpose: str, episodes: int) -> int:
    """Return a seed for the devices that differs for every purpose and each continuation.

    Args:
        seed: the person's.
        purpose: what is recorded.
        episodes: there already are; the numbers of the earlier part must not come again.
    """
    parts = [seed, zlib.crc32(purpose.encode()), episodes]
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


def open_dataset(folder: Path, spec: TaskSpec) -> Dataset:
    """Open the episodes of a folder.

    Raises:
        DataError: an episode is unreadable or of another task.
    """
    return Dataset.open(
        folder,
        expect_fingerprint=data_fingerprint(spec),
        expect_identity=data_identity(spec),
        expect_actions=ActionLayout.of(spec),
    )


def open_labels(workspace: Workspace) -> Dataset:
    """Open the label episodes of a task.

    Raises:
        DataError: an episode is unreadable, of another task, or counts other stages.
    """
    dataset = open_dataset(workspace.labels, workspace.spec)
    if why := other_stages(dataset.headers, workspace.spec):
        away = shlex.join(["mv", str(workspace.labels), f"{workspace.labels}.old"])
        record = workspace.command("record-labels")
        raise DataError(why, where=str(workspace.labels), hint=f"{away} && {record}")
    return dataset


def tell_hidden_motion(workspace: Workspace, report: Report) -> None:
    """Say which crops cut away what moves, before anything is recorded with them."""
    for remark in hidden_motion(workspace):
        choose = workspace.command("calibrate roi")
        report(Event("crop", f"mind: {remark}; choose another: {choose}"))


def put_away_partials(folder: Path, report: Report) -> list[RecoveredFile]:
    """Put away what a kill left behind, and name it.

    Raises:
        HilctlError: the folder cannot be written.
    """
    found = recover_partials(folder)
    for one in found:
        if one.path is None:
            what = "was empty and is gone"
        elif one.steps:
            what = f"was unfinished: {one.steps} steps of it are now {one.path}"
        else:
            what = f"was unfinished and cannot be read: it is now {one.path}"
        path = str(one.path) if one.path else None
        figures = {"partial": one.partial.name, "path": path, "steps": one.steps}
        report(Event("recovered", f"{one.partial.name} {what}", figures=figures))
    return found


def episode_attributes(workspace: Workspace, station: Station, seed: int) -> dict[str, Any]:
    """Return what is stored with every episode that a station records."""
    spec = workspace.spec
    known = {
        "references": current_references(workspace),
        "task_fingerprint": data_fingerprint(spec),
        "task_identity": data_identity(spec),
        "action_layout": station.action_layout.as_json(),
        "observation_layout": station.observation_layout.as_json(),
        "operator": station.teleop.operator,
        "seed": seed,
        "station_seed": station.rig.seed,
    }
    if station.rig.world is None:
        return known
    from hilctl.sim.rendering import renderer_name  # MuJoCo is there: it is the world

    return known | {"renderer": renderer_name()}


@contextmanager
def indexed(folder: Path) -> Iterator[None]:
    """Make the index of a folder fit its episodes when the recording ends, however it ends.

    Not after each episode: an index is made from all of them.

    Raises:
        HilctlError: the folder cannot be written.
    """
    home = SameFolder(folder.parent)
    try:
        yield
    finally:
        if home.is_there and episode_paths(folder):
            ensure_index(folder)


def was_interrupted(summary: EpisodeSummary) -> bool:
    """Return whether an episode was stopped, neither finished nor thrown away by its operator."""
    return summary.outcome is Outcome.ABORTED and not summary.discarded


class RecordedEpisodes:
    """The episodes that a session has recorded so far; the last of them can be set aside.

    Args:
        report: told where it is then.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._done: list[tuple[Path, Callable[[], None]]] = []

    def add(self, path: Path, take_back: Callable[[], None]) -> None:
        """Take an episode, and what counts it down should it be set aside."""
        self._done.append((path, take_back))

    def set_last_aside(self) -> None:
        """Move the last one out of the data set.

        Raises:
            HilctlError: the folder cannot be written.
        """
        if not self._done:
            self._report(Event("removed", "no episode of this session is there to record again"))
            return
        path, take_back = self._done.pop()
        aside = set_aside(path)
        take_back()
        text = f"{path.name} does not count any more and is now {aside}: once more"
        self._report(Event("removed", text, figures={"episode": path.name, "path": str(aside)}))


class UndecidedEpisode:
    """Write an episode while it runs, and leave it to the verb whether to keep it.

    The verb decides after the loop has stopped the robot, because it may have to ask a person.
    Leaving its block drops what is undecided.

    Args:
        directory: folder of the episodes; made if missing.
        kind: "demo" or "label".
        attributes: of every episode, see `EpisodeWriter`.
    """

    def __init__(self, directory: Path, kind: Kind, attributes: Mapping[str, Any]) -> None:
        self._directory = directory
        self._kind: Kind = kind
        self._attributes = attributes
        self._writer: EpisodeWriter | None = None
        self._folder = made_to_stay(directory)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._drop()

    def on_episode_start(self) -> None:
        """Open the next file.

        Raises:
            HilctlError: the folder cannot be written.
        """
        self._drop()
        self._folder.check()
        self._writer = EpisodeWriter(self._directory, kind=self._kind, attributes=self._attributes)

    def on_step(self, step: Step) -> None:
        """Write one step."""
        self.write(step)

    def write(self, step: Step, label: int = NEITHER) -> None:
        """Write one step with its label.

        Raises:
            HilctlError: the disk is full or gone.
        """
        if self._writer is not None:
            self._writer.on_step(step, label)

    def on_episode_end(self, summary: EpisodeSummary) -> None:
        """Wait for the decision."""

    def settle(self, summary: EpisodeSummary, *, keep: bool) -> Path | None:
        """Commit the episode and return its file, or leave nothing behind.

        Raises:
            HilctlError: the disk is full or gone.
        """
        if keep and self._writer is not None and self._writer.steps >= MIN_STEPS:
            self._folder.check()
            path = self._writer.commit(summary)
            self._writer = None
            return path
        self._drop()
        return None

    def _drop(self) -> None:
        if self._writer is not None:
            self._writer.discard()
            self._writer = None
