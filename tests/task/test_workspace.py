"""A task folder has one writer, its files are never half written, and trouble is put in words."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from hilctl.errors import DataError, FolderBusyError, HilctlError, TaskFileError, UsageError
from hilctl.task import workspace as module
from hilctl.task.files import (
    explain_os_error,
    is_computers,
    os_errors,
    write_json_atomic,
    write_text_atomic,
)
from hilctl.task.workspace import Workspace

HOLD_LOCK = """
import sys, time
from pathlib import Path
from hilctl.task.workspace import Workspace
with Workspace(Path(sys.argv[1])).lock("record-demos"):
    print("locked", flush=True)
    time.sleep(60)
"""


@contextmanager
def other_writer(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLD_LOCK, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        try:
            yield process
        finally:
            process.kill()


def test_second_writer_is_told_who_was_first(tmp_path: Path) -> None:
    space = Workspace(tmp_path)
    with other_writer(tmp_path) as process:
        with pytest.raises(FolderBusyError) as caught, space.lock("train"):
            pytest.fail("two writers")
        owner = space.owner()
    assert f"`hilctl record-demos` (process {process.pid})" in caught.value.message
    assert str(process.pid) in str(caught.value.hint)
    assert owner is not None
    assert (owner.pid, owner.command) == (process.pid, "record-demos")


def test_death_frees_the_folder(tmp_path: Path) -> None:
    space = Workspace(tmp_path)
    with other_writer(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        assert space.owner() is None
        with space.lock("train"):
            assert space.owner() is not None
    assert space.owner() is None


def test_lock_is_freed_by_an_error_inside(tmp_path: Path) -> None:
    space = Workspace(tmp_path)
    with pytest.raises(ValueError, match="inside"), space.lock("train"):
        raise ValueError("inside")
    assert space.owner() is None
    with space.lock("train"):
        pass


def test_a_folder_that_is_mounted_read_only_is_named_not_its_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = Workspace(tmp_path)

    def read_only(file: Path) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(file))

    monkeypatch.setattr(module, "open_lock", read_only)
    with pytest.raises(UsageError) as caught, space.lock("train"):
        pass
    assert caught.value.message == f"no permission for {tmp_path}"
    assert "mounted read-only" in str(caught.value.hint)


def test_damaged_lock_file_is_no_trouble(tmp_path: Path) -> None:
    space = Workspace(tmp_path)
    space.lock_file.write_text('{"pid": "x"')
    assert space.owner() is None
    with space.lock("train"):
        pass


def test_read_only_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(UsageError) as caught, Workspace(tmp_path).lock("train"):
        pytest.fail("locked a folder that cannot be written")
    assert caught.value.where == str(tmp_path)
    assert "owner and rights" in str(caught.value.hint)
    (tmp_path / ".hilctl.lock").write_text("")  # of somebody else
    with pytest.raises(UsageError) as caught, Workspace(tmp_path).lock("train"):
        pytest.fail("locked with a file that cannot be written")
    assert caught.value.where == str(tmp_path / ".hilctl.lock")


def test_new_text_replaces_the_old(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    write_json_atomic(file, {"a": 1})
    write_text_atomic(file, "new")
    assert file.read_text() == "new"
    assert list(tmp_path.iterdir()) == [file]


def test_full_disk_keeps_the_old_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.txt"
    write_text_atomic(file, "old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(DataError, match="the disk is full") as caught:
        write_text_atomic(file, "new")
    assert caught.value.where == str(file)
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_missing_folder_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(HilctlError):
        write_text_atomic(tmp_path / "no" / "a.txt", "x")


def test_errors_of_hdf5_carry_their_number_in_the_text() -> None:
    error = OSError("Unable to write (file write failed: errno = 28, error message = 'No space')")
    assert is_computers(error)
    assert explain_os_error(error).message == "the disk is full"
    assert not is_computers(OSError("something else"))


def test_what_is_in_the_way_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "demos").touch()
    with pytest.raises(DataError) as caught, os_errors():
        (tmp_path / "demos").mkdir()
    assert "move it" in str(caught.value.hint)
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    with pytest.raises(DataError) as caught, os_errors():
        (tmp_path / "circle").read_text()
    assert "circle" in str(caught.value.hint)


def test_finds_the_folder_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "task.yaml").touch()
    for given in (tmp_path, tmp_path / "task.yaml"):
        assert Workspace.find(given).root == tmp_path
    monkeypatch.chdir(tmp_path)
    assert Workspace.find(None).task_file.exists()


@pytest.mark.parametrize("where", [None, Path("empty"), Path("nowhere")])
def test_no_task_here(where: Path | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    with pytest.raises(TaskFileError) as caught:
        Workspace.find(where)
    assert "hilctl new-task NAME" in str(caught.value.hint)


def test_a_folder_in_the_place_of_the_task_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").mkdir()
    with pytest.raises(TaskFileError, match=r"task\.yaml in .* is no file"):
        Workspace.find(tmp_path)


def test_commands_work_from_where_the_person_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my peg").mkdir()
    assert Workspace(Path("my peg")).command("train") == "hilctl train --task 'my peg'"
    assert Workspace(Path()).command("train") == "hilctl train"
    monkeypatch.chdir("my peg")
    assert Workspace(tmp_path / "my peg").command("train") == "hilctl train"


def test_run_ids_are_new_and_sort_by_age_whatever_the_clock_does(tmp_path: Path) -> None:
    space = Workspace(tmp_path)
    assert space.latest_run() is None
    ids = []
    for second in (3, 3, 3, 4, 1, 59):
        run_id = space.new_run_id(datetime(2030, 1, 2, 3, 4, second))
        space.run(run_id).mkdir(parents=True)
        ids.append(run_id)
    assert ids == sorted(set(ids))
    assert space.latest_run() == space.run(ids[-1])


def test_spec_is_read_once(load_changed: Callable[..., object], tmp_path: Path) -> None:
    load_changed()
    space = Workspace(tmp_path)
    first = space.spec
    space.task_file.unlink()
    assert space.spec is first
