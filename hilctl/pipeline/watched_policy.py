"""A trained policy acts and a person watches: what `eval` and `run` have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from hilctl.env.loop import EpisodeLoop, Subscriber
from hilctl.env.make import Station, open_station
from hilctl.pipeline.between_episodes import between_episodes
from hilctl.pipeline.calibrate.check import check_cameras
from hilctl.pipeline.events import Report, ShouldStop, told_by
from hilctl.pipeline.run_folder.policy import ChosenPolicy
from hilctl.rewards.base import Reward
from hilctl.task.workspace import Workspace
from hilctl.teleop.base import Role


@contextmanager
def watched(
    workspace: Workspace,
    chosen: ChosenPolicy,
    reward: Reward,
    *,
    seed: int,
    report: Report,
    stop: ShouldStop,
    subscribers: Sequence[Subscriber] = (),
    claims_end_episode: bool = True,
) -> Iterator[tuple[Station, EpisodeLoop]]:
    """Open the task's devices and return them with the loop of a policy that nobody may steer.

    Args:
        workspace: the task folder.
        chosen: the policy.
        reward: that judges it.
        seed: of starts and grasps.
        report: told of what a person has to know.
        stop: asked every step; True ends the episode.
        subscribers: told of every step.
        claims_end_episode: whether whoever watches may call a success.

    Raises:
        DeviceError: a device fails.
        DataError: the devices are not those that the policy was trained with.
    """
    with open_station(
        workspace.spec,
        seed=seed,
        encode=chosen.encoder,
        reward=reward,
        screen=told_by(report),
        stop=stop,
        folder=workspace.root,
    ) as station:
        chosen.check_environment(station)
        check_cameras(workspace, station.robot, station.cameras, report)
        loop = EpisodeLoop(
            station.env,
            chosen.policy,
            station.teleop,
            Role.WATCH,
            subscribers,
            stop=stop,
            claims_end_episode=claims_end_episode,
            questions=station.questions,
            put_back=between_episodes(workspace, station, report, reward),
        )
        chosen.warm_up()
        yield station, loop
