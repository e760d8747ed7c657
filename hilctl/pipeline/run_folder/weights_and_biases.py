"""A run's figures on Weights & Biases, for those who keep theirs there (extra `wandb`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hilctl.errors import HilctlError
from hilctl.host_names import without_password

INIT_S = 30


class WeightsAndBiases:
    """Send numbers to a project; sending goes on in a process of its own.

    Args:
        run: folder of the run; a continued run goes on with what it has sent before.
        project: name of the project.
        config: what the run was made with, as plain JSON; passwords in addresses are not sent.

    Raises:
        HilctlError: the package is not installed, nobody is logged in, or nobody answers.
    """

    def __init__(self, run: Path, project: str, config: Mapping[str, Any]) -> None:
        try:
            import wandb
        except ImportError as error:
            raise HilctlError(
                "training.wandb asks for Weights & Biases, which is not installed",
                hint='pip install "hilctl[wandb]", or take training.wandb out of task.yaml',
            ) from error
        name = f"{config['name']}-{run.name}"
        try:
            self._run = wandb.init(
                project=project,
                id=name,
                name=name,
                dir=str(run),
                resume="allow",
                config=_shown(config),
                # stdout belongs to the command, which may be writing JSON
                settings=wandb.Settings(init_timeout=INIT_S, silent=True, console="off"),
            )
        except (wandb.Error, TimeoutError) as error:
            raise HilctlError(
                f"Weights & Biases: {error}",
                hint="wandb login; or export WANDB_MODE=offline, and wandb sync later; "
                "or take training.wandb out of task.yaml",
            ) from error

    def write(self, step: int, figures: Mapping[str, Any]) -> None:
        """Pass on every number among `figures` at a robot step; other values are left out."""
        self._run.log(
            {
                name: value
                for name, value in figures.items()
                if isinstance(value, int | float) and not isinstance(value, bool)
            },
            step=step,
        )

    def close(self) -> None:
        """Send what is left; idempotent."""
        self._run.finish()


def _shown(settings: Any) -> Any:
    """Return plain JSON as everyone may see it."""
    if isinstance(settings, str):
        return without_password(settings)
    if isinstance(settings, Mapping):
        return {name: _shown(value) for name, value in settings.items()}
    return [_shown(value) for value in settings] if isinstance(settings, list) else settings
