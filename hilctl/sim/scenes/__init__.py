"""The simulator's scenes by name."""

from hilctl.sim.scenes.base import Scene
from hilctl.sim.scenes.board import BoardScene, PrintedBoard
from hilctl.sim.scenes.flip import FlipScene
from hilctl.sim.scenes.handover import HandoverScene
from hilctl.sim.scenes.insert import InsertScene
from hilctl.sim.scenes.insert_hard import InsertHardScene
from hilctl.sim.scenes.pick import PickScene
from hilctl.sim.scenes.pick_insert import PickInsertScene
from hilctl.sim.scenes.reach import ReachScene
from hilctl.sim.scenes.reach_both import ReachBothScene
from hilctl.sim.scenes.route import RouteScene

SCENES: dict[str, type[Scene]] = {
    "insert": InsertScene,
    "insert-hard": InsertHardScene,
    "reach": ReachScene,
    "pick": PickScene,
    "pick-insert": PickInsertScene,
    "handover": HandoverScene,
    "reach-both": ReachBothScene,
    "flip": FlipScene,
    "route": RouteScene,
}

__all__ = [
    "SCENES",
    "BoardScene",
    "FlipScene",
    "HandoverScene",
    "InsertHardScene",
    "InsertScene",
    "PickInsertScene",
    "PickScene",
    "PrintedBoard",
    "ReachBothScene",
    "ReachScene",
    "RouteScene",
    "Scene",
]
