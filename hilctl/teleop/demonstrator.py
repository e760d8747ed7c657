"""What a scripted operator knows of its task, and how its hand moves."""

from __future__ import annotations

from abc import ABC, abstractmethod

from hilctl.teleop.base import Role, TeleopInput


class Demonstrator(ABC):
    """Know the way to success, and where it stands; look on even while another drives.

    Attributes:
        full_action: what one full action makes of `remaining()`.
    """

    full_action: float

    @abstractmethod
    def begin_episode(self, role: Role) -> None:
        """Start an episode with a fresh mood."""

    @abstractmethod
    def look(self) -> None:
        """See what became of the last step; called once a step, before anything else."""

    @abstractmethod
    def solved(self) -> bool:
        """Return whether the task is done, in truth."""

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages that it can tell, in the order in which they are reached."""
        return ()

    def reached(self) -> tuple[str, ...]:
        """Return those of its stages that are reached as it stands now, in truth."""
        return ()

    def is_lost(self) -> bool:
        """Return whether nothing leads to success any more in this episode."""
        return False

    def is_at_risk(self) -> bool:
        """Return whether all would soon be lost if the policy went on as it does."""
        return False

    @abstractmethod
    def remaining(self) -> float:
        """Return what shrinks on the way to success, by `full_action` with each full action."""

    def may_take_over(self) -> bool:
        """Return whether this is a moment at which its hand does more good than harm."""
        return True

    def is_amid(self) -> bool:
        """Return whether its hand is amid something that makes no sense by halves, as a swing."""
        return False

    @abstractmethod
    def drive(self) -> TeleopInput:
        """Return what its hand does next on the way to success."""

    @abstractmethod
    def show(self) -> TeleopInput:
        """Return what it does next to show success, and what could be mistaken for it."""
