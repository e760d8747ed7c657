"""No character ends a command: what a stream cannot write is spelt with what it can."""

from __future__ import annotations

import codecs
import io
import sys

STAND_INS = str.maketrans(
    {
        "·": "-",
        "…": "...",
        "×": "x",
        "±": "+-",
        "°": " deg",
        "–": "-",
        "−": "-",
        "→": "->",
        "≤": "<=",
        "≥": ">=",
        "█": "#",
        "░": ".",
        "▀": "^",
        "─": "-",
        "│": "|",
        "├": "|",
        "└": "`",
    }
)


def accept_all_characters() -> None:
    """Let stdout and stderr take any text, whatever LANG or PYTHONIOENCODING make them."""
    codecs.register_error("hilctl", _spelt)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="hilctl")


def _spelt(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(STAND_INS)
    return text.encode("ascii", "backslashreplace").decode("ascii"), error.end
