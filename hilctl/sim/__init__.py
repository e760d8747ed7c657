"""The embedded simulator.

MuJoCo reads MUJOCO_GL when it is first imported, dies of a word it does not know or of a library
that is not there, and without one looks for a windowing library for a fifth of a second. What draws
is tried out, chosen and loaded in `hilctl.sim.rendering`, so it is imported here, before any module
of the simulator, and told to look for nothing.
"""

from __future__ import annotations

import importlib
import os


def _import_mujoco() -> None:
    asked_for = os.environ.get("MUJOCO_GL")
    os.environ["MUJOCO_GL"] = "disable"
    try:
        importlib.import_module("mujoco")
    finally:
        del os.environ["MUJOCO_GL"]
        if asked_for is not None:
            os.environ["MUJOCO_GL"] = asked_for


_import_mujoco()
