"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
MAX_SEED = 2**62  # JAX takes 64 bits, and some are added

TaskOption = Annotated[
    Path | None,
    typer.Option("--task", metavar="DIR", help="Task folder.  [default: the current folder]"),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Write JSON to stdout and talk to stderr.")
]
WeightsOption = Annotated[
    Path | None,
    typer.Option("--weights", metavar="FILE", help="The encoder's weights, e.g. ResNet-10's."),
]
SeedOption = Annotated[
    int, typer.Option("--seed", min=0, max=MAX_SEED, help="Of everything that is random.")
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]
MotionOption = Annotated[
    bool, typer.Option("--allow-motion", help="Let a real robot move without asking.")
]


def refuse_options_before(context: typer.Context) -> None:
    """Check that nothing was said before the step of a command: it is the step that has options.

    Raises:
        UsageError: something was.
    """
    from hilctl.errors import UsageError

    if any(context.params.values()):
        step = f"{context.command_path} {context.invoked_subcommand}"
        raise UsageError("options come after the step", hint=f"{step} …")
