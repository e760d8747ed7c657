"""An arm of `hilctl serve-sim`: a robot server's like any other, and what only a simulator can do.

It is driven as a real one is, through `serl_http`; where things are put back, boards shown and the
truth told, it asks the simulator behind the server.
"""

from __future__ import annotations

import base64
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from hilctl.cameras.base import Camera
from hilctl.devices import Options, Rig
from hilctl.errors import DeviceError
from hilctl.robots.scene import SimulatedScene
from hilctl.robots.serl_client import SerlClient
from hilctl.robots.serl_http import SerlHttpRobot
from hilctl.robots.serl_options import SerlHttpOptions

ROOM_S = 10.0  # a world with a board in it is built in two seconds


class RehearsedOptions(SerlHttpOptions):
    """Those of `serl_http`."""


class RehearsedRobot(SerlHttpRobot, SimulatedScene):
    """A simulated arm behind a robot server, with its scene."""

    OptionsType: ClassVar[type[Options]] = RehearsedOptions
    resets_the_arm: ClassVar[bool] = False

    def __init__(self, options: Options, rig: Rig) -> None:
        super().__init__(options, rig)
        self._room: SerlClient | None = None

    def open(self) -> None:
        """Begin to read the arm's state, and see that there is a simulator behind it.

        Raises:
            DeviceError: there is none.
        """
        super().open()
        self._room = SerlClient(cast(SerlHttpOptions, self.options).url)
        try:
            self.true_success()
        except DeviceError:
            self.close()
            raise

    def close(self) -> None:
        """Hang up."""
        super().close()
        if self._room is not None:
            self._room.close()
            self._room = None

    def reset_scene(self) -> None:
        """Have the objects put back, with a slightly different grasp; the arm stays where it is."""
        self._ask("put_back")

    def true_success(self) -> bool:
        """Return whether the scene's task is truly solved."""
        return bool(self._ask("truth").get("solved"))

    def show_board(
        self, pattern: NDArray[np.uint8], size_m: tuple[float, float], *, in_hand: bool
    ) -> None:
        """Have a board put in place of the scene's objects."""
        self._ask("board", **_printed(pattern, size_m), place="hand" if in_hand else "table")

    def carry_board(
        self, pattern: NDArray[np.uint8], size_m: tuple[float, float], before: Camera
    ) -> bool:
        """Have somebody carry a board before a camera of the same server."""
        view = self._view_of(before)
        if view is None:
            return False
        self._ask("board", **_printed(pattern, size_m), place="person", view=view)
        return True

    def lead_by_hand(self) -> bool:
        """Have somebody lead the arm around where it is."""
        self._session.let_go()
        self._ask("lead")
        return True

    def _view_of(self, camera: Camera) -> str | None:
        """Return which of the server's pictures a camera shows; None for one of elsewhere."""
        pictures = f"{cast(SerlHttpOptions, self.options).url}/camera/"
        for value in camera.options.model_dump(mode="json").values():
            if isinstance(value, str) and value.startswith(pictures):
                return value.removeprefix(pictures).removesuffix(".mjpg")
        return None

    def _ask(self, what: str, **content: Any) -> dict[str, Any]:
        if self._room is None:
            raise DeviceError("the robot is not open")
        answer = self._room.ask(f"rehearsal/{what}", content, limit_s=ROOM_S)
        return answer if isinstance(answer, dict) else {}


def _printed(pattern: NDArray[np.uint8], size_m: tuple[float, float]) -> dict[str, Any]:
    packed = base64.b64encode(np.ascontiguousarray(pattern).tobytes()).decode()
    return {"pattern": packed, "shape": list(pattern.shape), "size_m": list(size_m)}
