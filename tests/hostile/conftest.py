"""One task folder with everything in it, copied for every test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from whole_folder import make_whole

from hilctl.pipeline.report import curves
from hilctl.task.workspace import Workspace


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return make_whole(tmp_path_factory.mktemp("whole") / "task")


@pytest.fixture
def space(whole: Workspace, tmp_path: Path) -> Workspace:
    """A whole task folder of one's own."""
    folder = shutil.copytree(whole.root, tmp_path / "task")
    return Workspace(Path(folder), spec=whole.spec)


@pytest.fixture(autouse=True)
def _unpainted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw the curves of a page without painting them, which takes a second each time."""

    def drawn(figure: Figure) -> bytes:
        figure.set_layout_engine("none")
        figure.draw_without_rendering()
        return b""

    monkeypatch.setattr(curves, "_png", drawn)
