"""What holds for every test: patience with slow machines, programs that are compiled once, and
four processes, of which two begin with all that moves in real time: they often wait.
"""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from hilctl.sim.rendering import renderer_name

CACHE = "JAX_COMPILATION_CACHE_DIR"
CACHED_FROM_S = "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"
RENDERER = "HILCTL_RENDERER"
QUICK_COMPILER = "JAX_DISABLE_MOST_OPTIMIZATIONS"  # three times as quick, its programs half as fast
OPENCV_THREADS = "OPENCV_FOR_THREADS_NUM"  # one a core, by itself; four processes share two
MANY_PROGRAMS = (  # each of which runs a few times only, unlike that by which classifiers learn
    *("tests/agents/", "tests/training/", "tests/e2e/", "tests/rewards/test_every_kind_trains.py"),
    *("tests/pipeline/test_two_arms_cloned.py", "tests/people/test_human_reward.py"),
    "tests/people/test_people_and_processes.py",
)
# what makes the same for many tests: programs, classifiers. Several processes would all make it
MADE_ONCE = ("tests/agents/", "tests/rewards/")
REAL_TIME = "tests/e2e/"
LOCKSTEP = "test_whole_method.py"  # waits for nobody
# trainings that are watched and disturbed; one process has these, another what else is in real time
TRAININGS = tuple(
    f"{REAL_TIME}test_{name}.py"
    for name in ("training_faults", "training_processes", "what_comes_next", "moved_folder")
)
# that one trains, too, but not until the first has compiled what is compiled once: 50 s of work
TRAINS_LATER = tuple(
    f"{REAL_TIME}test_{name}.py"
    for name in ("finished_runs", "quickstart", "rehearsal", "run_command", "training_truth")
)
NICENESS = 19  # a learner has 10: what trains in real time is waited for
BEGAN = os.nice(0)
# each collection has JAX and hypothesis do something: 3 of 100 s of the processor's time
COLLECTED_AFTER = 50_000  # objects, where Python has 700
# what talks to devices, terminals and networks: it needs little of a processor, but at once
WAITING = tuple(
    f"tests/{room}/"
    for room in ("cameras", "contract", "env", "people", "rehearsal", "robots", "teleop")
)
# who watches other processes and clocks, too. Drivers have deadlines of half a second, terminals
# of a few: on two cores with four processes one of 3900 tests misses one of them now and then
TRIED_TWICE = (
    *(REAL_TIME, *WAITING, "tests/cli/", "tests/computer/", "tests/hostile/test_terminal.py"),
    *("tests/test_clock.py", "tests/test_host_names.py", "tests/test_time_limit.py"),
    *("tests/pipeline/test_presence.py", "tests/pipeline/test_bench_franka.py"),
)

# machines differ in speed, and a build must not depend on luck
settings.register_profile(
    "hilctl",
    max_examples=50,
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("hilctl")


def pytest_configure(config: pytest.Config) -> None:
    """Let all processes of a test run share what takes long to find out.

    What JAX has compiled takes up to 20 s, and hundreds of small programs take as long together;
    the trial of the renderer takes half a second a process.
    """
    gc.set_threshold(COLLECTED_AFTER)
    os.environ.setdefault(OPENCV_THREADS, "1")
    if RENDERER not in os.environ and renderer_name() != "raycast":
        os.environ[RENDERER] = renderer_name()
    if CACHE not in os.environ:
        folder = tempfile.mkdtemp(prefix="hilctl-tests-jax-")
        os.environ[CACHE], os.environ[CACHED_FROM_S] = folder, "0"
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Use four processes, for two cores: robots and networks are waited for half of the time."""
    named = any(".py" in argument for argument in config.args)
    return 0 if named or config.option.collectonly else 4


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Let two processes begin with what moves in real time; files go to whoever is free."""
    return FilesAndRealTime(config, log)


class FilesAndRealTime(LoadScopeScheduling):
    """A file is run by one process, and so is each half of `tests/e2e`, and what is made once."""

    # not by marks: what xdist 3.8 adds to a test's name for them is lost in pytest 9
    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0]
        if file.startswith(MADE_ONCE):
            return str(Path(file).parent)
        if REAL_TIME not in file or LOCKSTEP in file:
            return file
        return REAL_TIME + ("trainings" if file.endswith(TRAININGS) else "others")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest and cannot be shared; what waits for others has two tries."""
    for item in items:
        searched = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        if item.nodeid.startswith(TRIED_TWICE) and not searched:  # what was found once is a fault
            item.add_marker(pytest.mark.flaky(reruns=1))
    items.sort(
        key=lambda item: (
            not is_real_time(item),
            not item.nodeid.startswith(TRAININGS),
            item.nodeid.startswith(TRAINS_LATER),
        )
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let the robot's period and its learner come before the other process's tests."""
    quick = item.nodeid.startswith(MANY_PROGRAMS)
    os.environ[QUICK_COMPILER] = str(int(quick))
    if "jax" in sys.modules:
        sys.modules["jax"].config.update(QUICK_COMPILER.lower(), quick)
    if "PYTEST_XDIST_WORKER" in os.environ:
        waits = is_real_time(item) or item.nodeid.startswith(WAITING)
        with suppress(PermissionError):  # not everybody may take it back
            os.setpriority(os.PRIO_PROCESS, 0, BEGAN if waits else max(BEGAN, NICENESS))


def is_real_time(item: pytest.Item) -> bool:
    return REAL_TIME in item.nodeid and LOCKSTEP not in item.nodeid
