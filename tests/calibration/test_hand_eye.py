"""Hand-eye calibration finds the camera, says how far to trust it, and names mistakes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation

from hilctl.calibration.fit_hand_eye import HandEyeFit, HandEyeVerdict, PoseError, fit_hand_eye
from hilctl.calibration.hand_eye import Mount, Sightings, errors, solve
from hilctl.calibration.mistakes import explain_misfit
from hilctl.errors import DataError

T_PARENT_CAM = {
    Mount.TOOL: RigidTransform.from_components(
        [0.095, 0.0, -0.07], Rotation.from_rotvec([0.1, 0.2, 1.5])
    ),
    Mount.WORLD: RigidTransform.from_components(
        [0.5, -0.6, 0.4], Rotation.from_rotvec([-2.0, 0.1, 0.2])
    ),
}
T_OTHER_BOARD = RigidTransform.from_components(
    [0.03, 0.02, 0.08], Rotation.from_rotvec([0.1, -0.3, 0.4])
)
MOUNTS = list(Mount)


@dataclass
class Session:
    """What robot and camera tell of a number of poses."""

    T_base_tcp: RigidTransform
    T_cam_board: RigidTransform
    mount: Mount

    @property
    def seen(self) -> Sightings:
        return Sightings.of(self.T_base_tcp, self.T_cam_board, self.mount)


def jitter(rng: np.random.Generator, count: int, m: float, rad: float) -> RigidTransform:
    """Return small transforms whose root mean square sizes are `m` and `rad`."""
    place, turn = rng.normal(0, 1 / np.sqrt(3), (2, count, 3))
    return RigidTransform.from_components(m * place, Rotation.from_rotvec(rad * turn))


def session(
    mount: Mount,
    *,
    seed: int = 0,
    poses: int = 15,
    robot_m: float = 0.0,
    robot_rad: float = 0.0,
    camera_m: float = 0.0001,
    spread_rad: float = 0.45,
) -> Session:
    """Return poses from which a board is seen 30 cm away, as a robot would report them."""
    rng = np.random.default_rng(seed)
    tilt = Rotation.from_rotvec(rng.uniform(-spread_rad, spread_rad, (poses, 3)))
    place = np.array([0, 0, 0.3]) + rng.uniform(-0.06, 0.06, (poses, 3))
    T_cam_board = RigidTransform.from_components(place, tilt)
    T_other_parent = T_OTHER_BOARD * T_cam_board.inv() * T_PARENT_CAM[mount].inv()
    T_base_tcp = T_other_parent if mount is Mount.TOOL else T_other_parent.inv()
    return Session(
        T_base_tcp * jitter(rng, poses, robot_m, robot_rad),
        T_cam_board * jitter(rng, poses, camera_m, camera_m / 0.2),
        mount,
    )


def fit(taken: Session) -> HandEyeFit:
    return fit_hand_eye(taken.seen, np.random.default_rng(1))


def truly_off(found: HandEyeFit, mount: Mount) -> tuple[float, float]:
    """Return m and rad between a solution and the truth."""
    off = T_PARENT_CAM[mount].inv() * found.hand_eye.T_parent_cam
    return float(np.linalg.norm(off.translation)), float(off.rotation.magnitude())


@pytest.mark.parametrize("mount", MOUNTS)
def test_exact_poses_give_the_exact_place(mount: Mount) -> None:
    taken = session(mount, camera_m=0.0)
    found = solve(taken.seen)
    off = T_PARENT_CAM[mount].inv() * found.T_parent_cam
    assert np.linalg.norm(off.translation) < 1e-12
    assert off.rotation.magnitude() < 1e-12
    board = T_OTHER_BOARD.inv() * found.T_other_board
    assert np.linalg.norm(board.translation) < 1e-12
    assert max(part.max() for part in errors(found, taken.seen)) < 1e-12


@pytest.mark.parametrize("mount", MOUNTS)
def test_an_exact_robot_gives_the_place_to_a_millimetre(mount: Mount) -> None:
    off = np.array([truly_off(fit(session(mount, seed=seed)), mount) for seed in range(3)])
    assert off[:, 0].max() < 0.001
    assert np.degrees(off[:, 1].max()) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("mount", MOUNTS)
def test_a_sloppy_robot_still_gives_it_to_two_millimetres(mount: Mount) -> None:
    noise = {"robot_m": 0.001, "robot_rad": np.deg2rad(0.1)}
    found = [fit(session(mount, seed=seed, **noise)) for seed in range(3)]
    assert np.median([truly_off(one, mount)[0] for one in found]) < 0.002
    assert {one.held_out.verdict for one in found} <= {
        HandEyeVerdict.ACCEPTED,
        HandEyeVerdict.DOUBTFUL,
    }


@pytest.mark.slow
@pytest.mark.parametrize("mount", MOUNTS)
@pytest.mark.parametrize("robot_m", [0.0, 0.001])
def test_the_stated_interval_covers_the_truth(mount: Mount, robot_m: float) -> None:
    noise = {"robot_m": robot_m, "robot_rad": robot_m / 0.001 * np.deg2rad(0.1)}
    covered = []
    for seed in range(50):
        found = fit(session(mount, seed=seed, **noise))
        m, rad = truly_off(found, mount)
        covered.append([m <= found.uncertainty.distance_m, rad <= found.uncertainty.angle_rad])
    assert np.mean(covered, axis=0).min() >= 0.9


def test_a_pose_that_moved_while_the_picture_was_taken_is_left_out_and_named() -> None:
    taken = session(Mount.TOOL)
    poses = taken.T_base_tcp.as_matrix()
    poses[5, :3, 3] += [0.012, 0.0, 0.004]
    taken.T_base_tcp = RigidTransform.from_matrix(poses)
    found = fit(taken)
    assert found.outliers == (5,)
    assert truly_off(found, Mount.TOOL)[0] < 0.001


def test_what_the_poses_it_was_made_from_hide_is_seen_on_others() -> None:
    taken = session(Mount.TOOL, poses=16, robot_m=0.012, robot_rad=0.02)
    found = fit(taken)
    assert found.held_out.verdict is HandEyeVerdict.REFUSED


@pytest.mark.parametrize(
    ("millimetres", "degrees", "verdict"),
    [
        (1.9, 0.4, HandEyeVerdict.ACCEPTED),
        (2.1, 0.4, HandEyeVerdict.DOUBTFUL),
        (1.9, 0.6, HandEyeVerdict.DOUBTFUL),
        (5.1, 0.4, HandEyeVerdict.REFUSED),
        (1.9, 1.3, HandEyeVerdict.REFUSED),
    ],
)
def test_the_verdict_is_in_units_a_person_feels(
    millimetres: float, degrees: float, verdict: HandEyeVerdict
) -> None:
    assert PoseError(millimetres * 1e-3, np.deg2rad(degrees)).verdict is verdict


def test_too_few_poses_are_refused_with_how_many_more() -> None:
    with pytest.raises(DataError, match=r"3 poses .*, 12 are needed") as caught:
        fit(session(Mount.TOOL, poses=3))
    assert caught.value.hint == "take 9 more, from different sides"


def repeated(
    taken: Session, copies: int, *, robot_m: float = 0.0, camera_m: float = 0.0
) -> Session:
    """Return a session in which `copies` pictures were taken at each pose, one after the other."""
    which, rng = np.repeat(np.arange(len(taken.T_cam_board)), copies), np.random.default_rng(5)
    return Session(
        taken.T_base_tcp[which] * jitter(rng, len(which), robot_m, robot_m),
        taken.T_cam_board[which] * jitter(rng, len(which), camera_m, camera_m / 0.2),
        taken.mount,
    )


@pytest.mark.parametrize("noise_m", [0.0, 0.0003])
@pytest.mark.parametrize("mount", MOUNTS)
def test_copies_of_poses_do_not_make_up_for_those_that_are_missing(
    mount: Mount, noise_m: float
) -> None:
    four = session(mount, poses=4, robot_m=0.001, robot_rad=np.deg2rad(0.1))
    taken = repeated(four, 4, robot_m=noise_m, camera_m=noise_m)
    with pytest.raises(DataError, match=r"4 distinct poses in 16 .*, 12 are needed") as caught:
        fit(taken)
    assert caught.value.hint == "take 8 more, from different sides"
    assert explain_misfit(taken.T_base_tcp, taken.T_cam_board, mount) is None


@pytest.mark.slow
@pytest.mark.parametrize("mount", MOUNTS)
def test_copies_of_poses_make_nothing_look_better_known(mount: Mount) -> None:
    noise = {"robot_m": 0.001, "robot_rad": np.deg2rad(0.1)}
    for seed in range(2):
        once = session(mount, poses=13, seed=seed, **noise)
        alone, found = fit(once), fit(repeated(once, 4))
        assert found.held_out.distance_m == pytest.approx(alone.held_out.distance_m, rel=0.1)
        assert found.uncertainty.distance_m == pytest.approx(alone.uncertainty.distance_m, rel=0.1)
        assert found.scale_sigma == pytest.approx(alone.scale_sigma, rel=0.2)


def test_one_good_pose_that_was_copied_often_does_not_outvote_the_others() -> None:
    taken = session(Mount.TOOL, poses=16, robot_m=0.006, robot_rad=0.01)
    which = np.concatenate([np.arange(16), np.zeros(40, int)])
    often = Session(taken.T_base_tcp[which], taken.T_cam_board[which], taken.mount)
    assert fit(often).held_out.verdict is fit(taken).held_out.verdict is HandEyeVerdict.REFUSED


def test_turning_about_one_axis_only_is_refused() -> None:
    taken = session(Mount.TOOL, camera_m=0.0)
    turns = Rotation.from_rotvec(np.outer(np.linspace(-0.6, 0.6, 15), [0, 0, 1]))
    places = np.random.default_rng(0).uniform(-0.05, 0.05, (15, 3))
    taken.T_base_tcp = RigidTransform.from_components(places, turns)
    with pytest.raises(DataError, match=r"turned by 69° about one axis and by 0° about another"):
        fit(taken)
    with pytest.raises(DataError, match="30° about both are needed"):
        fit(session(Mount.TOOL, spread_rad=0.1))


def rolled(T: RigidTransform) -> RigidTransform:
    """Return poses whose w, x, y, z was read as x, y, z, w."""
    turn = Rotation.from_quat(np.roll(T.rotation.as_quat(), 1, axis=-1))
    return RigidTransform.from_components(T.translation, turn)


def enlarged(T: RigidTransform, factor: float) -> RigidTransform:
    return RigidTransform.from_components(factor * T.translation, T.rotation)


def mirrored(T: RigidTransform) -> RigidTransform:
    flip = np.diag([-1.0, 1.0, 1.0])
    turn = Rotation.from_matrix(flip @ T.rotation.as_matrix() @ flip)
    return RigidTransform.from_components(T.translation @ flip, turn)


def with_poses(change: Callable[[RigidTransform], RigidTransform]) -> Callable[[Session], None]:
    def spoil(taken: Session) -> None:
        taken.T_base_tcp = change(taken.T_base_tcp)

    return spoil


def with_boards(change: Callable[[RigidTransform], RigidTransform]) -> Callable[[Session], None]:
    def spoil(taken: Session) -> None:
        taken.T_cam_board = change(taken.T_cam_board)

    return spoil


MISTAKES: dict[str, Callable[[Session], None]] = {
    "base→tcp given as tcp→base": with_poses(lambda T: T.inv()),
    "order w, x, y, z": with_poses(rolled),
    "millimetres given as metres": with_poses(lambda T: enlarged(T, 1e3)),
    "80 % of the size given": with_boards(lambda T: enlarged(T, 1.25)),
    "mirrored pictures": with_boards(mirrored),
    "picture after its own": with_poses(lambda T: T[np.arange(-1, len(T) - 1)]),
    "picture before its own": with_poses(lambda T: T[np.arange(1, len(T) + 1) % len(T)]),
}


@pytest.mark.parametrize("words", MISTAKES)
@pytest.mark.parametrize("mount", MOUNTS)
def test_a_mistake_is_named(mount: Mount, words: str) -> None:
    taken = session(mount, poses=18, robot_m=0.0003)
    assert explain_misfit(taken.T_base_tcp, taken.T_cam_board, mount) is None
    MISTAKES[words](taken)
    assert words in str(explain_misfit(taken.T_base_tcp, taken.T_cam_board, mount))


def test_noise_is_not_called_a_mistake() -> None:
    for seed in range(5):
        taken = session(Mount.TOOL, seed=seed, poses=16, robot_m=0.012, robot_rad=0.02)
        assert explain_misfit(taken.T_base_tcp, taken.T_cam_board, Mount.TOOL) is None
