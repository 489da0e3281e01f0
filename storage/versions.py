"""Which SQLite this is, for `edgectl version`. Imports sqlite3."""

from __future__ import annotations

import sqlite3


def sqlite_version() -> str:
    return sqlite3.sqlite_version
