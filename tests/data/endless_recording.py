"""Record short episodes until killed, naming each committed file on stdout."""

from __future__ import annotations

import sys
from pathlib import Path

from episode_samples import ATTRIBUTES, make_steps, make_summary

from hilctl.data.recorder import EpisodeRecorder

recorder = EpisodeRecorder(Path(sys.argv[1]), kind="demo", attributes=ATTRIBUTES)
steps = make_steps(25)
while True:
    recorder.on_episode_start()
    for step in steps:
        recorder.on_step(step)
    recorder.on_episode_end(make_summary())
    sys.stdout.write(f"{recorder.committed[-1].name}\n")
    sys.stdout.flush()
