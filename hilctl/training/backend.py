"""Whether JAX can start with what the environment asks of it.

XLA ends the whole process at a flag that it does not know, and JAX fails wherever it is first used
when JAX_PLATFORMS names what is not there; so a child tries first.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache

from hilctl.errors import UsageError

PREFIXES = ("JAX_", "XLA_")
HARMLESS = ("JAX_COMPILATION_CACHE_DIR", "XLA_PYTHON_CLIENT_PREALLOCATE")
HARMLESS_SETTINGS = (
    *(("JAX_DISABLE_MOST_OPTIMIZATIONS", word) for word in "01"),
    ("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0"),
)
TRIAL = "import jax; jax.devices()"
TRIAL_S = 120.0


@cache
def check_backend() -> None:
    """Try JAX out in a child, if the environment asks anything of it; it takes two seconds.

    Raises:
        UsageError: JAX cannot start like that.
    """
    asked = {
        name: value
        for name, value in sorted(os.environ.items())
        if name.startswith(PREFIXES)
        and name not in HARMLESS
        and (name, value) not in HARMLESS_SETTINGS
    }
    if asked and (why := _failure()) is not None:
        words = " ".join(f"{name}={value}" for name, value in asked.items())
        hint = f"correct {' or '.join(asked)}, or unset it: then JAX takes what is there"
        raise UsageError(f"JAX cannot start with {words}: {why}", hint=hint)


def _failure() -> str | None:
    """Return why JAX does not start, in its own words; None when it does."""
    # another process may have taken most of a GPU's memory
    environment = {**os.environ, "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    try:
        trial = subprocess.run(
            [sys.executable, "-c", TRIAL],
            env=environment,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=TRIAL_S,
            start_new_session=True,  # Ctrl-C is for us: it says nothing about JAX
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {TRIAL_S:g} s"
    if trial.returncode == 0:
        return None
    lines = [line for line in trial.stderr.splitlines() if line.strip()]
    fatal = [line for line in lines if re.match(r"F\d{4} ", line)]  # XLA's last words
    said = (fatal or lines or [f"exit code {trial.returncode}"])[-1]
    return re.sub(r"^F\d{4} .*?\] ", "", said)
