"""`hilctl run`: a finished policy at work, again and again. It is no evaluation."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hilctl.data.step import EpisodeSummary
from hilctl.pipeline.events import Event, Report, ShouldStop, never, silent
from hilctl.pipeline.parts import open_reward
from hilctl.pipeline.record.recording import was_interrupted
from hilctl.pipeline.run_folder.policy import open_policy
from hilctl.pipeline.watched_policy import watched
from hilctl.task.workspace import Workspace

WORK_SEED_OFFSET = 2_000_000  # starts that neither training nor evaluation has seen


@dataclass
class WorkResult:
    """What a policy did while it worked: counts, no rate.

    Attributes:
        checkpoint: the policy's file.
        wanted: episodes asked for; None = until somebody ends it.
        summaries: of the episodes that came to an end.
        robot_s: on the robot's clock, resets included, without what a person was waited for.
    """

    checkpoint: Path
    wanted: int | None
    summaries: list[EpisodeSummary] = field(default_factory=list)
    robot_s: float = 0.0

    @property
    def done(self) -> bool:
        """Whether there were as many as asked for."""
        return self.wanted is not None and len(self.summaries) >= self.wanted

    @property
    def successes(self) -> int:
        """How many succeeded, after what the operator said."""
        return sum(summary.success for summary in self.summaries)

    def as_dict(self) -> dict[str, Any]:
        """Return the final JSON object of `run --json`."""
        discarded = sum(summary.discarded for summary in self.summaries)
        times_s = [summary.duration_s for summary in self.summaries if summary.success]
        return {
            "episodes": len(self.summaries),
            "successes": self.successes,
            "failures": len(self.summaries) - self.successes - discarded,
            "discarded": discarded,
            "claimed": sum(summary.claimed for summary in self.summaries),
            "vetoed": sum(summary.vetoed for summary in self.summaries),
            "median_time_s": statistics.median(times_s) if times_s else None,
            "robot_s": self.robot_s,
            "checkpoint": str(self.checkpoint),
        }


def run_policy(
    workspace: Workspace,
    *,
    episodes: int | None = None,
    seed: int = 0,
    run: Path | None = None,
    best: bool = False,
    report: Report = silent,
    stop: ShouldStop = never,
) -> WorkResult:
    """Let a policy work: greedy, with the reset that the task has, until somebody ends it.

    The operator watches: cannot drive, but says success or failure, throws an episode away, or
    ends it all. Nothing is written.

    Args:
        workspace: the task folder, locked by the caller.
        episodes: how many; None = until somebody ends it.
        seed: of starts and grasps.
        run: whose policy; None = the latest run that has one.
        best: the run's best policy, not its last.
        report: told of each episode.
        stop: asked every step; True stops the robot and ends the work.

    Raises:
        MissingStageError: nothing was trained.
        DataError: policy or classifier belong to another set-up.
        DeviceError: a device fails.
    """
    chosen = open_policy(workspace, run=run, best=best, seed=seed, report=report)
    reward = open_reward(workspace, chosen.encoder)
    result = WorkResult(chosen.checkpoint, episodes)
    with watched(
        workspace, chosen, reward, seed=WORK_SEED_OFFSET + seed, report=report, stop=stop
    ) as (station, loop):
        clock_s = station.stopwatch()
        while not result.done and loop.ready():
            summary = loop.run_episode()
            result.robot_s = clock_s()
            if not was_interrupted(summary):
                result.summaries.append(summary)
                report(_told(summary, result))
            if summary.quit_requested:
                break
    return result


def _told(summary: EpisodeSummary, result: WorkResult) -> Event:
    done = len(result.summaries)
    if summary.success:
        how = f"success in {summary.duration_s:.1f} s"
    else:
        how = "thrown away" if summary.discarded else "no success"
    number = f"episode {done}/{result.wanted}" if result.wanted else f"episode {done}"
    figures = {
        "episode": done,
        "outcome": summary.outcome.value,
        "discarded": summary.discarded,
        "claimed": summary.claimed,
        "vetoed": summary.vetoed,
        "steps": summary.steps,
        "time_s": summary.duration_s,
    }
    text = f"{number}: {how} ({result.successes} of {done} so far)"
    return Event("episode", text, done, result.wanted, figures)
