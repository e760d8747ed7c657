"""`hilctl train-classifier`: from labels to a reward, judged on episodes it has not seen."""

from __future__ import annotations

import shlex
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

from hilctl.agents.options import AgentOptions
from hilctl.errors import BelowBarError, DataError, MissingStageError
from hilctl.pipeline import stages
from hilctl.pipeline.classify.label_frames import encode_labels
from hilctl.pipeline.events import Event, Report, silent
from hilctl.pipeline.features import Demonstrations
from hilctl.pipeline.parts import open_encoder
from hilctl.pipeline.record.recording import open_labels
from hilctl.rewards.classifier import ClassifierOptions
from hilctl.rewards.fit import ClassifierSource, FittedClassifier, fit_classifier
from hilctl.rewards.frames import LabelledFrames
from hilctl.rewards.learnt import cameras_judged, classifier_folder, classifiers_of
from hilctl.rewards.look_alikes import LookAlike, find_look_alike
from hilctl.rewards.metrics import MIN_RECALL
from hilctl.rewards.report import draw_curve, draw_mistakes
from hilctl.rewards.store import save_classifier
from hilctl.task.fingerprint import data_identity
from hilctl.task.workspace import Workspace
from hilctl.training.compilation import enable_compilation_cache

CURVE = "precision_recall.png"
MISTAKES = "mistakes.png"


@dataclass(frozen=True)
class ClassifierResult:
    """A classifier that was trained, and where it lies.

    Attributes:
        stage: that it judges; "" is the whole task.
        fitted: the classifier with its held-out figures.
        folder: of it.
        labels: folder of the labels that it learnt from.
        look_alike: whose failures alone keep it from recognising many successes, if one's do.
    """

    stage: str
    fitted: FittedClassifier
    folder: Path
    labels: Path
    look_alike: LookAlike | None = None

    @property
    def curve(self) -> Path:
        """The picture of precision over recall."""
        return self.folder / CURVE

    @property
    def mistakes(self) -> Path:
        """The picture of its worst mistakes."""
        return self.folder / MISTAKES

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        figures = self.fitted.metrics.as_dict()
        del figures["curve"], figures["folds"]
        return {
            **figures,
            "threshold": self.fitted.model.threshold,
            "consecutive": self.fitted.consecutive,
            "max_false_positive_rate": self.fitted.max_false_positive_rate,
            "episodes": len(self.fitted.source.label_episodes),
            "cameras": list(self.fitted.model.cameras),
            "encoder": self.fitted.source.encoder,
            "folder": str(self.folder),
            "curve": str(self.curve),
            "mistakes": str(self.mistakes),
            "look_alike": asdict(self.look_alike) if self.look_alike else None,
        }

    @property
    def is_good(self) -> bool:
        """Whether it is worth learning from: it recognises most successes."""
        return self._recall[0] >= MIN_RECALL

    @property
    def _recall(self) -> tuple[float, str]:
        """The poorer share that is recognised, of frames or of whole successes, and of which."""
        metrics = self.fitted.metrics
        if metrics.successes["shown"] and metrics.recognised < metrics.recall:
            return metrics.recognised, f"successes by {self.fitted.consecutive} frames in a row"
        return metrics.recall, "success frames"

    @property
    def blame(self) -> str:
        """Which failures set the threshold, and what to do about them; "" where no episode does."""
        alike = self.look_alike
        if alike is None:
            return ""
        file = shlex.quote(str(self.labels / alike.episode))
        labelled = f"not yet {self.stage}" if self.stage else "failure"
        return (
            f"frames labelled {labelled} in {file} (step {alike.step}) look so much like success "
            f"that they set the threshold; without them {alike.recognised} of {alike.shown} "
            f"successes would pass it. See them: hilctl replay {file}. If the label is wrong, "
            "move that file away; if it is right, raise failure_frames of the reward; then record "
            "labels again"
        )

    def check(self) -> None:
        """Check that the classifier is worth learning from.

        The threshold keeps to `max_false_positive_rate` whatever the labels are; what poor labels
        cost is recall: of frames, and of successes with the frames in a row that each one takes.

        Raises:
            BelowBarError: it would miss most successes.
        """
        if self.is_good:
            return
        recall, of_what = self._recall
        of_stage = f" of {self.stage}" if self.stage else ""
        raise BelowBarError(
            f"the classifier{of_stage} recognises only {recall:.0%} of the {of_what} when it may "
            f"take {self.fitted.max_false_positive_rate:.1%} of the failures for success",
            where=str(self.mistakes),
            hint=self.blame
            or "look at that picture; a camera that sees more may help, or more labels: raise "
            "reward.success_frames and failure_frames, then record them",
        )


