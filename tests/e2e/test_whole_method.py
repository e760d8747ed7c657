"""From demonstrations to a measured policy: the stages in a row, on a small task."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from processes import Start, copy, edit, until

from hilctl.errors import DataError, MissingStageError
from hilctl.pipeline.evaluate.evaluate import evaluate
from hilctl.pipeline.events import Event, never, silent
from hilctl.pipeline.features import Demonstrations
from hilctl.pipeline.parts import open_encoder
from hilctl.pipeline.run_folder.resume import find_finished
from hilctl.pipeline.run_folder.run import Run
from hilctl.pipeline.stages import State, survey
from hilctl.pipeline.train.learner import learning
from hilctl.pipeline.train.learner.stored import last_checkpoint, stored_episodes
from hilctl.pipeline.train.train import TrainResult, train
from hilctl.task.sections import CHUNK_STEPS
from hilctl.task.workspace import Workspace
from hilctl.teleop.base import TeleopEvent as Pressed
from hilctl.teleop.base import TeleopInput
from hilctl.teleop.scripted import ScriptedTeleop
from hilctl.training.episode_learner import is_warm
from hilctl.training.learner import Learner

POLLS = 290  # of whoever stops a training: its first updates come after 200 steps
CHANGING = {"wall_s"}  # of a run's figures, all others are the same for the same seed


@pytest.fixture(scope="module")
def ready(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A task with demonstrations and a classifier."""
    space = copy(recorded, tmp_path_factory.mktemp("whole") / "task")
    edit(space, {"robot_minutes: 0.4": "robot_minutes: 0.6", "before: 4": "before: 0"})
    return space


@dataclass(frozen=True)
class StoppedTraining:
    """A training that was stopped after its first updates.

    Attributes:
        space: the task folder that it left.
        result: of `train`.
        births: of its learner.
    """

    space: Workspace
    result: TrainResult
    births: list[tuple[int, int]]


def stops_after(polls: int) -> Callable[[], bool]:
    answers = iter([False] * polls)
    return lambda: next(answers, True)


def births(learner: Learner) -> list[tuple[int, int]]:
    """Return how many transitions of the RL buffer came in after how many updates."""
    batch = learner.online.sample(np.random.default_rng(0), 50 * len(learner.online))
    slots = np.stack([batch.born, batch.actions[:, 0].view(np.int32)], axis=1)
    found, counts = np.unique(np.unique(slots, axis=0)[:, 0], return_counts=True)
    return [*zip(found.tolist(), counts.tolist(), strict=True)]


@pytest.fixture(scope="module")
def begun(ready: Workspace, tmp_path_factory: pytest.TempPathFactory) -> StoppedTraining:
    """A training that is stopped, and remembers its learner."""
    space = copy(ready.root, tmp_path_factory.mktemp("stopped") / "task")
    learners: list[Learner] = []
    make = learning.make_learner

    def kept(*arguments: Any, **settings: Any) -> Learner:
        learners.append(make(*arguments, **settings))
        return learners[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learning, "make_learner", kept)
        result = train(space, seed=3, stop=stops_after(POLLS))
    assert result is not None
    return StoppedTraining(space, result, births(learners[0]))


@dataclass(frozen=True)
class Continued:
    """The same after it went on to its end: its folder, result and all that was told."""

    space: Workspace
    result: TrainResult
    told: list[Event]


@pytest.fixture(scope="module")
def continued(begun: StoppedTraining, tmp_path_factory: pytest.TempPathFactory) -> Continued:
    """A stopped training goes on to its end."""
    space = copy(begun.space.root, tmp_path_factory.mktemp("continued") / "task")
    told: list[Event] = []
    result = train(space, seed=5, report=told.append)
    assert result is not None
    return Continued(space, result, told)


@pytest.fixture
def trained(continued: Continued, tmp_path: Path) -> Workspace:
    """A copy of the task with a policy."""
    return copy(continued.space.root, tmp_path / "trained")


def figures(space: Workspace) -> Iterator[dict[str, object]]:
    run = space.latest_run()
    assert run is not None
    for line in (run / "metrics.jsonl").read_text().splitlines():
        yield {key: value for key, value in json.loads(line).items() if key not in CHANGING}


def entitled_steps(space: Workspace) -> int:
    """Return the steps of all episodes but those that ended while the robot warmed up."""
    steps = [int(str(line["episode_steps"])) for line in figures(space)]
    return sum(own for own, so_far in zip(steps, np.cumsum(steps), strict=True) if is_warm(so_far))


