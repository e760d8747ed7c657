"""What may be wrong with hand-eye data that do not fit: people's mistakes, tried one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from types import MappingProxyType

import numpy as np
from scipy.spatial.transform import RigidTransform, Rotation

from hilctl.calibration.fit_hand_eye import ACCEPT_M, ACCEPT_RAD, MIN_POSES, WARN_M, held_out_errors
from hilctl.calibration.hand_eye import Mount, Sightings, motions_of

Mend = Callable[[RigidTransform], RigidTransform]

CLEARLY = 3.0  # times smaller has the error to become
NOTICEABLY = 0.9  # times the error of the likelier mistakes, which come first
ENOUGH = 40  # poses to try mistakes on: there are many mistakes


def explain_misfit(
    T_base_tcp: RigidTransform,
    T_cam_board: RigidTransform,
    mount: Mount,
    others: Mapping[str, RigidTransform] = MappingProxyType({}),
) -> str | None:
    """Return the one mistake whose correction makes the data fit, in words, or None.

    Args:
        T_base_tcp: (N,) as they were given.
        T_cam_board: (N,) at the same moments.
        mount: what is said to carry the camera.
        others: in words what else may have been meant → (N,) `T_base_tcp` by that.
    """
    if Sightings.of(T_base_tcp, T_cam_board, mount).distinct < MIN_POSES:
        return None
    best, explanation = _misfit(Sightings.of(T_base_tcp, T_cam_board, mount)) / CLEARLY, None
    meant = ((words, Sightings.of(T, T_cam_board, mount)) for words, T in others.items())
    for words, seen in chain(_corrected(T_base_tcp, T_cam_board, mount), meant):
        misfit = _misfit(seen)
        if misfit < best and misfit < WARN_M / ACCEPT_M:
            best, explanation = NOTICEABLY * misfit, words
    return explanation


def _misfit(seen: Sightings) -> float:
    """Return the held-out error in multiples of what is accepted."""
    if seen.distinct < MIN_POSES:
        return float("inf")
    first = np.sort(np.unique(seen.groups, return_index=True)[1])
    seen = seen[first[np.linspace(0, len(first) - 1, min(len(first), ENOUGH)).astype(int)]]
    try:
        distances, angles = held_out_errors(seen, np.random.default_rng(0))
    except np.linalg.LinAlgError:
        return float("inf")
    worst = np.maximum(distances / ACCEPT_M, angles / ACCEPT_RAD)
    return float(np.sqrt(np.mean(worst**2)))


def _corrected(
    T_base_tcp: RigidTransform, T_cam_board: RigidTransform, mount: Mount
) -> Iterator[tuple[str, Sightings]]:
    """Yield what each mistake is called, and the data without it."""
    other = Mount.WORLD if mount is Mount.TOOL else Mount.TOOL
    for words, mend in _POSES.items():
        yield words, Sightings.of(mend(T_base_tcp), T_cam_board, mount)
    yield (
        "looks like base→tcp given as tcp→base, or a camera on the "
        f"{other} that was said to be on the {mount}",
        Sightings.of(T_base_tcp.inv(), T_cam_board, mount),
    )
    yield "looks like mirrored pictures", Sightings.of(T_base_tcp, _mirrored(T_cam_board), mount)
    yield (
        "looks like each pose was given to the picture after its own",
        Sightings.of(T_base_tcp[1:], T_cam_board[:-1], mount),
    )
    yield (
        "looks like each pose was given to the picture before its own",
        Sightings.of(T_base_tcp[:-1], T_cam_board[1:], mount),
    )
    scale = motions_of(Sightings.of(T_base_tcp, T_cam_board, mount)).board_scale()
    if scale > 0:
        yield (
            f"looks like the board's squares are {100 * scale:.0f} % of the size given",
            Sightings.of(T_base_tcp, _scaled(T_cam_board, scale), mount),
        )


def _quaternion_reordered(T: RigidTransform) -> RigidTransform:
    turn = Rotation.from_quat(np.roll(T.rotation.as_quat(), -1, axis=-1))
    return RigidTransform.from_components(T.translation, turn)


def _scaled(T: RigidTransform, scale: float) -> RigidTransform:
    return RigidTransform.from_components(scale * T.translation, T.rotation)


def _mirrored(T: RigidTransform) -> RigidTransform:
    """Return the poses that a board would have in pictures mirrored left to right."""
    flip = np.diag([-1.0, 1.0, 1.0])
    turn = Rotation.from_matrix(flip @ T.rotation.as_matrix() @ flip)
    return RigidTransform.from_components(T.translation @ flip, turn)


_POSES: dict[str, Mend] = {
    "looks like quaternions in the order w, x, y, z given as x, y, z, w: "
    "call the columns qw, qx, qy, qz": _quaternion_reordered,
    "looks like millimetres given as metres": lambda T: _scaled(T, 1e-3),
}
