"""The database of a version is kept before another one changes its form, and only then."""

from __future__ import annotations

import importlib.util
import re
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from edged.main import upgrade
from storage.database.migrations import migrate
from storage.store.opening import DATABASE_NAME

INSTALL: Final = Path(__file__).parents[4] / "script" / "install"
EARLIER: Final = "DELETE FROM _sqlite_migrations WHERE name > '0030_compliance'"
LATER: Final = "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('edged', '9999_later', '')"


def box(place: Path, *steps: str) -> tuple[Path, Path]:
    """A configuration with an error and a password that nobody here can read, and a database as this version makes it,
    then changed."""
    config, database = place / "edged.toml", place / DATABASE_NAME
    config.write_text(f'[paths]\nstate = "{place}"\n[nonsense]\n[mqtt]\npassword_file = "nowhere"\n')
    with closing(sqlite3.connect(database)) as db:
        migrate(db)
        for step in steps:
            db.execute(step)
        db.commit()
    return config, database


@pytest.mark.parametrize(
    ("steps", "changes"),
    [((), False), ((EARLIER,), True), ((LATER,), True), (("DROP TABLE _sqlite_migrations",), True)],
    ids=["of this version", "of an earlier one", "of a later one", "of none"],
)
def test_what_would_change_is_named(
    steps: tuple[str, ...], changes: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And looking at it, as root, leaves no file that the account of edged could not write."""
    config, database = box(tmp_path, *steps)
    before = database.read_bytes()
    assert upgrade.main(config) == 0
    assert capsys.readouterr().out == (f"{database}\n" if changes else "")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([DATABASE_NAME, "edged.toml"])
    assert database.read_bytes() == before


def test_what_cannot_be_seen_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, database = box(tmp_path)
    database.write_bytes(b"x" * 8192)
    assert upgrade.main(config) == 0
    assert capsys.readouterr().out == f"{database}\n"
    database.unlink()
    assert upgrade.main(config) == 0
    assert capsys.readouterr().out == ""
    config.write_text("[paths\n")
    assert upgrade.main(config) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("answer", "code", "kept"),
    [("echo '{}'", 0, True), (":", 0, False), ("exit 1", 1, False), ("echo '{}/nowhere'", 1, False)],
    ids=["it would be changed", "it would not", "nobody knows", "no room"],
)
def test_a_copy_lies_beside_it_before_it_is_changed(answer: str, code: int, kept: bool, tmp_path: Path) -> None:
    """The functions of script/install: kept, changed, and put back."""
    _, database = box(tmp_path)
    before = database.read_bytes()
    python = tmp_path / "versions" / "new" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(
        f'#!/bin/sh\n[ "$*" = "-I -m edged.main.upgrade /a/config" ] || exit 9\n{answer.format(database)}\n'
    )
    python.chmod(0o755)
    functions = "".join(
        f'eval "$(sed -n \'/^{name}()/,/^}}/p\' "$0")"\n' for name in ("keep_database", "put_database_back")
    )
    script = (
        f"set -euo pipefail; PLACE={tmp_path}; CONFIG=/a/config\n{functions}\n"
        'keep_database new || exit 1\necho "$kept"\n'
        f"echo changed >{database}; touch {database}-wal\nput_database_back\n"
    )
    done = subprocess.run(["bash", "-c", script, str(INSTALL)], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (code, "" if code else f"{database if kept else ''}\n"), done.stderr
    assert not database.with_name(f"{DATABASE_NAME}.before").exists()
    assert (database.read_bytes() == before) == (kept or code == 1)


def test_the_script_asks_the_new_version_alone_and_by_no_place_of_its_files() -> None:
    """So that versions may lie differently: what the other one was asked for would have to stay where it is."""
    text = INSTALL.read_text("utf-8")
    assert "site-packages" not in text
    assert re.findall(r"^ +keep_database .*\|\|", text, re.MULTILINE) == ['    keep_database "$2" ||']
    named = set(re.findall(r"-m (edged[\w.]+)", text))
    named |= {
        name for line in re.findall(r"(?:-c '|^)import ([\w., ]+)", text, re.MULTILINE) for name in line.split(", ")
    }
    assert {"edged.main.daemon", "edged.main.upgrade", "recorder.supervisor.forkserver"} <= named
    assert [name for name in named if importlib.util.find_spec(name) is None] == []
