"""What befalls a training run from outside, and what is left of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import (
    Ask,
    Start,
    copy,
    edit,
    episodes,
    eventually,
    install,
    is_episode,
    is_gone,
    processes,
    starting,
    until,
)
from stopped_run import SEED, StoppedRun, has_learnt, interrupted

from hilctl.data.episode import Episode
from hilctl.pipeline.train.train import train
from hilctl.task.workspace import Workspace

BrokenRun = tuple[Workspace, list[dict[str, Any]]]
SMALL_DISK_BYTES = 14_000_000  # room for the task, some episodes and hardly a checkpoint
AGENT = '''
import time
import jax, jax.numpy as jnp, optax
from hilctl.agents.rlpd import RLPD

broken_once, broken_since = False, None

class Broken(RLPD):
    """Once a loss is no number; later, for six seconds, the policies choose no numbers."""

    def update(self, batches):
        global broken_once
        agent, metrics = super().update(batches)
        if broken_once or optax.tree.get(agent.actor_optimiser, "count") < 6:
            return agent, metrics
        broken_once = True
        return agent, {**metrics, "critic_loss": jnp.nan}

    def acting(self):
        global broken_since
        arrays = super().acting()
        if optax.tree.get(self.actor_optimiser, "count") < 8:
            return arrays
        broken_since = broken_since or time.monotonic()
        if time.monotonic() > broken_since + 6:
            return arrays
        return jax.tree.map(lambda array: array * jnp.nan, arrays)
'''


@pytest.fixture(scope="module")
def broken(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> BrokenRun:
    """A training whose agent breaks in two ways."""
    folder = tmp_path_factory.mktemp("broken")
    space = copy(recorded, folder / "task")
    edit(space, {"type: rlpd": "type: broken", "robot_minutes: 0.25": "robot_minutes: 0.8"})
    environment = install(
        folder / "site", "broken", AGENT, "[hilctl.agents]\nbroken = broken:Broken\n"
    )
    with starting() as start:
        running = start(space, "train", environment=environment)
        events = until(running, lambda event: "reached_target" in event)
        assert running.finish()[0] == 0
    return space, events


def test_losses_that_are_no_numbers_are_undone(broken: BrokenRun) -> None:
    space, events = broken
    assert events[-1]["faults"] == 1
    assert events[-1]["updates"] > 20
    (run,) = space.all_runs()
    assert [file.name for file in (run / "faults").iterdir()] == ["batch_0001.npz"]


def test_actions_that_are_no_numbers_stop_the_robot_and_an_older_policy_goes_on(
    broken: BrokenRun,
) -> None:
    _, events = broken
    assert events[-1]["safety_stops"] > 0
    assert events[-1]["actor_deaths"] == 0
    stops = [event["safety_stops"] for event in events if event.get("event") == "episode"]
    assert stops[-1] == stops[-2], "it goes on, once the newer ones are whole again"


def test_a_checkpoint_cut_in_half_is_put_aside_and_made_again(
    unfinished: Workspace, start: Start
) -> None:
    before = len(episodes(unfinished))
    (run,) = unfinished.all_runs()
    (weights,) = (run / "checkpoints").glob("step_*.npz")
    os.truncate(weights, weights.stat().st_size // 2)
    running = start(unfinished, "train")
    events = until(running, is_episode(before + 1))
    named = [event["files"] for event in events if event["event"] == "recovered"]
    about = next((run / "checkpoints").glob("damaged_step_*.json"))
    assert [about.name, f"damaged_{weights.name}"] in named
    assert events[-1]["episodes"] == before + 1
    if not has_learnt(events[-1]):
        until(running, has_learnt)
    assert interrupted(running)[0] == 130
    assert (run / "checkpoints" / f"damaged_{weights.name}").exists()
    (made,) = (run / "checkpoints").glob("step_*.json")
    assert json.loads(made.read_text())["updates"] > 20


def test_a_task_file_of_another_policy_is_refused_with_what_differs(
    unfinished: Workspace, ask: Ask
) -> None:
    before = len(episodes(unfinished))
    edit(unfinished, {"images: [wrist, side]": "images: [side]"})
    code, lines, _ = ask(unfinished, "train")
    assert code == 7
    error = lines[-1]["error"]
    assert "another set-up" in error["message"]
    assert "observation.images" in error["message"]
    assert "hilctl train --new" in error["hint"]
    assert len(episodes(unfinished)) == before


def test_another_run_like_an_earlier_one_does_not_care_what_the_task_file_says_now(
    unfinished: Workspace, start: Start
) -> None:
    edit(unfinished, {"updates_per_step: 1": "updates_per_step: 3"})
    (earlier,) = unfinished.all_runs()
    again = start(unfinished, "train", "--like", earlier.name)
    assert until(again, is_episode(1))[-1]["episodes"] == 1
    interrupted(again)
    made = [json.loads((run / "manifest.json").read_text()) for run in unfinished.all_runs()]
    assert len(made) == 2
    assert made[0]["spec"] == made[1]["spec"]
    assert made[1]["seed"] == SEED


def test_a_rollback_goes_on_from_the_best_policy_if_there_is_one(
    unfinished: Workspace, start: Start, ask: Ask
) -> None:
    before = len(episodes(unfinished))
    code, lines, _ = ask(unfinished, "train", "--rollback", "best")
    assert (code, lines[-1]["error"]["code"]) == (5, "missing_stage")
    (run,) = unfinished.all_runs()
    (best := run / "checkpoints" / "best").mkdir()
    for file in (run / "checkpoints").glob("step_*"):
        shutil.copy(file, best)
    running = start(unfinished, "train", "--rollback", "best")
    assert until(running, is_episode(before + 1))[-1]["episodes"] == before + 1
    assert interrupted(running)[0] == 130
    (about,) = (run / "checkpoints").glob("step_*.json")
    assert json.loads(about.read_text())["updates"] > 0


def test_a_second_train_in_the_same_folder_is_refused(stopped: StoppedRun) -> None:
    code, lines, _ = stopped.second
    assert (code, lines[-1]["error"]["code"]) == (2, "busy")
    assert len(stopped.space.all_runs()) == 1


def test_a_stopped_run_goes_on_and_ctrl_c_twice_leaves_at_once(
    unfinished: Workspace, start: Start
) -> None:
    before = len(episodes(unfinished))
    running = start(unfinished, "train")
    events = until(running, is_episode(before + 1))
    assert events[-1]["episodes"] == before + 1
    running.kill(signal.SIGINT)
    running.kill(signal.SIGTERM)  # two of the same kind may arrive as one
    code, lines, talk = running.finish()
    assert code == 130, talk
    assert "Traceback" not in talk
    assert lines[-1]["error"]["next"] == "hilctl train"
    assert eventually(lambda: all(is_gone(pid) for pid in processes(events).values()))
    kept = len(episodes(unfinished))
    assert kept > before
    polls = iter([False] * 40)
    result = train(unfinished, stop=lambda: next(polls, True))
    assert result is not None
    assert result.progress.episodes == len(episodes(unfinished)) > kept


@pytest.fixture
def small_disk(recorded: Path, tmp_path: Path) -> Iterator[Workspace]:
    """The task on a disk that is soon full."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK_BYTES}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    shutil.copytree(recorded, folder / "task")
    yield Workspace(folder / "task")
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_ends_the_run_in_words_and_harms_no_episode(
    small_disk: Workspace, start: Start
) -> None:
    running = start(small_disk, "train")
    code, lines, talk = running.finish()
    assert code == 7, talk
    assert "the disk is full" in json.dumps(lines[-1])
    assert "Traceback" not in talk
    counted = [line["episodes"] for line in lines if line.get("event") == "episode"]
    kept = episodes(small_disk)
    assert len(kept) >= max(counted, default=0)
    assert all(len(Episode.read(path)) > 0 for path in kept)
