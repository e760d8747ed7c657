"""A robot, its cameras and a task as a Gymnasium environment, real and simulated alike."""

from __future__ import annotations

from typing import Any, cast

import gymnasium
import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.cameras.base import Camera
from hilctl.env.base import Array, Environment, Obs
from hilctl.env.safety import ActionLimiter, Pace, reset_pose
from hilctl.env.travel import Travel, relax
from hilctl.errors import DeviceError
from hilctl.networks.letterbox import letterboxed
from hilctl.robots.base import Command, Robot, RobotState
from hilctl.robots.scene import SimulatedScene
from hilctl.task.layout import ActionLayout, ObservationLayout
from hilctl.task.spec import CameraSpec, TaskSpec
from hilctl.task.starts import yaw_range

MAX_FRAME_AGE_S = 0.2


class RobotEnv(Environment):
    """Run episodes of a task at its control rate, on the robot's clock.

    The state is absolute, in the base frame; `task/layout.py` says what an action is. This
    environment never terminates by itself: rewards are wrappers.
    """

    def __init__(
        self, spec: TaskSpec, robot: Robot, cameras: dict[str, Camera], rng: np.random.Generator
    ) -> None:
        self.task = spec
        self.robot = robot
        self.cameras = cameras
        self.clock = robot.rig.clock
        self._scene = robot if isinstance(robot, SimulatedScene) else None
        self._rng = rng
        self._limiter = ActionLimiter(spec.control, spec.reset)
        self._pace = Pace(robot.limits, 1.0 / spec.control.rate_hz)
        self._travel = Travel(spec)
        self._period_ns = round(1e9 / spec.control.rate_hz)
        self._max_steps = max(1, round(spec.control.max_episode_s * spec.control.rate_hz))
        self._steps = 0
        self._next_tick_ns = 0
        actions = ActionLayout.of(spec)
        assert actions is not None  # it has a robot
        self.action_layout = actions
        self.observation_layout = ObservationLayout(
            {name: camera.size for name, camera in spec.cameras.items()},
            {name: len(array) for name, array in state_arrays(robot.state()).items()},
        )
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (self.action_layout.size,), np.float64)
        self.observation_space = cast(gymnasium.Space[Obs], self._space())

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Obs, dict[str, Any]]:
        """Back out, put the scene back, and move to a randomised start.

        Args:
            seed: of the random starts from now on.
            options: "start" is a (7,) `T_base_tcp` to begin at instead, and "travel_speed" how
                fast to go there, as a share of the arm's limits.

        Raises:
            DeviceError: something resists on the way; the arm holds there.
        """
        super().reset(seed=seed)
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        relax(self.robot)
        # what a person has put back is not to be moved any more
        scene = self._scene if self.task.reset.by == "script" else None
        if scene is None or not scene.resets_the_arm:
            self._travel.back_out(self.robot)
        if scene is not None:
            scene.reset_scene()
        given = options or {}
        start = given["start"] if "start" in given else self._draw_start()
        slow = "travel_speed" in given
        travel = Travel(self.task, given["travel_speed"]) if slow else self._travel
        travel.go(self.robot, start)
        self._pace.begin_at(start)
        self._steps = 0
        # a simulated world that waited for somebody makes up for it here, not in the first period
        self.clock.sleep_until(self.clock.now_ns())
        self._next_tick_ns = self.clock.now_ns()
        return self._observe()

    def step(self, action: Array) -> tuple[Obs, float, bool, bool, dict[str, Any]]:
        """Send one action, wait for the end of the control period, and look."""
        here = self.robot.state().tcp_pose
        target, executed = self._limiter.limit(here, np.asarray(action, dtype=float))
        sent = self.robot.servo(Command(self._pace.towards(target))).tcp_pose
        self._pace.begin_at(sent)
        if not np.array_equal(sent, target):  # too fast, or the robot has limits of its own
            executed = self._limiter.executed_by(here, sent)
        late_s = self._wait_for_the_next_period()
        self._steps += 1
        obs, info = self._observe()
        info |= {"executed_action": executed, "late_s": late_s}
        return obs, 0.0, False, self._steps >= self._max_steps, info

    def stop(self) -> None:
        """Hold the arm where it is."""
        self.robot.stop()

    def resume(self) -> None:
        """Let the next control period begin now, from where the arm is."""
        self._pace.begin_at(self.robot.state().tcp_pose)
        self._next_tick_ns = self.clock.now_ns()

    def look(self) -> Obs:
        """Return what is seen now, without a step."""
        obs, _ = self._observe()
        return obs

    def close(self) -> None:
        """Stop the robot first, then close every device."""
        self.stop()
        for camera in self.cameras.values():
            camera.close()
        self.robot.close()

    def _wait_for_the_next_period(self) -> float:
        """Sleep until it begins; return by how many seconds that was late."""
        due_ns = self._next_tick_ns + self._period_ns
        # A missed period is left out: made up for, its commands would reach the arm in a burst.
        missed = self.clock.now_ns() > due_ns
        self._next_tick_ns = self.clock.now_ns() + self._period_ns if missed else due_ns
        self.clock.sleep_until(self._next_tick_ns)
        return (self.clock.now_ns() - due_ns) * 1e-9

    def _draw_start(self) -> Array:
        reset = self.task.reset
        xy, z = reset.random_xy_m, reset.random_z_m
        start = reset_pose(reset)
        start[:3] += self._rng.uniform(-1, 1, 3) * [xy, xy, z]
        turn_rad = self._rng.uniform(*yaw_range(self.task.control.bounds, reset))
        yaw = geometry.quat_from_rotvec([0, 0, turn_rad])
        return geometry.pose(start[:3], geometry.quat_multiply(yaw, start[3:]))

    def _observe(self) -> tuple[Obs, dict[str, Any]]:
        state = self.robot.state()
        images: dict[str, NDArray[Any]] = {}
        stamps: dict[str, int] = {}
        for name, camera in self.cameras.items():
            frame = camera.latest(max_age_s=MAX_FRAME_AGE_S)
            images[name] = crop_and_resize(name, frame.image, self.task.cameras[name])
            stamps[name] = frame.stamp_ns
        obs: Obs = {"images": images, "state": state_arrays(state)}
        info: dict[str, Any] = {
            "stamp_ns": state.stamp_ns,
            "frame_stamps_ns": stamps,
            "true_success": self._scene.true_success() if self._scene else None,
        }
        return obs, info

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


def state_arrays(state: RobotState) -> dict[str, Array]:
    """Return the measured quantities by name, as stored and learnt from."""
    return {
        "tcp_pose": state.tcp_pose,
        "tcp_velocity": state.tcp_velocity,
        "tcp_wrench": state.tcp_wrench,
        "q": state.q,
        "gripper": np.array([state.gripper]),
    }


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
