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
    defaults: Annotated[bool, typer.Option("--defaults", help="Ask nothing.")] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Answer a question beforehand."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Start a task folder from a template.

    Asks at most six questions; Enter takes the default.
    """
    from hilctl.task import scaffold
    from hilctl.task.workspace import Workspace

    output = Output(as_json=as_json)
    chosen = scaffold.find_template(template)
    given = scaffold.parse_settings(settings or [])
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
    output.next(step)
    output.result({"folder": str(name), "files": [str(file) for file in files], "next": step})


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
