"""The simulator's scenes by name."""

from hilctl.sim.scenes.base import Scene
from hilctl.sim.scenes.board import BoardScene, PrintedBoard
from hilctl.sim.scenes.insert import InsertScene
from hilctl.sim.scenes.reach import ReachScene

SCENES: dict[str, type[Scene]] = {"insert": InsertScene, "reach": ReachScene}

__all__ = ["SCENES", "BoardScene", "InsertScene", "PrintedBoard", "ReachScene", "Scene"]
