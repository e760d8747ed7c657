"""What every environment in place of a robot promises."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

from hilctl.devices import Rig
from hilctl.env import ENVIRONMENTS
from hilctl.env.base import AT_THE_START, Obs, TaskEnvironment
from hilctl.registry import Registry
from hilctl.task.layout import ObservationLayout
from hilctl.task.sections import Bounds, ControlSpec
from hilctl.testing.devices import DeviceContract, DriverChoice

STEPS = 5
TOLD = {"executed_action", "stamp_ns", "frame_stamps_ns", "late_s"}


def layout_of(obs: Obs) -> ObservationLayout:
    """Return what an observation holds."""
    images = {name: (image.shape[1], image.shape[0]) for name, image in obs["images"].items()}
    state = {name: array.size for name, array in obs["state"].items()}
    return ObservationLayout(images, state)


class EnvironmentContract(DeviceContract):
    """Tests of an environment.

    Attributes:
        control: of the task.
    """

    registry: ClassVar[Registry[Any]] = ENVIRONMENTS
    control: ClassVar[ControlSpec] = ControlSpec(
        rate_hz=10.0, max_episode_s=5.0, bounds=Bounds(low=(-1.0,) * 6, high=(1.0,) * 6)
    )

    def build(self, driver: DriverChoice, rig: Rig) -> TaskEnvironment:
        """Return an unopened environment that knows the task's rate and bounds."""
        environment: TaskEnvironment = super().build(driver, rig)
        environment.control = self.control
        return environment

    @pytest.fixture
    def environment(self, device: TaskEnvironment) -> TaskEnvironment:
        """The environment, open."""
        return device

    def test_observations_are_what_the_layout_says(self, environment: TaskEnvironment) -> None:
        obs, info = environment.reset(seed=0)
        assert layout_of(obs) == environment.observation_layout
        for image in obs["images"].values():
            assert image.dtype == np.uint8
            assert image.shape[2:] == (3,)
        assert all(np.isfinite(array).all() for array in obs["state"].values())
        assert {"stamp_ns", "frame_stamps_ns"} <= {*info}

    def test_a_step_tells_what_was_done_and_when(self, environment: TaskEnvironment) -> None:
        _, before = environment.reset(seed=0)
        stamps_ns = [before["stamp_ns"]]
        for _ in range(STEPS):
            obs, _, _, _, info = environment.step(environment.idle_action())
            assert layout_of(obs) == environment.observation_layout
            assert {*info} >= TOLD
            executed = info["executed_action"]
            assert executed.shape == (environment.action_layout.size,)
            assert np.abs(executed).max() <= 1
            stamps_ns.append(info["stamp_ns"])
        assert stamps_ns == sorted(stamps_ns)
        assert len({*stamps_ns}) == len(stamps_ns)

    def test_somebody_can_be_waited_for_before_the_first_look(
        self, environment: TaskEnvironment
    ) -> None:
        seen, came_ns = [], []

        def wait() -> None:
            seen.append(layout_of(environment.look()))
            environment.clock.sleep_until(environment.clock.now_ns() + 200_000_000)
            came_ns.append(environment.clock.now_ns())

        _, info = environment.reset(seed=0, options={AT_THE_START: wait})
        assert seen == [environment.observation_layout]
        assert info["stamp_ns"] >= came_ns[0]

    def test_any_action_in_range_is_taken(self, environment: TaskEnvironment) -> None:
        environment.reset(seed=0)
        size = environment.action_layout.size
        for action in (np.ones(size), -np.ones(size), np.zeros(size)):
            _, _, terminated, truncated, _ = environment.step(action)
            if terminated or truncated:
                environment.reset()

    def test_a_stop_may_come_twice_and_is_no_end(self, environment: TaskEnvironment) -> None:
        environment.reset(seed=0)
        environment.stop()
        environment.stop()
        environment.resume()
        environment.step(environment.idle_action())

    def test_whether_it_is_done_can_be_asked(self, environment: TaskEnvironment) -> None:
        environment.reset(seed=0)
        assert environment.solved() in (True, False)

    def test_episodes_follow_one_another(self, environment: TaskEnvironment) -> None:
        for _ in range(2):
            environment.reset()
            environment.step(environment.idle_action())
