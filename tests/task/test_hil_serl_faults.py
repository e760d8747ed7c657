"""Whatever lies in place of a rig's file: what, where, why, and how to mend it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilctl.errors import DataError, HilctlError, UsageError
from hilctl.task.hil_serl.config_file import MOST_BYTES, read_config
from hilctl.task.hil_serl.importing import template_of
from hilctl.task.scaffold import flaws

ARM = "class EnvConfig(DefaultEnvConfig):\n    pass\n"
TRAINING = "class TrainConfig(DefaultTrainingConfig):\n    pass\n"

FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "has no class EnvConfig"),
    "prose": (b"once upon a time\n", "config.py:1: not Python"),
    "yaml": (b"robot: {type: sim}\ncameras:\n  a: b\n", "not Python"),
    "binary": (bytes(range(256)), "not UTF-8 text"),
    "latin": (b"x = 1\n# caf\xe9\n", "config.py:2: not UTF-8 text"),
    "zeros": (b"\0" * 99, "not Python"),
    "a lone zero": (b"x = '\0'\n", "not Python"),
    "huge": (b"#" * (MOST_BYTES + 1), "larger than 256 KiB"),
    "nested": (b"x = " + b"(" * 5000 + b")" * 5000, "not Python"),
    "signs": (b"x = " + b"-" * 100_000 + b"1", "nested too deeply|has no class"),
    "sums": (b"x = 1" + b"+1" * 60_000, "nested too deeply|has no class"),
    "a number without end": (b"x = " + b"9" * 9000, "not Python|has no class"),
    "endless": (b"x = 1\n" * 6000, "has 6000 statements"),
    "no arm": (TRAINING.encode(), "has no class EnvConfig"),
    "a half": (b"class EnvConfig(DefaultEnvConfig:\n", "config.py:1: not Python"),
    "two trainings": (
        (ARM + TRAINING + TRAINING.replace("TrainConfig", "OtherConfig")).encode(),
        r"several classes for the training: TrainConfig \(line 3\), OtherConfig",
    ),
    "two arms without sides": (
        (ARM + ARM.replace("EnvConfig(", "BestEnvConfig(") + TRAINING).encode(),
        r"several classes of arms: EnvConfig \(line 1\), BestEnvConfig \(line 3\)",
    ),
    "three arms": (
        "".join(ARM.replace("Env", f"{name}Env", 1) for name in ("Left", "Right", "Top")).encode(),
        "several classes of arms",
    ),
}


@pytest.mark.parametrize("name", list(FILES))
def test_files_that_are_no_rigs(name: str, tmp_path: Path) -> None:
    content, why = FILES[name]
    file = tmp_path / "config.py"
    file.write_bytes(content)
    with pytest.raises((DataError, UsageError), match=why) as caught:
        read_config(file)
    assert str(caught.value.where).startswith(str(file))
    assert caught.value.hint


PLACES: dict[str, Callable[[Path], object]] = {
    "nothing": lambda path: None,
    "a folder": lambda path: path.mkdir(),
    "a pipe": os.mkfifo,
    "a loop": lambda path: path.symlink_to(path),
}


@pytest.mark.parametrize("name", list(PLACES))
def test_places_that_are_no_files(name: str, tmp_path: Path) -> None:
    path = tmp_path / "config.py"
    PLACES[name](path)
    with pytest.raises(HilctlError, match=r"config\.py") as caught:
        read_config(path)
    assert caught.value.hint


def test_the_arms_that_the_training_uses_are_the_arms(tmp_path: Path) -> None:
    file = tmp_path / "config.py"
    other = ARM.replace("EnvConfig(", "OldEnvConfig(")
    use = TRAINING.replace("pass", "def get_environment(self):\n        return Peg(EnvConfig())")
    file.write_text(ARM + other + use, "utf-8")
    assert read_config(file).arms[""].name == "EnvConfig"


def test_a_class_that_others_are_derived_from_is_no_arm(tmp_path: Path) -> None:
    file = tmp_path / "config.py"
    derived = "class PegEnvConfig(EnvConfig):\n    MAX_EPISODE_LENGTH = 7\n"
    file.write_text(ARM + derived, "utf-8")
    assert read_config(file).arms[""].name == "PegEnvConfig"


LEAVES = [
    *("None", "True", "0", "-1", "1e999", "float('nan')", "10 ** 300", "1j", "'x'", "b'x'", "..."),
    *("lambda i: i", "lambda i: i[0:9, 0:9]", "open('x')", "EnvConfig", "np", "'wrist'", "{}"),
    *("np.zeros(6)", "np.ones(6)", "np.array(5.0)", "np.array([])", "[]", "()"),
]
VALUES = st.recursive(
    st.sampled_from(LEAVES),
    lambda parts: st.one_of(
        st.lists(parts, max_size=6).map(lambda items: f"[{', '.join(items)}]"),
        st.tuples(st.sampled_from(["'wrist'", "'dim'", "'exposure'", "'mass'", "3"]), parts).map(
            lambda pair: f"{{{pair[0]}: {pair[1]}}}"
        ),
    ),
    max_leaves=6,
)
NAMES = [
    *("SERVER_URL", "REALSENSE_CAMERAS", "IMAGE_CROP", "RESET_POSE", "ACTION_SCALE"),
    *("RANDOM_RESET", "RANDOM_XY_RANGE", "RANDOM_RZ_RANGE", "ABS_POSE_LIMIT_LOW", "LOAD_PARAM"),
    *("ABS_POSE_LIMIT_HIGH", "COMPLIANCE_PARAM", "PRECISION_PARAM", "MAX_EPISODE_LENGTH"),
]
OF_TRAINING = [
    *("image_keys", "classifier_keys", "proprio_keys", "setup_mode", "discount", "batch_size"),
    *("cta_ratio", "agent"),
]
GOOD = """
    RESET_POSE = np.array([0.5, 0.1, 0.2, np.pi, 0, 0.5])
    REALSENSE_CAMERAS = {"wrist": "1"}
"""


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    arm=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3),
    training=st.dictionaries(st.sampled_from(OF_TRAINING), VALUES, max_size=2),
)
def test_no_value_is_more_than_an_error(
    arm: dict[str, str], training: dict[str, str], tmp_path: Path
) -> None:
    lines = ["import numpy as np", "class EnvConfig(DefaultEnvConfig):", GOOD]
    lines += [f"    {name} = {value}" for name, value in arm.items()]
    lines += ["class TrainConfig(DefaultTrainingConfig):", "    log_period = 3"]
    lines += [f"    {name} = {value}" for name, value in training.items()]
    file = tmp_path / "config.py"
    file.write_text("\n".join(lines), "utf-8")
    try:
        template = template_of(read_config(file), {})
    except HilctlError as error:
        assert error.where  # noqa: PT017 - what else comes is a failure
        assert error.hint  # noqa: PT017
    else:
        flaws(template, "peg", template.answers({}))  # what is left over is load_task's to say
