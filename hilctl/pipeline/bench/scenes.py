"""How fast the simulator runs each of its tasks, with their cameras."""

from __future__ import annotations

import time
from pathlib import Path

from hilctl.env.make import Station, open_station
from hilctl.pipeline.events import Event, Report
from hilctl.task import scaffold
from hilctl.task.templates import template_folders

STEPS = 150
SIMULATED = "sim-"  # what the names of templates for the simulator begin with


def bench_scenes(scratch: Path, report: Report) -> dict[str, float]:
    """Return environment steps a second of every template for the simulator.

    Args:
        scratch: folder for their tasks.
        report: told what is being measured.
    """
    figures = {}
    for folder in template_folders():
        if folder.name.startswith(SIMULATED):
            report(Event("bench", f"simulator: {folder.name}"))
            task = scaffold.make(folder.name, scratch / folder.name)
            with open_station(task.spec) as station:
                scene = folder.name.removeprefix(SIMULATED).replace("-", "_")
                figures[f"sim_{scene}_steps_per_s"] = sim_steps_per_s(station)
    return figures


def sim_steps_per_s(station: Station) -> float:
    """Return environment steps a second, pictures included, resets not."""
    env = station.env
    env.reset()
    idle = station.action_layout.idle()
    started = time.perf_counter()
    for _ in range(STEPS):
        env.step(idle)
    return STEPS / (time.perf_counter() - started)
