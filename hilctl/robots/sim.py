"""The embedded simulator's arm behind the robot contract."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal, cast

import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.devices import Finding, Options, Rig
from hilctl.errors import DeviceError
from hilctl.robots.base import Command, Robot, RobotLimits, RobotState, SceneParts
from hilctl.robots.scene import SimulatedScene

if TYPE_CHECKING:
    from hilctl.cameras.base import Camera
    from hilctl.cameras.sim import SimCameraOptions
    from hilctl.sim.arm import SimArm
    from hilctl.sim.scenes import PrintedBoard
    from hilctl.sim.world import SimWorld

Array = NDArray[np.float64]

MISSING_MUJOCO = 'pip install "hilctl[sim]"'
SERVO_PERIOD_NS = 20_000_000
SETTLE_S = 3.0
RESISTANCE_N = 12.0  # the spring pulls with at most 16; a peg that slides out of its hole with 4
TWO_ARMS = SceneParts(("left", "right"), ("front", "left/wrist", "right/wrist"))
PARTS = dict.fromkeys(("handover", "reach-both"), TWO_ARMS)
ONE_ARM = SceneParts(("",), ("side", "wrist"))
# scenes in which none moves
FINGERS_FOR_SHOW = frozenset({"insert", "insert-hard", "reach", "reach-both", "route", "flip"})


class SimRobotOptions(Options):
    """Which scene stands on the table."""

    scene: Literal[
        "insert",
        "insert-hard",
        "reach",
        "reach-both",
        "pick",
        "pick-insert",
        "handover",
        "route",
        "flip",
    ] = "insert"


class SimRobot(Robot, SimulatedScene):
    """A torque-controlled seven-joint arm in MuJoCo, on simulated time."""

    OptionsType: ClassVar[type[Options]] = SimRobotOptions
    takes_wrench: ClassVar[bool] = True
    tells_joint_velocity: ClassVar[bool] = True
    limits = RobotLimits(
        reach_m=0.85,
        speed_m_s=0.5,
        speed_rad_s=1.5,
        acceleration_m_s2=math.inf,
        acceleration_rad_s2=math.inf,
        swing_m_s=1.7,
        swing_rad_s=5.0,
    )

    def __init__(self, options: Options, rig: Rig) -> None:
        super().__init__(options, rig)
        self._world: SimWorld | None = None

    @classmethod
    def probe(cls, options: Options) -> list[Finding]:
        """Report whether MuJoCo is installed and what draws the pictures."""
        try:
            from hilctl.sim.rendering import renderer_name
        except ModuleNotFoundError:
            return [Finding(False, "simulator", "mujoco is not installed", MISSING_MUJOCO)]
        return [Finding(True, "simulator", f"pictures by {renderer_name()}")]

    def open(self) -> None:
        """Build the scene and share it with the simulated cameras, operators and other arms.

        Raises:
            DeviceError: the scene has no such arm, or another arm stands in another scene.
        """
        try:
            from hilctl.sim.world import SimWorld
        except ModuleNotFoundError as error:
            raise DeviceError("mujoco is not installed", hint=MISSING_MUJOCO) from error
        scene = cast(SimRobotOptions, self.options).scene
        world = self.rig.world
        if world is None or not self.arm:
            world = SimWorld(scene, self.rig.generator("grasp"))
            self.rig.attach_world(world)
        if world.name != scene:
            raise DeviceError(
                f"arm {self.arm} is in the scene {scene}, another one in {world.name}",
                hint="write the same scene for all simulated arms",
            )
        if self.arm not in world.arms:
            named = f"name {' and '.join(world.arms)} under `arms` in task.yaml"
            hint = "it has one arm: write no `arms` in task.yaml" if "" in world.arms else named
            raise DeviceError(f"the scene {scene} has no arm {self.arm!r}", hint=hint)
        self._world = world

    def close(self) -> None:
        """Free the simulation."""
        if self._world is not None:
            self._world.close()
            self._world = None

    @property
    def world(self) -> SimWorld:
        """The simulated world.

        Raises:
            DeviceError: the robot is not open.
        """
        if self._world is None:
            raise DeviceError("the simulated robot is not open")
        return self._world

    @property
    def _sim_arm(self) -> SimArm:
        """The simulated arm.

        Raises:
            DeviceError: the robot is not open.
        """
        return self.world.arms[self.arm]

    @classmethod
    def scene_parts(cls, options: Options) -> SceneParts:
        """Return the arms and the cameras of its scene; to build one would take half a second."""
        return PARTS.get(cast(SimRobotOptions, options).scene, ONE_ARM)

    @classmethod
    def may_have_gripper(cls, options: Options) -> bool:
        """Return whether the fingers move in the scene."""
        return cast(SimRobotOptions, options).scene not in FINGERS_FOR_SHOW

    @property
    def has_gripper(self) -> bool:
        """Whether the scene's arm has fingers that move."""
        return self._sim_arm.has_gripper

    def state(self) -> RobotState:
        """Return the newest measurement."""
        arm = self._sim_arm
        return RobotState(
            tcp_pose=arm.tcp_pose(),
            tcp_velocity=arm.tcp_velocity(),
            tcp_wrench=arm.wrench.copy(),
            q=arm.q(),
            gripper=arm.opening(),
            stamp_ns=self.world.time_ns,
            qd=arm.qd(),
        )

    def servo(self, command: Command) -> Command:
        """Set the impedance controller's target, within the arm's reach, and what pushes."""
        target = np.array(command.tcp_pose, dtype=float)
        distance = float(np.linalg.norm(target[:3]))
        if distance > self.limits.reach_m:
            target[:3] *= self.limits.reach_m / distance
        if command.feed_forward is not None:
            self._sim_arm.push(target, command.feed_forward)
        else:
            self._sim_arm.glide_target(target, self.limits.speed_m_s, self.limits.speed_rad_s)
        if command.gripper is not None:
            self._sim_arm.grip(command.gripper)
        return replace(command, tcp_pose=target)

    def move_to(self, tcp_pose: Array, *, speed: float) -> None:
        """Move in a straight line at a share of the speed limits, and settle there.

        Raises:
            DeviceError: something resists, or the arm does not get there in time.
        """
        world, arm, limits = self.world, self._sim_arm, self.limits
        start, goal = arm.tcp_pose(), np.array(tcp_pose, dtype=float)
        duration_s = geometry.duration_between(
            start, goal, speed * limits.speed_m_s, speed * limits.speed_rad_s
        )
        steps = max(1, math.ceil(duration_s * 1e9 / SERVO_PERIOD_NS))
        for step in range(1, steps + 1):
            arm.set_target(geometry.interpolate(start, goal, step / steps))
            self._advance(goal)
        deadline_ns = world.time_ns + int(SETTLE_S * 1e9)
        while world.time_ns < deadline_ns:
            self._advance(goal)
            if self._rests_at(goal):
                return
        raise self._not_there(goal, f"within {SETTLE_S:g} s")

    def _advance(self, goal: Array) -> None:
        """Let a servo period pass on the way to a goal.

        Raises:
            DeviceError: something resists.
        """
        self.world.advance_to(self.world.time_ns + SERVO_PERIOD_NS)
        force_n = float(np.linalg.norm(self._sim_arm.wrench[:3]))
        if force_n > RESISTANCE_N:
            raise self._not_there(goal, f"against {force_n:.0f} N")

    def _rests_at(self, goal: Array) -> bool:
        here = self._sim_arm.tcp_pose()
        away_m = np.linalg.norm(here[:3] - goal[:3])
        away_rad = np.linalg.norm(geometry.rotation_between(here, goal))
        still = np.linalg.norm(self._sim_arm.tcp_velocity()[:3]) < 0.005
        return bool(away_m < 0.002 and away_rad < 0.02 and still)

    def _not_there(self, goal: Array, how: str) -> DeviceError:
        self.stop()
        away_mm = 1e3 * float(np.linalg.norm(self._sim_arm.tcp_pose()[:3] - goal[:3]))
        return DeviceError(
            f"the arm did not reach its target {how} and holds {away_mm:.1f} mm away from it",
            hint="is something in its way, or the pose out of reach?",
        )

    def stop(self) -> None:
        """Hold where the arm is."""
        if self._world is not None:
            self._sim_arm.hold()

    def reset_scene(self) -> None:
        """Put arm and objects back as a helper would, with a slightly different grasp."""
        self.world.reset()

    def show_board(
        self, pattern: NDArray[np.uint8], size_m: tuple[float, float], *, in_hand: bool
    ) -> None:
        """Build the world again with a board instead of the scene's objects; time goes on."""
        from hilctl.sim.scenes import PrintedBoard

        self._rebuild(PrintedBoard(pattern, size_m, "hand" if in_hand else "table"))

    def carry_board(
        self, pattern: NDArray[np.uint8], size_m: tuple[float, float], before: Camera
    ) -> bool:
        """Build the world again with somebody in it who carries a board; time goes on."""
        from hilctl.cameras.sim import SimCamera
        from hilctl.sim.person import BoardCarrier, CameraView
        from hilctl.sim.scenes import PrintedBoard

        if not isinstance(before, SimCamera):
            return False
        world = self._rebuild(PrintedBoard(pattern, size_m, "person"))
        options = cast("SimCameraOptions", before.options)
        eye = CameraView(options.view, options.width_px / options.height_px)
        world.carrier = BoardCarrier(world, eye, size_m, self.rig.generator("person"))
        return True

    def lead_by_hand(self) -> bool:
        """Let somebody lead the arm around where it is, so that a board stays in view."""
        from hilctl.sim.person import HandGuide
        from hilctl.sim.scenes.board import HELD_AHEAD_M, in_hand

        world = self.world
        pivot_m = HELD_AHEAD_M if in_hand(world.scene) else float(self._sim_arm.tcp_pose()[2])
        rng = self.rig.generator("person")
        self._sim_arm.leader = HandGuide(self._sim_arm, pivot_m, rng, world.time_ns)
        return True

    def _rebuild(self, board: PrintedBoard) -> SimWorld:
        from hilctl.sim.world import SimWorld

        now_ns = self.world.time_ns
        self.world.close()
        scene = cast(SimRobotOptions, self.options).scene
        self._world = SimWorld(scene, self.rig.generator("grasp"), board=board)
        self._world.time_ns = now_ns
        self.rig.attach_world(self._world)
        return self._world

    def true_success(self) -> bool:
        """Return whether the scene's task is truly solved."""
        return self.world.solved()
