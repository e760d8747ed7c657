"""The process that moves the robot."""

from __future__ import annotations

import time

import jax

from hilctl.agents import AGENTS
from hilctl.env.make import open_station
from hilctl.errors import HilctlError
from hilctl.networks.perception import Perception
from hilctl.pipeline.acting import acting
from hilctl.pipeline.processes.child import Assignment
from hilctl.pipeline.processes.outlet import Outlet
from hilctl.pipeline.processes.signals import Signals
from hilctl.pipeline.progress import Event
from hilctl.pipeline.recording import Question, put_away_partials
from hilctl.pipeline.resume import EPISODES, progress_so_far
from hilctl.pipeline.run import ACTION_DIM, Run
from hilctl.pipeline.vision import open_classifier, open_encoder
from hilctl.rewards.classifier import ClassifierReward
from hilctl.task.workspace import Workspace
from hilctl.training import wire
from hilctl.training.compilation import enable_compilation_cache
from hilctl.training.link import PolicyUpdate
from hilctl.training.remote import RemoteLink

LEARNER_START_S = 900  # reading a long run and making updates before the robot moves take minutes
POLL_S = 0.2


def main(assignment: Assignment, signals: Signals, outlet: Outlet) -> None:
    """Act until the policy is good, or somebody asks for an end.

    Raises:
        DeviceError: a device cannot be opened or fails.
        DataError: stored data are unreadable or of another set-up.
        HilctlError: the learner does not answer.
    """
    enable_compilation_cache()
    workspace = Workspace(assignment.root, spec=assignment.spec)
    run = Run(workspace, assignment.folder, assignment.seed)
    put_away_partials(run.folder / EPISODES, outlet.report)  # of an actor that was killed
    run.progress = progress_so_far(run.folder, workspace.spec)
    run.started = time.monotonic() - run.progress.wall_s
    encoder = open_encoder(workspace)
    fitted = open_classifier(workspace, encoder)
    reward = ClassifierReward(fitted.model, fitted.consecutive)

    def stop() -> bool:
        return bool(signals.stop_acting.value) or assignment.is_orphan

    link = RemoteLink(assignment.address)
    try:
        with open_station(
            workspace.spec, seed=run.station_seed, encode=encoder, reward=reward, real_time=True
        ) as station:
            perception = _perception(link, workspace, stop)
            if perception is None:
                return
            grid = encoder.feature_shape[:2]
            agent = AGENTS.get(workspace.spec.agent.type).create(
                jax.random.key(run.seed),
                perception.example(grid),
                ACTION_DIM,
                workspace.spec.agent.options,
            )

            def decode(message: wire.Message) -> PolicyUpdate:
                return wire.unpack_policy(message, agent, reward.model)

            link.decode = decode
            outlet.tell("ready")
            while not signals.go.value and not stop():
                time.sleep(POLL_S)
            text = f"learning; help and verdicts by the {station.teleop.operator}"
            outlet.report(Event("phase", text))
            with acting(
                run,
                station,
                agent,
                perception,
                reward,
                link,
                outlet.report,
                stop,
                feature_grid=grid,
                falls_back=True,
            ) as actor:
                reached = actor.run()
            outlet.tell("done", reached=reached)
    finally:
        link.close()


def _perception(link: RemoteLink, workspace: Workspace, stop: Question) -> Perception | None:
    deadline = time.monotonic() + LEARNER_START_S
    while not stop():
        greeting = link.greeting(POLL_S)
        if greeting is not None:
            seen = workspace.spec.observation
            return Perception.from_arrays(
                greeting["perception"], cameras=seen.images, keys=seen.state, relative=seen.relative
            )
        if time.monotonic() > deadline:
            raise HilctlError(f"the learner has not answered for {LEARNER_START_S} s")
    return None
