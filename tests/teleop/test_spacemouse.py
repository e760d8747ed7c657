"""SpaceMice through pyspacemouse and a hidapi that is loaded the way the real one is."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from fake_hid import fake_environment, library

HEAD = """
import os, sys, time
from pathlib import Path
import numpy as np
sys.path.insert(0, {tests!r})
from fake_hid import FakeMouse
from hilctl.devices import Rig
from hilctl.errors import DeviceError
from hilctl.teleop.base import Role, TeleopEvent
from hilctl.teleop.spacemouse import SpaceMouseOptions, SpaceMouseTeleop

folder = Path(os.environ["FAKE_HID"])
told = []

def hand(**options):
    settings = dict(keys=False, dead_band=0.1, stale_s=5.0) | options  # a busy computer looks late
    made = SpaceMouseTeleop(SpaceMouseOptions(**settings), Rig())
    made.tell = told.append
    made.tcp_pose = lambda: np.array([0.5, 0, 0.2, 0, 0, 0, 1.0])
    made.open()
    made.begin_episode(Role.SUPERVISE)
    return made

def refused(**options):
    try:
        hand(**options)
    except DeviceError as error:
        return f"{{error.message}} | {{error.hint}}"
    raise AssertionError("it was opened")

def after(seconds, one):
    time.sleep(seconds)
    return one.poll()

def soon(one, is_so):  # looks again and again until what is seen is so; events come once
    deadline_s = time.monotonic() + 10.0
    while not is_so(seen := one.poll()):
        assert time.monotonic() < deadline_s, (seen, told)
        time.sleep(0.01)
    return seen

def along(*twist):
    return lambda seen: np.allclose(seen.twist[:len(twist)], twist, atol=1e-9)

def moves(seen):
    return seen.twist.any()

def rests(seen):
    return not moves(seen)
"""


def run(tmp_path: Path, code: str, before: str = "") -> str:
    """Run code in a process that finds the fake library as the loader finds the system's."""
    pytest.importorskip("pyspacemouse")
    folder = tmp_path / "hid"
    folder.mkdir()
    tests = str(Path(__file__).parents[1])
    whole = HEAD.format(tests=tests) + textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-c", before + whole],
        env=fake_environment(folder),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def test_the_library_is_there() -> None:
    assert library().name == "libhidapi-hidraw.so.0"


def test_axes_are_those_of_serls_rigs_and_nothing_is_printed(tmp_path: Path) -> None:
    out = run(
        tmp_path,
        """
        mouse = FakeMouse(folder, "hidraw0")
        one = hand()
        SERL = {(1, 0, 0): [0, 1, 0], (0, 1, 0): [1, 0, 0], (0, 0, 1): [0, 0, -1]}
        # raw x right, y towards the person, z down; SERL: (-y, x, z, -roll, -pitch, -yaw) of
        # pyspacemouse's state, whose y and z are away and up
        for axes, expected in SERL.items():
            mouse.push(*axes)
            assert soon(one, along(*expected)).engaged
        mouse.push()
        for axes, expected in SERL.items():
            mouse.turn(*axes)
            soon(one, along(0, 0, 0, *expected))
        one.close()
        behind = hand(stand="behind")
        mouse._peer = None
        mouse.push(1, 0, 0)
        soon(behind, along(0, -1, 0))
        behind.close()
        """,
    )
    assert out == ""


def test_dead_band_buttons_and_a_queue_that_is_drained(tmp_path: Path) -> None:
    run(
        tmp_path,
        """
        mouse = FakeMouse(folder, "hidraw0")
        one = hand(buttons={"LEFT": "close", "RIGHT": "success"})
        mouse.push(0.09, 0, 0)
        quiet = after(0.05, one)
        assert rests(quiet) and not quiet.engaged
        for number in range(200):  # more than one a poll
            mouse.push(number / 200, 0, 0)
        mouse.push(0, 1, 0)
        ways = set()
        soon(one, lambda seen: ways.add(seen.twist[1]) or along(1, 0, 0)(seen))
        assert len(ways) <= 5, ways  # of two hundred
        mouse.press(left=True)
        soon(one, lambda seen: seen.gripper == -1)
        mouse.press(right=True)
        said = soon(one, lambda seen: seen.events)
        assert said.events == (TeleopEvent.SUCCESS,) and said.gripper == 0
        assert after(0.05, one).events == ()
        one.begin_episode(Role.LABEL)
        assert after(0.05, one).events == (TeleopEvent.SUCCESS,)  # it is still held
        one.begin_episode(Role.WATCH)
        mouse.push(1, 0, 0)
        assert not after(0.05, one).twist.any()
        one.close()
        """,
    )


