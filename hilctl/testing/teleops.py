"""What every teleoperation driver promises."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

from hilctl.devices import Rig
from hilctl.registry import Registry
from hilctl.teleop import TELEOPS
from hilctl.teleop.base import Role, Teleop, TeleopEvent, TeleopInput, TeleopStatus
from hilctl.testing.devices import DeviceContract, DriverChoice

ACTION_SCALE = np.repeat([0.01, 0.06], 3)  # m and rad of one full action
PERIOD_NS = 100_000_000


class TeleopContract(DeviceContract):
    """Tests of a device in a hand; whatever the hand does meanwhile, they hold.

    Attributes:
        polls: made of it in one test, at 10 Hz.
    """

    registry: ClassVar[Registry[Any]] = TELEOPS
    polls: ClassVar[int] = 60

    def build(self, driver: DriverChoice, rig: Rig) -> Any:
        """Return an unopened device that knows what one full action is."""
        device = super().build(driver, rig)
        device.action_scale = ACTION_SCALE
        return device

    @pytest.fixture
    def teleop(self, device: Teleop) -> Teleop:
        """The device, open."""
        return device

    def follow(self, hand: TeleopInput) -> None:
        """Let a robot do what the hand says, where there is one."""

    def polled(self, teleop: Teleop) -> list[TeleopInput]:
        """Return what the hand says in a while."""
        clock, seen = teleop.rig.clock, []
        for _ in range(self.polls):
            seen.append(teleop.poll())
            self.follow(seen[-1])
            clock.sleep_until(clock.now_ns() + PERIOD_NS)
        return seen

    @pytest.mark.parametrize("role", Role)
    def test_a_poll_is_within_its_range_whatever_is_asked(self, teleop: Teleop, role: Role) -> None:
        teleop.begin_episode(role)
        for hand in self.polled(teleop):
            assert hand.twist.shape == (6,)
            assert np.isfinite(hand.twist).all()
            assert np.abs(hand.twist).max() <= 1
            assert hand.gripper in (-1, 0, 1)
            assert isinstance(hand.engaged, bool)
            assert all(isinstance(event, TeleopEvent) for event in hand.events)

    def test_it_can_be_polled_before_any_episode(self, teleop: Teleop) -> None:
        assert teleop.poll().twist.shape == (6,)

    def test_who_watches_keeps_hands_off(self, teleop: Teleop) -> None:
        teleop.begin_episode(Role.WATCH)
        for hand in self.polled(teleop):
            assert not hand.engaged
            assert not hand.twist.any()

    def test_keys_are_named_event_by_event(self, teleop: Teleop) -> None:
        for event, key in teleop.keys.items():
            assert isinstance(event, TeleopEvent)
            assert key.strip()

    def test_the_operator_has_a_name(self, teleop: Teleop) -> None:
        assert teleop.operator

    @pytest.mark.parametrize("claimed", [True, False])
    def test_a_verdict_is_yes_or_no_or_a_person_is_asked(
        self, teleop: Teleop, claimed: bool
    ) -> None:
        teleop.begin_episode(Role.SUPERVISE)
        verdict = teleop.review(claimed=claimed)
        assert verdict is None if teleop.in_real_time else verdict in (True, False)
        teleop.end_episode(success=claimed, intervened=False)

    def test_what_it_says_of_itself_has_units_and_takes_nothing_away(self, teleop: Teleop) -> None:
        teleop.begin_episode(Role.DEMONSTRATE)
        teleop.poll()
        status = teleop.status()
        assert isinstance(status, TeleopStatus)
        assert status.age_s is None or status.age_s >= 0
        assert status.dead_band is None or 0 <= status.dead_band < 1
        assert isinstance(status.device + status.remark, str)
