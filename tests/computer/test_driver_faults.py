"""Whatever a driver raises is a fault of its device, told with its name, its task and a remedy."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from acme import ERRORS, VendorError

from hilctl.devices import Device, Options, Rig
from hilctl.driver_faults import attended
from hilctl.errors import DeviceError, SafetyStopError
from hilctl.robots.sim import SimRobot, SimRobotOptions

if TYPE_CHECKING:
    from conftest import Hilctl

HERE = Path(__file__).parent
ENTRY_POINTS = """[hilctl.robots]
acme = acme:AcmeRobot
[hilctl.cameras]
acme = acme:AcmeCamera
[hilctl.teleops]
acme = acme:AcmeTeleop
"""
# what fails and how → what a person is told
FAULTS = {
    "robot.__init__:key": "robot: open failed: KeyError: 'serial'",
    "robot.open:refused": "robot: open failed: ConnectionRefusedError: [Errno 111]",
    "robot.state:vendor": "robot: read failed: VendorError: joint 3: reflex",
    "robot.servo:input": "robot: servo failed: OSError: [Errno 5] Input/output error",
    "robot.move_to:timeout": "robot: move_to failed: TimeoutError",
    "robot.stop:vendor": "robot: stop failed: VendorError: joint 3: reflex",
    "camera.open:value": "camera side: open failed: ValueError: bad packet",
    "camera.latest:assertion": "camera side: read failed: AssertionError",
    "camera.close:input": "camera side: close failed: OSError: [Errno 5]",
    "teleop.open:input": "teleop: open failed: OSError: [Errno 5]",
    "teleop.poll:key": "teleop: read failed: KeyError: 'serial'",
}


@pytest.fixture
def acme(task: Path, tmp_path: Path) -> dict[str, str | None]:
    """Another package's drivers in the task, its cameras but one; return the environment."""
    site = tmp_path / "site"
    (site / "acme-1.0.dist-info").mkdir(parents=True)
    (site / "acme-1.0.dist-info" / "METADATA").write_text("Name: acme\nVersion: 1.0\n")
    (site / "acme-1.0.dist-info" / "entry_points.txt").write_text(ENTRY_POINTS)
    shutil.copy(HERE / "acme.py", site)
    file = task / "task.yaml"
    text = file.read_text("utf-8")
    text = text.replace("robot: {type: sim", "robot: {type: acme")
    text = text.replace("side: {type: sim", "side: {type: acme")
    text = text.replace("type: scripted", "type: acme")
    assert text.count("type: acme") == 3
    file.write_text(text, "utf-8")
    shutil.rmtree(task / "demos")
    return {"PYTHONPATH": str(site), "ACME_CALLS": str(tmp_path / "calls")}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_drivers_exception_is_its_devices_fault(
    hilctl_here: Hilctl, task: Path, acme: dict[str, str | None], fault: str
) -> None:
    arguments = ("record-demos", "-n", "1", "--allow-motion", "--json")
    answer = hilctl_here(*arguments, environment={**acme, "ACME_FAULT": fault})
    assert answer.code == 4, answer.words
    error = answer.json["error"]
    assert error["code"] == "device"
    assert FAULTS[fault] in error["message"]
    assert "acme.py:" in error["where"]
    assert error["hint"]
    assert not list(task.rglob("*.partial"))


def test_a_robot_that_cannot_be_stopped_is_told_with_what_came_before(
    hilctl_here: Hilctl, acme: dict[str, str | None]
) -> None:
    arguments = ("record-demos", "-n", "1", "--allow-motion", "--json")
    answer = hilctl_here(*arguments, environment={**acme, "ACME_FAULT": "robot.stop:vendor"})
    assert "emergency stop" in answer.json["error"]["hint"]


@pytest.mark.parametrize("step", ["drift", "exposure"])
def test_calibration_tells_of_its_devices_in_the_same_way(
    hilctl_here: Hilctl, acme: dict[str, str | None], step: str
) -> None:
    environment = {**acme, "ACME_FAULT": "camera.latest:vendor"}
    answer = hilctl_here("calibrate", step, "--allow-motion", "--json", environment=environment)
    assert answer.code == 4, answer.words
    message = answer.json["error"]["message"]
    assert message == "camera side: read failed: VendorError: joint 3: reflex"


def test_drivers_that_work_are_called_as_they_are(
    hilctl_here: Hilctl, acme: dict[str, str | None]
) -> None:
    arguments = ("record-demos", "-n", "1", "--allow-motion", "--json")
    answer = hilctl_here(*arguments, environment=acme)
    assert answer.code == 0, answer.words


def test_doctor_tries_every_device_and_moves_nothing(
    hilctl_here: Hilctl, acme: dict[str, str | None]
) -> None:
    answer = hilctl_here("doctor", "--json", environment=acme)
    assert answer.code == 0, answer.words
    assert answer.json["ok"] is True
    assert answer.json["not_tried"] == ["robot"]
    calls = Path(str(acme["ACME_CALLS"])).read_text("utf-8").split()
    assert {"robot.open", "robot.state", "camera.open", "camera.latest"} <= set(calls)
    assert {"teleop.open", "teleop.poll"} <= set(calls)
    assert calls[-3:] == ["teleop.close", "camera.close", "robot.close"]
    assert not {"robot.servo", "robot.move_to", "robot.reset_scene", "robot.stop"} & set(calls)


