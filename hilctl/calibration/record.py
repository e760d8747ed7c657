"""What is known of a camera, as `calibration/<camera>.json` keeps it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from hilctl.calibration.exposure import Brightness
from hilctl.calibration.hand_eye import Mount
from hilctl.calibration.intrinsics import Intrinsics
from hilctl.task.files import write_json_atomic
from hilctl.task.json_files import read_json
from hilctl.task.measured import FORMAT, HINT, check_format
from hilctl.task.sections import Box

if TYPE_CHECKING:
    from scipy.spatial.transform import RigidTransform

Size = tuple[int, int]


class RecordPart(BaseModel):
    """Base of the parts of a record: immutable; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Provenance(RecordPart):
    """Where a measurement comes from.

    Attributes:
        at: UTC.
        board: as on the command line.
        used: names of the pictures.
        left_out: name of a picture → why it was not used.
        versions: of hilctl and what it computes with.
    """

    at: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    board: str
    used: list[str]
    left_out: dict[str, str] = {}
    versions: dict[str, str] = {}


class IntrinsicsRecord(RecordPart):
    """Intrinsics and how far they can be trusted; see `Intrinsics`, `Fitted` and `Judgement`."""

    model: str
    size_px: Size
    K: list[list[float]]
    distortion: list[float]
    sigma: list[float]
    held_out_rms_px: dict[str, float | None]
    coverage: float
    variety_rad: float
    made: Provenance

    @property
    def camera(self) -> Intrinsics:
        """The camera to compute with."""
        return Intrinsics(np.array(self.K), np.array(self.distortion), self.model, self.size_px)

    @property
    def rms_px(self) -> float | None:
        """The held-out error of the model."""
        return self.held_out_rms_px[self.model]


class PoseErrorRecord(RecordPart):
    """A distance and an angle."""

    distance_m: float
    angle_rad: float

    def __str__(self) -> str:
        """Return it in units a person feels."""
        return f"{self.distance_m * 1e3:.1f} mm, {np.degrees(self.angle_rad):.2f}°"


class HandEyeRecord(RecordPart):
    """Where a camera sits and how far that can be trusted.

    Attributes:
        T_parent_cam: (7,) parent is the tcp for a camera on the tool, else the base.
        T_other_board: (7,) of the board in the base, or in the tcp.
        held_out: error of the board's place at poses that the solution had not seen.
        uncertainty: half width of the 95 % interval of the camera's place.
        outliers: names of pictures that fit the others badly.
    """

    mount: Mount
    T_parent_cam: list[float]
    T_other_board: list[float]
    held_out: PoseErrorRecord
    uncertainty: PoseErrorRecord
    verdict: str
    outliers: list[str]
    made: Provenance

    @property
    def transform(self) -> RigidTransform:
        """`T_parent_cam` to compute with."""
        return _transform(self.T_parent_cam)

    @property
    def board(self) -> RigidTransform:
        """`T_other_board` to compute with."""
        return _transform(self.T_other_board)


def _transform(pose: list[float]) -> RigidTransform:
    from scipy.spatial.transform import RigidTransform, Rotation  # 0.3 s to import

    return RigidTransform.from_components(pose[:3], Rotation.from_quat(pose[3:]))


class FactoryRecord(RecordPart):
    """What the camera's maker says of its lens; see `FactoryLens`."""

    focal_px: tuple[float, float]
    centre_px: tuple[float, float]
    distortion: list[float]
    model: str
    size_px: Size

    @property
    def camera(self) -> Intrinsics:
        """The camera to compute with."""
        (fx, fy), (cx, cy) = self.focal_px, self.centre_px
        K = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
        return Intrinsics(K, np.array(self.distortion), self.model, self.size_px)


class ExposureRecord(RecordPart):
    """What a camera's automatics found when they had settled.

    Attributes:
        controls: by name with unit, held from then on; empty where the driver cannot.
        luminance, saturated: see `Brightness`; with the robot at its reset pose.
        at: UTC.
    """

    controls: dict[str, float]
    luminance: float
    saturated: float
    at: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @property
    def light(self) -> Brightness:
        """How light its picture was."""
        return Brightness(self.luminance, self.saturated)


class Reference(RecordPart):
    """A picture that later ones are compared with.

    Attributes:
        picture: file name beside the record.
        sha256: of that file.
        tcp_pose: (7,) `T_base_tcp` at which it was taken.
        at: UTC.
    """

    picture: str
    sha256: str
    tcp_pose: list[float]
    at: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))


class CameraRecord(RecordPart):
    """All that is known of one camera; parts that were not measured are absent.

    Attributes:
        camera: its name in the task file.
        size_px: width and height of its raw frames.
        driver: type of the camera in the task file.
        serial: of the device; None where its driver cannot say.
        factory: what is stored in the device about its lens.
        crop: x, y, width, height in px of what the policy sees; the task file's own goes first.
    """

    format: int = FORMAT
    camera: str
    size_px: Size
    driver: str | None = None
    serial: str | None = None
    factory: FactoryRecord | None = None
    exposure: ExposureRecord | None = None
    crop: Box | None = None
    intrinsics: IntrinsicsRecord | None = None
    hand_eye: HandEyeRecord | None = None
    reference: Reference | None = None

    @property
    def device(self) -> str:
        """Which device it is, in words."""
        return device_text(self.driver, self.serial)

    @property
    def lens(self) -> Intrinsics | None:
        """The camera to compute with: as it was measured, else as its maker says, else None."""
        known = self.intrinsics or self.factory
        return None if known is None else known.camera


def device_text(driver: str | None, serial: str | None) -> str:
    """Return in words which device a camera is."""
    return " ".join([f"type {driver}", *([f"serial {serial}"] if serial else [])])


def read_record(file: Path) -> CameraRecord | None:
    """Return what is known of a camera, or None when nothing is.

    Raises:
        DataError: the file is damaged, or of another format.
    """
    check_format(file)
    return read_json(CameraRecord, file, hint=HINT)


def write_record(file: Path, record: CameraRecord) -> None:
    """Write what is known of a camera, in one stroke.

    Raises:
        HilctlError: the disk is full or the folder cannot be written.
    """
    write_json_atomic(file, record.model_dump(mode="json"))
