"""Pictures: they are made, and the worst mistakes come first."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure
from toy_scene import Fit

from hilctl.rewards.frames import LabelledFrames
from hilctl.rewards.report import draw_curve, draw_mistakes


def test_curve_is_a_picture(tmp_path: Path, fit: Fit) -> None:
    draw_curve(tmp_path / "report" / "pr.png", fit[0].metrics, fit[0].model.threshold)
    assert cv2.imread(str(tmp_path / "report" / "pr.png")).shape[2] == 3


def test_mistakes_come_before_near_misses(tmp_path: Path, fit: Fit, data: LabelledFrames) -> None:
    held_out = fit[1].copy()
    wrong = [int(np.flatnonzero(~data.labels)[3]), int(np.flatnonzero(data.labels)[5])]
    held_out[wrong] = [0.999, 0.001]
    asked: list[int] = []

    def load(row: int) -> dict[str, np.ndarray]:
        asked.append(row)
        return {"wrist": np.zeros((16, 16, 3), np.uint8), "side": np.zeros((9, 9, 3), np.uint8)}

    path, threshold = tmp_path / "mistakes.png", fit[0].model.threshold
    count = draw_mistakes(path, replace(data, load_images=load), held_out, threshold, count=20)
    assert set(wrong) <= set(asked[:count])
    assert max(Counter(data.episodes[asked]).values()) <= 2
    assert cv2.imread(str(path)) is not None


def test_a_picture_of_near_misses_says_that_they_are_none(
    tmp_path: Path, fit: Fit, data: LabelledFrames, monkeypatch: pytest.MonkeyPatch
) -> None:
    titles: list[str] = []
    monkeypatch.setattr(Figure, "suptitle", lambda figure, title, **style: titles.append(title))
    flawless = np.where(data.labels, 0.99, 0.01)
    one_wrong = np.where(np.arange(len(data)) == 3, 1 - flawless, flawless)
    picture = {"side": np.zeros((9, 9, 3), np.uint8)}
    shown = replace(data, load_images=lambda row: picture)
    for probability in (flawless, one_wrong):
        draw_mistakes(tmp_path / "x.png", shown, probability, 0.5, count=2)
    assert titles == ["no mistakes; what came nearest to one", "mistakes, in red: 1"]


def test_frames_without_pictures_are_refused(
    tmp_path: Path, fit: Fit, data: LabelledFrames
) -> None:
    with pytest.raises(ValueError, match="no pictures"):
        draw_mistakes(tmp_path / "x.png", replace(data, load_images=None), fit[1], 0.5)
