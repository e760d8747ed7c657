"""Map a plug-in's type name to its class: built in, or from another package's entry points."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import Any, Generic, TypeVar

from hilctl.errors import UsageError

T = TypeVar("T")


class Registry(Generic[T]):
    """Look up the classes of one plug-in kind by type name.

    Args:
        kind: word for messages and entry-point group `hilctl.<kind>s`, e.g. "robot".
        builtin: type name → "module:Class"; modules are imported only when looked up.
        options: type name → "module:Class" of its options, where the plug-in itself is slow to
            import and its options are not.
        package: whose table `builtin` is, for those who want to add to it.
    """

    def __init__(
        self,
        kind: str,
        builtin: Mapping[str, str],
        options: Mapping[str, str] | None = None,
        *,
        package: str,
    ) -> None:
        self.kind = kind
        self.group = f"hilctl.{kind}s"
        self._package = package
        self._builtin = dict(builtin)
        self._options = dict(options or {})

    def names(self) -> list[str]:
        """Return every known type name, sorted."""
        return sorted({*self._builtin, *self.external()})

    def external(self) -> dict[str, EntryPoint]:
        """Return the plug-ins of other packages by type name."""
        return {entry.name: entry for entry in _entry_points(self.group, tuple(sys.path))}

    def is_builtin(self, name: str) -> bool:
        """Return whether a type is hilctl's own: it wins over another package's of that name."""
        return name in self._builtin

    def get(self, name: str) -> type[T]:
        """Return the class registered under `name`.

        Raises:
            UsageError: unknown name; the hint holds the nearest known one, or how to add one.
        """
        target = self._builtin.get(name)
        if target is None:
            if (found := self.external().get(name)) is None:
                raise UsageError(f"unknown {self.kind} type {name!r}", hint=self.hint_for(name))
            target = found.value
        cls: type[T] = load(target)
        return cls

    def hint_for(self, name: str) -> str:
        """Return what helps with an unknown name: the nearest known one, or how to add one."""
        near = did_you_mean(name, self.names())
        if near.startswith("did"):
            return near
        table = f"BUILTIN in {self._package.replace('.', '/')}/__init__.py"
        return (
            f"{near}; to add one: an entry point of your package in the group {self.group!r}, or "
            f"a line in {table} (README, Develop)"
        )

    def options_type(self, name: str) -> Any:
        """Return the class of a plug-in's options.

        Raises:
            UsageError: unknown name.
        """
        if name in self._options:
            return load(self._options[name])
        cls: Any = self.get(name)
        return cls.OptionsType


@cache
def _entry_points(group: str, path: tuple[str, ...]) -> EntryPoints:
    """Return what the packages on a path register; looking takes 10 ms, and a task asks for many.

    Args:
        group: of entry points.
        path: `sys.path`, which decides what is found.
    """
    return entry_points(group=group)


def load(target: str) -> Any:
    """Return what "module:name" names.

    Raises:
        ImportError: there is no such module, or no such name in it.
    """
    module, _, attribute = target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except AttributeError as error:
        raise ImportError(f"{target}: {error}") from error


def did_you_mean(word: str, known: list[str]) -> str:
    """Return a one-line suggestion: the nearest known word, else all of them."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known: {', '.join(known)}"
