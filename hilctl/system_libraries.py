"""Libraries of the system that packages of ours need, and what to do where one is missing."""

from __future__ import annotations

import re

from hilctl.errors import ComputerError

# what opencv-python's wheel asks of the system (Debian's and Ubuntu's names)
APT_PACKAGES = "libgl1 libx11-6 libglib2.0-0"
MISSING = re.compile(r"(?:(lib[\w.+-]+\.so[\w.]*): )?cannot open shared object file")


def explain_missing_library(error: BaseException) -> ComputerError | None:
    """Return in two lines what is missing and how to get it; None where it is another error."""
    if not isinstance(error, ImportError):
        return None
    missing = MISSING.search(str(error))
    if missing is None:
        return None
    library = missing[1] or "a library"
    if error.name != "cv2" and "cv2" not in (error.path or ""):
        return ComputerError(
            f"{error.name or 'a package'} needs {library}, which this system lacks",
            hint=f"install the system's package that has {library}",
        )
    return ComputerError(
        f"OpenCV needs {library}, which this system lacks",
        hint=f"sudo apt-get install {APT_PACKAGES}; or the wheel that needs none of it: "
        "pip uninstall -y opencv-python && pip install opencv-python-headless",
    )
