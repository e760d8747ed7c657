"""Start a task folder from a template: a folder of files with at most six questions."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hilctl.errors import HilctlError, UsageError
from hilctl.registry import did_you_mean
from hilctl.task.document import Document
from hilctl.task.files import explain_os_error, os_errors
from hilctl.task.leftovers import sweep_folders
from hilctl.task.load import load_task
from hilctl.task.problems import TaskProblemsError
from hilctl.task.spec import TaskSpec
from hilctl.task.templates import MANIFEST, template_folders
from hilctl.task.workspace import Workspace

_SUFFIX = ".j2"
UNFINISHED = r"\.hilctl-new-.+\.(\d+)\.tmp"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")

Answer = str | int | float


class Question(BaseModel):
    """One thing a template asks before it writes the folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    question: str
    default: Answer
    kind: Literal["text", "int", "float", "choice"]
    choices: dict[str, str] = {}  # what can be answered, and what each needs
    # key of an earlier question → answer to it → the default then
    given: dict[str, dict[str, Answer]] = {}

    @property
    def text(self) -> str:
        """The question below all that can be answered, for a person."""
        choices = [f"  {name}: {needs}" for name, needs in self.choices.items()]
        return "\n".join([*choices, self.question])

    def default_after(self, answers: Mapping[str, Answer]) -> Answer:
        """Return the default once earlier questions are answered."""
        for key, defaults in self.given.items():
            if (answer := str(answers.get(key))) in defaults:
                return defaults[answer]
        return self.default

    def parse(self, text: str) -> Answer:
        """Return what a person typed as a value.

        Raises:
            UsageError: not a value of this kind.
        """
        try:
            text.encode("utf-8")
            if self.kind == "choice":
                return self._chosen(text.strip())
            return {"text": str, "int": int, "float": float}[self.kind](text.strip())
        except ValueError:
            wanted = {"int": "a whole number", "float": "a number", "text": "text in UTF-8"}[
                self.kind
            ]
            raise UsageError(
                f"{self.key}: expected {wanted}, got {text!r}", hint=f"for example {self.default}"
            ) from None

    def _chosen(self, name: str) -> str:
        if name in self.choices:
            return name
        hint = did_you_mean(name, list(self.choices))
        raise UsageError(f"{self.key}: {name!r} is none of its choices", hint=hint)


