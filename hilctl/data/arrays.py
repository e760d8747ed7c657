"""Named arrays from an .npz file that anybody may have written or damaged."""

from __future__ import annotations

import io
import math
import warnings
import zipfile
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from hilctl.task.regular_files import LARGE_BYTES

SUFFIX = ".npy"
KINDS = "biufU"  # of dtypes: numbers, flags and text


def load_arrays(stream: BinaryIO) -> dict[str, NDArray[Any]]:
    """Return every array of an archive as `np.savez` writes it: nothing in it is compressed.

    So no more memory is taken than the file has bytes, whatever its headers say.

    Raises:
        ValueError: not such an archive, or damaged.
    """
    try:
        with zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
            _check_sizes(members, stream.seek(0, io.SEEK_END))
            return {
                member.filename.removesuffix(SUFFIX): _array(archive.read(member))
                for member in members
            }
    except Exception as error:  # zipfile, zlib and numpy's header parser raise a dozen kinds
        raise ValueError(f"not an archive of arrays: {error}") from error


def _check_sizes(members: list[zipfile.ZipInfo], size: int) -> None:
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise ValueError("it is compressed")
    unpacked = sum(member.file_size for member in members)
    if unpacked > min(size, LARGE_BYTES):
        raise ValueError(f"its arrays have {unpacked} bytes, the file has {size}")


def _array(content: bytes) -> NDArray[Any]:
    stream = io.BytesIO(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of headers from other versions
        major, _ = npy.read_magic(stream)
        read = npy.read_array_header_1_0 if major == 1 else npy.read_array_header_2_0
        shape, fortran_order, dtype = read(stream)
    if dtype.kind not in KINDS:
        raise ValueError(f"an array of {dtype}")
    flat = np.frombuffer(content, dtype, math.prod(shape), stream.tell())
    return flat.reshape(shape, order="F" if fortran_order else "C").copy()
