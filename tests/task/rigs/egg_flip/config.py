"""An egg in a pan: most of the rig is said in another file, and actions are wrenches."""

from experiments.config import DefaultTrainingConfig
from franka_env.envs.franka_wrench_env import DefaultWrenchEnvConfig, FrankaWrenchEnv


class EggFlipEnvConfig(DefaultWrenchEnvConfig):
    IMAGE_CROP = {
        "wrist_1": lambda image: image[190:, :, :],
        "side": lambda image: image[110:640, 540:890, :],
    }


class TrainConfig(DefaultTrainingConfig):
    image_keys = ["wrist_1", "side"]
    proprio_keys = ["tcp_pose", "tcp_vel", "q", "dq"]
    classifier_keys = ["wrist_1"]
    discount = 0.985
    buffer_period = 1000
    setup_mode = "single-arm-fixed-gripper"

    def get_environment(self, fake_env=False, save_video=False, classifier=False):
        return FrankaWrenchEnv(fake_env=fake_env, save_video=save_video, config=EggFlipEnvConfig())
