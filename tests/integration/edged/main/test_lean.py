"""A daemon that only records has not loaded what answers callers, what an office needs, and what looks at pictures."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from edged.words import exit_codes
from storage.database.migrations import migrate
from tests.support.configuration import Setup, Watched
from tests.support.daemon import READY_S, Daemon

TOLD: Final = """\
    import atexit, pathlib, sys
    atexit.register(lambda: pathlib.Path({told!r}).write_text(' '.join(sys.modules)))
"""
UNLOADED: Final = {
    "av", "numpy", "aiohttp", "jinja2", "markdown_it", "click", "rich", "sqlite_utils", "edged.access.guard",
    "edged.api.server", "edged.compliance", "edged.documents", "edged.office.service", "edged.papers",
}  # fmt: skip


def test_what_it_does_without_until_somebody_asks(tmp_path: Path) -> None:
    told = tmp_path / "modules"
    setup = Setup([Watched("lobby", "test://?size=320x180&fps=10&gop=1")], segment="2s")
    sabotage = f"if __name__ == '__main__':\n{TOLD.format(told=str(told))}"
    box = Daemon(tmp_path / "box", setup, sabotage=sabotage)
    with closing(sqlite3.connect(box.state / "edged.db")) as database:  # as of an earlier start: no step is due
        migrate(database)
    with box as edged:
        edged.until(lambda: len(edged.files()) >= 2, READY_S, "two segments")  # asked by nobody
        assert edged.stop() == exit_codes.OK
    modules = set(told.read_text().split())
    assert {"edged.main.daemon", "storage.store.facade", "recorder.supervisor.runner"} <= modules
    assert modules & UNLOADED == set()
