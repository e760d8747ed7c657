"""The scripted operator of a live world, for another process, which does not see the truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hilctl.devices import Rig
from hilctl.rehearsal.live_world import LiveWorld
from hilctl.teleop.base import Role
from hilctl.teleop.scripted import ScriptedOptions, ScriptedTeleop

Content = Mapping[str, Any]


class ServedOperator:
    """A scripted operator for one arm, who comes when called.

    Args:
        live: what is seen.
        arm: that is driven.
    """

    def __init__(self, live: LiveWorld, arm: str) -> None:
        self._live, self._arm = live, arm
        self._teleop: ScriptedTeleop | None = None

    def call(self, content: Content) -> dict[str, Any]:
        """Do what one method of a teleop driver does, by its name in `content["call"]`.

        Raises:
            LookupError, TypeError, ValueError: the content makes no sense.
        """
        calls: dict[str, Callable[[Content], dict[str, Any]]] = {
            "open": self._open,
            "begin_episode": self._begin_episode,
            "end_episode": self._end_episode,
            "poll": self._poll,
            "review": self._review,
        }
        with self._live.held():
            return calls[content["call"]](content)

    def _open(self, content: Content) -> dict[str, Any]:
        with self._live.held() as world:
            rig = Rig(int(content["seed"]))
            rig.attach_world(world)
        teleop = ScriptedTeleop(ScriptedOptions(**content["options"]), rig)
        teleop.arm = self._arm
        teleop.action_scale = np.array(content["action_scale"], dtype=float)
        teleop.open()
        self._teleop = teleop
        return {}

    @property
    def _here(self) -> ScriptedTeleop:
        """The operator, who looks at the world of now."""
        if self._teleop is None:
            raise LookupError("nobody has been called")
        return self._teleop

    def _begin_episode(self, content: Content) -> dict[str, Any]:
        self._here.begin_episode(Role(content["role"]))
        return {}

    def _end_episode(self, content: Content) -> dict[str, Any]:
        self._here.end_episode(
            success=bool(content["success"]), intervened=bool(content["intervened"])
        )
        return {}

    def _poll(self, _: Content) -> dict[str, Any]:
        hand = self._here.poll()
        return {
            "twist": hand.twist.tolist(),
            "gripper": hand.gripper,
            "engaged": hand.engaged,
            "events": [event.value for event in hand.events],
        }

    def _review(self, content: Content) -> dict[str, Any]:
        return {"verdict": self._here.review(claimed=bool(content["claimed"]))}
