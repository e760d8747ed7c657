"""Keys of a real pseudo-terminal as a hand."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import pytest

from hilctl import geometry
from hilctl.devices import Rig
from hilctl.errors import DeviceError
from hilctl.teleop.base import Role, TeleopEvent, TeleopInput, claims_success, stages_called
from hilctl.teleop.keyboard import KeyboardOptions, KeyboardTeleop
from hilctl.terminal import lent_terminal

PATIENCE_S = 20.0


@dataclass
class Person:
    """Somebody at a terminal."""

    typing_end: int
    terminal_end: int
    hand: KeyboardTeleop
    told: list[str] = field(default_factory=list)

    def types(self, text: str) -> TeleopInput:
        os.write(self.typing_end, text.encode())
        deadline_s = time.monotonic() + PATIENCE_S
        while self._unread_bytes() and time.monotonic() < deadline_s:
            time.sleep(0.005)
        time.sleep(0.05)
        return self.hand.poll()

    def looks_on(self) -> None:
        """Look for a while, whatever comes."""
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            self.hand.poll()
            time.sleep(0.02)

    def _unread_bytes(self) -> int:
        answer = fcntl.ioctl(self.terminal_end, termios.FIONREAD, b"\0" * 4)
        return int(struct.unpack("i", answer)[0])


@pytest.fixture
def person() -> Iterator[Person]:
    typing_end, terminal_end = pty.openpty()
    options = KeyboardOptions(terminal=os.ttyname(terminal_end), tap_s=0.3)
    someone = Person(typing_end, terminal_end, KeyboardTeleop(options, Rig()))
    someone.hand.tell = someone.told.append
    with someone.hand:
        someone.hand.begin_episode(Role.SUPERVISE)
        yield someone
    for end in (typing_end, terminal_end):
        with suppress(OSError):
            os.close(end)


@pytest.mark.parametrize(
    ("keys", "number", "sign"),
    [
        ("w", 0, 1),
        ("s", 0, -1),
        ("a", 1, 1),
        ("f", 2, -1),
        ("u", 5, 1),
        ("\x1b[A", 0, 1),
        ("\x1bOB", 0, -1),
        ("\x1b[C", 1, -1),
        ("\x1b[6~", 2, -1),
    ],
)
def test_a_key_moves_one_axis(person: Person, keys: str, number: int, sign: int) -> None:
    hand = person.types(keys)
    assert hand.twist[number] == sign
    assert np.count_nonzero(hand.twist) == 1
    assert hand.engaged


def test_an_arrow_that_arrives_in_pieces_is_one_key(person: Person) -> None:
    assert not person.types("\x1b").twist.any()
    assert not person.types("[").twist.any()
    assert person.types("A").twist[0] == 1


def test_up_is_up_however_the_tool_is_turned(person: Person) -> None:
    down = geometry.pose([0.5, 0, 0.2], geometry.quat_from_rotvec([np.pi, 0, 0]))
    person.hand.tcp_pose = lambda: down
    np.testing.assert_allclose(person.types("r").twist, [0, 0, -1, 0, 0, 0], atol=1e-9)


def test_a_press_ends_by_itself(person: Person) -> None:
    person.types("w")
    time.sleep(0.7)
    hand = person.hand.poll()
    assert not hand.twist.any()


def test_shift_and_slow_take_small_steps_that_do_not_go_on(person: Person) -> None:
    assert person.types("W").twist[0] == 0.25
    assert not person.hand.poll().twist.any()
    assert not person.types("\t").twist.any()
    assert person.types("d").twist[1] == -0.25
    assert not person.hand.poll().twist.any()
    assert person.told == ["slow"]


@pytest.mark.parametrize(
    "pasted", ["hello world", "wasd", "www", "\x1b[200~w\x1b[201~", "\x1b[200~q\r\x1b[201~"]
)
def test_pasted_text_neither_moves_nor_says_anything(person: Person, pasted: str) -> None:
    hand = person.types(pasted)
    assert not hand.twist.any()
    assert not hand.engaged
    assert hand.events == ()


@pytest.mark.parametrize("event", TeleopEvent)
def test_every_event_has_a_key_and_a_key_that_repeats_says_it_once(
    person: Person, event: TeleopEvent
) -> None:
    name = person.hand.keys[event]
    key = {"Enter": "\r", "Backspace": "\x7f"}.get(name, name)
    assert person.types(key).events == (event,)
    time.sleep(0.1)
    for _ in range(5):
        assert person.types(key).events == ()


def test_the_gripper_closes_and_opens(person: Person) -> None:
    assert person.types("c").gripper == -1
    assert person.types("v").gripper == 1


@pytest.mark.parametrize("role", [Role.SHOW, Role.LABEL, Role.WATCH])
def test_success_is_switched_on_and_off_while_labels_are_recorded(
    person: Person, role: Role
) -> None:
    person.hand.begin_episode(role)
    assert TeleopEvent.SUCCESS in person.types("\r").events
    assert TeleopEvent.SUCCESS in person.types("w").events
    assert TeleopEvent.SUCCESS in person.types("\r").events  # one press or two
    assert claims_success(person.hand.poll().events)
    assert not claims_success(person.types("b").events)
    assert TeleopEvent.SUCCESS not in person.hand.poll().events


@pytest.mark.parametrize("role", [Role.SHOW, Role.LABEL, Role.WATCH])
def test_success_moves_one_stage_on_and_a_veto_one_back(person: Person, role: Role) -> None:
    person.hand.call_stages(["grasped", "placed"])
    person.hand.begin_episode(role)
    reached = [stages_called(person.types(key).events) for key in "\rw\rw\rbwbwb\r"]
    assert reached == [1, 1, 2, 2, 2, 1, 1, 0, 0, 0, 1]
    person.hand.begin_episode(role)
    assert stages_called(person.hand.poll().events) == 0


def test_stages_are_counted_only_while_labels_are_recorded(person: Person) -> None:
    person.hand.call_stages(["grasped", "placed"])
    person.hand.begin_episode(Role.SUPERVISE)
    assert person.types("\r").events == (TeleopEvent.SUCCESS,)
    assert person.hand.poll().events == ()
    assert person.types("b").events == (TeleopEvent.VETO,)


def test_in_charge_only_as_long_as_the_hand_moves_unless_told_to_stay(person: Person) -> None:
    person.types("w")
    time.sleep(1.2)
    assert not person.hand.poll().engaged
    assert person.types("e").engaged
    time.sleep(0.6)
    assert person.hand.poll().engaged
    person.hand.begin_episode(Role.SUPERVISE)
    assert not person.hand.poll().engaged


def test_a_terminal_that_closes_is_told_and_nothing_moves(person: Person) -> None:
    assert person.types("w").twist.any()
    os.close(person.terminal_end)
    os.close(person.typing_end)
    with pytest.raises(DeviceError, match="terminal is gone") as caught:
        person.looks_on()
    assert caught.value.hint


def test_without_a_terminal_it_says_what_to_do(tmp_path: object) -> None:
    for path in ("/dev/null", "/nowhere"):
        hand = KeyboardTeleop(KeyboardOptions(terminal=path), Rig())
        with pytest.raises(DeviceError, match="no keys") as caught:
            hand.open()
        assert "ssh -t" in str(caught.value.hint)


def test_two_hands_do_not_share_one_terminal(person: Person) -> None:
    other = KeyboardTeleop(person.hand.settings, Rig())
    with pytest.raises(DeviceError, match="another hand"):
        other.open()


def test_the_terminal_is_given_back_when_closed_and_lent_for_a_question() -> None:
    typing_end, terminal_end = pty.openpty()
    before = termios.tcgetattr(terminal_end)
    with KeyboardTeleop(KeyboardOptions(terminal=os.ttyname(terminal_end)), Rig()) as hand:
        hand.begin_episode(Role.SUPERVISE)
        assert termios.tcgetattr(terminal_end) != before
        with lent_terminal():
            assert termios.tcgetattr(terminal_end) == before
            os.write(typing_end, b"q\n")
            time.sleep(0.15)
            assert os.read(terminal_end, 10) == b"q\n"
        assert termios.tcgetattr(terminal_end) != before
        assert hand.poll().events == ()
    assert termios.tcgetattr(terminal_end) == before
    os.close(typing_end)
    os.close(terminal_end)
