"""Files that a person asks edgectl for. Imports the standard library and click's errors."""

from __future__ import annotations

import os
from pathlib import Path

from edged.cli.client import CallError
from edged.words import exit_codes


def may_write(out: Path) -> None:
    """CallError where it could not be written, before anything is asked of the daemon."""
    if os.path.lexists(out):
        raise CallError(f"{out} exists", "name a file that does not: it replaces nothing", exit_codes.USAGE)
    if not out.parent.is_dir():
        raise CallError(f"{out.parent} is no directory", "name one that is there", exit_codes.USAGE)
    if not os.access(out.parent, os.W_OK | os.X_OK):
        what = f"{out.parent} cannot be written by whoever runs this, or is mounted read-only"
        raise CallError(what, "name a place that you may write", exit_codes.FAILED)


def write_new(out: Path, data: bytes) -> None:
    """Whole or not at all, and in place of nothing."""
    with out.open("xb") as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            out.unlink(missing_ok=True)
            raise
