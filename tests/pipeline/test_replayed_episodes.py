"""An episode once more: as a film with every picture, or on a robot that keeps to its limits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import h5py
import numpy as np
import pytest
from small_task import edit, make_task, write_demo

from hilctl.data.episode import Episode
from hilctl.data.index import episode_paths
from hilctl.errors import DataError, MissingStageError, TaskFileError, UsageError
from hilctl.pipeline.evaluate.video import SCALE
from hilctl.pipeline.events import Event
from hilctl.pipeline.record.demos import record_demos
from hilctl.pipeline.replay.film import EpisodeFilm, write_video
from hilctl.pipeline.replay.find import find_episode
from hilctl.pipeline.replay.on_robot import TRAVEL_SPEED, replay_on_robot
from hilctl.robots.sim import SimRobot
from hilctl.task.workspace import Workspace

RUN = "20260101-100000"


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    return make_task(tmp_path / "task")


def test_an_episode_is_found_by_number_run_and_path(space: Workspace) -> None:
    demo = write_demo(space, steps=3)
    folder = space.run(RUN) / "episodes"
    rollout = write_demo(space, steps=3, folder=folder, kind="rollout")
    assert find_episode("1", lambda: space) == demo
    assert find_episode(f"{RUN}/1", lambda: space) == rollout
    assert find_episode(str(rollout), lambda: space) == rollout


def test_a_path_needs_no_task_folder(space: Workspace, tmp_path: Path) -> None:
    def nowhere() -> Workspace:
        return Workspace.find(tmp_path / "nowhere")

    demo = write_demo(space, steps=3)
    assert find_episode(str(demo), nowhere) == demo
    with pytest.raises(TaskFileError):
        find_episode("1", nowhere)


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("7", UsageError, "no episode 7"),
        ("peg.hdf5", UsageError, "no episode peg.hdf5"),
        ("../x/1", UsageError, "no episode"),
        ("nowhere/1", MissingStageError, "no run nowhere"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(
    space: Workspace, name: str, error: type[Exception], says: str
) -> None:
    write_demo(space, steps=3)
    with pytest.raises(error, match=says) as caught:
        find_episode(name, lambda: space)
    assert caught.value.hint  # type: ignore[attr-defined]


def test_a_film_has_every_picture_at_the_pace_it_was_taken(
    space: Workspace, tmp_path: Path
) -> None:
    film = EpisodeFilm.of(write_demo(space, steps=5, human_steps=2))
    assert (len(film), film.rate_hz) == (6, pytest.approx(10.0))
    file = tmp_path / "one.mp4"
    file.write_bytes(b"an older one")
    write_video(film, file)
    with av.open(file) as video:
        (stream,) = video.streams.video
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(stream)]
        assert float(stream.average_rate or 0) == pytest.approx(10.0)
    assert len(frames) == 6
    assert frames[0].shape == (32 * SCALE, 2 * 32 * SCALE, 3)
    np.testing.assert_allclose([frame.mean() for frame in frames], range(0, 60, 10), atol=6)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["one.mp4"]


def test_what_went_on_is_written_below(space: Workspace) -> None:
    film = EpisodeFilm.of(write_demo(space, steps=5, human_steps=2))
    captions = [film.caption(index) for index in range(6)]
    assert captions[0] == "step 0/5 · 0.0 s"
    assert captions[2] == "step 2/5 · 0.2 s · human"
    assert captions[5] == "step 5/5 · 0.5 s · success"


def test_where_nothing_is_recorded_the_command_that_records_is_named(space: Workspace) -> None:
    with pytest.raises(MissingStageError) as caught:
        find_episode("1", lambda: space)
    assert str(caught.value.hint).endswith(space.command("record-demos"))


def test_a_video_is_named_as_one_and_damages_nothing(space: Workspace) -> None:
    demo = write_demo(space, steps=3)
    before = demo.read_bytes()
    film = EpisodeFilm.of(demo)
    with pytest.raises(UsageError, match=r"ends in \.mp4"):
        write_video(film, demo)
    with pytest.raises(UsageError, match="no folder"):
        write_video(film, space.root / "nowhere" / "one.mp4")
    with pytest.raises(UsageError, match="not ''"):  # a shell variable that is not set
        write_video(film, Path(""))
    assert demo.read_bytes() == before


def test_an_episode_without_pictures_has_no_film(space: Workspace) -> None:
    demo = write_demo(space, steps=3)
    with h5py.File(demo, "r+") as file:
        for name in ("wrist", "side"):
            for group in ("obs", "final_obs", "next_obs"):
                del file[f"episode/{group}/{name}"]
    with pytest.raises(DataError, match="no pictures"):
        EpisodeFilm.of(demo)


def test_a_damaged_episode_is_named(space: Workspace) -> None:
    demo = write_demo(space, steps=3)
    demo.write_bytes(demo.read_bytes()[:2000])
    with pytest.raises(DataError, match="truncated"):
        EpisodeFilm.of(demo)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Everything that makes the robot move: targets of `servo`, speeds of `move_to`."""
    made: list[Any] = []
    servo, move_to = SimRobot.servo, SimRobot.move_to

    def spy_servo(self: SimRobot, command: Any) -> Any:
        made.append(command.tcp_pose.copy())
        return servo(self, command)

    def spy_move(self: SimRobot, tcp_pose: Any, *, speed: float) -> None:
        made.append(speed)
        move_to(self, tcp_pose, speed=speed)

    monkeypatch.setattr(SimRobot, "servo", spy_servo)
    monkeypatch.setattr(SimRobot, "move_to", spy_move)
    return made


