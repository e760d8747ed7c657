"""Make `python -m hilctl` the same as `hilctl`."""

from __future__ import annotations

from hilctl.cli.app import main

main()
