"""What a run left for the learner: its episodes and its last checkpoint.

The replay buffer is made again from the episodes; agent, optimisers and random state come from the
checkpoint. What lies between is learnt first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from hilctl.data.cache import ArrayCache
from hilctl.errors import DamagedDataError, MissingStageError
from hilctl.networks.encoders.base import Encoder
from hilctl.networks.perception import Perception
from hilctl.pipeline.best import BEST
from hilctl.pipeline.progress import Event, Report, silent
from hilctl.pipeline.recording import open_dataset
from hilctl.pipeline.resume import EPISODES, summary_of
from hilctl.pipeline.run import CHECKPOINTS
from hilctl.pipeline.vision import encode_episode, states_of, trajectory_from
from hilctl.task.spec import TaskSpec
from hilctl.training.checkpoints import Checkpoint, load_checkpoint, put_aside
from hilctl.training.link import FinishedEpisode

SEEN = "seen"


def last_checkpoint(
    folder: Path, spec: TaskSpec, encoder: Encoder, report: Report = silent
) -> Checkpoint | None:
    """Return the newest whole checkpoint of a run, else its best one, else None.

    A damaged one is put aside; what it had learnt is learnt again from the episodes.

    Args:
        folder: of the run.
        spec: of the task.
        encoder: of the task.
        report: told what is damaged.

    Raises:
        DataError: it is of another encoder or task.
        HilctlError: the folder cannot be written.
    """
    for place in (folder / CHECKPOINTS, folder / CHECKPOINTS / BEST):
        try:
            return load_checkpoint(place, spec, encoder_fingerprint=encoder.fingerprint)
        except MissingStageError:
            continue
        except DamagedDataError as error:
            moved = put_aside(place)
            text = f"{error.message}; it is now {' and '.join(moved)}, and is made again"
            report(Event("recovered", text, figures={"path": str(place), "files": moved}))
    return None


def stored_episodes(
    folder: Path, spec: TaskSpec, encoder: Encoder, perception: Perception, *, after: int = 0
) -> Iterator[FinishedEpisode]:
    """Yield the episodes of a run as the learner takes them.

    Args:
        folder: of the run.
        spec: of the task.
        encoder, perception: see the pictures again.
        after: number of the last episode that is not wanted.

    Raises:
        DataError: an episode is unreadable or of another task.
    """
    dataset, seen = open_dataset(folder / EPISODES, spec), Seen(folder, perception)
    for number, episode in enumerate(dataset.episodes(), start=1):
        if number > after:
            observations = seen.observations(number, len(episode))
            if observations is None:
                features = encode_episode(episode, spec.observation.images, encoder)
                observations = perception(features, states_of(episode, perception.keys))
                seen.keep(number, observations)
            trajectory = trajectory_from(episode, observations)
            yield FinishedEpisode(number, trajectory, summary_of(episode))


class Seen:
    """What the networks saw in a run's episodes, so that no frame is encoded twice.

    Args:
        run: its folder.
        perception: of the run.
    """

    def __init__(self, run: Path, perception: Perception) -> None:
        self._cache = ArrayCache(run / SEEN)
        self._origin = perception.fingerprint

    def observations(self, number: int, steps: int) -> Mapping[str, NDArray[Any]] | None:
        """Return the (T + 1) observations of an episode of T steps, or None if not kept."""
        kept = self._cache.get(f"episode_{number:06d}", self._origin)
        if kept is None or any(len(array) != steps + 1 for array in kept.values()):
            return None
        return kept

    def keep(self, number: int, observations: Mapping[str, NDArray[Any]]) -> None:
        """Keep an episode's observations."""
        self._cache.keep(f"episode_{number:06d}", self._origin, observations)
