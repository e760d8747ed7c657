"""The `hilctl` command and `python -m hilctl`: from the first moment on, Ctrl-C ends in words."""

from __future__ import annotations

import os
import sys

from hilctl.cli.characters import accept_all_characters
from hilctl.cli.interrupt import ignore_interrupts, watch_for_interrupts
from hilctl.cli.streams import open_standard_streams


def main() -> None:
    """Run the command line in `sys.argv` and leave with its exit code."""
    watch_for_interrupts()
    open_standard_streams()
    accept_all_characters()
    code = 130
    try:
        from hilctl.cli.app import run

        code = run(sys.argv[1:])
        ignore_interrupts()
    except KeyboardInterrupt:  # outside of the command itself, which has its own words
        ignore_interrupts()
        os.write(2, b"error: interrupted\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
