"""`hilctl bench loop`: the control loop over the network, against a rehearsed rig.

The rig is `hilctl serve-sim` in a process of its own: what is measured goes through real sockets,
in real time, beside a learner that takes all it can get.
"""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from hilctl.cameras.opencv import OpencvOptions
from hilctl.data.episode import Episode
from hilctl.data.index import episode_paths
from hilctl.devices import Rig
from hilctl.errors import DataError, DeviceError
from hilctl.pipeline.bench.cadence import RATES_HZ, Stopwatch, without_end
from hilctl.pipeline.bench.served_sim import RigAddresses, served
from hilctl.pipeline.classify.train_classifier import train_classifier
from hilctl.pipeline.events import Event, Report
from hilctl.pipeline.record.demos import record_demos
from hilctl.pipeline.record.labels import record_labels
from hilctl.pipeline.run_folder.resume import EPISODES
from hilctl.pipeline.train.train import train
from hilctl.real_time import before_others
from hilctl.rewards.classifier import ClassifierOptions
from hilctl.robots.base import Command
from hilctl.robots.rehearsed import RehearsedOptions, RehearsedRobot
from hilctl.robots.serl_client import SerlClient
from hilctl.task import scaffold
from hilctl.task.sections import CameraSpec, PluginSpec
from hilctl.task.spec import TaskSpec
from hilctl.task.workspace import Workspace
from hilctl.teleop.rehearsed import RehearsedTeleopOptions

ANSWER_S = 10.0
COMMANDS, COMMAND_S = 300, 0.05
FEW = {"success_frames": 20, "failure_frames": 100}
MORE = 2  # times as many labels, where one episode had them all


def bench_loop(seconds: float, report: Report) -> dict[str, Any]:
    """Train against a rehearsed rig at 10 and 20 Hz, and time commands to one and two arms.

    Args:
        seconds: of training at each rate.
        report: told what is going on.

    Raises:
        HilctlError: whatever training raises.
    """
    figures: dict[str, Any] = {"loop_s": seconds}
    with tempfile.TemporaryDirectory() as scratch:
        for rate_hz in RATES_HZ:
            with served("reach", seconds) as rig:
                root = Path(scratch) / f"at_{rate_hz}_hz"
                figures |= _trained(root, rig, rate_hz, seconds, report)
    report(Event("bench", "commands to two arms"))
    with served("reach-both") as rig:
        figures |= _commanded(rig)
    return figures


def _trained(
    root: Path, rig: RigAddresses, rate_hz: int, seconds: float, report: Report
) -> dict[str, Any]:
    """Return how a training went that never ends by itself."""
    spec = _rehearsed(scaffold.make("serl-insert", root, {"demos": "2"}).spec, rig)
    busy = Workspace(root, spec=without_end(spec, rate_hz))
    record_demos(busy, report=report)
    busy = _with_classifier(busy, report)
    return loop_figures(busy, rate_hz, "http", seconds, report)


def loop_figures(
    busy: Workspace, rate_hz: int, over: str, seconds: float, report: Report
) -> dict[str, Any]:
    """Train a task that never ends by itself, and return how its control loop went.

    Args:
        busy: the task, with all that training needs.
        rate_hz: of its control.
        over: what the arm is reached by; figures begin with it.
        seconds: of training.
        report: told what is going on.
    """
    report(Event("bench", f"control at {rate_hz} Hz ({over}) beside a learner at full load"))
    watch = Stopwatch(seconds, report)
    result = train(busy, new=True, lockstep=False, report=watch.report, stop=watch.is_over)
    if result is None or not result.progress.robot_steps:
        return {}
    progress = result.progress
    (run,) = busy.all_runs()
    ages_ms = _frame_ages_ms(run / EPISODES)
    if not ages_ms:  # stopped within its first episode
        return {}
    return {
        f"{over}_late_periods_{rate_hz}hz_pct": 100 * progress.late_periods / progress.robot_steps,
        f"{over}_periods_{rate_hz}hz": progress.robot_steps,
        f"{over}_worst_period_{rate_hz}hz_ms": 1e3 * (progress.worst_late_s + 1 / rate_hz),
        f"{over}_frame_age_p99_{rate_hz}hz_ms": float(np.percentile(ages_ms, 99)),
    }


