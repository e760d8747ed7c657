"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Of everything that is random.")]
MotionOption = Annotated[
    bool, typer.Option("--allow-motion", help="Let a real robot move without asking.")
]
