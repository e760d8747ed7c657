"""Compiled programs are kept where the person's caches lie, and nowhere when that is impossible."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
from hilctl.training import compilation
print(compilation.enable_compilation_cache())
import jax, jax.numpy as jnp
jax.jit(lambda x: jnp.tanh(x @ x).sum())(jnp.ones((8, 8))).block_until_ready()
"""


def run(**variables: str) -> str:
    kept = {n: v for n, v in os.environ.items() if n != "JAX_COMPILATION_CACHE_DIR"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        env={**kept, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_cache_is_the_persons(tmp_path: Path) -> None:
    assert run(XDG_CACHE_HOME=str(tmp_path)) == str(tmp_path / "hilctl" / "jax")
    assert list((tmp_path / "hilctl" / "jax").iterdir())


def test_another_folder_can_be_named(tmp_path: Path) -> None:
    assert run(JAX_COMPILATION_CACHE_DIR=str(tmp_path / "here")) == str(tmp_path / "here")
    assert list((tmp_path / "here").iterdir())


def test_a_folder_that_cannot_be_written_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder", "utf-8")
    assert run(XDG_CACHE_HOME=str(tmp_path / "file")) == "None"
    assert run(JAX_COMPILATION_CACHE_DIR=str(tmp_path / "file" / "jax")) == "None"
