"""The embedded simulator's cameras behind the camera contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, cast

from hilctl.cameras.base import Camera, Frame
from hilctl.devices import Options
from hilctl.errors import DeviceError

if TYPE_CHECKING:
    from hilctl.sim.world import SimWorld

MAX_WIDTH_PX, MAX_HEIGHT_PX = 640, 480  # the simulator's canvas


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
        options = cast(SimCameraOptions, self.options)
        world = self._world()
        return Frame(world.render(options.view, options.width_px, options.height_px), world.time_ns)

    def still(self) -> Frame:
        """Return a frame taken now, as large as the simulator can draw it."""
        options = cast(SimCameraOptions, self.options)
        scale = min(MAX_WIDTH_PX / options.width_px, MAX_HEIGHT_PX / options.height_px)
        width_px, height_px = int(scale * options.width_px), int(scale * options.height_px)
        world = self._world()
        return Frame(world.render_finely(options.view, width_px, height_px), world.time_ns)

    def _world(self) -> SimWorld:
        if self.rig.world is None:
            raise DeviceError("the simulated camera is not open")
        return self.rig.world
