"""Between episodes the arm goes through nothing, stays in its bounds, and stops at resistance."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilctl import geometry
from hilctl.devices import Options, Rig
from hilctl.env import travel
from hilctl.env.robot_env import RobotEnv
from hilctl.env.safety import reset_pose
from hilctl.env.travel import OUT_SPEED, Travel
from hilctl.env.way_in import MARGIN_M, WayIn
from hilctl.errors import DeviceError
from hilctl.pipeline.calibrate.devices import go_home
from hilctl.robots.sim import SimRobot
from hilctl.sim.experts import expert_for
from hilctl.sim.world import SimWorld
from hilctl.task import scaffold
from hilctl.task.load import load_task
from hilctl.task.sections import Bounds, ResetSpec
from hilctl.task.spec import TaskSpec

PEAK_N = 15.0
TOLERANCE_M = 0.0025
SLOWLY_M_S = OUT_SPEED * SimRobot.limits.speed_m_s


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
        env.step(np.clip(env.arms[0]._motion._limiter.action_between(here, target()), -1, 1))
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


def test_a_tool_is_drawn_out_slowly_while_it_is_inside_and_quickly_from_there_on(
    spec: TaskSpec, robot: PlainRobot, felt: list[tuple[float, np.ndarray]]
) -> None:
    reset = spec.reset.model_copy(update={"depth_m": 0.03})
    task = spec.model_copy(update={"reset": reset})
    env, world = RobotEnv(task, {"": robot}, {}, np.random.default_rng(4)), robot.world
    scene, clock, seen = cast(Any, world.scene), robot.rig.clock, list[tuple[float, float]]()

    def look(sleep: Any, stamp_ns: int) -> None:
        sleep(stamp_ns)
        seen.append((scene.depth_m(world.data), world.tcp_velocity()[2]))

    for _ in range(3):
        into_the_hole(env, world, 0.02)
        robot.stop()
        felt.clear()
        seen.clear()
        begun_ns = clock.now_ns()
        advance = world.advance_to
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(world, "advance_to", partial(look, advance))
            env.reset()
        assert max(force for force, _ in felt) < PEAK_N
        assert max(speed for depth, speed in seen if depth > 0) < 1.5 * SLOWLY_M_S
        assert max(speed for _, speed in seen) > 4 * SLOWLY_M_S
        way_m = world.tcp_pose()[2] - 0.07
        assert (clock.now_ns() - begun_ns) * 1e-9 < way_m / SLOWLY_M_S


def test_a_tool_that_still_feels_something_is_drawn_out_slowly_all_the_way(
    spec: TaskSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    way_in, told = WayIn(), list[float]()
    home = reset_pose(spec.reset)
    for beside_m, up_m in ((0.02, 0.05), (0.01, 0.04), (0.0, 0.03), (0.0, 0.015), (0.0, 0.0)):
        way_in.note(home[:3] + np.array([beside_m, 0.0, up_m - 0.08]))
    here = geometry.pose(home[:3] - np.array([0, 0, 0.08]), home[3:])
    monkeypatch.setattr(travel, "move", lambda robot, goal, speed: told.append(speed))
    for felt_n in (0.0, 8.0):
        told.clear()
        wrench = np.array([0, 0, felt_n, 0, 0, 0])
        robot: Any = SimpleNamespace(
            state=lambda wrench=wrench: SimpleNamespace(tcp_pose=here, tcp_wrench=wrench)
        )
        Travel(cast(Any, spec.each_arm[""])).back_out(robot, way_in)
        slow = [speed for speed in told if speed < 0.1]
        assert len(slow) == (len(told) if felt_n else 1)


OUT = np.array([0.0, 0.0, 1.0])


def way(*places: tuple[float, float]) -> WayIn:
    """Return a way of so many metres beside and above where it ends."""
    way_in = WayIn()
    for beside_m, up_m in places:
        way_in.note(np.array([0.5 + beside_m, 0.0, 0.1 + up_m]))
    return way_in


def test_a_tool_was_not_inside_where_it_was_beside_its_way_out() -> None:
    here = np.array([0.5, 0.0, 0.1])
    came = [(0.02, 0.06), (0.015, 0.05), (0.006, 0.04), (0.002, 0.03), (0.0, 0.015), (0.0, 0.0)]
    assert way(*came).inside_m(here, OUT) == pytest.approx(0.04 + MARGIN_M)
    # what was before it came in is of no account, however low that was
    before = [(0.05, 0.0), (0.05, 0.02), (0.05, 0.04), (0.04, 0.05), (0.03, 0.06)]
    assert way(*before, *came).inside_m(here, OUT) == pytest.approx(0.04 + MARGIN_M)


@pytest.mark.parametrize(
    "came",
    [
        [],
        [(0.0, 0.03), (0.0, 0.02), (0.0, 0.0)],
        [(0.02, 0.05), (0.01, 0.05), (0.0, 0.025), (0.0, 0.0)],
        [(0.02, 0.0), (0.01, 0.0), (0.0, 0.03)],
        [(0.01, -0.02), (0.01, -0.01), (0.0, -0.01), (0.0, 0.0)],
    ],
    ids=["never seen", "straight", "over a gap", "moved since", "from further in"],
)
def test_a_tool_of_whose_way_too_little_is_known_may_be_inside_all_the_way(
    came: list[tuple[float, float]],
) -> None:
    assert way(*came).inside_m(np.array([0.5, 0.0, 0.1]), OUT) is None


def test_a_new_start_forgets_the_way_before() -> None:
    way_in = way((0.02, 0.02), (0.01, 0.01), (0.0, 0.0))
    way_in.begin()
    assert way_in.inside_m(np.array([0.5, 0.0, 0.1]), OUT) is None


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
    ways = Travel(_task(reset, bounds))
    home = reset_pose(reset)

    def at(share: np.ndarray, scale: float) -> np.ndarray:
        turn = geometry.quat_from_rotvec(0.3 * share[3:])
        return geometry.pose(
            middle + scale * half * share[:3], geometry.quat_multiply(home[3:], turn)
        )

    start, end = at(here, 1.0), at(goal, 0.2)
    legs = ways.legs(start, end)
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
