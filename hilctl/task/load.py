"""Read a task file into its typed form, or say everything that is wrong with it at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hilctl.devices import Options
from hilctl.errors import DataError
from hilctl.task import (
    abilities,
    agent_checks,
    arm_checks,
    camera_checks,
    rate_checks,
    reward_checks,
)
from hilctl.task.arm_geometry import check_geometry
from hilctl.task.conversions import check_conversions
from hilctl.task.document import Document, Loc
from hilctl.task.explain import SettingError, explain
from hilctl.task.plugins import OF_AN_ARM, Driver, PluginBlock, PluginProblem, blocks, check_encoder
from hilctl.task.problems import Problem, TaskProblemsError
from hilctl.task.spec import (
    ArmsTaskSpec,
    EnvironmentTaskSpec,
    TaskSpec,
    measurement_name,
    spec_type,
)

TASK_FILE = "task.yaml"


def load_task(path: Path) -> TaskSpec:
    """Return the task described by a file, or by `task.yaml` in a folder.

    Raises:
        TaskFileError: unreadable or wrong; `TaskProblemsError.problems` lists everything.
    """
    file = path / TASK_FILE if path.is_dir() else path
    document = Document(file, _shown(file))
    data = document.data
    if not isinstance(data, dict):
        what = "is empty" if data is None else "must be a mapping (key: value)"
        hint = "hilctl new-task NAME writes a complete one"
        raise TaskProblemsError([document.problem(document.value(()), f"the file {what}", hint)])
    checker = _Checker(data, file.parent)
    flaws = list(checker.run())
    if document.problems or flaws:
        hint = f"edit {document.file}, then run the command again"
        raise TaskProblemsError(_located(document, flaws), hint=hint)
    return spec_type(data).model_validate(checker.resolved)


def task_from_dump(dump: Mapping[str, Any]) -> TaskSpec:
    """Return the task that `TaskSpec.model_dump(mode="json")` described.

    Raises:
        DataError: this version knows no such task.
    """
    checker = _Checker(as_written(dump))
    if flaws := checker.words():
        raise DataError("these settings do not fit this version: " + "; ".join(flaws))
    return spec_type(checker.data).model_validate(checker.resolved)


def flaws_in(dump: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the task that `TaskSpec.model_dump(mode="json")` described."""
    return _Checker(as_written(dump)).words()


