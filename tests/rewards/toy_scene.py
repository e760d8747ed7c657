"""A toy scene for classifiers: features that depend smoothly on where a tool is."""

from __future__ import annotations

import numpy as np

from hilctl.rewards.fit import ClassifierSource, FittedClassifier, fit_classifier
from hilctl.rewards.frames import LabelledFrames

Fit = tuple[FittedClassifier, np.ndarray]

SHAPE = (4, 4, 12)
CAMERAS = ("wrist", "side")
GOAL = np.array([0.2, 0.1, 0.3])
IDENTITY = {"cameras": {"wrist": {"size": [128, 128]}, "side": {"size": [128, 128]}}}
SOURCE = ClassifierSource(
    IDENTITY, "efficientnet-lite0", "0123456789abcdef", ("episode_000001.hdf5",)
)


def features(places: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """Return what two cameras see of a tool at (N, 3) places."""
    rng = np.random.default_rng(seed)
    size = int(np.prod(SHAPE))
    seen = {}
    for index, camera in enumerate(CAMERAS):
        view = np.random.default_rng(index)
        waves = np.sin(places @ view.normal(0, 2.5, (3, size)) + view.uniform(0, 6, size))
        noisy = waves + rng.normal(0, 0.05, waves.shape)
        seen[camera] = noisy.reshape(-1, *SHAPE).astype(np.float16)
    return seen


def drive(rng: np.random.Generator, *, succeed: bool, steps: int = 40) -> np.ndarray:
    """Return the (steps, 3) way of a tool that ends at the goal or somewhere else."""
    end = GOAL if succeed else GOAL + rng.choice([-1, 1], 3) * rng.uniform(0.3, 1.0, 3)
    way = np.linspace(rng.uniform(-1, 1, 3), end, steps - 12)
    dwell = end + rng.normal(0, 0.01, (12, 3))
    return np.concatenate([way, dwell])


def done(places: np.ndarray) -> np.ndarray:
    """Return where the tool is at the goal."""
    return np.asarray(np.linalg.norm(places - GOAL, axis=1) < 0.08)


def labelled(episodes: int = 16, seed: int = 0) -> LabelledFrames:
    """Return labelled frames of episodes, every other one successful."""
    rng = np.random.default_rng(seed)
    ways = [drive(rng, succeed=index % 2 == 0) for index in range(episodes)]
    places = np.concatenate(ways)
    names = np.repeat([f"episode_{index:06}.hdf5" for index in range(episodes)], len(ways[0]))
    steps = np.tile(np.arange(len(ways[0])), episodes)
    picture = np.zeros((32, 32, 3), np.uint8)
    return LabelledFrames(
        features(places, seed),
        done(places),
        names,
        steps,
        lambda _: dict.fromkeys(CAMERAS, picture),
    )


def fitted(data: LabelledFrames, seed: int = 0) -> tuple[FittedClassifier, np.ndarray]:
    """Return a classifier of `data` and its held-out probabilities."""
    return fit_classifier(
        data, SOURCE, cameras=CAMERAS, max_false_positive_rate=0.005, consecutive=2, seed=seed
    )
