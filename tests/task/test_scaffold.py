"""Every template asks little and makes a folder that is whole and loads."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hilctl.errors import DataError, HilctlError, UsageError
from hilctl.task import scaffold, templates
from hilctl.task.load import load_task
from hilctl.task.templates import DEFAULT_TEMPLATE

TEMPLATES = [template.name for template in scaffold.list_templates()]
REPOSITORY = Path(__file__).resolve().parents[2]


def make(folder: Path, name: str = "sim-insert", **settings: str) -> list[Path]:
    template = scaffold.find_template(name)
    return scaffold.create(template, folder, template.answers(settings))


def test_default_template_is_there() -> None:
    assert DEFAULT_TEMPLATE in TEMPLATES


@pytest.mark.parametrize("name", TEMPLATES)
def test_template_makes_a_valid_task(name: str, tmp_path: Path) -> None:
    files = make(tmp_path / "my-task", name)
    beside = {file.name for file in files} - {"hooks.py"}  # code of the task itself, if any
    assert beside == {"README.md", "task.yaml"}
    assert load_task(tmp_path / "my-task").name == "my-task"
    text = files[1].read_text("utf-8")
    assert "#" in text
    assert max(map(len, text.splitlines())) <= 100
    assert not any("{{" in file.read_text("utf-8") for file in files)


@pytest.mark.parametrize("name", TEMPLATES)
def test_template_asks_little(name: str) -> None:
    template = scaffold.find_template(name)
    assert len(template.questions) <= 6
    assert "\n" not in template.help
    for question in template.questions:
        assert question.question.endswith("?")
        assert question.parse(str(question.default)) == question.default


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(words=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1))
@example(words='put it "there": #1, {it} isn\'t')
@example(words="- yes\u2028\\n")
@example(words=" ")
def test_any_instruction_comes_back(words: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("words") / "peg"
    make(folder, instruction=words or "x") if words.strip() else make(folder)
    if words.strip():
        assert load_task(folder).instruction == words.strip()


def test_settings_are_values_of_their_kind(tmp_path: Path) -> None:
    make(tmp_path / "peg", demos="7", teleop="keyboard", max_episode_s="12.5")
    spec = load_task(tmp_path / "peg")
    assert spec.training.demos == 7
    assert spec.control.max_episode_s == 12.5
    assert spec.teleop.type == "keyboard"


@pytest.mark.parametrize("name", ["sim-reach", "sim-insert"])
@pytest.mark.parametrize("hand", ["keyboard", "spacemouse", "gamepad"])
def test_a_person_has_more_time_unless_told_otherwise(name: str, hand: str, tmp_path: Path) -> None:
    def seconds(**settings: str) -> float:
        folder = tmp_path / f"task-{len(list(tmp_path.iterdir()))}"
        make(folder, name, **settings)
        return load_task(folder).control.max_episode_s

    assert seconds(teleop=hand) >= 3 * seconds(teleop="scripted")
    assert seconds(teleop="scripted") == seconds()
    assert seconds(teleop=hand, max_episode_s="7") == 7


def test_a_rehearsal_differs_from_the_real_rig_in_who_is_there(tmp_path: Path) -> None:
    for hand in ("rehearsed", "keyboard"):
        make(tmp_path / hand, "serl-insert", teleop=hand, url="http://127.0.0.1:5001")
    rehearsed, real = load_task(tmp_path / "rehearsed"), load_task(tmp_path / "keyboard")
    assert (rehearsed.robot.type, rehearsed.reset.by) == ("rehearsed", "script")
    assert (real.robot.type, real.reset.by) == ("serl_http", "human")
    assert rehearsed.robot.options.model_dump() == real.robot.options.model_dump()
    assert rehearsed.teleop.options.model_dump()["url"] == "http://127.0.0.1:5001"
    assert real.control.max_episode_s == 3 * rehearsed.control.max_episode_s


@pytest.mark.parametrize("name", TEMPLATES)
def test_defaults_depend_on_earlier_answers_only(name: str) -> None:
    earlier: dict[str, scaffold.Question] = {}
    for question in scaffold.find_template(name).questions:
        for key, defaults in question.given.items():
            for answer, default in defaults.items():
                assert earlier[key].parse(answer) == answer
                assert question.parse(str(default)) == default
        earlier[question.key] = question


def test_unknown_template_and_settings() -> None:
    with pytest.raises(UsageError) as caught:
        scaffold.find_template("sim-insret")
    assert caught.value.hint == "did you mean 'sim-insert'?"
    with pytest.raises(UsageError) as caught:
        scaffold.find_template("sim-insert").answers({"demoz": "3"})
    assert caught.value.hint == "did you mean 'demos'?"
    with pytest.raises(UsageError, match="demos: expected a whole number, got 'many'"):
        scaffold.find_template("sim-insert").answers({"demos": "many"})
    with pytest.raises(UsageError, match="cannot read setting 'demos'"):
        scaffold.parse_settings(["demos"])


def test_answers_that_make_no_valid_task_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"training\.demos: expected at least 1, got 0"):
        make(tmp_path / "peg", demos="0")
    assert list(tmp_path.iterdir()) == []


def test_trouble_while_writing_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(DataError, match="the disk is full"):
        make(tmp_path / "peg")
    assert list(tmp_path.iterdir()) == []


def test_never_writes_into_what_is_there(tmp_path: Path) -> None:
    target = tmp_path / "peg"
    target.mkdir()
    make(target)
    (target / "mine.txt").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match="exists and is not empty"):
        make(target)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("file", "link"):
        with pytest.raises(UsageError, match="exists and is not empty"):
            make(tmp_path / name)
    assert [path for path in sorted(tmp_path.rglob("*")) if target in path.parents] == [
        path for path in before if target in path.parents
    ]


@pytest.mark.parametrize("name", ["1peg", "a b", "pég", ".peg", "no/where/peg"])
def test_names_that_cannot_be(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        make(tmp_path / name)


def test_damaged_template_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "template.yaml").write_text("help: x\nquestion: []\n")
    monkeypatch.setattr(templates, "_root", lambda: tmp_path)
    with pytest.raises(HilctlError, match="template 'bad' is damaged"):
        scaffold.list_templates()


@pytest.mark.slow
def test_templates_are_in_the_wheel(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wheel_folder, site = tmp_path / "wheel", tmp_path / "site"
    build = ["wheel", "--no-deps", "--wheel-dir", str(wheel_folder), str(REPOSITORY)]
    subprocess.run([*pip, *build], check=True)
    (wheel,) = wheel_folder.glob("*.whl")
    assert "hilctl/task_templates/sim-insert/task.yaml.j2" in zipfile.ZipFile(wheel).namelist()
    subprocess.run([*pip, "install", "--no-deps", "--target", str(site), str(wheel)], check=True)
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        "import hilctl\n"
        f"assert hilctl.__file__.startswith({str(site)!r}), hilctl.__file__\n"
        "from hilctl.cli.app import run\n"
        "sys.exit(run(['new-task', 'peg', '--defaults']))"
    )
    subprocess.run([sys.executable, "-I", "-c", code], check=True, cwd=tmp_path)
    assert load_task(tmp_path / "peg").name == "peg"
