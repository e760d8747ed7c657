"""Where templates of task folders lie; nothing heavy is imported to look."""

from __future__ import annotations

from pathlib import Path

DEFAULT_TEMPLATE = "sim-insert"
MANIFEST = "template.yaml"


def template_folders() -> list[Path]:
    """Return the folder of every template, by name."""
    return sorted(path for path in _root().iterdir() if (path / MANIFEST).is_file())


def import_folder() -> Path:
    """Return what a rig's configuration is written into: no template, as it asks for all of it."""
    return _root() / "from-hil-serl"


def _root() -> Path:
    """Return where templates lie: in the wheel inside the package, in a checkout beside it."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "task_templates"
    return inside if inside.is_dir() else package.parent / "task_templates"
