"""The simulated world: physics, torque control and the clock that makes time pass."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator

import mujoco
import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.errors import DeviceError
from hilctl.sim.impedance import Gains, ImpedanceController
from hilctl.sim.person import Person
from hilctl.sim.rendering import Renderer, make_renderer
from hilctl.sim.scenes import SCENES, BoardScene, PrintedBoard, Scene

Array = NDArray[np.float64]

# joint angles near which the elbow is up and no joint is close to its limit, rad
READY_Q = np.array([0.0, -0.3, 0.0, -2.3, 0.0, 2.0, 0.785])
WRENCH_SAMPLES = 5
PERSON_PERIOD_NS = 20_000_000
FINER = 2


class SimClock:
    """Simulated time: sleeping on it runs the physics."""

    def __init__(self, world: SimWorld) -> None:
        self._world = world

    def now_ns(self) -> int:
        """Return simulated nanoseconds since the world was built."""
        return self._world.time_ns

    def sleep_until(self, stamp_ns: int) -> None:
        """Run the physics up to `stamp_ns`."""
        self._world.advance_to(stamp_ns)


class SimWorld:
    """One scene with the arm in it, advanced at 500 Hz.

    Args:
        scene: name of a scene in `SCENES`.
        rng: source of what differs from episode to episode.
        gains: of the arm's controller.
        board: shown instead of the scene's objects.

    Attributes:
        carrier: who carries a board, if anybody does.
        leader: who leads the arm by the hand, until it has to hold.
    """

    def __init__(
        self,
        scene: str,
        rng: np.random.Generator,
        gains: Gains | None = None,
        board: PrintedBoard | None = None,
    ) -> None:
        named: Scene = SCENES[scene]()
        self.scene = named if board is None else BoardScene(named, board)
        self.model = self.scene.build()
        self.data = mujoco.MjData(self.model)
        self.clock = SimClock(self)
        self._rng = rng
        self._step_ns = round(self.model.opt.timestep * 1e9)
        self.time_ns = 0
        self._site = self.model.site("tcp").id
        self._tool_bodies = tool_bodies(self.model)
        self._home_q = self._solve_home()
        self.controller = ImpedanceController(self.model, self.data, self._home_q, gains or Gains())
        self._renderer: Renderer | None = None
        self._fine_renderer: Renderer | None = None
        self.carrier: Person | None = None
        self.leader: Person | None = None
        self._glide: Iterator[Array] = iter(())
        self._targeting = threading.Lock()  # whoever stops the arm may be another thread
        self.reset()

    def reset(self) -> None:
        """Put the arm at its home pose and draw a new episode's variations."""
        mujoco.mj_resetData(self.model, self.data)
        self.scene.randomise(self.model, self._rng)
        self.data.qpos[:] = self._home_q
        mujoco.mj_forward(self.model, self.data)
        self.wrench = np.zeros(6)
        self.hold()

    def hold(self) -> None:
        """Make the present tcp pose the controller's target; nobody leads the arm any more."""
        self.leader = None
        self.set_target(self.tcp_pose())

    def set_target(self, T_base_tcp: Array) -> None:
        """Pull the tcp towards the (7,) pose."""
        with self._targeting:
            self._glide = iter(())
            self._pull(T_base_tcp)

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
            self._glide = way
        return duration_s

    def target(self) -> Array:
        """Return the (7,) pose that the controller pulls the tcp towards."""
        position, quat_wxyz = self.controller.target_position, self.controller.target_quat_wxyz
        return geometry.pose(position, quat_wxyz[[1, 2, 3, 0]])

    def _glide_on(self) -> None:
        with self._targeting:
            if (waypoint := next(self._glide, None)) is not None:
                self._pull(waypoint)

    def _pull(self, T_base_tcp: Array) -> None:
        self.controller.target_position[:] = T_base_tcp[:3]
        self.controller.target_quat_wxyz[:] = T_base_tcp[[6, 3, 4, 5]]

    def advance_to(self, stamp_ns: int) -> None:
        """Run control and physics until simulated time reaches `stamp_ns`."""
        steps = max(0, (stamp_ns - self.time_ns) // self._step_ns)
        sample_every = max(1, steps // WRENCH_SAMPLES)
        wrenches = []
        for step in range(steps):
            self._let_people_act(self.time_ns + step * self._step_ns)
            self._glide_on()
            self.data.ctrl[:] = self.controller.torques()
            mujoco.mj_step(self.model, self.data)
            if step % sample_every == sample_every - 1:
                wrenches.append(self._contact_wrench())
        if wrenches:
            self.wrench = np.mean(wrenches, axis=0)
        self.time_ns += steps * self._step_ns
        if not np.isfinite(self.data.qpos).all():
            raise DeviceError("the simulation became unstable", hint="this is a bug: please report")

    def tcp_pose(self) -> Array:
        """Return the (7,) `T_base_tcp`."""
        return self.site_pose(self._site)

    def site_pose(self, site: int | str) -> Array:
        """Return the (7,) pose of a site in the base frame."""
        view = self.data.site(site)
        quat = np.zeros(4)
        mujoco.mju_mat2Quat(quat, view.xmat)
        return geometry.pose(view.xpos, quat[[1, 2, 3, 0]])

    def camera_pose(self, camera: str) -> Array:
        """Return the (7,) `T_base_cam` of a camera: x to the right, y down, z ahead."""
        view = self.data.camera(camera)
        quat = geometry.quat_from_matrix(view.xmat.reshape(3, 3) * [1.0, -1.0, -1.0])
        return geometry.pose(view.xpos, quat)

    def tcp_velocity(self) -> Array:
        """Return the (6,) linear m/s and angular rad/s velocity of the tcp in the base frame."""
        jac = np.zeros((6, self.model.nv))
        mujoco.mj_jacSite(self.model, self.data, jac[:3], jac[3:], self._site)
        return jac @ self.data.qvel

    def solved(self) -> bool:
        """Return whether the scene's task is truly done."""
        return self.scene.solved(self.model, self.data)

    def render(self, camera: str, width: int, height: int) -> NDArray[np.uint8]:
        """Return the (height, width, 3) RGB picture of a camera."""
        if self._renderer is None:
            self._renderer = make_renderer(self.model)
        return self._renderer.render(self.data, camera, width, height)

    def render_finely(self, camera: str, width: int, height: int) -> NDArray[np.uint8]:
        """Return the (height, width, 3) picture of a camera, its edges as smooth as a lens's.

        It is drawn `FINER` times as large: corners of a board are 0.09 px off instead of 0.14.
        """
        if self._fine_renderer is None:
            self._fine_renderer = make_renderer(self.model, FINER)
        large = self._fine_renderer.render(self.data, camera, FINER * width, FINER * height)
        cells = large.reshape(height, FINER, width, FINER, 3)
        return np.asarray(cells.mean(axis=(1, 3)).round(), np.uint8)

    def close(self) -> None:
        """Free the renderer."""
        for renderer in (self._renderer, self._fine_renderer):
            if renderer is not None:
                renderer.close()
        self._renderer = self._fine_renderer = None

    def _let_people_act(self, stamp_ns: int) -> None:
        if stamp_ns % PERSON_PERIOD_NS:
            return
        for person in (self.carrier, self.leader):
            if person is not None:
                person.act(stamp_ns)

    def _contact_wrench(self) -> Array:
        """Return the (6,) force and torque on the tool from outside, at the tcp, tcp frame.

        `cfrc_ext` is expressed about the kinematic tree's centre of mass, torque first.
        """
        if self.data.ncon == 0:
            return np.zeros(6)
        mujoco.mj_rnePostConstraint(self.model, self.data)
        total = self.data.cfrc_ext[self._tool_bodies].sum(axis=0)
        root = self.model.body_rootid[self._tool_bodies[0]]
        arm = self.data.subtree_com[root] - self.data.site_xpos[self._site]
        force, torque = total[3:], total[:3] + np.cross(arm, total[3:])
        to_tcp = self.data.site_xmat[self._site].reshape(3, 3).T
        return np.concatenate([to_tcp @ force, to_tcp @ torque])

    def _solve_home(self) -> Array:
        """Return joint positions that put the tcp at the scene's home, by damped least squares."""
        data, target = self.data, self.scene.home_tcp
        data.qpos[:] = READY_Q
        jac, error = np.zeros((6, self.model.nv)), np.zeros(6)
        for _ in range(200):
            mujoco.mj_kinematics(self.model, data)
            mujoco.mj_comPos(self.model, data)
            here = self.tcp_pose()
            turn = geometry.rotation_between(here, target)
            error[:3], error[3:] = target[:3] - here[:3], geometry.rotate(here[3:], turn)
            mujoco.mj_jacSite(self.model, data, jac[:3], jac[3:], self._site)
            data.qpos += 0.5 * jac.T @ np.linalg.solve(jac @ jac.T + 1e-6 * np.eye(6), error)
        if np.linalg.norm(error) > 1e-6:
            raise DeviceError("the scene's home pose is out of the arm's reach")
        return data.qpos.copy()


def tool_bodies(model: mujoco.MjModel) -> NDArray[np.intp]:
    """Return the ids of the hand and everything it carries."""
    hand = model.body("hand").id
    return np.array(
        [body for body in range(model.nbody) if body == hand or model.body_parentid[body] == hand]
    )
