"""One arm of the simulated world: its controller, what it measures, and its gripper."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.errors import DeviceError
from hilctl.feed_forward import FeedForward
from hilctl.sim.fence import FencedPush
from hilctl.sim.impedance import BRAKE, SOFT, Gains, ImpedanceController
from hilctl.sim.person import Person
from hilctl.sim.scenes.base import FINGER_TRAVEL_M

Array = NDArray[np.float64]

JOINTS = 7
# joint angles near which the elbow is up and no joint is close to its limit, rad
READY_Q = np.array([0.0, -0.3, 0.0, -2.3, 0.0, 2.0, 0.785])
BRAKE_S = 0.3  # at most, until it is held where it is
SLOW_M_S, SLOW_RAD_S = 0.02, 0.1  # a tool that is braked and slower than that stands still


@dataclass(frozen=True)
class Posture:
    """How an arm stands and moves.

    Attributes:
        q, qd: (7,) joint positions in rad and velocities in rad/s.
        fingers: of its gripper, if they move.
    """

    q: Array
    qd: Array
    fingers: tuple[Array, ...] = ()


class SimArm:
    """An arm that is pulled towards a target, and what it feels.

    Poses are in the frame of its own base, `T_base_tcp`.

    Args:
        model, data: the world it stands in.
        name: before its names in the model: "left/tcp"; "" = "tcp".
        home: (7,) `T_base_tcp` that it is reset to.
        gains: of its controller.

    Attributes:
        leader: who leads it by the hand, until it has to hold.
        wrench: (6,) force N and torque N·m on the tool from outside, at the tcp, tcp frame.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        data: mujoco.MjData,
        name: str,
        home: Array,
        gains: Gains | None = None,
    ) -> None:
        self._model, self._data = model, data
        self._prefix = prefix = f"{name}/" if name else ""
        self._site = model.site(f"{prefix}tcp").id
        self._tool = tool_bodies(model, prefix)
        first = model.joint(f"{prefix}joint1")
        self._q = slice(int(first.qposadr[0]), int(first.qposadr[0]) + JOINTS)
        self._dofs = slice(int(first.dofadr[0]), int(first.dofadr[0]) + JOINTS)
        motor = model.actuator(f"{prefix}torque1").id
        motors = slice(motor, motor + JOINTS)
        self._torques = data.ctrl[motors]
        self._fingers = _Fingers.of(model, prefix)
        base = model.body(f"{prefix}link0")
        self._T_world_base = geometry.pose(base.pos, base.quat[[1, 2, 3, 0]])
        self._stands_apart = bool(np.any(self._T_world_base != geometry.IDENTITY))
        self._home_q = self._solve(home)
        self.controller = ImpedanceController(
            model, data, self._home_q, gains or Gains(), self._site, self._dofs, motors
        )
        self._step_ns = round(model.opt.timestep * 1e9)
        self._glide: Iterator[Array] = iter(())
        self._braking_steps = 0  # that are left at most
        self._targeting = threading.Lock()  # whoever stops the arm may be another thread
        self.leader: Person | None = None
        self.wrench = np.zeros(6)

    def go_home(self) -> None:
        """Be at the home pose at once, the gripper open."""
        self._let_go()
        self._data.qpos[self._q] = self._home_q
        if self._fingers is not None:
            self._fingers.open(self._data)

    def posture(self) -> Posture:
        """Return how it stands and moves."""
        fingers = () if self._fingers is None else self._fingers.now(self._data)
        return Posture(self.q(), self.qd(), fingers)

    def take(self, posture: Posture) -> None:
        """Stand and move like that at once; what the tool is pulled towards stays."""
        self._data.qpos[self._q], self._data.qvel[self._dofs] = posture.q, posture.qd
        if self._fingers is not None:
            self._fingers.take(self._data, posture.fingers)

    def act(self) -> None:
        """Move on along a glide, and set the motors for the next step of the physics."""
        with self._targeting:
            if (waypoint := next(self._glide, None)) is not None:
                self._pull(waypoint)
            if self.controller.instead is BRAKE:
                self._brake_on()
            self._torques[:] = self.controller.torques()

    def hold(self) -> None:
        """Make the present tcp pose the target; nobody leads the arm any more.

        An arm that was pushed is braked first, and held where it comes to rest.
        """
        self.leader = None
        with self._targeting:
            self._let_go(BRAKE if self.controller.instead else None)
            self._braking_steps = self._steps(BRAKE_S)
            self._pull(self.tcp_pose())

    def set_target(self, T_base_tcp: Array) -> None:
        """Pull the tcp towards the (7,) pose."""
        with self._targeting:
            self._let_go()
            self._pull(T_base_tcp)

    def push(self, T_base_tcp: Array, push: FeedForward) -> None:
        """Hold the tcp about the (7,) pose softly, and push it."""
        with self._targeting:
            self._let_go(SOFT)
            self._pull(T_base_tcp)
            fenced = FencedPush(push, self._steps(push.lasts_s))
            self.controller.push = lambda velocity: self._pushed(fenced, velocity)

    def glide_target(self, T_base_tcp: Array, speed_m_s: float, speed_rad_s: float) -> float:
        """Let the controller's target run to the (7,) pose; return how many seconds that takes.

        Args:
            T_base_tcp: where it ends.
            speed_m_s, speed_rad_s: that it does not exceed.
        """
        start = self.target()
        duration_s = geometry.duration_between(start, T_base_tcp, speed_m_s, speed_rad_s)
        steps = max(1, math.ceil(duration_s * 1e9 / self._step_ns - 1e-6))
        goal = T_base_tcp.copy()
        way = (geometry.interpolate(start, goal, k / steps) for k in range(1, steps + 1))
        with self._targeting:
            self._let_go()
            self._glide = way
        return duration_s

    def target(self) -> Array:
        """Return the (7,) pose that the controller pulls the tcp towards."""
        position, quat_wxyz = self.controller.target_position, self.controller.target_quat_wxyz
        return self._in_base(geometry.pose(position, quat_wxyz[[1, 2, 3, 0]]))

    @property
    def T_world_base(self) -> Array:
        """Where its base stands, (7,)."""
        return self._T_world_base.copy()

    def tcp_pose(self) -> Array:
        """Return the (7,) `T_base_tcp`."""
        return self._in_base(site_pose(self._data, self._site))

    def tcp_velocity(self) -> Array:
        """Return the (6,) linear m/s and angular rad/s velocity of the tcp in the base frame."""
        jac = np.zeros((6, self._model.nv))
        mujoco.mj_jacSite(self._model, self._data, jac[:3], jac[3:], self._site)
        velocity = jac @ self._data.qvel
        if not self._stands_apart:
            return np.asarray(velocity)
        turn = geometry.quat_conjugate(self._T_world_base[3:])
        halves = (geometry.rotate(turn, velocity[:3]), geometry.rotate(turn, velocity[3:]))
        return np.concatenate(halves)

    def q(self) -> Array:
        """Return the (7,) joint positions in rad."""
        return np.array(self._data.qpos[self._q])

    def jacobian(self) -> Array:
        """Return the (6, 7) Jacobian of the tcp, linear then angular, in the base frame."""
        full = np.zeros((6, self._model.nv))
        mujoco.mj_jacSite(self._model, self._data, full[:3], full[3:], self._site)
        own = full[:, self._dofs]
        if not self._stands_apart:
            return own
        turn = geometry.quat_to_matrix(geometry.quat_conjugate(self._T_world_base[3:]))
        return np.vstack([turn @ own[:3], turn @ own[3:]])

    def qd(self) -> Array:
        """Return the (7,) joint velocities in rad/s."""
        return np.array(self._data.qvel[self._dofs])

    @property
    def has_gripper(self) -> bool:
        """Whether its fingers move."""
        return self._fingers is not None

    def opening(self) -> float:
        """Return how far the gripper is open, 0 to 1; 0 when its fingers do not move."""
        return 0.0 if self._fingers is None else self._fingers.opening(self._data)

    def grip(self, opening: float) -> None:
        """Let the fingers go to an opening, 0 to 1, as far as what is between them allows."""
        if self._fingers is not None:
            self._fingers.go(self._data, opening)

    def contact_wrench(self) -> Array:
        """Return what `wrench` says, at this moment.

        `cfrc_ext` is expressed about the kinematic tree's centre of mass, torque first.
        """
        data = self._data
        total = data.cfrc_ext[self._tool].sum(axis=0)
        root = self._model.body_rootid[self._tool[0]]
        arm = data.subtree_com[root] - data.site_xpos[self._site]
        force, torque = total[3:], total[:3] + np.cross(arm, total[3:])
        to_tcp = data.site_xmat[self._site].reshape(3, 3).T
        return np.concatenate([to_tcp @ force, to_tcp @ torque])

    def _let_go(self, instead: Gains | None = None) -> None:
        """Neither glide nor push any more, and be as stiff as usual or as that."""
        self._glide = iter(())
        self.controller.instead, self.controller.push = instead, None

    def _pushed(self, push: FencedPush, velocity: Array) -> Array:
        """Return the (6,) wrench of this step; that and the velocity are in the world's frame."""
        position = self._data.site_xpos[self._site]
        rotation = self._data.site_xmat[self._site].reshape(3, 3)
        if not self._stands_apart:
            return push.step(position, rotation, velocity)
        turn = geometry.quat_to_matrix(self._T_world_base[3:])
        at = turn.T @ (position - self._T_world_base[:3])
        both = velocity.reshape(2, 3) @ turn
        return np.asarray(
            (push.step(at, turn.T @ rotation, both.ravel()).reshape(2, 3) @ turn.T).ravel()
        )

    def _brake_on(self) -> None:
        """Hold the arm once it stands still."""
        self._braking_steps -= 1
        velocity = self.tcp_velocity()
        slow = np.linalg.norm(velocity[:3]) < SLOW_M_S and np.linalg.norm(velocity[3:]) < SLOW_RAD_S
        if slow or self._braking_steps <= 0:
            self._let_go()
            self._pull(self.tcp_pose())

    def _steps(self, seconds: float) -> int:
        return round(seconds * 1e9 / self._step_ns)

    def _pull(self, T_base_tcp: Array) -> None:
        target = T_base_tcp
        if self._stands_apart:
            target = geometry.compose(self._T_world_base, T_base_tcp)
        self.controller.target_position[:] = target[:3]
        self.controller.target_quat_wxyz[:] = target[[6, 3, 4, 5]]

    def _in_base(self, T_world: Array) -> Array:
        """Return a (7,) pose of the world in the base frame."""
        if not self._stands_apart:
            return T_world
        return geometry.compose(geometry.inverse(self._T_world_base), T_world)

    def _solve(self, target: Array) -> Array:
        """Return joint positions that put the tcp at a (7,) pose, by damped least squares."""
        model, data = self._model, self._data
        data.qpos[self._q] = READY_Q
        full, error = np.zeros((6, model.nv)), np.zeros(6)
        jac, wanted = full[:, self._dofs], target
        if self._stands_apart:
            wanted = geometry.compose(self._T_world_base, target)
        for _ in range(200):
            mujoco.mj_kinematics(model, data)
            mujoco.mj_comPos(model, data)
            here = site_pose(data, self._site)
            turn = geometry.rotation_between(here, wanted)
            error[:3], error[3:] = wanted[:3] - here[:3], geometry.rotate(here[3:], turn)
            mujoco.mj_jacSite(model, data, full[:3], full[3:], self._site)
            damped = jac @ jac.T + 1e-6 * np.eye(6)
            data.qpos[self._q] += 0.5 * jac.T @ np.linalg.solve(damped, error)
        if np.linalg.norm(error) > 1e-6:
            raise DeviceError("the scene's home pose is out of the arm's reach")
        return self.q()


