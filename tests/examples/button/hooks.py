"""Meta-World's button as a task: two small pictures, where the hand is, and its own expert."""

import os

os.environ.setdefault("MUJOCO_GL", "egl")  # draws without a screen

import gymnasium
import mujoco
import numpy as np
from metaworld.policies import ENV_POLICY_MAP  # importing metaworld registers its environments

TASK = "button-press-topdown-v3"
REPEAT = 4  # an action lasts four of the 80 steps a second that it makes
SIDE_PX = 128
MANY_FACES = 2000
# its own fixed cameras show the button in ten pixels: one of ours, in metres and degrees
SIDE = {"lookat": (0, 0.8, 0.18), "distance": 0.8, "azimuth": 140, "elevation": -20}


class Seen(gymnasium.Wrapper):
    """The hand's camera and one beside the button, without shadows, large meshes as boxes."""

    def __init__(self, env):
        super().__init__(env)
        model = env.unwrapped.model
        model.vis.quality.offsamples = 0
        model.vis.quality.shadowsize = 0
        for geom in np.flatnonzero(model.geom_type == mujoco.mjtGeom.mjGEOM_MESH):
            if model.mesh_facenum[model.geom_dataid[geom]] > MANY_FACES:
                model.geom_type[geom] = mujoco.mjtGeom.mjGEOM_BOX
        self.renderer = mujoco.Renderer(model, SIDE_PX, SIDE_PX)
        self.cameras = {"side": mujoco.MjvCamera(), "wrist": "gripperPOV"}
        for name, value in SIDE.items():
            setattr(self.cameras["side"], name, value)
        self.full = None

    def reset(self, **kwargs):
        self.full, info = self.env.reset(**kwargs)
        return self.seen(), info

    def step(self, action):
        for _ in range(REPEAT):
            self.full, reward, terminated, truncated, info = self.env.step(action)
            if terminated or truncated:
                break
        return self.seen(), reward, terminated, truncated, info

    def seen(self):
        pictures = {name: self.drawn(camera) for name, camera in self.cameras.items()}
        return {"pixels": pictures, "hand": self.full[:4].copy()}  # its place, and how open it is

    def drawn(self, camera):
        self.renderer.update_scene(self.env.unwrapped.data, camera)
        self.renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = 0
        self.renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
        return self.renderer.render().copy()


def button(**kwargs):
    # how long an episode is stands in task.yaml
    return Seen(gymnasium.make("Meta-World/MT1", env_name=TASK, max_episode_steps=10_000, **kwargs))


gymnasium.register("Button-v0", button, disable_env_checker=True)


def expert(env):
    """Return what demonstrates and helps: Meta-World's scripted policy."""
    policy = ENV_POLICY_MAP[TASK]()
    return lambda seen: np.clip(policy.get_action(env.get_wrapper_attr("full")), -1, 1)
