"""What grippers and a second arm cost a learner step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import numpy as np

from hilctl.networks.encoders.base import Encoder
from hilctl.pipeline.bench.learner import BATCH, STATE_SIZE, UPDATES_PER_STEP, filled_learner
from hilctl.pipeline.bench.timing import in_turn_s
from hilctl.pipeline.events import Event, Report
from hilctl.task.layout import CLOSE, LEAVE, OPEN, TWIST, ActionLayout, ActionPart
from hilctl.task.sections import CHUNK_STEPS

ROUNDS = 15


def _pose(arm: str) -> ActionPart:
    return ActionPart(f"{arm}/delta_pose", arm, "delta_pose", len(TWIST))


def _gripper(arm: str) -> ActionPart:
    return ActionPart(f"{arm}/gripper", arm, "gripper", 1, (CLOSE, LEAVE, OPEN))


ONE_ARM = ActionLayout((_pose("left"),))
COMPARED = {
    "gripper": ActionLayout((_pose("left"), _gripper("left"))),
    "second_arm": ActionLayout((_pose("left"), _pose("right"))),
    "second_arm_grippers": ActionLayout(
        (_pose("left"), _gripper("left"), _pose("right"), _gripper("right"))
    ),
}


def bench_arms(cameras: Sequence[str], encoder: Encoder, report: Report) -> dict[str, float]:
    """Return the time of learner steps over that of one arm without a gripper, as ratios.

    All see the same cameras; a second arm brings twelve numbers of an action instead of six, and
    twice the state. A gripper brings a critic of its own. Compiled updates on the same batch each.

    Args:
        cameras: names.
        encoder: of the task.
        report: told what is being measured.
    """
    report(Event("bench", "learner step with grippers and a second arm"))
    layouts = {"one_arm": ONE_ARM, **COMPARED}
    steps = {name: _step(cameras, encoder, layout) for name, layout in layouts.items()}
    times_s = in_turn_s(steps, ROUNDS)
    return {
        f"learner_{name}_ratio": float(np.median(times_s[name] / times_s["one_arm"]))
        for name in COMPARED
    }


def _step(cameras: Sequence[str], encoder: Encoder, layout: ActionLayout) -> Callable[[], object]:
    """Return what updates a learner of its own, always with the same batches."""
    rng = np.random.default_rng(0)
    state_size = STATE_SIZE * len({part.arm for part in layout.parts})
    learner, buffer = filled_learner(cameras, encoder, rng, layout, state_size)
    batches = jax.device_put(buffer.sample_many(rng, CHUNK_STEPS * UPDATES_PER_STEP, BATCH))

    def step() -> None:
        nonlocal learner
        learner, metrics = learner.update(batches)
        jax.block_until_ready(metrics)

    return step
