"""What somebody in the room does: put things back, show a board, lead the arm, press its stop."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hilctl.calibration.boards import parse_board
from hilctl.rehearsal.live_world import LiveWorld
from hilctl.rehearsal.operator import ServedOperator
from hilctl.rehearsal.pictures import PictureMaker
from hilctl.rehearsal.served_arm import Route
from hilctl.sim.scenes import PrintedBoard

SQUARE_PX = 40
# what the cameras see all of: on the table, in the hand, carried
BOARDS = {
    "table": "charuco:7x5:20mm:15mm",
    "hand": "charuco:7x5:12mm:9mm",
    "person": "charuco:7x5:30mm:22mm",
}


class Room:
    """Everything around the arms of a live.

    Args:
        live: that is acted on.
        pictures: of its cameras.
    """

    def __init__(self, live: LiveWorld, pictures: PictureMaker) -> None:
        self._live, self._pictures = live, pictures
        self._carried_before = -1
        with live.held() as world:
            self._arms = list(world.arms)

    def routes(self, arm: str) -> dict[str, Route]:
        """Return what is done by each route beyond those of a robot server, of an arm's server."""
        operator = ServedOperator(self._live, arm)
        return {
            "rehearsal/truth": self._truth,
            "rehearsal/put_back": lambda _: self._did(self._live.put_back),
            "rehearsal/board": self._board,
            "rehearsal/lead": lambda _: self._did(lambda: self._live.lead(arm)),
            "rehearsal/fail": lambda _: self._did(lambda: self._live.fail(arm)),
            "rehearsal/operator": operator.call,
        }

    def keys(self) -> Mapping[str, tuple[str, Callable[[], str]]]:
        """Return what each key of a person does: words for it, and what then tells what was done.

        They are about the first arm.
        """
        return {
            "r": ("put things back", self._put_back),
            "t": ("a board on the table", lambda: self._show_own("table")),
            "h": ("a board in the hand", lambda: self._show_own("hand")),
            "c": ("a board carried before the next camera", self._carry_own),
            "l": ("lead the arm", self._lead),
            "e": ("stop the arm with an error", self._fail),
        }

    def _truth(self, _: Any) -> dict[str, Any]:
        with self._live.held() as world:
            return {"solved": world.solved()}

    def _board(self, content: Any) -> dict[str, Any]:
        shape = tuple(int(side) for side in content["shape"])
        pattern = np.frombuffer(base64.b64decode(content["pattern"]), np.uint8).reshape(shape)
        width_m, height_m = (float(side) for side in content["size_m"])
        place, view = content["place"], content.get("view", "")
        if place not in BOARDS or (view and view not in self._pictures.views):
            raise ValueError(f"no such place: {place} {view}")
        self._show(PrintedBoard(pattern, (width_m, height_m), place), view)
        return {}

    def _show(self, board: PrintedBoard | None, view: str = "") -> None:
        width, height = self._pictures.size
        self._live.show(board, view, width / height)

    def _put_back(self) -> str:
        if self._live.shows_board:
            self._show(None)
        self._live.put_back()
        return "things are back"

    def _show_own(self, place: str, view: str = "") -> str:
        board = parse_board(BOARDS[place])
        self._show(PrintedBoard(board.picture(SQUARE_PX), board.size_m, place), view)  # type: ignore[arg-type]
        where = f"carried before camera {view}" if view else f"on the {place}"
        return f"{BOARDS[place]} is {where.replace('on the hand', 'in the hand')}; r = as it was"

    def _carry_own(self) -> str:
        views = self._pictures.views
        self._carried_before = (self._carried_before + 1) % len(views)
        return self._show_own("person", views[self._carried_before])

    def _lead(self) -> str:
        self._live.lead(self._arms[0])
        return "somebody leads the arm, until it is told where to go"

    def _fail(self) -> str:
        self._live.fail(self._arms[0])
        return "the arm has stopped with an error, until that is cleared"

    @staticmethod
    def _did(does: Callable[[], None]) -> dict[str, Any]:
        does()
        return {}