def test_one_that_falls_silent_while_deflected_is_released_and_that_is_told(tmp_path: Path) -> None:
    run(
        tmp_path,
        """
        mouse = FakeMouse(folder, "hidraw0")
        one = hand(stale_s=0.5)
        mouse.push(1, 0, 0)
        soon(one, moves)
        time.sleep(0.5)
        assert rests(one.poll())
        assert rests(after(0.05, one))
        assert len(told) == 1 and "said nothing" in told[0], told
        mouse.push(1, 0, 0)
        soon(one, moves)
        one.close()
        """,
    )


def test_unplugged_it_is_zero_and_told_and_back_it_works_at_another_path(tmp_path: Path) -> None:
    run(
        tmp_path,
        """
        mouse = FakeMouse(folder, "hidraw0", serial="A")
        one = hand()
        mouse.push(1, 0, 0)
        soon(one, moves)
        mouse.unplug()
        soon(one, rests)
        assert "is gone" in told[0], told
        mouse.plug_in("hidraw7")
        assert rests(soon(one, lambda seen: len(told) > 1))
        assert "is back" in told[1], told
        mouse.push(0, 1, 0)
        soon(one, along(1, 0, 0))
        one.close()
        """,
    )


def test_two_are_listed_and_neither_is_taken_by_chance_nor_twice(tmp_path: Path) -> None:
    run(
        tmp_path,
        """
        left, right = FakeMouse(folder, "hidraw0", "A"), FakeMouse(folder, "hidraw1", "B")
        words = refused()
        assert "hidraw0, serial A" in words and "hidraw1, serial B" in words and "path:" in words
        assert "no SpaceMouse C; there is" in refused(serial="C")
        one, two = hand(path=str(left.path)), hand(serial="B")
        assert "another hand" in refused(serial="A")
        left.push(1, 0, 0), right.push(0, 0, 1)
        soon(one, along(0, 1, 0)), soon(two, along(0, 0, -1))
        one.close(), two.close()
        """,
    )


def test_two_that_come_back_at_each_others_place_are_not_swapped(tmp_path: Path) -> None:
    run(
        tmp_path,
        """
        left, right = FakeMouse(folder, "hidraw0", "A"), FakeMouse(folder, "hidraw1", "B")
        one, two = hand(serial="A"), hand(serial="B")
        left.push(1, 0, 0), right.push(1, 0, 0)
        soon(one, moves), soon(two, moves)
        left.unplug(), right.unplug()
        soon(one, rests), soon(two, rests)
        right.plug_in("hidraw0"), left.plug_in("hidraw1")
        for hand_ in (one, two):
            soon(hand_, lambda seen: hand_.status().present)
        left.push(1, 0, 0), right.push(0, 0, 1)
        soon(one, along(0, 1, 0)), soon(two, along(0, 0, -1))
        one.close(), two.close()
        """,
    )


@pytest.mark.parametrize("serial", ["A", "-"])
def test_two_interfaces_of_one_device_are_one_device(tmp_path: Path, serial: str) -> None:
    run(
        tmp_path,
        f"""
        mouse = FakeMouse(folder, "hidraw0", {serial!r}, interfaces=2)
        one = hand()
        mouse.push(1, 0, 0)
        soon(one, moves)
        one.close()
        """,
    )


def test_absent_it_says_what_to_do(tmp_path: Path) -> None:
    run(tmp_path, "assert 'plug it in' in refused()")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody without rights")
def test_without_rights_the_udev_rule_is_told(tmp_path: Path) -> None:
    for folder in [tmp_path, *tmp_path.parents]:
        if folder.is_relative_to("/tmp") and folder != Path("/tmp"):
            folder.chmod(0o755)
    run(
        tmp_path,
        """
        mouse = FakeMouse(folder, "hidraw0")
        mouse.path.chmod(0o644)
        from hilctl.teleop.hid import find_spacemice
        find_spacemice()  # imports while it may still read everything
        os.setuid(65534)
        words = refused()
        assert "may not use" in words, words
        assert 'KERNEL=="hidraw*", ATTRS{idVendor}=="256f", MODE="0666"' in words, words
        """,
    )


def test_without_the_systems_library_the_one_of_the_package_is_used(tmp_path: Path) -> None:
    pytest.importorskip("hidraw")
    code = "from hilctl.teleop.hid import find_spacemice; print(find_spacemice())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("[")
