"""What befalls a training run from outside, and what is left of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
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
from stopped_run import SEED, UPDATES, Finished, StoppedRun
from test_moved_folder import move_and_make_another

from hilctl.data.episode import Episode
from hilctl.pipeline.run_folder.resume import progress_so_far
from hilctl.pipeline.train.train import train
from hilctl.task.workspace import Workspace

WatchedRun = tuple[Workspace, list[dict[str, Any]]]  # and what it told, in order
ROOM_BYTES = 800_000  # on a small disk: for some episodes, and no checkpoint
AGENT = '''
import os
import jax, jax.numpy as jnp, optax
from hilctl.agents.rlpd import RLPD

broken_once = False

class Broken(RLPD):
    """Once a loss is no number; later, until it is mended, the policies choose no numbers."""

    def update(self, batches):
        global broken_once
        agent, metrics = super().update(batches)
        if broken_once or optax.tree.get(agent.actor_optimiser, "count") < 6:
            return agent, metrics
        broken_once = True
        return agent, {**metrics, "critic_loss": jnp.nan}

    def acting(self):
        arrays = super().acting()
        is_young = optax.tree.get(self.actor_optimiser, "count") < 8
        if is_young or os.path.exists(os.environ["MENDED"]):
            return arrays
        return jax.tree.map(lambda array: array * jnp.nan, arrays)
'''


@dataclass(frozen=True)
class BrokenRun:
    """A training that was disturbed three times.

    Attributes:
        space: its task folder, which was moved away in the end.
        root: where that was; another is there since.
        events: what was told until then.
        answer: exit code, remaining lines and talk.
    """

    space: Workspace
    root: Path
    events: list[dict[str, Any]]
    answer: Finished


@pytest.fixture(scope="module")
def broken(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> BrokenRun:
    """A training whose agent breaks in two ways, and whose folder is moved when it goes on."""
    folder = tmp_path_factory.mktemp("broken")
    space = copy(recorded, folder / "task")
    edit(space, {"type: rlpd": "type: broken", "robot_minutes: 0.4": "robot_minutes: 5"})
    environment = install(
        folder / "site", "broken", AGENT, "[hilctl.agents]\nbroken = broken:Broken\n"
    )
    environment["MENDED"] = str(folder / "mended")
    stops: list[int] = []

    def goes_on(event: dict[str, Any]) -> bool:
        stops.extend([event["safety_stops"]] if event["event"] == "episode" else [])
        return len(stops) > 1 and stops[-1] == stops[-2] > 0 and event["updates"] > 20

    with starting() as start:
        running = start(space, "train", "--task", str(space.root), environment=environment)
        events = until(running, lambda event: bool(event.get("safety_stops")))
        (folder / "mended").touch()
        events += until(running, goes_on)  # once the newer ones are whole again
        move_and_make_another(space.root)
        answer = running.finish()
    return BrokenRun(Workspace(folder / "elsewhere"), space.root, events, answer)


@pytest.mark.slow
def test_losses_that_are_no_numbers_are_undone(broken: BrokenRun) -> None:
    last = broken.events[-1]
    assert last["faults"] == 1
    assert last["updates"] > 20
    (run,) = broken.space.all_runs()
    assert [file.name for file in (run / "faults").iterdir()] == ["batch_0001.npz"]


@pytest.mark.slow
def test_actions_that_are_no_numbers_stop_the_robot_and_an_older_policy_goes_on(
    broken: BrokenRun,
) -> None:
    events = broken.events
    assert events[-1]["safety_stops"] > 0
    assert events[-1]["actor_deaths"] == 0
    told = [event for event in events if event.get("event") == "episode"]
    assert told[-1]["robot_steps"] > told[-2]["robot_steps"]


@pytest.mark.slow
def test_training_stops_when_its_folder_is_moved_and_another_is_in_its_place(
    broken: BrokenRun,
) -> None:
    code, lines, talk = broken.answer
    assert code == 7, talk
    assert "moved or removed" in lines[-1]["error"]["message"]
    left = {str(path.relative_to(broken.root)) for path in broken.root.rglob("*")}
    assert left == {"task.yaml", "demos", "labels", "runs"}


@dataclass(frozen=True)
class ResumedRun:
    """A stopped run that went on without its checkpoint, and was left with two signals at once.

    Attributes:
        space: its task folder.
        weights: name of the checkpoint's weights, which were cut in half.
        before: episodes when it had been stopped.
        events: what was told until the next one was over.
        answer: exit code, remaining lines and talk.
    """

    space: Workspace
    weights: str
    before: int
    events: list[dict[str, Any]]
    answer: Finished

    @property
    def checkpoints(self) -> Path:
        (run,) = self.space.all_runs()
        return run / "checkpoints"


@pytest.fixture(scope="module")
def resumed(stopped: StoppedRun, tmp_path_factory: pytest.TempPathFactory) -> ResumedRun:
    """A run whose checkpoint is damaged goes on for an episode."""
    space = copy(stopped.space.root, tmp_path_factory.mktemp("resumed") / "task")
    before = len(episodes(space))
    (weights,) = space.runs.glob("*/checkpoints/step_*.npz")
    os.truncate(weights, weights.stat().st_size // 2)
    with starting() as start:
        running = start(space, "train")
        events = until(running, is_episode(before + 1))
        running.kill(signal.SIGINT)
        running.kill(signal.SIGTERM)  # two of the same kind may arrive as one
        answer = running.finish()
    return ResumedRun(space, weights.name, before, events, answer)


@pytest.mark.slow
def test_a_checkpoint_cut_in_half_is_put_aside(resumed: ResumedRun) -> None:
    named = [event["files"] for event in resumed.events if event["event"] == "recovered"]
    about = next(resumed.checkpoints.glob("damaged_step_*.json"))
    assert [about.name, f"damaged_{resumed.weights}"] in named
    assert (resumed.checkpoints / f"damaged_{resumed.weights}").exists()
    assert resumed.events[-1]["episodes"] == resumed.before + 1


@pytest.mark.slow
def test_ctrl_c_twice_leaves_at_once(resumed: ResumedRun) -> None:
    code, lines, talk = resumed.answer
    assert code == 130, talk
    assert "Traceback" not in talk
    assert lines[-1]["error"]["next"] == "hilctl train"
    pids = processes(resumed.events)
    assert eventually(lambda: all(is_gone(pid) for pid in pids.values()))


@pytest.mark.slow
def test_a_stopped_run_goes_on_and_makes_its_checkpoint_again(
    resumed: ResumedRun, tmp_path: Path
) -> None:
    space = copy(resumed.space.root, tmp_path / "task")
    kept = len(episodes(space))
    assert kept > resumed.before
    polls = iter([False] * 40)
    result = train(space, stop=lambda: next(polls, True))
    assert result is not None
    assert result.progress.episodes == len(episodes(space)) > kept
    (made,) = space.runs.glob("*/checkpoints/step_*.json")
    assert json.loads(made.read_text())["updates"] > UPDATES


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


@pytest.fixture(scope="module")
def another(stopped: StoppedRun, tmp_path_factory: pytest.TempPathFactory) -> WatchedRun:
    """A run like an earlier one in a changed task, whose supervisor was killed after an episode."""
    space = copy(stopped.space.root, tmp_path_factory.mktemp("another") / "task")
    edit(space, {"updates_per_step: 1": "updates_per_step: 3"})
    (earlier,) = space.all_runs()
    with starting() as start:
        running = start(space, "train", "--like", earlier.name)
        events = until(running, is_episode(1))
        running.kill(signal.SIGKILL)
        running.finish()
    return space, events


def test_another_run_like_an_earlier_one_does_not_care_what_the_task_file_says_now(
    another: WatchedRun,
) -> None:
    space, events = another
    assert events[-1]["episodes"] == 1
    made = [json.loads((run / "manifest.json").read_text()) for run in space.all_runs()]
    assert len(made) == 2
    assert made[0]["spec"] == made[1]["spec"]
    assert made[1]["seed"] == SEED


def test_without_a_supervisor_both_sides_leave(another: WatchedRun) -> None:
    pids = processes(another[1])
    assert set(pids) == {"actor", "learner"}
    assert eventually(lambda: all(is_gone(pid) for pid in pids.values()))


def test_a_rollback_goes_on_from_the_best_policy_if_there_is_one(
    unfinished: Workspace, ask: Ask
) -> None:
    before = len(episodes(unfinished))
    code, lines, _ = ask(unfinished, "train", "--rollback", "best")
    assert (code, lines[-1]["error"]["code"]) == (5, "missing_stage")
    (run,) = unfinished.all_runs()
    (best := run / "checkpoints" / "best").mkdir()
    for file in (run / "checkpoints").glob("step_*"):
        shutil.copy(file, best)
    minutes = progress_so_far(run, unfinished.spec).robot_s / 60 + 0.05
    edit(unfinished, {"max_robot_minutes: 5": f"max_robot_minutes: {minutes}"})
    code, lines, talk = ask(unfinished, "train", "--rollback", "best", "--lockstep")
    assert code == 0, talk
    assert "back at the policy of robot step" in talk
    assert lines[-1]["episodes"] == len(episodes(unfinished)) > before
    (about,) = (run / "checkpoints").glob("step_*.json")
    assert json.loads(about.read_text())["updates"] > 0


def test_a_second_train_in_the_same_folder_is_refused(stopped: StoppedRun) -> None:
    code, lines, _ = stopped.second
    assert (code, lines[-1]["error"]["code"]) == (2, "busy")
    assert len(stopped.space.all_runs()) == 1


@pytest.fixture
def small_disk(recorded: Path, tmp_path: Path) -> Iterator[Workspace]:
    """The task on a disk that is soon full."""
    folder = tmp_path / "disk"
    folder.mkdir()
    taken_bytes = 512 * sum(path.lstat().st_blocks for path in recorded.rglob("*"))
    size = f"size={taken_bytes + ROOM_BYTES}"
    mount = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    shutil.copytree(recorded, folder / "task")
    yield Workspace(folder / "task")
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
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
