"""A function of one's own as the reward: `hooks.py` beside the task file."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, NoReturn, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hilctl.devices import Options
from hilctl.errors import TaskFileError
from hilctl.registry import did_you_mean
from hilctl.rewards.base import NOTHING_MEASURED, Judgement, Measured, Reward, RewardSource
from hilctl.task.explain import SettingError
from hilctl.task.files import os_errors
from hilctl.task.regular_files import read_regular
from hilctl.task.surroundings import Surroundings
from hilctl.teleop.base import TeleopEvent

Answer = bool | tuple[bool, float]
Judge = Callable[[Measured, Mapping[str, NDArray[np.float16]]], Answer]
Extra = Annotated[float, Field(ge=-100, le=100)]
Bounds = Annotated[tuple[Extra, Extra], Field(strict=False)]


class HookOptions(Options):
    """Settings of the `hook` reward."""

    judge: str = Field(
        pattern=r"^[A-Za-z_]\w*:[A-Za-z_]\w*$",
        description="module:factory, the module as a file beside task.yaml; the factory is called "
        "without arguments when an episode begins and returns judge(measured, features)",
    )
    extra: Bounds | None = Field(
        default=None,
        description="[least, most] that a step earns besides the 1 of success, where judge "
        "returns it; absent = nothing",
    )


class HookReward(Reward):
    """Ask a function of the task folder in every step.

    It returns whether the task is done, or that and what the step earns besides.

    Args:
        factory: returns a new judge for an episode.
        extra: least and most that a step earns besides success; what is beyond is cut.
        where: names the factory, for messages.
    """

    OptionsType: ClassVar[type[Options]] = HookOptions
    judge_name: ClassVar[str] = "hook"

    def __init__(
        self, factory: Callable[[], Judge], extra: tuple[float, float] | None, where: str
    ) -> None:
        self._factory, self._extra, self._where = factory, extra, where
        self.pays_on_the_way = extra is not None
        self._judge: Judge | None = None

    @classmethod
    def flaws(cls, options: HookOptions, around: Surroundings) -> Iterator[SettingError]:
        """Yield bounds that are no bounds, and a function that is not there."""
        if options.extra and options.extra[0] > options.extra[1]:
            least, most = options.extra
            yield SettingError(("extra",), f"the least, {least:g}, is above the most, {most:g}")
        if around.folder is not None:
            name, _, attribute = options.judge.partition(":")
            yield from _not_there(around.folder / f"{name}.py", attribute)

    @classmethod
    def value_bounds(cls, options: HookOptions, discount: float) -> tuple[float, float]:
        """Return the bounds of success and of everything besides."""
        low, high = options.extra or (0.0, 0.0)
        return min(0.0, low) / (1 - discount), 1 + max(0.0, high) / (1 - discount)

    @classmethod
    def open(cls, source: RewardSource) -> Self:
        """Import the function.

        Raises:
            TaskFileError: there is no such file, or no such function in it, or it does not import.
        """
        name, _, attribute = source.options.judge.partition(":")
        file = source.root / f"{name}.py"
        factory = getattr(_imported(file, name), attribute, None)
        if not callable(factory):
            raise TaskFileError(
                f"reward.judge: there is no function {attribute!r} in {file.name}", where=str(file)
            )
        return cls(factory, source.options.extra, f"{file}:{attribute}")

    def reset(self) -> None:
        """Have a new judge made: a new episode starts.

        Raises:
            TaskFileError: it fails.
        """
        try:
            self._judge = self._factory()
        except (Exception, SystemExit) as error:  # of whatever somebody's function does
            self._fail(error)

    def judge(
        self,
        features: Mapping[str, NDArray[np.float16]],
        events: Collection[TeleopEvent] = (),
        measured: Measured = NOTHING_MEASURED,
    ) -> Judgement:
        """Judge as the function does.

        Args:
            features: camera → (rows, columns, channels), handed on.
            events: not listened to.
            measured: handed on.

        Raises:
            TaskFileError: it fails, or returns something else.
        """
        if self._judge is None:
            self.reset()
        assert self._judge is not None
        try:
            done, extra = _answer(self._judge(measured, features))
        except (Exception, SystemExit) as error:  # of whatever somebody's function does
            self._fail(error)
        extra = float(np.clip(extra, *(self._extra or (0.0, 0.0))))
        return Judgement(done, float(done), extra, 1.0 + extra, {"extra": extra})

    def _fail(self, error: BaseException) -> NoReturn:
        raise TaskFileError(
            f"the reward's function failed: {type(error).__name__}: {error}",
            where=self._where,
            hint="it returns True or False, or that and a finite number",
        ) from error


def _answer(told: Any) -> tuple[bool, float]:
    done, extra = told if isinstance(told, tuple) else (told, 0.0)
    if not isinstance(done, bool | np.bool_):
        raise TypeError(f"expected True or False, got {done!r}")
    if not np.isfinite(extra):
        raise ValueError(f"{extra} is no finite number")
    return bool(done), float(extra)


def _not_there(file: Path, attribute: str) -> Iterator[SettingError]:
    """Yield why a file's text cannot have such a function; it is read, not run."""
    if not file.is_file():
        hint = f"write it, with a function {attribute} that returns judge(measured, features)"
        yield SettingError(("judge",), f"there is no {file.name} beside task.yaml", hint)
        return
    try:
        with os_errors(file):
            tree = ast.parse(read_regular(file), file.name)
    except (SyntaxError, ValueError) as error:
        yield SettingError(("judge",), f"{file.name} is no Python: {error}")
        return
    names = {*_names_in(tree)}
    if not names & {attribute, "*"}:
        message = f"there is no function {attribute!r} in {file.name}"
        yield SettingError(("judge",), message, did_you_mean(attribute, sorted(names)))


def _names_in(tree: ast.AST) -> Iterator[str]:
    """Yield every name that is given to something, "*" where it could be any."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.alias):
            yield node.asname or node.name.partition(".")[0]
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _imported(file: Path, name: str) -> Any:
    if not file.is_file():
        raise TaskFileError(
            f"reward.judge: there is no {file.name} beside task.yaml", where=str(file)
        )
    spec = importlib.util.spec_from_file_location(f"task_folder_{name}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look up their module while it is imported
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # of whatever somebody's file does
        del sys.modules[spec.name]
        raise TaskFileError(
            f"{file.name} cannot be imported: {type(error).__name__}: {error}", where=str(file)
        ) from error
    return module
