"""`hilctl help`: the same as `--help`."""

from __future__ import annotations

from typing import Annotated

import typer

from hilctl.cli.suggestions import commands


def explain(
    command: Annotated[
        str | None,
        typer.Argument(
            metavar="[COMMAND]", help="What to explain.  [default: all]", autocompletion=commands
        ),
    ] = None,
) -> None:
    """Explain a command, or tell what commands there are."""
    from hilctl.cli.app import run

    raise typer.Exit(run([*filter(None, [command]), "--help"]))
