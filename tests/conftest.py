"""What holds for every test: patience with slow machines, and programs that are compiled once."""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest
from hypothesis import HealthCheck, settings

CACHE = "JAX_COMPILATION_CACHE_DIR"

# machines differ in speed, and a build must not depend on luck
settings.register_profile(
    "hilctl",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("hilctl")


def pytest_configure(config: pytest.Config) -> None:
    """Let all processes of a test run share what JAX has compiled, which takes up to 20 s."""
    if CACHE not in os.environ:
        folder = tempfile.mkdtemp(prefix="hilctl-tests-jax-")
        os.environ[CACHE] = folder
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
