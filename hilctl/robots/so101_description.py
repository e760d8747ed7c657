"""Which SO-100 or SO-101 it is, follower or leader: its port, and the files that describe it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from hilctl.devices import Address, Finding, Options
from hilctl.robots.kinematics import ArmKinematics
from hilctl.robots.so101_motors import JOINTS, So101Motors


class So101Description(Options):
    """Which port an arm is on, and the files that describe it; paths may begin at the task file."""

    port: str = Field(
        min_length=1, description="path of the serial port: /dev/serial/by-id/... stays the same"
    )
    calibration: Annotated[str, Address()] = Field(
        min_length=1, description="path of LeRobot's calibration file of this arm"
    )
    model: Annotated[str, Address()] = Field(
        min_length=1, description="path of the arm's MJCF or URDF, with zero in mid-range"
    )
    joints: Annotated[tuple[str, str, str, str, str], Address(), Field(strict=False)] = Field(
        default=JOINTS, description="what the model calls the five joints, from the base on"
    )
    tool: Annotated[str, Address()] = Field(
        default="gripperframe", description="what the model calls the tool's site or body"
    )

    def motors(self, folder: Path) -> So101Motors:
        """Return what its servos are.

        Raises:
            DeviceError: the calibration cannot be read.
        """
        return So101Motors(folder / Path(self.calibration).expanduser())

    def kinematics(self, folder: Path) -> ArmKinematics:
        """Return what its joints do.

        Raises:
            DeviceError: the model cannot be read, or a library is missing.
        """
        return ArmKinematics(folder / Path(self.model).expanduser(), self.joints, self.tool)

    def port_found(self) -> Finding:
        """Return whether the port is there."""
        if Path(self.port).exists():
            return Finding(True, "port", f"{self.port} is there")
        return Finding(False, "port", f"there is no {self.port}", "ls -l /dev/serial/by-id")