def whole_chunks(steps: int) -> int:
    """Return the updates that so many steps entitle to at one a step."""
    return steps // CHUNK_STEPS * CHUNK_STEPS


def states(space: Workspace) -> dict[str, State]:
    return {stage.name: stage.state for stage in survey(Workspace(space.root))}


def test_training_leaves_a_policy_and_says_how_it_went(trained: Workspace) -> None:
    lines = list(figures(trained))
    last = lines[-1]
    assert last["episodes"] == len(lines)
    assert last["robot_steps"] == sum(int(str(line["episode_steps"])) for line in lines)
    manifest = json.loads((trained.existing_run(None) / "manifest.json").read_text("utf-8"))
    learnt = whole_chunks(entitled_steps(trained))
    # the last line comes while the last episode is learnt from
    assert 0 < int(str(last["updates"])) <= manifest["progress"]["updates"] == learnt
    assert states(trained)["policy"] is State.READY


def test_the_same_seed_is_the_same_run_bit_by_bit(
    ready: Workspace, begun: StoppedTraining, tmp_path: Path
) -> None:
    again = copy(ready.root, tmp_path / "task")
    result = train(again, seed=3, stop=stops_after(POLLS))
    assert result is not None
    assert result.progress.updates > 0
    assert list(figures(again)) == list(figures(begun.space))
    weights = [
        next((run / "checkpoints").glob("*.npz")).read_bytes()
        for space in (again, begun.space)
        if (run := space.latest_run())
    ]
    assert weights[0] == weights[1]


def test_a_stopped_run_goes_on_where_it_was(begun: StoppedTraining, continued: Continued) -> None:
    first, second, space = begun.result, continued.result, continued.space
    assert first.checkpoint is not None
    assert states(begun.space)["policy"] is State.PARTIAL
    assert second.run.name == first.run.name
    (resumed,) = [event.figures for event in continued.told if "going on" in event.text]
    for name, value in first.progress.as_dict().items():
        if name not in {"phase", "wall_s", "policy_age", *first.progress.learner}:
            assert resumed[name] == pytest.approx(value), name
    assert second.progress.robot_steps > first.progress.robot_steps
    assert second.progress.updates > first.progress.updates
    assert states(space)["policy"] is State.READY
    lines = list(figures(space))
    assert [line["episodes"] for line in lines] == [*range(1, len(lines) + 1)]
    parts = json.loads((second.run / "manifest.json").read_text())["parts"]
    assert [len(part["demos"]) for part in parts] == [3, 3]
    assert parts[0]["demos"] == parts[1]["demos"]
    assert parts[0]["versions"]["jax"] == jax.__version__
    assert len(list((second.run / "episodes").glob("*.hdf5"))) == len(lines)


@pytest.mark.slow
def test_a_killed_run_loses_no_finished_episode_and_owes_what_it_has_not_learnt(
    ready: Workspace, tmp_path: Path, start: Start
) -> None:
    space = copy(ready.root, tmp_path / "task")
    edit(space, {"robot_minutes: 0.6": "robot_minutes: 0.5"})
    running = start(space, "train", "--lockstep")
    seen = steps = 0
    while not is_warm(steps):
        event = running.event()
        if event["event"] == "episode":
            seen, steps = event["episodes"], event["robot_steps"]
    running.kill(signal.SIGKILL)
    running.finish()
    (run,) = space.all_runs()
    assert not list((run / "checkpoints").glob("*.npz"))
    kept = len(list((run / "episodes").glob("*.hdf5")))
    assert kept >= seen
    told: list[Event] = []
    result = train(space, report=told.append)
    assert result is not None
    assert result.run == run
    assert any(f"after {kept} episodes" in event.text for event in told)
    assert not list((run / "episodes").glob("*.partial"))
    assert result.progress.updates == whole_chunks(entitled_steps(space))


def test_steps_are_as_old_after_a_restart_as_they_were(
    begun: StoppedTraining, tmp_path: Path
) -> None:
    space = copy(begun.space.root, tmp_path / "task")
    run = Run(space, space.existing_run(None), 0)
    side = learning.open_learning_side(run, open_encoder(space), silent, never)
    assert side is not None
    before, after = begun.births, births(side.learner)
    assert len(before) > 2
    assert [count for _, count in after] == [count for _, count in before]
    for (was, _), (now, _) in zip(before, after, strict=True):
        assert abs(was - now) < CHUNK_STEPS


