"""A thing from one arm to the other: two servers, and a camera that is seen twice."""

import numpy as np
from experiments.config import DefaultTrainingConfig
from experiments.object_handover.wrapper import PassingEnv
from franka_env.envs.dual_franka_env import DualFrankaEnv
from franka_env.envs.franka_env import DefaultEnvConfig
from franka_env.envs.relative_env import DualRelativeFrame


class LeftEnvConfig(DefaultEnvConfig):
    SERVER_URL = "http://127.0.0.1:5000/"
    REALSENSE_CAMERAS = {
        "wrist": {"serial_number": "218622270044", "dim": (1280, 720), "exposure": 9000},
        "side": {"serial_number": "317222070033", "dim": (1280, 720), "exposure": 9000},
        "side_classifier": {},
    }
    IMAGE_CROP = {
        "wrist": lambda img: img[:, 240:],
        "side": lambda img: img[110:490, 160:1090],
        "side_classifier": lambda img: img[220:348, 810:1066],
    }
    RESET_POSE = np.array([0.59, -0.02, 0.41, np.pi, 0, 0])
    ABS_POSE_LIMIT_LOW = np.array([0.41, -0.03, 0.31, np.pi - 0.01, -0.3, 0])
    ABS_POSE_LIMIT_HIGH = np.array([0.66, -0.01, 0.41, np.pi + 0.01, 0.0, 0.02])
    RANDOM_RESET = False
    ACTION_SCALE = (0.04, 0.2, 1)
    DISPLAY_IMAGE = False
    MAX_EPISODE_LENGTH = 200
    GRIPPER_SLEEP = 1.0
    COMPLIANCE_PARAM = {"translational_stiffness": 2000, "rotational_damping": 5}


class RightEnvConfig(DefaultEnvConfig):
    SERVER_URL = "http://127.0.0.2:5000/"
    REALSENSE_CAMERAS = {
        "wrist": {"serial_number": "218622270011", "dim": (1280, 720), "exposure": 9000},
    }
    IMAGE_CROP = {"wrist": lambda img: img[::-1, ::-1][:, :880]}
    RESET_POSE = np.array([0.41, 0.0, 0.49, np.pi, 0, np.pi])
    ABS_POSE_LIMIT_LOW = np.array([0.33, -0.01, 0.37, np.pi - 0.01, 0.0, np.pi - 0.02])
    ABS_POSE_LIMIT_HIGH = np.array([0.66, 0.01, 0.49, np.pi + 0.01, 0.3, np.pi + 0.01])
    RANDOM_RESET = False
    ACTION_SCALE = (0.03, 0.2, 1)
    MAX_EPISODE_LENGTH = 200
    GRIPPER_SLEEP = 1.0
    COMPLIANCE_PARAM = {**LeftEnvConfig.COMPLIANCE_PARAM, "rotational_damping": 6}


class TrainConfig(DefaultTrainingConfig):
    image_keys = ["left/wrist", "right/wrist", "left/side"]
    classifier_keys = ["left/side_classifier"]
    proprio_keys = [
        *("left/tcp_pose", "left/tcp_vel", "left/gripper_pose"),
        *("right/tcp_pose", "right/tcp_vel", "right/gripper_pose"),
    ]
    buffer_period = 1000
    checkpoint_period = 5000
    setup_mode = "dual-arm-learned-gripper"

    def get_environment(self, fake_env=False, save_video=False, classifier=False):
        left = PassingEnv(fake_env=fake_env, save_video=save_video, config=LeftEnvConfig)
        right = PassingEnv(fake_env=fake_env, save_video=save_video, config=RightEnvConfig)
        return DualRelativeFrame(DualFrankaEnv(left, right))
