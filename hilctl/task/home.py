"""Folders of the person who runs a command, who may have none: in containers, as a service."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def own_folder(find: Callable[[str], Path]) -> Path | None:
    """Return a person's folder for hilctl, or None where nobody knows their home.

    Args:
        find: of platformdirs, such as `user_cache_path`.
    """
    try:
        folder = find("hilctl")
    except RuntimeError:
        return None
    # some releases return a path that begins with a tilde
    return folder if folder.is_absolute() else None
