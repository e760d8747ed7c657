"""`hilctl bench`: how fast this machine runs the simulator, the learner and the policy.

Every speed-up is a ratio of two things measured in the same run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from hilctl.agents.options import RLPDOptions
from hilctl.agents.rlpd import RLPD
from hilctl.data.batch import Batch
from hilctl.data.replay import ReplayBuffer
from hilctl.data.step import Observation
from hilctl.env.loop import to_observation
from hilctl.env.make import open_station
from hilctl.networks.encoders.base import Encoder
from hilctl.networks.perception import STATE, Perception
from hilctl.pipeline.progress import Event, Report, silent
from hilctl.pipeline.vision import open_encoder
from hilctl.task.spec import CHUNK_STEPS, TaskSpec
from hilctl.task.workspace import Workspace
from hilctl.training.policy import AgentPolicy

Arrays = dict[str, np.ndarray]

BATCH = 256
STATE_SIZE = 21
SIM_STEPS = 300
POLICY_STEPS = 200
LEARNER_CALLS = 5
FRAMES = 256


def bench(workspace: Workspace, report: Report = silent) -> dict[str, Any]:
    """Measure simulator, learner and policy of a task with two 128×128 cameras.

    Args:
        workspace: of a simulated task.
        report: told what is being measured.

    Returns:
        One flat object with the units in its names.
    """
    figures: dict[str, Any] = {}
    spec = workspace.spec
    encoder = open_encoder(workspace)
    with open_station(spec) as station:
        report(Event("bench", "simulator with two cameras"))
        figures["sim_steps_per_s"] = sim_steps_per_s(station.env)
        obs, info = station.env.reset()
        observation = to_observation(obs, info)
    report(Event("bench", "policy: encode two pictures and choose an action"))
    figures |= policy_inference_ms(observation, encoder, spec)
    report(Event("bench", "learner step on cached features, and encoding its batch again"))
    figures |= learner_ms(spec, encoder)
    return figures


def sim_steps_per_s(env: Any) -> float:
    """Return environment steps a second, pictures included, resets not."""
    env.reset()
    idle = np.zeros(6)
    started = time.perf_counter()
    for _ in range(SIM_STEPS):
        env.step(idle)
    return SIM_STEPS / (time.perf_counter() - started)


def policy_inference_ms(
    observation: Observation, encoder: Encoder, spec: TaskSpec
) -> dict[str, float]:
    """Return median and 99th percentile of what a policy needs from frames to action."""
    names = spec.observation.images
    images = np.stack([observation.images[name] for name in names])
    features = dict(zip(names, encoder(images), strict=True))
    states = {name: array[None] for name, array in observation.state.items()}
    perception = Perception.fit(
        {name: array[None] for name, array in features.items()},
        [states],
        keys=spec.observation.state,
        relative=spec.observation.relative,
        channels=8,
    )
    example = {
        name: array[0]
        for name, array in perception({n: f[None] for n, f in features.items()}, states).items()
    }
    agent = RLPD.create(jax.random.key(0), example, 6, RLPDOptions())
    policy = AgentPolicy(lambda: agent, perception, jax.random.key(1), greedy=True)
    policy.begin_episode(observation)

    def infer() -> None:
        encoded = dict(zip(names, encoder(images), strict=True))
        policy.act(
            Observation(
                images=observation.images,
                state=observation.state,
                stamp_ns=0,
                frame_stamps_ns={},
                features=encoded,
            )
        )

    times_ms = timed_ms(infer, POLICY_STEPS)
    return {
        "policy_inference_p50_ms": float(np.percentile(times_ms, 50)),
        "policy_inference_p99_ms": float(np.percentile(times_ms, 99)),
    }


def learner_ms(spec: TaskSpec, encoder: Encoder) -> dict[str, float]:
    """Return the time of one learner step (two critic updates, one of the actor), both ways.

    Cached: sampling features and the compiled update. Re-encoded: the same, after the frozen
    encoder has seen the pictures of the batch, as implementations that replay pictures do.
    """
    rng = np.random.default_rng(0)
    cameras = spec.observation.images
    agent, buffer = _learner(cameras, encoder, rng)
    updates = CHUNK_STEPS * spec.training.updates_per_step
    holder: list[Any] = [agent]

    def cached() -> None:
        batches: Batch = buffer.sample_many(rng, updates, BATCH)
        holder[0], metrics = holder[0].update(batches)
        jax.block_until_ready(metrics)

    cached_ms = float(np.median(timed_ms(cached, LEARNER_CALLS))) / CHUNK_STEPS
    width, height = encoder.image_size
    images = rng.integers(0, 255, (FRAMES, height, width, 3), np.uint8)
    encode_ms = float(np.median(timed_ms(lambda: encoder.encode_many(images), 1))) / FRAMES
    # observation and next observation of every critic update, from every camera
    frames = 2 * len(cameras) * BATCH * spec.training.updates_per_step
    reencode_ms = cached_ms + encode_ms * frames
    return {
        "learner_step_cached_ms": cached_ms,
        "learner_step_reencode_ms": reencode_ms,
        "learner_speedup": reencode_ms / cached_ms,
        "encode_ms_per_image": encode_ms,
        "batch": BATCH,
        "updates_per_step": spec.training.updates_per_step,
    }


def _learner(
    cameras: list[str], encoder: Encoder, rng: np.random.Generator
) -> tuple[RLPD, ReplayBuffer]:
    grid = encoder.feature_shape[:2]
    example: Arrays = {name: np.zeros((*grid, 8), np.float16) for name in cameras}
    example[STATE] = np.zeros(STATE_SIZE, np.float32)
    shapes = {name: (array.shape, array.dtype) for name, array in example.items()}
    buffer = ReplayBuffer(5000, shapes, 6)
    steps = 100
    for _ in range(40):
        observations = {
            name: rng.standard_normal((steps + 1, *shape)).astype(dtype)
            for name, (shape, dtype) in shapes.items()
        }
        buffer.add_episode(
            observations,
            rng.uniform(-1, 1, (steps, 6)),
            np.zeros(steps),
            np.zeros(steps, bool),
            np.zeros(steps, bool),
        )
    return RLPD.create(jax.random.key(0), example, 6, RLPDOptions(batch=BATCH)), buffer


def timed_ms(call: Callable[[], Any], repeats: int) -> list[float]:
    """Return the milliseconds of each repeat, after one call that compiles."""
    call()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        times.append((time.perf_counter() - started) * 1e3)
    return times
