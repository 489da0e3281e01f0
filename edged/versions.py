"""What is installed here, for `edgectl version`, the control API and whoever reads a fault report."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from edged import documents
from recorder.versions import av_version, ffmpeg_version
from storage.versions import sqlite_version


def edged_version() -> str:
    """Of the installed package; "0+source" when run from a checkout that was never installed."""
    try:
        return version("edged")
    except PackageNotFoundError:
        return "0+source"


def versions() -> documents.Version:
    return documents.Version(
        version=edged_version(),
        python=platform.python_version(),
        av=av_version(),
        ffmpeg=ffmpeg_version(),
        sqlite=sqlite_version(),
    )
