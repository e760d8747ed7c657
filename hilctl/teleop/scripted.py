"""A scripted operator: plays the human's part with the privileged state of what is acted in.

Imperfect on purpose. It demonstrates with noise, pauses and retries, helps a policy the way the
HIL-SERL paper advises (short, after a reaction time, when the policy stalls or drifts off), and
helps less and less as the policy succeeds alone. Other profiles help as people do who do not know
that advice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import ClassVar, Literal, cast

from pydantic import Field

from hilctl.devices import Options
from hilctl.errors import DeviceError
from hilctl.task.layout import named
from hilctl.teleop.attention import MANNERS, Attention, HelpManner
from hilctl.teleop.base import WHOLE_TASK, Role, Teleop, TeleopEvent, TeleopInput
from hilctl.teleop.demonstrator import Demonstrator
from hilctl.teleop.environment_demonstrator import EnvironmentDemonstrator

MOST_HELP = 0.5  # below 1, or a policy that has become good would never be seen alone
REMEMBERED_EPISODES = 20
# a reward that has not fired after so many steps in which the task is done has missed it
MISSED_POLLS = 10
# an attempt that nothing can save is over after so many: they show that nothing comes of them
LOST_POLLS = 20


class ScriptedOptions(Options):
    """How good the operator's hand is, and what it is willing to do."""

    skill: float = Field(default=0.8, ge=0, le=1)  # 1 = steady and quick, 0 = clumsy
    profile: Literal["advised", "clumsy", "wrong-headed"] = Field(
        default="advised",
        description="how it helps: as the HIL-SERL paper advises, late and unsteadily, or until "
        "success",
    )
    interventions: bool = True
    veto: bool = True
    operator: str | None = Field(
        default=None,
        pattern=r"^[\w.]+:\w+$",
        description="the environment's own expert, package.module:factory",
    )


