"""Every example is a task as it stands, and its hooks have what its task file names."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from hilctl.env.gymnasium_env import GymnasiumOptions
from hilctl.task.load import load_task
from hilctl.teleop.scripted import ScriptedOptions

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
FOLDERS = sorted(path.parent for path in EXAMPLES.glob("*/task.yaml"))


def test_there_are_examples() -> None:
    assert len(FOLDERS) >= 2


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_example_is_a_task(folder: Path) -> None:
    assert load_task(folder).name == folder.name


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_hooks_have_what_the_task_names(folder: Path) -> None:
    spec, hooks = load_task(folder), ast.parse((folder / "hooks.py").read_text("utf-8"))
    assert spec.environment is not None
    environment, operator = spec.environment.options, spec.teleop.options
    assert isinstance(environment, GymnasiumOptions)
    assert isinstance(operator, ScriptedOptions)
    registered = {
        ast.literal_eval(call.args[0])
        for call in ast.walk(hooks)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "gymnasium.register"
    }
    defined = {node.name for node in hooks.body if isinstance(node, ast.FunctionDef)}
    assert environment.id.removeprefix("hooks:") in registered
    assert operator.operator is not None
    assert operator.operator.removeprefix("hooks:") in defined
