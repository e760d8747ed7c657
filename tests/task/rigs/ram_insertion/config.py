"""A memory module into its slot: one arm, a held part, two cameras on the tool."""

import os

import jax
import jax.numpy as jnp
import numpy as np
from experiments.config import DefaultTrainingConfig
from experiments.ram_insertion.wrapper import MemoryEnv
from franka_env.envs.franka_env import DefaultEnvConfig
from franka_env.envs.relative_env import RelativeFrame
from franka_env.envs.wrappers import (
    GripperCloseEnv,
    MultiCameraBinaryRewardClassifierWrapper,
    Quat2EulerWrapper,
    SpacemouseIntervention,
)
from serl_launcher.networks.reward_classifier import load_classifier_func
from serl_launcher.wrappers.chunking import ChunkingWrapper
from serl_launcher.wrappers.serl_obs_wrappers import SERLObsWrapper

D405 = {"dim": (1280, 720), "exposure": 35000}


class EnvConfig(DefaultEnvConfig):
    SERVER_URL = "http://127.0.0.2:5000/"
    REALSENSE_CAMERAS = {
        "wrist_1": {"serial_number": "218622270011", **D405},
        "wrist_2": {"serial_number": "218622270022", **D405},
    }
    IMAGE_CROP = {
        "wrist_1": lambda img: img[160:440, 360:1080],
        "wrist_2": lambda img: img[90:510, 410:910],
    }
    TARGET_POSE = np.array([0.5712, -0.0441, 0.2816, np.pi, 0, 0])
    GRASP_POSE = np.array([0.5691, -0.2102, 0.2703, np.pi, 0, 0])
    RESET_POSE = TARGET_POSE + np.array([0, 0, 0.04, 0, 0.06, 0])
    ABS_POSE_LIMIT_LOW = TARGET_POSE - np.array([0.03, 0.02, 0.01, 0.01, 0.1, 0.4])
    ABS_POSE_LIMIT_HIGH = TARGET_POSE + np.array([0.03, 0.02, 0.04, 0.01, 0.1, 0.4])
    RANDOM_RESET = True
    RANDOM_XY_RANGE = 0.02
    RANDOM_RZ_RANGE = 0.05
    ACTION_SCALE = (0.008, 0.05, 1)
    DISPLAY_IMAGE = True
    MAX_EPISODE_LENGTH = 110
    COMPLIANCE_PARAM = {
        "translational_stiffness": 2000,
        "translational_damping": 89,
        "rotational_stiffness": 150,
        "rotational_damping": 7,
        "translational_Ki": 0,
        "translational_clip_x": 0.007,
        "translational_clip_y": 0.002,
        "translational_clip_z": 0.005,
        "translational_clip_neg_x": 0.003,
        "translational_clip_neg_y": 0.002,
        "translational_clip_neg_z": 0.004,
        "rotational_clip_x": 0.02,
        "rotational_clip_y": 0.02,
        "rotational_clip_z": 0.02,
        "rotational_clip_neg_x": 0.02,
        "rotational_clip_neg_y": 0.02,
        "rotational_clip_neg_z": 0.02,
        "rotational_Ki": 0,
    }
    PRECISION_PARAM = COMPLIANCE_PARAM.copy()
    PRECISION_PARAM["rotational_stiffness"] = 250
    PRECISION_PARAM["translational_clip_x"] = 0.1


class TrainConfig(DefaultTrainingConfig):
    image_keys = ["wrist_1", "wrist_2"]
    classifier_keys = ["wrist_1", "wrist_2"]
    proprio_keys = ["tcp_pose", "tcp_vel", "tcp_force", "tcp_torque", "gripper_pose"]
    buffer_period = 1000
    checkpoint_period = 5000
    steps_per_update = 50
    encoder_type = "resnet-pretrained"
    setup_mode = "single-arm-fixed-gripper"

    def get_environment(self, fake_env=False, save_video=False, classifier=False):
        env = MemoryEnv(fake_env=fake_env, save_video=save_video, config=EnvConfig())
        env = GripperCloseEnv(env)
        if not fake_env:
            env = SpacemouseIntervention(env)
        env = Quat2EulerWrapper(RelativeFrame(env))
        env = SERLObsWrapper(env, proprio_keys=self.proprio_keys)
        env = ChunkingWrapper(env, obs_horizon=1, act_exec_horizon=None)
        if classifier:
            judge = load_classifier_func(
                key=jax.random.PRNGKey(0),
                sample=env.observation_space.sample(),
                image_keys=self.classifier_keys,
                checkpoint_path=os.path.abspath("classifier_ckpt/"),
            )

            def is_in(obs):
                return int(1 / (1 + jnp.exp(-judge(obs))) > 0.8 and obs["state"][0, 6] > 0.03)

            env = MultiCameraBinaryRewardClassifierWrapper(env, is_in)
        return env
