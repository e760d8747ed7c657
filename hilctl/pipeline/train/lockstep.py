"""Training in lockstep, in one process: deterministic for a seed."""

from __future__ import annotations

from hilctl.env.make import open_station
from hilctl.pipeline.calibrate.check import check_cameras
from hilctl.pipeline.events import Event, Report, ShouldStop, telling, told_by
from hilctl.pipeline.parts import open_encoder, open_reward
from hilctl.pipeline.run_folder.run import Run
from hilctl.pipeline.train.acting import ActingSide, prepared_policy
from hilctl.pipeline.train.learner.learning import (
    LearningSide,
    open_learning_side,
    saved_at_the_end,
)
from hilctl.training.compilation import enable_compilation_cache
from hilctl.training.lockstep_link import LockstepLink

SAVE_EVERY_EPISODES = 25


def train_in_lockstep(
    run: Run,
    report: Report,
    stop: ShouldStop,
    *,
    with_demos: bool = True,
    max_steps: int | None = None,
    help_steps: int | None = None,
) -> bool | None:
    """Act and learn in step until the policy is good; None when stopped before the run began.

    Args:
        run: to go on with, or new.
        report: told what is going on.
        stop: asked every step.
        with_demos: whether the learner gets the demonstrations.
        max_steps: robot steps of the run after which it gives up.
        help_steps: steps of the run for which the operator may be in charge; None = any number.

    Returns:
        Whether the target was reached.

    Raises:
        MissingStageError: demonstrations or classifier are missing.
        DataError: they belong to another set-up, or do not fit these devices.
        DeviceError: a device cannot be opened.
    """
    enable_compilation_cache()
    spec, encoder = run.workspace.spec, open_encoder(run.workspace)
    side = open_learning_side(run, encoder, report, stop, with_demos=with_demos)
    if side is None:
        return None
    reward = open_reward(run.workspace, encoder)
    # whatever is wrong with the devices is found before the run begins
    with open_station(
        spec,
        seed=run.station_seed,
        encode=encoder,
        reward=reward,
        screen=told_by(report),
        stop=stop,
        folder=run.workspace.root,
        help_steps=None if help_steps is None else left(help_steps, run),
    ) as station:
        side.greeting().check_environment(station.action_layout, station.observation_layout)
        check_cameras(run.workspace, station.robot, station.cameras, report)
        going_on = run.progress.episodes
        run.begin()
        with saved_at_the_end(side):
            side.learn_before(report, stop)
            side.learner.learn_owed()
            run.progress.take(side.episode_learner.health())
            if going_on:
                report(continued(run))
            report(Event("phase", f"learning; help and verdicts by the {station.teleop.operator}"))
            grid = encoder.feature_shape[:2]
            policy = prepared_policy(run, side.learner.agent, side.perception, grid)
            with LockstepLink(side.episode_learner, telling(report, "link")) as link:
                acting_side = ActingSide(
                    run,
                    station,
                    policy,
                    reward,
                    link,
                    report,
                    stop,
                    after_episode=lambda: _save_now_and_then(side, link),
                    max_steps=max_steps,
                    goes_first=False,  # it learns, too
                )
                with acting_side.ready() as actor:
                    reached = actor.run()
            run.progress.take(side.episode_learner.health())  # the last episode is learnt from
        run.end(reached=reached, stopped=stop())
        return reached


def left(help_steps: int, run: Run) -> int:
    """Return how many of the operator's steps a run has not used."""
    return max(0, help_steps - run.progress.intervention_steps)


def continued(run: Run) -> Event:
    """Return what a person wants to hear of a run that goes on."""
    text = f"going on with run {run.folder.name} after {run.progress.episodes} episodes"
    return Event("phase", text, figures={"run": str(run.folder), **run.progress.as_dict()})


def _save_now_and_then(side: LearningSide, link: LockstepLink) -> None:
    side.keep_if_best()  # touches the learner for a trial only, for which learning rests
    if side.run.progress.episodes % SAVE_EVERY_EPISODES == 0:
        link.wait()
        side.save()
        side.run.write_manifest("running")
