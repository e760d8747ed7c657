"""A plug-in that is not known is answered with the nearest one, or with how to add it."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from hilctl import registry
from hilctl.errors import UsageError
from hilctl.registry import Registry
from hilctl.task.plugins import ENCODERS, REGISTRIES

ALL = sorted({*REGISTRIES.values(), ENCODERS})
REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("target", ALL)
def test_what_is_unknown_says_how_to_add_it(target: str) -> None:
    plugins: Registry[object] = registry.load(target)
    with pytest.raises(UsageError) as caught:
        plugins.get("something-else-entirely")
    hint = str(caught.value.hint)
    assert all(name in hint for name in plugins.names())
    assert f"'hilctl.{plugins.kind}s'" in hint
    assert "README" in hint
    table = hint.partition("BUILTIN in ")[2].split(" ")[0]
    module = table.removesuffix("/__init__.py").replace("/", ".")
    assert importlib.import_module(module).BUILTIN
    assert (REPOSITORY / table).is_file()


def test_what_is_misspelt_gets_the_right_word_only() -> None:
    plugins: Registry[object] = registry.load(REGISTRIES["robot"])
    with pytest.raises(UsageError) as caught:
        plugins.get("simm")
    assert caught.value.hint == "did you mean 'sim'?"


def test_the_readme_tells_what_the_hint_points_to() -> None:
    develop = (REPOSITORY / "README.md").read_text("utf-8").partition("## Develop")[2]
    assert "`BUILTIN`" in develop
    assert "entry point" in develop


def test_a_driver_whose_entry_point_names_nothing_is_no_bug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ur_driver.py").write_text("class Ur5: ...\n")
    info = tmp_path / "ur_driver-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: ur-driver\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[hilctl.robots]\nur5 = ur_driver:Ur5Robot\n")
    monkeypatch.syspath_prepend(tmp_path)
    plugins: Registry[object] = registry.load(REGISTRIES["robot"])
    assert "ur5" in plugins.names()
    with pytest.raises(ImportError, match="ur_driver:Ur5Robot"):
        plugins.get("ur5")
