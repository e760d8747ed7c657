"""A system that lacks what OpenCV's wheel needs is told so in two lines."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

AUDIT = """
#define _GNU_SOURCE
#include <link.h>
#include <string.h>
unsigned la_version(unsigned version) { return version; }
char *la_objsearch(const char *name, uintptr_t *cookie, unsigned flag) {
    (void)cookie, (void)flag;
    return strstr(name, "libGL.so.1") ? 0 : (char *)name;
}
"""
LACKING = (
    'raise ImportError("libGL.so.1: cannot open shared object file: No such file", name="cv2")'
)


def record(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    hilctl = [sys.executable, "-m", "hilctl"]
    made = [*hilctl, "new-task", "ball", "--template", "sim-reach", "--defaults"]
    subprocess.run(made, cwd=folder, check=True, capture_output=True, timeout=60)
    return subprocess.run(
        [*hilctl, "record-demos", "--task", "ball"],
        cwd=folder,
        env={**os.environ, "XDG_STATE_HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def check(done: subprocess.CompletedProcess[str], library: str) -> None:
    error, hint = done.stderr.strip().splitlines()
    assert done.returncode == 7
    assert error == f"error: OpenCV needs {library}, which this system lacks"
    assert "apt-get install libgl1 libx11-6 libglib2.0-0" in hint
    assert "pip install opencv-python-headless" in hint


def test_the_first_command_that_needs_it_says_which_and_how_to_get_it(tmp_path: Path) -> None:
    package = tmp_path / "lacking" / "cv2"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(LACKING)
    check(record(tmp_path, PYTHONPATH=str(package.parent)), "libGL.so.1")


def test_with_the_wheel_itself_where_the_loader_finds_no_libgl(tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    try:
        importlib.metadata.version("opencv-python")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the headless wheel needs no libGL")
    if compiler is None:
        pytest.skip("needs a C compiler to hide a library")
    (tmp_path / "audit.c").write_text(AUDIT)
    command = [compiler, "-shared", "-fPIC", "-o", "audit.so", "audit.c"]
    subprocess.run(command, cwd=tmp_path, check=True)
    # an auditor hides the library's name, too
    check(record(tmp_path, LD_AUDIT=str(tmp_path / "audit.so"), MUJOCO_GL="disabled"), "a library")
