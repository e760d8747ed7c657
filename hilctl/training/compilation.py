"""Keep compiled programs between commands: starting to learn takes seconds instead of twenty."""

from __future__ import annotations

import os
from pathlib import Path

import jax
import platformdirs

from hilctl.task.home import own_folder
from hilctl.training.backend import check_backend

DIRECTORY = "JAX_COMPILATION_CACHE_DIR"
FROM_S = "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"
MIN_COMPILE_S = 0.3  # quicker ones are compiled again: reading them back takes as long


def enable_compilation_cache() -> Path | None:
    """Switch on JAX's persistent compilation cache, in the person's cache folder.

    Call it before the first compilation. The environment variable JAX_COMPILATION_CACHE_DIR names
    another folder, JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS from how many seconds on a program
    is kept.

    Returns:
        The folder; None when it cannot be written, and programs are compiled every time.

    Raises:
        UsageError: JAX cannot start with what the environment asks of it.
    """
    check_backend()
    asked_for = os.environ.get(DIRECTORY)
    home = own_folder(platformdirs.user_cache_path)
    folder = Path(asked_for) if asked_for else home and home / "jax"
    usable = folder is not None and _is_writable(folder)
    jax.config.update("jax_compilation_cache_dir", str(folder) if usable else None)
    if FROM_S not in os.environ:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", MIN_COMPILE_S)
    return folder if usable else None


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)
