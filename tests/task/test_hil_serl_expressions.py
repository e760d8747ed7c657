"""Expressions are read as Python means them, and everything else is refused, quickly."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilctl.task.hil_serl.crops import read_crop
from hilctl.task.hil_serl.expressions import evaluate
from hilctl.task.hil_serl.statements import follow
from hilctl.task.hil_serl.values import Assigned, NotReadableError, Unreadable

HEAD = "import copy\nimport math\nimport numpy as np\nfrom math import pi\n"


def value_of(text: str, before: str = "") -> Any:
    names = follow(ast.parse(f"{HEAD}{before}"))
    return evaluate(ast.parse(text, mode="eval").body, names)


def names_of(text: str) -> Mapping[str, Assigned]:
    return follow(ast.parse(HEAD + text))


Meant = tuple[str, Any]  # an expression, and what Python makes of it; None = it raises
SIGNS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
NUMBERS: st.SearchStrategy[Meant] = st.one_of(
    st.integers(-20, 20).map(lambda number: (f"({number})", number)),
    st.floats(-1e6, 1e6).map(lambda number: (f"({number!r})", number)),
    st.sampled_from([("np.pi", math.pi), ("pi", math.pi), ("np.deg2rad(30)", math.radians(30))]),
)
ARRAYS: st.SearchStrategy[Meant] = st.lists(NUMBERS, min_size=3, max_size=3).map(
    lambda items: (
        f"np.array([{', '.join(text for text, _ in items)}])",
        np.array([value for _, value in items], float),
    )
)


def combined(parts: tuple[Meant, str, Meant]) -> Meant:
    (left, a), sign, (right, b) = parts
    text = f"({left} {sign} {right})"
    try:
        with np.errstate(all="ignore"):
            return text, None if a is None or b is None else SIGNS[sign](a, b)
    except ZeroDivisionError:
        return text, None


EXPRESSIONS: st.SearchStrategy[Meant] = st.recursive(
    NUMBERS | ARRAYS,
    lambda parts: st.one_of(
        st.tuples(parts, st.sampled_from(list(SIGNS)), parts).map(combined),
        parts.map(lambda one: (f"(-{one[0]})", None if one[1] is None else -one[1])),
        parts.map(lambda one: (f"copy.deepcopy({one[0]})", one[1])),
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(meant=EXPRESSIONS)
def test_arithmetic_is_pythons(meant: Meant) -> None:
    text, expected = meant
    if expected is None:
        with pytest.raises(NotReadableError):
            value_of(text)
        return
    np.testing.assert_array_equal(value_of(text), expected)


WORDS = [*"[](){}:,.+-*/%'=;\n 019ax_\\\0é", "np", "lambda ", "for ", " in ", "class x:"]
SYNTAX = st.lists(st.sampled_from(WORDS), max_size=60).map("".join)


@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
@settings(max_examples=300, deadline=None)
@given(text=SYNTAX)
def test_no_text_does_more_than_not_be_readable(text: str) -> None:
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for held in follow(module).values():
        assert isinstance(held, Assigned)


@settings(max_examples=100, deadline=None)
@given(
    ends=st.lists(st.none() | st.integers(-1500, 1500), min_size=4, max_size=4),
    turned=st.booleans(),
)
def test_crops_are_what_slices_leave(ends: list[int | None], turned: bool) -> None:
    y0, y1, x0, x1 = ("" if end is None else str(end) for end in ends)
    first = "[::-1, ::-1]" if turned else ""
    node = ast.parse(f"lambda img: img{first}[{y0}:{y1}, {x0}:{x1}, :]", mode="eval").body
    assert isinstance(node, ast.Lambda)
    rows, columns = np.arange(720), np.arange(1280)
    if turned:
        rows, columns = rows[::-1], columns[::-1]
    rows, columns = rows[slice(*ends[:2])], columns[slice(*ends[2:])]
    if not rows.size or not columns.size:
        with pytest.raises(NotReadableError):
            read_crop(node, (1280, 720), {})
        return
    crop = read_crop(node, (1280, 720), {})
    assert crop.box == (columns.min(), rows.min(), columns.size, rows.size)
    assert crop.is_turned == turned


@pytest.mark.parametrize(
    "body",
    [
        "cv2.resize(img, (128, 128))",
        "img[3, 4]",
        "img[::2]",
        "other[1:2]",
        "img[a:b]",
        "img[10:10]",
        "img[1.5:9]",
        "img[:, :, :, :]",
        "img[1:2] + 1",
        "img",
    ],
)
def test_crops_that_are_more_than_slices(body: str) -> None:
    node = ast.parse(f"lambda img: {body}", mode="eval").body
    assert isinstance(node, ast.Lambda)
    if body == "img":
        assert read_crop(node, (640, 480), {}).box == (0, 0, 640, 480)
        return
    with pytest.raises(NotReadableError):
        read_crop(node, (640, 480), {})


def test_a_crop_of_a_frame_of_unknown_size_has_both_ends() -> None:
    crop = ast.parse("lambda img: img[100:650, 550:900]", mode="eval").body
    rest = ast.parse("lambda img: img[100:, 550:900]", mode="eval").body
    assert isinstance(crop, ast.Lambda)
    assert isinstance(rest, ast.Lambda)
    assert read_crop(crop, None, {}).box == (550, 100, 350, 550)
    with pytest.raises(NotReadableError, match="size"):
        read_crop(rest, None, {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{**A, 'b': 2}", {"a": 1, "b": 2}),
        ("dict(A, b=2)", {"a": 1, "b": 2}),
        ("A | {'b': 2}", {"a": 1, "b": 2}),
        ("A['a']", 1),
        ("f'http://{HOST}:{5000}/'", "http://here:5000/"),
        ("'http://' + HOST", "http://here"),
        ("[*L, 3][1:]", [2, 3]),
        ("Base.X", 7),
        ("-L[0] ** 2", -1),
        ("[0.1] * 3", [0.1, 0.1, 0.1]),
        ("np.concatenate([L, [3]]).tolist()", [1, 2, 3]),
        ("not True", False),
    ],
)
def test_what_configurations_write(text: str, expected: Any) -> None:
    before = "A = {'a': 1}\nHOST = 'here'\nL = [1, 2]\nclass Base:\n    X = 7\n"
    assert value_of(text, before) == expected


@pytest.mark.parametrize(
    "text",
    [
        "open('x')",
        "__import__('os')",
        "np.load('x')",
        "().__class__",
        "[i for i in range(9)]",
        "(lambda: 1)()",
        "1 if True else 2",
        "1 < 2",
        "unknown",
        "os.environ['X']",
        "9 ** 9 ** 9 ** 9",
        "(-8) ** 0.5",
        "1 / 0",
        "'a' * 10 ** 9",
        "[0] * 10 ** 9",
        "np.zeros(10 ** 9)",
        "np.zeros((99, 99, 99, 99))",
        "np.zeros((900, 1)) + np.zeros(900)",
        "np.array([1, [2]])",
        "np.array(['1'])",
        "np.zeros(3)[[0] * 99]",
        "np.array([1, 2]) + np.array([1, 2, 3])",
        "[1][5]",
        "{[]: 1}",
        "b'x'",
        "1j",
        "f'{1:>9999999}'",
        "float('1' * 99)",
        "[" * 61 + "]" * 61,
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(NotReadableError):
        value_of(text, "import os\n")


def test_values_that_grow_are_stopped() -> None:
    doubled = "A0 = [1, 1]\n" + "".join(f"A{i + 1} = [A{i}, A{i}]\n" for i in range(60))
    assert isinstance(names_of(doubled)["A60"].value, Unreadable)
    many = "A = [" + "0," * 4000 + "]\n" + "B = A\n" * 3000
    assert isinstance(names_of(many)["B"].value, Unreadable)
    endless = names_of("D = {}\nD['d'] = D\nE = D\n")
    assert all(isinstance(endless[name].value, Unreadable | dict) for name in "DE")


def test_names_are_followed_as_python_does() -> None:
    text = """
