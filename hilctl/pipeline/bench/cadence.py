"""Whether the control loop keeps its rate while the learner takes all it can get."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from hilctl.pipeline.classify.train_classifier import train_classifier
from hilctl.pipeline.events import Event, Report
from hilctl.pipeline.record.demos import record_demos
from hilctl.pipeline.record.labels import record_labels
from hilctl.pipeline.train.train import train
from hilctl.task import scaffold
from hilctl.task.spec import TaskSpec
from hilctl.task.workspace import Workspace

RATES_HZ = (10, 20)
ENDLESS_UPDATES = 32  # a step: more than two cores can make, as the steps left behind show
# nothing is learnt: a good policy would go on trial, for which the learner rests, and end the run
NO_LEARNING = 1e-12


def bench_cadence(seconds: float, report: Report) -> dict[str, Any]:
    """Train in real time at 10 and at 20 Hz, each for a while, and count late control periods.

    Args:
        seconds: of training at each rate.
        report: told what is going on.

    Raises:
        HilctlError: whatever training raises.
    """
    figures: dict[str, Any] = {"cadence_s": seconds}
    worst_s = 0.0
    with tempfile.TemporaryDirectory() as scratch:
        for rate_hz in RATES_HZ:
            busy = prepared(Path(scratch) / f"at_{rate_hz}_hz", rate_hz, report)
            report(Event("bench", f"control at {rate_hz} Hz beside a learner at full load"))
            watch = Stopwatch(seconds, report)
            result = train(busy, new=True, lockstep=False, report=watch.report, stop=watch.is_over)
            if result is None or not result.progress.robot_steps:
                continue
            progress = result.progress
            late_pct = 100 * progress.late_periods / progress.robot_steps
            figures[f"late_periods_{rate_hz}hz_pct"] = late_pct
            figures[f"periods_{rate_hz}hz"] = progress.robot_steps
            figures[f"updates_{rate_hz}hz"] = progress.updates
            figures[f"steps_behind_{rate_hz}hz"] = progress.lag_steps
            worst_s = max(worst_s, progress.worst_late_s + 1 / rate_hz)
            # the second start finds everything compiled
            figures["start_to_first_step_s"] = watch.first_step_s
    return figures | {"worst_period_ms": worst_s * 1e3}


def prepared(root: Path, rate_hz: float, report: Report) -> Workspace:
    """Return a task with data recorded at a control rate, ready to be trained without end."""
    made = scaffold.make("sim-insert", root)
    workspace = Workspace(root, spec=without_end(made.spec, rate_hz))
    record_demos(workspace, report=report)
    record_labels(workspace, report=report)
    train_classifier(workspace, report=report)
    return workspace


def without_end(spec: TaskSpec, rate_hz: float) -> TaskSpec:
    """Return a task whose training goes on whatever happens, with more updates than can be made."""
    options = spec.agent.options.model_copy(update={"learning_rate": NO_LEARNING})
    never = {"max_robot_minutes": 1000.0, "target_success": 1.0}
    busy = {"updates_per_step": ENDLESS_UPDATES, "updates_before": 0}
    return spec.model_copy(
        update={
            "agent": spec.agent.model_copy(update={"options": options}),
            "control": spec.control.model_copy(update={"rate_hz": rate_hz}),
            "training": spec.training.model_copy(update=never | busy),
        }
    )


class Stopwatch:
    """Stop a training so many seconds after its robot has begun to move.

    Args:
        seconds: to run.
        report: passes on what it is told.
    """

    def __init__(self, seconds: float, report: Report) -> None:
        self._seconds, self._report = seconds, report
        self._started = time.monotonic()
        self.first_step_s: float | None = None

    def report(self, event: Event) -> None:
        """Note when the robot begins to move."""
        if event.name == "moving" and self.first_step_s is None:
            self.first_step_s = time.monotonic() - self._started
        self._report(event)

    def is_over(self) -> bool:
        """Return whether the time is over."""
        if self.first_step_s is None:
            return False
        return time.monotonic() - self._started > self.first_step_s + self._seconds
