"""`hilctl replay`: an episode as a film, or once more on the robot."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilctl.cli.options import JsonOption, MotionOption, SeedOption, TaskOption
from hilctl.cli.render import Output

if TYPE_CHECKING:
    from hilctl.pipeline.replay.film import EpisodeFilm
    from hilctl.task.workspace import Workspace


def replay(
    episode: Annotated[
        str,
        typer.Argument(metavar="EPISODE", help="Number of a demonstration, RUN/NUMBER, or a file."),
    ],
    task: TaskOption = None,
    video: Annotated[
        Path | None, typer.Option("--video", metavar="FILE", help="Write it as MP4.")
    ] = None,
    on_robot: Annotated[
        bool, typer.Option("--on-robot", help="Execute its actions on the robot.")
    ] = False,
    seed: SeedOption = 0,
    allow_motion: MotionOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show an episode as a film in the terminal, write it as MP4, or do it again on the robot.

    The robot goes slowly to where the episode began; bounds and speeds of the task are in force,
    and it is told how far the tool strays from where it was.
    """
    from hilctl.errors import UsageError
    from hilctl.pipeline.replay.find import find_episode
    from hilctl.task.workspace import Workspace

    output = Output(as_json=as_json)
    if on_robot and video:
        raise UsageError("--video shows what was recorded, --on-robot does it: choose one")
    path = find_episode(episode, lambda: Workspace.find(task))
    if on_robot:
        _on_robot(output, Workspace.find(task), path, seed=seed, allowed=allow_motion)
    else:
        _as_film(output, path, episode, task, video)


def _as_film(output: Output, path: Path, name: str, task: Path | None, video: Path | None) -> None:
    from hilctl.pipeline.replay.film import EpisodeFilm, write_video

    film = EpisodeFilm.of(path)
    if video is not None:
        write_video(film, video)
    elif output.draws:
        _play(film)
    _say(output, film.about)
    if video is not None:
        output.say(f"video: {video}")
    elif not output.draws:
        output.say("this is no terminal to show a film on: --video FILE writes one")
    if (video or output.draws) and _has_robot(task):
        step = _again(name, task, "--on-robot")
    elif video is None:
        step = _again(name, task, "--video episode.mp4")
    else:
        step = shlex.join(["hilctl", "demos", *(["--task", str(task)] if task else [])])
    output.next(step)
    output.result({**film.about, "video": str(video) if video else None, "next": step})


def _has_robot(task: Path | None) -> bool:
    """Return whether there is a task here with a robot to replay an episode on."""
    from hilctl.errors import HilctlError
    from hilctl.task.workspace import Workspace

    try:
        return Workspace.find(task).spec.environment is None
    except HilctlError:  # an episode by its file's name, from elsewhere
        return False


def _play(film: EpisodeFilm) -> None:
    from hilctl.cli.film import play
    from hilctl.cli.interrupt import interruptible

    with interruptible() as stop:
        play(film, stop)
    stop.leave_if_interrupted()


def _on_robot(
    output: Output, workspace: Workspace, path: Path, *, seed: int, allowed: bool
) -> None:
    from hilctl.cli.hand_keys import hand_keys
    from hilctl.cli.interrupt import interruptible
    from hilctl.cli.live import LiveProgress
    from hilctl.cli.prompts import confirm_motion
    from hilctl.data.episode import Episode
    from hilctl.pipeline.replay.on_robot import replay_on_robot, start_of

    recorded = Episode.read(path)
    start = start_of(recorded, workspace)
    confirm_motion(output, workspace.spec, allowed=allowed, to=start[:3].tolist())
    progress = LiveProgress(output, hand_keys(workspace.spec))
    with workspace.lock("replay"), interruptible() as stop, progress as live:
        result = replay_on_robot(workspace, recorded, seed=seed, report=live.report, stop=stop)
    figures = result.as_dict()
    output.say(
        f"{result.steps} of {result.wanted} steps; the tool was {figures['mean_mm']:.1f} mm from "
        f"where it had been in the mean, {figures['worst_mm']:.1f} mm at worst, "
        f"{figures['end_mm']:.1f} mm at the end"
    )
    if stop():
        output.event({"event": "stopped", **figures})
    stop.leave_if_interrupted()
    step = workspace.command("status")
    output.next(step)
    output.result({"episode": str(path), **figures, "next": step})


def _say(output: Output, about: dict[str, Any]) -> None:
    human = f", {about['human_steps']} with a human in charge" if about["human_steps"] else ""
    output.say(
        f"{about['episode']}: {about['kind']}, {about['outcome']}, {about['steps']} steps in "
        f"{about['seconds']:.1f} s{human}; {', '.join(about['cameras'])}"
    )


def _again(name: str, task: Path | None, option: str) -> str:
    where = ["--task", str(task)] if task else []
    return f"{shlex.join(['hilctl', 'replay', name, *where])} {option}"
