"""`hilctl calibrate` without a step: one question after the other, through what a task needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from hilctl.calibration.boards import Board, parse_board
from hilctl.cli.calibration import board_steps, camera_steps
from hilctl.cli.calibration.job import CalibrationSetup, CameraJob
from hilctl.cli.calibration.overview import next_step, table
from hilctl.cli.prompts import ask, one_of
from hilctl.cli.render import Output
from hilctl.errors import HilctlError
from hilctl.pipeline.calibrate.camera_files import CameraFiles
from hilctl.pipeline.calibrate.crops import uncropped
from hilctl.task.workspace import Workspace

PICTURES = 25


@dataclass(frozen=True)
class GuideStep:
    """One thing to do.

    Attributes:
        title: what, in a few words.
        why: what for.
        proposed: whether Enter does it.
        run: does it.
    """

    title: str
    why: str
    proposed: bool
    run: Callable[[], None]


class StepOutput(Output):
    """An output whose steps do not say what comes next: here that is the next question."""

    def next(self, command: str) -> None:
        """Say nothing."""

    def result(self, result: Mapping[str, Any]) -> None:
        """Write nothing: people are watching."""


def guide(setup: CalibrationSetup) -> None:
    """Go through the steps, each of which may be left out."""
    output = setup.output
    table(output, setup.workspace)
    output.say()
    output.say("Enter takes what stands in brackets; q leaves, what is done stays.")
    inner = replace(setup, output=StepOutput())
    for step in _steps(inner):
        output.say()
        output.say(f"{step.title}: {step.why}")
        default = "yes" if step.proposed else "no"
        answer = ask(output, "do it now? yes, no, q", default, one_of("yes", "no", "q"))
        if answer == "q":
            break
        if answer == "yes":
            _attempt(output, step)
    output.say()
    table(output, setup.workspace.fresh())
    output.next(next_step(setup.workspace.fresh()))


def _attempt(output: Output, step: GuideStep) -> None:
    """Run a step, once more as long as it fails and the person wants to."""
    while True:
        try:
            step.run()
            return
        except HilctlError as error:
            output.error(error)
        if ask(output, "try again? yes, no", "no", one_of("yes", "no")) == "no":
            return


def _steps(setup: CalibrationSetup) -> Iterator[GuideStep]:
    """Yield what there is to do, each judged by what is known when its turn comes."""
    plain = uncropped(setup.workspace)
    names = list(plain.spec.cameras)
    adapting = [name for name in names if not _knows(setup, name, "exposure")]
    yield GuideStep(
        "exposure",
        "as long as a camera adapts to the light, the policy sees every day something else",
        bool(adapting),
        partial(camera_steps.exposure, setup, adapting or names),
    )
    for name in names:
        if plain.spec.cameras[name].crop is None:  # else the task file has decided
            yield GuideStep(
                f"crop of camera {name}",
                "the policy sees few pixels; give it those that matter",
                False,
                partial(camera_steps.crop, _job(setup, plain, name), None),
            )
    for name in names:
        yield GuideStep(
            f"lens and place of camera {name}",
            "in mm instead of px, for overlays and other programs; learning does not need it",
            False,
            partial(_lens_and_place, _job(setup, setup.workspace, name)),
        )
    complete = all(_knows(setup, name, "reference") for name in names)
    yield GuideStep(
        "new reference pictures" if complete else "reference pictures",
        "with them it is noticed before every recording that a camera was touched; "
        "take the board away first",
        not complete,
        partial(camera_steps.drift, setup, names, accept=complete),
    )


def _knows(setup: CalibrationSetup, name: str, part: str) -> bool:
    record = CameraFiles(setup.workspace, name).record()
    return record is not None and getattr(record, part) is not None


def _job(setup: CalibrationSetup, workspace: Workspace, name: str) -> CameraJob:
    return CameraJob(replace(setup, workspace=workspace), CameraFiles(workspace, name))


def _lens_and_place(job: CameraJob) -> None:
    """Ask what has to be known, then find intrinsics and hand-eye from the same pictures."""
    job = job.with_mount_asked()
    question = "who moves, the robot by itself or you by hand? robot, hand"
    by_hand = ask(job.output, question, "robot", one_of("robot", "hand")) == "hand"
    job = replace(job, freehand=by_hand)
    board = _board(job)
    folder = board_steps.take(job, board, PICTURES)
    board_steps.intrinsics(job, folder, board)
    board_steps.hand_eye(job, folder, None, board)
    board_steps.verify(job, None)


def _board(job: CameraJob) -> Board:
    """Return the board that the person has, in its true size."""
    output, usual = job.output, job.board(None)
    output.say("a board has to be seen from many sides")
    question = "which one? its name, or 'print' to make this one"
    board = ask(output, question, usual, _board_or_print)
    if board is None:
        return board_steps.sheet(output, usual, Path("board.pdf"))
    usual_mm = round(1e3 * board.square_m, 3)
    question = "how long is a square on paper, measured, in mm?"
    return board.with_square(1e-3 * ask(output, question, usual_mm, board_steps.parse_mm))


def _board_or_print(text: str) -> Board | None:
    """Return the board that was named; None = it is to be printed.

    Raises:
        UsageError: it is none.
    """
    return None if text.strip().lower() == "print" else parse_board(text)
