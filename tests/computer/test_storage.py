"""Disks, network folders and limits of the computer: told for what they are, never as damage."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Faulty, Hilctl, Series

NO_LOCKS = [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP]
COMPUTERS = [
    errno.EIO,
    errno.ESTALE,
    errno.ENOMEM,
    errno.ETIMEDOUT,
    errno.ENOTCONN,
    errno.ENODEV,
    errno.EINVAL,
]


def name_of(number: int) -> str:
    return errno.errorcode[number]


def test_without_locks_demonstrations_are_read_and_recorded(
    series: Series, task: Path, faulty: Faulty
) -> None:
    status, record = ["status", "--json"], ["record-demos", "-n", "2", "--json"]
    environments = [faulty(task, flock=number) for number in NO_LOCKS]
    answers = series(environments[0], [(faults, status) for faults in environments])
    for number, answer in zip(NO_LOCKS, answers, strict=True):
        assert answer.code == 0, (name_of(number), answer.words)
        states = {stage["name"]: stage["state"] for stage in answer.json["stages"]}
        assert states["demos"] == "ready"
        assert ".broken" not in answer.words
    recorded = [[*record[:2], str(2 + i), record[3]] for i in range(len(NO_LOCKS))]
    answers = series(environments[0], list(zip(environments, recorded, strict=True)))
    for i, (number, answer) in enumerate(zip(NO_LOCKS, answers, strict=True)):
        assert answer.code == 0, (name_of(number), answer.words)
        assert answer.json["demos"] == 2 + i
    assert (task / "demos" / "index.hdf5").is_file()


FAILING = [("read", number) for number in COMPUTERS] + [("open", n) for n in COMPUTERS[:2]]


def test_an_error_of_the_computer_is_not_called_damage(
    series: Series, task: Path, faulty: Faulty
) -> None:
    environments = [faulty(task, **{call: number}) for call, number in FAILING]
    commands = [["status"], ["record-demos", "-n", "2", "--json"]]
    calls = [(faults, command) for faults in environments for command in commands]
    answers = iter(series(environments[0], calls))
    for call, number in FAILING:
        told = (call, name_of(number))
        answer = next(answers)
        assert answer.code == 0, (told, answer.words)
        assert os.strerror(number).lower() in answer.words.lower(), told
        assert "damaged" not in answer.words, told
        assert "mv " not in answer.words, told
        answer = next(answers)
        assert answer.code == 7, (told, answer.words)
        assert answer.json["error"]["code"] == "computer", told
        assert "mv " not in answer.words, told
        assert "damaged" not in answer.words, told
    assert next(answers, None) is None


READ = """
import os, sys
from pathlib import Path
from hilctl.data.episode import Episode
from hilctl.errors import ComputerError
for working in sys.argv[1:]:
    os.environ["FAULTY_READ_AFTER"] = working
    try:
        Episode.read(Path("demos/episode_000001.hdf5"))
    except ComputerError as error:
        print("computer", error.message)
    else:
        print("read")
"""


def test_a_disk_that_fails_in_the_middle_of_an_episode_is_not_damage(
    task: Path, faulty: Faulty
) -> None:
    faults = faulty(task, read=errno.EIO)
    done = subprocess.run(
        [sys.executable, "-c", READ, *map(str, (0, *(2**n for n in range(10))))],
        cwd=task,
        env={**os.environ, **faults},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    answers = done.stdout.splitlines()
    failed = answers[: answers.index("read")]
    assert len(failed) > 5
    assert set(answers[len(failed) :]) == {"read"}
    assert set(failed) == {"computer demos/episode_000001.hdf5: Input/output error"}


def test_real_damage_is_still_called_damage(hilctl: Hilctl, task: Path) -> None:
    os.truncate(task / "demos" / "episode_000001.hdf5", 4000)
    answer = hilctl("status")
    assert "truncated" in answer.words
    assert "mv demos/episode_000001.hdf5 demos/episode_000001.hdf5.broken" in answer.words


def test_an_unfinished_episode_that_the_computer_cannot_read_stays_where_it_is(
    hilctl: Hilctl, task: Path, faulty: Faulty
) -> None:
    partial = task / "demos" / "episode_000002.hdf5.partial"
    shutil.copy(task / "demos" / "episode_000001.hdf5", partial)
    environment = faulty(task, read=errno.EIO)
    code = hilctl("record-demos", "-n", "2", environment=environment).code
    assert code == 7
    assert partial.is_file()


def test_few_file_handles_are_the_computers_fault(hilctl: Hilctl) -> None:
    for limit in (6, 14, 28):
        asks = {"JAX_LOG_COMPILES": "0"} if limit == 6 else {}  # JAX would be tried out in a child
        before = f"ulimit -n {limit}"
        answer = hilctl("record-demos", "-n", "2", before=before, environment=asks)
        assert answer.code in (0, 7), (limit, answer.words)
        assert "bug" not in answer.words
        assert "mv " not in answer.words
        if answer.code:
            assert "ulimit -n" in answer.words, (limit, answer.words)


def test_folders_that_cannot_be_synced_take_recordings(
    series: Series, task: Path, faulty: Faulty
) -> None:
    numbers = (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS)
    environments = [faulty(task, fsync_folder=number) for number in numbers]
    commands = [["record-demos", "-n", str(2 + i), "--json"] for i in range(len(numbers))]
    answers = series(environments[0], list(zip(environments, commands, strict=True)))
    for i, (number, answer) in enumerate(zip(numbers, answers, strict=True)):
        assert answer.code == 0, (name_of(number), answer.words)
        assert answer.json["demos"] == 2 + i


def test_a_disk_that_fails_while_syncing_is_told(
    hilctl: Hilctl, task: Path, faulty: Faulty
) -> None:
    environment = faulty(task, fsync=errno.EIO)
    answer = hilctl("record-demos", "-n", "2", "--json", environment=environment)
    assert answer.code == 7, answer.words
    assert answer.json["error"]["code"] == "computer"
    assert [path.name for path in (task / "demos").glob("episode_*")] == ["episode_000001.hdf5"]


def test_two_commands_keep_out_of_each_others_way_where_there_are_no_locks(
    hilctl: Hilctl, task: Path, faulty: Faulty
) -> None:
    environment = faulty(task, flock=errno.ENOLCK)
    holder = (
        "import sys, subprocess\n"
        "from pathlib import Path\n"
        "from hilctl.task.workspace import Workspace\n"
        "with Workspace(Path('.')).lock('train'):\n"
        "    second = [sys.executable, '-m', 'hilctl', 'record-demos']\n"
        "    sys.exit(subprocess.run(second).returncode)\n"
    )
    known = {**os.environ, **{k: v for k, v in environment.items() if v is not None}}
    done = subprocess.run(
        [sys.executable, "-c", holder], cwd=task, env=known, capture_output=True, text=True
    )
    assert done.returncode == 2, done.stderr
    assert "`hilctl train` (process" in done.stderr
