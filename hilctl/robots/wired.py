"""A robot on a wire: what every arm has in common whose connection can be lost and found again."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from hilctl.devices import Options, Rig
from hilctl.errors import DeviceError
from hilctl.robots.base import Robot, RobotState
from hilctl.robots.reopening import Reopening

Array = NDArray[np.float64]


class Closable(Protocol):
    """What is connected."""

    def close(self) -> None:
        """Hang up; idempotent."""
        ...


class ConnectedArm(Closable, Protocol):
    """An arm that is connected."""

    def halt(self) -> None:
        """Hold where it is, from any thread.

        Raises:
            DeviceError: it could not be told.
        """
        ...


A = TypeVar("A", bound=ConnectedArm)
G = TypeVar("G", bound=Closable)


class WiredRobot(Robot, Generic[A, G]):
    """An arm, and perhaps a gripper beside it, at the other end of a wire or a network.

    A driver says how each of them is connected, and what is measured. A connection that fails for
    a while is hung up and made anew by whoever reads the state; nothing moves meanwhile.

    Attributes:
        words: what it is called in messages.
    """

    words: ClassVar[str]

    def __init__(self, options: Options, rig: Rig) -> None:
        super().__init__(options, rig)
        self._arm: A | None = None
        self._gripper: G | None = None
        self._is_open = False
        self._halts = 0
        self._reopening = Reopening(self._reopen)

    @abstractmethod
    def connected_arm(self) -> A:
        """Return the arm, connected; nothing moves.

        Raises:
            DeviceError: it cannot be reached.
        """

    def connected_gripper(self) -> G | None:
        """Return the gripper, connected; None = there is none of its own.

        Raises:
            DeviceError: it cannot be reached.
        """
        return None

    @abstractmethod
    def measured(self) -> RobotState:
        """Return the newest measurement of an arm that is connected.

        Raises:
            DeviceError: there has been none for too long.
        """

    def hang_up(self, arm: A, *, for_good: bool) -> None:
        """Close the connection to an arm.

        Args:
            arm: that was connected.
            for_good: it is not made again at once.
        """
        arm.close()

    def open(self) -> None:
        """Connect to all there is; nothing moves.

        Raises:
            DeviceError: something cannot be reached.
        """
        self._connect()
        self._is_open = True

    def close(self) -> None:
        """Hang up."""
        self._is_open = False
        self._disconnect(for_good=True)

    def state(self) -> RobotState:
        """Return the newest measurement.

        Raises:
            DeviceError: there has been none for too long.
        """
        if not self._is_open:
            raise self._not_open()
        return self._reopening.read(self.measured)

    def stop(self) -> None:
        """Hold where the arm is.

        Raises:
            DeviceError: it could not be told.
        """
        self._halts += 1
        if self._arm is not None:
            self._arm.halt()

    @property
    def opened(self) -> A:
        """The arm that is connected.

        Raises:
            DeviceError: none is.
        """
        if self._arm is None:
            raise self._not_open()
        return self._arm

    def until_stopped(self, send: Callable[[Array], None], where: str) -> Callable[[Array], None]:
        """Return what hands the arm references as `send` does, until somebody stops the arm.

        Args:
            send: hands the arm a (7,) reference.
            where: it is, for messages.
        """
        halts = self._halts

        def lead(reference: Array) -> None:
            if self._halts != halts:
                raise DeviceError(
                    "the arm was stopped on its way",
                    where=where,
                    hint="run the command again when it may move",
                )
            send(reference)

        return lead

    def _connect(self) -> None:
        self._arm = self.connected_arm()
        try:
            self._gripper = self.connected_gripper()
        except BaseException:
            self._disconnect(for_good=True)
            raise

    def _disconnect(self, *, for_good: bool) -> None:
        self._halts += 1  # what was on its way does not go on by itself
        if self._arm is not None:
            self.hang_up(self._arm, for_good=for_good)
            self._arm = None
        if self._gripper is not None:
            self._gripper.close()
            self._gripper = None

    def _reopen(self) -> None:
        self._disconnect(for_good=False)
        self._connect()

    def _not_open(self) -> DeviceError:
        return DeviceError(f"{self.words} is not open")
