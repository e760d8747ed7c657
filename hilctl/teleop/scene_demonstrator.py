"""The simulator's own scenes, demonstrated with the privileged state of their world."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilctl.sim.experts import Expert, LabelSpot, expert_for
from hilctl.sim.world import SimWorld
from hilctl.teleop.attention import MANNERS, HelpManner
from hilctl.teleop.base import Role, TeleopInput, no_twist
from hilctl.teleop.demonstrator import Demonstrator
from hilctl.teleop.hand import ScriptedHand

Array = NDArray[np.float64]

SPOT_DWELL_POLLS = 10
POLLS_A_S = 10


class SceneDemonstrator(Demonstrator):
    """See the truth of the simulator, and have an imperfect hand.

    Args:
        world: simulated.
        rng: of pace, noise and pauses.
        skill: of the hand, 0 to 1.
        action_scale: (6,) m and rad of one full action.
        arm: name of the arm that it drives.
        manner: in which it helps.
    """

    def __init__(
        self,
        world: SimWorld,
        rng: np.random.Generator,
        skill: float,
        action_scale: Array,
        arm: str = "",
        manner: HelpManner = MANNERS["advised"],
    ) -> None:
        self._manner = manner
        self._world, self._rng, self._skill, self._scale = world, rng, skill, action_scale
        self._name, self._arm = arm, world.arms[arm]
        self._expert: Expert = expert_for(world, arm)
        self.full_action = float(action_scale[0])

    def begin_episode(self, role: Role) -> None:
        """Take the hand of the day: its pace, its pauses; and the place where success is shown."""
        helps = role is Role.SUPERVISE
        skill = self._skill * (self._manner.skill_share if helps else 1.0)
        pauses = not helps or self._manner.rests
        self._hand = ScriptedHand(self._rng, skill, self._scale, pauses=pauses)
        self._spot: LabelSpot | None = None
        self._leaving = False
        self._expert = expert_for(self._world, self._name)
        if role is Role.SHOW:
            self._expert.vary_success(self._rng)

    def look(self) -> None:
        """Do nothing: the world is there to be seen at any time."""

    def solved(self) -> bool:
        """Return the simulator's truth."""
        return self._world.solved()

    @property
    def stages(self) -> tuple[str, ...]:
        """Those of the scene."""
        return self._world.scene.stages

    def reached(self) -> tuple[str, ...]:
        """Return the simulator's truth."""
        return self._world.reached()

    def is_lost(self) -> bool:
        """Return what the expert says."""
        return self._expert.is_lost()

    def is_at_risk(self) -> bool:
        """Return what the expert says."""
        return self._expert.is_at_risk()

    def remaining(self) -> float:
        """Return the distance to success in m."""
        return self._expert.remaining_m()

    def may_take_over(self) -> bool:
        """Return what the expert says."""
        return self._expert.may_take_over()

    def is_amid(self) -> bool:
        """Return whether the expert is amid a swing."""
        return self._expert.is_amid()

    def drive(self) -> TeleopInput:
        """Steer towards success, or push towards it; a hand that cannot help keeps off."""
        if self._expert.is_lost():
            return TeleopInput()
        if self._expert.pushes:
            wanted = no_twist() if self._hand.hesitates() else self._expert.push()
            # a hand that does not push does not tremble
            twist = self._hand.push(wanted) if wanted.any() else wanted
            return _moving(twist, self._expert.gripper())
        # once it is done there is nothing to gain, and no progress is no reason to back off
        remaining_m = None if self._world.solved() else self._expert.remaining_m()
        twist = self._hand.steer(self._arm.tcp_pose(), self._expert.target(), remaining_m)
        return _moving(twist, self._expert.gripper())

    def show(self) -> TeleopInput:
        """Visit successes and look-alike failures, dwelling at each: data for the classifier."""
        if self._expert.pushes:  # what it leads to shows what to label
            return self.drive()
        here = self._arm.tcp_pose()
        if self._spot is None:
            self._spot, self._dwell = self._expert.label_spot(self._rng), 0
            self._patience = round(POLLS_A_S * self._spot.patience_s)
        retreat = self._expert.retreat() if self._leaving else None
        if self._leaving and retreat is not None:
            return _moving(self._hand.steer(here, retreat), 1)
        self._leaving = False
        if self._spot.reached():
            self._dwell += 1
        self._patience -= 1
        if self._dwell >= SPOT_DWELL_POLLS or self._patience <= 0:
            self._spot, self._leaving = None, True
            return _moving(no_twist(), 0)
        gripper = self._spot.gripper()
        return _moving(self._hand.steer(here, self._spot.target()), gripper)


def _moving(twist: Array, gripper: int) -> TeleopInput:
    return TeleopInput(twist=twist, gripper=gripper, engaged=True)
