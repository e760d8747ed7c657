"""What a run left for the learner: its episodes and its last checkpoint.

The replay buffer is made again from the episodes; agent, optimisers and random state come from the
checkpoint. What lies between is learnt first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilctl.data.cache import ArrayCache
from hilctl.data.episode import Episode
from hilctl.errors import DamagedDataError, MissingStageError
from hilctl.networks.encoders.base import Encoder
from hilctl.networks.perception import Perception
from hilctl.pipeline.events import Event, Report, silent
from hilctl.pipeline.features import encode_episode, states_of, trajectory_from
from hilctl.pipeline.record.recording import open_dataset
from hilctl.pipeline.run_folder.best import BEST
from hilctl.pipeline.run_folder.resume import EPISODES, summary_of, trial_of
from hilctl.pipeline.run_folder.run import CHECKPOINTS
from hilctl.task.spec import TaskSpec
from hilctl.training.checkpoints import Checkpoint, load_checkpoint, put_aside
from hilctl.training.link import CORRECTING_FRAMES, FinishedEpisode
from hilctl.training.trajectory import Trajectory

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
            found = load_checkpoint(place, spec, encoder_fingerprint=encoder.fingerprint)
            if "learner" not in found.about:
                raise DamagedDataError("the checkpoint does not say how to go on", where=str(place))
            return found
        except MissingStageError:
            continue
        except DamagedDataError as error:
            moved = put_aside(place)
            text = f"{error.message}; it is now {' and '.join(moved)}, and is made again"
            report(Event("recovered", text, figures={"path": str(place), "files": moved}))
    return None


def stored_episodes(
    folder: Path,
    spec: TaskSpec,
    encoder: Encoder,
    perception: Perception,
    *,
    judged: Sequence[str] = (),
    after: int = 0,
    before: int | None = None,
) -> Iterator[FinishedEpisode]:
    """Yield the episodes that are on disk now as the learner takes them, corrections included.

    Args:
        folder: of the run.
        spec: of the task.
        encoder, perception: see the pictures again.
        judged: cameras by whose pictures the reward judges; none when it cannot learn.
        after: number of the last episode that is not wanted.
        before: number of the first later one that is not wanted; None = all are.

    Raises:
        DataError: an episode is unreadable or of another task.
    """
    headers = open_dataset(folder / EPISODES, spec).headers
    seen = RunFeatures(folder, perception)
    end = len(headers) if before is None else before - 1
    for number, header in enumerate(headers[after:end], start=after + 1):
        episode = Episode.read(header.path)
        observations = seen.observations(number, episode.actions)
        if observations is None:
            features = encode_episode(episode, spec.observation.images, encoder)
            observations = perception(features, states_of(episode, perception.keys))
            seen.keep(number, trajectory_from(episode, observations))
        yield FinishedEpisode(
            number,
            trajectory_from(episode, observations),
            summary_of(episode),
            stored_correction(episode, judged, encoder),
            trial=trial_of(episode),
            policy_updates=int(episode.header.attributes.get("policy_updates", 0)),
        )


def stored_correction(
    episode: Episode, judged: Sequence[str], encoder: Encoder
) -> Mapping[str, NDArray[Any]] | None:
    """Return the features of an episode's last frames when its operator overruled the reward.

    Args:
        episode: as stored.
        judged: cameras by whose pictures the reward judges.
        encoder: sees the pictures again.
    """
    summary = summary_of(episode)
    if not judged or not (summary.vetoed or summary.claimed):
        return None
    last = min(CORRECTING_FRAMES, len(episode))
    return {name: encoder.encode_many(episode.images(name)[-last:]) for name in judged}


class RunFeatures:
    """What the networks saw in a run's episodes, so that no frame is encoded twice.

    Args:
        run: its folder.
        perception: of the run.
    """

    def __init__(self, run: Path, perception: Perception) -> None:
        self._cache = ArrayCache(run / SEEN)
        self._sight = perception.fingerprint

    def observations(self, number: int, actions: NDArray[Any]) -> Mapping[str, NDArray[Any]] | None:
        """Return the (T + 1) observations of an episode with (T, A) actions, or None."""
        origin = self._origin(actions)
        return self._cache.get(f"episode_{number:06d}", origin, rows=len(actions) + 1)

    def keep(self, number: int, trajectory: Trajectory) -> None:
        """Keep an episode's observations."""
        origin = self._origin(trajectory.actions)
        self._cache.keep(f"episode_{number:06d}", origin, trajectory.observations)

    def _origin(self, actions: NDArray[Any]) -> str:
        """Name what observations are made from: numbers shift when a file is taken away."""
        digest = hashlib.sha256(np.asarray(actions, np.float32).tobytes())
        return f"{self._sight} of {digest.hexdigest()[:12]}"
