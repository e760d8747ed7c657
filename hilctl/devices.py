"""What every robot, camera and teleoperation driver has in common."""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Hashable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

from hilctl.clock import Clock, PacedClock, SystemClock

if TYPE_CHECKING:
    from hilctl.sim.world import SimWorld


class Address:
    """Marks an option that says where something is, not what it is.

    As in `hand: Annotated[str, Address()]`. What is found at another address is the same task.
    """


# options that are called so are addresses, marked or not
ADDRESS_NAMES = frozenset(
    {"address", "device", "host", "hostname", "ip", "path", "port", "serial", "serial_number"}
    | {"uri", "url"}
)


class Options(BaseModel):
    """Base of a driver's settings: unknown keys are errors, values are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def identity(self) -> dict[str, Any]:
        """Return as plain JSON what the settings say of the task: all but addresses."""
        return _without_addresses(self, self.model_dump(mode="json"))


def is_address(name: str, field: FieldInfo) -> bool:
    """Return whether an option says where something is."""
    marked = any(isinstance(mark, Address) or mark is Address for mark in field.metadata)
    return marked or name in ADDRESS_NAMES


def _without_addresses(settings: BaseModel, dumped: dict[str, Any]) -> dict[str, Any]:
    kept = {}
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            kept[name] = _without_addresses(value, dumped[name])
        elif not is_address(name, field):
            kept[name] = dumped[name]
    return kept


@dataclass(frozen=True)
class Finding:
    """One line of `hilctl doctor`: in order, not in order, or (None) not tried."""

    ok: bool | None
    subject: str
    detail: str
    hint: str | None = None


class AdvisedEnvironment(Protocol):
    """An environment in place of a robot, and the expert that came with it.

    Attributes:
        clock: that its steps are counted by.
        executed: the (A,) action of the last step; None before the first one.
    """

    clock: Clock
    executed: NDArray[np.float64] | None

    def hire(self, operator: str) -> None:
        """Have an expert look on: `package.module:factory`."""
        ...

    def advice(self) -> NDArray[np.float64]:
        """Return the (A,) action in [-1, 1] that the expert would take now."""
        ...

    def solved(self) -> bool:
        """Return whether the task is done."""
        ...


class TravelWatch(Protocol):
    """Whoever looks after an arm that moves by itself."""

    def travelling(self) -> AbstractContextManager[None]:
        """Look after it until this is over."""
        ...


class Unwatched:
    """Nobody."""

    def travelling(self) -> AbstractContextManager[None]:
        """Do nothing."""
        return nullcontext()


class Rig:
    """Share what the devices of one set-up have in common: clock, seed and simulated world.

    Args:
        seed: root of every random number drawn by simulated devices.
        real_time: a simulated world does not run ahead of the wall clock.
        folder: of the task, for what lies in it beside the task file.

    Attributes:
        shared: what is open for several devices at once, by what it is; theirs alone.
        watch: looks after arms that move by themselves.
        travelled: names of the arms that have been somewhere: their first way was a slow one.
    """

    def __init__(
        self, seed: int = 0, *, real_time: bool = False, folder: Path | None = None
    ) -> None:
        self.seed = seed
        self.real_time = real_time
        self.folder = folder or Path()
        self.clock: Clock = SystemClock()
        self.environment: AdvisedEnvironment | None = None
        self.shared: dict[Hashable, Any] = {}
        self.watch: TravelWatch = Unwatched()
        self.travelled: set[str] = set()
        self._world: SimWorld | None = None

    def generator(self, purpose: str) -> np.random.Generator:
        """Return the random generator for one purpose; purposes are independent of each other."""
        return np.random.default_rng([self.seed, zlib.crc32(purpose.encode())])

    @property
    def world(self) -> SimWorld | None:
        """The simulated world, once a simulated robot has been built."""
        return self._world

    def attach_environment(self, environment: AdvisedEnvironment) -> None:
        """Make `environment` what is acted in, and its clock the rig's clock."""
        self.environment = environment
        self.clock = environment.clock

    def attach_world(self, world: SimWorld) -> None:
        """Make `world` the one that simulated devices share, and its clock the rig's clock."""
        self._world = world
        real = SystemClock()
        self.clock = PacedClock(world.clock, real) if self.real_time else world.clock


class Device(ABC):
    """A driver: validated options, opened and closed once, usable as a context manager.

    Vendor libraries are imported in `open()`, never when the module is imported.

    Attributes:
        arm: that it belongs to among several; set by whoever builds it, before it is opened.
    """

    OptionsType: ClassVar[type[Options]] = Options
    arm: str = ""

    def __init__(self, options: Options, rig: Rig) -> None:
        self.options = options
        self.rig = rig

    @classmethod
    def probe(cls, options: Options) -> list[Finding]:
        """Report on the device without moving or opening anything that moves."""
        return []

    @abstractmethod
    def open(self) -> None:
        """Connect; raise `DeviceError` when that fails."""

    @abstractmethod
    def close(self) -> None:
        """Disconnect; idempotent, never raises."""

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
