"""Two arms on the network in one task, as `dual-franka` has them: shown, cloned and measured."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from processes import Ask, make_task

from hilctl.data.episode import Episode

PATIENCE_S = 60


@contextmanager
def two_served() -> Iterator[dict[str, dict[str, str]]]:
    """Run `serve-sim` with two arms; return the addresses of arms and cameras."""
    options = ["--scene", "reach-both", "--gripper", "none", "--size", "64x48", "--port", "0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "hilctl", "serve-sim", *options, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE_S)


@pytest.mark.slow
def test_two_arms_are_shown_a_task_and_do_it_from_what_was_cloned(tmp_path: Path, ask: Ask) -> None:
    with two_served() as rig:
        space = make_task(
            tmp_path / "both",
            "dual-franka",
            # a policy that is hardly trained, judged by nobody
            {"updates: 6000": "updates: 20", "max_episode_s: 10": "max_episode_s: 4"}
            | {"type: classifier\n": "type: human\n"}
            | dict.fromkeys(
                (
                    "  cameras: [front, left_wrist, right_wrist]\n",
                    "  max_false_positive_rate: 0.005\n",
                    "  consecutive: 3            # frames in a row that must look like success\n",
                ),
                "",
            ),
            left=rig["arms"]["left"],
            right=rig["arms"]["right"],
            front=rig["cameras"]["front"],
            teleop="rehearsed",
            demos="2",
        )
        code, lines, _ = ask(space, "record-demos", "--allow-motion")
        assert code == 0, lines[-1]
        shown = [Episode.read(file) for file in sorted(space.demos.glob("episode_*.hdf5"))]
        assert len(shown) == 2
        assert all(episode.actions.shape[1] == 12 for episode in shown)
        assert all(episode.header.true_success for episode in shown)
        code, lines, _ = ask(space, "train", "--allow-motion")
        assert code == 0, lines[-1]
        code, lines, _ = ask(space, "eval", "--episodes", "1", "--allow-motion")
        assert code in (0, 1), lines[-1]  # done, or below the bar
        assert lines[-1]["episodes"] == 1
