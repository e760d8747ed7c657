"""Which successes end an episode, and which are kept until its time is over."""

from __future__ import annotations

from typing import Literal


class Ending:
    """Decide step by step whether an episode ends with success.

    The method's dynamic tasks always run to the full length (HIL-SERL, arXiv 2410.21845): what a
    swing has done is seen when all has come to rest.

    Args:
        fixed_length: None = the first success ends the episode; else its time does, and "end"
            counts a success in its last step, "during" one in any step.
    """

    def __init__(self, fixed_length: Literal["end", "during"] | None) -> None:
        self._fixed_length = fixed_length
        self._judged = self._claimed = False

    def after(self, *, judged: bool, claimed: bool, is_over: bool) -> tuple[bool, bool]:
        """Return whether the reward's word and the operator's end the episode with success now.

        Args:
            judged: the reward called this step a success.
            claimed: the operator did.
            is_over: the time is over, or somebody ends the episode.
        """
        if self._fixed_length == "during":
            judged, claimed = self._judged or judged, self._claimed or claimed
            self._judged, self._claimed = judged, claimed
        counts = self._fixed_length is None or is_over
        return judged and counts, claimed and counts
