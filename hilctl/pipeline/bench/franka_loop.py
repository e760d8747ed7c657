"""`hilctl bench loop --robot franky-sim`: the control loop over libfranka's own protocol.

The arm is franky-sim's, driven by `franky` without ROS; the pictures are those of `serve-sim`, as
real ones would come from elsewhere. A hand waves for demonstrations: nobody knows a truth there.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilctl.devices import Options, Rig
from hilctl.errors import DeviceError
from hilctl.pipeline.bench.cadence import RATES_HZ, without_end
from hilctl.pipeline.bench.loop import as_in_training, loop_figures, seen_by
from hilctl.pipeline.bench.served_franka import ServedFranka, served_franka
from hilctl.pipeline.bench.served_sim import RigAddresses, served
from hilctl.pipeline.bench.waving import WAVING, known_as_waving
from hilctl.pipeline.events import Event, Report
from hilctl.pipeline.record.demos import record_demos
from hilctl.robots.base import Command
from hilctl.robots.franky import FrankyRobot
from hilctl.robots.franky_options import FrankyOptions
from hilctl.task import scaffold
from hilctl.task.sections import PluginSpec
from hilctl.task.spec import TaskSpec
from hilctl.task.workspace import Workspace

# about where franky-sim's arm stands when it is switched on
HERE_M = (0.55, 0.0, 0.5)
LOW_M, HIGH_M = (0.515, -0.035, 0.42), (0.585, 0.035, 0.53)
COMMANDS, COMMAND_S, STEP_M = 300, 0.05, 0.001
ANSWERED = 0.3  # share of the largest change of torque that counts as the answer to a command


def bench_franka_loop(seconds: float, report: Report) -> dict[str, Any]:
    """Train with franky-sim's arm at 10 and 20 Hz, and time commands to it.

    Args:
        seconds: of training at each rate.
        report: told what is going on.

    Raises:
        DeviceError: franky-sim or franky-control is not installed.
        HilctlError: whatever training raises.
    """
    figures: dict[str, Any] = {"loop_s": seconds}
    with (
        served_franka() as franka,
        tempfile.TemporaryDirectory() as scratch,
        known_as_waving(Path(scratch) / "hand"),
    ):
        for rate_hz in RATES_HZ:
            with served("reach", seconds) as rig:
                root = Path(scratch) / f"at_{rate_hz}_hz"
                busy = _prepared(root, franka, rig, rate_hz, report)
                figures |= loop_figures(busy, rate_hz, "franky", seconds, report)
        report(Event("bench", "commands to the Franka"))
        figures |= _commanded(franka)
    return figures


def _prepared(
    root: Path, franka: ServedFranka, rig: RigAddresses, rate_hz: int, report: Report
) -> Workspace:
    made = scaffold.make("franka-insert", root, {"demos": "2"})
    spec = _of_here(made.spec, franka, rig)
    busy = Workspace(root, spec=without_end(spec, rate_hz))
    record_demos(busy, report=report)
    return busy


def _of_here(spec: TaskSpec, franka: ServedFranka, rig: RigAddresses) -> TaskSpec:
    """Return a task of a simulated Franka and a hand that needs nobody."""
    at = {"host": franka.host, "realtime": "ignore"}
    bounds, reset = spec.control.bounds, spec.reset
    box = {"low": (*LOW_M, *bounds.low[3:]), "high": (*HIGH_M, *bounds.high[3:])}
    control = {"bounds": bounds.model_copy(update=box)}
    start = {"pose": (*HERE_M, *reset.pose[3:]), "by": "script"}
    return spec.model_copy(
        update={
            "robot": spec.robot.model_copy(
                update={"options": spec.robot.options.model_copy(update=at)}
            ),
            "teleop": PluginSpec(type=WAVING, options=Options()),
            "cameras": seen_by(spec, rig),
            "control": spec.control.model_copy(update=control),
            "reset": reset.model_copy(update=start),
            "reward": PluginSpec(type="human", options=Options()),
        }
    )


def _commanded(franka: ServedFranka) -> dict[str, float]:
    """Return how long it takes from a command until the control is told other torques for it."""
    options = FrankyOptions(host=franka.host, realtime="ignore", gripper="none")
    sent_ns: list[int] = []
    with FrankyRobot(options, Rig()) as robot:
        here = robot.state().tcp_pose
        robot.servo(Command(here))
        with as_in_training():
            for number in range(COMMANDS):
                time.sleep(COMMAND_S)
                target = here.copy()
                target[2] += STEP_M if number % 2 else -STEP_M
                sent_ns.append(time.monotonic_ns())
                robot.servo(Command(target))
            time.sleep(COMMAND_S)
        robot.stop()
        stamps_ns, changes_nm = franka.heard()
    delays_ms = answers_ms(np.array(sent_ns), stamps_ns, changes_nm)
    return {
        "franky_command_p50_ms": float(np.percentile(delays_ms, 50)),
        "franky_command_p99_ms": float(np.percentile(delays_ms, 99)),
    }


def answers_ms(
    sent_ns: NDArray[np.int64], stamps_ns: NDArray[np.int64], changes_nm: NDArray[np.float64]
) -> list[float]:
    """Return how long each command took until the control was told other torques for it, in ms.

    The answer is the first large change before the next command. A control that was told nothing
    meanwhile, as on a busy computer, answers when it is told something again.

    Args:
        sent_ns: when commands were sent, ascending.
        stamps_ns: when the control was told torques, ascending.
        changes_nm: by how much those changed, (len(stamps_ns),).

    Raises:
        DeviceError: the control was told nothing after a command.
    """
    edges = np.searchsorted(stamps_ns, [*sent_ns, sent_ns[-1] + int(COMMAND_S * 1e9)])
    delays_ms = []
    for stamp_ns, first, last in zip(sent_ns, edges, edges[1:], strict=False):
        if first == len(stamps_ns):
            raise DeviceError(
                "franky-sim's control was told nothing after a command",
                hint="run it again with less else to do for this computer",
            )
        within = changes_nm[first : max(last, first + 1)]
        answer = first + int(np.argmax(within >= ANSWERED * within.max()))
        delays_ms.append(float(stamps_ns[answer] - stamp_ns) * 1e-6)
    return delays_ms
