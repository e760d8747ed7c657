"""The simulated world: physics, torque control and the clock that makes time pass."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import mujoco
import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.errors import DeviceError
from hilctl.sim.arm import Posture, SimArm, site_pose
from hilctl.sim.impedance import Gains, ImpedanceController
from hilctl.sim.person import Person
from hilctl.sim.rendering import Renderer, make_renderer
from hilctl.sim.scenes import SCENES, BoardScene, PrintedBoard, Scene

Array = NDArray[np.float64]

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
    """One scene with its arms in it, advanced at 500 Hz.

    What is said of "the arm" is about the first one.

    Args:
        scene: name of a scene in `SCENES`.
        rng: source of what differs from episode to episode.
        gains: of the arms' controllers.
        board: shown instead of the scene's objects.

    Attributes:
        arms: by name; a single one is called "".
        carrier: who carries a board, if anybody does.
    """

    def __init__(
        self,
        scene: str,
        rng: np.random.Generator,
        gains: Gains | None = None,
        board: PrintedBoard | None = None,
    ) -> None:
        named: Scene = SCENES[scene]()
        self.name = scene
        self.scene = named if board is None else BoardScene(named, board)
        self.model = self.scene.build()
        self.data = mujoco.MjData(self.model)
        self.clock = SimClock(self)
        self._rng = rng
        self._step_ns = round(self.model.opt.timestep * 1e9)
        self.time_ns = 0
        self.arms = {
            name: SimArm(self.model, self.data, name, self.scene.home_tcp, gains)
            for name in self.scene.arms
        }
        self.arm = next(iter(self.arms.values()))
        self._renderer: Renderer | None = None
        self._fine_renderer: Renderer | None = None
        self.carrier: Person | None = None
        self.reset()

    def reset(self) -> None:
        """Put the arms at their home pose and draw a new episode's variations."""
        mujoco.mj_resetData(self.model, self.data)
        self.scene.randomise(self.model, self.data, self._rng)
        for arm in self.arms.values():
            arm.go_home()
        self._hand_over()
        for arm in self.arms.values():
            arm.wrench = np.zeros(6)
        self.hold()

    def put_back(self) -> None:
        """Put the objects back and draw a new episode's variations; the arms go on as they were."""
        postures = {name: arm.posture() for name, arm in self.arms.items()}
        mujoco.mj_resetData(self.model, self.data)
        self.scene.randomise(self.model, self.data, self._rng)
        self._stand(postures)
        self._hand_over()

    def follow(self, other: SimWorld) -> None:
        """Go on from another world's time, with the arms as they are there, held."""
        self.time_ns = other.time_ns
        self._stand({name: arm.posture() for name, arm in other.arms.items()})
        self.hold()

    def _stand(self, postures: Mapping[str, Posture]) -> None:
        for name, arm in self.arms.items():
            arm.take(postures[name])
        mujoco.mj_forward(self.model, self.data)

    def _hand_over(self) -> None:
        mujoco.mj_forward(self.model, self.data)
        self.scene.hand_over(self.model, self.data)
        mujoco.mj_forward(self.model, self.data)

    def hold(self) -> None:
        """Let every arm hold where it is."""
        for arm in self.arms.values():
            arm.hold()

    @property
    def controller(self) -> ImpedanceController:
        """The arm's."""
        return self.arm.controller

    @property
    def wrench(self) -> Array:
        """What the arm feels."""
        return self.arm.wrench

    def set_target(self, T_base_tcp: Array) -> None:
        """Pull the arm's tcp towards the (7,) pose."""
        self.arm.set_target(T_base_tcp)

    def advance_to(self, stamp_ns: int) -> None:
        """Run control and physics until simulated time reaches `stamp_ns`."""
        steps = max(0, (stamp_ns - self.time_ns) // self._step_ns)
        sample_every = max(1, steps // WRENCH_SAMPLES)
        wrenches = []
        for step in range(steps):
            self._let_people_act(self.time_ns + step * self._step_ns)
            for arm in self.arms.values():
                arm.act()
            mujoco.mj_step(self.model, self.data)
            self.scene.happen(self.model, self.data)
            if step % sample_every == sample_every - 1:
                wrenches.append(self._contact_wrenches())
        if wrenches:
            for arm, wrench in zip(self.arms.values(), np.mean(wrenches, axis=0), strict=True):
                arm.wrench = wrench
        self.time_ns += steps * self._step_ns
        if not np.isfinite(self.data.qpos).all():
            raise DeviceError("the simulation became unstable", hint="this is a bug: please report")

    def tcp_pose(self) -> Array:
        """Return the (7,) `T_base_tcp` of the arm."""
        return self.arm.tcp_pose()

    def site_pose(self, site: int | str) -> Array:
        """Return the (7,) pose of a site in the world's frame, which is that of a single base."""
        return site_pose(self.data, site)

    @property
    def cameras(self) -> list[str]:
        """The names of the scene's cameras."""
        return [self.model.camera(i).name for i in range(self.model.ncam)]

    def camera_pose(self, camera: str) -> Array:
        """Return the (7,) `T_base_cam` of a camera: x to the right, y down, z ahead."""
        view = self.data.camera(camera)
        quat = geometry.quat_from_matrix(view.xmat.reshape(3, 3) * [1.0, -1.0, -1.0])
        return geometry.pose(view.xpos, quat)

    def tcp_velocity(self) -> Array:
        """Return the (6,) linear m/s and angular rad/s velocity of the arm's tcp, base frame."""
        return self.arm.tcp_velocity()

    def solved(self) -> bool:
        """Return whether the scene's task is truly done."""
        return self.scene.solved(self.model, self.data)

    def reached(self) -> tuple[str, ...]:
        """Return the stages of the scene that are truly reached as it stands now, in order."""
        return self.scene.stages[: self.scene.reached(self.model, self.data)]

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
        # the mean of each pixel's parts, in 2 ms for 640 x 480 where numpy's takes 180
        small = cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.uint8)

    def close(self) -> None:
        """Free the renderer."""
        for renderer in (self._renderer, self._fine_renderer):
            if renderer is not None:
                renderer.close()
        self._renderer = self._fine_renderer = None

    def _let_people_act(self, stamp_ns: int) -> None:
        if stamp_ns % PERSON_PERIOD_NS:
            return
        for person in (self.carrier, *(arm.leader for arm in self.arms.values())):
            if person is not None:
                person.act(stamp_ns)

    def _contact_wrenches(self) -> Array:
        """Return (arms, 6) force and torque on each tool from outside, at its tcp, tcp frame."""
        if self.data.ncon == 0 and self.data.ne == 0:
            return np.zeros((len(self.arms), 6))
        mujoco.mj_rnePostConstraint(self.model, self.data)
        return np.stack([arm.contact_wrench() for arm in self.arms.values()])
