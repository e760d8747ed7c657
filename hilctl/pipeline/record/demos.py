"""`hilctl record-demos`: the operator shows the task until there are enough successful episodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hilctl.data.step import EpisodeSummary, Outcome
from hilctl.env.loop import EpisodeLoop, HandsOff
from hilctl.env.make import open_station
from hilctl.env.questions import Questions
from hilctl.errors import HilctlError
from hilctl.pipeline.between_episodes import between_episodes
from hilctl.pipeline.calibrate.check import check_cameras
from hilctl.pipeline.events import Event, Report, ShouldStop, never, silent, told_by
from hilctl.pipeline.record.recording import (
    RecordedEpisodes,
    UndecidedEpisode,
    episode_attributes,
    indexed,
    open_dataset,
    put_away_partials,
    station_seed,
    tell_hidden_motion,
    was_interrupted,
)
from hilctl.task.workspace import Workspace
from hilctl.teleop.base import Role

ATTEMPTS_PER_DEMO = 5


@dataclass
class DemosResult:
    """How a recording went.

    Attributes:
        wanted: successful demonstrations asked for.
        demos: that there are now.
        recorded: of them, in this session.
        attempts: episodes run, successful or not.
        discarded: of them, thrown away by the operator.
        robot_s: seconds on the robot's clock, resets included.
        recovered: leftovers of an earlier session that were put away.
    """

    wanted: int
    demos: int
    recorded: int = 0
    attempts: int = 0
    discarded: int = 0
    robot_s: float = 0.0
    recovered: int = 0

    def count(self, summary: EpisodeSummary, *, kept: bool) -> None:
        """Take one episode, and whether it is on disk."""
        self.attempts += 1
        self.discarded += summary.discarded
        self.demos += summary.success and kept
        self.recorded += summary.success and kept

    def take_back(self) -> None:
        """Count down a demonstration that was set aside."""
        self.demos -= 1
        self.recorded -= 1

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return dict(vars(self))


def record_demos(
    workspace: Workspace,
    *,
    count: int | None = None,
    seed: int = 0,
    report: Report = silent,
    stop: ShouldStop = never,
    keep: ShouldStop = never,
) -> DemosResult:
    """Record demonstrations until there are as many successful ones as wanted.

    Those that are there already count. Unsuccessful attempts are not kept.

    Args:
        workspace: the task folder, locked by the caller.
        count: how many there shall be; None = what the task file says.
        seed: of the simulated devices and resets; a continued recording draws other numbers.
        report: told of every attempt.
        stop: asked every step; True stops the robot and ends the recording.
        keep: asked then, with the robot at rest: shall the interrupted episode be kept? It does
            not count as a demonstration.

    Raises:
        DataError: the folder holds episodes of another task.
        DeviceError: a device cannot be opened.
        HilctlError: hardly any attempt succeeds, or the disk is full.
    """
    spec = workspace.spec
    tell_hidden_motion(workspace, report)
    there = open_dataset(workspace.demos, spec)
    found = put_away_partials(workspace.demos, report)
    done = there.summary()[Outcome.SUCCESS]
    result = DemosResult(count or spec.training.demos, done, recovered=len(found))
    with indexed(workspace.demos):
        if result.demos < result.wanted and not stop():
            _record(workspace, result, seed, len(there), report, stop, keep)
    return result


def _record(
    workspace: Workspace,
    result: DemosResult,
    seed: int,
    episodes: int,
    report: Report,
    stop: ShouldStop,
    keep: ShouldStop,
) -> None:
    spec = workspace.spec
    most = ATTEMPTS_PER_DEMO * (result.wanted - result.demos)
    with open_station(
        spec,
        seed=station_seed(seed, "demos", episodes),
        screen=told_by(report),
        stop=stop,
        folder=workspace.root,
    ) as station:
        check_cameras(workspace, station.robot, station.cameras, report)
        clock_s = station.stopwatch()
        attributes = episode_attributes(workspace, station, seed)
        recorded = RecordedEpisodes(report)
        station.questions.record_again = recorded.set_last_aside
        with UndecidedEpisode(workspace.demos, "demo", attributes) as episode:
            loop = EpisodeLoop(
                station.env,
                HandsOff(),
                station.teleop,
                Role.DEMONSTRATE,
                [episode],
                stop=stop,
                questions=station.questions,
                put_back=between_episodes(workspace, station, report),
                to_show="show the task",
            )
            while _more(result, station.questions) and loop.ready():
                if result.attempts == most:
                    raise _hopeless(workspace, result)
                summary = loop.run_episode()
                cut_short = was_interrupted(summary) and summary.intervention_steps > 0
                wanted = summary.success or (cut_short and stop() and keep())
                path = episode.settle(summary, keep=wanted)
                result.count(summary, kept=path is not None)
                result.robot_s = clock_s()
                report(_told(summary, result, kept=path is not None))
                if path is not None and summary.success:
                    recorded.add(path, result.take_back)
                if summary.quit_requested:
                    break


def _more(result: DemosResult, questions: Questions) -> bool:
    """Return whether demonstrations are lacking; the last one can be taken back for a moment."""
    return result.demos < result.wanted or not questions.content()


def _told(summary: EpisodeSummary, result: DemosResult, *, kept: bool) -> Event:
    if summary.success and not kept:
        how = "too short: nothing moved in it"
    elif summary.success:
        how = f"done in {summary.duration_s:.1f} s"
    elif summary.discarded:
        how = "thrown away"
    else:
        how = "interrupted" if was_interrupted(summary) else "not successful, not kept"
    figures = {
        "demos": result.demos,
        "wanted": result.wanted,
        "attempts": result.attempts,
        "outcome": summary.outcome.value,
        "steps": summary.steps,
        "duration_s": summary.duration_s,
        "robot_s": result.robot_s,
    }
    text = f"demos {result.demos}/{result.wanted} · attempt {result.attempts} {how}"
    return Event("episode", text, result.demos, result.wanted, figures)


def _hopeless(workspace: Workspace, result: DemosResult) -> HilctlError:
    return HilctlError(
        f"only {result.recorded} of {result.attempts} attempts succeeded",
        where=str(workspace.demos),
        hint=f"see that action, bounds, gripper and max_episode_s in {workspace.task_file} "
        f"allow success, then go on: {workspace.command('record-demos')}",
    )
