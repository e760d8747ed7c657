"""Any Gymnasium environment as a task: stepped, not timed, in a process of its own."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, cast

import gymnasium
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hilctl.clock import SteppedClock, SystemClock
from hilctl.devices import Address, Options
from hilctl.env.base import Array, Obs, TaskEnvironment
from hilctl.env.worker_process import WorkerProcess
from hilctl.errors import SafetyStopError
from hilctl.networks.letterbox import letterboxed
from hilctl.task.layout import ActionLayout, ActionPart, ObservationLayout
from hilctl.task.spec import Name, Section, Size

HandNumber = Literal["x", "y", "z", "rx", "ry", "rz", "gripper"]
Frame = tuple[dict[str, Any], dict[str, NDArray[Any]]]
SEEDS = 2**31


class ActionRange(Section):
    """Lowest and highest action: one number for all parts of it, or one for each."""

    low: float | list[float] = Field(description="lowest number of an action: one, or one for each")
    high: float | list[float] = Field(description="highest number of an action: one, or for each")


class GymnasiumOptions(Options):
    """Which environment, and what of it is seen."""

    id: str = Field(
        min_length=1, description="as registered; module:Name-v0 imports the module first"
    )
    kwargs: dict[str, Any] = Field(default={}, description="what gymnasium.make is given besides")
    images: dict[Name, str] = Field(
        min_length=1,
        max_length=4,
        description="one to four pictures: name: path in the observation, or render",
    )
    state: list[str] = Field(min_length=1, description="paths of measurements in the observation")
    success: str = Field(
        description="path of what says that the task is done, such as info/is_success, "
        "or with a bound: reward >= 0"
    )
    size: Size = Field(default=(128, 128), description="[width, height] in px of every picture")
    action: ActionRange | None = Field(
        default=None, description="{low, high} of its actions where it has no bounds itself"
    )
    controls: list[HandNumber] | None = Field(
        default=None, description="which number of a hand drives each number of an action"
    )
    python: Annotated[str | None, Address()] = Field(
        default=None, description="path of the interpreter that has it; absent = this one"
    )
    limit_s: Annotated[float, Address()] = Field(
        default=60.0, gt=0, le=3600, description="longest that a reset or a step may take, in s"
    )


class GymnasiumEnv(TaskEnvironment):
    """Run episodes of a Gymnasium environment.

    It never terminates: rewards are wrappers. Where the environment itself ends with success, it
    stands still there, as a robot does, until the episode ends; any other end cuts the episode.
    """

    OptionsType: ClassVar[type[Options]] = GymnasiumOptions

    @property
    def settings(self) -> GymnasiumOptions:
        """The validated options."""
        return cast(GymnasiumOptions, self.options)

    def open(self) -> None:
        """Start it and look what its actions and observations are like.

        Raises:
            DeviceError: it cannot be started, or is no task.
        """
        settings = self.settings
        self._worker = WorkerProcess(settings.python, self.rig.folder, settings.limit_s)
        self._worker.start()
        task = settings.model_dump(
            mode="json", include={"id", "kwargs", "images", "state", "success", "action"}
        )
        about, arrays = self._worker.ask("open", task=task)
        self._seeds = self.rig.generator("environment")
        self._period_ns = round(1e9 / self.control.rate_hz)
        self._most_steps = max(1, round(self.control.max_episode_s * self.control.rate_hz))
        self.clock = SteppedClock(SystemClock() if self.rig.real_time else None)
        self._idle = arrays["idle"]
        self._describe(about)
        self._steps = 0

    def close(self) -> None:
        """End its process; idempotent."""
        if hasattr(self, "_worker"):
            self._worker.close()

    def stop(self) -> None:
        """Do nothing: it moves only when it is stepped."""

    def idle_action(self) -> Array:
        """Return the (A,) action that is all zeros to the environment."""
        return self._idle.copy()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Obs, dict[str, Any]]:
        """Begin an episode, from a seed of its own.

        Raises:
            DeviceError: the environment fails.
        """
        super().reset(seed=seed)
        if seed is not None:
            self._seeds = np.random.default_rng(seed)
        self._frame = self._worker.ask("reset", seed=int(self._seeds.integers(SEEDS)))
        self._steps, self._over = 0, False
        self.executed: Array | None = None
        return self._seen()

    def step(self, action: Array) -> tuple[Obs, float, bool, bool, dict[str, Any]]:
        """Take one step; it counts for one control period, however long it took.

        Raises:
            DeviceError: the environment fails.
            SafetyStopError: the action is no number.
        """
        wanted = np.asarray(action, dtype=np.float64)
        if not np.isfinite(wanted).all():
            raise SafetyStopError(
                "the environment was asked for an action that is not a number",
                hint="the policy is broken; what was saved before is kept: hilctl status",
            )
        self.executed = self.action_layout.nearest(wanted)
        if not self._over:
            self._frame = self._worker.ask("step", {"action": self.executed})
        told = self._frame[0]
        self._over = told["terminated"] and told["success"]
        self._steps += 1
        self.clock.sleep_until(self.clock.now_ns() + self._period_ns)
        cut = (told["terminated"] or told["truncated"]) and not self._over
        obs, info = self._seen()
        info |= {"executed_action": self.executed, "late_s": 0.0}
        return obs, 0.0, False, cut or self._steps >= self._most_steps, info

    def hire(self, operator: str) -> None:
        """Have an expert look on: `package.module:factory`, factory(env) → obs → action.

        Raises:
            DeviceError: there is none.
        """
        self._worker.ask("hire", operator=operator)

    def advice(self) -> Array:
        """Return the (A,) action in [-1, 1] that the expert would take now."""
        return self._frame[1]["advice"].copy()

    def solved(self) -> bool:
        """Return whether the environment says that the task is done."""
        return bool(self._frame[0]["success"])

    def _seen(self) -> tuple[Obs, dict[str, Any]]:
        content, arrays = self._frame
        images = {
            name: letterboxed(arrays[f"image/{name}"], self.settings.size)
            for name in self.settings.images
        }
        state = {path: arrays[f"state/{path}"] for path in self.settings.state}
        now_ns = self.clock.now_ns()
        info: dict[str, Any] = {
            "stamp_ns": now_ns,
            "frame_stamps_ns": dict.fromkeys(images, now_ns),
            "true_success": content["success"],
        }
        return {"images": images, "state": state}, info

    def _describe(self, about: dict[str, Any]) -> None:
        """Say what actions and observations are, as Gymnasium and hilctl want it."""
        spaces, settings = gymnasium.spaces, self.settings
        half = [(high - low) / 2 for low, high in zip(about["low"], about["high"], strict=True)]
        part = ActionPart("action", "", "generic", len(half), None, tuple(half))
        self.action_layout = ActionLayout((part,))
        widths = {path: about["shapes"][f"state/{path}"][0] for path in settings.state}
        self.observation_layout = ObservationLayout(
            dict.fromkeys(settings.images, settings.size), widths
        )
        width, height = settings.size
        frame: gymnasium.Space[Any] = spaces.Box(0, 255, (height, width, 3), np.uint8)
        state: dict[str, gymnasium.Space[Any]] = {
            path: spaces.Box(-np.inf, np.inf, (n,), np.float64) for path, n in widths.items()
        }
        self.action_space = spaces.Box(-1.0, 1.0, (len(half),), np.float64)
        self.observation_space = cast(
            gymnasium.Space[Obs],
            spaces.Dict(
                {
                    "images": spaces.Dict(dict.fromkeys(settings.images, frame)),
                    "state": spaces.Dict(state),
                }
            ),
        )
