"""`hilctl bench`: measure the speed of simulator, learner and policy."""

from __future__ import annotations

from hilctl.cli.options import JsonOption, TaskOption
from hilctl.cli.render import Output


def bench(task: TaskOption = None, as_json: JsonOption = False) -> None:
    """Measure the speed of simulator, learner and policy on this machine.

    Without a task folder, the default simulated task is measured. Nothing is written.
    """
    import tempfile
    from pathlib import Path

    from hilctl.cli.live import LiveProgress
    from hilctl.pipeline import bench as pipeline
    from hilctl.task import scaffold
    from hilctl.task.workspace import Workspace
    from hilctl.training.compilation import enable_compilation_cache

    output = Output(as_json=as_json)
    enable_compilation_cache()
    with tempfile.TemporaryDirectory() as scratch, LiveProgress(output) as live:
        if task is None:
            folder = Path(scratch) / "bench"
            template = scaffold.find_template("sim-insert")
            scaffold.create(template, folder, template.answers({}))
            spec = Workspace(folder).spec
        else:
            spec = Workspace.find(task).spec
        figures = pipeline.bench(spec, live.report)
    for name, value in figures.items():
        output.say(f"{name:28} {value:.4g}")
    output.result(figures)
