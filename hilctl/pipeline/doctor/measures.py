"""How fast devices answer and how well a control loop keeps its time; read only, nothing moves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hilctl.cameras.base import Camera
from hilctl.clock import SystemClock
from hilctl.devices import Finding
from hilctl.env.robot_env import MAX_FRAME_AGE_S
from hilctl.errors import StaleFrameError
from hilctl.real_time import before_others
from hilctl.robots.base import Robot

LOOK_S = 0.004
WATCH_S = 1.0
TRIPS = 50
LATE_S = 0.002
MOST_LATE = 0.005  # of all periods
SHARE_OF_PERIOD = 0.25


@dataclass(frozen=True)
class CameraPace:
    """How a camera delivered for a while.

    Attributes:
        rate_hz: different pictures a second.
        median_age_s, oldest_s: of the newest picture, when somebody looked.
    """

    rate_hz: float
    median_age_s: float
    oldest_s: float

    @classmethod
    def of(cls, camera: Camera, seconds: float = WATCH_S) -> CameraPace:
        """Watch a camera of the real world.

        Raises:
            DeviceError: it sends nothing any more.
        """
        clock = camera.rig.clock
        stamps, ages_s = list[int](), list[float]()
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            frame = camera.latest(max_age_s=seconds)
            ages_s.append((clock.now_ns() - frame.stamp_ns) * 1e-9)
            if not stamps or frame.stamp_ns != stamps[-1]:
                stamps.append(frame.stamp_ns)
            time.sleep(LOOK_S)
        span_s = (stamps[-1] - stamps[0]) * 1e-9
        rate_hz = (len(stamps) - 1) / span_s if span_s > 0 else 0.0
        return cls(rate_hz, float(np.median(ages_s)), max(ages_s))

    def finding(self, subject: str, control_hz: float) -> Finding:
        """Return whether a policy at a control rate sees what is there now."""
        detail = (
            f"{self.rate_hz:.1f} pictures a second, the newest {1e3 * self.median_age_s:.0f} ms "
            f"old (median), {1e3 * self.oldest_s:.0f} ms at most"
        )
        hint = None
        if self.oldest_s > MAX_FRAME_AGE_S:
            hint = (
                f"pictures older than {1e3 * MAX_FRAME_AGE_S:.0f} ms hold the robot: give it a USB "
                "port or network line of its own, lower its resolution, set fourcc: MJPG"
            )
        elif self.rate_hz < control_hz:
            hint = (
                f"the policy looks {control_hz:g} times a second and sees some pictures twice: "
                "raise its fps, lower its resolution or exposure"
            )
        return Finding(hint is None, subject, detail, hint)


def time_robot(subject: str, robot: Robot, period_s: float) -> Finding:
    """Return how long a robot takes to tell its state, and how old that is.

    Raises:
        DeviceError: it does not.
    """
    trips_s, ages_s = list[float](), list[float]()
    for _ in range(TRIPS):
        asked_s = time.monotonic()
        state = robot.state()
        trips_s.append(time.monotonic() - asked_s)
        ages_s.append((robot.rig.clock.now_ns() - state.stamp_ns) * 1e-9)
    detail = (
        f"state told in {1e3 * float(np.median(trips_s)):.1f} ms (median), "
        f"{1e3 * max(trips_s):.1f} ms at most, then {1e3 * max(ages_s):.0f} ms old at most"
    )
    is_quick = np.median(trips_s) < SHARE_OF_PERIOD * period_s
    hint = "connect it by cable to a network card of its own, and run its server on this computer"
    return Finding(bool(is_quick), subject, detail, None if is_quick else hint)


def keep_time(
    looks: Sequence[Callable[[], object]], rate_hz: float, seconds: float, stop: Callable[[], bool]
) -> Iterator[Finding]:
    """Read all devices at the control rate for a while, and yield how many periods were late.

    It runs before ordinary programs where it may, as the loop of `train` does.

    Args:
        looks: read a device each.
        rate_hz: of control.
        seconds: how long.
        stop: asked every period.

    Raises:
        DeviceError: a device fails.
    """
    clock, period_ns = SystemClock(), round(1e9 / rate_hz)
    due_ns, late_s, refused = clock.now_ns(), list[float](), 0
    with before_others():
        for _ in range(round(seconds * rate_hz)):
            if stop():
                break
            for look in looks:
                try:
                    look()
                except StaleFrameError:  # counted: one late picture is no broken camera
                    refused += 1
            due_ns = max(due_ns + period_ns, clock.now_ns() - period_ns)
            clock.sleep_until(due_ns)
            late_s.append((clock.now_ns() - due_ns) * 1e-9)
    if not late_s:
        return
    late, worst_ms = sum(one > LATE_S for one in late_s), 1e3 * max(late_s)
    detail = (
        f"{late} of {len(late_s)} control periods at {rate_hz:g} Hz more than "
        f"{1e3 * LATE_S:g} ms late, the worst by {worst_ms:.1f} ms"
    )
    if refused:
        detail += f"; {refused} pictures too old"
    is_kept = late <= MOST_LATE * len(late_s) and not refused
    hint = "end other programs, see `scheduling` above, or lower control.rate_hz"
    yield Finding(is_kept, "cadence", detail, None if is_kept else hint)
