"""Questions to a person at a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from hilctl.cli.render import Output
from hilctl.cli.streams import printable
from hilctl.errors import UsageError
from hilctl.terminal import lent_terminal

if TYPE_CHECKING:
    from hilctl.task.spec import TaskSpec

S = TypeVar("S")
T = TypeVar("T")


def ask(output: Output, question: str, default: T, parse: Callable[[str], S]) -> T | S:
    """Ask until the answer can be parsed; Enter takes the default, which is not shown if None.

    Raises:
        KeyboardInterrupt: the person left, with Ctrl-C or Ctrl-D.
    """
    while True:
        shown = question if default is None else f"{question} [{default}]"
        answer = _read_line(output.wrapped(shown) + " ")
        if not answer.strip():
            return default
        try:
            return parse(answer)
        except UsageError as error:
            output.say(f"  {error.message}; {error.hint}" if error.hint else f"  {error.message}")


def ask_needed(output: Output, question: str, parse: Callable[[str], S]) -> S:
    """Ask until the answer can be parsed; there is no default.

    Raises:
        KeyboardInterrupt: the person left, with Ctrl-C or Ctrl-D.
    """
    while (answer := ask(output, question, None, parse)) is None:
        output.say("  nothing can be made without an answer")
    return answer


def one_of(*words: str) -> Callable[[str], str]:
    """Return what reads one of some words, for `ask`; the beginning of one does."""

    def parse(text: str) -> str:
        typed = text.strip().lower()
        for word in words:
            if word.startswith(typed):
                return word
        raise UsageError(f"'{text}' is none of {', '.join(words)}")

    return parse


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


def confirm_motion(
    output: Output, spec: TaskSpec, *, allowed: bool, to: Sequence[float] | None = None
) -> None:
    """Ask before a real robot moves for the first time; a simulated one may.

    Args:
        output: where the question goes.
        spec: of the task whose robot will move.
        allowed: what `--allow-motion` was; `--yes` never implies motion.
        to: x, y, z in m where it will go first; None = the reset pose.

    Raises:
        UsageError: nobody can answer and `--allow-motion` was not given, or the answer was no.
    """
    real = {name: arm for name, arm in spec.each_arm.items() if arm.robot.type != "sim"}
    if allowed or not real:
        return
    for name, arm in real.items():
        which = f"{arm.robot.type} robot {name}".strip()
        x, y, z = to or arm.reset.pose[:3]
        low, high = arm.control.bounds.low, arm.control.bounds.high
        output.say(f"the {which} will move to x {x:.4g}, y {y:.4g}, z {z:.4g} m")
        sides = [f"{axis} {a:g} … {b:g} m" for axis, a, b in zip("xyz", low, high, strict=False)]
        output.say(f"and stay within {', '.join(sides)}; its first way is a slow one")
    confirm_free_space(output)


def confirm_free_space(output: Output) -> None:
    """Ask whether an arm may move now.

    Raises:
        UsageError: nobody can answer, or the answer was no.
    """
    question = "is the space free, and a hand at the emergency stop?"
    if not output.interactive:
        raise UsageError(f"nobody is here to answer: {question}", hint="answer with --allow-motion")
    if _read_line(f"{question} [y/N] ").strip().lower() not in ("y", "yes"):
        raise UsageError("the robot was not allowed to move")


def _read_line(prompt: str) -> str:
    try:
        with lent_terminal():
            return input(printable(prompt))
    except EOFError:
        raise KeyboardInterrupt from None


def keep_interrupted(output: Output, remark: str = "") -> bool:
    """Ask whether to keep the episode that was cut off; no when nobody can answer.

    Args:
        output: of the command.
        remark: what else there is to know of it.

    Raises:
        KeyboardInterrupt: Ctrl-C once more.
    """
    if not output.interactive:
        return False
    return confirm(output, f"the robot is stopped; keep this episode?{remark}", yes=False)
