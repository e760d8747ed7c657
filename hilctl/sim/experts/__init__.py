"""What a skilled person would do next in each scene, from the simulator's privileged state."""

from __future__ import annotations

from hilctl.sim.experts.base import Expert, LabelSpot
from hilctl.sim.experts.flip import FlipExpert
from hilctl.sim.experts.handover import HandoverExpert
from hilctl.sim.experts.insert import InsertExpert
from hilctl.sim.experts.insert_hard import InsertHardExpert
from hilctl.sim.experts.pick import PickExpert
from hilctl.sim.experts.pick_insert import PickInsertExpert
from hilctl.sim.experts.reach import ReachExpert
from hilctl.sim.experts.reach_both import ReachBothExpert
from hilctl.sim.experts.route import RouteExpert
from hilctl.sim.scenes import (
    FlipScene,
    HandoverScene,
    InsertHardScene,
    InsertScene,
    PickInsertScene,
    PickScene,
    ReachBothScene,
    ReachScene,
    RouteScene,
)
from hilctl.sim.world import SimWorld

__all__ = ["EXPERTS", "Expert", "LabelSpot", "expert_for"]

EXPERTS: dict[type, type[Expert]] = {
    InsertScene: InsertExpert,
    InsertHardScene: InsertHardExpert,
    ReachScene: ReachExpert,
    PickScene: PickExpert,
    PickInsertScene: PickInsertExpert,
    HandoverScene: HandoverExpert,
    ReachBothScene: ReachBothExpert,
    FlipScene: FlipExpert,
    RouteScene: RouteExpert,
}


def expert_for(world: SimWorld, arm: str = "") -> Expert:
    """Return the expert of the world's scene, who drives the arm of that name."""
    return EXPERTS[type(world.scene)](world, arm)
