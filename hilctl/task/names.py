"""Names that become parts of paths, whoever wrote them."""

from __future__ import annotations


def plain_name(name: object) -> str:
    """Return a name that, as the last part of a path, leads to nothing but a file in its folder.

    Raises:
        ValueError: it leads elsewhere, or cannot be a file's name.
    """
    if not isinstance(name, str) or name in ("", ".", "..") or not name.isprintable():
        raise ValueError(f"{name!r} is not the name of a file")
    if "/" in name:
        raise ValueError(f"{name!r} leads to another folder")
    return name
