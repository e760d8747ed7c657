"""Between episodes the arm goes through nothing, stays in its bounds, and stops at resistance."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilctl import geometry
from hilctl.devices import Options, Rig
from hilctl.env.robot_env import RobotEnv
from hilctl.env.safety import reset_pose
from hilctl.env.travel import Travel
from hilctl.errors import DeviceError
from hilctl.pipeline.calibrate.devices import go_home
from hilctl.robots.sim import SimRobot
from hilctl.sim.experts import expert_for
from hilctl.sim.world import SimWorld
from hilctl.task import scaffold
from hilctl.task.load import load_task
from hilctl.task.spec import Bounds, ResetSpec, TaskSpec

PEAK_N = 15.0
TOLERANCE_M = 0.0025


class PlainRobot(SimRobot):
    """The simulated arm as a real one is: nobody lifts it back by magic."""

    resets_the_arm = False

    def __init__(self, options: Options, rig: Rig) -> None:
        super().__init__(options, rig)
        self.scene_was_put_back_at: list[np.ndarray] = []

    def reset_scene(self) -> None:
        self.scene_was_put_back_at.append(self.state().tcp_pose)


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> TaskSpec:
    template = scaffold.find_template("sim-insert")
    folder: Path = tmp_path_factory.mktemp("insert") / "peg"
    scaffold.create(template, folder, template.answers({}))
    return load_task(folder)


@pytest.fixture
def robot(spec: TaskSpec) -> Iterator[PlainRobot]:
    with PlainRobot(spec.robot.options, Rig(3)) as opened:
        yield opened


@pytest.fixture
def felt(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, np.ndarray]]:
    """Every force on the tool, in N, and where the tool was: of single physics steps."""
    really, seen = SimWorld._contact_wrenches, []

    def spy(self: SimWorld) -> np.ndarray:
        (wrench,) = wrenches = really(self)
        seen.append((float(np.linalg.norm(wrench[:3])), self.tcp_pose()))
        return wrenches

    monkeypatch.setattr(SimWorld, "_contact_wrenches", spy)
    return seen


def drive(env: RobotEnv, target: Any, until: Any, steps: int = 90) -> bool:
    """Head for a pose as an operator would; return whether `until` came true."""
    for _ in range(steps):
        here = env.robot.state().tcp_pose
        env.step(np.clip(env.arms[0]._limiter.action_between(here, target()), -1, 1))
        if until():
            return True
    return False


def into_the_hole(env: RobotEnv, world: SimWorld, depth_m: float) -> None:
    world.reset()
    env.reset()
    scene: Any = world.scene
    assert drive(env, expert_for(world).target, lambda: scene.depth_m(world.data) > depth_m)


def onto_the_socket(env: RobotEnv, world: SimWorld, x: float, y: float) -> None:
    world.reset()
    env.reset()
    low = geometry.pose([x, y, 0.07], reset_pose(env.arms[0].spec.reset)[3:])
    drive(env, lambda: low, lambda: False, steps=50)
    assert np.linalg.norm(world.wrench[:3]) > 3


def test_eight_of_eight_resets_from_in_and_on_the_socket_succeed_without_force(
    spec: TaskSpec, robot: PlainRobot, felt: list[tuple[float, np.ndarray]]
) -> None:
    env, world = RobotEnv(spec, {"": robot}, {}, np.random.default_rng(1)), robot.world
    begun = [
        *[lambda depth=depth: into_the_hole(env, world, depth) for depth in (4e-3, 0.012)],
        *[lambda: into_the_hole(env, world, 0.02)] * 4,
        lambda: onto_the_socket(env, world, 0.515, 0.01),
        lambda: onto_the_socket(env, world, 0.48, -0.02),
    ]
    bounds = spec.control.bounds
    for begin in begun:
        begin()
        robot.stop()
        robot.rig.clock.sleep_until(robot.rig.clock.now_ns() + 100_000_000)
        felt.clear()
        before = robot.state().tcp_pose
        obs, _ = env.reset()
        start = obs["state"]["tcp_pose"]
        assert max(force for force, _ in felt) < PEAK_N
        for pose in (before, *(pose for _, pose in felt), start):
            assert (pose[:3] > np.array(bounds.low[:3]) - TOLERANCE_M).all()
            assert (pose[:3] < np.array(bounds.high[:3]) + TOLERANCE_M).all()
        home = reset_pose(spec.reset)
        assert np.abs(start[:2] - home[:2]).max() < spec.reset.random_xy_m + TOLERANCE_M
        assert abs(start[2] - home[2]) < spec.reset.random_z_m + TOLERANCE_M


def test_the_scene_is_put_back_when_the_arm_is_out_of_the_way(
    spec: TaskSpec, robot: PlainRobot
) -> None:
    env = RobotEnv(spec, {"": robot}, {}, np.random.default_rng(1))
    into_the_hole(env, robot.world, 0.02)
    env.reset()
    assert robot.scene_was_put_back_at[-1][2] > spec.reset.pose[2]


def test_cameras_are_checked_from_where_the_arm_was_left_without_force(
    spec: TaskSpec, robot: PlainRobot, felt: list[tuple[float, np.ndarray]]
) -> None:
    env = RobotEnv(spec, {"": robot}, {}, np.random.default_rng(1))
    into_the_hole(env, robot.world, 0.02)
    felt.clear()
    go_home(robot, spec)
    assert max((force for force, _ in felt), default=0.0) < PEAK_N
    np.testing.assert_allclose(robot.state().tcp_pose[:3], spec.reset.pose[:3], atol=TOLERANCE_M)


def test_a_way_that_is_blocked_stops_where_it_is_and_says_so(
    spec: TaskSpec, robot: PlainRobot
) -> None:
    env, world = RobotEnv(spec, {"": robot}, {}, np.random.default_rng(1)), robot.world
    robot.move_to(geometry.pose([0.465, 0.0, 0.16], reset_pose(spec.reset)[3:]), speed=0.5)
    socket = world.model.body("socket").id
    world.model.body_pos[socket] = [0.535, 0.0, 0.09]  # somebody left it on a box
    with pytest.raises(DeviceError, match=r"cannot go to its start.*against \d+ N") as caught:
        env.reset()
    assert "from [0.4" in caught.value.message
    np.testing.assert_allclose(world.arm.target()[:3], world.tcp_pose()[:3], atol=2e-3)
    robot.rig.clock.sleep_until(robot.rig.clock.now_ns() + 500_000_000)
    assert np.linalg.norm(world.wrench[:3]) < 2


def test_a_straight_line_through_the_wall_of_the_hole_is_given_up(
    spec: TaskSpec, robot: PlainRobot
) -> None:
    env = RobotEnv(spec, {"": robot}, {}, np.random.default_rng(1))
    into_the_hole(env, robot.world, 0.02)
    robot.stop()
    here = robot.state().tcp_pose
    aside = geometry.pose(here[:3] + np.array([0.02, 0, 0]), here[3:])
    with pytest.raises(DeviceError, match=r"did not reach its target against \d+ N and holds"):
        robot.move_to(aside, speed=0.1)
    assert np.linalg.norm(robot.state().tcp_pose[:3] - here[:3]) < 0.01


poses = st.tuples(*[st.floats(-1, 1)] * 6).map(np.array)
tilts = st.tuples(st.floats(-3, 3), st.floats(-1.5, 1.5), st.floats(-3, 3))


@given(poses, poses, tilts)
def test_every_way_backs_out_first_goes_over_and_stays_in_the_bounds(
    here: np.ndarray, goal: np.ndarray, rpy: tuple[float, float, float]
) -> None:
    middle = np.array([0.5, 0.0, 0.12])
    half = np.array([0.08, 0.07, 0.06])
    reset = ResetSpec(pose=(*middle, *rpy), random_xy_m=0.02, random_z_m=0.01)
    bounds = Bounds(
        low=(*(middle - half), -0.3, -0.3, -0.3), high=(*(middle + half), 0.3, 0.3, 0.3)
    )
    travel = Travel(_task(reset, bounds))
    home = reset_pose(reset)

    def at(share: np.ndarray, scale: float) -> np.ndarray:
        turn = geometry.quat_from_rotvec(0.3 * share[3:])
        return geometry.pose(
            middle + scale * half * share[:3], geometry.quat_multiply(home[3:], turn)
        )

    start, end = at(here, 1.0), at(goal, 0.2)
    legs = travel.legs(start, end)
    away = geometry.rotate(home[3:], [0, 0, -1.0])
    heights = [away @ pose[:3] for pose in (start, *(leg.goal for leg in legs))]
    np.testing.assert_array_equal(legs[-1].goal, end)
    for leg in legs:
        assert (np.abs(leg.goal[:3] - middle) <= half + 1e-9).all()
    outward = [height for leg, height in zip(legs, heights[1:], strict=True) if leg.speed < 0.1]
    assert outward == sorted(outward)
    assert all(height > heights[0] for height in outward)


def _task(reset: ResetSpec, bounds: Bounds) -> Any:
    return SimpleNamespace(reset=reset, control=SimpleNamespace(bounds=bounds))