def _with_classifier(space: Workspace, report: Report) -> Workspace:
    """Return a task with as few labels as a classifier can be trained on, and with that.

    Raises:
        DataError: as many as a template asks for are too few.
    """
    enough = {key: ClassifierOptions.model_fields[key].default for key in FEW}
    while True:
        record_labels(space, report=report)
        try:
            train_classifier(space, report=report)
        except DataError:
            options = space.spec.reward.options
            now = {key: getattr(options, key) for key in FEW}
            if all(now[key] >= enough[key] for key in FEW):
                raise
            more = options.model_copy(update={key: MORE * now[key] for key in FEW})
            reward = space.spec.reward.model_copy(update={"options": more})
            space = Workspace(space.root, spec=space.spec.model_copy(update={"reward": reward}))
        else:
            return space


def _rehearsed(spec: TaskSpec, rig: RigAddresses) -> TaskSpec:
    """Return a task that a rehearsed rig and its scripted operator do by themselves."""
    url = rig.arms[""]
    reward = spec.reward.model_copy(update={"options": spec.reward.options.model_copy(update=FEW)})
    return spec.model_copy(
        update={
            "robot": PluginSpec(type="rehearsed", options=RehearsedOptions(url=url)),
            "teleop": PluginSpec(type="rehearsed", options=RehearsedTeleopOptions(url=url)),
            "cameras": seen_by(spec, rig),
            "reset": spec.reset.model_copy(update={"by": "script"}),
            "reward": reward,
        }
    )


def seen_by(spec: TaskSpec, rig: RigAddresses) -> dict[str, CameraSpec]:
    """Return a task's cameras with the pictures of a rig of that name."""
    return {
        name: camera.model_copy(update={"options": OpencvOptions(source=rig.cameras[name])})
        for name, camera in spec.cameras.items()
    }


def _frame_ages_ms(folder: Path) -> list[float]:
    """Return how much older than the state each picture of an observation was."""
    ages: list[float] = []
    for path in episode_paths(folder):
        episode = Episode.read(path)
        for stamps_ns in episode.frame_stamps_ns.values():
            ages += ((episode.stamps_ns - stamps_ns) * 1e-6).tolist()
    return ages


@contextmanager
def as_in_training() -> Iterator[None]:
    """Run meanwhile as the process that acts in a training does.

    Its threads run before ordinary programs, and its garbage collector has nothing to look through.
    """
    gc.collect()
    gc.freeze()
    try:
        with before_others():
            yield
    finally:
        gc.unfreeze()


def _commanded(rig: RigAddresses) -> dict[str, float]:
    """Return how long commands take to two arms, and what the second one costs a period."""
    with ExitStack() as stack:
        robots = [
            stack.enter_context(RehearsedRobot(RehearsedOptions(url=url), Rig()))
            for url in rig.arms.values()
        ]
        for robot in robots:
            robot.servo(Command(robot.state().tcp_pose))
        sent_ns: list[int] = []
        own_s: list[list[float]] = [[], []]
        stack.enter_context(as_in_training())
        for number in range(COMMANDS):
            for robot, times_s in zip(robots, own_s, strict=True):
                begun_s = time.perf_counter()
                target = robot.state().tcp_pose
                target[2] += 0.002 if number % 2 else -0.002
                sent_ns.append(time.monotonic_ns())
                robot.servo(Command(target))
                robot.state()
                times_s.append(time.perf_counter() - begun_s)
            time.sleep(COMMAND_S)
        heard = [_heard_ns(url) for url in rig.arms.values()]
    delays_ms = [
        (stamps_ns[np.searchsorted(stamps_ns, stamp_ns)] - stamp_ns) * 1e-6
        for stamps_ns, own_ns in zip(heard, (sent_ns[::2], sent_ns[1::2]), strict=True)
        for stamp_ns in own_ns
        if stamps_ns.size and stamps_ns[0] <= stamp_ns <= stamps_ns[-1]
    ]
    if not delays_ms:
        raise DeviceError(
            "the arm's server heard of no command",
            hint="run it again with less else to do for this computer",
        )
    return {
        "command_p50_ms": float(np.percentile(delays_ms, 50)),
        "command_p99_ms": float(np.percentile(delays_ms, 99)),
        "second_arm_p50_ms": 1e3 * float(np.percentile(own_s[1], 50)),
        "second_arm_p99_ms": 1e3 * float(np.percentile(own_s[1], 99)),
    }


def _heard_ns(url: str) -> np.ndarray:
    client = SerlClient(url)
    try:
        return np.array(client.ask("rehearsal/heard", limit_s=ANSWER_S)["stamps_ns"])
    finally:
        client.close()
