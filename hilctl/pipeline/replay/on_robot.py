"""An episode's actions once more on the robot, inside the task's limits, and how far it strays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from hilctl.data.episode import Episode
from hilctl.data.step import EpisodeSummary, Observation, Step
from hilctl.env.base import Obs
from hilctl.env.loop import EpisodeLoop
from hilctl.env.make import open_station
from hilctl.env.safety import ActionLimiter
from hilctl.errors import DataError, UsageError
from hilctl.pipeline.between_episodes import between_episodes
from hilctl.pipeline.events import Event, Report, ShouldStop, never, silent, told_by
from hilctl.pipeline.parts import require_one_arm
from hilctl.task.fingerprint import data_identity, explain_difference
from hilctl.task.spec import TaskSpec
from hilctl.task.workspace import Workspace
from hilctl.teleop.base import Role

Array = NDArray[np.float64]

POSE = "tcp_pose"
TRAVEL_SPEED = 0.1  # share of the arm's limits, to a start that nobody has seen it go to
OUTSIDE_M, OUTSIDE_RAD = 0.005, 0.05  # a start so far outside was measured there, not sent there


@dataclass(frozen=True)
class RobotReplay:
    """How far the tool was from where it had been when the episode was recorded.

    Attributes:
        steps: that were executed.
        wanted: that the episode has.
        away_mm: (steps + 1,) distance at the start and after each step.
    """

    steps: int
    wanted: int
    away_mm: Array

    @property
    def complete(self) -> bool:
        """Whether it came to its end."""
        return self.steps == self.wanted

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "steps": self.steps,
            "wanted": self.wanted,
            "complete": self.complete,
            "start_mm": float(self.away_mm[0]),
            "mean_mm": float(self.away_mm.mean()),
            "worst_mm": float(self.away_mm.max()),
            "end_mm": float(self.away_mm[-1]),
        }


def start_of(episode: Episode, workspace: Workspace) -> Array:
    """Return the (7,) `T_base_tcp` that an episode began at, once it is known that it fits.

    Raises:
        UsageError: the task has no robot, or several.
        DataError: it is of another robot or control, without a tool, or began out of bounds.
    """
    spec, where = workspace.spec, str(episode.header.path)
    if spec.environment is not None:
        raise UsageError(
            "this task has an environment and no robot to replay an episode on",
            where=str(workspace.task_file),
            hint=f"watch it as a film: {workspace.command('replay NUMBER')}",
        )
    require_one_arm(
        workspace, "replay --on-robot", f"watch it as a film: {workspace.command('replay NUMBER')}"
    )
    here, there = data_identity(spec), episode.header.task_identity
    if lines := explain_difference(_without_cameras(here), _without_cameras(there)):
        raise DataError(
            "\n  ".join(["recorded for another robot or control", *lines]),
            where=where,
            hint="replay it in the task folder it was recorded in",
        )
    if POSE not in episode.state_keys:
        known = ", ".join(episode.state_keys)
        raise DataError(f"the episode has no {POSE}, only {known}", where=where)
    start: Array = episode.state(POSE)[0]
    away_m, away_rad = ActionLimiter(spec.control, spec.reset).outside(start)
    if away_m > OUTSIDE_M or away_rad > OUTSIDE_RAD:
        raise DataError(
            f"the episode began {1e3 * away_m:.0f} mm and {away_rad:.2f} rad outside of the bounds",
            where=where,
            hint=f"see control.bounds in {workspace.task_file}",
        )
    return start


def replay_on_robot(
    workspace: Workspace,
    episode: Episode,
    *,
    seed: int = 0,
    report: Report = silent,
    stop: ShouldStop = never,
) -> RobotReplay:
    """Go slowly to where an episode began, and execute its actions as the environment lets them.

    Bounds, speeds and the hand's stop are in force, as in every episode.

    Args:
        workspace: the task folder, locked by the caller.
        episode: recorded with the same robot and control.
        seed: of the simulated devices.
        report: told of every step.
        stop: asked every step; True stops the robot.

    Raises:
        UsageError: the task has no robot.
        DataError: the episode does not fit; nothing has moved.
        DeviceError: something is in the way, or a device fails.
    """
    start = start_of(episode, workspace)
    watcher, recorded = _Watcher(episode, report), _Recorded(episode)
    spec = _long_enough(workspace.spec, len(episode))
    with open_station(
        spec, seed=seed, screen=told_by(report), stop=stop, folder=workspace.root
    ) as station:
        loop = EpisodeLoop(
            BeginsAt(station.env, start),
            recorded,
            station.teleop,
            Role.WATCH,
            [watcher],
            stop=lambda: recorded.is_over or stop(),
            claims_end_episode=False,
            questions=station.questions,
            put_back=between_episodes(workspace, station, report),
        )
        if loop.ready():
            loop.run_episode()
    return RobotReplay(watcher.steps, len(episode), np.array(watcher.away_mm or [0.0]))


class BeginsAt(gymnasium.Wrapper[Obs, Array, Obs, Array]):
    """Begin every episode at the same pose, and go there slowly.

    Args:
        env: of a robot.
        start: (7,) `T_base_tcp`.
    """

    def __init__(self, env: gymnasium.Env[Obs, Array], start: Array) -> None:
        super().__init__(env)
        self._start = start

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Obs, dict[str, Any]]:
        """Reset to that pose."""
        where = {"start": self._start, "travel_speed": TRAVEL_SPEED}
        return self.env.reset(seed=seed, options={**(options or {}), **where})


class _Recorded:
    """The policy that does what was done."""

    def __init__(self, episode: Episode) -> None:
        self._actions: Array = episode.actions
        self._done = 0

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to do."""
        return self._done == len(self._actions)

    def begin_episode(self, first: Observation) -> None:
        """Do nothing."""

    def act(self, observation: Observation) -> Array:
        """Return the next recorded action."""
        self._done += 1
        action: Array = self._actions[self._done - 1]
        return action


class _Watcher:
    """Compare where the tool is with where it was."""

    def __init__(self, episode: Episode, report: Report) -> None:
        self._path: Array = episode.state(POSE)[:, :3]
        self._report = report
        self.away_mm: list[float] = []

    @property
    def steps(self) -> int:
        """Steps that were executed."""
        return max(0, len(self.away_mm) - 1)

    def on_episode_start(self) -> None:
        """Say what is about to happen."""
        self._report(Event("phase", "going slowly to where the episode began"))

    def on_step(self, step: Step) -> None:
        """Measure, and tell."""
        if not self.away_mm:
            self._measure(step.observation)
        self._measure(step.next_observation)
        done, total = self.steps, len(self._path) - 1
        away_mm = self.away_mm[-1]
        text = f"step {done}/{total}, {away_mm:.1f} mm from where it was"
        self._report(Event("step", text, done, total, {"step": done, "away_mm": away_mm}))

    def on_episode_end(self, summary: EpisodeSummary) -> None:
        """Do nothing."""

    def _measure(self, seen: Observation) -> None:
        was = self._path[len(self.away_mm)]
        self.away_mm.append(1e3 * float(np.linalg.norm(seen.state[POSE][:3] - was)))


def _without_cameras(identity: Any) -> dict[str, Any]:
    return {key: value for key, value in identity.items() if key != "cameras"}


def _long_enough(spec: TaskSpec, steps: int) -> TaskSpec:
    """Return a task whose episodes last as long as the recorded one, at least."""
    control = spec.control
    seconds = max(control.max_episode_s, (steps + 1) / control.rate_hz)
    longer = control.model_copy(update={"max_episode_s": seconds})
    return spec.model_copy(update={"control": longer})
