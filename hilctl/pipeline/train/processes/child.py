"""How a process of `train` begins and ends; nothing slow is imported before it has its share."""

from __future__ import annotations

import importlib
import os
import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from hilctl.errors import HilctlError, TravelStoppedError
from hilctl.interrupts import raise_again, raising
from hilctl.pipeline.train.processes.event_sender import EventSender
from hilctl.pipeline.train.processes.presence import present
from hilctl.pipeline.train.processes.share import take_share
from hilctl.pipeline.train.processes.signals import ProcessSignals
from hilctl.task.files import explain_computer_error
from hilctl.task.spec import TaskSpec

ROLES = {
    "actor": "hilctl.pipeline.train.processes.actor_process",
    "learner": "hilctl.pipeline.train.processes.learner_process",
}
EXIT_FAILED = 1

_leave = raising(lambda: SystemExit(EXIT_FAILED))


@dataclass(frozen=True)
class ProcessTask:
    """All that a process has to know; small, because it is copied to it.

    Attributes:
        root: the task folder.
        spec: of the task, as it was when the run began.
        folder: of the run.
        seed: of the run.
        address: where the learner listens.
        supervisor: process id; without it nobody goes on.
    """

    root: Path
    spec: TaskSpec
    folder: Path
    seed: int
    address: Path
    supervisor: int

    @property
    def is_orphan(self) -> bool:
        """Whether the supervisor is gone."""
        return os.getppid() != self.supervisor


def run_child(
    role: str, assignment: ProcessTask, signals: ProcessSignals, pipe: Connection
) -> None:
    """Play a role until it ends; what goes wrong is told to the supervisor."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the supervisor decides
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGALRM, _leave)
    raise_again(SystemExit)
    take_share(role)
    sender = EventSender(pipe)
    try:
        with present(assignment.root):
            importlib.import_module(ROLES[role]).main(assignment, signals, sender)
    except TravelStoppedError:  # as the supervisor has asked for
        return
    except HilctlError as error:
        sender.fail(error)
        raise SystemExit(EXIT_FAILED) from None
    except (OSError, MemoryError) as error:
        told = explain_computer_error(error)
        if told is None:
            raise
        sender.fail(told)
        raise SystemExit(EXIT_FAILED) from None
    finally:
        sender.close()
