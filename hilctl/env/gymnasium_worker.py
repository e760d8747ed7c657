"""A Gymnasium environment and its expert, in a process and an interpreter of their own.

This file is run by an interpreter that need have nothing but Gymnasium and NumPy, so it imports
nothing of hilctl. The other end is `env/worker_process.py`, which imports the framing from here.

A message is a header, JSON behind four bytes with its length, then the numbers of its arrays.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # the files beside this one are no modules for an environment to import

import importlib
import json
import math
import os
import re
import signal
import socket
import struct
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

HEADER_BYTES = 1 << 20  # of a header, at most
ARRAY_BYTES = 1 << 28  # of all arrays of a message: sixty frames of full HD
RENDER, INFO, WHOLE, REWARD = "render", "info", "observation", "reward"
SUCCESS = re.compile(r"\s*(?P<path>[^\s<>=]+)\s*(?:(?P<how>>=|<=)\s*(?P<bound>\S+))?\s*")
PART = re.compile(r"(?P<path>.*?)(?:\[(?P<first>\d*):(?P<last>\d*)\])?")
_LENGTH = struct.Struct("!I")


class Flaw(Exception):
    """What the environment has or does that no task can be made of, and how to mend it."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def packed(content: Mapping[str, Any], arrays: Mapping[str, Any]) -> bytes:
    """Return a message of plain JSON and arrays as bytes."""
    solid = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    about = [[name, array.dtype.str, array.shape] for name, array in solid.items()]
    header = json.dumps({**content, "arrays": about}).encode()
    return b"".join([_LENGTH.pack(len(header)), header, *(a.tobytes() for a in solid.values())])


