"""`hilctl record-labels`: success and failure, from where people go and where they do not.

A policy hunts for whatever fools its reward, mostly where no operator ever was. So the operator
shows success and what could be mistaken for it, and then the arm sweeps the bounds and flies about
at random; all of that is failure unless the operator calls success.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hilctl.data.dataset import Dataset
from hilctl.data.step import EpisodeSummary, Step
from hilctl.env.loop import EpisodeLoop
from hilctl.env.make import Station, open_station
from hilctl.errors import HilctlError
from hilctl.pipeline.between_episodes import between_episodes
from hilctl.pipeline.calibrate.check import check_cameras
from hilctl.pipeline.events import Event, Figures, Report, ShouldStop, never, silent, told_by
from hilctl.pipeline.label_stages import label_stages, stages_as_attribute
from hilctl.pipeline.record.label_counts import (
    SOURCE,
    LabelsResult,
    count_labels,
    count_showing,
    frames_wanted,
)
from hilctl.pipeline.record.label_sources import LabelSource, guard_s, sources_of
from hilctl.pipeline.record.label_words import called_now
from hilctl.pipeline.record.labelling import Labeller, LabelWindow
from hilctl.pipeline.record.recording import (
    RecordedEpisodes,
    UndecidedEpisode,
    episode_attributes,
    indexed,
    open_labels,
    put_away_partials,
    station_seed,
    tell_hidden_motion,
    was_interrupted,
)
from hilctl.pipeline.record.sweep import Coverage
from hilctl.pipeline.record.variety import coverage_of, measure_variety
from hilctl.task.fingerprint import data_fingerprint
from hilctl.task.workspace import Workspace
from hilctl.teleop.base import stages_called

DRY_EPISODES = 20  # in a row without a frame that is wanted: then something is wrong


def record_labels(
    workspace: Workspace,
    *,
    seed: int = 0,
    report: Report = silent,
    stop: ShouldStop = never,
    keep: ShouldStop = never,
) -> LabelsResult:
    """Record labelled frames until there are as many as the task file wants.

    Args:
        workspace: the task folder, locked by the caller.
        seed: of devices, resets and policies; a continued recording draws other numbers.
        report: told of every episode.
        stop: asked every step; True stops the robot and ends the recording.
        keep: asked then, with the robot at rest: shall the interrupted episode be kept?

    Raises:
        UsageError: the task's reward needs no labels.
        DataError: the folder holds episodes of another task, or of other stages.
        DeviceError: a device cannot be opened, or the operator cannot tell the stages.
        HilctlError: episode after episode brings nothing, or the disk is full.
    """
    spec = workspace.spec
    wanted = frames_wanted(workspace)
    tell_hidden_motion(workspace, report)
    there = open_labels(workspace)
    found = put_away_partials(workspace.labels, report)
    result = LabelsResult(
        wanted,
        count_labels(there.headers),
        len(there),
        count_showing(there.headers),
        sources_of(spec),
        recovered=len(found),
    )
    with indexed(workspace.labels):
        if any(result.lacking(source) for source in result.sources) and not stop():
            coverage = _coverage(workspace, there)
            seed_here = station_seed(seed, "labels", len(there))
            with _open_roomy(workspace, seed_here, report, stop) as station:
                station.teleop.call_stages(label_stages(spec))
                check_cameras(workspace, station.robot, station.cameras, report)
                _Session(workspace, station, seed, result, report, stop, keep).record(coverage)
    now = open_labels(workspace)
    covered = _coverage(workspace, now)
    result.coverage = mean_share(covered)
    result.variety = measure_variety(now)
    result.episodes = len(now)
    return result


def are_complete(workspace: Workspace) -> bool:
    """Return whether every source has brought its frames.

    Raises:
        UsageError: the task's reward needs no labels.
        DataError: the folder holds episodes of another task, or of other stages.
    """
    there = open_labels(workspace)
    sources = sources_of(workspace.spec)
    counts, showing = count_labels(there.headers), count_showing(there.headers)
    result = LabelsResult(frames_wanted(workspace), counts, len(there), showing, sources)
    return not any(result.lacking(source) for source in sources)


def mean_share(covered: Mapping[str, Coverage]) -> float | None:
    """Return the share of their workspace that the tools have been in; None without a tool."""
    shares = [coverage.share for coverage in covered.values()]
    return sum(shares) / len(shares) if shares else None


def _coverage(workspace: Workspace, labels: Dataset) -> dict[str, Coverage]:
    """Return where the tool of each arm has been, in demonstrations of this task too."""
    demos = Dataset.open(workspace.demos, expect_fingerprint=None).headers
    ours = data_fingerprint(workspace.spec)
    known = Dataset([header for header in demos if header.task_fingerprint == ours])
    return coverage_of(workspace.spec, [labels, known])


def _open_roomy(
    workspace: Workspace, seed: int, report: Report, stop: ShouldStop
) -> AbstractContextManager[Station]:
    """Open the station with time for the longest episodes of any source."""
    spec = workspace.spec
    longest_s = max(source.episode_s for source in sources_of(spec))
    control = spec.control.model_copy(update={"max_episode_s": longest_s})
    roomy = spec.model_copy(update={"control": control})
    return open_station(roomy, seed=seed, screen=told_by(report), stop=stop, folder=workspace.root)


class _LabelledEpisode(UndecidedEpisode):
    """Write an episode with a label for each frame, and leave it to the verb whether to keep it."""

    def __init__(
        self,
        directory: Path,
        attributes: Mapping[str, Any],
        window: LabelWindow,
        called: Callable[[int], None],
        stages: int,
    ) -> None:
        super().__init__(directory, "label", attributes)
        self.labeller = Labeller(window, self.write, stages)
        self._tell_called, self._called, self._stages = called, 0, stages

    def on_episode_start(self) -> None:
        super().on_episode_start()
        self.labeller.on_episode_start()

    def on_step(self, step: Step) -> None:
        self.labeller.on_step(step)
        self._look(min(stages_called(step.events), self._stages))

    def on_episode_end(self, summary: EpisodeSummary) -> None:
        self.labeller.on_episode_end(summary)
        self._look(0)

    def _look(self, called: int) -> None:
        if called != self._called:
            self._called = called
            self._tell_called(called)


@dataclass
class _Session:
    """One recording at an open station."""

    workspace: Workspace
    station: Station
    seed: int
    result: LabelsResult
    report: Report
    stop: ShouldStop
    keep: ShouldStop

    def __post_init__(self) -> None:
        self._clock_s = self.station.stopwatch()
        self._recorded = RecordedEpisodes(self.report)
        self.station.questions.record_again = self._recorded.set_last_aside
        self.stages = label_stages(self.workspace.spec)
        self._put_back = between_episodes(self.workspace, self.station, self.report)

    def record(self, coverage: Mapping[str, Coverage]) -> None:
        """Let every source bring what it lacks; sweeps begin where nobody has been.

        An episode that is set aside may be of a source that was complete: that one has its turn
        again.
        """
        by_hand = self.station.teleop.in_real_time
        while source := next(filter(self.result.lacking, self.result.sources), None):
            attributes = episode_attributes(self.workspace, self.station, self.seed)
            attributes |= {SOURCE: source.name, "guard_s": guard_s(by_hand=by_hand)}
            attributes |= stages_as_attribute(self.stages)
            window = source.window(self.workspace.spec.control.rate_hz, by_hand=by_hand)
            labels = self.workspace.labels
            count = len(self.stages)
            with _LabelledEpisode(labels, attributes, window, self._tell_called, count) as episode:
                if self._record(source, episode, coverage):
                    break
        self._look_at_the_clock()

    def _record(
        self, source: LabelSource, episode: _LabelledEpisode, coverage: Mapping[str, Coverage]
    ) -> bool:
        """Record one source; return whether the operator wants to leave."""
        spec, station = self.workspace.spec, self.station
        loop = EpisodeLoop(
            source.cut(
                station.env,
                spec.control.rate_hz,
                by_hand=station.teleop.in_real_time,
                stages=len(self.stages),
            ),
            source.policy(spec, coverage, station),
            station.teleop,
            source.role,
            [episode],
            stop=self.stop,
            claims_end_episode=False,
            questions=station.questions,
            put_back=self._put_back,
        )
        if self.station.teleop.in_real_time and not source.is_driven:
            self.report(Event("phase", self._asked(source)))
        dry = 0
        while lacking := self.result.lacking(source):
            if dry == DRY_EPISODES:
                raise _in_vain(self.workspace, source, self.result)
            if source.is_driven:
                loop.to_show = self._asked(source)
            if not loop.ready():
                return True
            summary = loop.run_episode()
            self._settle(summary, episode, source)
            if summary.quit_requested:
                return True
            dry = dry + 1 if self.result.lacking(source) == lacking else 0
        return False

    def _tell_called(self, called: int) -> None:
        """Tell a person that what is seen counts as success from now on, or no longer."""
        teleop = self.station.teleop
        if not teleop.in_real_time:
            return
        figures: Figures = {"success": called > 0}
        if len(self.stages) > 1:
            figures = {**figures, "reached": called}
        self.report(Event("called", called_now(teleop, called), figures=figures))

    def _look_at_the_clock(self) -> None:
        self.result.robot_s = self._clock_s()

    def _settle(
        self, summary: EpisodeSummary, episode: _LabelledEpisode, source: LabelSource
    ) -> None:
        interrupted = was_interrupted(summary)
        cut_short = interrupted and summary.steps > 0
        keep = not summary.discarded and (
            not interrupted or (cut_short and self.stop() and self.keep())
        )
        if path := episode.settle(summary, keep=keep):
            counts = dict(episode.labeller.counts)
            self.result.count(source, counts)
            self._recorded.add(path, partial(self.result.take_back, source, counts))
            self._look_at_the_clock()
            self.report(_told(self.result, source))

    def _asked(self, source: LabelSource) -> str:
        """Return what a person is to do, and how much of it."""
        lacking = self.result.lacking(source)
        return f"{source.asked_of(self.station.teleop)} ({lacking} more frames)"


def _told(result: LabelsResult, source: LabelSource) -> Event:
    lacking = sum(result.lacking(one) for one in result.sources)
    total = sum(result.wanted.values())
    text = ", ".join(
        f"{result.found[kind]} of {result.wanted[kind]} {kind}" for kind in result.wanted
    )
    figures: Figures = {
        **result.found,
        "source": source.name,
        "lacking": lacking,
        "robot_s": result.robot_s,
    }
    return Event("episode", f"{text} · {source.name}", total - lacking, total, figures)


def _in_vain(workspace: Workspace, source: LabelSource, result: LabelsResult) -> HilctlError:
    return HilctlError(
        f"{DRY_EPISODES} {source.name} episodes in a row brought no frame that is wanted: "
        f"{result.missing}",
        where=str(workspace.labels),
        hint=f"see that action, bounds, gripper and max_episode_s in {workspace.task_file} "
        f"allow success, then go on: {workspace.command('record-labels')}",
    )
