"""How fast the learner is beside its alternatives, measured in one run.

Reference configuration: batch 256, two critics, two critic updates a step and one of the actor,
random shifts of a quarter of a cell.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from hilctl.agents.options import RLPDOptions
from hilctl.agents.rlpd import RLPD
from hilctl.data.batch import Batch
from hilctl.data.replay import ReplayBuffer, bytes_needed
from hilctl.networks.encoders.base import Encoder
from hilctl.networks.encoders.resnet10 import ResNet10
from hilctl.networks.perception import STATE
from hilctl.pipeline.bench.timing import timed_ms
from hilctl.pipeline.events import Event, Report
from hilctl.task.layout import ActionLayout
from hilctl.task.sections import CHUNK_STEPS

ACTIONS = ActionLayout.one_arm()
BATCH = 256
UPDATES_PER_STEP = 2
CHANNELS = 8
STATE_SIZE = 21
CALLS = 7
FRAMES = 256
RESNET_BATCH = 64
REPLAY_STEPS = 200_000
PERIOD_10HZ_MS = 100.0


def bench_learner(cameras: Sequence[str], encoder: Encoder, report: Report) -> dict[str, Any]:
    """Return the time of a learner step on cached features, and of its alternatives.

    Cached: sampling features and the compiled update. Bare: the compiled update alone. Re-encoded:
    the same, after a frozen encoder has seen the pictures of the batch, as implementations that
    replay pictures do: with the task's encoder, and with a ResNet-10 as HIL-SERL's authors do.

    Args:
        cameras: names.
        encoder: of the task.
        report: told what is being measured.
    """
    report(Event("bench", "learner step on cached features"))
    cached_ms, bare_ms = step_ms(cameras, encoder)
    # observation and next observation of every critic update, from every camera
    frames = 2 * len(cameras) * BATCH * UPDATES_PER_STEP
    report(Event("bench", "encoding the batch of a learner step again"))
    encode_ms = encoding_ms(encoder, FRAMES, batch=8)
    report(Event("bench", "the same with a ResNet-10: this takes a while"))
    resnet_ms = encoding_ms(ResNet10.untrained(np.random.default_rng(0)), frames, RESNET_BATCH)
    shapes = observation_shapes(cameras, encoder)
    # rollouts and what humans did go to two buffers, each with room for a start every step
    replay_bytes = 2 * bytes_needed(2 * REPLAY_STEPS, shapes, ACTIONS.size)
    reencode_ms = cached_ms + encode_ms * frames
    return {
        "learner_step_cached_ms": cached_ms,
        "learner_step_bare_ms": bare_ms,
        "learner_step_reencode_ms": reencode_ms,
        "learner_step_resnet10_ms": cached_ms + resnet_ms * frames,
        "learner_speedup": reencode_ms / cached_ms,
        "learner_speedup_vs_resnet10": (cached_ms + resnet_ms * frames) / cached_ms,
        "learner_overhead_ratio": cached_ms / bare_ms,
        "encode_ms_per_image": encode_ms,
        "replay_200k_gb": replay_bytes / 1e9,
        "batch": BATCH,
        "updates_per_step": UPDATES_PER_STEP,
        # what this machine can keep up with at 10 Hz; the networks of a task may be smaller
        "updates_per_step_possible_10hz": UPDATES_PER_STEP * PERIOD_10HZ_MS / cached_ms,
    }


def step_ms(cameras: Sequence[str], encoder: Encoder) -> tuple[float, float]:
    """Return the time of a learner step with sampling, and of its compiled update alone."""
    rng = np.random.default_rng(0)
    holder: list[Any] = [None]
    holder[0], buffer = filled_learner(cameras, encoder, rng)
    updates = CHUNK_STEPS * UPDATES_PER_STEP

    def learn(batches: Batch) -> None:
        holder[0], metrics = holder[0].update(batches)
        jax.block_until_ready(metrics)

    kept = jax.device_put(buffer.sample_many(rng, updates, BATCH))
    cached = timed_ms(lambda: learn(buffer.sample_many(rng, updates, BATCH)), CALLS)
    bare = timed_ms(lambda: learn(kept), CALLS)
    return float(np.median(cached)) / CHUNK_STEPS, float(np.median(bare)) / CHUNK_STEPS


def encoding_ms(encoder: Encoder, frames: int, batch: int) -> float:
    """Return the milliseconds a picture that an encoder takes for `frames` of them."""
    width, height = encoder.image_size
    images = np.random.default_rng(0).integers(0, 255, (frames, height, width, 3), np.uint8)
    encoder.encode_many(images[:batch], batch)  # compiles
    started = time.perf_counter()
    encoder.encode_many(images, batch)
    return (time.perf_counter() - started) * 1e3 / frames


def observation_shapes(
    cameras: Sequence[str], encoder: Encoder, state_size: int = STATE_SIZE
) -> dict[str, Any]:
    """Return name → (shape, dtype) of what the replay buffer keeps of an observation."""
    grid = encoder.feature_shape[:2]
    shapes: dict[str, Any] = dict.fromkeys(cameras, ((*grid, CHANNELS), np.float16))
    return shapes | {STATE: ((state_size,), np.float32)}


def filled_learner(
    cameras: Sequence[str],
    encoder: Encoder,
    rng: np.random.Generator,
    actions: ActionLayout = ACTIONS,
    state_size: int = STATE_SIZE,
) -> tuple[RLPD, ReplayBuffer]:
    """Return an untrained agent and a buffer of noise to train it on."""
    shapes = observation_shapes(cameras, encoder, state_size)
    example = {name: np.zeros(shape, dtype) for name, (shape, dtype) in shapes.items()}
    buffer = ReplayBuffer(5000, shapes, actions.size)
    steps = 100
    for _ in range(40):
        observations = {
            name: rng.standard_normal((steps + 1, *shape)).astype(dtype)
            for name, (shape, dtype) in shapes.items()
        }
        buffer.add_episode(
            observations,
            np.array([actions.nearest(a) for a in rng.uniform(-1, 1, (steps, actions.size))]),
            np.zeros(steps),
            np.zeros(steps, bool),
            np.zeros(steps, bool),
            np.zeros(steps, np.uint8),
        )
    return RLPD.create(jax.random.key(0), example, actions, RLPDOptions(batch=BATCH)), buffer