def receive(read: Callable[[int], bytearray]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the content and the arrays of the next message.

    Args:
        read: returns so many bytes of it.

    Raises:
        ValueError: it is no message.
    """
    (length,) = _LENGTH.unpack(read(_LENGTH.size))
    if length > HEADER_BYTES:
        raise ValueError(f"a header of {length} bytes")
    content = json.loads(bytes(read(length)))
    known = [(name, np.dtype(kind), tuple(shape)) for name, kind, shape in content.pop("arrays")]
    sizes = [kind.itemsize * math.prod(shape) for _, kind, shape in known]
    if sum(sizes) > ARRAY_BYTES:
        raise ValueError(f"arrays of {sum(sizes)} bytes")
    numbers, arrays = memoryview(read(sum(sizes))), {}
    for (name, kind, shape), size in zip(known, sizes):  # noqa: B905  # Python 3.9 reads this, too
        arrays[name] = np.frombuffer(numbers[:size], kind).reshape(shape)
        numbers = numbers[size:]
    return content, arrays


class Host:
    """One environment, seen through the paths that a task names.

    Args:
        task: `id`, `kwargs`, `images` (name → path), `state` (paths), `success` and `action` of
            the task file.
    """

    def __init__(self, task: Mapping[str, Any]) -> None:
        self._images, self._state = dict(task["images"]), list(task["state"])
        found = SUCCESS.fullmatch(task["success"])
        assert found is not None
        self._success = found
        kwargs = dict(task["kwargs"])
        if RENDER in self._images.values():
            kwargs.setdefault("render_mode", "rgb_array")
        self.env = _made(task["id"], kwargs)
        self._low, self._high = _bounds(self.env.action_space, task["action"])
        self._make_expert: Callable[[Any], Callable[[Any], Any]] | None = None
        self._expert: Callable[[Any], Any] | None = None
        self._obs: Any = None
        self._shapes: dict[str, tuple[int, ...]] = {}

    def look(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Reset, take a step, and return what actions and observations are like."""
        _, arrays = self.reset(0)
        idle = self.encoded(np.zeros(len(self._low)))
        self.step(idle)
        shapes = {name: list(array.shape) for name, array in arrays.items()}
        return {"shapes": shapes, "low": self._low.tolist(), "high": self._high.tolist()}, {
            "idle": idle
        }

    def reset(self, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the first frame of an episode."""
        self._obs, info = self.env.reset(seed=seed)
        if self._make_expert is not None:
            self._expert = self._make_expert(self.env)
        return self._frame(info, None, False, False)

    def step(self, action: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the frame after an (A,) action in [-1, 1]."""
        space = self.env.action_space
        native = self._low + (np.clip(action, -1, 1) + 1) / 2 * (self._high - self._low)
        given = native.reshape(space.shape).astype(space.dtype)
        self._obs, reward, terminated, truncated, info = self.env.step(given)
        return self._frame(info, reward, bool(terminated), bool(truncated))

    def hire(self, operator: str) -> None:
        """Take an expert, `package.module:factory`; each episode gets a new one."""
        module, _, name = operator.partition(":")
        found = getattr(_imported(module, "teleop.operator"), name, None)
        if not callable(found):
            raise Flaw(
                f"{module} has no function {name!r}",
                "teleop.operator in task.yaml is module:factory, factory(env) -> obs -> action",
            )
        self._make_expert = found

    def encoded(self, native: Any) -> Any:
        """Return the (A,) action in [-1, 1] nearest to one of the environment's own."""
        flat = np.asarray(native, np.float64).reshape(-1)
        if flat.shape != self._low.shape or not np.isfinite(flat).all():
            raise ValueError(f"an action of {len(self._low)} numbers was expected, not {native!r}")
        width = self._high - self._low
        return np.clip(2 * (flat - self._low) / width - 1, -1, 1)

    def _frame(
        self, info: Any, reward: Any, terminated: bool, truncated: bool
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        tree = _tree(self._obs, info)
        arrays = {
            f"image/{name}": self._picture(name, path, tree) for name, path in self._images.items()
        }
        for path in self._state:
            arrays[f"state/{path}"] = self._numbers(path, tree)
        for name, array in arrays.items():
            _same(name, array.shape, self._shapes.setdefault(name, array.shape))
        content = {
            "terminated": terminated,
            "truncated": truncated,
            "reward": _number(REWARD, 0.0 if reward is None else reward),
        }
        first = reward is None  # nothing has been rewarded yet
        content["success"] = self._succeeded(tree if first else {**tree, **content}, first=first)
        if self._expert is not None:
            arrays["advice"] = self._advice()
        return content, arrays

    def _picture(self, name: str, path: str, tree: Mapping[str, Any]) -> Any:
        found = self.env.render() if path == RENDER else _at(path, tree)
        picture = np.asarray(found)
        if picture.dtype == np.uint8 and picture.ndim == 3:
            if picture.shape[2] not in (1, 3) and picture.shape[0] in (1, 3):
                picture = picture.transpose(1, 2, 0)
            if picture.shape[2] in (1, 3):
                return np.repeat(picture, 3 // picture.shape[2], axis=2)
        raise Flaw(
            f"{path} is no picture: {_told(found)}, not (height, width, 3) of uint8",
            "name another path, or make it one in a wrapper of the environment",
        )

    def _numbers(self, path: str, tree: Mapping[str, Any]) -> Any:
        found = PART.fullmatch(path)
        assert found is not None
        value = _at(found["path"], tree)
        numbers = np.asarray(value)
        if numbers.dtype.kind not in "biuf" or (numbers.dtype == np.uint8 and numbers.ndim > 1):
            raise Flaw(f"{path} is no measurement: {_told(value)}", "name another path of numbers")
        flat = numbers.astype(np.float64).reshape(-1)
        if found["first"] is not None:
            flat = flat[int(found["first"] or 0) : int(found["last"] or len(flat))]
        if not flat.size:
            raise Flaw(f"{path} has no numbers: {_told(value)}", "name another path")
        if not np.isfinite(flat).all():
            raise Flaw(f"{path} holds what is no number: {_told(value)}: {flat}", _ITS_FAULT)
        return flat

    def _succeeded(self, tree: Mapping[str, Any], *, first: bool) -> bool:
        path = self._success["path"]
        try:
            value = _number(path, _at(path, tree))
        except Missing:
            if first:  # many say it from the first step on
                return False
            raise
        if self._success["how"] is None:
            return value > 0
        bound = float(self._success["bound"])
        return value >= bound if self._success["how"] == ">=" else value <= bound

    def _advice(self) -> Any:
        assert self._expert is not None
        try:
            return self.encoded(self._expert(self._obs))
        except Exception as error:
            raise ExpertError from error


class Missing(Flaw):
    """A path leads nowhere."""


class ExpertError(Exception):
    """The expert raised; its own error is the cause."""


_ITS_FAULT = "it is the environment's fault: mend it there, or leave that out in task.yaml"


def _made(name: str, kwargs: Mapping[str, Any]) -> Any:
    """Return the environment of that name, as registered or `module:Name-v0`."""
    import gymnasium

    module, colon, _ = name.partition(":")
    if colon:
        _imported(module, "environment.id")
    try:
        return gymnasium.make(name, disable_env_checker=True, **kwargs)
    except gymnasium.error.Error as error:
        raise Flaw(
            str(error), "environment.id in task.yaml is a registered name, or module:Name-v0"
        ) from error


def _imported(module: str, setting: str) -> Any:
    """Return a module that a setting names."""
    root, missing = module.partition(".")[0], module
    if all(part.isidentifier() for part in module.split(".")):
        try:
            return importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{module}.".startswith(f"{error.name}."):
                raise  # the module is there, and lacks another one
            missing = error.name
    names_it = f"{setting} in task.yaml names it"
    there = f"{root}.py beside task.yaml, or installed: {sys.executable} -m pip install {root}"
    raise Flaw(f"No module named {missing!r}", f"{names_it}: {there}" if root else names_it)


def _bounds(space: Any, given: Mapping[str, Any] | None) -> tuple[Any, Any]:
    """Return the (A,) lowest and highest action, the task file's where it has them."""
    import gymnasium

    if not isinstance(space, gymnasium.spaces.Box) or space.dtype.kind != "f":
        raise Flaw(
            f"its actions are {space}, not a Box of real numbers",
            "wrap it in an environment with such actions, and register that one",
        )
    low, high = (np.asarray(side, np.float64).reshape(-1) for side in (space.low, space.high))
    if given is not None:
        low, high = (_wide(given[side], len(low), side) for side in ("low", "high"))
        space_low, space_high = space.low.reshape(-1), space.high.reshape(-1)
        if (low < space_low).any() or (high > space_high).any():
            raise Flaw(
                f"environment.action leaves its actions, {space}", "stay within what it allows"
            )
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise Flaw(
            f"its actions have no bounds: {space}",
            "say them in task.yaml: environment.action: {low: [...], high: [...]}",
        )
    if (low >= high).any():
        raise Flaw(f"its actions have no room: {space}", "low must be less than high")
    return low, high


def _wide(side: Any, size: int, name: str) -> Any:
    numbers = np.asarray(side, np.float64).reshape(-1)
    if numbers.size not in (1, size):
        raise Flaw(
            f"environment.action.{name} has {numbers.size} numbers, an action {size}",
            "write one for each, or a single one for all",
        )
    return np.broadcast_to(numbers, (size,)).copy()


def _tree(obs: Any, info: Any) -> dict[str, Any]:
    """Return all that a path can lead to, but `render`."""
    root = dict(obs) if isinstance(obs, Mapping) else {WHOLE: obs}
    return {INFO: info, **root}


def _at(path: str, tree: Mapping[str, Any]) -> Any:
    here: Any = tree
    for part in path.split("/"):
        try:
            here = here[int(part)] if isinstance(here, (tuple, list)) else here[part]
        except (KeyError, IndexError, TypeError, ValueError):
            known = ", ".join(_leaves(tree)) or "nothing"
            raise Missing(f"there is no {path}", f"there are: {known}, {RENDER}") from None
    return here


def _leaves(tree: Any, prefix: str = "") -> list[str]:
    """Return every path with the shape that is found there."""
    if isinstance(tree, Mapping):
        inner: Any = tree.items()
    elif isinstance(tree, (tuple, list)) and not np.isscalar(tree[0] if tree else 0):
        inner = enumerate(tree)
    else:
        return [f"{prefix.rstrip('/')} ({_told(tree)})"]
    return [leaf for key, value in inner for leaf in _leaves(value, f"{prefix}{key}/")]


def _told(value: Any) -> str:
    try:
        array = np.asarray(value)
    except ValueError:
        return type(value).__name__
    if array.dtype.kind not in "biuf":
        return type(value).__name__
    return f"{array.dtype} {'×'.join(map(str, array.shape))}" if array.shape else str(array.dtype)


def _number(name: str, value: Any) -> float:
    try:
        number = float(np.asarray(value).reshape(()))
    except (TypeError, ValueError):
        raise Flaw(f"{name} is no number: {_told(value)}", _ITS_FAULT) from None
    if not math.isfinite(number):
        raise Flaw(f"{name} is {number}", _ITS_FAULT)
    return number


def _same(name: str, now: Any, before: Any) -> None:
    if now != before:
        path = name.partition("/")[2]
        there, here = ("×".join(map(str, shape)) for shape in (before, now))
        raise Flaw(f"{path} changed its shape from {there} to {here}", _ITS_FAULT)


def answered(host: list[Host], request: Mapping[str, Any], arrays: Mapping[str, Any]) -> bytes:
    """Return the answer to one request: a frame, or what went wrong."""
    call = request["call"]
    try:
        if call == "open":
            host.append(Host(request["task"]))
            return packed(*host[0].look())
        if call == "reset":
            return packed(*host[0].reset(request["seed"]))
        if call == "step":
            return packed(*host[0].step(arrays["action"]))
        if call == "hire":
            host[0].hire(request["operator"])
        return packed({}, {})
    except Flaw as flaw:
        return packed({"flaw": str(flaw), "hint": flaw.hint}, {})
    except ExpertError as error:
        return packed({"by": "expert", **_account(error.__cause__ or error)}, {})
    except (Exception, SystemExit) as error:
        return packed({"by": "expert" if call == "hire" else "environment", **_account(error)}, {})


def _account(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename != __file__] or frames
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    lacking = error.name if isinstance(error, ImportError) else None
    return {"raised": text, "where": f"{own[-1].filename}:{own[-1].lineno}", "lacking": lacking}


def _leave_with(parent: int) -> None:
    """End when the process that asks is gone, whatever the environment is busy with."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGKILL)


def main(descriptor: int, folder: str) -> None:
    """Serve requests until the other end hangs up.

    Args:
        descriptor: of a connected socket.
        folder: of the task; its modules can be imported.
    """
    os.dup2(2, 1)  # what an environment prints is nobody's answer
    sys.path.insert(0, folder)
    threading.Thread(target=_leave_with, args=(os.getppid(),), daemon=True).start()
    connected, host = socket.socket(fileno=descriptor), []  # type: ignore[var-annotated]
    with connected, connected.makefile("rb") as stream:

        def read(size: int) -> bytearray:
            data = bytearray(stream.read(size))
            if len(data) < size:
                raise EOFError
            return data

        while True:
            try:
                request, arrays = receive(read)
            except EOFError:
                return
            connected.sendall(answered(host, request, arrays))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
