"""`hilctl status` and `hilctl doctor` on a new task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from syrupy.assertion import SnapshotAssertion

from hilctl.devices import Finding
from hilctl.pipeline.doctor import computer as diagnosis
from hilctl.pipeline.doctor import devices, found_cameras, surroundings

if TYPE_CHECKING:
    from conftest import Hilctl


def test_new_task(hilctl: Hilctl, snapshot: SnapshotAssertion) -> None:
    hilctl("new-task", "peg", "--defaults")
    answer = hilctl("status", "--task", "peg")
    assert answer.code == 0
    assert answer.out == snapshot


def test_as_json(hilctl: Hilctl, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hilctl("new-task", "peg", "--defaults")
    monkeypatch.chdir("peg")
    found = hilctl("status", "--json").json
    assert set(found) == {"stages", "next"}
    assert all(set(stage) == {"name", "state", "reason"} for stage in found["stages"])
    names = [stage["name"] for stage in found["stages"]]
    assert names == ["task", "cameras", "demos", "labels", "classifier", "policy", "evaluation"]
    assert found["next"] == "hilctl record-demos"


def test_no_task_here(hilctl: Hilctl, snapshot: SnapshotAssertion) -> None:
    answer = hilctl("status")
    assert answer.code == 3
    assert answer.err == snapshot


@pytest.mark.parametrize(
    ("here_is", "hint"), [("peg/demos", "--task .."), (".", "--task peg"), ("other", "--task DIR")]
)
def test_a_wrong_place_is_told_the_right_one(
    here_is: str, hint: str, hilctl: Hilctl, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hilctl("new-task", "peg", "--defaults")
    (here / "peg" / "demos").mkdir()
    (here / "other").mkdir()
    monkeypatch.chdir(here / here_is)
    answer = hilctl("status")
    assert answer.code == 3
    assert hint in answer.err.splitlines()[-1]
    if hint != "--task DIR":
        assert hilctl("status", *hint.split()).code == 0


def test_wrong_task_file(hilctl: Hilctl, here: Path, snapshot: SnapshotAssertion) -> None:
    hilctl("new-task", "peg", "--defaults")
    file = here / "peg" / "task.yaml"
    file.write_text(file.read_text("utf-8").replace("rate_hz: 10", "rat_hz: 10"), "utf-8")
    answer = hilctl("status", "--task", "peg")
    assert answer.code == 3
    assert answer.err == snapshot
    error = hilctl("status", "--task", "peg", "--json").json["error"]
    assert error["code"] == "task_file"
    assert [problem["hint"] for problem in error["problems"]] == ["did you mean 'rate_hz'?"]


def test_doctor(hilctl: Hilctl) -> None:
    hilctl("new-task", "peg", "--defaults")
    answer = hilctl("doctor", "--task", "peg", "--json")
    assert answer.code == 0, answer.out
    assert answer.json["ok"] is True
    subjects = [finding["subject"] for finding in answer.json["findings"]]
    for wanted in ("python", "jax", "mujoco", "h5py", "renderer", "jax backend", "disk", "robot"):
        assert wanted in subjects
    assert "camera wrist" in subjects


def test_doctor_needs_no_task(hilctl: Hilctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "examine_computer", lambda folder: [Finding(True, "disk", "x")])
    hands = [Finding(True, "hand", "keyboard: the keys of /dev/pts/0")]
    monkeypatch.setattr(devices, "find_hands", lambda: hands)
    ports = [Finding(True, "serial port", "/dev/ttyACM0")]
    monkeypatch.setattr(surroundings, "examine_surroundings", lambda: ports)
    cameras = [Finding(True, "camera found", "opencv: Webcam at /dev/video0")]
    monkeypatch.setattr(found_cameras, "examine_cameras", lambda *_: cameras)
    answer = hilctl("doctor")
    assert answer.code == 0
    assert answer.out == (
        "subject       state      detail\n"
        "disk          ok         x\n"
        "serial port   ok         /dev/ttyACM0\n"
        "hand          ok         keyboard: the keys of /dev/pts/0\n"
        "devices       not tried  there is no task here (--task DIR names one)\n"
        "camera found  ok         opencv: Webcam at /dev/video0\n"
        "next: hilctl quickstart\n"
    )


def test_doctor_names_the_remedy(hilctl: Hilctl, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = Finding(False, "mujoco", "not installed", 'pip install "hilctl[sim]"')
    monkeypatch.setattr(diagnosis, "examine_computer", lambda folder: [missing])
    answer = hilctl("doctor")
    assert answer.code == 4
    assert 'hint: mujoco: pip install "hilctl[sim]"' in answer.out
    assert hilctl("doctor", "--json").json["ok"] is False


def test_doctor_says_when_the_simulator_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    def missing(name: str) -> None:
        raise ModuleNotFoundError("No module named 'mujoco'", name="mujoco")

    monkeypatch.setattr(importlib, "import_module", missing)
    finding = diagnosis._renderer()
    assert (finding.ok, finding.hint) == (False, 'pip install "hilctl[sim]"')
