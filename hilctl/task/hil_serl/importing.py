"""A rig's file as a template whose answers are known, but for what the file does not hold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hilctl.task.hil_serl.config_file import ConfigFile
from hilctl.task.hil_serl.rig import HilSerlRig
from hilctl.task.scaffold import Question, Template, find_template
from hilctl.task.templates import import_folder

LIKE = "serl-insert"
GRIPPER = Question(
    key="gripper",
    question="Which gripper was the robot server started with?",
    default="robotiq",
    kind="choice",
    choices={"robotiq": "a Robotiq two-finger gripper", "franka": "the Franka hand"},
)


def question_keys() -> set[str]:
    """Return the keys of all questions that an import may ask."""
    return {question.key for question in _questions("", has_gripper=True, arms=1)}


def template_of(config: ConfigFile, said: Mapping[str, str]) -> Template:
    """Return a rig as a template.

    Args:
        config: its file.
        said: settings of the file that a person says, as `HilSerlRig` takes them.

    Raises:
        HilctlError: a setting is not what it is taken for, or a needed one lacks.
    """
    facts = HilSerlRig(config, said).facts()
    return Template(
        name=Path(config.shown).name,
        folder=import_folder(),
        help=f"the rig of {config.shown}",
        questions=_questions(
            config.folder, has_gripper=facts["learns_gripper"], arms=len(facts["arms"])
        ),
        facts=facts,
    )


def _questions(folder: str, *, has_gripper: bool, arms: int) -> list[Question]:
    known = {question.key: question for question in find_template(LIKE).questions}
    words = " ".join(folder.replace("_", " ").replace("-", " ").split())
    changed: dict[str, Any] = {"default": words or "do the task of this rig"}
    return [
        known["instruction"].model_copy(update=changed),
        *([known["teleop"]] if arms == 1 else []),
        *([GRIPPER] if has_gripper else []),
        known["demos"],
    ]
