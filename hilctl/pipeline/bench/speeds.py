"""`hilctl bench`: how fast this machine runs the command line, simulator, learner and policy.

Every speed-up is a ratio of two things measured in the same run.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from hilctl.agents.options import RLPDOptions
from hilctl.agents.rlpd import RLPD
from hilctl.data.step import Observation
from hilctl.env.loop import to_observation
from hilctl.env.make import open_station
from hilctl.networks.encoders.base import Encoder, encode_each
from hilctl.networks.perception import Perception
from hilctl.pipeline.bench.arms import bench_arms
from hilctl.pipeline.bench.environments import bench_environments
from hilctl.pipeline.bench.learner import bench_learner
from hilctl.pipeline.bench.scenes import sim_steps_per_s
from hilctl.pipeline.bench.start import bench_start
from hilctl.pipeline.bench.timing import timed_ms
from hilctl.pipeline.events import Event, Report, silent
from hilctl.pipeline.parts import open_encoder
from hilctl.task.layout import ActionLayout
from hilctl.task.spec import TaskSpec
from hilctl.task.workspace import Workspace
from hilctl.training.policy import AgentPolicy

POLICY_STEPS = 200


def bench_speeds(workspace: Workspace, report: Report = silent) -> dict[str, Any]:
    """Measure command line, simulator, learner and policy of a task with two 128×128 cameras.

    Args:
        workspace: of a simulated task.
        report: told what is being measured.

    Returns:
        One flat object with the units in its names.
    """
    figures: dict[str, Any] = {**bench_start(report)}
    spec = workspace.spec
    encoder = open_encoder(workspace)
    with open_station(spec, folder=workspace.root) as station:
        report(Event("bench", "simulator with two cameras"))
        figures["sim_steps_per_s"] = sim_steps_per_s(station)
        obs, info = station.env.reset()
        observation = to_observation(obs, info)
        layout = station.action_layout
    report(Event("bench", "policy: encode two pictures and choose an action"))
    figures |= policy_inference_ms(observation, encoder, spec, layout)
    figures |= bench_environments(encoder, report)
    figures |= bench_learner(spec.observation.images, encoder, report)
    return figures | bench_arms(spec.observation.images, encoder, report)


def policy_inference_ms(
    observation: Observation, encoder: Encoder, spec: TaskSpec, layout: ActionLayout
) -> dict[str, float]:
    """Return median and 99th percentile of what a policy needs from frames to action."""
    names = spec.observation.images
    images = {name: observation.images[name] for name in names}
    features = encode_each(encoder, images)
    states = {name: array[None] for name, array in observation.state.items()}
    perception = Perception.fit(
        {name: array[None] for name, array in features.items()},
        [states],
        keys=spec.measurements,
        relative=spec.observation.relative,
        channels=8,
    )
    example = {
        name: array[0]
        for name, array in perception({n: f[None] for n, f in features.items()}, states).items()
    }
    agent = RLPD.create(jax.random.key(0), example, layout, RLPDOptions())
    policy = AgentPolicy(agent, perception, jax.random.key(1), greedy=True)
    policy.begin_episode(observation)

    def infer() -> None:
        encoded = encode_each(encoder, images)
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
