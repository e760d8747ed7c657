"""The robot contract: a Cartesian servo with limits and a stop that always works."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hilctl.devices import Device, Options
from hilctl.feed_forward import FeedForward

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RobotState:
    """What the robot measures.

    Attributes:
        tcp_pose: (7,) `T_base_tcp`, metres and xyzw quaternion.
        tcp_velocity: (6,) linear m/s then angular rad/s, base frame.
        tcp_wrench: (6,) force N then torque N·m the environment exerts on the tool, tcp frame.
        q: (n,) joint positions, rad.
        gripper: opening, 0 closed … 1 open.
        stamp_ns: monotonic time of the measurement.
        qd: (n,) joint velocities, rad/s; None where the robot does not say.
    """

    tcp_pose: Array
    tcp_velocity: Array
    tcp_wrench: Array
    q: Array
    gripper: float
    stamp_ns: int
    qd: Array | None = None


@dataclass(frozen=True)
class Command:
    """Where the controller should pull the tool, and what it is pushed with.

    Attributes:
        tcp_pose: (7,) target `T_base_tcp`, metres and xyzw quaternion.
        gripper: target opening 0…1, or None to leave it.
        feed_forward: what the tool is pushed with; then it is held about the target softly, so
            that the wrench moves it. None = it is pulled to the target with all stiffness. Only
            for a robot that `takes_wrench`.
    """

    tcp_pose: Array
    gripper: float | None = None
    feed_forward: FeedForward | None = None


@dataclass(frozen=True)
class SceneParts:
    """What stands in a simulated scene, by name.

    Attributes:
        arms: of the scene; a single one is called "".
        views: its cameras.
    """

    arms: tuple[str, ...]
    views: tuple[str, ...]


@dataclass(frozen=True)
class RobotLimits:
    """Hard limits of the arm.

    Attributes:
        reach_m: radius of the workspace, m.
        speed_m_s, speed_rad_s: of the tool.
        acceleration_m_s2, acceleration_rad_s2: of the targets it is sent, one after the other.
        swing_m_s, swing_rad_s: of a tool that a wrench moves.
        brakes_s: within which it stands still after `stop`, however a wrench has moved it.
    """

    reach_m: float
    speed_m_s: float
    speed_rad_s: float
    acceleration_m_s2: float = 3.0
    acceleration_rad_s2: float = 10.0
    swing_m_s: float = 0.0
    swing_rad_s: float = 0.0
    brakes_s: float = 0.5


class Robot(Device):
    """A robot arm that follows Cartesian targets.

    Attributes:
        limits: of the arm; they bind every motion.
        six_dof: it brings the tool to a place in any orientation. An arm with fewer joints comes
            as near to that as they let it, and says in `servo` where that is.
        needs_guard: its controller goes on with a motion when nobody talks to it any more: a
            process of its own calls `hold_from_outside` when the one that moved it dies or hangs.
        takes_wrench: its controller adds `Command.feed_forward` at 500 Hz or more, keeps the fence
            that comes with it at that rate, and lets it end by itself; `limits` say how fast the
            tool may swing.
        tells_joint_velocity: `RobotState.qd` is measured.
        tells_wrench: `RobotState.tcp_wrench` is measured; else it is zero, and a task that asks for
            forces is refused.
    """

    limits: RobotLimits
    six_dof: ClassVar[bool] = True
    needs_guard: ClassVar[bool] = False
    takes_wrench: ClassVar[bool] = False
    tells_joint_velocity: ClassVar[bool] = False
    tells_wrench: ClassVar[bool] = True

    @classmethod
    def hold_from_outside(cls, options: Options) -> None:
        """Hold the arm, from a process that has not opened it, within a second or two.

        Raises:
            DeviceError: it cannot be told to.
        """
        raise NotImplementedError

    @classmethod
    def prepare_to_hold(cls, options: Options) -> None:
        """Do beforehand, in that other process, what may take long or fail in time of need.

        Raises:
            DeviceError: it cannot be done.
        """

    @classmethod
    def scene_parts(cls, options: Options) -> SceneParts | None:
        """Return what stands in the scene of a simulated robot, None of a real one."""
        return None

    @classmethod
    def may_have_gripper(cls, options: Options) -> bool:
        """Return whether a robot of these options can have a gripper, before it is open."""
        return getattr(options, "gripper", None) != "none"

    @property
    def has_gripper(self) -> bool:
        """Whether `Command.gripper` opens and closes something; asked once it is open."""
        return False

    @abstractmethod
    def state(self) -> RobotState:
        """Return the newest measurement."""

    @abstractmethod
    def servo(self, command: Command) -> Command:
        """Set the controller's target without waiting; return what was sent after limits.

        The controller's reference runs there at no more than the speeds of `limits`, however far
        away the target is.
        """

    @abstractmethod
    def move_to(self, tcp_pose: Array, *, speed: float) -> None:
        """Move in a straight line and wait until there; hold where something resists.

        Args:
            tcp_pose: (7,) target `T_base_tcp`.
            speed: share of the limits, 0…1.

        Raises:
            DeviceError: something is in the way, or the target is not reached in time.
        """

    @abstractmethod
    def stop(self) -> None:
        """Hold where the arm is; idempotent, callable from any thread.

        A tool that a wrench has swung is braked, and held where it comes to rest.
        """

    def lead_by_hand(self) -> bool:
        """Let a person move the arm, until `stop()`; nothing else may move it meanwhile.

        Returns:
            Whether this driver can do that; if not, nothing has changed.
        """
        return False

    def maintenance(self) -> Mapping[str, str]:
        """Return what is done to this arm only on a person's word: name of a chore → what it does.

        An error that has stopped the arm is cleared in no other way.
        """
        return {}

    def maintain(self, chore: str) -> None:
        """Do a chore, and return when it is done; the arm may move.

        Args:
            chore: one that `maintenance` names.

        Raises:
            DeviceError: it is not done.
        """
        raise NotImplementedError(chore)
