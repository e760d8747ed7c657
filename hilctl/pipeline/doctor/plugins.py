"""Plug-ins of other packages, for `hilctl doctor`: which there are, and whether they load."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

from hilctl.devices import Finding
from hilctl.registry import Registry, load
from hilctl.task.files import explain_computer_error
from hilctl.task.plugins import registries


def examine_plugins() -> list[Finding]:
    """Return a finding for every plug-in that another package registers; nothing is opened."""
    return [
        _examine(registry, entry)
        for registry in registries()
        for _, entry in sorted(registry.external().items())
    ]


def _examine(registry: Registry[Any], entry: EntryPoint) -> Finding:
    subject = f"{registry.kind} {entry.name}"
    package = f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
    if registry.is_builtin(entry.name):
        return Finding(
            False,
            subject,
            f"of {package}: hilctl has a {registry.kind} of that name, which is used instead",
            f"give it another name in the group {registry.group!r} of its package",
        )
    try:
        load(entry.value)
    except Exception as error:  # whatever another package does when it is imported
        if lacking := explain_computer_error(error):
            raise lacking from error
        why = f"{type(error).__name__}: {error}"
        return Finding(
            False,
            subject,
            f"of {package}: {why}",
            f"install {package.split()[0]} again, or mend it",
        )
    return Finding(True, subject, f"of {package}")
