"""The simulator's scenes by name."""

from hilctl.sim.scenes.base import Scene
from hilctl.sim.scenes.board import BoardScene, PrintedBoard
from hilctl.sim.scenes.flip import FlipScene
from hilctl.sim.scenes.insert import InsertScene
from hilctl.sim.scenes.pick import PickScene
from hilctl.sim.scenes.reach import ReachScene
from hilctl.sim.scenes.reach_both import ReachBothScene

SCENES: dict[str, type[Scene]] = {
    "insert": InsertScene,
    "reach": ReachScene,
    "pick": PickScene,
    "reach-both": ReachBothScene,
    "flip": FlipScene,
}

__all__ = [
    "SCENES",
    "BoardScene",
    "FlipScene",
    "InsertScene",
    "PickScene",
    "PrintedBoard",
    "ReachBothScene",
    "ReachScene",
    "Scene",
]