UNTRIED = ("robot.servo", "robot.move_to", "robot.stop")


@pytest.mark.parametrize("fault", [name for name in FAULTS if not name.startswith(UNTRIED)])
def test_doctor_names_the_device_that_fails_and_tries_the_others(
    hilctl_here: Hilctl, acme: dict[str, str | None], fault: str
) -> None:
    answer = hilctl_here("doctor", "--json", environment={**acme, "ACME_FAULT": fault})
    assert answer.code == 4, answer.words
    assert answer.json["ok"] is False
    subject = FAULTS[fault].partition(":")[0]
    findings = answer.json["findings"]
    bad = [one for one in findings if one["subject"] == subject and one["ok"] is False]
    assert bad[-1]["detail"].startswith(FAULTS[fault])
    assert bad[-1]["hint"]
    others = {"robot", "camera wrist", "camera side", "teleop"} - {subject}
    assert others <= {one["subject"] for one in findings}


def test_doctor_is_not_green_for_what_it_did_not_try(hilctl_here: Hilctl, task: Path) -> None:
    answer = hilctl_here("doctor", "--json")
    motion = [one for one in answer.json["findings"] if one["ok"] is None]
    assert [(one["subject"], one["detail"][:17]) for one in motion] == [
        ("robot", "not tried: motion")
    ]


def test_doctor_leaves_devices_alone_that_somebody_uses(hilctl_here: Hilctl, task: Path) -> None:
    from hilctl.task.workspace import Workspace

    with Workspace(task).lock("train"):
        answer = hilctl_here("doctor", "--json")
    assert answer.code == 0, answer.words
    last = answer.json["findings"][-1]
    assert (last["subject"], last["ok"]) == ("devices", None)
    assert last["detail"].startswith("not tried: `hilctl train` (process")


def test_a_package_that_fails_when_imported_is_named(
    hilctl: Hilctl, acme: dict[str, str | None]
) -> None:
    site = Path(str(acme["PYTHONPATH"]))
    (site / "acme.py").write_text("raise OSError('libacme.so: cannot open shared object file')\n")
    answer = hilctl("status", environment=acme)
    assert answer.code == 3, answer.words
    assert "'acme' cannot be used: OSError: libacme.so" in answer.words


def device(method: Callable[[], Any], cls: type[Device] = SimRobot) -> Any:
    """Return an attended robot whose `state` is something else."""
    other = type("Other", (cls,), {"state": lambda self: method(), "__module__": "acme"})
    return attended("robot", other, SimRobotOptions(), Rig())


def raising(error: BaseException) -> Callable[[], Any]:
    def method() -> Any:
        raise error

    return method


@pytest.mark.parametrize("error", ERRORS.values(), ids=list(ERRORS))
def test_every_kind_of_exception_is_told_with_its_cause(error: Exception) -> None:
    with pytest.raises(DeviceError) as caught:
        device(raising(error)).state()
    assert caught.value.__cause__ is error
    assert type(error).__name__ in caught.value.message
    assert caught.value.hint


def test_what_hilctl_says_itself_and_what_the_person_does_pass_through() -> None:
    with pytest.raises(SafetyStopError):
        device(raising(SafetyStopError("stopped"))).state()
    for leaving in (KeyboardInterrupt(), SystemExit(1)):
        with pytest.raises(type(leaving)):
            device(raising(leaving)).state()


def test_a_mistake_in_hilctls_own_drivers_stays_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimRobot, "state", lambda self: None.nothing)  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        attended("robot", SimRobot, SimRobotOptions(), Rig()).state()


def test_a_driver_may_raise_and_catch_its_own_exceptions() -> None:
    class Careful(SimRobot):
        def state(self) -> Any:
            raise VendorError("again")

        def true_success(self) -> bool | None:
            try:
                self.state()
            except VendorError:
                return None
            return True

    assert attended("robot", Careful, SimRobotOptions(), Rig()).true_success() is None


def test_an_attended_device_is_what_it_is() -> None:
    robot = attended("robot", SimRobot, SimRobotOptions(), Rig(3))
    assert isinstance(robot, SimRobot)
    assert robot.limits is SimRobot.limits
    assert robot.rig.seed == 3
    assert isinstance(robot.options, Options)
    with robot:
        assert robot.state().q.shape == (7,)


def test_a_device_that_does_not_open_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []

    class Half(SimRobot):
        def open(self) -> None:
            raise VendorError("second half")

        def close(self) -> None:
            closed.append(True)

    with pytest.raises(DeviceError), attended("robot", Half, SimRobotOptions(), Rig()):
        pass
    assert closed


def test_what_went_wrong_first_is_not_hidden_by_a_device_that_does_not_close() -> None:
    class Stuck(SimRobot):
        def close(self) -> None:
            raise VendorError("stuck")

    with pytest.raises(ZeroDivisionError), attended("robot", Stuck, SimRobotOptions(), Rig()):
        _ = 1 / 0
