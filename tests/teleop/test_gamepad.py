"""A gamepad that SDL makes up, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

HEAD = """
import sys
sys.path[:0] = {paths!r}
import numpy as np
from hands import VirtualGamepad
from hilctl.devices import Rig
from hilctl.errors import DeviceError
from hilctl.teleop.base import Role, TeleopEvent
from hilctl.teleop.gamepad import GamepadOptions, GamepadTeleop
told = []
def hand(**options):
    made = GamepadTeleop(GamepadOptions(keys=False, **options), Rig())
    made.tell = told.append
    made.open()
    made.begin_episode(Role.SUPERVISE)
    return made
"""


def run(code: str, before: str = "") -> None:
    pytest.importorskip("pygame")
    tests = Path(__file__).parents[1]
    head = HEAD.format(paths=[str(tests), str(tests / "contract")])
    done = subprocess.run(
        [sys.executable, "-c", before + head + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_sticks_triggers_and_buttons() -> None:
    run(
        """
        pad = VirtualGamepad()
        one = hand()
        pad.lean(1, -1)
        np.testing.assert_allclose(one.poll().twist, [1, 0, 0, 0, 0, 0], atol=1e-3)
        pad.lean(1, 0), pad.lean(0, 1), pad.lean(5, 1)
        np.testing.assert_allclose(one.poll().twist, [0, -1, 1, 0, 0, 0], atol=1e-3)
        pad.lean(0, 0.1), pad.lean(5, -1)
        assert not one.poll().twist.any()  # in the dead zone
        pad.press(0)
        assert one.poll().events == (TeleopEvent.SUCCESS,)
        assert one.poll().events == ()
        pad.press(0, False), pad.press(2)
        assert one.poll().gripper == -1
        one.close()
        """
    )


def test_one_that_vanishes_is_zero_and_told_and_comes_back() -> None:
    run(
        """
        pad = VirtualGamepad()
        one = hand()
        pad.lean(1, -1)
        assert one.poll().twist.any()
        pad.unplug()
        assert not one.poll().twist.any()
        assert "is gone" in told[0]
        pad.plug_in()
        one.poll()
        assert "is back" in told[1]
        pad.lean(1, -1)
        assert one.poll().twist.any()
        one.close()
        """
    )


def test_none_and_no_pygame_are_told() -> None:
    run(
        """
        try:
            hand()
        except DeviceError as error:
            assert "no gamepad" in error.message and error.hint
        else:
            raise AssertionError
        """
    )
    run(
        """
        try:
            hand()
        except DeviceError as error:
            assert "hilctl[gamepad]" in error.hint
        else:
            raise AssertionError
        """,
        before="import sys; sys.modules['pygame'] = None\n",
    )
