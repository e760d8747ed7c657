"""What holds for every test: patience with slow machines, programs that are compiled once, and
three processes, of which one runs all that moves in real time: it mostly waits.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

CACHE = "JAX_COMPILATION_CACHE_DIR"
REAL_TIME = "tests/e2e/"
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
    """Use three processes, for two cores and a robot; none but this for files that are named."""
    named = any(".py" in argument for argument in config.args)
    return 0 if named or config.option.collectonly else 3


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Let one process run all that moves in real time; other files go to whoever is free."""
    return FilesAndRealTime(config, log)


class FilesAndRealTime(LoadScopeScheduling):
    """A file is run by one process, and so is all of `tests/e2e`."""

    # not by marks: what xdist 3.8 adds to a test's name for them is lost in pytest 9
    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0]
        return REAL_TIME if REAL_TIME in file else file


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest and cannot be shared."""
    items.sort(key=lambda item: not is_real_time(item))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let the robot's period and its learner come before the other process's tests."""
    if "PYTEST_XDIST_WORKER" in os.environ and not is_real_time(item):
        os.nice(NICENESS - os.nice(0))


def is_real_time(item: pytest.Item) -> bool:
    return REAL_TIME in item.nodeid