@dataclass(frozen=True)
class TrainedClassifiers:
    """The classifiers of a task, in the order in which their stages are reached."""

    each: tuple[ClassifierResult, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON: the figures of the only one, or those of every stage by its name."""
        found = {one.stage: one.as_dict() for one in self.each}
        return found.get("", {"stages": found})

    @property
    def is_good(self) -> bool:
        """Whether all are worth learning from."""
        return all(one.is_good for one in self.each)

    def check(self) -> None:
        """Check that all are worth learning from.

        Raises:
            BelowBarError: one would miss most successes.
        """
        for one in self.each:
            one.check()


def train_classifier(
    workspace: Workspace, *, seed: int = 0, report: Report = silent
) -> TrainedClassifiers:
    """Train the reward classifiers of a task on its labels, and save them with pictures.

    That of a stage takes the frames in which it is reached, or a later one, for success. The
    demonstrations are encoded too, for `train`.

    Args:
        workspace: the task folder, locked by the caller.
        seed: of folds, first weights and batches.
        report: told what is going on.

    Raises:
        MissingStageError: there are too few labels.
        DataError: labels are unreadable or of another task, or the weights are.
    """
    spec = workspace.spec
    stages.require(workspace, "labels")
    enable_compilation_cache()
    encoder, dataset = open_encoder(workspace), open_labels(workspace)
    data, reached = encode_labels(dataset, cameras_judged(spec), encoder, report)
    source = ClassifierSource(
        data_identity=data_identity(spec),
        encoder=cast(AgentOptions, spec.agent.options).encoder,
        encoder_fingerprint=encoder.fingerprint,
        label_episodes=tuple(path.name for path in dataset.paths),
    )
    each = []
    for number, (stage, options) in enumerate(classifiers_of(spec).items(), 1):
        what = f"{stage}: learning" if stage else "learning"
        report(Event("fit", f"{what} from {len(data)} frames", figures={"frames": len(data)}))
        folder = classifier_folder(workspace.classifier, stage)
        of_stage = replace(data, labels=reached >= number)
        each.append(_fitted(stage, of_stage, source, options, seed, folder, workspace.labels))
    _encode_demonstrations(workspace, report)
    return TrainedClassifiers(tuple(each))


def _fitted(
    stage: str,
    data: LabelledFrames,
    source: ClassifierSource,
    options: ClassifierOptions,
    seed: int,
    folder: Path,
    labels: Path,
) -> ClassifierResult:
    """Fit the classifier of a stage, and save it with pictures."""
    try:
        fitted, held_out = fit_classifier(
            data,
            source,
            cameras=options.cameras,
            max_false_positive_rate=options.max_false_positive_rate,
            consecutive=options.consecutive,
            seed=seed,
        )
    except DataError as error:
        if not stage:
            raise
        raise DataError(f"{stage}: {error.message}", where=error.where, hint=error.hint) from error
    save_classifier(folder, fitted)
    draw_curve(folder / CURVE, fitted.metrics, fitted.model.threshold)
    draw_mistakes(folder / MISTAKES, data, held_out, fitted.model.threshold)
    look_alike = find_look_alike(
        held_out,
        data,
        fitted.memory.folds,
        options.max_false_positive_rate,
        options.consecutive,
    )
    return ClassifierResult(stage, fitted, folder, labels, look_alike)


def _encode_demonstrations(workspace: Workspace, report: Report) -> None:
    """Encode them where nobody stands beside a robot and waits; `train` finds them encoded."""
    with suppress(MissingStageError, DataError):  # `train` says what is wrong with them
        Demonstrations.load(workspace, open_encoder(workspace), report)
