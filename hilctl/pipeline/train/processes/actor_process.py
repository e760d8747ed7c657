"""The process that moves the robot."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from contextlib import closing
from typing import TypeVar

import jax

from hilctl.agents import AGENTS
from hilctl.env.make import Station, open_station
from hilctl.errors import HilctlError
from hilctl.networks.perception import Perception
from hilctl.pipeline.calibrate.check import check_cameras
from hilctl.pipeline.events import Event, ShouldStop, telling, told_by
from hilctl.pipeline.parts import open_encoder, open_reward
from hilctl.pipeline.record.recording import put_away_partials
from hilctl.pipeline.run_folder.resume import EPISODES, progress_so_far
from hilctl.pipeline.run_folder.run import Run
from hilctl.pipeline.train.acting import ActingSide, prepared_policy
from hilctl.pipeline.train.processes.child import ProcessTask
from hilctl.pipeline.train.processes.event_sender import EventSender
from hilctl.pipeline.train.processes.signals import ProcessSignals
from hilctl.real_time import become_real_time
from hilctl.rewards.base import Reward
from hilctl.rewards.value_bounds import bounded_agent_options
from hilctl.task.spec import TaskSpec
from hilctl.task.workspace import Workspace
from hilctl.training.compilation import enable_compilation_cache
from hilctl.training.link import Greeting, PolicyUpdate
from hilctl.training.remote import ActorClient

T = TypeVar("T")

LEARNER_START_S = 900  # reading a long run takes minutes; so does each part of the first updates
POLL_S = 0.2


def main(assignment: ProcessTask, signals: ProcessSignals, sender: EventSender) -> None:
    """Act until the policy is good, or somebody asks for an end.

    Raises:
        DeviceError: a device cannot be opened or fails.
        DataError: stored data are unreadable or of another set-up.
        HilctlError: the learner does not answer.
    """
    enable_compilation_cache()
    workspace = Workspace(assignment.root, spec=assignment.spec)
    run = _opened(workspace, assignment, sender)
    encoder = open_encoder(workspace)
    reward = open_reward(workspace, encoder)
    grid = encoder.feature_shape[:2]

    def stop() -> bool:
        return bool(signals.stop_acting.value) or assignment.is_orphan

    with (
        closing(ActorClient(assignment.address, telling(sender.report, "link"))) as link,
        open_station(
            workspace.spec,
            seed=run.station_seed,
            encode=encoder,
            reward=reward,
            real_time=True,
            screen=told_by(sender.report),
            stop=stop,
            folder=workspace.root,
        ) as station,
    ):
        check_cameras(workspace, station.robot, station.cameras, sender.report)
        taught = _first_lesson(link, run, station, grid, reward, stop)
        if taught is None:
            return
        perception, first = taught
        policy = prepared_policy(run, first.agent, perception, grid)
        # what is there by now stays: the collector need not look through it while the robot moves
        gc.collect()
        gc.freeze()
        become_real_time()  # with all threads that JAX and the devices have started by now
        sender.tell("ready")
        while not signals.go.value and not stop():
            time.sleep(POLL_S)
        text = f"learning; help and verdicts by the {station.teleop.operator}"
        sender.report(Event("phase", text))
        acting_side = ActingSide(
            run,
            station,
            policy,
            reward,
            link,
            sender.report,
            stop,
            falls_back=True,
            first_updates=first.updates,
        )
        with acting_side.ready() as actor:
            reached = actor.run()
        sender.tell("done", reached=reached, left_early=run.left_early)


def _opened(workspace: Workspace, assignment: ProcessTask, sender: EventSender) -> Run:
    """Return the run as it was left; what a killed actor was writing is put away."""
    run = Run(workspace, assignment.folder, assignment.seed)
    put_away_partials(run.folder / EPISODES, sender.report)
    run.progress = progress_so_far(run.folder, workspace.spec)
    run.started = time.monotonic() - run.progress.wall_s
    return run


def _first_lesson(
    link: ActorClient,
    run: Run,
    station: Station,
    grid: tuple[int, int],
    reward: Reward,
    stop: ShouldStop,
) -> tuple[Perception, PolicyUpdate] | None:
    """Return what the learner sees and its newest policy; None when stopped.

    The robot never moves untaught: a policy is waited for.

    Raises:
        DataError: the learner's policies do not fit the environment.
        HilctlError: it does not answer.
    """

    def at_work() -> object:
        return link.health().updates

    greeting = _wait_for(link.greeting, at_work, stop)
    if greeting is None:
        return None
    greeting.check_environment(station.action_layout, station.observation_layout)
    perception = _perception(greeting, run.workspace.spec)
    options = run.workspace.spec.agent
    agent = AGENTS.get(options.type).create(
        jax.random.key(run.seed),
        perception.example(grid),
        greeting.actions,
        bounded_agent_options(run.workspace.spec),
    )
    link.expect(agent, reward.model)
    first = _wait_for(link.latest_policy, at_work, stop)
    return None if first is None else (perception, first)


def _perception(greeting: Greeting, spec: TaskSpec) -> Perception:
    seen = spec.observation
    try:
        return Perception.from_arrays(
            greeting.perception,
            cameras=seen.images,
            keys=spec.measurements,
            relative=seen.relative,
        )
    except KeyError as error:
        raise HilctlError(f"the learner does not say how its policies see: {error}") from error


def _wait_for(
    look: Callable[[], T | None], at_work: Callable[[], object], stop: ShouldStop
) -> T | None:
    """Return what there is to see once there is something, None when stopped.

    Args:
        look: for it.
        at_work: what changes as long as the learner is at work.
        stop: asked whether to wait no longer.

    Raises:
        HilctlError: there is nothing for too long, and nothing changes.
    """
    told, deadline = at_work(), time.monotonic() + LEARNER_START_S
    while not stop():
        if (found := look()) is not None:
            return found
        if (now := at_work()) != told:
            told, deadline = now, time.monotonic() + LEARNER_START_S
        if time.monotonic() > deadline:
            raise HilctlError(f"the learner has not answered for {LEARNER_START_S} s")
        time.sleep(POLL_S)
    return None
