"""The weights reader: arrays come out, nothing is ever run."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import flax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilctl.errors import DataError
from hilctl.networks.encoders.efficientnet_lite0 import packaged_weights
from hilctl.networks.weights import parse_arrays, parse_torch, read_bytes


class Harmful:
    """Run a command when it is unpickled the ordinary way."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_arrays_of_every_kind_come_out(protocol: int) -> None:
    kernel = np.arange(6, dtype=np.float32).reshape(2, 3)
    trees = [
        {"a": {"b": kernel}},
        {"a": {"b": np.asfortranarray(kernel)}},
        {"a": {"b": jnp.asarray(kernel)}},
        flax.core.freeze({"a": {"b": kernel}}),
    ]
    for tree in trees:
        read = parse_arrays(pickle.dumps(tree, protocol=protocol), where="x")
        np.testing.assert_array_equal(read["a"]["b"], kernel)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_program_is_refused_and_not_run(tmp_path: Path, protocol: int) -> None:
    victim = tmp_path / "victim"
    for harmful in (Harmful(os.system, f"touch {victim}"), Harmful(eval, "1 + 1")):
        content = pickle.dumps({"kernel": harmful}, protocol=protocol)
        for parse in (parse_arrays, parse_torch):
            with pytest.raises(DataError, match="not plain arrays"):
                parse(content, where="weights.pkl")
    assert not victim.exists()


def test_a_program_hidden_in_a_torch_file_is_refused(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    parts = [0x1950A86A20F9469CFC6C, 1001, {}, {"w": Harmful(os.system, f"touch {victim}")}]
    content = b"".join(pickle.dumps(part, protocol=2) for part in parts)
    with pytest.raises(DataError, match="system"):
        parse_torch(content, where="weights.pth")
    assert not victim.exists()


def test_objects_are_refused() -> None:
    with pytest.raises(DataError, match="'O8'"):
        parse_arrays(pickle.dumps({"a": np.array([{}], dtype=object)}), where="x")
    with pytest.raises(DataError, match="instead of a dict"):
        parse_arrays(pickle.dumps([1, 2]), where="x")


@given(cut=st.integers(0, 400))
@settings(max_examples=60, deadline=None)
def test_a_file_cut_short_is_one_clear_error(cut: int) -> None:
    content = pickle.dumps({"a": {"b": np.ones((3, 4), np.float32)}, "c": np.zeros(5)})
    with pytest.raises(DataError):
        parse_arrays(content[: min(cut, len(content) - 1)], where="x")


@given(junk=st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_junk_never_escapes_as_another_error(junk: bytes) -> None:
    for parse in (parse_arrays, parse_torch):
        with pytest.raises(DataError):
            parse(junk, where="x")


@given(at=st.integers(0, 3000), value=st.integers(0, 255))
@settings(max_examples=100, deadline=None)
def test_a_damaged_torch_file_reads_or_says_so(at: int, value: int) -> None:
    content = bytearray(TORCH_FILE)
    content[at % len(content)] = value
    try:
        tensors = parse_torch(bytes(content), where="x")
    except DataError:
        return
    assert all(isinstance(tensor, np.ndarray) for tensor in tensors.values())


def torch_file() -> bytes:
    """Write the opcodes of a legacy torch file with one (2, 3) tensor, as torch would."""
    program = (
        b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n("
        b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"
        b"K\x06NtQK\x00K\x02K\x03\x86K\x03K\x01\x86\x89ccollections\nOrderedDict\n)RtRs."
    )
    head = b"".join(pickle.dumps(p, protocol=2) for p in (0x1950A86A20F9469CFC6C, 1001, {}))
    numbers = (6).to_bytes(8, "little") + np.arange(6, dtype="<f4").tobytes()
    return head + program + pickle.dumps(["0"], protocol=2) + numbers


TORCH_FILE = torch_file()


def test_a_torch_tensor_comes_out() -> None:
    tensors = parse_torch(TORCH_FILE, where="x")
    np.testing.assert_array_equal(tensors["w"], np.arange(6, dtype=np.float32).reshape(2, 3))


def test_a_tensor_outside_of_its_storage_is_refused() -> None:
    beyond = TORCH_FILE.replace(b"K\x02K\x03\x86K\x03K\x01\x86", b"K\x02K\x03\x86K\x04K\x01\x86")
    assert beyond != TORCH_FILE
    with pytest.raises(DataError, match="cut short"):
        parse_torch(beyond, where="x")


def test_missing_and_altered_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read"):
        read_bytes(tmp_path / "none.pth")
    altered = tmp_path / "altered.pth"
    altered.write_bytes(b"x")
    with pytest.raises(DataError, match="sha256"):
        read_bytes(altered, sha256="0" * 64)


def test_the_packaged_file_reads() -> None:
    path = packaged_weights()
    tensors = parse_torch(path.read_bytes(), where=str(path))
    assert tensors["_fc.weight"].shape == (1000, 1280)
