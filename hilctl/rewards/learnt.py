"""What a task's reward learns from labels, stage by stage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hilctl.rewards import REWARDS
from hilctl.task.spec import TaskSpec

if TYPE_CHECKING:
    from hilctl.rewards.classifier import ClassifierOptions

WHOLE = "success"  # as people call the one stage of a task without any
NOT_YET = "failure"  # of a task with or without stages: none of them is reached


def stages_needed(spec: TaskSpec) -> tuple[str, ...]:
    """Return the stages of the work, by name, that a task's reward needs."""
    return REWARDS.get(spec.reward.type).stages_needed(spec.reward.options)


def classifiers_of(spec: TaskSpec) -> dict[str, ClassifierOptions]:
    """Return the settings of a task's classifiers, by the stage that each judges.

    They are in the order in which the stages are reached; "" is the whole task. The label of a
    frame is the number of them that are reached there.
    """
    return REWARDS.get(spec.reward.type).classifiers(spec.reward.options)


def cameras_judged(spec: TaskSpec) -> list[str]:
    """Return the cameras by whose pictures a task's classifiers judge."""
    named = (camera for own in classifiers_of(spec).values() for camera in own.cameras)
    return list(dict.fromkeys(named))


def cameras_of_demonstrations(spec: TaskSpec) -> list[str]:
    """Return the cameras whose pictures are looked at in demonstrations.

    They are judged again by a reward that pays on the way, by whatever it sees.
    """
    judged = cameras_judged(spec) if REWARDS.get(spec.reward.type).pays_on_the_way else []
    return list(dict.fromkeys([*spec.observation.images, *judged]))


def frames_of_classes(spec: TaskSpec) -> dict[str, int]:
    """Return how many frames of each class a task wants labelled: of each stage, then of none."""
    classifiers = classifiers_of(spec)
    reached = {stage or WHOLE: own.success_frames for stage, own in classifiers.items()}
    return {**reached, NOT_YET: max(own.failure_frames for own in classifiers.values())}


def classifier_folder(folder: Path, stage: str) -> Path:
    """Return where the classifier of a stage lies, below what was learnt for a reward."""
    return folder / stage if stage else folder
