"""The process that learns."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from hilctl.pipeline.events import Event, Report, ShouldStop, telling
from hilctl.pipeline.parts import open_encoder
from hilctl.pipeline.run_folder.run import Run
from hilctl.pipeline.train.learner.learning import LearningSide, open_learning_side
from hilctl.pipeline.train.learner.stored import RunFeatures
from hilctl.pipeline.train.processes.child import ProcessTask
from hilctl.pipeline.train.processes.event_sender import EventSender
from hilctl.pipeline.train.processes.signals import ProcessSignals
from hilctl.task.spec import TaskSpec
from hilctl.task.workspace import Workspace
from hilctl.training import wire
from hilctl.training.compilation import enable_compilation_cache
from hilctl.training.link import FinishedEpisode
from hilctl.training.mail import Announcer
from hilctl.training.remote import LearnerServer

IDLE_S = 0.1
LAST_WORDS_S = 0.5
ANNOUNCE_EVERY_S = 0.5
SAVE_EVERY_S = 60.0


def main(assignment: ProcessTask, signals: ProcessSignals, sender: EventSender) -> None:
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

    side = open_learning_side(run, open_encoder(workspace), sender.report, stop)
    if side is None:
        return
    # the actor prepares meanwhile
    server = LearnerServer(
        assignment.address, lambda: greeting(side), telling(sender.report, "link")
    )
    with _left_in_order(side, server, signals, sender):
        side.learn_before(_told_to_both(side, server, sender), stop)
        # afterwards: an agent may begin with other updates than those that go on
        sender.report(foretold(side.rehearse(), workspace.spec))
        sender.tell("ready")
        LearnerLoop(side, server).run(stop)


@contextmanager
def _left_in_order(
    side: LearningSide, server: LearnerServer, signals: ProcessSignals, sender: EventSender
) -> Iterator[None]:
    """Hang up, save what was learnt and tell how it went, however the block ends."""
    is_whole = True
    try:
        yield
    except SystemExit:  # perhaps in the middle of an update, which gives its arrays away
        is_whole = False
        raise
    finally:
        server.close()
        if is_whole and signals.go.value:  # before it says go the run has no folder
            side.save()
        sender.tell("health", **asdict(side.episode_learner.health()))


def _told_to_both(side: LearningSide, server: LearnerServer, sender: EventSender) -> Report:
    """Return what tells of updates before the robot moves: the actor, too, waits for them."""

    def report(event: Event) -> None:
        sender.report(event)
        server.post("health", wire.pack_health(side.episode_learner.health()))

    return report


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
    return wire.pack_greeting(side.greeting())


class LearnerLoop:
    """Take in episodes, make the updates they entitle to, announce what is new, save.

    Args:
        side: learns.
        server: where episodes come from and policies go.
    """

    def __init__(self, side: LearningSide, server: LearnerServer) -> None:
        self._side, self._server = side, server
        self._announcer = Announcer(side.episode_learner, server.post)
        self._seen = RunFeatures(side.run.folder, side.perception)
        self._announced = self._saved = time.monotonic()

    def run(self, stop: ShouldStop) -> None:
        """Learn until asked to stop; what has been sent or is on disk by then is taken in."""
        learner = self._side.learner
        self._announcer.announce()
        while not stop():
            took = self._take_all(0 if learner.is_behind else IDLE_S)
            now = time.monotonic()
            # an episode may have changed the reward, and the next one is to be judged by that
            if took or now - self._announced >= ANNOUNCE_EVERY_S:
                self._announced = now
                self._announcer.announce()
            if learner.is_behind:
                learner.learn_owed_chunk()
            if now - self._saved >= SAVE_EVERY_S:
                self._saved = now
                self._side.save()
        self._take_all(LAST_WORDS_S)
        self._take_from_disk()

    def _take_all(self, timeout_s: float) -> bool:
        """Take in what has come; return whether anything has."""
        took = False
        while (episode := self._server.receive(0 if took else timeout_s)) is not None:
            self._take(episode)
            took = True
        return took

    def _take(self, episode: FinishedEpisode) -> None:
        episode_learner = self._side.episode_learner
        if episode.number <= episode_learner.taken:
            return
        if episode.number > episode_learner.taken + 1:
            self._take_from_disk(before=episode.number)
        episode_learner.take(episode)
        self._seen.keep(episode.number, episode.trajectory)
        self._side.keep_if_best()

    def _take_from_disk(self, before: int | None = None) -> None:
        """Take in what got lost with the process that had it."""
        for episode in self._side.stored_episodes(before=before):
            self._side.episode_learner.take(episode)
