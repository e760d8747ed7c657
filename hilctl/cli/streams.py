"""Standard streams that may be closed, and what a terminal would obey in a text."""

from __future__ import annotations

import os
import re
import sys

# control characters but line end and tab; marks that turn the direction of text; halves of pairs,
# as which bytes of names that are no UTF-8 are kept
_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def open_standard_streams() -> None:
    """Lead closed standard streams nowhere, so that no file opened later takes their place.

    Whatever prints would write into that file.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            mode = "w" if descriptor else "r"
            stream = open(descriptor, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


def printable(text: str) -> str:
    r"""Return a text in which what a terminal would obey is spelt out, such as \x1b."""
    return _OBEYED.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
