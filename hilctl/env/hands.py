"""Several hands, one for each arm, as one operator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from hilctl.devices import Options
from hilctl.env.robot_env import RobotEnv
from hilctl.teleop.base import Role, Teleop, TeleopEvent, TeleopInput, TeleopStatus


class Hands(Teleop):
    """What several hands say, each of its own arm; where one is not engaged it has no say.

    They are opened and closed by whoever made them.

    Args:
        hands: by name of the arm.
        env: whose actions they are.
    """

    def __init__(self, hands: Mapping[str, Teleop], env: RobotEnv) -> None:
        first = next(iter(hands.values()))
        super().__init__(Options(), first.rig)
        self.hands, self._env = hands, env

    @property
    def operator(self) -> str:  # type: ignore[override]  # of a class that has only one
        """Who they are, each once."""
        return " and ".join(dict.fromkeys(hand.operator for hand in self.hands.values()))

    def open(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def call_stages(self, stages: Sequence[str]) -> None:
        """Tell every hand.

        Raises:
            DeviceError: one of them cannot tell the stages.
        """
        super().call_stages(stages)
        for hand in self.hands.values():
            hand.call_stages(stages)

    def begin_episode(self, role: Role) -> None:
        """Tell every hand."""
        for hand in self.hands.values():
            hand.begin_episode(role)

    def end_episode(self, *, success: bool, intervened: bool) -> None:
        """Tell every hand."""
        for hand in self.hands.values():
            hand.end_episode(success=success, intervened=intervened)

    def poll(self) -> TeleopInput:
        """Return the (A,) action of the hands that are engaged, NaN elsewhere, and all events."""
        said = {name: hand.poll() for name, hand in self.hands.items()}
        layout = self._env.action_layout
        action = np.full(layout.size, np.nan)
        for name, one in said.items():
            if one.engaged:
                whole = self._env.driven_by(one.twist, one.gripper, name)
                for part in (part for part in layout.parts if part.arm == name):
                    action[layout.slice_of(part)] = whole[layout.slice_of(part)]
        return TeleopInput(
            action=action,
            engaged=any(one.engaged for one in said.values()),
            events=_said_by_one(one.events for one in said.values()),
            enabling=any(one.enabling for one in said.values()),
        )

    def status(self) -> TeleopStatus:
        """Return the status of the first one that is gone, or else of the first one."""
        told = [hand.status() for hand in self.hands.values()]
        return next((one for one in told if not one.present), told[0])

    @property
    def has_dead_man(self) -> bool:
        """Whether one of them has a dead man's button."""
        return any(hand.has_dead_man for hand in self.hands.values())

    @property
    def in_real_time(self) -> bool:  # type: ignore[override]  # of a class that has only one
        """Whether one of them is a person's."""
        return any(hand.in_real_time for hand in self.hands.values())

    @property
    def switches_success(self) -> bool:  # type: ignore[override]  # of a class that has only one
        """Whether one of them cannot hold its key of success down."""
        return any(hand.switches_success for hand in self.hands.values())

    @property
    def keys(self) -> Mapping[TeleopEvent, str]:
        """What says each event; where hands differ, that of the first one counts."""
        hands = reversed(list(self.hands.values()))
        return {event: key for hand in hands for event, key in hand.keys.items()}

    def review(self, *, claimed: bool) -> bool | None:
        """Return whether all of them call the episode a success; None = one has to be asked."""
        verdicts = [hand.review(claimed=claimed) for hand in self.hands.values()]
        if False in verdicts:
            return False
        return None if None in verdicts else True


def _said_by_one(said: Iterable[Sequence[TeleopEvent]]) -> tuple[TeleopEvent, ...]:
    """Return what several hands said, each event as often as by the one who said it most often."""
    most: Counter[TeleopEvent] = Counter()
    for events in said:
        most |= Counter(events)
    return tuple(most.elements())
