"""The `hilctl` command: a table of commands loaded on demand, and one way out for every error."""

from __future__ import annotations

import importlib
import os
import select
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from hilctl import __version__
from hilctl.cli.options import SETTINGS
from hilctl.cli.render import Output
from hilctl.errors import EXIT_BUG, EXIT_INTERRUPTED, EXIT_OK, HilctlError, UsageError
from hilctl.terminal import given_back

if TYPE_CHECKING:
    from pathlib import Path

# One line a command: name → (function, help line). Modules are imported when they run.
COMMANDS = {
    "quickstart": ("quickstart:quickstart", "see the whole method work in simulation, in minutes"),
    "new-task": ("new_task:new_task", "start a task folder from a template"),
    "calibrate": ("calibrate:calibrate", "boards to print, what each camera is and where it sits"),
    "teleop": ("teleop:teleop", "try the device in your hand"),
    "record-demos": ("record_demos:record_demos", "record demonstrations"),
    "demos": ("demos:demos", "list demonstrations, put bad ones aside"),
    "record-labels": ("record_labels:record_labels", "record what success and failure look like"),
    "train-classifier": ("train_classifier:train_classifier", "learn to tell success"),
    "train": ("train:train", "learn the task online, with a human in the loop"),
    "eval": ("eval:evaluate", "measure a policy, hands off"),
    "run": ("run:run_policy", "let a finished policy work, again and again"),
    "runs": ("runs:runs", "list training runs and compare them"),
    "replay": ("replay:replay", "an episode as a film, or again on the robot"),
    "report": ("report:report", "a training run on one page"),
    "status": ("status:status", "what is there, what is missing, what comes next"),
    "robot": ("robot:robot", "clear an arm's error, start its controller, on your word alone"),
    "doctor": ("doctor:doctor", "check this computer and the devices of a task"),
    "serve-sim": ("serve_sim:serve_sim", "the simulator as a rig on the network, to rehearse with"),
    "bench": ("bench:bench", "measure the speed of everything, or compare methods"),
}
HELP = "help"  # `hilctl help train` for those who expect it; not worth a line in the table
COMPLETE = "_HILCTL_COMPLETE"  # set by the shell when Tab is pressed
NEED_NO_FOLDER = {"-h", "--help", "--version"}
OF_A_FOLDER = ("record-demos", "record-labels", "train-classifier", "train")


class CommandTable(TyperGroup):
    """The commands of the table above; only the one that runs is imported."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return every name in the order of the work."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command by name, importing its module."""
        target, line = COMMANDS.get(cmd_name, ("help:explain" if cmd_name == HELP else "", ""))
        if not target:
            from hilctl.registry import did_you_mean

            hint = did_you_mean(cmd_name, list(COMMANDS))
            raise UsageError(f"no such command: {cmd_name}", hint=hint)
        module, _, function = target.partition(":")
        found = getattr(importlib.import_module(f"hilctl.cli.{module}"), function)
        if isinstance(found, typer.Typer):  # it has commands of its own
            return typer.main.get_command(found)
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(cmd_name, context_settings=SETTINGS, short_help=line)(found)
        return typer.main.get_command(single)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the table without importing any command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