class Base:
    A = np.array([1.0, 2.0])
    B = A
    B += 1
    C = {"x": 1}
    D = C.copy()
    D["x"] = 2
    E = 5
    E -= 2
    F = A[0]
class Child(Base):
    A = Base.A * 2
Base.G = 4
"""
    names = names_of(text)
    base, child = (names[name].value.settings for name in ("Base", "Child"))
    assert base["A"].value.tolist() == [2, 3]
    assert child["A"].value.tolist() == [4, 6]
    assert (base["C"].value, base["D"].value) == ({"x": 1}, {"x": 2})
    assert (base["E"].value, base["F"].value, base["G"].value) == (3, 2, 4)
    assert child["C"].value == {"x": 1}


@pytest.mark.parametrize(
    "statement",
    [
        "C.update(x=2)",
        "D.update(x=2)",
        "del C['x']",
        "fix(C)",
        "for key in C: C[key] = 3",
        "with open('f') as C: pass",
        "C, other = 1, 2",
        "C[unknown] = 1",
    ],
)
def test_what_else_changes_a_value_leaves_it_unknown(statement: str) -> None:
    names = names_of(f"C = {{'x': 1}}\nD = C\n{statement}\n")
    assert isinstance(names["C"].value, Unreadable)


@pytest.mark.parametrize(
    "statement", ["E.C.update(x=2)", "setattr(E, 'C', 2)", "del E.C", "E.C.x = 1"]
)
def test_a_setting_that_is_changed_from_outside_is_unknown(statement: str) -> None:
    names = names_of(f"class E:\n    C = {{'x': 1}}\n    D = 1\n{statement}\n")
    assert isinstance(names["E"].value.settings["C"].value, Unreadable)
    assert names["E"].value.settings["D"].value == 1
