"""Cameras on the network, and ways to wait for what becomes of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from video_server import FakeCamera, fake_camera


@pytest.fixture
def there() -> Iterator[FakeCamera]:
    """A camera on the network that works."""
    with fake_camera() as camera:
        yield camera
