"""A learning rate that drops once the policy succeeds most of the time.

It follows from the episodes alone, in their order: whoever reads a run's episodes again comes to
the same rate, so that it need not be stored. HIL-SERL's whip goes from 3e-4 to 3e-5 at 70 % success
(arXiv 2410.21845, supplementary).
"""

from __future__ import annotations

from hilctl.agents.options import AgentOptions
from hilctl.training.metrics import WINDOW, Progress


class LateRate:
    """Notice when the time of the later rate has come.

    Args:
        rate: that counts from then on.
        success: share of the last `WINDOW` episodes that succeeded without help.
    """

    def __init__(self, rate: float, success: float) -> None:
        self.rate = rate
        self._success = success
        self._has_begun = False

    @classmethod
    def of(cls, options: AgentOptions) -> LateRate | None:
        """Return what an agent's options say; None where they know no later rate."""
        rate: float | None = getattr(options, "late_learning_rate", None)
        return None if rate is None else cls(rate, options.late_success)  # type: ignore[attr-defined]

    def begins_with(self, progress: Progress) -> bool:
        """Return whether it has come with the newest of so many episodes: once, for good."""
        if self._has_begun or progress.counted < WINDOW:
            return False
        self._has_begun = progress.autonomous_success_last20 >= self._success
        return self._has_begun
