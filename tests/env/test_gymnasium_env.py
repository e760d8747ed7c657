"""Any Gymnasium environment as a task, and what it may do to us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hilctl.devices import Rig
from hilctl.driver_faults import attended
from hilctl.env import ENVIRONMENTS
from hilctl.env.gymnasium_env import GymnasiumEnv, GymnasiumOptions
from hilctl.errors import DeviceError, SafetyStopError
from hilctl.task.sections import Bounds, ControlSpec

HERE = Path(__file__).parent
CONTROL = ControlSpec(
    rate_hz=10.0, max_episode_s=3.0, bounds=Bounds(low=(0.0,) * 6, high=(1.0,) * 6)
)
PUSH = np.array([0.5, -0.25])


def options(fault: str = "", **changes: Any) -> dict[str, Any]:
    known = {
        "id": "made_up_world:Point-v0",
        "kwargs": {"fault": fault},
        "images": {"front": "pixels/front", "top": "pixels/top"},
        "state": ["agent_pos"],
        "success": "info/is_success",
        "size": (32, 32),
        "limit_s": 20,
    }
    return {**known, **changes}


@contextmanager
def opened(fault: str = "", *, seed: int = 0, **changes: Any) -> Iterator[GymnasiumEnv]:
    driver = ENVIRONMENTS.get("gymnasium")
    settings = GymnasiumOptions.model_validate(options(fault, **changes))
    environment = attended("environment", driver, settings, Rig(seed, folder=HERE))
    environment.control = CONTROL
    with environment:
        yield environment  # type: ignore[misc]


def first_steps(environment: GymnasiumEnv, steps: int = 5) -> list[Any]:
    environment.reset()
    return [environment.step(PUSH) for _ in range(steps)]


def is_gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


def test_an_action_is_mapped_to_the_environments_own_and_back() -> None:
    with opened(action={"low": [-1, -0.5], "high": [1, 0.25]}) as environment:
        before = environment.reset()[0]["state"]["agent_pos"]
        after = environment.step(np.array([0.0, 1.0]))[0]["state"]["agent_pos"]
        assert (after - before) * 10 == pytest.approx([0.0, 0.25], abs=1e-6)
        assert environment.idle_action() == pytest.approx([0.0, 1 / 3])
        after_idle = environment.step(environment.idle_action())[0]["state"]["agent_pos"]
        assert after_idle == pytest.approx(after, abs=1e-7)


def test_layouts_say_what_is_done_and_seen() -> None:
    with opened() as environment:
        assert environment.action_layout.size == 2
        assert environment.observation_layout.images == {"front": (32, 32), "top": (32, 32)}
        assert environment.observation_layout.state == {"agent_pos": 2}
        obs, _ = environment.reset()
        assert environment.observation_space.contains(obs)


def test_each_step_counts_for_one_control_period_however_long_it_took() -> None:
    with opened() as environment:
        _, info = environment.reset()
        stamps = [info["stamp_ns"]] + [environment.step(PUSH)[4]["stamp_ns"] for _ in range(4)]
        assert np.diff(stamps) == pytest.approx(100_000_000)
        assert environment.step(PUSH)[4]["late_s"] == 0


def test_episodes_of_one_seed_are_the_same_and_those_of_another_are_not() -> None:
    starts = []
    for seed in (1, 1, 2):
        with opened(seed=seed) as environment:
            starts.append([environment.reset()[0]["state"]["agent_pos"] for _ in range(2)])
    assert np.array_equal(starts[0], starts[1])
    assert not np.array_equal(starts[0], starts[2])
    assert not np.array_equal(starts[0][0], starts[0][1])


def test_an_episode_is_cut_when_its_time_is_up() -> None:
    with opened() as environment:
        cut = [truncated for _, _, _, truncated, _ in first_steps(environment, 30)]
        assert cut == [False] * 29 + [True]


def test_an_environment_that_ends_with_success_stands_still_in_it() -> None:
    with opened(kwargs={"ends": True}) as environment:
        environment.hire("made_up_world:expert")
        environment.reset()
        steps = [environment.step(environment.advice()) for _ in range(30)]
        solved = [info["true_success"] for *_, info in steps]
        first = solved.index(True)
        assert all(solved[first:])
        ends = [(terminated, truncated) for _, _, terminated, truncated, _ in steps]
        assert ends[:-1] == [(False, False)] * 29
        assert np.array_equal(steps[-1][0]["images"]["front"], steps[first][0]["images"]["front"])


def test_an_environment_that_ends_without_success_cuts_the_episode() -> None:
    with opened("falls") as environment:
        cut = [truncated for _, _, _, truncated, _ in first_steps(environment, 3)]
        assert cut == [False, False, True]


@pytest.mark.parametrize("success", ["reward >= -0.1", "info/is_success", "info/is_success >= 1"])
def test_success_is_told_by_info_or_by_the_reward(success: str) -> None:
    with opened(success=success) as environment:
        environment.hire("made_up_world:expert")
        environment.reset()
        assert not environment.solved()
        for _ in range(20):
            environment.step(environment.advice())
        assert environment.solved()


def test_observations_that_are_no_mapping_are_seen_and_pictures_are_rendered() -> None:
    changes = {
        "id": "made_up_world:Box-v0",
        "images": {"front": "render"},
        "state": ["observation[2:]", "observation[:2]"],
        "size": (64, 48),
    }
    with opened(**changes) as environment:
        obs, _ = environment.reset()
        assert obs["images"]["front"].shape == (48, 64, 3)
        assert obs["images"]["front"].any()
        assert obs["state"]["observation[2:]"] == pytest.approx([0.5, 0.25])
        assert len(obs["state"]["observation[:2]"]) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"images": {"front": "pixels/fornt"}},
        {"state": ["agent_position"]},
        {"success": "info/succes"},
    ],
)
def test_a_wrong_path_is_told_with_those_that_there_are(changes: dict[str, Any]) -> None:
    with pytest.raises(DeviceError, match="there is no ") as caught, opened(**changes):
        pass
    hint = str(caught.value.hint)
    assert "pixels/front (uint8 32×32×3), pixels/top" in hint
    assert "agent_pos (float32 2)" in hint
    assert "render" in hint


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": {"front": "agent_pos"}}, "agent_pos is no picture: float32 2"),
        ({"state": ["pixels/front"]}, "pixels/front is no measurement: uint8 32×32×3"),
        ({"id": "made_up_world:Piont-v0"}, "Piont"),
        ({"id": "made_up_wrold:Point-v0"}, "No module named 'made_up_wrold'"),
        ({"kwargs": {"faullt": ""}}, "faullt"),
        ({"action": {"low": -2, "high": 2}}, "environment.action leaves its actions"),
        ({"action": {"low": [-1, -1, -1], "high": 1}}, "has 3 numbers, an action 2"),
        ({"action": {"low": 0.5, "high": 0.5}}, "no room"),
    ],
)
def test_what_is_wrong_in_the_task_file_is_said(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DeviceError) as caught, opened(**changes):
        pass
    assert message in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("fault", "message", "hint"),
    [
        ("reset", "the scene cannot be built", "mend it there"),
        ("unbounded", "its actions have no bounds", "environment.action: {low: [...]"),
        ("integer", "not a Box of real numbers", "wrap it"),
    ],
)
def test_an_environment_that_is_no_task_is_refused_when_it_is_opened(
    fault: str, message: str, hint: str
) -> None:
    with pytest.raises(DeviceError, match=message) as caught, opened(fault):
        pass
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize(
    ("fault", "message", "hint"),
    [
        ("shape", "agent_pos changed its shape from 2 to 3", "environment's fault"),
        ("nan", "agent_pos holds what is no number", "environment's fault"),
        ("nan reward", "reward is nan", "environment's fault"),
        ("dies", "died of signal 9 during step; it said: out of memory", "by itself"),
        ("leaves", "SystemExit: the licence has run out", "mend it there"),
    ],
)
def test_what_an_environment_does_in_an_episode_is_its_fault_and_is_said(
    fault: str, message: str, hint: str
) -> None:
    with opened(fault) as environment, pytest.raises(DeviceError, match=message) as caught:
        first_steps(environment)
    assert hint in str(caught.value.hint)


def test_an_environment_that_hangs_is_given_up_after_its_time_limit_and_ended() -> None:
    with opened("hangs") as environment:
        environment._worker._limit_s = 1.0  # it needs longer to open on a busy computer
        process = environment._worker._process
        assert process is not None
        started = time.monotonic()
        with pytest.raises(DeviceError, match="step took more than 1 s") as caught:
            first_steps(environment)
        assert time.monotonic() - started < 15
        assert is_gone(process.pid)
    assert "environment.limit_s" in str(caught.value.hint)


def test_an_environment_may_print_as_much_as_it_likes(capfd: pytest.CaptureFixture[str]) -> None:
    with opened("prints") as environment:
        first_steps(environment, 30)
        first_steps(environment, 30)
    assert capfd.readouterr() == ("", "")


def test_an_environment_that_failed_says_so_again_and_can_be_closed() -> None:
    with opened("dies") as environment:
        with pytest.raises(DeviceError):
            first_steps(environment)
        with pytest.raises(DeviceError, match="no longer runs"):
            environment.reset()
        environment.stop()


def test_an_unbounded_environment_is_bounded_by_the_task_file() -> None:
    with opened("unbounded", action={"low": -1, "high": 1}) as environment:
        before = environment.reset()[0]["state"]["agent_pos"]
        environment.step(np.array([-1.0, 0.5]))
        after = environment._frame[1]["state/agent_pos"]
        assert (after - np.clip(before + np.array([-0.1, 0.05]), -1, 1)) == pytest.approx(
            0, abs=1e-6
        )


def test_an_action_that_is_no_number_never_reaches_it() -> None:
    with opened() as environment:
        environment.reset()
        with pytest.raises(SafetyStopError, match="not a number"):
            environment.step(np.array([np.nan, 0.0]))


def test_the_environments_own_expert_gives_actions_in_its_layout() -> None:
    with opened() as environment:
        environment.hire("made_up_world:expert")
        environment.reset()
        for _ in range(20):
            advice = environment.advice()
            assert advice.shape == (2,)
            assert np.abs(advice).max() <= 1
            environment.step(advice)
        assert environment.solved()


def test_an_expert_that_raises_is_a_fault_of_a_device_and_says_where() -> None:
    with opened() as environment:
        environment.hire("made_up_world:failing_expert")
        with pytest.raises(DeviceError, match="the expert failed: KeyError: 'no plan'") as caught:
            first_steps(environment)
    assert "made_up_world.py:" in str(caught.value.where)


@pytest.mark.parametrize(
    ("operator", "message"),
    [
        ("made_up_world:exprt", "made_up_world has no function 'exprt'"),
        ("made_up_world", "made_up_world has no function ''"),
        ("made_up_wrold:expert", "No module named 'made_up_wrold'"),
        ("made_up_world.inner:expert", "No module named 'made_up_world.inner'"),
        (":expert", "No module named ''"),
        ("..expert:expert", r"No module named '\.\.expert'"),
    ],
)
def test_an_expert_that_is_not_there_is_said(operator: str, message: str) -> None:
    with opened() as environment, pytest.raises(DeviceError, match=message) as caught:
        environment.hire(operator)
    assert "teleop.operator in task.yaml" in str(caught.value.hint)


@pytest.mark.parametrize(
    "name", ["made_up_world:Piont-v0", "made_up_wrold:Point-v0", "Nope-v0", "No name"]
)
def test_whoever_names_an_environment_that_is_not_there_hears_which_setting_says_so(
    name: str,
) -> None:
    with pytest.raises(DeviceError) as caught, opened(id=name):
        pass
    assert "environment.id in task.yaml" in str(caught.value.hint)


def test_nothing_is_left_of_it_when_it_is_closed() -> None:
    with opened() as environment:
        first_steps(environment)
        process = environment._worker._process
        assert process is not None
    assert is_gone(process.pid)


def test_it_ends_with_the_process_that_asks_even_when_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "asks.py"
    script.write_text(
        "import sys, time\n"
        f"sys.path.insert(0, {str(HERE)!r})\n"
        "from test_gymnasium_env import opened\n"
        "with opened() as environment:\n"
        "    print(environment._worker._process.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    asks = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE)
    with asks:
        assert asks.stdout is not None
        worker = int(asks.stdout.readline())
        asks.send_signal(signal.SIGKILL)
        asks.wait(10)
    deadline = time.monotonic() + 30
    while not is_gone(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert is_gone(worker)


@pytest.fixture
def bare_python(tmp_path: Path) -> Path:
    """An interpreter that has NumPy and nothing else."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    (packages,) = (tmp_path / "bare").glob("lib/python*/site-packages")
    theirs = Path(np.__file__).parent.parent
    for name in ("numpy", "numpy.libs"):
        if (theirs / name).is_dir():
            (packages / name).symlink_to(theirs / name)
    return tmp_path / "bare" / "bin" / "python"


def test_another_interpreter_without_gymnasium_is_told_to_get_it(bare_python: Path) -> None:
    python = str(bare_python)
    with pytest.raises(DeviceError, match="No module named 'gymnasium'") as caught:  # noqa: SIM117
        with opened(python=python):
            pass
    assert f"{python} -m pip install gymnasium" in str(caught.value.hint)


def test_an_interpreter_that_is_not_there_is_said(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "python")
    with (
        pytest.raises(DeviceError, match=r"cannot start .*No such file") as caught,
        opened(python=nowhere),
    ):
        pass
    assert "environment.python" in str(caught.value.hint)


def test_a_program_that_is_no_interpreter_is_said() -> None:
    with pytest.raises(DeviceError, match="has ended during open"), opened(python="/bin/true"):
        pass


def test_one_that_needs_longer_to_open_than_it_may_is_given_up() -> None:
    with pytest.raises(DeviceError, match="open took more than"), opened(limit_s=0.01):
        pass
