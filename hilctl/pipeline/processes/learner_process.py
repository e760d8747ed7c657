"""The process that learns."""

from __future__ import annotations

import time
from dataclasses import asdict

import numpy as np

from hilctl.pipeline.learning import LearningSide, open_learning_side
from hilctl.pipeline.processes.child import Assignment
from hilctl.pipeline.processes.outlet import Outlet
from hilctl.pipeline.processes.signals import Signals
from hilctl.pipeline.progress import Event
from hilctl.pipeline.recording import Question
from hilctl.pipeline.run import Run
from hilctl.pipeline.stored import Seen, stored_episodes
from hilctl.pipeline.vision import open_encoder
from hilctl.task.spec import TaskSpec
from hilctl.task.workspace import Workspace
from hilctl.training import wire
from hilctl.training.compilation import enable_compilation_cache
from hilctl.training.link import FinishedEpisode
from hilctl.training.remote import Inlet

IDLE_S = 0.1
LAST_WORDS_S = 0.5
PUBLISH_EVERY_S = 0.5
SAVE_EVERY_S = 60.0


def main(assignment: Assignment, signals: Signals, outlet: Outlet) -> None:
    """Learn from what comes in until somebody asks for an end, then save.

    Raises:
        MissingStageError: demonstrations or classifier are missing.
        DataError: stored data are unreadable or of another set-up.
    """
    enable_compilation_cache()
    workspace = Workspace(assignment.root, spec=assignment.spec)
    run = Run(workspace, assignment.folder, assignment.seed)

    def stop() -> bool:
        return bool(signals.stop_learning.value) or assignment.is_orphan

    side = open_learning_side(run, open_encoder(workspace), outlet.report, stop)
    if side is None:
        return
    inlet = Inlet(assignment.address, lambda: greeting(side))  # the actor prepares meanwhile
    try:
        outlet.report(foretold(side.rehearse(), workspace.spec))
        side.learn_before(stop)
        outlet.tell("ready")
        Schooling(side, inlet).run(stop)
    finally:
        inlet.close()
        if signals.go.value:  # before that the run has no folder
            side.save()
        outlet.tell("health", **asdict(side.apprentice.health()))


def foretold(step_s: float, spec: TaskSpec) -> Event:
    """Return whether this machine can keep the ratio of updates to steps that is asked for.

    Args:
        step_s: that the updates of one robot step take.
        spec: of the task.
    """
    wanted, rate_hz = spec.training.updates_per_step, spec.control.rate_hz
    possible = wanted / (step_s * rate_hz)
    text = f"this machine can make {possible:.1f} updates a step at {rate_hz:g} Hz"
    if possible < wanted:
        text += (
            f", not the {wanted} of training.updates_per_step: "
            "the learner will fall behind; lower that number, control.rate_hz or agent.batch"
        )
    return Event("phase", text, figures={"updates_per_step_possible": possible})


def greeting(side: LearningSide) -> bytes:
    """Return what the acting side has to know first."""
    perception = {name: np.asarray(array) for name, array in side.perception.arrays().items()}
    return wire.pack("greeting", {"taken": side.apprentice.taken, "perception": perception})


class Schooling:
    """Take in episodes, make the updates they entitle to, publish policies, save.

    Args:
        side: learns.
        inlet: where episodes come from and policies go.
    """

    def __init__(self, side: LearningSide, inlet: Inlet) -> None:
        self._side, self._inlet = side, inlet
        self._seen = Seen(side.run.folder, side.perception)
        self._published = self._saved = time.monotonic()
        self._published_updates = -1

    def run(self, stop: Question) -> None:
        """Learn until asked to stop; what has been sent by then is taken in."""
        learner = self._side.learner
        self._publish()
        while not stop():
            self._take_all(0 if learner.is_behind else IDLE_S)
            if learner.is_behind:
                learner.learn_owed_chunk()
            now = time.monotonic()
            if now - self._published >= PUBLISH_EVERY_S:
                self._published = now
                self._publish()
            if now - self._saved >= SAVE_EVERY_S:
                self._saved = now
                self._side.save()
        self._take_all(LAST_WORDS_S)

    def _take_all(self, timeout_s: float) -> None:
        episode = self._inlet.receive(timeout_s)
        while episode is not None:
            self._take(episode)
            episode = self._inlet.receive(0)

    def _take(self, episode: FinishedEpisode) -> None:
        apprentice = self._side.apprentice
        if episode.number <= apprentice.taken:
            return
        if episode.number > apprentice.taken + 1:
            self._fill_gap(episode.number)
        apprentice.take(episode)
        self._seen.keep(episode.number, episode.trajectory)
        self._side.keep_if_best()

    def _fill_gap(self, before: int) -> None:
        """Take in from disk what got lost with the process that had it."""
        side, run = self._side, self._side.run
        after, spec = side.apprentice.taken, run.workspace.spec
        for episode in stored_episodes(
            run.folder, spec, side.encoder, side.perception, after=after
        ):
            if episode.number < before:
                side.apprentice.take(episode)

    def _publish(self) -> None:
        policy = None
        if self._side.learner.updates != self._published_updates:
            self._published_updates = self._side.learner.updates
            policy = wire.pack_policy(self._side.apprentice.policy())
        self._inlet.publish(policy, wire.pack_health(self._side.apprentice.health()))