class ScriptedTeleop(Teleop):
    """An operator who sees the truth but has an imperfect hand."""

    OptionsType: ClassVar[type[Options]] = ScriptedOptions
    operator: ClassVar[str] = "scripted operator"
    in_real_time: ClassVar[bool] = False

    def open(self) -> None:
        """Look at what is acted in.

        Raises:
            DeviceError: there is nothing whose truth it could see, or no such expert.
        """
        self._rng = self.rig.generator(named(self.arm, "operator"))
        # one person has all hands: each of them draws the same
        self._mood = self.rig.generator("attention")
        self._knows = self._demonstrator()
        self._began_ns: int | None = None
        self._longest_ns = 0
        self._alone = deque([False] * REMEMBERED_EPISODES, maxlen=REMEMBERED_EPISODES)
        self.begin_episode(Role.WATCH)

    def close(self) -> None:
        """Do nothing: there is no device."""

    def call_stages(self, stages: Sequence[str]) -> None:
        """Learn which stages are to be called; they must be known in what is acted in.

        Raises:
            DeviceError: they are not, or come in another order.
        """
        known = self._knows.stages
        if tuple(stages) not in {WHOLE_TASK, *combinations(known, len(stages))}:
            there = f"it knows {', then '.join(known)}" if known else "it knows none here"
            raise DeviceError(
                f"the scripted operator cannot tell the stages {', then '.join(stages)}: {there}",
                hint="name the stages of reward in task.yaml so, or show them yourself: another "
                "teleop type",
            )
        super().call_stages(stages)

    @property
    def settings(self) -> ScriptedOptions:
        """The validated options."""
        return cast(ScriptedOptions, self.options)

    @property
    def manner(self) -> HelpManner:
        """How it helps."""
        return MANNERS[self.settings.profile]

    def begin_episode(self, role: Role) -> None:
        """Start an episode with a fresh mood: pace, pauses, and whether to pay attention."""
        self._role = role
        self._knows.begin_episode(role)
        self._solved_polls = self._lost_polls = 0
        self._began_ns = None  # with the first poll: the arm may go to its start before that
        self._attention: Attention | None = None
        self._is_attentive = (
            self.settings.interventions and self._mood.random() < self.help_probability()
        )

    def end_episode(self, *, success: bool, intervened: bool) -> None:
        """Remember whether the policy succeeded alone; one that needed help did not."""
        if self._began_ns is not None:
            lasted_ns = self.rig.clock.now_ns() - self._began_ns
            self._longest_ns = max(self._longest_ns, lasted_ns)
        if self._role is Role.SUPERVISE:
            self._alone.append(success and not intervened)

    def help_probability(self) -> float:
        """Return the chance of watching an episode closely.

        It shrinks from its most to nothing with the share of the last episodes, however many there
        are, in which the policy succeeded alone.
        """
        share_alone = sum(self._alone) / REMEMBERED_EPISODES if self.manner.tapers else 0.0
        return MOST_HELP * (1 - share_alone)

    def poll(self) -> TeleopInput:
        """Return what the hand does in this control step."""
        self._knows.look()
        if self._began_ns is None:
            self._begin(self.rig.clock.now_ns())
        solved = self._knows.solved()
        self._solved_polls = self._solved_polls + 1 if solved else 0
        if self._role is Role.LABEL:
            return replace(self._knows.show(), events=self._called(solved=solved))
        if self._role is Role.WATCH:
            return TeleopInput(events=self._called(solved=solved))
        if self._role in (Role.DEMONSTRATE, Role.SHOW):
            events = self._called(solved=self._solved_polls >= 2)
            if self._knows.is_lost():
                return TeleopInput(events=(TeleopEvent.FAILURE,))
            return replace(self._knows.drive(), events=events)
        lost = self._knows.is_lost()
        self._lost_polls = self._lost_polls + 1 if lost else 0
        said = self._words() if self.settings.veto else ()
        # once it is done or lost there is nothing to correct
        if solved or lost or not self._takes_over():
            return TeleopInput(events=said)
        return replace(self._knows.drive(), events=said)

    def _called(self, *, solved: bool) -> tuple[TeleopEvent, ...]:
        """Return a success for every stage that is reached, or for the whole task."""
        if self._role is Role.DEMONSTRATE or self.stages == WHOLE_TASK:
            return (TeleopEvent.SUCCESS,) if solved else ()
        reached = self._knows.reached()
        return tuple(TeleopEvent.SUCCESS for stage in self.stages if stage in reached)

    def review(self, *, claimed: bool) -> bool:
        """Return the truth, or `claimed` when told not to object."""
        return self._knows.solved() if self.settings.veto else claimed

    def _words(self) -> tuple[TeleopEvent, ...]:
        """Return what it says of an attempt whose end nobody else sees."""
        if self._solved_polls >= MISSED_POLLS:
            return (TeleopEvent.SUCCESS,)
        return (TeleopEvent.FAILURE,) if self._lost_polls >= LOST_POLLS else ()

    def _begin(self, now_ns: int) -> None:
        """Start the time of an episode, and watch it closely or not."""
        self._began_ns = now_ns
        if self._is_attentive:
            not_before_ns = now_ns + round(self.manner.waits_share * self._longest_ns)
            self._attention = Attention(
                self._rng, self._knows.full_action, self.manner, not_before_ns
            )

    def _demonstrator(self) -> Demonstrator:
        skill, operator = self.settings.skill, self.settings.operator
        environment, world = self.rig.environment, self.rig.world
        if environment is not None:
            if operator is None:
                raise DeviceError(
                    "the scripted operator knows no expert of this environment",
                    hint="name it in task.yaml: teleop: {type: scripted, "
                    'operator: "package.module:factory"}',
                )
            return EnvironmentDemonstrator(environment, operator, self._rng, skill)
        if operator is not None:
            raise DeviceError(
                f"{operator} is the expert of an environment, and this task has a robot",
                hint="remove teleop.operator from task.yaml",
            )
        if world is None:
            raise DeviceError(
                "the scripted operator sees only the simulator, and the robot is not simulated",
                hint="set robot: {type: sim, ...}, or choose another teleop type",
            )
        # MuJoCo, which a command that only reads the task file need not load
        from hilctl.teleop.scene_demonstrator import SceneDemonstrator

        return SceneDemonstrator(world, self._rng, skill, self.action_scale, self.arm, self.manner)

    def _takes_over(self) -> bool:
        if self._attention is None:
            return False
        wants = self._attention.wants_control(
            self._knows.remaining(), self.rig.clock.now_ns(), at_risk=self._knows.is_at_risk()
        )
        return self._knows.is_amid() or (wants and self._knows.may_take_over())
