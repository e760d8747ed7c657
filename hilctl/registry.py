"""Map a plug-in's type name to its class: built in, or from another package's entry points."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from importlib.metadata import entry_points
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
    """

    def __init__(
        self, kind: str, builtin: Mapping[str, str], options: Mapping[str, str] | None = None
    ) -> None:
        self.kind = kind
        self._builtin = dict(builtin)
        self._options = dict(options or {})

    def names(self) -> list[str]:
        """Return every known type name, sorted."""
        return sorted({*self._builtin, *self._external()})

    def get(self, name: str) -> type[T]:
        """Return the class registered under `name`.

        Raises:
            UsageError: unknown name; the hint holds the nearest known ones.
        """
        target = self._builtin.get(name) or self._external().get(name)
        if target is None:
            raise UsageError(
                f"unknown {self.kind} type {name!r}", hint=did_you_mean(name, self.names())
            )
        cls: type[T] = load(target)
        return cls

    def options_type(self, name: str) -> Any:
        """Return the class of a plug-in's options.

        Raises:
            UsageError: unknown name.
        """
        if name in self._options:
            return load(self._options[name])
        cls: Any = self.get(name)
        return cls.OptionsType

    def _external(self) -> dict[str, str]:
        return {entry.name: entry.value for entry in entry_points(group=f"hilctl.{self.kind}s")}


def load(target: str) -> Any:
    """Return what "module:name" names."""
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def did_you_mean(word: str, known: list[str]) -> str:
    """Return a one-line suggestion: the nearest known word, else all of them."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known: {', '.join(known)}"
