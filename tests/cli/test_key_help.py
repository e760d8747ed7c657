"""The keys of a hand, on a screen of any width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from hilctl.cli.hand_keys import KeyHelp
from hilctl.teleop.keyboard import KeyboardOptions, KeyboardTeleop


@pytest.mark.parametrize("columns", [30, 40, 80, 100, 160, 200])
def test_no_key_stands_in_another_line_than_what_it_does(columns: int) -> None:
    keys = {
        key: getattr(does, "value", does)
        for key, does in KeyboardTeleop.key_map(KeyboardOptions()).items()
    }
    screen = io.StringIO()
    Console(width=columns, file=screen).print(KeyHelp(keys))
    lines = screen.getvalue().splitlines()
    assert max(map(len, lines)) <= columns
    for key, does in keys.items():
        assert any(f"{key} {does}" in line for line in lines)
    least = sum(len(f"{key} {does}   ") for key, does in keys.items()) / columns
    assert len(lines) <= 2 * least + 1