class _Fingers:
    """Two fingers that slide towards each other."""

    def __init__(self, model: mujoco.MjModel, prefix: str) -> None:
        names = [f"{prefix}{finger}" for finger in ("finger_left", "finger_right")]
        self._q = [int(model.joint(name).qposadr[0]) for name in names]
        self._dofs = [int(model.joint(name).dofadr[0]) for name in names]
        self._motors = [model.actuator(name).id for name in names]

    @classmethod
    def of(cls, model: mujoco.MjModel, prefix: str) -> _Fingers | None:
        """Return those of an arm, or None when its fingers do not move."""
        there = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_JOINT, f"{prefix}finger_left")
        return None if there < 0 else cls(model, prefix)

    def open(self, data: mujoco.MjData) -> None:
        """Be open at once."""
        data.qpos[self._q] = FINGER_TRAVEL_M
        self.go(data, 1.0)

    def now(self, data: mujoco.MjData) -> tuple[Array, ...]:
        """Return where they are, how they move, and where they are driven to."""
        return data.qpos[self._q], data.qvel[self._dofs], data.ctrl[self._motors]

    def take(self, data: mujoco.MjData, fingers: tuple[Array, ...]) -> None:
        """Be where `now` said, and move and be driven like that."""
        data.qpos[self._q], data.qvel[self._dofs], data.ctrl[self._motors] = fingers

    def go(self, data: mujoco.MjData, opening: float) -> None:
        """Set where they are driven to."""
        data.ctrl[self._motors] = FINGER_TRAVEL_M * min(max(opening, 0.0), 1.0)

    def opening(self, data: mujoco.MjData) -> float:
        """Return where they are."""
        return float(np.clip(np.mean(data.qpos[self._q]) / FINGER_TRAVEL_M, 0.0, 1.0))


def site_pose(data: mujoco.MjData, site: int | str) -> Array:
    """Return the (7,) pose of a site in the world."""
    view = data.site(site)
    quat = np.zeros(4)
    mujoco.mju_mat2Quat(quat, view.xmat)
    return geometry.pose(view.xpos, quat[[1, 2, 3, 0]])


def tool_bodies(model: mujoco.MjModel, prefix: str = "") -> NDArray[np.intp]:
    """Return the ids of a hand and everything it carries."""
    hand = model.body(f"{prefix}hand").id
    return np.array(
        [body for body in range(model.nbody) if body == hand or model.body_parentid[body] == hand]
    )
