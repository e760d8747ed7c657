"""The embedded simulator's cameras behind the camera contract."""

from __future__ import annotations

from typing import ClassVar, Literal, cast

from hilctl.cameras.base import Camera, Frame
from hilctl.devices import Options
from hilctl.errors import DeviceError


class SimCameraOptions(Options):
    """Which camera of the scene, and the size in px of what it delivers before the crop."""

    view: Literal["wrist", "side"]
    width_px: int = 128
    height_px: int = 128


class SimCamera(Camera):
    """A camera of the simulated scene; every frame is taken the moment it is asked for."""

    OptionsType: ClassVar[type[Options]] = SimCameraOptions

    @classmethod
    def frame_size(cls, options: Options) -> tuple[int, int] | None:
        """Return the raw (width, height) in px."""
        settings = cast(SimCameraOptions, options)
        return settings.width_px, settings.height_px

    def open(self) -> None:
        """Take a first frame of the world that a simulated robot has built.

        What draws is made with it: that took 140 ms, more than a control period.
        """
        if self.rig.world is None:
            raise DeviceError(
                "a camera of type 'sim' looks at the simulated robot, which is not there",
                hint="set robot: {type: sim, ...} in task.yaml, or choose another camera type",
            )
        self.latest(max_age_s=0)

    def close(self) -> None:
        """Do nothing: the world belongs to the robot."""

    def latest(self, *, max_age_s: float) -> Frame:
        """Return a frame taken now."""
        world = self.rig.world
        if world is None:
            raise DeviceError("the simulated camera is not open")
        options = cast(SimCameraOptions, self.options)
        image = world.render(options.view, options.width_px, options.height_px)
        return Frame(image, world.time_ns)
