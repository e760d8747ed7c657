"""Any Gymnasium environment as a task: stepped, not timed, in a process of its own."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, cast

import gymnasium
import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from hilctl.clock import SteppedClock, SystemClock
from hilctl.devices import Address, Options
from hilctl.env.base import AT_THE_START, Array, Obs, TaskEnvironment
from hilctl.env.gymnasium_worker import SUCCESS
from hilctl.env.worker_process import WorkerProcess
from hilctl.errors import DeviceError, SafetyStopError
from hilctl.networks.letterbox import letterboxed
from hilctl.task.layout import TWIST, ActionLayout, ActionPart, ObservationLayout
from hilctl.task.sections import Name, Section, Size
from hilctl.task.spec import measurement_name

HandNumber = Annotated[str, Field(pattern=r"^-?(x|y|z|rx|ry|rz|gripper)$")]
# where the task file does not say: what an arm with that many numbers takes most often
USUAL_CONTROLS: dict[int, tuple[str, ...]] = {
    **{size: ("x", "y", "z", "gripper")[:size] for size in range(1, 5)},
    **{size: (*TWIST, "gripper")[:size] for size in (6, 7)},
}
Frame = tuple[dict[str, Any], dict[str, NDArray[Any]]]
SEEDS = 2**31


def _readable(success: str) -> str:
    found = SUCCESS.fullmatch(success)
    try:
        bound = float(found["bound"] or 0) if found else math.nan
    except ValueError:
        bound = math.nan
    if not math.isfinite(bound):
        raise ValueError(f"{success!r} is neither a path nor a path with a bound")
    return success


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
    success: Annotated[str, AfterValidator(_readable)] = Field(
        description="path of what says that the task is done, such as info/is_success, "
        "or with a bound: reward >= 0"
    )
    size: Size = Field(default=(128, 128), description="[width, height] in px of every picture")
    action: ActionRange | None = Field(
        default=None, description="{low, high} of its actions where it has no bounds itself"
    )
    controls: list[HandNumber] | None = Field(
        default=None,
        description="which number of a person's hand drives each number of an action, of "
        "x y z rx ry rz gripper; -x the other way",
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

        Args:
            seed: of the seeds from now on.
            options: `AT_THE_START` is a function that is called before the first look.

        Raises:
            DeviceError: the environment fails.
        """
        super().reset(seed=seed)
        if seed is not None:
            self._seeds = np.random.default_rng(seed)
        self._frame = self._worker.ask("reset", seed=int(self._seeds.integers(SEEDS)))
        self._steps, self._over, self._grip = 0, False, 0.0
        self.executed = None
        if options and AT_THE_START in options:
            options[AT_THE_START]()
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

    def driven_by(self, twist: Array, gripper: int) -> Array:
        """Return the (A,) action of a person's hand, as `controls` say.

        Raises:
            DeviceError: nobody has said, and there is no usual way for so many numbers.
        """
        size = self.action_layout.size
        controls = self.settings.controls or USUAL_CONTROLS.get(size, ())
        if len(controls) != size:
            raise DeviceError(
                f"an action of this environment has {size} numbers, "
                f"environment.controls names {len(controls)}",
                hint="say in task.yaml which number of the hand drives each: "
                "environment.controls: [x, y, z, gripper]",
            )
        self._grip = float(gripper) or self._grip  # let go of, it stays as it is
        hand = {**dict(zip(TWIST, twist, strict=True)), "gripper": self._grip}
        return np.array([-hand[name[1:]] if name[0] == "-" else hand[name] for name in controls])

    def hire(self, operator: str) -> None:
        """Have an expert look on: `package.module:factory`, factory(env) → obs → action.

        An episode begins for it.

        Raises:
            DeviceError: there is none, or it fails.
        """
        self._worker.ask("hire", operator=operator)
        self.reset()

    def advice(self) -> Array:
        """Return the (A,) action in [-1, 1] that the expert would take now."""
        return self._frame[1]["advice"].copy()

    def solved(self) -> bool:
        """Return whether the environment says that the task is done."""
        return bool(self._frame[0]["success"])

    def look(self) -> Obs:
        """Return what is seen now, without a step."""
        obs, _ = self._seen()
        return obs

    def _seen(self) -> tuple[Obs, dict[str, Any]]:
        content, arrays = self._frame
        images = {
            name: letterboxed(arrays[f"image/{name}"], self.settings.size)
            for name in self.settings.images
        }
        state = {measurement_name(path): arrays[f"state/{path}"] for path in self.settings.state}
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
        widths = {
            measurement_name(path): about["shapes"][f"state/{path}"][0] for path in settings.state
        }
        self.observation_layout = ObservationLayout(
            dict.fromkeys(settings.images, settings.size), widths
        )
        width, height = settings.size
        frame: gymnasium.Space[Any] = spaces.Box(0, 255, (height, width, 3), np.uint8)
        state: dict[str, gymnasium.Space[Any]] = {
            name: spaces.Box(-np.inf, np.inf, (n,), np.float64) for name, n in widths.items()
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
