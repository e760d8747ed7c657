"""What a rig's training says: whether it has a gripper, what it sees, and how it learns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hilctl.task.hil_serl.leftovers import LEARNING
from hilctl.task.hil_serl.settings import Settings
from hilctl.task.sections import CHUNK_STEPS

UPDATES_PER_STEP = 6  # of the template
GRIPPERS = {
    "single-arm-fixed-gripper": False,
    "single-arm-learned-gripper": True,
    "dual-arm-fixed-gripper": False,
    "dual-arm-learned-gripper": True,
}
STATE = {
    "tcp_pose": "tcp_pose",
    "tcp_vel": "tcp_velocity",
    "tcp_force": "tcp_wrench",
    "tcp_torque": "tcp_wrench",
    "gripper_pose": "gripper",
    "q": "joint_position",
}


def read_gripper(training: Settings, classes: Sequence[str]) -> bool:
    """Return whether a gripper is part of the task.

    Args:
        training: its settings.
        classes: of the arms.

    Raises:
        DataError: the setting is none of HIL-SERL's, or is of another number of arms.
    """
    mode = training.kind("setup_mode", str, "a text")
    if mode is None:
        return False
    if mode not in GRIPPERS:
        raise training.wrong("setup_mode", mode, f"one of {', '.join(GRIPPERS)}")
    if mode.startswith("dual") != (len(classes) > 1):
        raise training.wrong("setup_mode", mode, f"what fits {' and '.join(classes)}")
    return GRIPPERS[mode]


def read_state(training: Settings, *, has_gripper: bool) -> list[str]:
    """Return what is measured, by its names here.

    Raises:
        DataError: the setting is no list of names.
    """
    told = training.texts("proprio_keys")
    state: list[str] = []
    for key in told if told is not None else ("tcp_pose", "tcp_vel"):
        known = STATE.get(key.rpartition("/")[2])
        if known is None:
            training.note("proprio_keys", "hilctl measures no such thing", f"[{key!r}]")
        elif known == "gripper" and not has_gripper:
            why = "the gripper is no part of the task"
            training.note("proprio_keys", why, f"[{key!r}]")
        elif known not in state:
            state.append(known)
    return state or ["tcp_pose"]


def read_learning(training: Settings, *, has_gripper: bool) -> dict[str, Any]:
    """Return discount, batch and ratio of critic to actor updates; None = not said.

    Raises:
        DataError: one of them is no such number.
    """
    learning: dict[str, Any] = {}
    for key, name, low, high in LEARNING:
        value = training.number(key, low=low, high=high)
        whole = value is not None and value == int(value)
        learning[name] = int(value) if whole and value is not None else value
        if value is not None and not whole and name != "discount":
            raise training.wrong(key, value, "a whole number")
    if has_gripper:
        for key in ("discount", "cta_ratio"):
            if key in training.values:
                training.note(key, "cloning, which this template begins with, has none")
    elif CHUNK_STEPS * UPDATES_PER_STEP % (learning["ratio"] or 1):
        why = f"it is no divisor of {CHUNK_STEPS} × updates_per_step: HIL-SERL's 2 is taken"
        training.note("cta_ratio", why)
        learning["ratio"] = None
    return learning
