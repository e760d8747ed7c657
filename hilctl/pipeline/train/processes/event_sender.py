"""What a process tells its supervisor, as JSON; telling never waits."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
from dataclasses import asdict
from multiprocessing.connection import Connection
from typing import Any

from hilctl import errors
from hilctl.errors import HilctlError
from hilctl.pipeline.events import Event
from hilctl.training.link import Health

KEPT = 1000  # messages of a supervisor that does not listen; the oldest are dropped


class EventSender:
    """The telling end of a pipe.

    Args:
        pipe: to the supervisor.
    """

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._queue: queue.Queue[dict[str, Any] | None] = queue.Queue(KEPT)
        self._thread = threading.Thread(target=self._serve, name="sender", daemon=True)
        self._thread.start()

    def report(self, event: Event) -> None:
        """Pass on what is going on."""
        self._put({"kind": "event", **asdict(event)})

    def tell(self, kind: str, **content: Any) -> None:
        """Say something that only the supervisor wants to know."""
        self._put({"kind": kind, **content})

    def fail(self, error: HilctlError) -> None:
        """Pass on why this process cannot go on."""
        self._put({"kind": "error", "type": type(error).__name__, "error": error.as_dict()})

    def close(self, timeout_s: float = 5.0) -> None:
        """Return when everything has been told, or `timeout_s` has passed."""
        self._put(None)
        self._thread.join(timeout_s)

    def _put(self, message: dict[str, Any] | None) -> None:
        while True:
            try:
                return self._queue.put_nowait(message)
            except queue.Full:
                self._drop_oldest()

    def _drop_oldest(self) -> None:
        with contextlib.suppress(queue.Empty):
            self._queue.get_nowait()

    def _serve(self) -> None:
        while (message := self._queue.get()) is not None:
            try:
                self._pipe.send_bytes(_packed(message))
            except OSError:  # the supervisor is dead; whoever works here sees that by itself
                return


def _packed(message: dict[str, Any]) -> bytes:
    """Return a message as JSON, or in its place one that says why it cannot be packed."""
    try:
        return json.dumps(message).encode()
    except (TypeError, ValueError, RecursionError) as error:
        text = f"a message of kind {message.get('kind')} could not be told: {error}"
        return json.dumps({"kind": "event", "name": "untold", "text": text}).encode()


def event_of(message: dict[str, Any]) -> Event:
    """Return the event that was told."""
    return Event(**{key: value for key, value in message.items() if key != "kind"})


def health_of(message: dict[str, Any]) -> Health:
    """Return the learner's state that was told."""
    return Health(**{key: value for key, value in message.items() if key != "kind"})


def error_of(message: dict[str, Any]) -> HilctlError:
    """Return the error that was told."""
    kind = getattr(errors, message["type"], HilctlError)
    content = message["error"]
    error: HilctlError = kind(content["message"], where=content["where"], hint=content["hint"])
    return error
