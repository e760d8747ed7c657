"""What `hilctl bench loop` says of its figures."""

from __future__ import annotations

import pytest

from hilctl.cli.bench import meaning


@pytest.mark.parametrize("over", ["http", "franky"])
def test_a_figure_is_told_in_words_with_its_rate(over: str) -> None:
    assert meaning(f"{over}_worst_period_20hz_ms") == "ms, the longest of them, at 20 Hz"
    assert "late" in meaning(f"{over}_late_periods_10hz_pct")


def test_a_command_s_figure_is_told_in_the_same_words_over_both() -> None:
    assert meaning("command_p50_ms") == meaning("franky_command_p50_ms")
