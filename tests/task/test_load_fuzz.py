"""Whatever a file holds, loading it gives a spec or a TaskFileError, never anything else."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilctl.errors import TaskFileError
from hilctl.task import scaffold
from hilctl.task.load import load_task
from hilctl.task.spec import TaskSpec

TOKENS = [
    *("{", "}", "[", "]", ":", "- ", ", ", "#", "&a ", "*a", "!!int ", "!x ", "|", ">", "'", '"'),
    *("\n", "\n  ", "\t", "\\", "? ", "<<: ", "%YAML 1.1", "---\n", "null", "true", ".inf", ".nan"),
    *("1e400", "0x1F", "-0", "9" * 5000, "1_0", "2020-01-01", "é", "\u2028", "\x07", "\ud7ff", "~"),
    *("type", "rate_hz", "options", "cameras", "[[", "1:2", "0o8", "0b1", "@", "`", "=", "\r"),
]
FUZZ = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def check(text: str | bytes, folder: Path) -> None:
    file = folder / "task.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "replace"))
    result = outcome(file)
    assert isinstance(result, TaskSpec) or result.where
    for problem in getattr(result, "problems", ()):
        assert problem.span.line >= 1
        assert problem.span.column >= 1
        assert problem.where in str(result)


def outcome(file: Path) -> TaskSpec | TaskFileError:
    try:
        return load_task(file)
    except TaskFileError as error:
        return error


@FUZZ
@given(data=st.data())
def test_mutated_task_file(data: st.DataObject, valid_text: str, tmp_path: Path) -> None:
    text = valid_text
    for _ in range(data.draw(st.integers(1, 4))):
        begin = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(begin, min(len(text), begin + 12)))
        text = text[:begin] + data.draw(st.sampled_from(["", *TOKENS])) + text[end:]
    check(text, tmp_path)


@FUZZ
@given(data=st.data())
def test_mutated_value(data: st.DataObject, valid_text: str, tmp_path: Path) -> None:
    lines = valid_text.splitlines()
    chosen = data.draw(st.sampled_from([i for i, line in enumerate(lines) if ": " in line]))
    value = data.draw(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.text(max_size=5), inner, max_size=3)
            ),
            max_leaves=6,
        )
    )
    key = lines[chosen].partition(": ")[0]
    lines[chosen] = f"{key}: {value!r}"
    check("\n".join(lines), tmp_path)


@FUZZ
@given(content=st.binary(max_size=200))
def test_any_bytes(content: bytes, tmp_path: Path) -> None:
    check(content, tmp_path)


@pytest.mark.parametrize("token", TOKENS)
def test_every_token_alone(token: str, tmp_path: Path) -> None:
    check(token, tmp_path)


def places(data: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of everything in plain data."""
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items if isinstance(data, dict | list) else ():
        yield (*here, key)
        if isinstance(value, dict | list):
            yield from places(value, (*here, key))


@pytest.mark.parametrize("template", ["sim-flip", "sim-handover", "sim-insert-hard", "gymnasium"])
@pytest.mark.parametrize("wrong", [[], {}])
def test_the_wrong_kind_of_value_anywhere(template: str, wrong: Any, tmp_path: Path) -> None:
    chosen = scaffold.find_template(template)
    scaffold.create(chosen, tmp_path / template, chosen.answers({}))
    valid = yaml.safe_load((tmp_path / template / "task.yaml").read_text())
    for place in places(valid):
        data = copy.deepcopy(valid)
        parent = data
        for key in place[:-1]:
            parent = parent[key]
        parent[place[-1]] = wrong
        check(json.dumps(data), tmp_path)
