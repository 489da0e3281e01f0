"""Which versions run here: edged's, and those of what it stands on."""

from __future__ import annotations

import platform
from importlib.metadata import version

from edged import documents


def versions() -> documents.Version:
    """Asks the libraries themselves; `ffmpeg` is the version of libavformat inside av's wheel."""
    from recorder.probe import ffmpeg_version
    from storage.database import sqlite_version

    return documents.Version(
        version=version("edged"),
        python=platform.python_version(),
        av=version("av"),
        ffmpeg=ffmpeg_version(),
        sqlite=sqlite_version(),
    )
