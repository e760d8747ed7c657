"""The shape of the package: imports go one way, and each layer does only what is its own."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import hilctl

ROOT = Path(hilctl.__file__).parent

# From the bottom up. A module imports from its own layer or from lower ones, never from above.
LAYERS: list[set[str]] = [
    {"__version__", "errors", "clock", "geometry", "interrupts", "patches", "feed_forward"}
    | {"system_libraries", "terminal", "time_limit", "host_names", "real_time"},
    {"registry", "devices", "driver_faults"},
    {"task", "sim"},
    {"robots", "cameras", "teleop", "data", "agents", "rewards", "networks"},
    {"training", "env", "calibration", "testing"},
    {"rehearsal"},
    {"pipeline"},
    {"cli"},
    {"__main__"},
]
LEVEL = {package: level for level, layer in enumerate(LAYERS) for package in layer}

# Inside of `pipeline`, from the bottom up: what flows down does not climb.
ROOMS: list[set[str]] = [
    {"events", "label_stages", "provenance", "parts", "page", "maintenance"},
    {"calibrate"},
    {"demo_starts", "between_episodes"},
    {"record", "features", "demos"},
    {"run_folder"},
    {"stage_checks", "stages"},
    {"classify", "report", "runs", "watched_policy"},
    {"train"},
    {"evaluate", "teleop"},
    {"run", "replay"},
    {"bench", "doctor"},
    {"quickstart", "quickstart_journal", "quickstart_result"},
]
ROOM_LEVEL = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}

# The simulator is hardware: drivers talk to it, all others talk to drivers.
SIMULATOR_MAY_BE_IMPORTED_BY = {
    "robots.sim",
    "cameras.sim",
    "teleop.scene_demonstrator",
    "pipeline.record.recording",  # the renderer's name, stored with recordings
    "pipeline.doctor.computer",  # the same, for `doctor`
    # the far side of a robot server: the simulator is what it serves
    *(f"rehearsal.{room}" for room in ("pictures", "room", "served_arm", "live_world")),
}

MODULES = sorted(ROOT.rglob("*.py"))


def name_of(path: Path) -> str:
    """Return a module's name without the leading `hilctl.`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def running(node: ast.AST) -> Iterator[ast.AST]:
    """Walk all code but that under `if TYPE_CHECKING:`, which never runs."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        yield child
        yield from running(child)


@cache
def imports(path: Path) -> frozenset[str]:
    """Return every module that a file imports, at its top or later; `import_module` too."""
    found: set[str] = set()
    for node in running(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            if node.module == "hilctl":
                found |= {f"hilctl.{alias.name}" for alias in node.names}
            else:
                found.add(node.module)
        elif isinstance(node, ast.Call) and "import_module" in ast.dump(node.func):
            found |= {a.value for a in node.args if isinstance(a, ast.Constant)}
    return frozenset(found)


def own_imports(path: Path) -> set[str]:
    """Return what a file imports from this package, without the leading `hilctl.`."""
    return {name.removeprefix("hilctl.") for name in imports(path) if name.startswith("hilctl.")}


def package(name: str) -> str:
    return name.split(".")[0]


def test_every_package_has_its_place_in_the_order() -> None:
    there = {package(name_of(path)) for path in MODULES} - {""}
    assert there - set(LEVEL) == set(), "say in LAYERS where it belongs"


def test_imports_never_go_up() -> None:
    up = {
        f"{name} → {other}"
        for path in MODULES
        if (name := name_of(path))
        for other in own_imports(path)
        if LEVEL[package(other)] > LEVEL[package(name)]
    }
    assert up == set()


def test_imports_never_go_up_between_the_rooms_of_the_pipeline() -> None:
    rooms = {room_of(name_of(path)) for path in MODULES} - {None}
    assert rooms - set(ROOM_LEVEL) == set(), "say in ROOMS where it belongs"
    up = {
        f"{name} → {other}"
        for path in MODULES
        if (name := name_of(path)) and (room := room_of(name))
        for other in own_imports(path)
        if (above := room_of(other)) and ROOM_LEVEL[above] > ROOM_LEVEL[room]
    }
    assert up == set()


def room_of(name: str) -> str | None:
    """Return the room of the pipeline that a module is in, or None when it is elsewhere."""
    parts = name.split(".")
    return parts[1] if parts[0] == "pipeline" and len(parts) > 1 else None


def test_no_module_takes_part_in_a_circle() -> None:
    names = {name_of(path) for path in MODULES}
    graph = {
        name_of(path): {other for other in own_imports(path) if other in names} for path in MODULES
    }
    TopologicalSorter(graph).prepare()


def test_no_two_public_classes_have_the_same_name() -> None:
    places: dict[str, list[str]] = {}
    for path in MODULES:
        for node in tree_of(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(name_of(path))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_packages_of_one_layer_do_not_import_each_other_in_circles() -> None:
    graph: dict[str, set[str]] = {}
    for path in MODULES:
        here = package(name_of(path))
        others = {package(name) for name in own_imports(path)} - {here}
        graph.setdefault(here, set()).update(others)
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_only_drivers_know_the_simulator() -> None:
    users = {
        name_of(path)
        for path in MODULES
        if any(package(name) == "sim" for name in own_imports(path))
        and package(name_of(path)) != "sim"
    }
    assert users - SIMULATOR_MAY_BE_IMPORTED_BY == set()


def test_drivers_import_vendor_libraries_only_when_they_are_opened() -> None:
    vendors = {"mujoco", "cv2", "pyrealsense2", "requests"}
    vendors |= {"av", "pypylon"}
    vendors |= {"hid", "hidraw", "easyhid", "pyspacemouse", "pygame"}
    vendors |= {"franky", "rtde_control", "rtde_receive", "serial", "mink"}
    early = {
        f"{name_of(path)} → {name}"
        for path in MODULES
        if package(name_of(path)) in {"robots", "cameras", "teleop"}
        for name in imported_at_once(path)
        if name.split(".")[0] in vendors
        or (name.startswith("hilctl.sim") and package(name_of(path)) != "teleop")
    }
    assert early == set()


def imported_at_once(path: Path) -> set[str]:
    """Return what is imported with the module itself, not when a function of it is called."""
    statements = [
        node for node in tree_of(path).body if not isinstance(node, ast.ClassDef | ast.FunctionDef)
    ]
    found: set[str] = set()
    for node in running(ast.Module(statements, [])):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def test_only_the_command_line_knows_its_libraries() -> None:
    assert users_of({"typer", "rich", "click"}, outside="cli") == set()


def test_nobody_unpickles() -> None:
    assert users_of({"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve"}) == set()
    for path in MODULES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert ast.unparse(node.value) == "False", f"{path}:{node.value.lineno}"


def users_of(libraries: set[str], *, outside: str | None = None) -> set[str]:
    return {
        f"{name_of(path)} → {name}"
        for path in MODULES
        if package(name_of(path)) != outside
        for name in imports(path)
        if name.split(".")[0] in libraries
    }


def test_only_the_command_line_talks_asks_and_exits() -> None:
    calls = {"print", "input", "exit", "quit", "breakpoint"}
    attributes = {"sys.exit", "os._exit", "sys.stdout", "sys.stderr"}
    talk = {
        f"{path}:{node.lineno} {ast.unparse(node)}"
        for path in MODULES
        if package(name_of(path)) not in ("cli", "__main__")
        for node in ast.walk(tree_of(path))
        if (isinstance(node, ast.Call) and ast.unparse(node.func) in calls)
        or (isinstance(node, ast.Attribute) and ast.unparse(node) in attributes)
    }
    assert talk == set()


QUICK = (
    "pipeline.stages",
    "pipeline.record.demos",
    "pipeline.record.labels",
    "pipeline.evaluate.statistics",
    "pipeline.runs.listing",
    "pipeline.report.run_summary",
)
SLOW = {"jax", "matplotlib", "scipy"}  # seconds to import, for those that compute with them


def test_what_only_looks_or_records_starts_without_what_others_compute_with() -> None:
    wanted = ", ".join(f"hilctl.{module}" for module in QUICK)
    program = f"import sys, {wanted}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert SLOW & set(done.stdout.split()) == set()
