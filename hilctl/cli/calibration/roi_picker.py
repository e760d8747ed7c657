"""Let a person choose a crop, where there is a display in a window, else in the terminal."""

from __future__ import annotations

from collections.abc import Callable

from hilctl.cli.calibration import roi_terminal, roi_window
from hilctl.cli.calibration.roi_choice import CropSubject
from hilctl.cli.render import Output
from hilctl.task.sections import Box


def pick(output: Output, subject: CropSubject, stop: Callable[[], bool]) -> Box | None:
    """Let a person choose a crop: in a window where there is a display, else in the terminal.

    Args:
        output: of the command.
        subject: what there is to choose from.
        stop: asked about ten times a second whether to leave.

    Returns:
        The crop in px on the raw frame; None when the person left without.
    """
    if roi_window.window_available():
        output.say(f"choose the crop of camera {subject.camera} in the window that has opened")
        return roi_window.pick_in_window(subject, stop)
    return roi_terminal.pick_in_terminal(subject, stop)
