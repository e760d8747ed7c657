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
    Running,
    Start,
    episodes,
    eventually,
    is_episode,
    is_gone,
    long_enough_to_learn,
    processes,
    until,
)

from hilctl.data.episode import Episode
from hilctl.task.workspace import Workspace

SMALL_DISK_BYTES = 14_000_000  # room for the task, some episodes and hardly a checkpoint
PLUGIN = '''
import time
import jax, jax.numpy as jnp, optax
from hilctl.agents.rlpd import RLPD

broken_once, broken_since = False, None

class BrokenLoss(RLPD):
    """Once, after some updates, a loss is no number."""

    def update(self, batches):
        global broken_once
        agent, metrics = super().update(batches)
        if broken_once or optax.tree.get(agent.actor_optimiser, "count") < 6:
            return agent, metrics
        broken_once = True
        return agent, {**metrics, "critic_loss": jnp.nan}

class BrokenActions(RLPD):
    """For six seconds the policies it publishes choose actions that are no numbers."""

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
HOUR_S = 3600
JUMPING_CLOCK = f"""
import time

seconds, nanoseconds, monotonic = time.time, time.time_ns, time.monotonic
began = monotonic()

def jump_s():
    return -{HOUR_S} if int(monotonic() - began) % 10 < 5 else {HOUR_S}

time.time = lambda: seconds() + jump_s()
time.time_ns = lambda: nanoseconds() + jump_s() * 10**9
"""
ENTRY_POINTS = """
[hilctl.agents]
broken-loss = faulty:BrokenLoss
broken-actions = faulty:BrokenActions
"""


@pytest.fixture
def use_agent(ready: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Install a package with faulty agents, and train with one of them."""
    site = tmp_path / "site"
    about = site / "faulty-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "faulty.py").write_text(PLUGIN)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.setenv("PYTHONPATH", f"{site}:{os.environ.get('PYTHONPATH', '')}")

    def use(name: str) -> None:
        text = ready.task_file.read_text()
        assert "type: rlpd" in text
        ready.task_file.write_text(text.replace("type: rlpd", f"type: {name}"))

    return use


def stopped_run(space: Workspace, start: Start) -> int:
    """Train for a while, stop, and return how many episodes there are."""
    running = start(space, "train")
    until(running, is_episode(2))
    running.kill(signal.SIGINT)
    assert running.finish()[0] == 130
    return len(episodes(space))


def result_of(running: Running) -> dict[str, Any]:
    result = until(running, lambda event: "reached_target" in event)[-1]
    assert running.finish()[0] == 0
    return result


def test_losses_that_are_no_numbers_are_undone(
    ready: Workspace, start: Start, use_agent: Any
) -> None:
    use_agent("broken-loss")
    long_enough_to_learn(ready)
    result = result_of(start(ready, "train"))
    assert result["faults"] == 1
    assert result["updates"] > 20
    (run,) = ready.all_runs()
    assert [file.name for file in (run / "faults").iterdir()] == ["batch_0001.npz"]


def test_actions_that_are_no_numbers_stop_the_robot_and_an_older_policy_goes_on(
    ready: Workspace, start: Start, use_agent: Any
) -> None:
    use_agent("broken-actions")
    text = ready.task_file.read_text()
    ready.task_file.write_text(text.replace("max_robot_minutes: 0.25", "max_robot_minutes: 0.8"))
    running = start(ready, "train")
    events = until(running, lambda event: "reached_target" in event)
    assert running.finish()[0] == 0
    assert events[-1]["safety_stops"] > 0
    assert events[-1]["actor_deaths"] == 0
    stops = [event["safety_stops"] for event in events if event.get("event") == "episode"]
    assert stops[-1] == stops[-2], "it goes on, once the newer ones are whole again"


def test_a_checkpoint_cut_in_half_is_put_aside_and_made_again(
    ready: Workspace, start: Start
) -> None:
    long_enough_to_learn(ready)
    before = stopped_run(ready, start)
    (run,) = ready.all_runs()
    (weights,) = (run / "checkpoints").glob("step_*.npz")
    os.truncate(weights, weights.stat().st_size // 2)
    running = start(ready, "train")
    events = until(running, is_episode(before + 1))
    named = [event["files"] for event in events if event["event"] == "recovered"]
    about = next((run / "checkpoints").glob("damaged_step_*.json"))
    assert [about.name, f"damaged_{weights.name}"] in named
    assert events[-1]["episodes"] == before + 1
    result = result_of(running)
    assert result["updates"] > 20
    assert (run / "checkpoints" / f"damaged_{weights.name}").exists()


def test_a_task_file_of_another_policy_is_refused_with_what_differs(
    ready: Workspace, start: Start
) -> None:
    before = stopped_run(ready, start)
    text = ready.task_file.read_text()
    ready.task_file.write_text(text.replace("images: [wrist, side]", "images: [side]", 1))
    code, lines, _ = start(ready, "train").finish()
    assert code == 7
    error = lines[-1]["error"]
    assert "another set-up" in error["message"]
    assert "observation.images" in error["message"]
    assert "hilctl train --new" in error["hint"]
    assert len(episodes(ready)) == before


def test_another_run_like_an_earlier_one_does_not_care_what_the_task_file_says_now(
    ready: Workspace, start: Start
) -> None:
    first = start(ready, "train", "--seed", "5")
    until(first, is_episode(1))
    first.kill(signal.SIGINT)
    first.finish()
    text = ready.task_file.read_text()
    ready.task_file.write_text(text.replace("updates_per_step: 1", "updates_per_step: 3"))
    (earlier,) = ready.all_runs()
    again = start(ready, "train", "--like", earlier.name)
    assert until(again, is_episode(1))[-1]["episodes"] == 1
    again.kill(signal.SIGINT)
    again.finish()
    made = [json.loads((run / "manifest.json").read_text()) for run in ready.all_runs()]
    assert len(made) == 2
    assert made[0]["spec"] == made[1]["spec"]
    assert made[1]["seed"] == 5


def test_a_rollback_goes_on_from_the_best_policy_if_there_is_one(
    ready: Workspace, start: Start
) -> None:
    before = stopped_run(ready, start)
    code, lines, _ = start(ready, "train", "--rollback", "best").finish()
    assert (code, lines[-1]["error"]["code"]) == (5, "missing_stage")
    (run,) = ready.all_runs()
    (best := run / "checkpoints" / "best").mkdir()
    for file in (run / "checkpoints").glob("step_*"):
        shutil.copy(file, best)
    running = start(ready, "train", "--rollback", "best")
    events = until(running, is_episode(before + 1))
    assert events[-1]["episodes"] == before + 1
    running.kill(signal.SIGINT)
    assert running.finish()[0] == 130
    (about,) = (run / "checkpoints").glob("step_*.json")
    assert json.loads(about.read_text())["updates"] > 0


def test_a_second_train_in_the_same_folder_is_refused(ready: Workspace, start: Start) -> None:
    running = start(ready, "train")
    until(running, is_episode(1))
    code, lines, _ = start(ready, "train").finish()
    assert (code, lines[-1]["error"]["code"]) == (2, "busy")
    until(running, is_episode(2))
    running.kill(signal.SIGINT)
    assert running.finish()[0] == 130


def test_ctrl_c_twice_leaves_at_once_and_the_next_run_goes_on(
    ready: Workspace, start: Start
) -> None:
    running = start(ready, "train")
    pids = processes(until(running, is_episode(2)))
    running.kill(signal.SIGINT)
    running.kill(signal.SIGTERM)  # two of the same kind may arrive as one
    code, _, talk = running.finish()
    assert code == 130, talk
    assert "Traceback" not in talk
    assert eventually(lambda: all(is_gone(pid) for pid in pids.values()))
    before = len(episodes(ready))
    assert before >= 2
    again = start(ready, "train")
    assert until(again, is_episode(1))[-1]["episodes"] == before + 1
    again.kill(signal.SIGINT)
    again.finish()


def test_a_clock_that_is_set_while_training_runs_changes_nothing(
    ready: Workspace, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(JUMPING_CLOCK)
    monkeypatch.setenv("PYTHONPATH", f"{site}:{os.environ.get('PYTHONPATH', '')}")
    result = result_of(start(ready, "train"))
    assert 12 < result["robot_s"] < 25
    assert result["wall_s"] < HOUR_S
    assert result["worst_late_s"] < HOUR_S
    assert result["late_periods"] < result["robot_steps"] / 2
    assert result["episodes"] == len(episodes(ready))
    assert (result["actor_deaths"], result["learner_deaths"]) == (0, 0)


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
