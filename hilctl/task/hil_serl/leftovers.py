"""Why settings of HIL-SERL have no counterpart in a task file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hilctl.task.hil_serl.settings import Settings

# name there, name here, least, most
LEARNING = (
    ("discount", "discount", 1e-6, 1 - 1e-9),
    ("batch_size", "batch", 2, 4096),
    ("cta_ratio", "ratio", 1, 32),
)
# those that are taken over have no reason
OF_AN_ARM: dict[str, str] = {
    "TARGET_POSE": "a classifier judges success here, not a distance",
    "REWARD_THRESHOLD": "a classifier judges success here, not a distance",
    "GRASP_POSE": "hilctl goes to no grasp by itself: put the part into the gripper",
    "RESET_PARAM": "precision (PRECISION_PARAM) is how an arm is held on its way to a start",
    "DISPLAY_IMAGE": "pictures are shown while you drive: operator.view_hz",
    "GRIPPER_SLEEP": "gripper commands never hold up the loop here",
    "JOINT_RESET_PERIOD": "joints are reset on your word alone: hilctl robot reset-joints",
    **dict.fromkeys(
        ("SERVER_URL", "REALSENSE_CAMERAS", "IMAGE_CROP", "RESET_POSE", "ACTION_SCALE"), ""
    ),
    **dict.fromkeys(("RANDOM_RESET", "RANDOM_XY_RANGE", "RANDOM_RZ_RANGE"), ""),
    **dict.fromkeys(("ABS_POSE_LIMIT_LOW", "ABS_POSE_LIMIT_HIGH", "MAX_EPISODE_LENGTH"), ""),
    **dict.fromkeys(("COMPLIANCE_PARAM", "PRECISION_PARAM", "LOAD_PARAM"), ""),
}
_SAVED = "what is recorded or learnt is always saved"
_PACED = "updates begin with the demonstrations: training.updates_before, updates_per_step"
OF_THE_TRAINING: dict[str, str] = {
    "agent": "rlpd is HIL-SERL's method",
    "encoder_type": "efficientnet-lite0 is taken; agent: {encoder: resnet10} with --weights is "
    "theirs",
    "buffer_period": _SAVED,
    "checkpoint_period": _SAVED,
    "replay_buffer_capacity": "memory is planned by what the task needs",
    "random_steps": "the policy begins with the demonstrations",
    "training_starts": _PACED,
    "steps_per_update": "the newest policy acts at once",
    "max_steps": "training ends at training.max_robot_minutes or target_success",
    "max_traj_length": "control.max_episode_s is MAX_EPISODE_LENGTH",
    "log_period": "every update is logged",
    "eval_period": "hilctl eval measures a policy",
    "eval_checkpoint_step": "hilctl eval measures a policy",
    "eval_n_trajs": "hilctl eval --episodes",
    **dict.fromkeys(("image_keys", "classifier_keys", "proprio_keys", "setup_mode"), ""),
    **dict.fromkeys(("discount", "batch_size", "cta_ratio"), ""),
    "demo_path": "demonstrations lie in demos/: record them anew with hilctl record-demos",
}


def reasons(settings: Settings, known: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the settings of a class that nobody asked for, each with why."""
    for key in settings.left_over():
        yield key, known.get(key, "hilctl has no such setting")
