"""A small task for tests that record: the reaching scene with tiny pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml

from hilctl.data.step import EpisodeSummary, Observation, Outcome, Step
from hilctl.data.writer import EpisodeWriter, Kind
from hilctl.task import scaffold
from hilctl.task.fingerprint import data_fingerprint, data_identity
from hilctl.task.layout import ActionLayout
from hilctl.task.workspace import Workspace

ARMS = ("left", "right")
TINY_CAMERAS = {
    f"view: {name}, size: [128, 128]": f"view: {name}, width_px: 32, height_px: 32, size: [32, 32]"
    for name in ("wrist", "side")
}


def make_task(folder: Path) -> Workspace:
    """Make a task folder."""
    chosen = scaffold.find_template("sim-reach")
    scaffold.create(chosen, folder, chosen.answers({}))
    return edit(Workspace(folder), TINY_CAMERAS)


def two_arms(folder: Path) -> Workspace:
    """Make a task folder with two arms out of that of one."""
    template = scaffold.find_template("sim-reach")
    scaffold.create(template, folder, template.answers({"demos": "2", "max_episode_s": "2"}))
    file = folder / "task.yaml"
    data = yaml.safe_load(file.read_text())
    control = data["control"]
    data["control"] = {key: control.pop(key) for key in ("rate_hz", "max_episode_s")}
    del data["robot"]
    arm = {"robot": {"type": "sim", "scene": "reach-both"}, "control": control}
    arm |= {key: data.pop(key) for key in ("teleop", "reset")}
    data["arms"] = dict.fromkeys(ARMS, arm)
    data["cameras"] = {
        "front": {"type": "sim", "view": "front", "width_px": 32, "height_px": 32, "size": [32, 32]}
    }
    data["observation"]["images"] = data["reward"]["cameras"] = ["front"]
    data["agent"] = {"type": "bc", "updates": 4, "batch": 8}
    file.write_text(yaml.safe_dump(data))
    return Workspace(folder)


def edit(workspace: Workspace, changes: dict[str, str]) -> Workspace:
    """Replace pieces of a task file's text."""
    text = workspace.task_file.read_text("utf-8")
    for old, new in changes.items():
        assert old in text, f"{old!r} is not in the template any more"
        text = text.replace(old, new, 1)
    workspace.task_file.write_text(text, "utf-8")
    return Workspace(workspace.root)


def observation(space: Workspace, number: int) -> Observation:
    """Return an observation of the task's cameras, 0.1 s after the one before."""
    images = {}
    for name, camera in space.spec.cameras.items():
        width, height = camera.size
        images[name] = np.full((height, width, 3), min(255, 10 * number), np.uint8)
    stamp_ns = 100_000_000 * number
    pose = np.array([*space.spec.reset.pose[:3], 1.0, 0.0, 0.0, 0.0])
    pose[0] += 0.001 * number
    state = {"tcp_pose": pose, "tcp_velocity": np.zeros(6), "tcp_wrench": np.zeros(6)}
    return Observation(images, state, stamp_ns, dict.fromkeys(images, stamp_ns))


def write_demo(
    space: Workspace,
    *,
    steps: int,
    human_steps: int = 0,
    folder: Path | None = None,
    kind: Kind = "demo",
) -> Path:
    """Write a successful episode, made without robot or simulator."""
    actions = ActionLayout.of(space.spec)
    assert actions is not None
    attributes = {
        "task_fingerprint": data_fingerprint(space.spec),
        "task_identity": data_identity(space.spec),
        "operator": "nobody",
        "action_layout": actions.as_json(),
    }
    action = np.array([0.1, 0.0, 0.0, 0.0, 0.0, 0.0])
    with EpisodeWriter(folder or space.demos, kind=kind, attributes=attributes) as writer:
        for i in range(steps):
            last = i == steps - 1
            before, after = observation(space, i), observation(space, i + 1)
            human = action if i < human_steps else None
            step = Step(
                before, action, None, human, human is not None, after, float(last), last, False
            )
            writer.on_step(step)
        done = EpisodeSummary(Outcome.SUCCESS, steps, 0.1 * steps, human_steps, True, True)
        return writer.commit(done)
