"""What stands between the bare environment and the loop: encoder, reward, the human's hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from hilctl.env.base import Obs, environment_of
from hilctl.env.lost_devices import LostDevices
from hilctl.env.questions import ENDS, NOTHING, VERDICTS, Questions, Said
from hilctl.errors import DeviceError
from hilctl.networks.encoders.base import EncodeImages, encode_each
from hilctl.rewards.base import ACTION, Reward
from hilctl.teleop.base import Role, Teleop, TeleopEvent, TeleopInput

Array = NDArray[np.float64]


class EncodeFrames(gymnasium.Wrapper[Obs, Array, Obs, Array]):
    """Add `obs["features"]`: each camera's frame through the frozen encoder, once.

    It is compiled at once: in the first episode the robot would wait for more than a second.
    """

    def __init__(self, env: gymnasium.Env[Obs, Array], encode: EncodeImages) -> None:
        super().__init__(env)
        self._encode = encode
        frames = env.observation_space["images"].items()  # type: ignore[index]
        encode_each(encode, {name: np.zeros(frame.shape, np.uint8) for name, frame in frames})

    def reset(self, **kwargs: Any) -> tuple[Obs, dict[str, Any]]:
        """Reset and encode the first frames."""
        obs, info = self.env.reset(**kwargs)
        return self._with_features(obs), info

    def step(self, action: Array) -> tuple[Obs, float, bool, bool, dict[str, Any]]:
        """Step and encode the new frames."""
        obs, reward, terminated, truncated, info = self.env.step(action)
        return self._with_features(obs), float(reward), terminated, truncated, info

    def look(self) -> Obs:
        """Encode what is seen now, without a step."""
        return self._with_features(self.env.get_wrapper_attr("look")())

    def _with_features(self, obs: Obs) -> Obs:
        return {**obs, "features": encode_each(self._encode, obs["images"])}


class JudgeReward(gymnasium.Wrapper[Obs, Array, Obs, Array]):
    """Pay for every step, and end the episode when the reward model says that the task is done.

    It stands outside of `Takeover`, so that a reward hears what the operator says. `info` tells
    `is_over`: whether the episode ends here in any case.
    """

    def __init__(self, env: gymnasium.Env[Obs, Array], reward: Reward) -> None:
        super().__init__(env)
        self.reward_model = reward

    def reset(self, **kwargs: Any) -> tuple[Obs, dict[str, Any]]:
        """Reset the environment and what the reward remembers."""
        self.reward_model.reset()
        return self.env.reset(**kwargs)

    def step(self, action: Array) -> tuple[Obs, float, bool, bool, dict[str, Any]]:
        """Step and judge."""
        obs, _, _, truncated, info = self.env.step(action)
        measured = {**obs["state"], ACTION: info["executed_action"]}
        judgement = self.reward_model.judge(obs["features"], info.get("events", ()), measured)
        info["judgement"] = judgement
        done = judgement.success
        info["is_over"] = truncated
        return obs, judgement.reward(success=done), done, truncated and not done, info


class Takeover(gymnasium.Wrapper[Obs, Array, Obs, Array]):
    """Let the human's hand replace the policy's action, cut an episode, and hold the robot.

    A hand on the device is in charge, unless its owner only watches: `options["role"]` of the last
    reset says so. `info` tells `human_action` (or None), `intervened` and the operator's `events`.
    A pause comes before the step: the robot stops at once, and no data come of it.

    Args:
        env: what is acted in.
        teleop: the hand.
        questions: asked of whom it belongs to.
        help_steps: steps for which it may be in charge, in all; None = as many as it likes.
    """

    def __init__(
        self,
        env: gymnasium.Env[Obs, Array],
        teleop: Teleop,
        questions: Questions,
        help_steps: int | None = None,
    ) -> None:
        super().__init__(env)
        self.teleop, self.questions = teleop, questions
        self._help_steps = help_steps
        self._lost = LostDevices(environment_of(env), questions)
        self._hands_off = False
        self._early: tuple[TeleopEvent, ...] = ()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Obs, dict[str, Any]]:
        """Reset, and learn whether the hand may drive."""
        self._hands_off = (options or {}).get("role") is Role.WATCH
        seen = self.env.reset(seed=seed, options=options)
        self._early = self._said_on_the_way()
        return seen

    def _said_on_the_way(self) -> tuple[TeleopEvent, ...]:
        """Return what was said on the way to where the episode begins, but verdicts.

        Those are about the episode before: a success that is called a moment late would teach a
        reward that a start is one.
        """
        if not self.teleop.in_real_time or self.questions.hand_is_gone() is not None:
            return ()
        return tuple(event for event in self.teleop.poll().events if event not in VERDICTS)

    def step(self, action: Array) -> tuple[Obs, float, bool, bool, dict[str, Any]]:
        """Step with the human's action where there is one."""
        hand, said, goes_on = self._hand()
        events = (*self._early, *_heard(said, hand.events))
        self._early = ()
        if TeleopEvent.PAUSE in events and ENDS.isdisjoint(events):
            said, goes_on = self._hold(self.questions.pause)
            hand = self.teleop.poll()  # what it wants now
            events = _heard((*events, *said), hand.events)
        drives = hand.engaged and not self._hands_off and goes_on and self._help_steps != 0
        if drives and self._help_steps is not None:
            self._help_steps -= 1
        wanted = self._wanted_by(hand) if drives else None
        chosen = action if wanted is None else _in_place_of(action, wanted)
        if not goes_on:
            chosen = environment_of(self.env).idle_action()
        obs, reward, terminated, truncated, info = self.env.step(chosen)
        info["intervened"] = drives
        info["human_action"] = wanted
        info["events"] = events
        truncated = truncated or not ENDS.isdisjoint(events)
        return obs, float(reward), terminated, truncated and not terminated, info

    def _hand(self) -> tuple[TeleopInput, Said, bool]:
        """Return what the hand says, what was said before it did, and whether the robot goes on."""
        said, goes_on = NOTHING, True
        if (gone := self.questions.hand_is_gone()) is not None:
            told, goes_on = self._until_back(gone)
            said = told - {TeleopEvent.PAUSE}
        hand = self.teleop.poll()
        if self.questions.waits.dead_man and not hand.enabling and goes_on:
            told, goes_on = self._hold(lambda: self.questions.dead_man(self._is_enabled))
            said |= (told - {TeleopEvent.PAUSE}) | {*hand.events}
            hand = self.teleop.poll()
        return hand, said, goes_on

    def _is_enabled(self) -> tuple[bool, Said]:
        hand = self.teleop.poll()
        return hand.enabling, frozenset(hand.events)

    def _hold(self, wait: Callable[[], Said]) -> tuple[Said, bool]:
        """Hold until a wait is over; return what was said, and whether the robot goes on."""
        bare, said = environment_of(self.env), NOTHING
        try:
            bare.stop()
            said = wait()
            bare.resume()
        except DeviceError as fault:  # an arm that is lost meanwhile, or was when it was to hold
            told, goes_on = self._until_back(next(iter(bare.lost().values()), fault))
            return said | told, goes_on and not said & ENDS
        return said, self._goes_on(said)

    def _until_back(self, loss: DeviceError) -> tuple[Said, bool]:
        """Hold until all that is lost is back; return what was said, and whether it goes on."""
        said, _ = self._lost.until_back(loss, environment_of(self.env).resume)
        return said, self._goes_on(said)

    def _goes_on(self, said: Said) -> bool:
        return not (said & ENDS or self.questions.over or self.questions.stop())

    def _wanted_by(self, hand: TeleopInput) -> Array:
        if hand.action is not None:
            return hand.action
        return environment_of(self.env).driven_by(hand.twist, hand.gripper)


def _in_place_of(action: Array, wanted: Array) -> Array:
    """Return the (A,) action with a human's in its place, where the human has a say."""
    return np.where(np.isnan(wanted), action, np.clip(wanted, -1.0, 1.0))


def _heard(earlier: Iterable[TeleopEvent], now: Sequence[TeleopEvent]) -> tuple[TeleopEvent, ...]:
    """Return all that was said in a step; what is said again now counts as often as now."""
    return (*(event for event in earlier if event not in now), *now)
