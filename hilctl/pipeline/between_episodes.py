"""Between two episodes where a person puts things back: ask, wait, and look before going on."""

from __future__ import annotations

from collections.abc import Callable

from hilctl.calibration.exposure import Brightness, measure_light
from hilctl.env.base import Obs
from hilctl.env.make import Station
from hilctl.env.questions import Said
from hilctl.errors import DeviceError
from hilctl.pipeline.calibrate.check import CameraCheck, compare_cameras, complaints
from hilctl.pipeline.calibrate.devices import go_home
from hilctl.pipeline.demo_starts import DemoStarts
from hilctl.pipeline.events import Event, Report
from hilctl.rewards.base import ACTION, Reward
from hilctl.robots.scene import SimulatedScene
from hilctl.task.workspace import Workspace
from hilctl.teleop.base import TeleopEvent

LOOKS = 20  # at one picture: no reward wants more in a row before it speaks of success
PUT_BACK = "put things back, then press"
SIMULATED = "the simulator puts things back when you press"  # nobody can reach them


def between_episodes(
    workspace: Workspace, station: Station, report: Report, reward: Reward | None = None
) -> Callable[[], bool]:
    """Return what has things put back before an episode, and says whether there is to be one.

    Args:
        workspace: the task folder.
        station: open.
        report: told what is noticed of a start.
        reward: of the station, if it has one; no start may look like success to it.

    Raises:
        DeviceError: a person is to say ready, and the device has nothing to say it with.
        DataError: a demonstration is unreadable.
    """
    by_person = {arm.reset.by == "human" for arm in workspace.spec.each_arm.values()}
    if True not in by_person:  # an environment resets itself
        return lambda: True
    keys = station.teleop.keys
    kinds = [hand.type for hand in workspace.spec.hands.values()]
    if keys and TeleopEvent.READY not in keys:
        raise DeviceError(
            f"the teleop {' and '.join(kinds)!r} has nothing to say ready with, "
            "and reset.by is human",
            where=str(workspace.task_file),
            hint="give it a key or button for ready, or write reset: {by: script, ...}",
        )
    return HumanReset(workspace, station, report, reward)


class HumanReset:
    """Bring the arm out of the way, have a person put things back, and look at what is there."""

    def __init__(
        self, workspace: Workspace, station: Station, report: Report, reward: Reward | None
    ) -> None:
        assert station.robot is not None  # an environment in its place resets itself
        self._workspace, self._station, self._robot = workspace, station, station.robot
        self._arms = workspace.spec.each_arm
        self._report, self._reward = report, reward
        self._waits = station.teleop.in_real_time
        self._scene = self._robot if isinstance(self._robot, SimulatedScene) else None
        demos = DemoStarts.read(workspace)
        self._far = [told for arm in self._arms.items() for told in demos.far_from(*arm)]
        self._light: dict[str, Brightness] = dict(demos.light)  # else that of the first start
        self._remarks = self._far
        self._told: list[str] = []

    def __call__(self) -> bool:
        """Return whether the next episode may begin."""
        self._go_home()
        trouble: str | None = None
        while (said := self._until_ready(trouble)) is not None:
            if TeleopEvent.VETO in said:  # whoever is there sees better than the classifier
                return True
            self._put_simulated_things_back()
            trouble = self._look()
            if trouble is None or not self._waits:
                self._mind([*([trouble] if trouble else []), *self._remarks])
                return True
        return False

    def _until_ready(self, trouble: str | None) -> Said | None:
        """Return what is said when things are back; None when there is to be no episode."""
        questions = self._station.questions
        said = frozenset({TeleopEvent.READY})
        if self._waits:
            self._station.env.get_wrapper_attr("look")()  # a person sees that the arm is away
            remarks = [trouble] if trouble else self._remarks
            task = "; ".join([*remarks, SIMULATED if self._scene is not None else PUT_BACK])
            also = [TeleopEvent.VETO] if trouble == self._looks_done else []
            said = questions.ready(task, also=also)
        return None if questions.over or questions.stop() else said

    def _put_simulated_things_back(self) -> None:
        if self._scene is not None:
            self._scene.reset_scene()
            self._go_home()

    def _go_home(self) -> None:
        for name, arm in self._arms.items():
            go_home(self._station.robots[name], arm)

    def _look(self) -> str | None:
        """Return why no episode can begin like this, or None; note what else there is to say."""
        station = self._station
        checked = compare_cameras(self._workspace, self._robot, station.cameras)
        if moved := complaints(checked):
            return moved
        seen: Obs = station.env.get_wrapper_attr("look")()
        self._remarks = [*self._far, *self._lit(seen, checked)]
        return self._looks_done if self._is_done(seen) else None

    def _lit(self, seen: Obs, checked: list[CameraCheck]) -> list[str]:
        """Return which cameras are lit otherwise than their reference, or than they were."""
        compared = {one.camera: one.remarks for one in checked if one.drift is not None}
        remarks = []
        for name, image in seen["images"].items():
            now = measure_light(image)
            own = self._light.setdefault(name, now).remarks(now)
            remarks += [f"camera {name}: {remark}" for remark in compared.get(name, own)]
        return remarks

    @property
    def _looks_done(self) -> str:
        judge = self._reward.judge_name if self._reward is not None else ""
        return f"the {judge} calls this start a success"

    def _is_done(self, seen: Obs) -> bool:
        """Return whether the reward takes what is seen for success: the episode would be none."""
        reward = self._reward
        if reward is None:
            return False
        reward.reset()
        measured = {**seen["state"], ACTION: self._station.action_layout.idle()}
        return any(reward.judge(seen["features"], (), measured).success for _ in range(LOOKS))

    def _mind(self, remarks: list[str]) -> None:
        """Say what there is to say of a start, once."""
        for remark in remarks:
            if remark not in self._told:
                self._report(Event("start", f"mind: {remark}", figures={"remark": remark}))
        self._told = remarks
