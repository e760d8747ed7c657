"""Tasks that push: what their actions are, what tells them apart, what does not go together."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hilctl.task.fingerprint import data_fingerprint, data_identity, explain_difference
from hilctl.task.layout import ActionLayout
from hilctl.task.problems import TaskProblemsError
from hilctl.task.spec import TaskSpec

Load = Callable[..., TaskSpec]

STEP = """  action: delta_pose        # an action is a small step of the tool
  translation_m: 0.01       # … this far for action 1.0
  rotation_rad: 0.06        # … and this much turn
"""
PUSH = "  action: wrench\n  wrench: {ry: 5, x: 20, z: 40}\n"
STATE = "state: [tcp_pose, tcp_velocity, tcp_wrench]"
ROBOT = "robot: {type: sim, scene: insert}"


def layout_of(spec: TaskSpec) -> ActionLayout:
    layout = ActionLayout.of(spec)
    assert layout is not None
    return layout


def test_a_wrench_has_the_numbers_that_the_file_names_in_their_usual_order(
    load_changed: Load,
) -> None:
    (part,) = layout_of(load_changed((STEP, PUSH))).parts
    assert part.axes == ("x", "z", "ry")
    assert part.scale == (20, 40, 5)
    assert part.columns == ("wrench_x", "wrench_z", "wrench_ry")
    assert ActionLayout.from_json(ActionLayout((part,)).as_json()).parts == (part,)


def test_data_of_other_numbers_or_loads_are_other_data(load_changed: Load) -> None:
    pushes = load_changed((STEP, PUSH))
    steps = load_changed()
    others = load_changed((STEP, PUSH.replace("z: 40", "y: 40")))
    harder = load_changed((STEP, PUSH.replace("z: 40", "z: 50")))
    assert len({data_fingerprint(spec) for spec in (pushes, steps, others, harder)}) == 4
    told = layout_of(others).difference(layout_of(pushes))
    assert told == "action part `wrench` (x, y, ry), this task has `wrench` (x, z, ry)"
    assert "20 and 50 and 5" in (layout_of(harder).difference(layout_of(pushes)) or "")
    assert explain_difference(data_identity(harder), data_identity(pushes)) == [
        "control.wrench.z: 50 here, 40 there"
    ]
    assert "wrench" not in data_identity(steps)["control"]  # what was recorded before still fits


@pytest.mark.parametrize("driver", ["serl_http", "ur_rtde", "franky", "so101", "rehearsed"])
def test_a_driver_that_cannot_push_is_named(driver: str, load_changed: Load) -> None:
    with pytest.raises(TaskProblemsError) as told:
        load_changed((STEP, PUSH), (ROBOT, f"robot: {{type: {driver}}}"))
    assert f"control.action: the driver {driver} cannot push its robot with a wrench" in str(
        [problem.message for problem in told.value.problems]
    )


@pytest.mark.parametrize("driver", ["serl_http", "ur_rtde"])
def test_a_driver_that_tells_no_joint_velocity_is_named(driver: str, load_changed: Load) -> None:
    seen = STATE.replace("tcp_wrench", "joint_position, joint_velocity")
    load_changed((STATE, seen))
    with pytest.raises(TaskProblemsError) as told:
        load_changed((STATE, seen), (ROBOT, f"robot: {{type: {driver}}}"))
    assert (
        f"observation.state[3]: the driver {driver} does not tell the velocities of its joints"
        in [problem.message for problem in told.value.problems]
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            [(STEP, "  action: wrench\n")],
            "control.action: nothing says which of its six numbers an action has",
        ),
        (
            [(STEP, STEP + "  wrench: {z: 40}\n")],
            "control.wrench: only an action of wrench has such numbers",
        ),
        (
            [(STEP, PUSH + "  rotation_rad: 0.06\n")],
            "control.rotation_rad: a wrench is no step of the tool's pose",
        ),
        (
            [(STEP, PUSH), ("bounds:                   #", "bounds:\n    cone_rad: 0.2\n    #")],
            "control.bounds.cone_rad: a tool that is pushed has no cone",
        ),
        (
            [(STEP, PUSH.replace("z: 40", "z: 4000"))],
            "control.wrench.z: ",
        ),
        ([(STEP, PUSH.replace("z: 40", "zz: 40"))], "control.wrench.zz"),
        ([(STEP, PUSH.replace("{ry: 5, x: 20, z: 40}", "{}"))], "control.wrench: "),
    ],
)
def test_what_does_not_go_together_is_said(
    changes: list[tuple[str, str]], message: str, load_changed: Load
) -> None:
    with pytest.raises(TaskProblemsError) as told:
        load_changed(*changes)
    messages = [problem.message for problem in told.value.problems]
    assert any(one.startswith(message) for one in messages), messages


SO101 = "robot: {type: so101, port: /dev/so101, model: a.xml, calibration: c.json}"


def test_forces_that_a_driver_does_not_measure_are_not_asked_for(load_changed: Load) -> None:
    steps = STEP + "  max_force_n: 10\n  max_torque_nm: 2\n"
    with pytest.raises(TaskProblemsError) as told:
        load_changed((STEP, steps), (ROBOT, SO101))
    messages = [problem.message for problem in told.value.problems]
    for key in ("control.max_force_n", "control.max_torque_nm"):
        assert f"{key}: the driver so101 measures no forces: nothing would keep to this" in messages
    assert "observation.state[2]: the driver so101 measures no forces" in messages
    load_changed((STEP, steps))  # the simulator measures them