def as_written(dump: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `TaskSpec.model_dump(mode="json")` gave with the keys that a task file has."""
    data = {key: _flat(value) for key, value in dump.items() if value is not None}
    cameras, arms = dump.get("cameras"), dump.get("arms")
    if isinstance(cameras, Mapping):
        data["cameras"] = {name: _flat(camera) for name, camera in cameras.items()}
    if isinstance(arms, Mapping):
        data["arms"] = {
            name: {key: _flat(value) for key, value in arm.items()}
            for name, arm in arms.items()
            if isinstance(arm, Mapping)
        }
    return data


def _flat(value: Any) -> Any:
    """Return a block as a task file has it: options beside their type, no steps for a push."""
    if not isinstance(value, Mapping):
        return value
    if value.get("action") == "wrench":
        return {key: item for key, item in value.items() if key not in abilities.STEP_KEYS}
    if not isinstance(value.get("options"), Mapping):
        return value
    return {key: item for key, item in value.items() if key != "options"} | value["options"]


class _Checker:
    """Collect flaws about plain data while replacing plug-in blocks by typed options."""

    def __init__(self, data: dict[str, Any], folder: Path | None = None) -> None:
        self.data, self.folder = data, folder
        self.resolved: dict[str, Any] = {**data}
        self.options: dict[str, Options] = {}
        self.drivers: dict[Loc, Driver] = {}
        self.cameras: dict[Loc, Driver] = {}
        self.reward: type[Any] | None = None

    def words(self) -> list[str]:
        return [f"{_dotted(flaw.loc)}: {flaw.message}" for flaw in self.run()]

    def run(self) -> Iterator[SettingError]:
        cameras, model = self._seen, spec_type(self.data)
        for block in blocks(self.data):
            yield from self._plugin(block)
        if model is ArmsTaskSpec:
            yield from arm_checks.check_arms(self.data)
            for key in arm_checks.OF_EACH_ARM:
                self.resolved.pop(key, None)  # said above
        if model is EnvironmentTaskSpec:
            yield from camera_checks.check_environment(self.data, self.options)
            self.resolved.setdefault("observation", everything(self.options.get("environment")))
        try:
            model.model_validate(self.resolved)
        except ValidationError as error:
            yield from explain(error.errors(include_url=False), model)
        for loc, arm in arm_checks.arms_in(self.data):
            yield from check_geometry(arm, loc)
        yield from arm_checks.check_grippers(self.data, self.options)
        yield from abilities.check_wrench(self.data)
        yield from arm_checks.check_robots_grippers(self.data, self.drivers)
        yield from arm_checks.check_scene(self.drivers, self.cameras)
        yield from arm_checks.check_hands(self.drivers)
        yield from arm_checks.check_measurements(self.data, self.drivers)
        yield from rate_checks.check_episodes(self.data.get("control"))
        yield from agent_checks.check_one_encoder(self.options)
        yield from agent_checks.check_preset(self.options)
        yield from agent_checks.check_effects(self.options)
        yield from agent_checks.check_spread(self.options)
        yield from agent_checks.check_value_bounds(self.options, self.reward)
        yield from rate_checks.check_update_groups(self.options, self.data.get("training"))
        yield from camera_checks.check_reserved_names(cameras)
        observation = self.data.get("observation")
        images = observation.get("images") if isinstance(observation, dict) else None
        yield from camera_checks.check_camera_names(("observation", "images"), images, cameras)

    @property
    def _seen(self) -> Any:
        """What pictures there are, by name."""
        environment = self.data.get("environment")
        if isinstance(environment, dict):
            return environment.get("images")
        return self.data.get("cameras")

    def _plugin(self, block: PluginBlock) -> Iterator[SettingError]:
        options = Options()
        try:
            if block.section == "robot":
                yield from abilities.check_abilities(block, self.data)
            options_type = block.options_type()
            options = block.options(options_type)
            yield from check_conversions(block.data, options, block.loc)
            is_reward = block.section == "reward"
            parts = [*reward_checks.parts_of(options)] if is_reward else [((), options)]
            for loc, part in parts:
                check_encoder(block, part, loc)
            self.options[block.section] = options
            if block.section in (*OF_AN_ARM, "cameras"):
                chosen = self.cameras if block.section == "cameras" else self.drivers
                chosen[block.loc] = Driver(block.data["type"], block.find_class(), options)
            if block.section == "cameras":
                yield from camera_checks.check_crop(block, block.find_class(), options)
            if is_reward:
                around = reward_checks.surroundings(self.data, self.drivers, self.folder)
                sound = True
                for flaw in reward_checks.check_reward(block, options, around):
                    sound = False
                    yield flaw
                self.reward = block.find_class() if sound else None
            for loc, part in parts:
                named = getattr(part, "cameras", None)
                loc = (*block.loc, *loc, "cameras")
                yield from camera_checks.check_camera_names(loc, named, self._seen)
        except PluginProblem as problem:
            yield SettingError(problem.loc, problem.message, problem.hint)
        except ValidationError as error:
            errors = error.errors(include_url=False)
            yield from explain(errors, options_type, block.loc, block.known_keys(options_type))
        self._replace(block, options)

    def _replace(self, block: PluginBlock, options: Options) -> None:
        own = {key: value for key, value in block.data.items() if key in block.own_keys}
        parent = self.resolved
        for key in block.loc[:-1]:  # the file's own mappings stay as they are
            parent[str(key)] = {**parent[str(key)]}
            parent = parent[str(key)]
        # The type was looked at above; a stand-in keeps pydantic from saying the same again.
        parent[str(block.loc[-1])] = {**own, "type": str(own.get("type", "")), "options": options}


def everything(environment: Options | None) -> dict[str, Any]:
    """Return the observation section that shows all that an environment has.

    Of one whose options are wrong, which is said elsewhere, a stand-in.
    """
    if environment is None:
        return {"images": ["unknown"], "state": ["unknown"]}
    paths = getattr(environment, "state", ())
    return {
        "images": list(getattr(environment, "images", ())),
        "state": [measurement_name(path) for path in paths],
    }


def _located(document: Document, flaws: list[SettingError]) -> list[Problem]:
    problems = list(document.problems)
    taken = {(problem.span.line, problem.span.column) for problem in problems}
    for flaw in flaws:
        span = document.key(flaw.loc) if flaw.at_key else document.value(flaw.loc)
        if (span.line, span.column) in taken and not flaw.message.startswith("missing"):
            continue
        taken.add((span.line, span.column))
        name = _dotted(flaw.loc)
        message = f"{name}: {flaw.message}" if name else flaw.message
        problems.append(document.problem(span, message, flaw.hint))
    return problems


def _dotted(loc: tuple[str | int, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")


def _shown(path: Path) -> str:
    """Return a path as a person would type it: relative to here when it is below here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return os.fspath(path)
