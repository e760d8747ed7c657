"""Read published weight files without ever running what is inside them.

Two formats in the wild are Python pickles: PyTorch's legacy tensor files and the parameter trees
of the HIL-SERL authors. A pickle is a program, so it is only disassembled here and interpreted by
a machine that knows containers, numbers and arrays; anything else in the file is an error.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilctl.errors import DataError
from hilctl.networks.machine import Builder, Machine, RefusedError
from hilctl.task.files import explain_os_error, is_computers
from hilctl.task.regular_files import LARGE_BYTES, read_regular

Tree = dict[str, Any]  # name → array or Tree

TORCH_MAGIC = 0x1950A86A20F9469CFC6C
TORCH_STORAGES = {"FloatStorage": "<f4", "HalfStorage": "<f2", "LongStorage": "<i8"}
_BROKEN = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    MemoryError,
)
NUMPY_DTYPES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")


def read_bytes(path: Path, *, sha256: str | None = None) -> bytes:
    """Return the content of a weights file.

    Raises:
        DataError: it cannot be read, or its SHA-256 is not `sha256`.
    """
    try:
        content = read_regular(path, LARGE_BYTES)
    except OSError as error:
        if is_computers(error):
            raise explain_os_error(error, path) from error
        raise DataError(
            f"cannot read the weights: {error.strerror or error}",
            where=str(path),
            hint="give the path of an existing weights file",
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and found != sha256:
        raise DataError(
            f"the weights are not the published ones (sha256 {found[:12]}…, want {sha256[:12]}…)",
            where=str(path),
            hint="reinstall the package that holds them",
        )
    return content


def parse_torch(content: bytes, *, where: str) -> dict[str, NDArray[Any]]:
    """Return the tensors of a legacy PyTorch file, by name.

    Layout: five pickles (magic, protocol, platform, tensors, storage keys), then for each storage
    its length as int64 and its numbers, little endian.

    Raises:
        DataError: not such a file, cut short, or asking for more than tensors.
    """
    return _guarded(_torch, content, where)


def parse_arrays(content: bytes, *, where: str) -> Tree:
    """Return the tree of arrays pickled in a file: nested dicts of numpy or JAX arrays.

    Raises:
        DataError: not such a file, cut short, or asking for more than arrays.
    """
    return _guarded(_arrays, content, where)


def _guarded(parse: Callable[[bytes], Tree], content: bytes, where: str) -> Tree:
    """Turn every way in which a hostile or broken file can fail into one error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of odd escapes in broken text
            return parse(content)
    except RefusedError as error:
        message = f"the weights file is not plain arrays: it contains {error}"
    except _BROKEN:
        message = "the weights file is cut short or not a weights file"
    raise DataError(message, where=where, hint="download it again from where it is published")


def _torch(content: bytes) -> Tree:
    stream = io.BytesIO(content)
    if Machine({}).run(stream) != TORCH_MAGIC:
        raise RefusedError("another magic number than PyTorch's")
    Machine({}).run(stream), Machine({}).run(stream)
    storages: dict[str, _Storage] = {}

    def storage(reference: tuple[Any, ...]) -> _Storage:
        _, dtype, key, _, size, _ = reference
        return storages.setdefault(key, _Storage(dtype, size))

    # A class name is only ever handed to `storage`, so it stands for its own dtype string.
    names: dict[str, Any] = {f"torch {name}": dtype for name, dtype in TORCH_STORAGES.items()}
    names |= {"collections OrderedDict": dict, "torch._utils _rebuild_tensor_v2": _Tensor}
    tensors = Machine(names, storage).run(stream)
    for key in Machine({}).run(stream):
        storages[key].read(stream)
    return {name: tensor.resolve() for name, tensor in tensors.items()}


def _arrays(content: bytes) -> Tree:
    tree = Machine(_NUMPY_NAMES).run(io.BytesIO(content))
    if not isinstance(tree, dict):
        raise RefusedError(f"{type(tree).__name__} instead of a dict")
    return _resolve(tree)


def _resolve(tree: Tree) -> Tree:
    return {
        str(name): _resolve(value) if isinstance(value, dict) else value.resolve()
        for name, value in tree.items()
    }


class _Storage:
    """A run of numbers of a torch file; its bytes follow the program."""

    def __init__(self, dtype: str, size: int) -> None:
        self.dtype, self.size = np.dtype(dtype), size
        self.data: NDArray[Any] = np.zeros(0, self.dtype)

    def read(self, stream: io.BytesIO) -> None:
        length = int.from_bytes(stream.read(8), "little")
        if length != self.size:
            raise ValueError("storage length")
        content = stream.read(length * self.dtype.itemsize)
        self.data = np.frombuffer(content, self.dtype, count=length)


class _Tensor:
    """A view of a storage, made once its bytes are there."""

    def __init__(
        self,
        storage: _Storage,
        offset: int,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        *_: Any,
    ) -> None:
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def resolve(self) -> NDArray[Any]:
        data = self.storage.data[self.offset :]
        last = sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True))
        if self.offset < 0 or min(self.strides, default=0) < 0 or last >= data.size:
            raise ValueError("tensor outside of its storage")
        strides = [step * data.itemsize for step in self.strides]
        return np.lib.stride_tricks.as_strided(data, self.shape, strides, writeable=False)


class _Dtype:
    """A numpy dtype; its byte order comes in a second step."""

    def __init__(self, name: str, *_: Any) -> None:
        if name not in NUMPY_DTYPES:
            raise RefusedError(f"arrays of type {name!r}")
        self.name, self.order = name, "="

    def build(self, state: tuple[Any, ...]) -> None:
        self.order = str(state[1]).replace("|", "=")
        if self.order not in ("<", ">", "="):
            raise RefusedError(f"numbers in the order {self.order!r}")

    def resolve(self) -> np.dtype[Any]:
        return np.dtype(self.order + self.name)


class _Array:
    """A numpy array; old pickles make it empty and fill it in a second step."""

    def __init__(self, *_: Any) -> None:
        self.value: NDArray[Any] = np.zeros(0)

    def build(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, content = state
        flat = np.frombuffer(content, dtype.resolve())
        self.value = flat.reshape(shape, order="F" if fortran else "C")

    def resolve(self) -> NDArray[Any]:
        return self.value

    @classmethod
    def from_buffer(
        cls, content: bytes, dtype: _Dtype, shape: tuple[int, ...], order: str
    ) -> _Array:
        array = cls()
        array.build((1, shape, dtype, order == "F", content))
        return array

    @classmethod
    def from_jax(cls, _: Any, __: Any, state: tuple[Any, ...], ___: Any) -> _Array:
        array = cls()
        array.build(state)
        return array


def _latin1(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise RefusedError(f"text encoded as {encoding!r}")
    return text.encode("latin1")


_NUMPY_NAMES: dict[str, Builder] = {
    "numpy ndarray": _Array,
    "numpy dtype": _Dtype,
    "numpy.core.multiarray _reconstruct": _Array,
    "numpy._core.multiarray _reconstruct": _Array,
    "numpy.core.numeric _frombuffer": _Array.from_buffer,
    "numpy._core.numeric _frombuffer": _Array.from_buffer,
    "jax._src.array _reconstruct_array": _Array.from_jax,
    "collections OrderedDict": dict,
    "flax.core.frozen_dict FrozenDict": dict,
    "_codecs encode": _latin1,
}
