"""Everything that acts in a run: the loop on an open station, and who is told of its episodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial

import jax

from hilctl.agents.base import Agent
from hilctl.data.recorder import EpisodeRecorder
from hilctl.data.step import EpisodeSummary
from hilctl.env.loop import EpisodeLoop, Subscriber
from hilctl.env.make import Station
from hilctl.networks.perception import Perception
from hilctl.pipeline.between_episodes import between_episodes
from hilctl.pipeline.events import Event, Report, ShouldStop, telling
from hilctl.pipeline.record.recording import episode_attributes
from hilctl.pipeline.run_folder.resume import EPISODES
from hilctl.pipeline.run_folder.run import Run
from hilctl.rewards.base import Reward
from hilctl.rewards.learnt import classifiers_of
from hilctl.rewards.value_bounds import largest_value
from hilctl.teleop.base import Role
from hilctl.training.actor import Actor, EpisodeBuffer
from hilctl.training.cadence import Cadence
from hilctl.training.coach import Coach
from hilctl.training.link import Link
from hilctl.training.policy import AgentPolicy
from hilctl.training.trial import Trials

MOVING = Event("moving", "the robot moves")


def nothing_more() -> None:
    """Do nothing after an episode."""


def prepared_policy(
    run: Run, agent: Agent, perception: Perception, grid: tuple[int, int]
) -> AgentPolicy:
    """Return a policy with noise of its own for every part of a run; nothing is left to compile.

    Args:
        run: that it acts in.
        agent, perception: how it acts and sees.
        grid: rows and columns of the encoder's features.
    """
    key = jax.random.key(run.seed + 1)
    if run.progress.episodes:
        key = jax.random.fold_in(key, run.progress.episodes)
    policy = AgentPolicy(agent, perception, key, greedy=False)
    policy.warm_up(grid)
    return policy


@dataclass(frozen=True)
class ActingSide:
    """What acts in a run; `ready()` gives the actor.

    Attributes:
        run: whose folder takes episodes and log.
        station: open devices.
        policy: the first one, from `prepared_policy`.
        reward: the station's.
        link: to the learning side.
        report: told the counts after every episode.
        stop: asked every step.
        after_episode: called when an episode has been logged.
        max_steps: robot steps after which it gives up.
        falls_back: an older policy takes over from one whose actions are no numbers.
        first_updates: critic updates behind the first policy.
        goes_first: see `EpisodeLoop`.
    """

    run: Run
    station: Station
    policy: AgentPolicy
    reward: Reward
    link: Link
    report: Report
    stop: ShouldStop
    after_episode: Callable[[], None] = nothing_more
    max_steps: int | None = None
    falls_back: bool = False
    first_updates: int = 0
    goes_first: bool = True

    @contextmanager
    def ready(self) -> Iterator[Actor]:
        """Return the actor, ready to move; the run's files are closed on leaving."""
        run, spec = self.run, self.run.workspace.spec
        control, progress = spec.control, self.run.progress
        buffer = EpisodeBuffer()
        most_steps = round(control.max_episode_s * control.rate_hz)
        actions = self.station.action_layout
        taught = bool(classifiers_of(spec))
        coach = Coach(control.rate_hz, most_steps, actions, largest_value(spec), taught)
        attributes = episode_attributes(run.workspace, self.station, run.seed)
        recorder = EpisodeRecorder(
            run.folder / EPISODES, kind="rollout", attributes=attributes, notes=lambda: actor.notes
        )
        earlier_s, elapsed_s = progress.robot_s, self.station.stopwatch()
        actor = Actor(
            loop=self._loop([buffer, recorder, coach]),
            buffer=buffer,
            policy=self.policy,
            reward=self.reward,
            perception=self.policy.perception,
            link=self.link,
            progress=progress,
            number=progress.episodes,
            trials=Trials.resumed(spec.training.target_success, progress.tried),
            max_robot_s=run.limit_s,
            clock_s=lambda: earlier_s + elapsed_s(),
            on_episode=partial(self._log, coach),
            tell=telling(self.report, "process"),
            max_steps=self.max_steps,
            falls_back=self.falls_back,
            first_updates=self.first_updates,
        )
        with closing(recorder), closing(run):
            run.open_logs()
            yield actor
            run.left_early |= actor.has_quit

    def _loop(self, subscribers: list[Subscriber]) -> EpisodeLoop:
        cadence = Cadence(self.run.progress, lambda: self.report(MOVING))
        return EpisodeLoop(
            self.station.env,
            self.policy,
            self.station.teleop,
            Role.SUPERVISE,
            [*subscribers, cadence],
            stop=self.stop,
            questions=self.station.questions,
            put_back=between_episodes(self.run.workspace, self.station, self.report, self.reward),
            goes_first=self.goes_first,
        )

    def _log(self, coach: Coach, summary: EpisodeSummary) -> None:
        progress = self.run.progress
        troubles = coach.diagnoses(progress.learner.get("q"), progress.lag_steps)
        self.run.on_episode(summary, troubles, self.report)
        self.after_episode()
