"""Which versions run here: edged's, and those of what it stands on."""

from __future__ import annotations

import platform
from importlib.metadata import version

from edged.documents import site as documents
from recorder.words.versions import av_version, ffmpeg_version
from storage.database.readers import sqlite_version


def versions() -> documents.Version:
    """Asks the libraries themselves; `ffmpeg` is the one inside av's wheel."""
    return documents.Version(
        version=version("edged"),
        python=platform.python_version(),
        av=av_version(),
        ffmpeg=ffmpeg_version(),
        sqlite=sqlite_version(),
    )