def test_after_a_return_to_an_older_policy_no_step_is_younger_than_it(
    begun: StoppedTraining, tmp_path: Path
) -> None:
    space = copy(begun.space.root, tmp_path / "task")
    run = Run(space, space.existing_run(None), 0)
    (file,) = (run.folder / "checkpoints").glob("step_*.json")
    about = json.loads(file.read_text())
    per_step = space.spec.training.updates_per_step
    made = about["learner"]["updates"] + about["learner"]["owed_steps"] * per_step
    older = made // 2
    about["learner"] |= {"updates": older, "owed_steps": 0}
    file.write_text(json.dumps(about | {"updates": older}))
    side = learning.open_learning_side(run, open_encoder(space), silent, never)
    assert side is not None
    before = [updates for updates, _ in begun.births]
    after = [updates for updates, _ in births(side.learner)]
    assert max(after) <= older < max(before)
    assert max(before) - max(after) == pytest.approx(made - older, abs=CHUNK_STEPS)


def test_an_unfinished_run_of_another_set_up_is_refused_with_the_difference(
    begun: StoppedTraining, tmp_path: Path
) -> None:
    space = copy(begun.space.root, tmp_path / "task")
    text = space.task_file.read_text()
    space.task_file.write_text(text.replace("relative: true", "relative: false"))
    space = Workspace(space.root)
    with pytest.raises(DataError, match="false here, true there") as caught:
        train(space)
    assert "hilctl train --new" in str(caught.value.hint)
    assert train(space, new=True, stop=stops_after(30)) is not None
    assert len(space.all_runs()) == 2


def test_evaluation_is_hands_off_and_kept_with_the_run(trained: Workspace) -> None:
    result = evaluate(trained, episodes=2, video=True).as_dict()
    assert (result["episodes"], result["interventions"]) == (2, 0)
    assert 0 <= result["ci95"][0] <= result["success_rate"] <= result["ci95"][1] <= 1
    run = trained.latest_run()
    assert run is not None
    assert len(list((run / "videos").glob("*.mp4"))) == 2
    assert json.loads((run / "eval.json").read_text())["episodes"] == 2
    assert states(trained)["evaluation"] is State.READY


def grips(monkeypatch: pytest.MonkeyPatch, *events: Pressed) -> None:
    """Let the operator's device say at every poll that a hand drives it, and press buttons."""
    held = TeleopInput(np.full(6, 0.5), engaged=True, events=events)
    monkeypatch.setattr(ScriptedTeleop, "poll", lambda self: held)


