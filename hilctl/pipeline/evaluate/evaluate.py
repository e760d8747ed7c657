"""`hilctl eval`: how good a policy is, greedy and with no hand on the robot."""

from __future__ import annotations

import statistics
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hilctl.data.step import EpisodeSummary, Outcome
from hilctl.env.loop import EpisodeLoop
from hilctl.pipeline.evaluate.statistics import wilson_interval
from hilctl.pipeline.evaluate.video import VideoRecorder
from hilctl.pipeline.events import Event, Report, ShouldStop, never, silent
from hilctl.pipeline.parts import open_reward
from hilctl.pipeline.run_folder.manifest import Evaluation, write_manifest
from hilctl.pipeline.run_folder.policy import open_policy
from hilctl.pipeline.watched_policy import watched
from hilctl.task.fingerprint import data_fingerprint
from hilctl.task.workspace import Workspace

EVALUATION_SEED_OFFSET = 1_000_000  # starts and grasps that training has not seen


@dataclass(frozen=True)
class EvaluationResult:
    """Every episode of an evaluation, and what was evaluated.

    Attributes:
        judge: who said what was a success, in words.
        stopped: a person ended it before all episodes were run.
    """

    summaries: list[EpisodeSummary]
    checkpoint: Path
    task_fingerprint: str
    operator: str
    judge: str = "classifier"
    stopped: bool = False
    videos: tuple[Path, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the final JSON object of `eval --json`."""
        episodes = [s for s in self.summaries if counts(s)]
        times_s = [s.duration_s for s in episodes if succeeded(s)]
        successes = len(times_s)
        known = episodes and all(s.true_success is not None for s in episodes)
        true_successes = sum(bool(s.true_success) and undisputed(s) for s in episodes)
        return {
            "episodes": len(episodes),
            "successes": successes,
            "success_rate": successes / len(episodes) if episodes else 0.0,
            "ci95": list(wilson_interval(successes, len(episodes))),
            "true_successes": true_successes if known else None,
            "true_success_rate": true_successes / len(episodes) if known else None,
            "false_positives": (
                sum(s.judged_success and not s.true_success for s in episodes) if known else None
            ),
            "discarded": sum(s.discarded for s in episodes),
            "vetoed": sum(s.vetoed for s in episodes),
            "stopped": self.stopped,
            "median_time_s": statistics.median(times_s) if times_s else None,
            "mean_time_s": statistics.fmean(times_s) if times_s else None,
            "interventions": sum(s.intervention_steps for s in episodes),
            "checkpoint": str(self.checkpoint),
            "task_fingerprint": self.task_fingerprint,
            "operator": self.operator,
            "judge": self.judge,
            "videos": [str(file) for file in self.videos],
        }


def counts(summary: EpisodeSummary) -> bool:
    """Return whether an episode belongs in the score: all but one that was cut by a stop.

    One that the operator threw away does: else a failure could be taken out of the score.
    """
    return summary.discarded or summary.outcome is not Outcome.ABORTED


def undisputed(summary: EpisodeSummary) -> bool:
    """Return whether nobody drove in an episode, threw it away or vetoed it."""
    return not (summary.intervention_steps or summary.discarded or summary.vetoed)


def succeeded(summary: EpisodeSummary) -> bool:
    """Return whether the policy alone succeeded, by the reward's verdict."""
    return summary.judged_success and undisputed(summary)


def told(summaries: list[EpisodeSummary], episodes: int, judge: str = "classifier") -> Event:
    """Return what a person wants to hear after an episode; `judge` says who calls successes."""
    last, done = summaries[-1], len(summaries)
    how = f"success in {last.duration_s:.1f} s" if succeeded(last) else "no success"
    if not undisputed(last):
        how += f": {_dispute(last)}"
    elif last.true_success is not None and last.true_success != last.judged_success:
        how += f" by the {judge}, not in truth" if last.judged_success else ", but truly done"
    successes = sum(map(succeeded, summaries))
    text = f"episode {done}/{episodes}: {how} ({successes}/{done} so far)"
    figures = {
        "episode": done,
        "judged_success": last.judged_success,
        "true_success": last.true_success,
        "discarded": last.discarded,
        "vetoed": last.vetoed,
        "steps": last.steps,
        "time_s": last.duration_s,
    }
    return Event("episode", text, done, episodes, figures)


def _dispute(summary: EpisodeSummary) -> str:
    if summary.discarded:
        return "thrown away"
    return "vetoed" if summary.vetoed else "touched"


def evaluate(
    workspace: Workspace,
    *,
    episodes: int,
    seed: int = 0,
    report: Report = silent,
    stop: ShouldStop = never,
    run: Path | None = None,
    video: bool = False,
    best: bool = False,
) -> EvaluationResult:
    """Run a policy's greedy episodes and judge them.

    The reward decides, as it would on a robot; where the robot knows the truth, that is
    reported beside it. The operator watches: cannot drive or claim a success, but veto one, also
    when it has just been called, or throw an episode away, which then counts as a failure. An
    operator who is the reward calls the successes.

    Args:
        workspace: the task folder.
        episodes: how many.
        seed: of starts and grasps; independent of those of training.
        report: told of each episode.
        stop: asked every step; True ends the evaluation early. What was seen is returned; with
            fewer episodes than asked for, nothing is kept on disk.
        run: whose policy; None = the latest run that has one.
        video: write one video an episode, into `videos/` of the run (`videos_best/` with `best`);
            those of an earlier evaluation go when all are complete.
        best: measure the run's best policy, not its last; the result is not kept with the run.

    Raises:
        MissingStageError: nothing was trained.
        DataError: policy or classifier belong to another set-up.
    """
    chosen = open_policy(workspace, run=run, best=best, seed=seed, report=report)
    run, rate_hz = chosen.run, workspace.spec.control.rate_hz
    reward = open_reward(workspace, chosen.encoder)
    films = VideoRecorder(run / ("videos_best" if best else "videos"), rate_hz) if video else None
    watching = watched(
        workspace,
        chosen,
        reward,
        seed=EVALUATION_SEED_OFFSET + seed,
        report=report,
        stop=stop,
        subscribers=[films] if films else [],
        claims_end_episode=False,
    )
    with films or nullcontext(), watching as (station, loop):
        summaries = _run_episodes(loop, episodes, report, reward.judge_name)
        stopped = sum(map(counts, summaries)) < episodes
        result = EvaluationResult(
            summaries,
            chosen.checkpoint,
            data_fingerprint(workspace.spec),
            station.teleop.operator,
            reward.judge_name,
            stopped,
            tuple(films.finish()) if films and not stopped else (),
        )
    if not stopped and not best:
        write_manifest(run / "eval.json", Evaluation.model_validate(result.as_dict()))
    return result


def _run_episodes(
    loop: EpisodeLoop, episodes: int, report: Report, judge: str
) -> list[EpisodeSummary]:
    summaries: list[EpisodeSummary] = []
    while len(summaries) < episodes and loop.ready():
        summaries.append(loop.run_episode())
        if counts(summaries[-1]):
            report(told(summaries, episodes, judge))
        if summaries[-1].quit_requested:
            break
    return summaries
