"""What a robot server is told beside poses, in order, each once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hilctl.errors import DeviceError
from hilctl.robots.serl_client import SerlClient

CALL_S = 0.5  # for a pose, a state, a word to the gripper


@dataclass
class Errand:
    """Something that the server is told between two looks at the arm.

    Attributes:
        route, content: what it is told.
        limit_s: for the call.
        over: it was told, or cannot be.
        fault: why it could not be.
    """

    route: str
    content: Mapping[str, Any] | None = None
    limit_s: float = CALL_S
    over: threading.Event = field(default_factory=threading.Event)
    fault: DeviceError | None = None

    def do(self, client: SerlClient) -> None:
        """Tell the server.

        Raises:
            DeviceError: it does not take that.
        """
        try:
            client.tell(self.route, self.content, limit_s=self.limit_s)
        except DeviceError as fault:
            self.fault = fault
            raise
        finally:
            self.over.set()

    def give_up(self, fault: DeviceError) -> None:
        """Leave it undone."""
        self.fault = fault
        self.over.set()


class ErrandQueue:
    """Errands that wait for their turn."""

    def __init__(self) -> None:
        self._waiting: deque[Errand] = deque()

    def add(self, errand: Errand) -> None:
        """Take one more; from any thread."""
        self._waiting.append(errand)

    def run(self, client: SerlClient, has_time: Callable[[], bool]) -> None:
        """Do those that wait, as long as there is time for them.

        Raises:
            DeviceError: the server does not take one of them; the others wait on.
        """
        while has_time() and (errand := self._next()) is not None:
            errand.do(client)

    def give_up(self, fault: DeviceError) -> None:
        """Leave all of them undone; from any thread."""
        while (errand := self._next()) is not None:
            errand.give_up(fault)

    def _next(self) -> Errand | None:
        try:
            return self._waiting.popleft()
        except IndexError:
            return None
