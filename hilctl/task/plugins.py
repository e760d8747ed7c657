"""Which parts of a task file choose a plug-in, and how its options are checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from hilctl.devices import Options
from hilctl.driver_faults import call
from hilctl.errors import UsageError
from hilctl.registry import Registry, did_you_mean, load
from hilctl.task.document import Loc
from hilctl.task.files import explain_computer_error
from hilctl.task.sections import CameraSpec, PluginSpec

# Named by strings: drivers build on the task package, not the other way round.
REGISTRIES = {
    "environment": "hilctl.env:ENVIRONMENTS",
    "robot": "hilctl.robots:ROBOTS",
    "cameras": "hilctl.cameras:CAMERAS",
    "teleop": "hilctl.teleop:TELEOPS",
    "reward": "hilctl.rewards:REWARDS",
    "agent": "hilctl.agents:AGENTS",
}
OF_AN_ARM = ("robot", "teleop")
ENCODERS = "hilctl.networks.encoders:ENCODERS"
EXTRAS = {"mujoco": "sim"}


class PluginProblem(Exception):
    """What is wrong with the choice of a plug-in: a path in the file, a message and a hint."""

    def __init__(self, loc: Loc, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.loc, self.message, self.hint = loc, message, hint


@dataclass(frozen=True)
class Driver:
    """What a block of an arm or a camera chose: the name of a type, its class and its options."""

    kind: str
    driver: type[Any]
    options: Options


@dataclass(frozen=True)
class PluginBlock:
    """One part of the file that chooses a plug-in.

    Attributes:
        section: top-level key.
        loc: path of the block.
        data: its keys and values.
        model: the spec's class for the block.
    """

    section: str
    loc: Loc
    data: dict[str, Any]
    model: type[PluginSpec]

    @property
    def own_keys(self) -> set[str]:
        """Keys of the block that are not options of the plug-in."""
        return set(self.model.model_fields) - {"options"}

    def find_class(self) -> type[Any]:
        """Return the plug-in's class.

        Raises:
            PluginProblem: no type, an unknown type, or one that cannot be imported.
        """
        return self._find(Registry.get)

    def options_type(self) -> type[Options]:
        """Return the class of the plug-in's options.

        Raises:
            PluginProblem: no type, an unknown type, or one that cannot be imported.
        """
        return cast("type[Options]", self._find(Registry.options_type))

    def _find(self, look_up: Callable[[Registry[Any], str], Any]) -> Any:
        registry = _registry(REGISTRIES[self.section])
        name = self.data.get("type")
        if name is None:
            raise self._missing_type(registry)
        here = (*self.loc, "type")
        if not isinstance(name, str):
            known = ", ".join(registry.names())
            raise PluginProblem(here, f"expected a {registry.kind} type: {known}")
        try:
            return look_up(registry, name)
        except UsageError as error:
            raise PluginProblem(here, error.message, error.hint) from None
        except ImportError as error:
            extra = EXTRAS.get(error.name or "")
            hint = f'pip install "hilctl[{extra}]"' if extra else None
            raise PluginProblem(here, f"{name!r} cannot be used: {error}", hint) from error
        except Exception as error:  # of whatever another package does when it is imported
            if lacking := explain_computer_error(error):
                raise lacking from error
            why = f"{type(error).__name__}: {error}"
            raise PluginProblem(here, f"{name!r} cannot be used: {why}") from error

    def options(self, options_type: type[Options]) -> Options:
        """Return the validated options.

        Raises:
            ValidationError: wrong or unknown options.
        """
        given = {key: value for key, value in self.data.items() if key not in self.own_keys}
        return options_type.model_validate(given)

    def known_keys(self, options_type: type[Options]) -> list[str]:
        """Return every key the block may have."""
        return sorted({*self.own_keys, *options_type.model_fields})

    def _missing_type(self, registry: Registry[Any]) -> PluginProblem:
        names = ", ".join(registry.names())
        for key in self.data:
            if key != "type" and did_you_mean(key, ["type"]).startswith("did"):
                return PluginProblem((*self.loc, key), "unknown key", "did you mean 'type'?")
        return PluginProblem(self.loc, "missing key 'type'", f"one of: {names}")


def blocks(data: dict[str, Any]) -> Iterator[PluginBlock]:
    """Yield every block of a task file that chooses a plug-in and is a mapping."""
    arms = data.get("arms")
    for name, arm in arms.items() if isinstance(arms, dict) else ():
        for section in OF_AN_ARM if isinstance(arm, dict) else ():
            if isinstance(arm.get(section), dict):
                yield PluginBlock(section, ("arms", name, section), arm[section], PluginSpec)
    for section in REGISTRIES:
        found = data.get(section)
        if not isinstance(found, dict):
            continue
        if section != "cameras":
            yield PluginBlock(section, (section,), found, PluginSpec)
            continue
        for name, camera in found.items():
            if isinstance(camera, dict):
                yield PluginBlock(section, (section, name), camera, CameraSpec)


def registries() -> list[Registry[Any]]:
    """Return the registry of every kind of plug-in."""
    return [_registry(target) for target in dict.fromkeys([*REGISTRIES.values(), ENCODERS])]


def check_encoder(block: PluginBlock, options: Any, within: Loc = ()) -> None:
    """Check that the encoder a plug-in's options, or those of a part of it, name is a known one.

    Raises:
        PluginProblem: it is not.
    """
    name = getattr(options, "encoder", None)
    if not isinstance(name, str):
        return
    encoders = _registry(ENCODERS)
    if name not in encoders.names():
        loc = (*block.loc, *within, "encoder")
        raise PluginProblem(loc, f"unknown encoder {name!r}", encoders.hint_for(name))


def frame_size_px(camera: CameraSpec) -> tuple[int, int] | None:
    """Return width and height of a camera's raw frames where its options alone tell them."""
    driver = _registry(REGISTRIES["cameras"]).get(camera.type)
    subject = f"camera of type {camera.type}"
    size_px = call(subject, driver, "frame_size", lambda: driver.frame_size(camera.options))
    return cast("tuple[int, int] | None", size_px)


def picture_source(camera: CameraSpec) -> dict[str, str]:
    """Return what decides how a camera's pictures look besides its options."""
    found = _registry(REGISTRIES["cameras"]).get(camera.type)
    return cast("dict[str, str]", found.picture_source(camera.options))


def _registry(target: str) -> Registry[Any]:
    return cast("Registry[Any]", load(target))
