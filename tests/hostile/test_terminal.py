"""What files hold never reaches the terminal as more than text; streams and folders may be gone."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from itertools import product
from pathlib import Path

import h5py
import pytest
from whole_folder import RUN, make_task

from hilctl.cli import status
from hilctl.cli.app import run
from hilctl.task.workspace import Workspace

HILCTL = [sys.executable, "-m", "hilctl"]
ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\r"


def shell(command: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["bash", "-c", command], cwd=cwd, capture_output=True, timeout=60)


def hilctl(*arguments: str) -> str:
    return " ".join([*HILCTL, *arguments])


def spoil(space: Workspace) -> None:
    """Put escape sequences into everything that `status` tells of."""
    with h5py.File(space.demos / "episode_000001.hdf5", "r+") as file:
        file["episode"].attrs["task_fingerprint"] = "0" * 12
        identity = {"robot": {"type": ESCAPES}, ESCAPES: 1}
        file["episode"].attrs["task_identity"] = json.dumps(identity)
    with h5py.File(space.labels / "episode_000001.hdf5", "r+") as file:
        file["episode"].attrs["format"] = 2
        file["episode"].attrs["versions"] = ESCAPES
    manifest = space.run(RUN) / "manifest.json"
    about = json.loads(manifest.read_text())
    about |= {"policy_fingerprint": "0" * 12, "policy_identity": {"robot": {"type": ESCAPES}}}
    manifest.write_text(json.dumps(about))
    log = space.run(RUN) / "metrics.jsonl"
    lines = [json.loads(line) | {"diagnoses": [ESCAPES]} for line in log.read_text().splitlines()]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    space.lock_file.write_text(json.dumps({"pid": os.getpid(), "command": ESCAPES}))


def is_harmless(text: str) -> bool:
    return all(character.isprintable() or character in "\n\t" for character in text)


@pytest.mark.parametrize("arguments", [["status"], ["status", RUN], ["train"], ["record-labels"]])
@pytest.mark.parametrize("json_too", [False, True])
def test_escape_sequences_in_files_do_not_reach_the_terminal(
    space: Workspace,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    json_too: bool,
) -> None:
    spoil(space)
    run([*arguments, "--task", str(space.root), *(["--json"] if json_too else [])])
    out, err = capsys.readouterr()
    assert is_harmless(out)
    assert is_harmless(err)
    assert out or err


def test_own_colours_still_reach_a_terminal(space: Workspace) -> None:
    main, side = pty.openpty()
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    environment["TERM"] = "xterm"
    command = [*HILCTL, "status", "--task", str(space.root)]
    subprocess.run(command, stdout=side, stderr=side, timeout=60, env=environment)
    os.close(side)
    told = os.read(main, 100_000)
    os.close(main)
    assert b"\x1b[36mnext:\x1b[0m hilctl" in told


def test_a_task_that_cannot_be_written_as_text_is_refused_in_words(tmp_path: Path) -> None:
    done = shell(hilctl("new-task", "peg", "--set", "instruction=$'\\xff'"), tmp_path)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert b"not UTF-8" in done.stderr
    assert not (tmp_path / "peg").exists()


def test_the_log_of_a_bug_is_written_whatever_the_arguments_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(as_json: bool = False) -> None:
        raise KeyError("\udcff")

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(status, "status", broken)
    assert run(["status"]) == 70
    (log,) = tmp_path.rglob("error-*.log")
    assert "\\udcff" in log.read_text("utf-8")
    assert is_harmless(capsys.readouterr().err)


CLOSED = ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"]
TELLING = [("2>&-", ""), (">&-", "--json"), ("<&- >&- 2>&-", "")]  # 5 s each


@pytest.mark.parametrize(
    ("closed", "flag"),
    [
        *TELLING,
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in product(CLOSED, ["", "--json"])
            if case not in TELLING
        ),
    ],
)
def test_a_closed_stream_changes_nothing_but_what_is_seen(
    space: Workspace, closed: str, flag: str
) -> None:
    before = {path: path.read_bytes() for path in space.root.rglob("*.hdf5")}
    done = shell(f"{hilctl('status', flag)} {closed}; echo code $? >> code", space.root)
    assert (space.root / "code").read_text() == "code 0\n"
    assert b"Traceback" not in done.stdout + done.stderr
    assert bool(done.stdout) == (">&- " not in f"{closed} ".replace("2>&-", ""))
    done = shell(f"{hilctl('report', 'nowhere', flag)} {closed}; echo code $? > code", space.root)
    assert (space.root / "code").read_text() == "code 5\n"
    assert {path: path.read_bytes() for path in before} == before


def test_no_file_takes_the_place_of_a_closed_stream(space: Workspace) -> None:
    script = (
        "import os\n"
        "from hilctl.cli.streams import open_standard_streams\n"
        "open_standard_streams()\n"
        "print('lost', flush=True)\n"
        "with open('opened', 'w') as file: assert file.fileno() > 2; file.write('whole')\n"
    )
    (space.root / "script.py").write_text(script)
    done = shell(f"{sys.executable} script.py <&- >&- 2>&-; echo $? > code", space.root)
    assert done.returncode == 0
    assert (space.root / "code").read_text() == "0\n"
    assert (space.root / "opened").read_text() == "whole"


@pytest.mark.parametrize("arguments", [["status"], ["train", "--json"], ["new-task", "peg"]])
def test_a_current_folder_that_was_removed_is_an_error_in_words(
    tmp_path: Path, arguments: list[str]
) -> None:
    (tmp_path / "here").mkdir()
    done = shell(f"rmdir {tmp_path}/here; {hilctl(*arguments)}", tmp_path / "here")
    assert done.returncode == 2, done.stderr
    assert b"the current folder was removed" in done.stdout + done.stderr
    assert b"Traceback" not in done.stderr


def test_help_and_version_need_no_current_folder(tmp_path: Path) -> None:
    for arguments in (["--version"], ["--help"], ["status", "-h"]):
        (tmp_path / "here").mkdir()
        done = shell(f"rmdir {tmp_path}/here; {hilctl(*arguments)}", tmp_path / "here")
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["../../x", "..", ".", "", "/tmp", "one/../../../x", "\x1b[2J"])
@pytest.mark.parametrize("verb", ["report", "status", "train --like", "eval --run"])
def test_the_name_of_a_run_leads_nowhere_else(
    space: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, verb: str
) -> None:
    if (verb, name) == ("eval --run", ""):
        return
    shutil.copytree(space.run(RUN), tmp_path / "x")
    before = {path for path in tmp_path.rglob("*") if "runs" not in path.parts}
    assert run([*verb.split(), name, "--task", str(space.root)]) == 5
    assert is_harmless(capsys.readouterr().err)
    after = {path for path in tmp_path.rglob("*") if "runs" not in path.parts}
    assert after - before <= {space.lock_file}


@pytest.mark.parametrize("camera", ["../../x", "/tmp/x", "wrist/..", ""])
def test_the_name_of_a_camera_leads_nowhere_else(tmp_path: Path, camera: str) -> None:
    space = make_task(tmp_path / "task")
    before = set(tmp_path.rglob("*"))
    code = run(["calibrate", "roi", "--camera", camera, "--roi", "full", "--task", str(space.root)])
    assert code == 2
    assert {path.name for path in set(tmp_path.rglob("*")) - before} <= {".hilctl.lock"}


SIGNAL_IN_A_CALLBACK = """
import gc, os, signal, time
from pathlib import Path
from hilctl.pipeline.train.processes import child
from hilctl.pipeline.train.processes.signals import SPAWN

def collected(phase, info):
    gc.callbacks.clear()
    os.kill(os.getpid(), signal.SIGTERM)
    for _ in range(1000):
        pass  # here the handler runs, and what it raises is dropped

class Role:
    @staticmethod
    def main(assignment, signals, sender):
        gc.callbacks.append(collected)
        gc.collect()
        time.sleep(20)

class Assignment:
    root = Path(".")

child.importlib = type("Modules", (), {"import_module": staticmethod(lambda name: Role)})
child.take_share = lambda role: None
child.run_child("actor", Assignment(), None, SPAWN.Pipe(duplex=False)[1])
"""


def test_a_request_to_end_that_falls_into_the_garbage_collector_comes_again(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SIGNAL_IN_A_CALLBACK],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1, done.stderr
    assert signal.SIGTERM.name not in done.stderr
    assert done.stderr == ""
