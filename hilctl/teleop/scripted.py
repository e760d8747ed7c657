"""A scripted operator: plays the human's part with the simulator's privileged state.

Imperfect on purpose. It demonstrates with noise, pauses and retries, helps a policy the way the
HIL-SERL paper advises (short, after a reaction time, when the policy stalls or drifts off), and
helps less and less as the policy succeeds alone.
"""

from __future__ import annotations

from collections import deque
from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hilctl.devices import Options
from hilctl.errors import DeviceError
from hilctl.sim.experts import Expert, LabelSpot, expert_for
from hilctl.task.action import no_motion
from hilctl.teleop.attention import Attention
from hilctl.teleop.base import Role, Teleop, TeleopEvent, TeleopInput
from hilctl.teleop.hand import ScriptedHand

Array = NDArray[np.float64]

MOST_HELP = 0.5  # below 1, or a policy that has become good would never be seen alone
REMEMBERED_EPISODES = 20
SPOT_DWELL_POLLS = 10
SPOT_PATIENCE_POLLS = 40


class ScriptedOptions(Options):
    """How good the operator's hand is, and what it is willing to do."""

    skill: float = Field(default=0.8, ge=0, le=1)  # 1 = steady and quick, 0 = clumsy
    interventions: bool = True
    veto: bool = True


class ScriptedTeleop(Teleop):
    """An operator who sees the truth of the simulator but has an imperfect hand."""

    OptionsType: ClassVar[type[Options]] = ScriptedOptions
    operator: ClassVar[str] = "scripted operator"
    in_real_time: ClassVar[bool] = False

    def open(self) -> None:
        """Look at the simulated world.

        Raises:
            DeviceError: there is no simulated world to look at.
        """
        if self.rig.world is None:
            raise DeviceError(
                "the scripted operator sees only the simulator, and the robot is not simulated",
                hint="set robot: {type: sim, ...}, or choose another teleop type",
            )
        self._world = self.rig.world
        self._expert: Expert = expert_for(self._world)
        self._rng = self.rig.generator("operator")
        self._alone = deque([False] * REMEMBERED_EPISODES, maxlen=REMEMBERED_EPISODES)
        self.begin_episode(Role.WATCH)

    def close(self) -> None:
        """Do nothing: there is no device."""

    @property
    def settings(self) -> ScriptedOptions:
        """The validated options."""
        return cast(ScriptedOptions, self.options)

    def begin_episode(self, role: Role) -> None:
        """Start an episode with a fresh mood: pace, pauses, and whether to pay attention."""
        self._role = role
        self._hand = ScriptedHand(
            self._rng, self.settings.skill, self.action_scale, pauses=role is not Role.SUPERVISE
        )
        self._solved_polls = 0
        self._spot: LabelSpot | None = None
        self._leaving = False
        attentive = self.settings.interventions and self._rng.random() < self.help_probability()
        self._attention = Attention(self._rng, self.action_scale[0]) if attentive else None

    def end_episode(self, *, success: bool, intervened: bool) -> None:
        """Remember whether the policy succeeded alone; one that needed help did not."""
        if self._role is Role.SUPERVISE:
            self._alone.append(success and not intervened)

    def help_probability(self) -> float:
        """Return the chance of watching an episode closely.

        It shrinks from its most to nothing with the share of the last episodes, however many there
        are, in which the policy succeeded alone.
        """
        return MOST_HELP * (1 - sum(self._alone) / REMEMBERED_EPISODES)

    def poll(self) -> TeleopInput:
        """Return what the hand does in this control step."""
        solved = self._world.solved()
        self._solved_polls = self._solved_polls + 1 if solved else 0
        if self._role is Role.LABEL:
            events = (TeleopEvent.SUCCESS,) if solved else ()
            return TeleopInput(twist=self._show(), engaged=True, events=events)
        if self._role is Role.WATCH:
            return TeleopInput(events=(TeleopEvent.SUCCESS,) if solved else ())
        if self._role is Role.DEMONSTRATE:
            events = (TeleopEvent.SUCCESS,) if self._solved_polls >= 2 else ()
            return TeleopInput(twist=self._drive(), engaged=True, events=events)
        # a reward that has not fired a second after the task was done has missed it
        missed = self.settings.veto and self._solved_polls >= 10
        events = (TeleopEvent.SUCCESS,) if missed else ()
        if solved or not self._takes_over():  # once it is done there is nothing to correct
            return TeleopInput(events=events)
        return TeleopInput(twist=self._drive(), engaged=True, events=events)

    def review(self, *, claimed: bool) -> bool:
        """Return the truth, or `claimed` when told not to object."""
        return self._world.solved() if self.settings.veto else claimed

    def _takes_over(self) -> bool:
        if self._attention is None:
            return False
        now_ns = self.rig.clock.now_ns()
        return self._attention.wants_control(self._expert.remaining_m(), now_ns)

    def _drive(self) -> Array:
        # once it is done there is nothing to gain, and no progress is no reason to back off
        remaining_m = None if self._world.solved() else self._expert.remaining_m()
        return self._hand.steer(self._world.tcp_pose(), self._expert.target(), remaining_m)

    def _show(self) -> Array:
        """Visit successes and look-alike failures, dwelling at each: data for the classifier."""
        here = self._world.tcp_pose()
        if self._spot is None:
            self._spot, self._dwell = self._expert.label_spot(self._rng), 0
            self._patience = SPOT_PATIENCE_POLLS
        retreat = self._expert.retreat() if self._leaving else None
        if self._leaving and retreat is not None:
            return self._hand.steer(here, retreat)
        self._leaving = False
        if self._spot.reached():
            self._dwell += 1
        self._patience -= 1
        if self._dwell >= SPOT_DWELL_POLLS or self._patience <= 0:
            self._spot, self._leaving = None, True
            return no_motion()
        return self._hand.steer(here, self._spot.target())
