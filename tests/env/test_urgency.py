"""What moves an arm of the real world goes before ordinary programs, where that is permitted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench_stand import Hand
from paper_robot import GuardedRobot, MarkingOptions, paper_rig
from still_env import StillEnv
from urgency import goes_first, may_go_first

from hilctl.env.guard import Guard
from hilctl.env.loop import EpisodeLoop, HandsOff
from hilctl.errors import DeviceError
from hilctl.real_time import become_ordinary, become_real_time
from hilctl.teleop.base import Role

pytestmark = pytest.mark.skipif(not may_go_first(), reason="it is not permitted here")


class WatchedEnv(StillEnv):
    """Notes at every reset, step and stop whether this thread goes first."""

    def __init__(self, *, is_real: bool, fails: bool = False) -> None:
        super().__init__(3)
        self._is_real, self._fails = is_real, fails
        self.first: set[bool] = set()

    @property
    def is_real(self) -> bool:
        return self._is_real

    def reset(self, **options: Any) -> Any:
        self.first.add(goes_first())
        return super().reset(**options)

    def step(self, action: np.ndarray) -> Any:
        self.first.add(goes_first())
        if self._fails:
            raise DeviceError("the arm is gone")
        return super().step(action)

    def stop(self) -> None:
        self.first.add(goes_first())
        super().stop()


@pytest.mark.parametrize("is_real", [True, False])
@pytest.mark.parametrize("may", [True, False])
def test_an_episode_goes_first_if_it_is_of_the_real_world_and_only_as_long(
    is_real: bool, may: bool
) -> None:
    env = WatchedEnv(is_real=is_real)
    EpisodeLoop(env, HandsOff(), Hand(), Role.WATCH, goes_first=may).run_episode()
    assert env.first == {is_real and may}
    assert not goes_first()


def test_an_episode_that_fails_leaves_the_process_as_it_was() -> None:
    env = WatchedEnv(is_real=True, fails=True)
    with pytest.raises(DeviceError, match="the arm is gone"):
        EpisodeLoop(env, HandsOff(), Hand(), Role.WATCH).run_episode()
    assert env.first == {True}
    assert not goes_first()


def test_who_goes_first_anyway_does_so_after_an_episode() -> None:
    become_real_time()
    try:
        EpisodeLoop(WatchedEnv(is_real=True), HandsOff(), Hand(), Role.WATCH).run_episode()
        assert goes_first()
    finally:
        become_ordinary()


def test_a_guard_goes_first(tmp_path: Path) -> None:
    robot = GuardedRobot(
        np.array([0.5, 0, 0.2, 1, 0, 0, 0]), np.random.default_rng(0), rig=paper_rig()
    )
    robot.options = MarkingOptions(mark=str(tmp_path / "held"))
    with Guard("robot", robot, 60.0) as guard:
        assert goes_first(guard._process.pid)
