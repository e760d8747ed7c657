"""The embedded simulator's cameras behind the camera contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, cast

import numpy as np
from numpy.typing import NDArray

from hilctl.cameras.base import Camera, FactoryLens, Frame
from hilctl.devices import Options, Rig
from hilctl.errors import DeviceError

if TYPE_CHECKING:
    from hilctl.sim.world import SimWorld

MAX_WIDTH_PX, MAX_HEIGHT_PX = 640, 480  # the simulator's canvas
NOMINAL = {"exposure_s": 0.01, "gain": 1.0, "white_balance_k": 5000.0}


class SimCameraOptions(Options):
    """Which camera of the scene, and the size in px of what it delivers before the crop."""

    view: Literal["wrist", "side", "front", "left/wrist", "right/wrist"]
    width_px: int = 128
    height_px: int = 128


class SimCamera(Camera):
    """A camera of the simulated scene; every frame is taken the moment it is asked for."""

    OptionsType: ClassVar[type[Options]] = SimCameraOptions

    def __init__(self, options: Options, rig: Rig) -> None:
        super().__init__(options, rig)
        self._controls = dict(NOMINAL)

    @classmethod
    def frame_size(cls, options: Options) -> tuple[int, int] | None:
        """Return the raw (width, height) in px."""
        settings = cast(SimCameraOptions, options)
        return settings.width_px, settings.height_px

    @classmethod
    def view(cls, options: Options) -> str | None:
        """Return its name in the scene."""
        return cast(SimCameraOptions, options).view

    @classmethod
    def picture_source(cls, options: Options) -> dict[str, str]:
        """Return what draws: OpenGL and ray casting shade and smooth in their own ways."""
        try:
            from hilctl.sim.rendering import renderer_name
        except ModuleNotFoundError:
            return {"renderer": "none"}
        return {"renderer": renderer_name()}

    def open(self) -> None:
        """Take a first frame of the world that a simulated robot has built.

        What draws is made with it: that took 140 ms, more than a control period.
        """
        if self.rig.world is None:
            raise DeviceError(
                "a camera of type 'sim' looks at the simulated robot, which is not there",
                hint="set robot: {type: sim, ...} in task.yaml, or choose another camera type",
            )
        view, there = cast(SimCameraOptions, self.options).view, self.rig.world.cameras
        if view not in there:
            raise DeviceError(
                f"the simulated scene {self.rig.world.name} has no camera {view!r}",
                hint=f"it has {' and '.join(there)}",
            )
        self._controls = dict(NOMINAL)
        self.latest(max_age_s=0)

    def close(self) -> None:
        """Do nothing: the world belongs to the robot."""

    def latest(self, *, max_age_s: float) -> Frame:
        """Return a frame taken now."""
        options = cast(SimCameraOptions, self.options)
        world = self._world()
        image = world.render(options.view, options.width_px, options.height_px)
        return Frame(self._exposed(image), world.time_ns)

    def still(self) -> Frame:
        """Return a frame taken now, as large as the simulator can draw it."""
        options = cast(SimCameraOptions, self.options)
        scale = min(MAX_WIDTH_PX / options.width_px, MAX_HEIGHT_PX / options.height_px)
        width_px, height_px = int(scale * options.width_px), int(scale * options.height_px)
        world = self._world()
        image = world.render_finely(options.view, width_px, height_px)
        return Frame(self._exposed(image), world.time_ns)

    @property
    def serial(self) -> str | None:
        """The view of the scene: cameras of one view are one device."""
        return f"sim-{cast(SimCameraOptions, self.options).view}"

    def factory_lens(self) -> FactoryLens | None:
        """Return the lens of the scene's camera, which has no distortion."""
        options = cast(SimCameraOptions, self.options)
        width, height = options.width_px, options.height_px
        fovy_rad = np.deg2rad(self._world().model.camera(options.view).fovy[0])
        f = float(0.5 * height / np.tan(fovy_rad / 2))
        centre = (width - 1) / 2, (height - 1) / 2
        return FactoryLens((f, f), centre, (0.0,) * 5, "plumb_bob", (width, height))

    def controls(self) -> dict[str, float]:
        """Return exposure, gain and white balance."""
        return dict(self._controls)

    def fix(self, controls: Mapping[str, float]) -> dict[str, float]:
        """Hold these controls; the others stay."""
        self._controls |= {name: float(controls[name]) for name in NOMINAL if name in controls}
        return self.controls()

    def _exposed(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return what the sensor makes of a picture that was drawn with the nominal controls."""
        if self._controls == NOMINAL:
            return image
        share = {name: self._controls[name] / NOMINAL[name] for name in NOMINAL}
        # a camera told that the light is bluer (a higher temperature) takes blue back
        warmth = np.sqrt(share["white_balance_k"])
        light = share["exposure_s"] * share["gain"] * np.array([warmth, 1.0, 1.0 / warmth])
        return np.asarray((image * light).round().clip(0, 255), np.uint8)

    def _world(self) -> SimWorld:
        if self.rig.world is None:
            raise DeviceError("the simulated camera is not open")
        return self.rig.world
