"""`hilctl serve-sim`: the simulator as a rig on this computer's network, to rehearse with."""

from __future__ import annotations

import enum
import queue
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilctl.cli.options import JsonOption, SeedOption
from hilctl.cli.render import Output
from hilctl.errors import UsageError
from hilctl.terminal import CONTROLLING, KeyTerminal

if TYPE_CHECKING:
    from hilctl.cli.interrupt import StopRequest
    from hilctl.rehearsal.server import Rehearsal

PORT = 5000  # where robot servers are, and where templates look for them
LOOK_S = 0.1
LEAVE = "q"


class ServedScene(enum.StrEnum):
    """What stands on the table."""

    INSERT = "insert"
    REACH = "reach"
    PICK = "pick"
    REACH_BOTH = "reach-both"


class GripperKind(enum.StrEnum):
    """Which gripper the robot servers have."""

    ROBOTIQ = "robotiq"
    FRANKA = "franka"
    NONE = "none"


def serve_sim(
    scene: Annotated[
        ServedScene, typer.Option("--scene", help="What stands on the table.")
    ] = ServedScene.INSERT,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Of the robot servers; 0 = any.")
    ] = PORT,
    gripper: Annotated[
        GripperKind, typer.Option("--gripper", help="Which one the robot servers have.")
    ] = GripperKind.ROBOTIQ,
    size: Annotated[str, typer.Option("--size", help="Of the pictures, in px.")] = "640x480",
    rate_hz: Annotated[
        float, typer.Option("--rate-hz", min=1, max=60, help="Of the pictures.")
    ] = 15.0,
    seconds: Annotated[
        float | None,
        typer.Option("--seconds", "-s", min=0.1, help="How long.  [default: until Ctrl-C]"),
    ] = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Serve the simulator in real time, as a rig that real robots and cameras would be.

    Each arm is behind the protocol of SERL's robot server, the first at 127.0.0.1, the next at
    127.0.0.2; cameras are streams (MJPEG over HTTP). A task of the template serl-insert drives it
    from another terminal as it would drive a robot. In this terminal, keys do what somebody in the
    room does.
    """
    from hilctl.cli.interrupt import interruptible
    from hilctl.real_time import become_real_time
    from hilctl.rehearsal.server import open_rehearsal

    output = Output(as_json=as_json)
    width, height = _pixels(size)
    with (
        interruptible() as stop,
        open_rehearsal(
            scene.value,
            port=port,
            gripper=gripper.value,
            size=(width, height),
            rate_hz=rate_hz,
            seed=seed,
            on_thread=become_real_time,  # a robot does not wait for the programs of a computer
        ) as rehearsal,
    ):
        _introduce(output, rehearsal, given_port=port)
        _stay(output, rehearsal, seconds, stop)
    stop.leave_if_interrupted()
    output.result({"arms": rehearsal.arms, "cameras": rehearsal.cameras})


def _pixels(size: str) -> tuple[int, int]:
    width, _, height = size.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise UsageError(f"--size {size!r} is no size", hint="for example --size 640x480")
    if not (16 <= int(width) <= 640 and 16 <= int(height) <= 480):
        raise UsageError(f"--size {size} cannot be drawn", hint="16x16 to 640x480")
    return int(width), int(height)


def _introduce(output: Output, rehearsal: Rehearsal, given_port: int) -> None:
    event = {"event": "serving", "arms": rehearsal.arms, "cameras": rehearsal.cameras}
    output.event(event)
    for name, address in rehearsal.arms.items():
        output.say(f"{f'arm {name}'.strip():14} {address}")
    for name, address in rehearsal.cameras.items():
        output.say(f"{f'camera {name}':14} {address}")
    output.say("the scene moves in real time until Ctrl-C; in another terminal:")
    output.next(_made_for(rehearsal, elsewhere=given_port != PORT))


def _made_for(rehearsal: Rehearsal, *, elsewhere: bool) -> str:
    """Return what makes a task for a rig; with its addresses, where templates have others."""
    several = len(rehearsal.arms) > 1
    command = f"hilctl new-task NAME --template {'dual-franka' if several else 'serl-insert'}"
    if not elsewhere:
        return command
    views = ("front",) if several else ("wrist", "side")
    addresses = {arm or "url": address for arm, address in rehearsal.arms.items()}
    addresses |= {view: rehearsal.cameras[view] for view in views}
    return command + "".join(f" --set {key}={address}" for key, address in addresses.items())


def _stay(output: Output, rehearsal: Rehearsal, seconds: float | None, stop: StopRequest) -> None:
    """Stay until somebody wants an end, and do what keys say."""
    until_s = None if seconds is None else time.monotonic() + seconds
    does = rehearsal.room.keys()
    with _typed(output, {key: words for key, (words, _) in does.items()}) as keys:
        while not stop() and (until_s is None or time.monotonic() < until_s):
            key = _next(keys)
            if key == LEAVE:
                return
            if key is not None and key in does:
                told = does[key][1]()
                output.event({"event": "room", "key": key, "text": told})
                output.say(told)


def _next(keys: queue.SimpleQueue[str]) -> str | None:
    try:
        return keys.get(timeout=LOOK_S)
    except queue.Empty:
        return None


@contextmanager
def _typed(output: Output, words: Mapping[str, str]) -> Iterator[queue.SimpleQueue[str]]:
    """Return the keys of a person at the terminal; none come where nobody is."""
    keys: queue.SimpleQueue[str] = queue.SimpleQueue()
    if not output.interactive:
        yield keys
        return
    terminal = KeyTerminal(CONTROLLING, _into(keys))
    try:
        terminal.open()
    except OSError as error:
        output.say(f"no keys can be read here: {error.strerror or error}")
        yield keys
        return
    for key, does in {**words, LEAVE: "leave"}.items():
        output.say(f"  {key}  {does}")
    try:
        yield keys
    finally:
        terminal.close()


def _into(keys: queue.SimpleQueue[str]) -> Callable[[Sequence[str], float], Any]:
    def take(pressed: Sequence[str], _: float) -> None:
        for key in pressed:
            keys.put(key)

    return take
