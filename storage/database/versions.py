"""Which SQLite this is, for `edgectl version`."""

from __future__ import annotations

import sqlite3


def sqlite_version() -> str:
    """Of the library in use, e.g. "3.40.1"."""
    return sqlite3.sqlite_version
