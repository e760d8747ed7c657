"""Kills, Ctrl-C, hang-ups and a second command at any moment: nothing committed is ever lost."""

from __future__ import annotations

import random
import signal
import sys
import time
from pathlib import Path

import pexpect
import pytest
from processes import Ask, Running, Start, make_task

from hilctl.data.dataset import Dataset
from hilctl.data.index import INDEX, episode_paths
from hilctl.data.step import Outcome
from hilctl.task.workspace import Workspace

MANY = "200"
# an attempt that lasts until it is interrupted: the socket lies below the bounds
OUT_OF_REACH = {"-0.035, 0.066,": "-0.035, 0.12,"}


def wait_for_rows(folder: Path) -> None:
    """Wait until pictures have been written to an unfinished episode."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if any(path.stat().st_size > 100_000 for path in folder.glob("*.partial")):
            return
        time.sleep(0.05)
    raise AssertionError("nothing was recorded")


def outcomes(folder: Path) -> list[Outcome]:
    return [header.outcome for header in Dataset.open(folder, expect_fingerprint=None).headers]


def wait_for_demos(running: Running, count: int) -> None:
    while running.event().get("demos", 0) < count:
        pass


def kill_at_a_random_moment(start: Start, space: Workspace, rng: random.Random) -> int:
    """Kill a recording, and return how many demonstrations it had told of."""
    running = start(space, "record-demos", "-n", MANY)
    told = 0
    while not told:  # an earlier kill's leftovers come first
        told = running.event().get("demos", 0)
    time.sleep(rng.uniform(0, 0.7))
    running.kill(signal.SIGKILL)
    code, events, _ = running.finish()
    assert code == -signal.SIGKILL
    return max([told, *(event.get("demos", 0) for event in events)])


def kill_and_go_on(start: Start, space: Workspace, times: int, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(times):
        partials = {path.name for path in space.demos.glob("*.partial")}
        told = kill_at_a_random_moment(start, space, rng)
        found = outcomes(space.demos)
        assert found == [Outcome.SUCCESS] * len(found)
        assert len(found) >= told
        assert not partials & {path.name for path in space.demos.glob("*.partial")}
    wanted = len(outcomes(space.demos)) + 1
    partials = {path.name for path in space.demos.glob("*.partial")}
    code, events, _ = start(space, "record-demos", "-n", str(wanted)).finish()
    assert code == 0
    assert {event["partial"] for event in events if event.get("event") == "recovered"} == partials
    assert events[-1]["demos"] == wanted == len(outcomes(space.demos))
    assert not list(space.demos.glob("*.partial"))
    assert (space.demos / INDEX).is_file()
    starts = [tuple(e.state("tcp_pose")[0]) for e in Dataset.open(
        space.demos, expect_fingerprint=None).episodes()]  # fmt: skip
    assert len(set(starts)) == wanted, "no episode is recorded twice"


def test_kill_loses_no_demonstration(start: Start, space: Workspace) -> None:
    kill_and_go_on(start, space, times=2, seed=0)


@pytest.mark.slow
def test_ten_kills_lose_no_demonstration(start: Start, space: Workspace) -> None:
    kill_and_go_on(start, space, times=10, seed=1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_demos(start: Start, space: Workspace, number: signal.Signals) -> None:
    running = start(space, "record-demos", "-n", MANY)
    wait_for_demos(running, 1)
    running.kill(number)
    code, events, talk = running.finish()
    assert code == 130
    assert events[-1]["error"]["code"] == "interrupted"
    assert "next: hilctl record-demos" in talk
    found = outcomes(space.demos)
    assert found == [Outcome.SUCCESS] * len(found)
    assert not list(space.demos.glob("*.partial"))
    assert not (space.demos / INDEX).exists() or len(found) > 0


def test_interrupted_labels(start: Start, space: Workspace, ask: Ask) -> None:
    running = start(space, "record-labels")
    assert running.event()["event"] == "cameras"
    assert running.event()["event"] == "episode"
    running.kill(signal.SIGINT)
    code, events, _ = running.finish()
    assert (code, events[-1]["error"]["code"]) == (130, "interrupted")
    assert not list(space.labels.glob("*.partial"))
    before = len(episode_paths(space.labels))
    code, events, _ = ask(space, "record-labels")
    assert code == 0
    assert events[-1]["missing"] == ""
    assert len(episode_paths(space.labels)) == events[-1]["episodes"] > before


def test_a_second_command_is_told_who_is_at_work(start: Start, space: Workspace, ask: Ask) -> None:
    first = start(space, "record-demos", "-n", MANY)
    wait_for_demos(first, 1)
    code, events, _ = ask(space, "record-labels")
    assert code == 2
    assert events[-1]["error"]["code"] == "busy"
    assert "`hilctl record-demos`" in events[-1]["error"]["message"]
    assert not space.labels.exists()
    first.kill(signal.SIGINT)
    assert first.finish()[0] == 130


@pytest.mark.parametrize(
    ("answer", "kept", "code"), [("y\r", 1, 130), ("n\r", 0, 130), ("\x03", 0, 130)]
)
def test_a_person_decides_about_the_interrupted_episode(
    tmp_path: Path, answer: str, kept: int, code: int
) -> None:
    space = make_task(tmp_path / "task", "sim-insert", OUT_OF_REACH, max_episode_s="300")
    terminal = pexpect.spawn(
        sys.executable,
        ["-m", "hilctl", "record-demos"],
        cwd=str(space.root),
        encoding="utf-8",
        codec_errors="replace",  # a terminal drops what is not yet read at Ctrl-C
        timeout=60,
    )
    wait_for_rows(space.demos)
    terminal.sendintr()
    terminal.expect("keep this episode?")
    terminal.send(answer)
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == code
    assert outcomes(space.demos).count(Outcome.ABORTED) == kept
    assert not list(space.demos.glob("*.partial"))
