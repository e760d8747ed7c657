"""A rig of HIL-SERL as hilctl has it: what of its file is taken over, and what is not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hilctl.errors import UsageError
from hilctl.registry import did_you_mean
from hilctl.task.hil_serl.arm import RESET_POSE, RigArm, lacks, read_arm
from hilctl.task.hil_serl.cameras import RigCamera, choose, read_cameras
from hilctl.task.hil_serl.config_file import ConfigFile
from hilctl.task.hil_serl.leftovers import OF_AN_ARM, OF_THE_TRAINING, reasons
from hilctl.task.hil_serl.settings import Note, settings_of
from hilctl.task.hil_serl.training import read_gripper, read_learning, read_state

RATE_HZ, MOST_HZ = 10.0, 50.0
LONGEST_S = 300.0
RELATIVE = frozenset({"RelativeFrame", "DualRelativeFrame"})
WRENCH = (
    "its actions are wrenches, of a robot server without poses: here they are steps of the pose, "
    "and the server is the one that the other tasks of HIL-SERL use"
)
THRESHOLD = (
    "the classifier's threshold, and what else success asks for: hilctl finds the threshold "
    "itself, from reward.max_false_positive_rate"
)
NO_TRAINING = (
    "there is no class TrainConfig: all cameras are seen and judged, and no gripper learnt"
)


class HilSerlRig:
    """A rig, read from its file and from what a person says in place of it.

    Args:
        config: the file.
        said: NAME, or left.NAME of one of two arms → an expression in place of its value.

    Raises:
        HilctlError: a setting is not what it is taken for, or `said` has one that is none.
    """

    def __init__(self, config: ConfigFile, said: Mapping[str, str] | None = None) -> None:
        self._config = config
        self.notes: list[Note] = []
        self._arms = {
            name: settings_of(body, config.shown, f"{name}." if name else "", self.notes)
            for name, body in config.arms.items()
        }
        self._training = settings_of(config.training, config.shown, "", self.notes)
        for key, expression in (said or {}).items():
            self._answer(key, expression)

    def lacking(self) -> list[str]:
        """Return the settings without which no task is made, by the names a person says."""
        return [f"{one.prefix}{RESET_POSE}" for one in self._arms.values() if lacks(one)]

    def check_pose(self, key: str) -> None:
        """Check that a person's word for a reset pose is one.

        Raises:
            DataError: it is none.
        """
        self._arms[key.rpartition(".")[0]].numbers(RESET_POSE, 6)

    def facts(self) -> dict[str, Any]:
        """Return what stands in task.yaml whatever a person answers; `notes` has the rest.

        Raises:
            HilctlError: a setting is not what it is taken for, or the most needed one lacks.
        """
        self.notes.clear()
        arms = {name: read_arm(settings) for name, settings in self._arms.items()}
        cameras, images, judged = self._cameras()
        classes = [body.name for body in self._config.arms.values()]
        has_gripper = read_gripper(self._training, classes)
        facts = {
            "source": self._config.shown,
            "arms": arms,
            "cameras": {camera.name: camera.options() for camera in cameras.values()},
            "images": images,
            "judged": judged,
            "state": read_state(self._training, has_gripper=has_gripper),
            "relative": self._config.training is None or bool(RELATIVE & self._config.calls),
            "learns_gripper": has_gripper,
            "rate_hz": self._rate_hz(),
            "max_episode_s": self._episode_s(arms),
            "learning": read_learning(self._training, has_gripper=has_gripper),
        }
        self._note_the_rest()
        self.notes.sort(key=lambda note: note.line)
        return {**facts, "notes": list(self.notes)}

    def _answer(self, key: str, expression: str) -> None:
        """Take a person's word for a setting.

        Raises:
            HilctlError: no class has such a setting, or it cannot be read.
        """
        side, dot, name = key.rpartition(".")
        is_of_an_arm = bool(dot) or name.isupper()
        settings = self._arms.get(side) if is_of_an_arm else self._training
        known = [f"{arm.prefix}{one}" for arm in self._arms.values() for one in OF_AN_ARM]
        known += [*OF_THE_TRAINING, "instruction", "teleop", "demos", "gripper"]
        if settings is None or key not in known:
            hint = did_you_mean(key, known)
            raise UsageError(f"{self._config.shown} has no setting {key!r}", hint=hint)
        settings.answer(name, expression, self._config.names)

    def _rate_hz(self) -> float:
        told = self._config.rate_hz
        if told is None or 1 <= told <= MOST_HZ:
            return told or RATE_HZ
        self._training.note("get_environment", f"hz={told:g}: hilctl acts at 1 to 50 Hz", "()")
        return RATE_HZ

    def _episode_s(self, arms: Mapping[str, RigArm]) -> float:
        steps = [arm.episode_steps for arm in arms.values() if arm.episode_steps is not None]
        settings = next(iter(self._arms.values()))
        if not steps:
            settings.remark("MAX_EPISODE_LENGTH", "not known: 10 s are taken")
            return 10.0
        rate_hz = self._rate_hz()
        if min(steps) / rate_hz > LONGEST_S:
            most = f"at most {LONGEST_S * rate_hz:g} steps"
            raise settings.wrong("MAX_EPISODE_LENGTH", min(steps), most)
        return round(min(steps) / rate_hz, 3)

    def _cameras(self) -> tuple[dict[str, RigCamera], list[str], list[str]]:
        """Return cameras by their names there; names here of those seen, and of those judged."""
        seen = self._training.texts("image_keys")
        judged = self._training.texts("classifier_keys")
        known: dict[str, RigCamera] = {}
        for arm, settings in self._arms.items():
            asked = [*(seen or ()), *(judged or ())]
            known |= read_cameras(arm, settings, self._config.names, asked)
        if not known:
            raise next(iter(self._arms.values())).lacking("REALSENSE_CAMERAS")
        seen = list(dict.fromkeys(seen or known))
        judged = list(dict.fromkeys(judged or seen))
        chosen = choose(known, [*seen, *judged], self._training)
        for name in known.keys() - chosen.keys():
            side = name.partition("/")[0] if len(self._arms) > 1 else ""
            self._arms[side].note("REALSENSE_CAMERAS", "nobody looks at it", f"[{name!r}]")
        names = {name: camera.name for name, camera in chosen.items()}
        return chosen, [names[name] for name in seen], [names[name] for name in judged]

    def _note_the_rest(self) -> None:
        for arm in self._arms.values():
            for key, why in reasons(arm, OF_AN_ARM):
                arm.note(key, why)
        for key, why in reasons(self._training, OF_THE_TRAINING):
            self._training.note(key, why)
        file = Path(self._config.shown).name
        for body in self._config.arms.values():
            if any("Wrench" in base for base in body.bases):
                self.notes.append(Note(body.name, file, body.line, WRENCH, True))
        if self._config.training is None:
            self.notes.append(Note("TrainConfig", file, 0, NO_TRAINING, True))
        if "load_classifier_func" in self._config.calls:
            self._training.note("get_environment", THRESHOLD, "()")
