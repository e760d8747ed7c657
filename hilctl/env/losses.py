"""A camera or a robot that is lost in an episode: hold, say so, go on when a person says so."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from hilctl.env.base import Obs
from hilctl.env.lost_devices import LostDevices
from hilctl.env.questions import ENDS, Questions
from hilctl.env.robot_env import RobotEnv
from hilctl.errors import DeviceError, OutsideBoundsError, TravelStoppedError
from hilctl.task.layout import named
from hilctl.teleop.base import TeleopEvent

Array = NDArray[np.float64]


class HoldOnLoss(gymnasium.Wrapper[Obs, Array, Obs, Array]):
    """Hold the arms when a device fails in a step, and go on in the same episode.

    The step in which it happened ends where the arms are when they go on; its executed action is
    what leads there, as far as one action does.

    Args:
        env: of real devices.
        questions: asked whether to go on.
    """

    def __init__(self, env: RobotEnv, questions: Questions) -> None:
        super().__init__(env)
        self._bare, self._questions = env, questions
        self._lost = LostDevices(env, questions)
        self._poses: dict[str, Array] = {}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Obs, dict[str, Any]]:
        """Reset, or hold until what is lost on the way to the start is back.

        Raises:
            OutsideBoundsError: an arm is far out of its bounds, and no person lets it go back.
            DeviceError: a device is not there for longer than a moment, and no person is, or none
                wants to wait any longer.
            TravelStoppedError: a person wants an end.
        """

        def begin() -> tuple[Obs, dict[str, Any]]:
            if self._questions.over or self._questions.stop():
                raise TravelStoppedError("nobody wants the arm at its start any more")
            return self._begun(seed, options)

        try:
            return self._noted(*self._begun(seed, options))
        except (TravelStoppedError, OutsideBoundsError):
            raise
        except DeviceError as loss:
            _, begun = self._lost.until_back(loss, begin)
            return self._noted(*begun)

    def _begun(
        self, seed: int | None, options: dict[str, Any] | None
    ) -> tuple[Obs, dict[str, Any]]:
        """Reset; an arm far out of its bounds at a person's word alone."""
        try:
            return self._bare.reset(seed=seed, options=options)
        except OutsideBoundsError as outside:
            if not self._questions.teleop.in_real_time:
                raise
            if TeleopEvent.PAUSE not in self._questions.lost(outside, lambda: None):
                raise
        return self._bare.reset(seed=seed, options={**(options or {}), "from_outside": True})

    def step(self, action: Array) -> tuple[Obs, float, bool, bool, dict[str, Any]]:
        """Step, or hold until what was lost is back.

        Raises:
            DeviceError: it is not back, and nobody wants to wait any longer.
        """
        try:
            obs, reward, terminated, truncated, info = self._bare.step(action)
            if stalled_s := info["stalled_s"]:
                text = f"the control loop stood still for {stalled_s:.1f} s: the arm was stopped"
                self._questions.screen("stalled", text, {"stalled_s": stalled_s})
        except TravelStoppedError:
            raise
        except DeviceError as loss:
            before = self._poses
            obs, info, ends = self._after(loss)
            executed = np.zeros(self._bare.action_layout.size)
            for arm in self._bare.arms:
                now = obs["state"][named(arm.name, "tcp_pose")]
                arm.executed_between(before[arm.name], now, executed)
            info |= {"executed_action": executed, "late_s": 0.0, "lost": loss.message}
            reward, terminated, truncated = 0.0, False, ends
        self._noted(obs, info)
        return obs, float(reward), terminated, truncated, info

    def _after(self, loss: DeviceError) -> tuple[Obs, dict[str, Any], bool]:
        """Hold, and return what is seen once it goes on, and whether the episode is to end."""
        said, (obs, info) = self._lost.until_back(loss, self._seen_from_here)
        ends = bool(said & ENDS) or self._questions.over or self._questions.stop()
        return obs, info, ends

    def _seen_from_here(self) -> tuple[Obs, dict[str, Any]]:
        self._bare.resume()
        return self._bare.look_again()

    def _noted(self, obs: Obs, info: dict[str, Any]) -> tuple[Obs, dict[str, Any]]:
        self._poses = {
            arm.name: obs["state"][named(arm.name, "tcp_pose")] for arm in self._bare.arms
        }
        return obs, info
