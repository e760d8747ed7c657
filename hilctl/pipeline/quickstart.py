"""`hilctl quickstart`: every stage of the method in one folder, in simulation.

What lies in the folder decides where it goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hilctl.pipeline.classify.train_classifier import train_classifier
from hilctl.pipeline.evaluate.evaluate import evaluate
from hilctl.pipeline.events import Event, Figures, Report, ShouldStop, never, silent
from hilctl.pipeline.quickstart_journal import QuickstartJournal, QuickstartSession, begin
from hilctl.pipeline.quickstart_result import QuickstartResult, read_result, write_page
from hilctl.pipeline.record.demos import record_demos
from hilctl.pipeline.record.labels import are_complete, record_labels
from hilctl.pipeline.stages import require_classifier, survey
from hilctl.pipeline.train.train import train
from hilctl.task.workspace import Workspace

EVALUATION_EPISODES = 20
CLASSIFIER_FIGURES = ("precision", "recall", "false_positive_rate")
# measured on two cores: 2.9 to 3.4 minutes with three seeds, 5.6 with one at half the speed
TAKES = "3 to 6 minutes on two quick processor cores, half an hour if it learns slowly"


def quickstart(
    folder: Path,
    *,
    template: str | None = None,
    seed: int | None = None,
    report: Report = silent,
    stop: ShouldStop = never,
) -> QuickstartResult | None:
    """Run every stage that is not done yet; None when stopped before the end.

    Args:
        folder: to make, or of a quickstart that was stopped or killed, or is done.
        template: of the task; None = as it was begun.
        seed: of everything that is random; None = as it was begun.
        report: told of each stage (event "stage") and what happens in it.
        stop: asked every step.

    Raises:
        UsageError: the folder holds something else, was begun differently, or has a reward without
            classifier.
        HilctlError: whatever a stage raises.
    """
    begin(folder, template, seed)
    workspace = Workspace(folder)
    require_classifier(workspace, "quickstart")
    with workspace.lock("quickstart"):
        journal = QuickstartJournal.read(folder)
        assert journal is not None
        tour = _Tour(workspace, QuickstartSession(folder, journal), report, stop)
        if not tour.run():
            return None
        result = read_result(workspace, journal)
        write_page(result)
        return result


@dataclass(frozen=True)
class _Part:
    """One stage: its title, whether it is done already, and what does it."""

    title: str
    is_done: Callable[[], bool]
    do: Callable[[], object]


@dataclass(frozen=True)
class _Tour:
    """The stages in a row."""

    workspace: Workspace
    session: QuickstartSession
    report: Report
    stop: ShouldStop

    def run(self) -> bool:
        """Do what is not done; return whether all is."""
        parts = self._parts()
        self._tell_what_comes(parts)
        for number, part in enumerate(parts, 1):
            done = part.is_done()
            text = f"[{number}/{len(parts)}] {part.title}{': done before' if done else ''}"
            figures: Figures = {
                "title": part.title,
                "at_s": self.session.wall_s,
                "done_before": done,
            }
            self.report(Event("stage", text, number, len(parts), figures))
            if not done:
                part.do()
                self.session.write()
            if self.stop():
                return False
        return True

    def _parts(self) -> list[_Part]:
        return [
            _Part(
                "demonstrations",
                lambda: self._has_classifier() or self._is_ready("demos"),
                lambda: self._record(record_demos, "demonstrations"),
            ),
            _Part(
                "labels: what success and failure look like",
                lambda: self._has_classifier() or are_complete(self.workspace),
                lambda: self._record(record_labels, "labels"),
            ),
            _Part("reward classifier", self._has_classifier, self._train_classifier),
            _Part(
                "reinforcement learning with a human in the loop",
                lambda: self._is_ready("policy"),
                self._train,
            ),
            _Part(
                "evaluation: greedy, no hand on the robot",
                lambda: self._is_ready("evaluation"),
                self._evaluate,
            ),
        ]

    def _tell_what_comes(self, parts: list[_Part]) -> None:
        journal, folder = self.session.journal, self.workspace.root
        if journal.wall_s:
            text = f"going on with the quickstart in {folder} after {journal.wall_s / 60:.1f} min"
        else:
            text = (
                f"{len(parts)} stages in the folder {folder}: demonstrations, labels, classifier "
                "(1 to 2 minutes), learning (2 to 3, at most 30) and evaluation (less than one), "
                f"in all {TAKES}; Ctrl-C stops at any time, the same command goes on"
            )
        self.report(Event("phase", text, figures={"takes": TAKES, "wall_s": journal.wall_s}))

    def _is_ready(self, name: str) -> bool:
        return any(stage.ready for stage in survey(self.workspace) if stage.name == name)

    def _has_classifier(self) -> bool:
        return self.session.journal.classifier is not None

    def _record(self, verb: Callable[..., object], stage: str) -> None:
        def told(event: Event) -> None:
            self.session.take(stage, event)
            self.report(event)

        verb(self.workspace, seed=self.session.journal.seed, report=told, stop=self.stop)

    def _train_classifier(self) -> None:
        seed = self.session.journal.seed
        figures = train_classifier(self.workspace, seed=seed, report=self._told).as_dict()
        self.session.journal.classifier = {key: figures[key] for key in CLASSIFIER_FIGURES}

    def _train(self) -> None:
        train(self.workspace, seed=self.session.journal.seed, report=self._told, stop=self.stop)

    def _evaluate(self) -> None:
        evaluate(
            self.workspace,
            episodes=EVALUATION_EPISODES,
            seed=self.session.journal.seed,
            report=self._told,
            stop=self.stop,
            video=True,
        )

    def _told(self, event: Event) -> None:
        self.session.write_now_and_then()
        self.report(event)
