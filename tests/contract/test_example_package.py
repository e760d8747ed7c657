"""The package of the README: installed beside hilctl, it keeps its contract and is found."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from hilctl.cli import app
from hilctl.task import scaffold
from hilctl.task.workspace import Workspace

README = Path(__file__).resolve().parents[2] / "README.md"
MODULE, TEST = "hilctl_chequer.py", "test_hilctl_chequer.py"
MOST_LINES = 45


def example() -> dict[str, str]:
    """Return the example's files by name, as the README has them."""
    section = README.read_text("utf-8").partition("### A driver of your own")[2]
    found = re.findall(r"`([\w.]+)`:\n\n```\w+\n(.*?)```", section, re.DOTALL)
    return dict(found)


def install(files: dict[str, str], folder: Path) -> Path:
    """Write the package and install it into a folder of its own; return that."""
    source, site = folder / "source", folder / "site"
    source.mkdir()
    for name, content in files.items():
        (source / name).write_text(content, "utf-8")
    command = [sys.executable, "-m", "pip", "install", "--no-build-isolation", "--no-deps"]
    done = subprocess.run(
        [*command, "--no-index", "--target", str(site), str(source)],
        capture_output=True,
        timeout=120,
    )
    if done.returncode:  # there is no hatchling here: what it would do
        install_by_hand(files, site)
    return site


def install_by_hand(files: dict[str, str], site: Path) -> Path:
    """Write what an installed package leaves in a folder, in a hundredth of the time."""
    project = tomllib.loads(files["pyproject.toml"])["project"]
    about = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    about.mkdir(parents=True)
    (site / MODULE).write_text(files[MODULE], "utf-8")
    (about / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n")
    groups = [
        "\n".join([f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())])
        for group, entries in project["entry-points"].items()
    ]
    (about / "entry_points.txt").write_text("\n".join(groups) + "\n")
    return site


def run(site: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=site.parent,
        env={**os.environ, "PYTHONPATH": str(site), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def contract(site: Path, test: str) -> tuple[int, str]:
    (site.parent / TEST).write_text(test, "utf-8")
    return run(site, "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", TEST)


def test_the_readme_has_a_whole_package_and_a_short_one() -> None:
    files = example()
    assert list(files) == ["pyproject.toml", MODULE, TEST]
    assert sum(bool(line.strip()) for text in files.values() for line in text.split("\n")) < (
        MOST_LINES
    )


def test_it_keeps_the_contract_it_is_tested_with(tmp_path: Path) -> None:
    files = example()
    code, words = contract(install(files, tmp_path), files[TEST])
    assert code == 0, words
    passed = re.search(r"(\d+) passed", words)
    assert passed is not None
    assert int(passed[1]) >= 12


@pytest.mark.parametrize(
    ("right", "wrong", "broken"),
    [
        ("astype(np.uint8)", "astype(float)", "colour_pictures"),
        ("clock.now_ns()", "clock.now_ns() - 10**9", "not_older_than_asked"),
        pytest.param(
            "        if not self.is_open:\n            raise",
            "        if False:\n            raise",
            "not_open_says_so", marks=pytest.mark.slow,
        ),
        pytest.param(
            "    width_px: int = 320", "    name: str = ''\n    width_px: int = 320",
            "is_an_address", marks=pytest.mark.slow,
        ),
    ],
)  # fmt: skip
def test_a_driver_that_breaks_the_contract_is_told_which_part(
    tmp_path: Path, right: str, wrong: str, broken: str
) -> None:
    files = example()
    assert right in files[MODULE]
    files[MODULE] = files[MODULE].replace(right, wrong)
    code, words = contract(install_by_hand(files, tmp_path / "site"), files[TEST])
    assert code == 1, words
    assert broken in words.partition("short test summary")[2]


def chequered(folder: Path) -> Workspace:
    """Make a task whose side camera is the example's."""
    template = scaffold.find_template("sim-reach")
    scaffold.create(template, folder, template.answers({}))
    file = folder / "task.yaml"
    text = file.read_text("utf-8")
    assert "side: {type: sim, view: side" in text
    text = text.replace("side: {type: sim, view: side", "side: {type: chequer")
    file.write_text(text, "utf-8")
    return Workspace(folder)


def test_doctor_finds_it_and_opens_it(tmp_path: Path) -> None:
    site = install_by_hand(example(), tmp_path / "site")
    chequered(tmp_path / "task")
    code, words = run(site, "hilctl", "doctor", "--task", "task")
    assert code == 0, words
    assert re.search(r"camera chequer +ok +of hilctl-chequer 1.0", words)
    assert re.search(r"camera side +ok +chequer: opened, a frame of 320×240 px taken", words)


def test_without_it_a_task_says_how_to_add_one(tmp_path: Path) -> None:
    chequered(tmp_path / "task")
    nowhere = tmp_path / "nowhere"
    code, words = run(nowhere, "hilctl", "status", "--task", "task")
    assert code == 3
    assert "unknown camera type 'chequer'" in words
    assert "'hilctl.cameras'" in words


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("chequer = ", "sim = ", "hilctl has a camera of that name"),
        ("import numpy as np", "import nothing_of_that_name", "No module named"),
        (":ChequerCamera", ":Nothing", "Nothing"),
    ],
)
def test_doctor_names_a_plug_in_that_cannot_be_used(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    right: str,
    wrong: str,
    told: str,
) -> None:
    files = {name: text.replace(right, wrong) for name, text in example().items()}
    monkeypatch.syspath_prepend(install_by_hand(files, tmp_path / "site"))
    monkeypatch.delitem(sys.modules, MODULE.removesuffix(".py"), raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    code = app.run(["doctor"])
    words = "".join(capsys.readouterr())
    assert code == 4, words
    assert told in words
