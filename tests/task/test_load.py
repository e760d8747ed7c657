"""A task file is either a spec, or everything that is wrong with it, each at its place."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from hilctl.errors import TaskFileError
from hilctl.task.load import load_task
from hilctl.task.problems import Problem, TaskProblemsError
from hilctl.task.spec import TaskSpec

Load = Callable[..., TaskSpec]
CONTROL = "control:\n  rate_hz: 10 "


def problems_of(load: Load, *changes: tuple[str, str]) -> list[Problem]:
    with pytest.raises(TaskProblemsError) as caught:
        load(*changes)
    return caught.value.problems


def test_template_gives_typed_values(load_changed: Load) -> None:
    spec = load_changed()
    assert spec.control.rate_hz == 10
    assert spec.reset.pose[3] == pytest.approx(math.pi)
    assert list(spec.cameras) == ["wrist", "side"]
    assert spec.cameras["side"].options.model_dump()["view"] == "side"
    assert spec.reward.options.model_dump()["cameras"] == ["wrist", "side"]


def test_folder_stands_for_its_task_file(load_changed: Load, tmp_path: Path) -> None:
    assert load_changed() == load_task(tmp_path)


ONE_FLAW = {
    "misspelt key, report the missing one only once": (
        ("rate_hz: 10", "rat_hz: 10"),
        "control.rat_hz: unknown key",
        "did you mean 'rate_hz'?",
    ),
    "misspelt needed key": (
        ("observation:", "observatoin:"),
        "observatoin: unknown key",
        "did you mean 'observation'?",
    ),
    "misspelt option of a driver": (
        ("view: side", "veiw: side"),
        "cameras.side.veiw: unknown key",
        "did you mean 'view'?",
    ),
    "misspelt key that is not an option": (
        ("view: side, size:", "view: side, sise:"),
        "cameras.side.sise: unknown key",
        "did you mean 'size'?",
    ),
    "misspelt type": (
        ("robot: {type: sim,", "robot: {type: simm,"),
        "robot.type: unknown robot type 'simm'",
        "did you mean 'sim'?",
    ),
    "misspelt 'type'": (
        ("agent: {type:", "agent: {tpye:"),
        "agent.tpye: unknown key",
        "did you mean 'type'?",
    ),
    "key in the wrong section": (
        (CONTROL, f"rate_hz: 10\n{CONTROL}"),
        "rate_hz: unknown key",
        "'rate_hz' belongs under 'control'",
    ),
    "no text": (
        ("instruction: ", "instruction: '' # "),
        "instruction: expected some text, got ''",
        None,
    ),
    "too many cameras": (
        (
            "cameras:\n",
            "cameras:\n" + "".join(f"  c{i}: {{type: sim, view: side}}\n" for i in range(5)),
        ),
        "cameras: expected at most 4 values, got 7",
        None,
    ),
    "type missing": (("  type: classifier\n", ""), "reward: missing key 'type'", None),
    "section missing": (("instruction:", "# instruction:"), "missing key 'instruction'", None),
    "choice": (
        ("by: script ", "by: scrip "),
        "reset.by: expected 'script' or 'human', got 'scrip'",
        "did you mean 'script'?",
    ),
    "encoder": (
        ("encoder: efficientnet-lite0", "encoder: efficientnet"),
        "agent.encoder: unknown encoder 'efficientnet'",
        "did you mean 'efficientnet-lite0'?",
    ),
    "two encoders": (
        ("encoder: efficientnet-lite0", "encoder: resnet10"),
        "agent.encoder: the reward has efficientnet-lite0, the agent resnet10",
        "write the same in both",
    ),
    "text for a number": (
        ("rate_hz: 10", "rate_hz: fast"),
        "control.rate_hz: expected a number, got 'fast'",
        None,
    ),
    "number in quotes": (
        ("demos: 20", "demos: '20'"),
        "training.demos: expected a whole number, got '20'",
        None,
    ),
    "number of an option in quotes": (
        ("discount: 0.97", "discount: '0.97'"),
        "agent.discount: expected a number, got '0.97'",
        None,
    ),
    "truth for a number of an option": (
        ("discount: 0.97", "target_entropy: true"),
        "agent.target_entropy: expected a number, got true",
        None,
    ),
    "number for a truth of an option": (
        ("{type: scripted,", "{type: scripted, veto: 1,"),
        "teleop.veto: expected true or false, got 1",
        None,
    ),
    "word for a mapping": (
        ("robot: {type: sim, scene: insert}", "robot: sim"),
        "robot: expected a mapping (key: value), got 'sim'",
        None,
    ),
    "nothing for a section": (
        ("agent: {", "agent:\n# {"),
        "agent: expected a mapping (key: value), got nothing",
        None,
    ),
    "too few numbers": (
        ("pose: [0.5, 0.0, 0.2,", "pose: [0.5, 0.2,"),
        "reset.pose: expected 6 values, got 5",
        None,
    ),
    "too many numbers": (
        ("size: [128, 128]", "size: [128, 128, 3]"),
        "cameras.wrist.size: expected at most 2 values, got 3",
        None,
    ),
    "not a finite number": (("rate_hz: 10", "rate_hz: .nan"), "expected a finite number", None),
    "policy rate": (
        ("rate_hz: 10", "rate_hz: 1000"),
        "control.rate_hz: expected at most 50, got 1000",
        "how often the policy acts, 1 to 50 Hz",
    ),
    "millimetres": (
        ("translation_m: 0.01", "translation_m: 10"),
        "control.translation_m: expected at most 0.1, got 10",
        "10 looks like millimetres: write 0.01",
    ),
    "degrees": (
        ("rotation_rad: 0.06", "rotation_rad: 6"),
        "control.rotation_rad: expected at most 0.6, got 6",
        "6 looks like degrees: write 0.105",
    ),
    "position in millimetres": (
        ("low: [0.44", "low: [440"),
        "control.bounds.low[0]: 440 m is out of any arm's reach",
        "440 looks like millimetres: write 0.44",
    ),
    "angle in degrees": (
        ("3.14159265", "180"),
        "reset.pose[3]: 180 rad is more than a full turn",
        "180 looks like degrees: write 3.142",
    ),
    "bounds the wrong way round": (
        ("low: [0.44, -0.06,", "low: [0.44, 0.07,"),
        "control.bounds.low[1]: bounds of y: low 0.07 is not below high 0.06",
        None,
    ),
    "start outside the bounds": (
        ("pose: [0.5, 0.0, 0.2,", "pose: [0.5, 0.0, 0.7,"),
        "reset.pose[2]: the reset pose (z = 0.7 m) is outside the bounds",
        None,
    ),
    "random start outside the bounds": (
        ("random_yaw_rad: 0.105", "random_yaw_rad: 0.5"),
        "reset.random_yaw_rad: random starts leave the bounds of rz",
        "at most 0.3 fits",
    ),
    "crop outside the frame": (
        ("size: [128, 128]}", "size: [128, 128], crop: [100, 0, 29, 128]}"),
        "cameras.wrist.crop: crop ends at (129, 128), outside the raw frame of 128×128 px",
        None,
    ),
    "unknown camera for the policy": (
        ("images: [wrist, side]", "images: [wrist, sied]"),
        "observation.images[1]: there is no camera 'sied'",
        "did you mean 'side'?",
    ),
    "unknown camera for the reward": (
        ("  cameras: [wrist, side]", "  cameras: [wrst, side]"),
        "reward.cameras[0]: there is no camera 'wrst'",
        "did you mean 'wrist'?",
    ),
    "camera with the name of a measurement": (
        ("  wrist: {type: sim", "  tcp_pose: {type: sim, view: side}\n  wrist: {type: sim"),
        "cameras.tcp_pose: 'tcp_pose' is a measurement's name",
        "call this camera something else",
    ),
    "preset that says otherwise": (
        ("encoder: efficientnet-lite0", "encoder: efficientnet-lite0, preset: hil-serl, batch: 64"),
        "agent.batch: 64 contradicts preset hil-serl, which has 256",
        "take batch out, or the preset",
    ),
    "exploration that the preset's authors do not have": (
        (
            "encoder: efficientnet-lite0",
            "encoder: efficientnet-lite0, preset: hil-serl, gripper_exploration: 0.5",
        ),
        "agent.gripper_exploration: 0.5 contradicts preset hil-serl, which has 0.0",
        "take gripper_exploration out, or the preset",
    ),
    "view that the scene does not have": (
        ("{type: sim, view: side,", "{type: sim, view: front,"),
        "cameras.side.view: the simulated scene has no camera 'front'",
        "side",
    ),
    "scene of another number of arms": (
        ("scene: insert}", "scene: handover}"),
        "robot: the simulated scene has several arms",
        "left and right",
    ),
    "setting without effect": (
        ("encoder: efficientnet-lite0", "encoder: efficientnet-lite0, imitation_half_life: 50"),
        "agent.imitation_half_life: this changes nothing as long as imitation is 0.0",
        "set imitation, or take it out",
    ),
    "setting without effect beside a preset": (
        (
            "encoder: efficientnet-lite0",
            "encoder: efficientnet-lite0, preset: hil-serl, channels: 16",
        ),
        "agent.channels: this changes nothing as long as embedding is spatial",
        "take it out",
    ),
    "spread that begins at its limit": (
        ("encoder: efficientnet-lite0", "encoder: efficientnet-lite0, max_log_std: -1.5"),
        "agent.initial_log_std: -1.5 is not below max_log_std, -1.5",
        "lower it",
    ),
    "entropy that the spread's limit does not allow": (
        (
            "encoder: efficientnet-lite0",
            "encoder: efficientnet-lite0, initial_log_std: -3, max_log_std: -2",
        ),
        "agent.target_entropy: -0.5 is out of reach with max_log_std: -2, which allows less than",
        "lower target_entropy",
    ),
    "values that no success reaches": (
        ("encoder: efficientnet-lite0", "encoder: efficientnet-lite0, value_bounds: [0, 0.5]"),
        "agent.value_bounds: a success is worth 1, not 0.5 at most",
        "take it out",
    ),
    "values that no failure has": (
        ("encoder: efficientnet-lite0", "encoder: efficientnet-lite0, value_bounds: [0.1, 2]"),
        "agent.value_bounds: a failure is worth 0, not 0.1 at least",
        "take it out",
    ),
    "temperature beyond all values": (
        ("encoder: efficientnet-lite0", "encoder: efficientnet-lite0, initial_temperature: 1e9"),
        "agent.initial_temperature: ",
        None,
    ),
    "late success without a late rate": (
        ("encoder: efficientnet-lite0", "encoder: efficientnet-lite0, late_success: 0.5"),
        "agent.late_success: this changes nothing as long as late_learning_rate is not set",
        "set late_learning_rate",
    ),
    "critic updates that cannot be dealt out": (
        ("encoder: efficientnet-lite0", "encoder: efficientnet-lite0, critic_updates_per_actor: 3"),
        "agent.critic_updates_per_actor: 4 × updates_per_step = 8 is no multiple of 3",
        "choose a divisor",
    ),
    "camera twice": (
        ("images: [wrist, side]", "images: [wrist, wrist]"),
        "observation.images[1]: camera 'wrist' is named twice",
        None,
    ),
    "measurement twice": (
        ("state: [tcp_pose,", "state: [tcp_pose, tcp_pose,"),
        "observation.state[1]: 'tcp_pose' is named twice",
        "remove one of the two",
    ),
    "opening of a gripper that is not there": (
        ("state: [tcp_pose,", "state: [gripper, tcp_pose,"),
        "observation.state[0]: no robot here has a gripper that moves",
        None,
    ),
    "episodes without a step": (
        ("max_episode_s: 10", "max_episode_s: 0.05"),
        "control.max_episode_s: 0.05 s are not one step at 10 Hz",
        "at least 0.1",
    ),
    "nothing for a type": (
        ("agent: {type: rlpd", "agent: {type: null"),
        "agent: missing key 'type'",
        "one of: bc,",
    ),
    "options that stand beside the type": (
        ("agent: {type: rlpd,", "agent: {type: rlpd, options: {},"),
        "agent.options: unknown key",
        "known: average_rate",
    ),
    "a function that is none": (
        ("teleop: {type: scripted,", "teleop: {type: scripted, operator: hooks,"),
        "teleop.operator: 'hooks' is not written as it has to be",
        "the environment's own expert, package.module:factory",
    ),
    "key twice": (
        (CONTROL, f"control:\n  rate_hz: 5\n{CONTROL.removeprefix('control:' + chr(10))}"),
        "key 'rate_hz' appears twice",
        "remove one of the two",
    ),
    "tab": (("\n  rate_hz:", "\n\trate_hz:"), "a tab cannot indent YAML", "indent with spaces"),
    "forgotten colon": (("name: peg", "name peg"), "not valid YAML:", "look at the line above"),
    "unfinished list": (("low: [0.44", "low: [[0.44"), "not valid YAML:", None),
    "bad name": (("name: peg", "name: 1 peg"), "name: '1 peg' is not a name", None),
    "newer layout": (("format: 1", "format: 2"), "format: expected 1, got 2", None),
}


@pytest.mark.parametrize("flaw", list(ONE_FLAW))
def test_one_flaw_is_reported_once(load_changed: Load, flaw: str) -> None:
    change, message, hint = ONE_FLAW[flaw]
    problems = problems_of(load_changed, change)
    assert len(problems) == 1, [str(problem) for problem in problems]
    assert message in problems[0].message
    if hint is not None:
        assert hint in str(problems[0].hint)


def test_caret_points_at_the_words(load_changed: Load) -> None:
    (problem,) = problems_of(load_changed, ("rate_hz: 10", "rate_hz: 1000"))
    source, span = problem.source, problem.span
    assert source[span.column - 1 : span.column - 1 + span.width] == "1000"
    assert problem.where == f"task.yaml:{span.line}:{span.column}"
    assert Path("task.yaml").read_text("utf-8").splitlines()[span.line - 1] == source


def test_all_problems_at_once(load_changed: Load, snapshot: SnapshotAssertion) -> None:
    with pytest.raises(TaskFileError) as caught:
        load_changed(
            ("scene: insert", "scene: insret"),
            ("view: wrist, size: [128, 128]", "view: wrist, size: [128]"),
            ("skill: 0.8", "skill: high"),
            ("rate_hz: 10", "rat_hz: 1000"),
            ("translation_m: 0.01", "translation_m: 10"),
            ("low: [0.44, -0.06", "low: [0.44, 0.07"),
            ("pose: [0.5, 0.0, 0.2", "pose: [0.5, 0.0, 0.7"),
            ("images: [wrist, side]", "images: [wrst, side]"),
            ("agent:", "agnet:"),
        )
    assert str(caught.value) == snapshot
    assert caught.value.where == "task.yaml:9:27"
    assert caught.value.exit_code == 3


def test_problems_are_data_too(load_changed: Load) -> None:
    (problem,) = problems_of(load_changed, ("demos: 20", "demos: 0"))
    assert problem.as_dict() == {
        "where": problem.where,
        "line": problem.span.line,
        "column": 10,
        "message": "training.demos: expected at least 1, got 0",
        "hint": "successful demonstrations to record",
        "source": "  demos: 0",
    }


def test_long_lines_are_shown_around_the_problem(load_changed: Load) -> None:
    (problem,) = problems_of(load_changed, ("name: peg", f"name: {'é ' * 300}peg"))
    assert all(len(line) < 120 for line in str(problem).splitlines()[1:3])


UNREADABLE: dict[str, Any] = {
    "empty": (b"", "is empty"),
    "a list": (b"- 1\n- 2\n", "must be a mapping"),
    "not text": (b"format: 1\nname: \xff\n", "2:7: not UTF-8 text"),
    "a control character": (b"name: \x00", "this character is not allowed"),
    "huge": (b"# " * 200_000, "larger than 256 KiB"),
    "deep": (b"[" * 5000, "nested too deeply"),
    "a chain of repeats": (
        b"a: &a [0, 0, 0, 0, 0, 0, 0, 0, 0]\n"
        + b"".join(
            b"%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c]\n" % (c, c, *[c - 1] * 6)
            for c in range(ord("b"), ord("j"))
        ),
        "too many nested or repeated values",
    ),
    "a loop": (b"a: &a [*a]", "too many nested or repeated values"),
    "a chain of merges": (
        b"a: &a {x: 0}\n"
        + b"".join(
            b"%c: &%c {<<: [*%c, *%c, *%c, *%c, *%c, *%c]}\n" % (c, c, *[c - 1] * 6)
            for c in range(ord("b"), ord("j"))
        ),
        "too many nested or repeated values",
    ),
    "a chain of keys": (
        b"? &a [x, x, x, x, x, x, x, x]\n: 0\n"
        + b"".join(
            b"? &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]\n: 0\n" % (c, *[c - 1] * 8)
            for c in range(ord("b"), ord("m"))
        ),
        "a key must be a word",
    ),
    "values that are merged in vain": (
        b"x: {k: 0, <<: [&a {" + b"k: 0, " * 200 + b"}" + b", *a" * 800 + b"]}",
        "too many nested or repeated values",
    ),
    "a mapping merged into itself": (b"a: &a {<<: *a}", "too many nested or repeated values"),
    "a number that is merged": (b"a: {<<: 3}", "only other mappings can be merged by <<"),
    "two documents": (b"a: 1\n---\nb: 2\n", "not valid YAML"),
}


@pytest.mark.parametrize("kind", list(UNREADABLE))
def test_unreadable_file(kind: str, tmp_path: Path) -> None:
    content, message = UNREADABLE[kind]
    file = tmp_path / "task.yaml"
    file.write_bytes(content)
    with pytest.raises(TaskFileError, match=message):
        load_task(file)


def test_what_is_merged_counts_where_nothing_else_is_said(
    load_changed: Load,
) -> None:
    spec = load_changed(
        ("wrist: {type: sim", "wrist: &here {type: sim"),
        ("side: {type: sim, view: side, size: [128, 128]}", "side: {<<: *here, size: [64, 64]}"),
    )
    here, there = spec.cameras["wrist"], spec.cameras["side"]
    assert (there.type, there.options) == (here.type, here.options)
    assert (here.size, there.size) == ((128, 128), (64, 64))


def test_what_merged_mappings_repeat_is_said_once(load_changed: Load) -> None:
    twice = ("wrist: {type: sim", "wrist: &here {view: wrist, type: sim")
    problems = problems_of(load_changed, twice, ("side: {type: sim", "side: {<<: *here, type: sim"))
    assert [one.message for one in problems] == ["key 'view' appears twice (first in line 14)"]
    merged = ("side: {type: sim", "side: {<<: {size: [64, 64]}, <<: {crop: null}, type: sim")
    (problem,) = problems_of(load_changed, merged)
    assert (problem.message, problem.hint) == ("key '<<' appears twice", "write <<: [*one, *other]")


@pytest.mark.parametrize("term", ["type: humn", "type: pose, consecutive: 99", "type: human"])
def test_bounds_of_values_do_not_hide_what_is_wrong_with_a_sum(
    load_changed: Load, valid_text: str, term: str
) -> None:
    start = valid_text.index("reward:\n")
    reward = valid_text[start : valid_text.index("\n\n", start)]
    changes = [
        (reward, f"reward: {{type: sum, terms: {{done: {{weight: 0.2, {term}}}}}}}"),
        ("encoder: efficientnet-lite0", "encoder: efficientnet-lite0, value_bounds: [-1, 0.9]"),
    ]
    if term == "type: human":
        load_changed(*changes)  # 0.9 is enough for a success that is worth 0.2
    else:
        assert all("value_bounds" not in one.message for one in problems_of(load_changed, *changes))


def test_missing_file_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(TaskFileError) as caught:
        load_task(tmp_path / "task.yaml")
    assert caught.value.hint == "hilctl new-task NAME"


def test_windows_line_ends_and_bom(valid_text: str, tmp_path: Path) -> None:
    file = tmp_path / "task.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + valid_text.replace("\n", "\r\n").encode())
    assert load_task(file).name == "peg"


def test_missing_library_names_the_extra(
    load_changed: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hilctl.robots import ROBOTS

    def get(name: str) -> None:
        raise ModuleNotFoundError("No module named 'mujoco'", name="mujoco")

    monkeypatch.setattr(ROBOTS, "get", get)
    (problem,) = problems_of(load_changed)
    assert problem.hint == 'pip install "hilctl[sim]"'
