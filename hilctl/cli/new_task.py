"""`hilctl new-task`: a task folder from a template."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilctl.cli.options import JsonOption
from hilctl.cli.render import Output
from hilctl.cli.suggestions import templates
from hilctl.task.templates import DEFAULT_TEMPLATE

if TYPE_CHECKING:
    from hilctl.task.scaffold import Answer, Question, Template


def new_task(
    name: Annotated[
        Path, typer.Argument(metavar="NAME", help="Folder to make; its name is the task's.")
    ],
    template: Annotated[
        str,
        typer.Option(
            "--template",
            "-t",
            metavar="T",
            help="sim-insert, sim-reach, ...",
            autocompletion=templates,
        ),
    ] = DEFAULT_TEMPLATE,
    from_hil_serl: Annotated[
        Path | None,
        typer.Option(
            "--from-hil-serl",
            metavar="CONFIG.py",
            help="Take over a rig of HIL-SERL; its file is read, not executed.",
        ),
    ] = None,
    defaults: Annotated[bool, typer.Option("--defaults", help="Ask nothing.")] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Answer a question beforehand."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Start a task folder from a template, or from the configuration of a HIL-SERL rig.

    Asks at most six questions; Enter takes the default. With --from-hil-serl, --set also says what
    a setting of that file is, in its own language: --set RESET_POSE="[0.5, 0, 0.2, np.pi, 0, 0]",
    or left.RESET_POSE of one of two arms.
    """
    from hilctl.task import scaffold
    from hilctl.task.workspace import Workspace

    output = Output(as_json=as_json)
    given = scaffold.parse_settings(settings or [])
    if from_hil_serl is None:
        chosen = scaffold.find_template(template)
    else:
        _refuse_template(template)
        scaffold.check_target(name)
        chosen, given = _imported(output, from_hil_serl, given, defaults=defaults)
    answers = chosen.answers(given)
    scaffold.check_target(name)
    scaffold.check_answers(chosen, name.name, answers)
    if not defaults:
        _ask(output, chosen, name.name, answers, skip=set(given))
    files = scaffold.create(chosen, name, answers)
    output.say(f"{name}/")
    for i, file in enumerate(files):
        output.say(f"{'└──' if i == len(files) - 1 else '├──'} {file.relative_to(name)}")
    workspace = Workspace(name)
    real = any(arm.robot.type != "sim" for arm in workspace.spec.each_arm.values())
    step = workspace.command("doctor" if real else "record-demos")
    result = {"folder": str(name), "files": [str(file) for file in files], "next": step}
    if from_hil_serl is not None:
        result |= _say_notes(output, name, chosen)
    output.next(step)
    output.result(result)


def _say_notes(output: Output, name: Path, template: Template) -> dict[str, list[str]]:
    """Tell what of a rig is taken over otherwise, or not at all; return it for `--json`."""
    notes = template.facts["notes"]
    told = {
        "changed": [str(note) for note in notes if note.is_remark],
        "not taken over": [str(note) for note in notes if not note.is_remark],
    }
    for kind, lines in told.items():
        for line in lines:
            output.say(f"{kind}: {line}")
    output.say(f"look through {name}/task.yaml; {name}/README.md tells the same again")
    return {kind.replace(" ", "_"): lines for kind, lines in told.items()}


def _refuse_template(template: str) -> None:
    from hilctl.errors import UsageError

    if template != DEFAULT_TEMPLATE:
        raise UsageError(
            "--from-hil-serl is a template by itself", hint="leave one of the two options out"
        )


def _imported(
    output: Output, file: Path, given: dict[str, str], *, defaults: bool
) -> tuple[Template, dict[str, str]]:
    """Return a rig as a template, and those of the given settings that answer its questions."""
    from hilctl.cli.prompts import ask_needed
    from hilctl.errors import DataError, UsageError
    from hilctl.task.hil_serl import importing
    from hilctl.task.hil_serl.config_file import read_config
    from hilctl.task.hil_serl.rig import HilSerlRig

    config = read_config(file)
    answers = {key: text for key, text in given.items() if key in importing.question_keys()}
    said = {key: text for key, text in given.items() if key not in answers}
    for key in HilSerlRig(config, said).lacking() if output.interactive and not defaults else ():

        def checked(text: str, key: str = key) -> str:
            try:
                HilSerlRig(config, {**said, key: text}).check_pose(key)
            except DataError as error:
                raise UsageError(error.message) from None
            return text

        question = f"{key} is not known: x, y, z in m; roll, pitch, yaw in rad?"
        said[key] = ask_needed(output, question, checked)
    return importing.template_of(config, said), answers


def _ask(
    output: Output, template: Template, name: str, answers: dict[str, Answer], skip: set[str]
) -> None:
    """Replace defaults by what a person answers; each answer is checked when it is given."""
    from hilctl.cli.prompts import ask
    from hilctl.errors import UsageError
    from hilctl.task.scaffold import flaws

    questions = [question for question in template.questions if question.key not in skip]
    if questions and not output.interactive:
        output.say("nobody is here to answer: the template's defaults are used")
        return
    for question in questions:

        def checked(text: str, question: Question = question) -> Answer:
            value = question.parse(text)
            if found := flaws(template, name, {**answers, question.key: value}):
                raise UsageError("\n  ".join(found))
            return value

        default = question.default_after(answers)
        answers[question.key] = ask(output, question.text, default, checked)
