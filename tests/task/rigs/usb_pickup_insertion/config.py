"""A stick from the table into its socket: a gripper that is learnt, one camera for two crops."""

import numpy as np
from experiments.config import DefaultTrainingConfig
from experiments.usb_pickup_insertion.wrapper import GripperPenaltyWrapper, StickEnv
from franka_env.envs.franka_env import DefaultEnvConfig
from franka_env.envs.relative_env import RelativeFrame

SIDE = "317222070033"


class EnvConfig(DefaultEnvConfig):
    SERVER_URL: str = "http://127.0.0.2:5000/"
    REALSENSE_CAMERAS = {
        "wrist_1": {"serial_number": "218622270022", "dim": (1280, 720), "exposure": 11000},
        "wrist_2": {"serial_number": "218622270011", "dim": (1280, 720), "exposure": 11000},
        "side_policy": {"serial_number": SIDE, "dim": (1280, 720), "exposure": 12500},
        "side_classifier": {"serial_number": SIDE, "dim": (1280, 720), "exposure": 12500},
    }
    IMAGE_CROP = {
        "wrist_1": lambda img: img[40:-210, 190:-190],
        "wrist_2": lambda img: img[:-210, 190:-190],
        "side_policy": lambda img: img[240:500, 340:660],
        "side_classifier": lambda img: img[260:388, 510:638],
    }
    TARGET_POSE = np.array([0.548, 0.1812, 0.2467, np.pi, 0, -np.pi / 2])
    RESET_POSE = TARGET_POSE + np.array([0, 0.03, 0.05, 0, 0, 0])
    ACTION_SCALE = np.array([0.015, 0.1, 1])
    RANDOM_RESET = True
    DISPLAY_IMAGE = True
    RANDOM_XY_RANGE = 0.01
    RANDOM_RZ_RANGE = 0.1
    ABS_POSE_LIMIT_HIGH = TARGET_POSE + np.array([0.03, 0.06, 0.05, 0.1, 0.15, 0.3])
    ABS_POSE_LIMIT_LOW = TARGET_POSE - np.array([0.03, 0.01, 0.03, 0.1, 0.05, 0.2])
    COMPLIANCE_PARAM = {
        "translational_stiffness": 2000,
        "translational_damping": 89,
        "translational_clip_z": 0.0035,
    }
    PRECISION_PARAM = {"translational_stiffness": 2000, "rotational_Ki": 0.0}
    MAX_EPISODE_LENGTH = 120


class TrainConfig(DefaultTrainingConfig):
    image_keys = ["side_policy", "wrist_1", "wrist_2"]
    classifier_keys = ["side_classifier"]
    proprio_keys = ["tcp_pose", "tcp_vel", "tcp_force", "tcp_torque", "gripper_pose"]
    checkpoint_period = 2000
    cta_ratio = 2
    random_steps = 0
    discount = 0.98
    buffer_period = 1000
    encoder_type = "resnet-pretrained"
    setup_mode = "single-arm-learned-gripper"

    def get_environment(self, fake_env=False, save_video=False, classifier=False):
        env = StickEnv(fake_env=fake_env, save_video=save_video, config=EnvConfig())
        return GripperPenaltyWrapper(RelativeFrame(env), penalty=-0.02)
