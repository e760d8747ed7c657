"""A robot, its cameras and a task as a Gymnasium environment, real and simulated alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any, Literal, Protocol, cast

import gymnasium
import numpy as np
from numpy.typing import NDArray

from hilctl.cameras.base import Camera
from hilctl.env.arm import TaskArm
from hilctl.env.base import AT_THE_START, Array, Environment, Obs
from hilctl.env.safety import require_finite
from hilctl.errors import DeviceError
from hilctl.networks.letterbox import letterboxed
from hilctl.robots.base import Robot
from hilctl.task.layout import ActionLayout, ObservationLayout
from hilctl.task.sections import CameraSpec
from hilctl.task.spec import TaskSpec
from hilctl.teleop.base import no_twist

MAX_FRAME_AGE_S = 0.2
CLEAR = "clear-errors"


class LoopWatch(Protocol):
    """Whoever stops the arms when the loop stalls."""

    def beat(self) -> None:
        """Hear that the arms were sent something, and more is due."""
        ...

    def rest(self) -> None:
        """Hear that the arms were stopped."""
        ...

    def stalled_s(self) -> float:
        """Return for how long the loop stalled when the arms were stopped, once; else 0."""
        ...


class UnwatchedLoop:
    """Nobody: a simulated world waits."""

    def beat(self) -> None:
        """Do nothing."""

    def rest(self) -> None:
        """Do nothing."""

    def stalled_s(self) -> float:
        """Return 0."""
        return 0.0


class RobotEnv(Environment):
    """Run episodes of a task at its control rate, on the robots' clock.

    The state is absolute, each arm's in the frame of its base; `task/layout.py` says what an action
    is. This environment never terminates by itself: rewards are wrappers.

    Args:
        spec: of the task.
        robots: open, by name of their arm; "" = the only one.
        cameras: open, by name.
        rng: draws where episodes start.

    Raises:
        DeviceError: the task has a gripper, the robot none.
    """

    def __init__(
        self,
        spec: TaskSpec,
        robots: Mapping[str, Robot],
        cameras: Mapping[str, Camera],
        rng: np.random.Generator,
    ) -> None:
        actions = ActionLayout.of(spec)
        assert actions is not None  # it has robots
        self.task, self.cameras = spec, cameras
        self.action_layout = actions
        rate_hz = spec.control.rate_hz
        self.arms = [
            TaskArm(name, arm, robots[name], actions, rate_hz)
            for name, arm in spec.each_arm.items()
        ]
        self.clock = self.arms[0].robot.rig.clock
        self.watch: LoopWatch = UnwatchedLoop()
        self._scene = next((arm.scene for arm in self.arms if arm.scene is not None), None)
        self._rng = rng
        self._period_ns = round(1e9 / rate_hz)
        self._max_steps = max(1, round(spec.control.max_episode_s * rate_hz))
        self._steps = 0
        self._next_tick_ns = 0
        measured = [arm.state()[1] for arm in self.arms]
        self.observation_layout = ObservationLayout(
            {name: camera.size for name, camera in spec.cameras.items()},
            {name: len(array) for arrays in measured for name, array in arrays.items()},
        )
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (self.action_layout.size,), np.float64)
        self.observation_space = cast(gymnasium.Space[Obs], self._space())

    @property
    def fixed_length(self) -> Literal["end", "during"] | None:
        """What the task says."""
        return self.task.control.fixed_length

    @property
    def moves_real_arms(self) -> bool:
        """Whether one of its arms is not a simulated one."""
        return any(arm.scene is None for arm in self.arms)

    @property
    def is_real(self) -> bool:
        """Whether anything of it can be lost: an arm or a camera of the real world."""
        sees = any(camera.in_real_time for camera in self.cameras.values())
        return self.moves_real_arms or sees

    @property
    def period_s(self) -> float:
        """Of control."""
        return self._period_ns * 1e-9

    @property
    def robot(self) -> Robot:
        """The robot; the first one of several."""
        return self.arms[0].robot

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Obs, dict[str, Any]]:
        """Back out, put the scene back, and move to randomised starts.

        Args:
            seed: of the random starts from now on.
            options: "start" is a (7,) `T_base_tcp` to begin at instead, of a task with one arm,
                "travel_speed" how fast to go there, as a share of the arm's limits,
                "from_outside" whether a real arm that is far out of its bounds may, and
                `AT_THE_START` a function that is called there, before the first look.

        Raises:
            OutsideBoundsError: a real arm is far out of its bounds; nothing has moved.
            DeviceError: something resists on the way; the arm holds there.
        """
        super().reset(seed=seed)
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        given = options or {}
        for arm in self.arms:
            if arm.scene is None and not given.get("from_outside"):
                arm.require_near()
        # what a person has put back is not to be moved any more
        by_script = all(arm.spec.reset.by == "script" for arm in self.arms)
        scene = self._scene if by_script else None
        for arm in self.arms:
            arm.leave(scene)
        if scene is not None:
            scene.reset_scene()
        for arm in self.arms:
            arm.go_to_start(self._rng, given.get("start"), given.get("travel_speed"))
        self._steps = 0
        if AT_THE_START in given:
            given[AT_THE_START]()
        # a simulated world that waited for somebody makes up for it here, not in the first period
        self.clock.sleep_until(self.clock.now_ns())
        self._next_tick_ns = self.clock.now_ns()
        return self._observe()

    def step(self, action: Array) -> tuple[Obs, float, bool, bool, dict[str, Any]]:
        """Send one action, wait for the end of the control period, and look.

        Raises:
            SafetyStopError: the action is not finite.
        """
        require_finite(np.asarray(action, dtype=float))
        wanted = self.action_layout.nearest(action)
        executed = np.zeros_like(wanted)
        if stalled_s := self.watch.stalled_s():
            self.resume()  # the arms were stopped meanwhile
        for arm in self.arms:
            arm.send(wanted, executed)
        self.watch.beat()
        late_s = self._wait_for_the_next_period()
        self._steps += 1
        obs, info = self._observe()
        info |= {"executed_action": executed, "late_s": late_s, "stalled_s": stalled_s}
        return obs, 0.0, False, self._steps >= self._max_steps, info

    def idle_action(self) -> Array:
        """Return the (A,) action that changes nothing now: grippers stay as they are."""
        return self.driven_by(no_twist(), 0)

    def driven_by(self, twist: Array, gripper: int, arm: str = "") -> Array:
        """Return the (A,) action of a hand that says so: (6,) in [-1, 1], and -1, 0 or 1.

        Args:
            twist, gripper: what it says.
            arm: that it is for; all others change nothing.
        """
        action = self.action_layout.idle()
        for one in self.arms:
            mine = one.name == arm
            one.drive(twist if mine else no_twist(), gripper if mine else 0, action)
        return action

    def hold(self) -> None:
        """Hold every arm where it is, all at once; callable from any thread."""
        if not self.moves_real_arms or len(self.arms) == 1:
            with ExitStack() as stack:  # one that fails leaves none of the others moving
                for arm in self.arms:
                    stack.callback(arm.robot.stop)
            return
        # nor does one whose controller does not answer for a while
        with ThreadPoolExecutor(len(self.arms)) as pool:
            told = [pool.submit(arm.robot.stop) for arm in self.arms]
        for one in told:
            one.result()

    def stop(self) -> None:
        """Hold every arm where it is."""
        self.hold()
        self.watch.rest()  # not when one has failed to stop

    def resume(self) -> None:
        """Let the next control period begin now, from where the arm is."""
        for arm in self.arms:
            arm.resume()
        self._next_tick_ns = self.clock.now_ns()

    def lost(self) -> dict[str, DeviceError]:
        """Return which arms and cameras do not answer now, and why."""
        looks: dict[str, Callable[[], object]] = {arm.words: arm.state for arm in self.arms}
        looks |= {f"camera {name}": partial(self._picture, name) for name in self.cameras}
        found = {}
        for name, look in looks.items():
            try:
                look()
            except DeviceError as fault:
                found[name] = fault
        return found

    def clear_errors(self) -> None:
        """Clear the error of every arm that can have one.

        Raises:
            DeviceError: one is not cleared.
        """
        for arm in self.arms:
            if CLEAR in arm.robot.maintenance():
                arm.robot.maintain(CLEAR)

    def look(self) -> Obs:
        """Return what is seen now, without a step."""
        obs, _ = self._observe()
        return obs

    def look_again(self) -> tuple[Obs, dict[str, Any]]:
        """Return what is seen now and what a step tells of it, without one."""
        return self._observe()

    def close(self) -> None:
        """Stop the robots first, then close every device."""
        self.stop()
        for camera in self.cameras.values():
            camera.close()
        for arm in self.arms:
            arm.robot.close()

    def _wait_for_the_next_period(self) -> float:
        """Sleep until it begins; return by how many seconds that was late."""
        due_ns = self._next_tick_ns + self._period_ns
        # A missed period is left out: made up for, its commands would reach the arm in a burst.
        missed = self.clock.now_ns() > due_ns
        self._next_tick_ns = self.clock.now_ns() + self._period_ns if missed else due_ns
        self.clock.sleep_until(self._next_tick_ns)
        return (self.clock.now_ns() - due_ns) * 1e-9

    def _observe(self) -> tuple[Obs, dict[str, Any]]:
        states = [arm.state() for arm in self.arms]
        images: dict[str, NDArray[Any]] = {}
        stamps: dict[str, int] = {}
        for name in self.cameras:
            images[name], stamps[name] = self._picture(name)
        measured = {name: array for _, arrays in states for name, array in arrays.items()}
        obs: Obs = {"images": images, "state": measured}
        info: dict[str, Any] = {
            "stamp_ns": states[0][0].stamp_ns,
            "frame_stamps_ns": stamps,
            "true_success": self._scene.true_success() if self._scene else None,
        }
        return obs, info

    def _picture(self, camera: str) -> tuple[NDArray[np.uint8], int]:
        """Return what the task sees of a camera's newest frame, and the stamp of that."""
        frame = self.cameras[camera].latest(max_age_s=MAX_FRAME_AGE_S)
        return crop_and_resize(camera, frame.image, self.task.cameras[camera]), frame.stamp_ns

    def _space(self) -> gymnasium.spaces.Dict:
        spaces = gymnasium.spaces
        images: dict[str, gymnasium.Space[Any]] = {
            name: spaces.Box(0, 255, (height, width, 3), np.uint8)
            for name, (width, height) in self.observation_layout.images.items()
        }
        state: dict[str, gymnasium.Space[Any]] = {
            name: spaces.Box(-np.inf, np.inf, (width,), np.float64)
            for name, width in self.observation_layout.state.items()
        }
        return spaces.Dict({"images": spaces.Dict(images), "state": spaces.Dict(state)})


def crop_and_resize(camera: str, image: NDArray[np.uint8], spec: CameraSpec) -> NDArray[np.uint8]:
    """Return the (H, W, 3) picture the task asks for: its crop of the raw frame, at its size.

    Shapes are kept: where the crop has another aspect than the size, bars stay black.

    Raises:
        DeviceError: the crop leaves the frame.
    """
    if spec.crop is not None:
        x, y, width, height = spec.crop
        if x + width > image.shape[1] or y + height > image.shape[0]:
            raise DeviceError(
                f"the crop {list(spec.crop)} leaves the frame of "
                f"{image.shape[1]}×{image.shape[0]} px that camera {camera} delivers",
                hint="set its resolution as it was, or another crop: in task.yaml, or by "
                f"hilctl calibrate roi --camera {camera}",
            )
        image = image[y : y + height, x : x + width]
    return letterboxed(image, spec.size)
