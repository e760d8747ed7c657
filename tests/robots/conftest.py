"""Arms that are lost in tests are looked for more often."""

from __future__ import annotations

import pytest

from hilctl.robots import reopening


@pytest.fixture(autouse=True)
def _tries_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reopening, "RETRY_S", 0.2)