def test_no_hand_reaches_the_robot_in_an_evaluation(
    trained: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = evaluate(trained, episodes=3).as_dict()
    grips(monkeypatch)
    assert evaluate(trained, episodes=3).as_dict() == alone
    assert alone["interventions"] == alone["discarded"] == 0


def test_what_is_thrown_away_in_an_evaluation_counts_as_failed(
    trained: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    grips(monkeypatch, Pressed.DISCARD)
    result = evaluate(trained, episodes=3)
    figures = result.as_dict()
    assert (figures["episodes"], figures["successes"], figures["discarded"]) == (3, 0, 3)
    assert not result.stopped
    assert json.loads((result.checkpoint.parents[1] / "eval.json").read_text())["discarded"] == 3


def test_an_evaluation_that_a_person_ends_says_what_it_saw_and_keeps_nothing(
    trained: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for earlier in trained.runs.glob("*/eval.json"):
        earlier.unlink()
    grips(monkeypatch, Pressed.QUIT)
    result = evaluate(trained, episodes=3)
    assert result.stopped
    assert result.as_dict()["episodes"] == 1
    assert not (result.checkpoint.parents[1] / "eval.json").exists()


def test_ctrl_c_ends_an_evaluation_with_what_it_saw(trained: Workspace, start: Start) -> None:
    running = start(trained, "eval", "--episodes", "1000")
    seen = until(running, lambda event: event["event"] == "episode" and event["episode"] >= 2)
    running.kill(signal.SIGINT)
    code, lines, talk = running.finish()
    *more, score, error = lines
    assert (code, error["error"]["code"]) == (130, "interrupted")
    counted = [line for line in [*seen, *more] if line["event"] == "episode"]
    assert (score["event"], score["stopped"]) == ("stopped", True)
    assert score["episodes"] == len(counted)
    assert f"/{len(counted)} successes by the classifier" in talk
    assert "not kept" in talk


def test_a_stop_before_the_first_update_hides_no_older_policy(trained: Workspace) -> None:
    before = trained.latest_run()
    polls = iter([False] * 20)
    result = train(trained, new=True, stop=lambda: next(polls, True))
    assert isinstance(result, TrainResult)
    assert result.checkpoint is None
    assert result.run != before
    assert trained.latest_run() == before


def test_there_can_be_updates_before_the_robot_moves_and_they_are_told(
    ready: Workspace, tmp_path: Path
) -> None:
    space = copy(ready.root, tmp_path / "task")
    text = space.task_file.read_text()
    space.task_file.write_text(text.replace("updates_before: 0", "updates_before: 38"))
    told: list[Event] = []
    result = train(Workspace(space.root), report=told.append, stop=stops_after(40))
    assert result is not None
    assert result.progress.updates == 40  # in calls of four
    updates = [event for event in told if event.name == "update"]
    assert [event.done for event in updates] == [*range(0, 41, 4)]
    assert all("before the robot moves" in event.text for event in updates)
    names = [event.name for event in told]
    last_update = len(names) - 1 - names[::-1].index("update")
    assert last_update < names.index("moving") < names.index("episode")
    assert result.checkpoint is not None


def test_a_stop_while_demonstrations_are_read_leaves_no_run(
    ready: Workspace, tmp_path: Path
) -> None:
    space = copy(ready.root, tmp_path / "task")
    assert train(space, stop=lambda: True) is None
    assert not space.runs.exists()


def test_a_policy_that_has_learnt_nothing_is_not_measured(trained: Workspace) -> None:
    run = trained.latest_run()
    assert run is not None
    (file,) = (run / "checkpoints").glob("*.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"updates": 0}))
    with pytest.raises(MissingStageError, match="learnt nothing"):
        evaluate(trained, episodes=1)


def test_a_foreign_classifier_is_found_before_the_run_begins(
    ready: Workspace, tmp_path: Path
) -> None:
    space = copy(ready.root, tmp_path / "task")
    file = space.classifier / "classifier.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"encoder_fingerprint": "other"}))
    with pytest.raises(DataError):
        train(space)
    assert not space.runs.exists()


def test_behaviour_cloning_needs_no_robot(ready: Workspace, tmp_path: Path) -> None:
    space = copy(ready.root, tmp_path / "task")
    text = space.task_file.read_text()
    start, end = text.index("agent:"), text.index("training:")
    cloning = "agent: {type: bc, encoder: thumbnails, updates: 40, batch: 8}\n\n"
    space.task_file.write_text(text[:start] + cloning + text[end:])
    space = Workspace(space.root)
    told: list[str] = []
    result = train(space, report=lambda event: told.append(event.name))
    assert result is not None
    assert result.progress.robot_steps == 0
    assert result.progress.updates >= 40
    assert told.count("update") == 10  # chunks of four updates
    finished = find_finished(space)
    assert finished is not None
    assert finished.how == "learnt from the demonstrations alone"
    assert evaluate(space, episodes=1).as_dict()["episodes"] == 1


def test_measuring_needs_a_policy(ready: Workspace) -> None:
    with pytest.raises(MissingStageError, match="no policy"):
        evaluate(ready, episodes=1)


def test_pictures_are_encoded_once(
    begun: StoppedTraining, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = copy(begun.space.root, tmp_path / "task")
    run, encoder, frames = space.latest_run(), open_encoder(space), []
    assert run is not None
    encode_many = type(encoder).encode_many

    def counted(self: Any, images: Any, *rest: Any) -> Any:
        frames.append(len(images))
        return encode_many(self, images, *rest)

    monkeypatch.setattr(type(encoder), "encode_many", counted)
    checkpoint = last_checkpoint(run, space.spec, encoder)
    assert checkpoint is not None

    def read() -> tuple[Demonstrations, list[Any]]:
        demos = Demonstrations.load(space, encoder)
        seen = stored_episodes(run, space.spec, encoder, checkpoint.perception)
        return demos, [episode.trajectory.observations for episode in seen]

    first = read()
    encoded = sum(frames)
    assert encoded >= 2 * sum(len(one["state"]) for one in first[1])
    second = read()
    assert sum(frames) == encoded
    jax.tree.map(np.testing.assert_array_equal, first[1], second[1])
    jax.tree.map(np.testing.assert_array_equal, first[0].features, second[0].features)
