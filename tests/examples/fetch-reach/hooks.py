"""Gymnasium-Robotics' Fetch reaching a red ball, from two small pictures, and an expert for it."""

import os

os.environ.setdefault("MUJOCO_GL", "egl")  # draws without a screen

import gymnasium
import gymnasium_robotics
import mujoco
import numpy as np

gymnasium.register_envs(gymnasium_robotics)

SIDE_PX = 128
BALL_M = 0.05  # its radius: as near as counts as reached, so that success can be seen
NEAR_M = 0.02  # where the expert slows down
VIEWS = {"front": 180, "side": 270}  # azimuth in degrees; one sees what is hidden from the other
ELEVATION, DISTANCE_M = -15, 0.65  # far enough to have the ball in sight, wherever it lies


class Seen(gymnasium.Wrapper):
    """Two cameras that go along with the gripper, drawn without shadows and smoothing."""

    def __init__(self, env):
        super().__init__(env)
        model = env.unwrapped.model
        model.vis.quality.offsamples = 0
        model.vis.quality.shadowsize = 0
        model.site("target0").size[:] = BALL_M
        self.renderer = mujoco.Renderer(model, SIDE_PX, SIDE_PX)
        self.full = None

    def reset(self, **kwargs):
        self.full, info = self.env.reset(**kwargs)
        return self.seen(), info

    def step(self, action):
        self.full, *told = self.env.step(action)
        return self.seen(), *told

    def seen(self):
        inner = self.env.unwrapped
        inner._render_callback()  # moves the ball to where it is to be seen
        pictures = {name: self.drawn(inner.data, azimuth) for name, azimuth in VIEWS.items()}
        return {"pixels": pictures, "grip": self.full["observation"][:3].copy()}

    def drawn(self, data, azimuth):
        camera = mujoco.MjvCamera()
        camera.lookat[:] = data.site("robot0:grip").xpos
        camera.azimuth, camera.elevation, camera.distance = azimuth, ELEVATION, DISTANCE_M
        self.renderer.update_scene(data, camera)
        self.renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = 0
        self.renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
        return self.renderer.render().copy()


def reach(**kwargs):
    # how long an episode is stands in task.yaml
    return Seen(gymnasium.make("FetchReach-v4", max_episode_steps=10_000, **kwargs))


gymnasium.register("Reach-v0", reach, disable_env_checker=True)


def expert(env):
    """Return what demonstrates and helps: at full speed to the middle of the ball."""

    def act(seen):
        full = env.get_wrapper_attr("full")
        way_m = full["desired_goal"] - full["achieved_goal"]
        return np.append(way_m / max(np.linalg.norm(way_m), NEAR_M), 0.0)

    return act
