"""The environment: times, shapes, starts, pictures, and what was really executed."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from bench_stand import FiresAt, Hand, Stand, open_stand, tiny_features
from gymnasium.utils.env_checker import check_env

from hilctl import geometry
from hilctl.cameras.sim import SimCameraOptions
from hilctl.env.make import open_station
from hilctl.env.robot_env import RobotEnv, crop_and_resize
from hilctl.env.safety import reset_pose
from hilctl.env.wrappers import JudgeReward
from hilctl.errors import DeviceError, SafetyStopError
from hilctl.robots.base import Command, Robot
from hilctl.robots.sim import SimRobot
from hilctl.task.sections import CameraSpec, PluginSpec
from hilctl.task.spec import TaskSpec
from hilctl.teleop.base import TeleopEvent, TeleopInput


class Timeless(RobotEnv):
    """The environment without its stamps: they go on through resets, as a robot's clock does."""

    def reset(self, **kwargs: Any) -> Any:
        obs, info = super().reset(**kwargs)
        return obs, without_stamps(info)

    def step(self, action: np.ndarray) -> Any:
        *outcome, info = super().step(action)
        return *outcome, without_stamps(info)


def without_stamps(info: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in info.items() if "stamp" not in key}


def test_it_is_a_gymnasium_environment(stand: Stand) -> None:
    env = Timeless(stand.spec, {"": stand.robot}, stand.env.cameras, np.random.default_rng(0))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_env(env, skip_render_check=True, skip_close_check=True)
    complaints = {str(warning.message) for warning in caught}
    # measurements have no limits, and nobody looks an environment with a robot up by name
    allowed = ("infinity", "spec")
    assert [text for text in complaints if not any(word in text for word in allowed)] == []


def test_observations_lie_in_their_space_with_and_without_motion(stand: Stand) -> None:
    obs, _ = stand.env.reset()
    assert stand.env.observation_space.contains(obs)
    obs, *_ = stand.env.step(np.full(6, -1.0))
    assert stand.env.observation_space.contains(obs)
    assert obs["images"]["wrist"].shape == (24, 32, 3)


def test_steps_take_one_control_period_on_the_robots_clock(stand: Stand) -> None:
    _, info = stand.env.reset()
    stamps = [info["stamp_ns"]]
    for _ in range(5):
        _, _, _, _, info = stand.env.step(np.zeros(6))
        assert info["late_s"] == 0
        assert set(info["frame_stamps_ns"].values()) == {info["stamp_ns"]}
        stamps.append(info["stamp_ns"])
    assert set(np.diff(stamps)) == {100_000_000}


def test_a_missed_period_is_left_out_and_not_made_up_for(stand: Stand) -> None:
    stand.env.reset()
    clock = stand.env.clock
    clock.sleep_until(clock.now_ns() + 1_050_000_000)  # a hiccup of ten periods and a half
    *_, info = stand.env.step(np.zeros(6))
    assert info["late_s"] == pytest.approx(1.05)
    stamps = [info["stamp_ns"]]
    for _ in range(3):
        *_, info = stand.env.step(np.zeros(6))
        assert info["late_s"] == 0
        stamps.append(info["stamp_ns"])
    assert set(np.diff(stamps)) == {100_000_000}