def test_a_robot_does_again_what_was_done_and_says_how_far_off_it_was(
    space: Workspace, sent: list[Any]
) -> None:
    record_demos(space, count=1, seed=3)
    sent.clear()
    recorded = Episode.read(episode_paths(space.demos)[0])
    events: list[Event] = []
    result = replay_on_robot(space, recorded, report=events.append)
    assert result.complete
    assert (result.steps, len(result.away_mm)) == (len(recorded), len(recorded) + 1)
    assert result.as_dict()["worst_mm"] < 5.0
    assert [event.figures["step"] for event in events if event.name == "step"][-1] == len(recorded)
    speeds = [one for one in sent if isinstance(one, float)]
    assert max(speeds) <= TRAVEL_SPEED
    assert len(sent) - len(speeds) == len(recorded)


def test_bounds_hold_whatever_was_recorded(space: Workspace, sent: list[Any]) -> None:
    path = write_demo(space, steps=80)
    with h5py.File(path, "r+") as file:
        file["episode/actions"][:] = [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]  # down, through the table
    result = replay_on_robot(space, Episode.read(path))
    heights_m = [one[2] for one in sent if not isinstance(one, float)]
    assert len(heights_m) == 80
    assert min(heights_m) >= space.spec.control.bounds.low[2] - 1e-6
    assert result.as_dict()["end_mm"] > 50, "it did not go where the record says it was"


def test_what_is_of_another_robot_or_control_moves_nothing(
    space: Workspace, sent: list[Any]
) -> None:
    recorded = Episode.read(write_demo(space, steps=3))
    other = edit(space, {"rate_hz: 10": "rate_hz: 20"})
    with pytest.raises(DataError, match=r"control\.rate_hz: 20 here, 10 there"):
        replay_on_robot(other, recorded)
    assert sent == []


def test_another_view_of_a_camera_is_no_other_robot(space: Workspace) -> None:
    recorded = Episode.read(write_demo(space, steps=3))
    cropped = edit(space, {"size: [32, 32]": "size: [16, 16]"})
    assert replay_on_robot(cropped, recorded).complete


def test_a_start_out_of_bounds_moves_nothing(space: Workspace, sent: list[Any]) -> None:
    path = write_demo(space, steps=3)
    with h5py.File(path, "r+") as file:
        file["episode/obs/tcp_pose"][0, :3] = [0.5, 0.9, 0.1]
    with pytest.raises(DataError, match="outside of the bounds"):
        replay_on_robot(space, Episode.read(path))
    assert sent == []


def test_a_stop_ends_it_in_the_middle(space: Workspace) -> None:
    seen: list[Event] = []
    recorded = Episode.read(write_demo(space, steps=30))
    result = replay_on_robot(space, recorded, report=seen.append, stop=lambda: len(seen) > 5)
    assert 5 <= result.steps <= 7
    assert not result.complete
    assert json.loads(json.dumps(result.as_dict()))["wanted"] == 30


def test_an_episode_longer_than_the_tasks_is_done_to_its_end(space: Workspace) -> None:
    recorded = Episode.read(write_demo(space, steps=80))
    assert space.spec.control.max_episode_s * space.spec.control.rate_hz < 80
    assert replay_on_robot(space, recorded).steps == 80
