"""Questions to a person at a terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from hilctl.cli.render import Output
from hilctl.errors import UsageError

T = TypeVar("T")


def ask(output: Output, question: str, default: T, parse: Callable[[str], T]) -> T:
    """Ask until the answer can be parsed; Enter takes the default.

    Raises:
        KeyboardInterrupt: the person left, with Ctrl-C or Ctrl-D.
    """
    while True:
        answer = _read_line(f"{question} [{default}] ")
        if not answer.strip():
            return default
        try:
            return parse(answer)
        except UsageError as error:
            output.say(f"  {error.message}; {error.hint}" if error.hint else f"  {error.message}")


def confirm(output: Output, question: str, *, yes: bool) -> bool:
    """Ask for a yes.

    Args:
        output: where the question goes.
        question: ends with a question mark.
        yes: what `--yes` was.

    Raises:
        UsageError: nobody can answer and `--yes` was not given.
    """
    if yes:
        return True
    if not output.interactive:
        raise UsageError(f"nobody is here to answer: {question}", hint="answer with --yes")
    return _read_line(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def _read_line(prompt: str) -> str:
    try:
        return input(prompt)
    except EOFError:
        raise KeyboardInterrupt from None
