"""`hilctl quickstart` goes on where it was, and tells the same figures whoever reads them."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest
from processes import FEW_LABELS, SHORT, THUMBNAILS, TINY_CAMERAS, Start

from hilctl.data.index import episode_paths
from hilctl.errors import UsageError
from hilctl.pipeline.quickstart_journal import begin
from hilctl.task import scaffold
from hilctl.task.workspace import Workspace

CHANGES = {
    **TINY_CAMERAS,
    **FEW_LABELS,
    **SHORT,
    **THUMBNAILS,
    "demos: 10": "demos: 3",
    "max_episode_s: 5": "max_episode_s: 2",
}


@pytest.fixture
def begun(tmp_path: Path) -> Workspace:
    """The folder above a small quickstart that was killed once its task file was there."""
    folder = tmp_path / "quickstart"
    begin(folder, "sim-reach", 5)
    text = (folder / "task.yaml").read_text("utf-8")
    for old, new in CHANGES.items():
        assert old in text, f"{old!r} is not in the template any more"
        text = text.replace(old, new, 1)
    (folder / "task.yaml").write_text(text, "utf-8")
    return Workspace(tmp_path)


Found = list[dict[str, Any]]


def is_in_stage(number: int, *, events: int) -> Callable[[Found], bool]:
    """Return whether a stage has told so many events besides its beginning."""

    def wanted(seen: Found) -> bool:
        stages = [i for i, event in enumerate(seen) if event["event"] == "stage"]
        return len(stages) == number and len(seen) - 1 - stages[-1] >= events

    return wanted


def stop_in(above: Workspace, start: Start, number: int, events: int, how: signal.Signals) -> None:
    running = start(above, "quickstart")
    seen: Found = []
    while not is_in_stage(number, events=events)(seen):
        seen.append(running.event())
    running.kill(how)
    code, _, _ = running.finish()
    assert code == (130 if how == signal.SIGINT else -how)


def run_to_the_end(above: Workspace, start: Start) -> tuple[list[bool], dict[str, Any], str]:
    code, lines, talk = start(above, "quickstart").finish()
    assert code == 0, talk
    stages = [line["done_before"] for line in lines if line.get("event") == "stage"]
    return stages, lines[-1], talk


def check_that_all_agrees(above: Workspace, result: dict[str, Any], talk: str) -> None:
    space = Workspace(above.root / "quickstart")
    assert len(episode_paths(space.demos)) == 3
    (run,) = space.all_runs()
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert result["robot_steps"] == sum(record["episode_steps"] for record in records)
    assert result["training_minutes"] == pytest.approx(records[-1]["robot_s"] / 60)
    assert result["robot_minutes"] == pytest.approx(
        result["recording_minutes"] + result["training_minutes"]
    )
    assert result["recording_minutes"] > 0
    measured = json.loads((run / "eval.json").read_text())
    assert (result["successes"], result["episodes"]) == (measured["successes"], 20)
    assert f"{measured['successes']}/20 successes" in talk
    assert f"{result['robot_steps']} robot steps" in talk
    page = Path(above.root / result["report"]).read_text("utf-8")
    assert f"{measured['successes']}/20" in page
    assert f"<td>{result['robot_steps']}</td>" in page
    assert "<video" in page
    assert len(result["videos"]) == 20
    with av.open(above.root / result["videos"][0]) as film:
        assert film.streams.video[0].codec_context.name == "h264"


def test_killed_and_stopped_it_goes_on_where_it_was(begun: Workspace, start: Start) -> None:
    stop_in(begun, start, 2, 3, signal.SIGKILL)
    stop_in(begun, start, 4, 8, signal.SIGINT)
    stages, result, talk = run_to_the_end(begun, start)
    assert stages == [True, True, True, False, False]
    check_that_all_agrees(begun, result, talk)
    again, same, _ = run_to_the_end(begun, start)
    assert again == [True] * 5
    assert same == result


@pytest.mark.slow
def test_killed_in_every_stage_it_goes_on_where_it_was(begun: Workspace, start: Start) -> None:
    for stage, events in ((1, 2), (2, 2), (3, 1), (4, 5), (5, 3)):
        stop_in(begun, start, stage, events, signal.SIGKILL)
    stages, result, talk = run_to_the_end(begun, start)
    assert stages == [True, True, True, True, False]
    check_that_all_agrees(begun, result, talk)
    videos = Workspace(begun.root / "quickstart").all_runs()[0].glob("*videos*")
    assert [path.name for path in videos] == ["videos"]


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    template = scaffold.find_template("sim-reach")
    scaffold.create(template, tmp_path / "mine", template.answers({}))
    with pytest.raises(UsageError, match="is not a quickstart"):
        begin(tmp_path / "mine", None, None)


def test_it_goes_on_only_as_it_was_begun(tmp_path: Path) -> None:
    begin(tmp_path / "quickstart", "sim-reach", 5)
    assert begin(tmp_path / "quickstart", None, None).seed == 5
    for template, seed in (("sim-insert", None), (None, 0)):
        with pytest.raises(UsageError, match="was begun with"):
            begin(tmp_path / "quickstart", template, seed)
