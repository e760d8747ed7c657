"""Environment variables and terminals that are not as hilctl likes them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hilctl.training.backend import check_backend

if TYPE_CHECKING:
    from conftest import Hilctl

ASCII: list[dict[str, str | None]] = [
    {"PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LANG": "C", "LC_ALL": None, "LC_CTYPE": None},
    {"PYTHONIOENCODING": "latin-1"},
]


def test_a_path_that_is_no_text_ends_no_command(hilctl: Hilctl, task: Path) -> None:
    odd = os.fsdecode(b"\xff\xfe")
    for arguments in (("status", "--task", odd), ("status", "--task", odd, "--json")):
        answer = hilctl(*arguments)
        assert answer.code == 3, answer.words
        assert "bug" not in answer.words


def test_doctor_says_that_mujoco_gl_does_not_work(hilctl: Hilctl) -> None:
    answer = hilctl("doctor", "--json", environment={"MUJOCO_GL": "nonsense"})
    found = {finding["subject"]: finding for finding in answer.json["findings"]}
    assert answer.code == 4
    assert found["renderer"]["ok"] is False
    assert "MUJOCO_GL=nonsense" in found["renderer"]["detail"]
    assert found["renderer"]["hint"]


def check_that_jax_is_refused(hilctl: Hilctl, environment: dict[str, str]) -> None:
    ((name, value),) = environment.items()
    answer = hilctl("bench", "--json", environment=environment)
    assert answer.code == 2, answer.words
    error = answer.json["error"]
    assert error["code"] == "usage"
    assert f"{name}={value}" in error["message"]
    assert name in error["hint"]
    answer = hilctl("doctor", "--json", environment=environment)
    assert answer.code == 4, answer.words
    found = {finding["subject"]: finding for finding in answer.json["findings"]}
    assert found["jax backend"]["ok"] is False
    assert f"{name}={value}" in found["jax backend"]["detail"]


def test_what_jax_cannot_do_is_told_before_it_is_asked(hilctl: Hilctl) -> None:
    check_that_jax_is_refused(hilctl, {"XLA_FLAGS": "--xla_nonsense=1"})  # which ends a process


@pytest.fixture
def untried() -> None:
    """Let JAX be tried out anew: that is done once a process."""
    check_backend.cache_clear()


JAX = [
    {"JAX_PLATFORMS": "cuda"},
    pytest.param({"JAX_PLATFORMS": "nonsense"}, marks=pytest.mark.slow),
    pytest.param({"XLA_FLAGS": "nonsense"}, marks=pytest.mark.slow),
    {"JAX_ENABLE_X64": "perhaps"},
]


@pytest.mark.usefixtures("untried")
@pytest.mark.parametrize("environment", JAX, ids=str)
def test_whatever_jax_cannot_do_is_told(hilctl_here: Hilctl, environment: dict[str, str]) -> None:
    check_that_jax_is_refused(hilctl_here, environment)


def test_what_jax_can_do_may_be_asked_and_json_stays_json_whatever_the_encoding(
    hilctl: Hilctl,
) -> None:
    environment = {
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        "PYTHONIOENCODING": "ascii",
    }
    answer = hilctl("doctor", "--json", environment=environment)
    assert answer.code == 0, answer.words
    found = {finding["subject"]: finding for finding in answer.json["findings"]}
    assert found["jax backend"]["detail"].startswith("cpu: 2 ×")


LINK = """
import sys
from pathlib import Path
from hilctl.pipeline.train.processes.supervisor import _scratch
from hilctl.training.channel import Channel, Listener
with _scratch() as folder:
    listener = Listener(folder / "link")
    here = Channel.connect(folder / "link")
    there = listener.accept(5.0)
    here.send(b"episode")
    print(there.receive(5.0))
"""


def test_the_link_of_both_processes_works_below_a_long_tmpdir(tmp_path: Path) -> None:
    long = tmp_path
    while len(str(long)) < 200:
        long = long / ("x" * 40)
    long.mkdir(parents=True)
    environment = {**os.environ, "TMPDIR": str(long)}
    done = subprocess.run(
        [sys.executable, "-c", LINK], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "b'episode'\n", done.stderr
    assert list(long.iterdir()) == []


NOBODY = """
import os, platform, shlex, tempfile, time, traceback, platformdirs, platformdirs.unix
from hilctl.cli.app import _write_log
from hilctl.training.compilation import enable_compilation_cache
os.setuid(54321)
print(enable_compilation_cache())
print(_write_log(ValueError("x"), ["status"]))
"""


@pytest.mark.skipif(os.getuid() != 0, reason="needs the right to become somebody else")
def test_who_has_no_home_gets_no_folder_called_tilde(tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    here.chmod(0o777)
    kept = ("HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "TMPDIR", "JAX_COMPILATION_CACHE_DIR")
    environment = {name: value for name, value in os.environ.items() if name not in kept}
    done = subprocess.run(
        [sys.executable, "-c", NOBODY],
        cwd=here,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    cache, log = done.stdout.splitlines()
    assert list(here.iterdir()) == []
    assert cache == "None"
    assert Path(log).is_file()
    Path(log).unlink()


CRAMPED: dict[str, dict[str, str | None]] = {
    "no home": {"HOME": None, "XDG_CACHE_HOME": None, "XDG_STATE_HOME": None},
    "a home that is no folder": {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null/cache"},
    "no terminal type": {"TERM": None},
    "no temporary folder": {"TMPDIR": "/nowhere"},
    "no matplotlib folder": {"MPLCONFIGDIR": "/dev/null/matplotlib", "HOME": "/dev/null"},
}


# several things are odd about a computer at once: the other may not stop a recording, either
ODD = [
    ("no home", ASCII[0], "osmesa"),
    ("a home that is no folder", ASCII[1], "nonsense"),
    pytest.param("no terminal type", ASCII[2], "off", marks=pytest.mark.slow),
    pytest.param("no temporary folder", ASCII[3], "glfw", marks=pytest.mark.slow),
    pytest.param("no matplotlib folder", {}, None, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("missing", "encoding", "mujoco_gl"), ODD, ids=str)
def test_neither_characters_nor_what_is_missing_nor_mujoco_gl_end_a_recording(
    hilctl: Hilctl,
    task: Path,
    missing: str,
    encoding: dict[str, str | None],
    mujoco_gl: str | None,
) -> None:
    shutil.rmtree(task / "demos")  # what draws the pictures is part of the data
    environment = {**CRAMPED[missing], **encoding, "MUJOCO_GL": mujoco_gl, "DISPLAY": None}
    answer = hilctl("record-demos", "-n", "2", environment=environment)
    assert answer.code == 0, answer.words
    assert len(list((task / "demos").glob("episode_*.hdf5"))) == 2
    assert b"attempt " in answer.out
    if encoding.get("PYTHONIOENCODING") == "ascii":
        assert re.search(rb"demos 2/2 - attempt \d+ done", answer.out)
        assert b"\\x" not in answer.out


@pytest.mark.parametrize("name", CRAMPED)
def test_what_is_missing_is_no_fault(hilctl_here: Hilctl, name: str) -> None:
    answer = hilctl_here("doctor", environment=CRAMPED[name])
    assert answer.code == 0, answer.words


def test_one_core_is_enough(hilctl: Hilctl) -> None:
    answer = hilctl("record-demos", "-n", "2", before="taskset -p 1 $$ > /dev/null")
    assert answer.code == 0, answer.words
