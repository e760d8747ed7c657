"""A rig on the network from one end to the other: `serve-sim` and a task that drives it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from processes import Ask, eventually, make_task

from hilctl.data.header import EpisodeHeader
from hilctl.task.workspace import Workspace

PATIENCE_S = 60


@contextmanager
def served(port: int = 0) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run `serve-sim` as a process; return it and the address of its arm."""
    options = ["--scene", "reach", "--size", "160x120", "--rate-hz", "15"]
    command = [sys.executable, "-m", "hilctl", "serve-sim", "--port", str(port), *options, "--json"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())["arms"][""]
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE_S)


def rehearsed(folder: Path, url: str) -> Workspace:
    """Make a task of the template that a scripted operator drives."""
    changes = {"teleop: {type: rehearsed": "teleop: {skill: 1.0, type: rehearsed"}
    cameras = {name: f"{url}/camera/{name}.mjpg" for name in ("wrist", "side")}
    return make_task(folder, "serl-insert", changes, url=url, teleop="rehearsed", **cameras)


def demos(space: Workspace) -> list[Path]:
    return sorted(space.demos.glob("episode_*.hdf5"))


def pull_the_plug(rig: subprocess.Popen[str], space: Workspace) -> None:
    """End a rig in the middle of the second demonstration, or of a later one."""
    assert eventually(lambda: bool(demos(space)) and any(space.demos.glob("*.partial")))
    time.sleep(0.5)
    rig.kill()


def test_a_rig_that_is_lost_loses_nothing_and_the_same_command_goes_on(
    tmp_path: Path, ask: Ask
) -> None:
    with served() as (rig, url):
        space = rehearsed(tmp_path / "ball", url)
        plug = threading.Thread(target=pull_the_plug, args=(rig, space))
        plug.start()
        code, lines, talk = ask(space, "record-demos", "-n", "9", "--allow-motion")
        plug.join()
    assert code == 4, talk
    error = lines[-1]["error"]
    assert "http://127.0.0.1" in error["message"]
    assert error["hint"]
    kept = max(line.get("demos", 0) for line in lines)
    assert len(demos(space)) == kept >= 1
    assert not list(space.root.rglob("*.partial"))

    code, lines, talk = ask(space, "doctor")
    robot = [one for one in lines[-1]["findings"] if one["subject"] == "robot"]
    assert code == 4
    assert "cannot be reached: connection refused" in robot[0]["detail"]

    with served(int(url.rpartition(":")[2])):
        wanted = kept + 1
        code, lines, talk = ask(space, "record-demos", "-n", str(wanted), "--allow-motion")
        assert code == 0, talk
        assert lines[-1]["demos"] == wanted
        assert all(EpisodeHeader.read(file).true_success for file in demos(space))
        tells_what_the_readme_says(space, ask)


def tells_what_the_readme_says(space: Workspace, ask: Ask) -> None:
    """Do what people do on a rig besides recording, as the READMEs write it."""
    code, lines, talk = ask(space, "doctor", "--seconds", "0.5")
    assert code == 0, talk
    assert {"robot", "camera wrist", "camera side"} <= {
        one["subject"] for one in lines[-1]["findings"] if one["ok"]
    }
    code, lines, talk = ask(space, "teleop", "--move", "--seconds", "1", "--allow-motion")
    assert code == 0, talk
    assert lines[-1]["polls"] > 0
    code, lines, talk = ask(space, "calibrate", "roi", "--camera", "side", "--roi", "20,0,120,120")
    assert code == 0, talk
    assert lines[-1]["crop"] == [20, 0, 120, 120]
