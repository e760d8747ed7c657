"""Calibration boards."""

from hilctl.calibration.boards.base import Board, Detection
from hilctl.calibration.boards.charuco import Charuco
from hilctl.calibration.boards.chessboard import Chessboard
from hilctl.calibration.boards.naming import parse_board

__all__ = ["Board", "Charuco", "Chessboard", "Detection", "parse_board"]
