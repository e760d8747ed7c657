"""One task folder with everything in it, copied for every test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from whole_folder import make_whole

from hilctl.task.workspace import Workspace


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return make_whole(tmp_path_factory.mktemp("whole") / "task")


@pytest.fixture
def space(whole: Workspace, tmp_path: Path) -> Workspace:
    """A whole task folder of one's own."""
    folder = shutil.copytree(whole.root, tmp_path / "task")
    return Workspace(Path(folder), spec=whole.spec)
