"""What `hilctl doctor` looks at on any computer: versions, rendering, JAX, disk."""

from __future__ import annotations

import importlib
import importlib.metadata
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

from hilctl import __version__
from hilctl.devices import Finding
from hilctl.errors import UsageError
from hilctl.real_time import become_ordinary, become_real_time
from hilctl.system_libraries import explain_missing_library
from hilctl.training.backend import check_backend

PACKAGES = {
    "jax": ("jax",),
    "flax": ("flax",),
    "mujoco": ("mujoco",),
    "opencv": ("opencv-python", "opencv-python-headless"),
    "h5py": ("h5py",),
}
OPTIONAL = {"mujoco": 'pip install "hilctl[sim]"'}
LOW_DISK_GB = 2.0


def examine_computer(folder: Path) -> Iterator[Finding]:
    """Yield findings about this computer.

    Args:
        folder: where data will be written; its disk is looked at.
    """
    yield Finding(True, "hilctl", __version__)
    yield Finding(True, "python", f"{platform.python_version()} on {platform.platform(terse=True)}")
    for name, distributions in PACKAGES.items():
        yield _version(name, distributions)
    yield from _system_libraries()
    yield _renderer()
    yield _jax_backend()
    yield _scheduling()
    yield _disk(folder)


def _version(name: str, distributions: tuple[str, ...]) -> Finding:
    for distribution in distributions:
        try:
            return Finding(True, name, importlib.metadata.version(distribution))
        except importlib.metadata.PackageNotFoundError:
            continue
    return Finding(
        False, name, "not installed", OPTIONAL.get(name, f"pip install {distributions[0]}")
    )


def _system_libraries() -> Iterator[Finding]:
    try:
        importlib.import_module("cv2")
    except ImportError as error:
        lacking = explain_missing_library(error)
        if lacking is not None:
            yield Finding(False, "opencv", lacking.message, lacking.hint)


def _renderer() -> Finding:
    try:
        rendering = importlib.import_module("hilctl.sim.rendering")
    except ImportError as error:
        return Finding(False, "renderer", f"none: {error}", OPTIONAL["mujoco"])
    found, asked_for = rendering.renderer_name(), rendering.renderer_asked_for()
    if asked_for in (None, found):
        return Finding(True, "renderer", found)
    detail = f"MUJOCO_GL={asked_for} does not work here: pictures are ray-cast, which is slow"
    known = ", ".join(rendering.BACKENDS)
    hint = f"unset MUJOCO_GL, or install what it names; hilctl can use {known}"
    return Finding(False, "renderer", detail, hint)


def _jax_backend() -> Finding:
    try:
        check_backend()
        jax = importlib.import_module("jax")
        devices = jax.devices()
    except UsageError as error:
        return Finding(False, "jax backend", error.message, error.hint)
    except (ImportError, RuntimeError) as error:
        return Finding(False, "jax backend", str(error), "pip install --force-reinstall jax")
    kinds = ", ".join(sorted({device.device_kind for device in devices}))
    return Finding(True, "jax backend", f"{jax.default_backend()}: {len(devices)} × {kinds}")


def _scheduling() -> Finding:
    if become_real_time():
        become_ordinary()
        return Finding(True, "scheduling", "the control loop may run before other programs")
    detail = (
        "other programs can delay the control loop; the line 'YOU - rtprio 1' in "
        "/etc/security/limits.conf and a new login mend that"
    )
    return Finding(True, "scheduling", detail)


def _disk(folder: Path) -> Finding:
    free_gb = shutil.disk_usage(folder).free / 1e9
    hint = None if free_gb >= LOW_DISK_GB else "free some space: an hour of training needs ~1 GB"
    return Finding(hint is None, "disk", f"{free_gb:.0f} GB free at {folder.resolve()}", hint)
