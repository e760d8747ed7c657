"""What it costs that a Gymnasium environment is a task: its process, and the episode loop."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from hilctl.devices import Options, Rig
from hilctl.driver_faults import attended
from hilctl.env.base import Array, Environment, Obs
from hilctl.env.gymnasium_env import GymnasiumEnv, GymnasiumOptions
from hilctl.env.loop import EpisodeLoop, HandsOff
from hilctl.env.questions import Questions
from hilctl.env.wrappers import EncodeFrames, Takeover
from hilctl.networks.encoders.base import Encoder, encode_each
from hilctl.pipeline.bench import drawn_world
from hilctl.pipeline.bench.timing import in_turn_s
from hilctl.pipeline.events import Event, Report, silent
from hilctl.task.sections import SteppedControlSpec
from hilctl.teleop.base import Role, Teleop, TeleopInput

STEPS = 40  # of an episode
ROUNDS = 8
RATE_HZ = 10.0


class _NoHand(Teleop):
    """Nobody is at the controls."""

    def open(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def poll(self) -> TeleopInput:
        """Return that."""
        return TeleopInput()

    def review(self, *, claimed: bool) -> bool:
        """Agree."""
        return claimed


def bench_environments(encoder: Encoder, report: Report = silent) -> dict[str, Any]:
    """Measure an environment with two 128×128 cameras, stepped bare and as a task.

    Args:
        encoder: sees its pictures in both cases.
        report: told what is being measured.

    Returns:
        Milliseconds a step, and by how much the loop is slower than stepping the environment with
        the encoder: in its process, and bare in this one.
    """
    report(Event("bench", "a Gymnasium environment, bare and as a task"))
    bare = gymnasium.make(drawn_world.ID, disable_env_checker=True).unwrapped
    rig = Rig()
    environment = attended("environment", GymnasiumEnv, _options(), rig)
    environment.control = SteppedControlSpec(rate_hz=RATE_HZ, max_episode_s=STEPS / RATE_HZ)
    with environment:
        seen, loop = EncodeFrames(environment, encoder), _loop(environment, encoder, rig)
        times_s = in_turn_s(
            {
                "bare": lambda: _step_bare(bare, None),
                "bare_seen": lambda: _step_bare(bare, encoder),
                "hosted": lambda: _step_hosted(environment),
                "hosted_seen": lambda: _step_hosted(seen),
                "loop": loop.run_episode,
            },
            ROUNDS,
        )
    step_ms = {name: float(np.median(times)) * 1e3 / STEPS for name, times in times_s.items()}
    loop_ms = step_ms["loop"]
    return {
        "gymnasium_worker_ms": step_ms["hosted"] - step_ms["bare"],
        "gymnasium_bare_encoded_ms": step_ms["bare_seen"],
        "gymnasium_loop_ms": loop_ms,
        "loop_over_stepping_percent": 100 * (loop_ms / step_ms["hosted_seen"] - 1),
        "loop_over_bare_percent": 100 * (loop_ms / step_ms["bare_seen"] - 1),
    }


def _step_bare(env: Any, encoder: Encoder | None) -> None:
    obs, _ = env.reset()
    for _ in range(STEPS):
        if encoder is not None:
            encode_each(encoder, obs["pixels"])
        obs, *_ = env.step(np.zeros(6, np.float32))
    if encoder is not None:
        encode_each(encoder, obs["pixels"])


def _step_hosted(environment: gymnasium.Env[Obs, Array]) -> None:
    environment.reset()
    for _ in range(STEPS):
        environment.step(np.zeros(6))


def _loop(environment: Environment, encoder: Encoder, rig: Rig) -> EpisodeLoop:
    hand = _NoHand(Options(), rig)
    env = Takeover(EncodeFrames(environment, encoder), hand, Questions(hand, environment.clock))
    return EpisodeLoop(env, HandsOff(), hand, Role.WATCH)


def _options() -> GymnasiumOptions:
    return GymnasiumOptions.model_validate(drawn_world.TASK)
