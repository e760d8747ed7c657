"""The embedded simulator.

MuJoCo reads MUJOCO_GL when it is first imported, and dies of a word it does not know or of a
library that is not there. What draws is tried out and chosen in `hilctl.sim.rendering`, so it is
imported here, before any module of the simulator, without that variable.
"""

from __future__ import annotations

import importlib
import os


def _import_mujoco() -> None:
    asked_for = os.environ.pop("MUJOCO_GL", None)
    try:
        importlib.import_module("mujoco")
    finally:
        if asked_for is not None:
            os.environ["MUJOCO_GL"] = asked_for


_import_mujoco()