app = typer.Typer(
    cls=CommandTable,
    rich_markup_mode=None,
    context_settings=SETTINGS,
    help="From a bare robot arm to a near-perfect policy in an afternoon.",
    epilog="Start with: hilctl quickstart",
)


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    """Handle the options before the command."""
    # The option itself is answered in `run`: a group insists on a command first.


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; every error ends here, in words."""
    output = Output(as_json="--json" in arguments)
    try:
        if not NEED_NO_FOLDER & set(arguments):
            _check_current_folder()
        with given_back():
            code = _invoke(list(arguments) or ["--help"])
            sys.stdout.flush()
    except BaseException as error:
        if isinstance(error, BrokenPipeError) and _reader_is_gone():
            return EXIT_OK
        return _report(error, output, arguments)
    return code


def _check_current_folder() -> None:
    try:
        os.getcwd()
    except OSError:
        hint = "cd into a folder that is there"
        raise UsageError("the current folder was removed", hint=hint) from None


def _invoke(arguments: list[str]) -> int:
    if arguments[0] == "--version":
        typer.echo(f"hilctl {__version__}")
        return EXIT_OK
    command = typer.main.get_command(app)
    if instruction := os.environ.get(COMPLETE):
        return _complete(command, instruction)
    try:
        with command.make_context("hilctl", arguments) as context:
            command.invoke(context)
    except typer.Exit as leave:
        return leave.exit_code
    return EXIT_OK


def _complete(command: Any, instruction: str) -> int:
    """Tell a shell what may follow; silent about a line that makes no sense yet."""
    from typer.completion import shell_complete

    try:
        return int(shell_complete(command, {}, "hilctl", COMPLETE, instruction))
    except HilctlError:
        return EXIT_OK


def _report(error: BaseException, output: Output, arguments: Sequence[str]) -> int:
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        from hilctl.cli.interrupt import last_words

        with last_words():
            output.interrupted(_step_after(error, arguments))
        return EXIT_INTERRUPTED
    if isinstance(error, SystemExit):
        raise error
    explained = _explained(error, arguments)
    if explained is not None:
        explained.hint = _for_the_same_folder(explained.hint, arguments)
        output.error(explained)
        return explained.exit_code
    log = _write_log(error, arguments)
    message = f"this is a bug in hilctl: {type(error).__name__}: {error}"
    hint = f"please report it with the log: {log}"
    output.failure({"code": "bug", "message": message, "where": str(log), "hint": hint})
    return EXIT_BUG


def _step_after(error: BaseException, arguments: Sequence[str]) -> str | None:
    """Return the command that goes on after an interruption: what the error says, or the same."""
    if error.args:
        return str(error.args[0])
    import shlex

    return (
        shlex.join(["hilctl", *arguments]) if arguments[:1] and arguments[0] in COMMANDS else None
    )


def _for_the_same_folder(hint: str | None, arguments: Sequence[str]) -> str | None:
    """Return a hint whose bare command means the task folder that the command line names.

    What reads a folder's files knows their paths, and not where the person is.
    """
    import shlex

    if hint not in {f"hilctl {verb}" for verb in OF_A_FOLDER}:
        return hint
    words = [word for argument in arguments for word in argument.split("=", 1)]
    folder = next((after for word, after in pairwise(words) if word == "--task"), None)
    return hint if folder is None else f"{hint} --task {shlex.quote(folder)}"


def _explained(error: BaseException, arguments: Sequence[str]) -> HilctlError | None:
    """Return the error in hilctl's own terms, or None when it is a bug."""
    if isinstance(error, HilctlError):
        return error
    # typer names this class in no public place: newer releases carry their own copy of click.
    usage: type[Any] = typer.BadParameter.__mro__[1]
    if isinstance(error, usage):
        return _usage_error(error, arguments)
    from hilctl.system_libraries import explain_missing_library
    from hilctl.task.files import explain_computer_error
    from hilctl.training.backend import check_backend

    if lacking := explain_missing_library(error) or explain_computer_error(error):
        return lacking
    try:
        check_backend()  # JAX fails wherever it is first used
    except UsageError as unusable:
        return unusable
    except OSError as failed:
        return explain_computer_error(failed)
    return None


def _usage_error(error: Any, arguments: Sequence[str]) -> UsageError:
    context = getattr(error, "ctx", None)
    verb = f"{arguments[0]} " if arguments[0] in COMMANDS else ""
    hint = f"{context.command_path} --help" if context else f"hilctl {verb}--help"
    message = error.format_message().rstrip(".").replace("Value error, ", "")
    unknown = getattr(error, "option_name", None)
    if unknown and context and type(error).__name__ == "NoSuchOption":
        from hilctl.registry import did_you_mean

        message = f"no such option: {unknown}"
        known = [name for parameter in context.command.params for name in parameter.opts]
        suggestion = did_you_mean(unknown, [*known, *context.help_option_names])
        hint = suggestion if suggestion.startswith("did") else hint
    return UsageError(message[:1].lower() + message[1:], hint=hint)


def _reader_is_gone() -> bool:
    """Return whether whoever read our output has left; then silence the rest of it."""
    descriptor = sys.stdout.fileno()
    watch = select.poll()
    watch.register(descriptor, 0)
    if not any(events & select.POLLERR for _, events in watch.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
    return True


def _write_log(error: BaseException, arguments: Sequence[str]) -> Path:
    import platform
    import shlex
    import tempfile
    import time
    import traceback
    from pathlib import Path

    import platformdirs

    from hilctl.task.home import own_folder

    text = "\n".join(
        [
            f"hilctl {__version__}, Python {platform.python_version()}, {platform.platform()}",
            f"$ hilctl {shlex.join(arguments)}",
            "".join(traceback.format_exception(error)),
        ]
    )
    name = f"error-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    home = own_folder(platformdirs.user_log_path)
    for folder in filter(None, (home, Path(tempfile.gettempdir()))):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, "utf-8", errors="backslashreplace")
        except OSError:
            continue
        return folder / name
    return Path(os.devnull)
