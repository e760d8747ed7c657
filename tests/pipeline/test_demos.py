"""Demonstrations are listed whatever state they are in, and put aside without being lost."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest
from small_task import edit, make_task, write_demo

from hilctl.data.index import INDEX, episode_paths, rebuild_index
from hilctl.data.writer import next_number
from hilctl.errors import UsageError
from hilctl.pipeline.demos.listing import list_demos
from hilctl.pipeline.demos.removal import remove_demos, removed_demos, restore_demos
from hilctl.task.workspace import Workspace


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    """A task with three demonstrations of 4, 5 and 6 steps."""
    made = make_task(tmp_path / "task")
    for steps in (4, 5, 6):
        write_demo(made, steps=steps, human_steps=steps - 1)
    rebuild_index(made.demos)
    return made


def linked(space: Workspace) -> list[str]:
    """Return the files that the index leads to, and see that they can be read through it."""
    with h5py.File(space.demos / INDEX) as file:
        assert all(len(demo["actions"]) for demo in file["data"].values())
        names = [file["data"].get(key, getlink=True).filename for key in file["data"]]
        assert len(file["mask/train"]) + len(file["mask/valid"]) == len(names)
        return sorted(names)


def content(space: Workspace) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in space.demos.rglob("episode_*.hdf5")}


def test_a_list_tells_what_is_in_every_file(space: Workspace) -> None:
    demos = list_demos(space)
    assert [demo.number for demo in demos] == [1, 2, 3]
    assert [demo.steps for demo in demos] == [4, 5, 6]
    assert [demo.seconds for demo in demos] == pytest.approx([0.4, 0.5, 0.6])
    assert [demo.human_steps for demo in demos] == [3, 4, 5]
    assert [demo.problem for demo in demos] == [None] * 3
    assert all(demo.outcome == "success" for demo in demos)


def test_a_damaged_file_is_named_and_the_others_are_listed(space: Workspace) -> None:
    path = episode_paths(space.demos)[1]
    path.write_bytes(path.read_bytes()[:3000])
    first, second, third = list_demos(space)
    assert second.damaged
    assert "truncated" in str(second.problem)
    assert not first.damaged
    assert third.steps == 6


def test_demonstrations_of_another_task_are_told_from_ours(space: Workspace) -> None:
    other = edit(space, {"rate_hz: 10": "rate_hz: 20"})
    assert {demo.problem for demo in list_demos(other)} == {"recorded for another task"}


def test_what_is_removed_is_not_lost_and_the_index_fits(space: Workspace) -> None:
    before = content(space)
    moved = remove_demos(space, [3, 1, 3])
    assert [demo.number for demo in list_demos(space)] == [2]
    assert moved.left == 1
    assert linked(space) == ["episode_000002.hdf5"]
    assert list(removed_demos(space)) == [1, 3]
    assert content(space) == before
    restore_demos(space, [1, 3])
    assert linked(space) == [f"episode_00000{n}.hdf5" for n in (1, 2, 3)]
    assert content(space) == before
    assert removed_demos(space) == {}


def test_the_number_of_a_removed_demonstration_stays_its_own(space: Workspace) -> None:
    remove_demos(space, [3])
    assert next_number(space.demos) == 4
    write_demo(space, steps=4)
    restore_demos(space, [3])
    assert [demo.number for demo in list_demos(space)] == [1, 2, 3, 4]


def test_an_unknown_number_moves_nothing(space: Workspace) -> None:
    with pytest.raises(UsageError, match="no demonstration 9") as caught:
        remove_demos(space, [1, 9])
    assert caught.value.hint == "there are: 1, 2, 3"
    assert len(list_demos(space)) == 3


def test_nothing_takes_the_place_of_another_file(space: Workspace) -> None:
    remove_demos(space, [1])
    copy = space.demos / "episode_000001.hdf5"
    copy.write_bytes(episode_paths(space.demos)[0].read_bytes())
    before = content(space) | {"again": copy.read_bytes()}
    with pytest.raises(UsageError, match="is there already"):
        restore_demos(space, [1])
    assert content(space) | {"again": copy.read_bytes()} == before


def test_removing_the_damaged_one_makes_the_index_whole_again(space: Workspace) -> None:
    first, second, _ = episode_paths(space.demos)
    for path in (first, second):
        path.write_bytes(b"damaged")
    moved = remove_demos(space, [1])
    assert "episode_000002.hdf5" in str(moved.index_problem)
    assert not (space.demos / INDEX).exists(), "an index that lies is worse than none"
    assert remove_demos(space, [2]).index_problem is None
    assert linked(space) == ["episode_000003.hdf5"]


def test_all_of_them_can_be_removed(space: Workspace) -> None:
    assert remove_demos(space, [1, 2, 3]).left == 0
    assert linked(space) == []
