"""Figures on Weights & Biases, in its offline mode: what would be sent lies in a file."""

from __future__ import annotations

import builtins
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hilctl.errors import HilctlError
from hilctl.pipeline.run_folder.weights_and_biases import WeightsAndBiases

CONFIG = {"name": "peg", "training": {"demos": 20}}


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")


def sent(run: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(run.glob("wandb/offline-run-*/*.wandb")))


@pytest.mark.usefixtures("offline")
def test_numbers_are_sent_by_name_under_the_name_of_the_run(tmp_path: Path) -> None:
    run = tmp_path / "20260101-120000"
    run.mkdir()
    door = {"source": "rtsp://me:hunter2@3@10.0.0.9/1", "size": [128, 128]}
    log = WeightsAndBiases(run, "robots", {**CONFIG, "cameras": [{"door": door}]})
    log.write(10, {"critic_loss": 0.25, "phase": "unheard-of phase", "judged_success": True})
    log.close()
    log.close()
    give_up_s = time.monotonic() + 30  # its own process may still be writing
    while b"critic_loss" not in (content := sent(run)) and time.monotonic() < give_up_s:
        time.sleep(0.1)
    assert b"peg-20260101-120000" in content
    assert b"critic_loss" in content
    assert b"unheard-of phase" not in content
    assert b"@10.0.0.9/1" in content
    assert b"hunter" not in content
    assert b"judged_success" not in content


def test_whoever_is_not_logged_in_is_told_what_to_do(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\n"
        "from hilctl.errors import HilctlError\n"
        "from hilctl.pipeline.run_folder.weights_and_biases import WeightsAndBiases\n"
        "try:\n"
        "    WeightsAndBiases(Path('.'), 'robots', {'name': 'peg'})\n"
        "except HilctlError as error:\n"
        "    print(error.message, error.hint)\n"
    )
    home = {"HOME": str(tmp_path), "WANDB_MODE": "online"}
    known = {name: value for name, value in os.environ.items() if not name.startswith("WANDB")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=known | home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Weights & Biases: ")
    assert "wandb login" in done.stdout


def test_without_the_package_the_hint_is_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any) -> Any:
        if name == "wandb":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(HilctlError) as caught:
        WeightsAndBiases(tmp_path, "robots", CONFIG)
    assert "hilctl[wandb]" in (caught.value.hint or "")
