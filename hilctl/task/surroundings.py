"""What stands around a reward in its task, and in its folder, that its options have to go with."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from hilctl.task.sections import Bounds


@dataclass(frozen=True)
class Surroundings:
    """What the options of a reward are looked at beside.

    Attributes:
        arms: name → box that its tool may not leave, None where that is wrong itself; "" is the
            only arm, and there is none where an environment is in its place.
        folder: of the task; None = these are settings that were kept without their folder.
        forceless: arms whose robot measures no forces.
    """

    arms: Mapping[str, Bounds | None]
    folder: Path | None = None
    forceless: Collection[str] = ()
