"""Options that say which policy of a task is meant."""

from __future__ import annotations

from typing import Annotated

import typer

from hilctl.cli.suggestions import run_ids

RunOption = Annotated[
    str | None,
    typer.Option(
        "--run", metavar="ID", help="Which run.  [default: the latest]", autocompletion=run_ids
    ),
]
BestOption = Annotated[
    bool,
    typer.Option(
        "--best", help="The best policy instead of the last, of the newest run that has one."
    ),
]