def test_what_the_robot_cuts_off_counts_as_not_executed(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand.env.reset()
    still = stand.robot.state().tcp_pose
    really = stand.robot.servo
    monkeypatch.setattr(stand.robot, "servo", lambda command: really(Command(still)))
    *_, info = stand.env.step(np.full(6, 0.5))
    np.testing.assert_allclose(info["executed_action"], 0, atol=1e-9)


def test_the_arm_never_gets_what_is_not_a_number(stand: Stand) -> None:
    stand.env.reset()
    sent = len(stand.robot.sent)
    with pytest.raises(SafetyStopError, match="not a number"):
        stand.env.step(np.array([0, np.nan, 0, 0, 0, 0]))
    assert len(stand.robot.sent) == sent


def test_an_episode_is_truncated_when_its_time_is_up_and_never_terminated(stand: Stand) -> None:
    for _ in range(2):  # also after a reset
        stand.env.reset()
        ends = [stand.env.step(np.zeros(6))[2:4] for _ in range(20)]
        assert ends == [(False, False)] * 19 + [(False, True)]


def test_a_success_at_the_last_moment_terminates_and_does_not_truncate(stand: Stand) -> None:
    env = stand.wrapped(Hand(), fires_at=20)
    env.reset()
    ends = [env.step(np.zeros(6))[1:4] for _ in range(20)]
    assert ends == [(0.0, False, False)] * 19 + [(1.0, True, False)]


def test_what_the_reward_remembers_does_not_outlive_an_episode(stand: Stand) -> None:
    env = stand.wrapped(Hand(), fires_at=3)
    for _ in range(2):
        env.reset()
        assert [env.step(np.zeros(6))[2] for _ in range(3)] == [False, False, True]


def test_the_executed_action_is_told_not_the_wish(stand: Stand) -> None:
    stand.env.reset()
    here = stand.robot.state().tcp_pose
    wish = np.array([3.0, 0, 0, 0, 0, 0])
    *_, info = stand.env.step(wish)
    executed = info["executed_action"]
    assert executed[0] == pytest.approx(1)
    control = stand.spec.control
    move = executed * np.repeat([control.translation_m, control.rotation_rad], 3)
    sent = geometry.compose(here, geometry.pose(move[:3], geometry.quat_from_rotvec(move[3:])))
    np.testing.assert_allclose(stand.robot.sent[-1], sent, atol=1e-9)


def test_targets_stay_within_the_bounds_of_the_task(stand: Stand) -> None:
    stand.env.reset()
    for _ in range(19):
        stand.env.step(np.array([1.0, 0, 1.0, 0, 0, 0]))
    bounds = stand.spec.control.bounds
    sent = np.array(stand.robot.sent)[:, :3]
    assert (sent >= np.array(bounds.low[:3]) - 1e-9).all()
    assert (sent <= np.array(bounds.high[:3]) + 1e-9).all()
    assert sent[-1, 2] == pytest.approx(bounds.low[2])  # it did get there


def test_starts_differ_within_the_range_that_the_task_gives(stand: Stand) -> None:
    reset, home = stand.spec.reset, reset_pose(stand.spec.reset)
    starts, turns = [], []
    for _ in range(12):
        obs, _ = stand.env.reset()
        starts.append(obs["state"]["tcp_pose"][:3] - home[:3])
        turns.append(geometry.rotation_between(home, obs["state"]["tcp_pose"]))
    margin_m, margin_rad = 0.003, 0.03
    assert np.abs(starts)[:, :2].max() <= reset.random_xy_m + margin_m
    assert np.abs(starts)[:, 2].max() <= reset.random_z_m + margin_m
    assert np.linalg.norm(turns, axis=1).max() <= reset.random_yaw_rad + margin_rad
    assert (np.ptp(starts, axis=0)[:2] > reset.random_xy_m).all()
    assert np.ptp(np.array(turns)[:, 2]) > reset.random_yaw_rad


def rollout(spec: TaskSpec, seed: int) -> tuple[np.ndarray, np.ndarray]:
    with open_stand(spec, seed) as stand:
        stand.env.reset()
        for _ in range(4):
            obs, *_ = stand.env.step(np.array([0.4, -0.2, 0.5, 0.1, 0, 0.3]))
    return obs["state"]["tcp_pose"], obs["images"]["wrist"]


def test_the_same_seed_is_the_same_episode_pictures_included(spec: TaskSpec) -> None:
    for one, other in zip(rollout(spec, 5), rollout(spec, 5), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (rollout(spec, 5)[0] != rollout(spec, 6)[0]).any()


def test_a_hand_on_the_device_replaces_the_policys_action(stand: Stand) -> None:
    twist = np.array([0, -0.5, 0.2, 0, 0, 0.4])
    env = stand.wrapped(Hand([TeleopInput()] * 2 + [TeleopInput(twist=twist, engaged=True)]))
    env.reset()
    policy = np.full(6, 0.3)
    *_, info = env.step(policy)
    assert info["intervened"] is False
    assert info["human_action"] is None
    np.testing.assert_allclose(info["executed_action"], policy, atol=1e-6)
    *_, info = env.step(policy)
    assert info["intervened"] is True
    np.testing.assert_array_equal(info["human_action"], twist)
    np.testing.assert_allclose(info["executed_action"], twist, atol=1e-6)


def test_a_twist_without_a_hand_in_charge_changes_nothing(stand: Stand) -> None:
    env = stand.wrapped(Hand([TeleopInput(twist=np.ones(6), engaged=False)]))
    env.reset()
    *_, info = env.step(np.zeros(6))
    np.testing.assert_allclose(info["executed_action"], 0, atol=1e-6)


def test_throwing_an_episode_away_truncates_it(stand: Stand) -> None:
    env = stand.wrapped(Hand([TeleopInput(), TeleopInput(events=(TeleopEvent.DISCARD,))]))
    env.reset()
    _, _, terminated, truncated, info = env.step(np.zeros(6))
    assert (terminated, truncated) == (False, True)
    assert info["events"] == (TeleopEvent.DISCARD,)


def test_each_frame_is_encoded_exactly_once(stand: Stand) -> None:
    batches: list[tuple[int, ...]] = []

    def encode(images: np.ndarray) -> np.ndarray:
        batches.append(images.shape)
        return tiny_features(images)

    env = stand.wrapped(Hand(), encode=encode)
    assert batches == [(2, 24, 32, 3)], "compiled before the robot moves"
    obs, _ = env.reset()
    for _ in range(3):
        obs, *_ = env.step(np.zeros(6))
    assert batches[1:] == batches[:1] * 4
    for name, image in obs["images"].items():
        np.testing.assert_array_equal(obs["features"][name], tiny_features(image[None])[0])


def test_the_reward_tells_how_sure_it_is(stand: Stand) -> None:
    env = stand.wrapped(Hand())
    env.reset()
    assert env.step(np.zeros(6))[4]["judgement"].probability == 0.25
    assert isinstance(env.get_wrapper_attr("reward_model"), FiresAt)
    assert JudgeReward.__doc__


RAW = np.arange(40 * 60 * 3, dtype=np.uint32).reshape(40, 60, 3).astype(np.uint8)


def camera(**settings: Any) -> CameraSpec:
    return CameraSpec(type="sim", options=SimCameraOptions(view="side"), **settings)


def test_a_picture_of_the_right_size_is_left_as_it_is() -> None:
    np.testing.assert_array_equal(crop_and_resize("side", RAW, camera(size=(60, 40))), RAW)


def test_a_crop_is_x_y_width_height_on_the_raw_frame() -> None:
    cropped = crop_and_resize("side", RAW, camera(size=(20, 16), crop=(10, 4, 20, 16)))
    np.testing.assert_array_equal(cropped, RAW[4:20, 10:30])


def test_a_smaller_picture_averages_what_it_leaves_out() -> None:
    smooth = np.linspace(0, 255, 60)[None, :, None].repeat(40, 0).repeat(3, 2).astype(np.uint8)
    small = crop_and_resize("side", smooth, camera(size=(30, 20)))
    assert small.shape == (20, 30, 3)
    np.testing.assert_allclose(small[0, :, 0], smooth[0].reshape(30, 2, 3).mean(1)[:, 0], atol=1)


def test_closing_stops_the_robot_first_and_closes_every_device(spec: TaskSpec) -> None:
    with open_stand(spec) as stand:
        stand.env.reset()
        stand.robot.calls.clear()
        stand.env.close()
        assert stand.robot.calls == ["stop"]
        with pytest.raises(DeviceError, match="not open"):
            stand.robot.state()


@pytest.fixture
def stops(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []
    really_stop, really_close = SimRobot.stop, SimRobot.close

    def stop(robot: SimRobot) -> None:
        calls.append("stop")
        really_stop(robot)

    def close(robot: Robot) -> None:
        calls.append("close")
        really_close(robot)  # type: ignore[arg-type]

    monkeypatch.setattr(SimRobot, "stop", stop)
    monkeypatch.setattr(SimRobot, "close", close)
    return calls


def test_a_station_stops_the_robot_before_it_closes_it(spec: TaskSpec, stops: list[str]) -> None:
    with open_station(spec) as station:
        station.env.reset()
        stops.clear()
    assert stops[0] == "stop"
    assert stops[-1] == "close"


def test_a_station_stops_the_robot_when_the_command_fails(spec: TaskSpec, stops: list[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupted(spec)
    assert stops[0] == "stop"
    assert "close" in stops


def interrupted(spec: TaskSpec) -> None:
    with open_station(spec):
        raise KeyboardInterrupt


def test_a_station_that_cannot_open_everything_closes_what_it_opened(
    spec: TaskSpec, stops: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: object) -> None:
        raise DeviceError("no such device")

    monkeypatch.setattr("hilctl.cameras.sim.SimCamera.open", fail)
    with pytest.raises(DeviceError, match="no such device"), open_station(spec):
        pass
    assert stops[-1] == "close"
    assert isinstance(spec.robot, PluginSpec)


def test_cameras_of_different_sizes_are_encoded_side_by_side(spec: TaskSpec) -> None:
    sizes = {"wrist": (32, 24), "side": (48, 16)}
    cameras = {n: spec.cameras[n].model_copy(update={"size": s}) for n, s in sizes.items()}
    with open_stand(spec.model_copy(update={"cameras": cameras})) as stand:
        env = stand.wrapped(Hand())
        obs, _ = env.reset()
        for name, image in obs["images"].items():
            assert image.shape[1::-1] == sizes[name]
            mean = tiny_features(image[None])[0]
            np.testing.assert_array_equal(obs["features"][name], mean)


def test_another_aspect_is_fitted_with_bars_and_not_squeezed() -> None:
    seen = crop_and_resize("side", np.full((48, 64, 3), 200, np.uint8), camera(size=(32, 32)))
    assert (seen[4:28] == 200).all()
    assert (seen[:4] == 0).all()
    assert (seen[28:] == 0).all()
