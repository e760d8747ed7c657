"""What holds for every test: patience with slow machines, programs that are compiled once, and two
processes, of which one runs all that moves in real time.
"""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest
from hypothesis import HealthCheck, settings

CACHE = "JAX_COMPILATION_CACHE_DIR"
NICENESS = 10  # that of a learner, which gets its half of the machine

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


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Use two processes, for two processor cores; none but this for files that are named."""
    named = any(".py" in argument for argument in config.args)
    return 0 if named or config.option.collectonly else 2


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one process begin with all that moves in real time; other files go to whoever is free."""
    items.sort(key=lambda item: not is_real_time(item))
    for item in items:
        group = "real_time" if is_real_time(item) else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let the robot's period and its learner come before the other process's tests."""
    if "PYTEST_XDIST_WORKER" in os.environ and not is_real_time(item):
        os.nice(NICENESS - os.nice(0))


def is_real_time(item: pytest.Item) -> bool:
    return item.get_closest_marker("real_time") is not None