class Template(BaseModel):
    """A folder of files to be filled in.

    Attributes:
        name: the folder's name.
        folder: where it lies.
        help: one line for people who choose.
        questions: what is asked, in order.
        facts: what is known without asking, for the files of the folder.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    folder: Path
    help: str
    questions: Annotated[list[Question], Field(max_length=6)]
    facts: dict[str, Any] = {}

    def answers(self, settings: Mapping[str, str]) -> dict[str, Answer]:
        """Return the given answers and, for all other questions, the defaults.

        Raises:
            UsageError: a setting that the template does not ask for, or of the wrong kind.
        """
        asked = {question.key: question for question in self.questions}
        for key in settings:
            if key not in asked:
                hint = did_you_mean(key, list(asked))
                if hint.startswith("known"):
                    hint += "; everything else stands in the task file that it makes"
                raise UsageError(f"template {self.name!r} has no setting {key!r}", hint=hint)
        answers: dict[str, Answer] = {}
        for key, question in asked.items():
            given = key in settings
            answers[key] = (
                question.parse(settings[key]) if given else question.default_after(answers)
            )
        return answers


def list_templates() -> list[Template]:
    """Return every template, by name."""
    return [_read_template(folder) for folder in template_folders()]


def find_template(name: str) -> Template:
    """Return a template by name.

    Raises:
        UsageError: there is none of that name.
    """
    folders = {folder.name: folder for folder in template_folders()}
    if name not in folders:
        raise UsageError(f"unknown template {name!r}", hint=did_you_mean(name, list(folders)))
    return _read_template(folders[name])


def parse_settings(pairs: Sequence[str]) -> dict[str, str]:
    """Return `key=value` texts as a mapping.

    Raises:
        UsageError: a text without `=`.
    """
    settings = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"cannot read setting {pair!r}", hint="write --set key=value")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise UsageError(f"{key.strip()}: {value!r} is not UTF-8 text")
        settings[key.strip()] = value
    return settings


def check_target(target: Path) -> None:
    """Check that a new task folder can be made.

    Raises:
        UsageError: a bad name, a missing parent folder, or something is there already.
    """
    if not _NAME.fullmatch(target.name):
        raise UsageError(
            f"{target.name!r} cannot be the name of a task",
            hint="letters, digits, '-' and '_', starting with a letter",
        )
    if not target.parent.is_dir():
        raise UsageError(f"no folder {target.parent}", hint=f"mkdir -p {target.parent}")
    with os_errors(target):
        taken = target.is_symlink() or (target.exists() and not _is_empty_folder(target))
    if taken:
        raise UsageError(f"{target} exists and is not empty", hint="choose another name")


def flaws(template: Template, name: str, answers: Mapping[str, Answer]) -> list[str]:
    """Return what is wrong with a task of that name and these answers; nothing is left on disk."""
    with tempfile.TemporaryDirectory() as folder:
        _render(template, Path(folder), name, answers)
        return _flaws_in(Path(folder))


def task_of(template: Template) -> TaskSpec:
    """Return the task that a template makes by itself; nothing is left on disk."""
    with tempfile.TemporaryDirectory() as folder:
        _render(template, Path(folder), template.name, template.answers({}))
        return load_task(Path(folder))


def check_answers(template: Template, name: str, answers: Mapping[str, Answer]) -> None:
    """Check that answers make a valid task.

    Raises:
        UsageError: they do not; the message says why.
    """
    _refuse(template, flaws(template, name, answers))


def create(
    template: Template,
    target: Path,
    answers: Mapping[str, Answer],
    beside: Mapping[str, str] = MappingProxyType({}),
) -> list[Path]:
    """Write a task folder in one stroke: all of it or nothing.

    Args:
        template: what to write.
        target: the new folder; its name becomes the task's.
        answers: a value for every question of the template.
        beside: further files by name, with what stands in them.

    Returns:
        The new files, sorted.

    Raises:
        UsageError: the folder cannot be made, or the answers make no valid task.
    """
    check_target(target)
    with os_errors(target):
        sweep_folders(target.parent, UNFINISHED)
        building = target.with_name(f".hilctl-new-{target.name}.{os.getpid()}.tmp")
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir()
        try:
            _render(template, building, target.name, answers)
            _refuse(template, _flaws_in(building))
            for name, text in beside.items():
                (building / name).write_text(text, "utf-8")
            _rename(building, target)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    return sorted(path for path in target.rglob("*") if path.is_file())


def make(name: str, target: Path, settings: Mapping[str, str] = MappingProxyType({})) -> Workspace:
    """Write a task folder from the template of a name, and return it.

    Args:
        name: of the template.
        target: the new folder.
        settings: answers that are not the template's defaults, as text.

    Raises:
        UsageError: there is no such template, or its folder cannot be made like that.
    """
    template = find_template(name)
    create(template, target, template.answers(settings))
    return Workspace(target)


def _read_template(folder: Path) -> Template:
    document = Document(folder / MANIFEST, f"{folder.name}/{MANIFEST}")
    try:
        return Template(name=folder.name, folder=folder, **document.data)
    except (ValidationError, TypeError) as error:
        raise HilctlError(f"template {folder.name!r} is damaged: {error}") from error


def _render(template: Template, building: Path, name: str, answers: Mapping[str, Answer]) -> None:
    from jinja2 import Environment, StrictUndefined

    values = {**template.facts, **answers, "name": name}
    environment = Environment(
        undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    environment.filters["yaml"] = _as_yaml
    for source in sorted(template.folder.rglob(f"*{_SUFFIX}")):
        inside = source.relative_to(template.folder)
        target = building / inside.with_name(inside.name.removesuffix(_SUFFIX))
        target.parent.mkdir(parents=True, exist_ok=True)
        text = environment.from_string(source.read_text("utf-8")).render(values)
        target.write_text(text, "utf-8")


def _as_yaml(value: Any) -> str:
    """Return a value as JSON, which is YAML that needs no further quoting."""
    return json.dumps(value, ensure_ascii=False)


def _flaws_in(building: Path) -> list[str]:
    try:
        load_task(building)
    except TaskProblemsError as error:
        return [
            f"{one.message} ({one.hint})" if one.hint else one.message for one in error.problems
        ]
    return []


def _refuse(template: Template, found: list[str]) -> None:
    if found:
        keys = ", ".join(question.key for question in template.questions)
        raise UsageError(
            "\n  ".join(["these answers make no valid task:", *found]),
            hint=f"mend what it says, or answer differently with --set: {keys}",
        )


def _rename(building: Path, target: Path) -> None:
    try:
        building.rename(target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise UsageError(
                f"{target} exists and is not empty", hint="choose another name"
            ) from None
        raise explain_os_error(error, target) from error


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())
