"""How edged.db comes to its present form, which is `schema.sql`, from any earlier one (sqlite_utils.Migrations).

Imports sqlite_utils. The first step makes a new database as it is now; each later one brings what is older up to date
and finds nothing to do in a new one. Steps only ever go forward; a released one never changes, but for the first. Each
runs in one transaction with the record that it ran. A test holds an old database, migrated, against a new one.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib import resources
from pathlib import Path

from sqlite_utils import Database, Migrations

from storage.words.errors import DatabaseDamaged

MIGRATIONS = Migrations("edged")


@MIGRATIONS(name="0001_catalog")
def _catalog(db: Database) -> None:
    for statement in _schema():
        db.execute(statement)


@MIGRATIONS(name="0002_camera_clock")
def _camera_clock(db: Database) -> None:
    _add_column(db, "segments", "camera_offset_ms", "INTEGER")


@MIGRATIONS(name="0003_holes")
def _holes(db: Database) -> None:
    _add_column(db, "gaps", "inside", "INTEGER NOT NULL DEFAULT 0 CHECK (inside IN (0, 1))")


@MIGRATIONS(name="0004_promises")
def _promises(db: Database) -> None:
    _add_column(db, "segments", "pins", "INTEGER NOT NULL DEFAULT 0 CHECK (pins >= 0)")
    _add_column(db, "volumes", "retired", "INTEGER NOT NULL DEFAULT 0 CHECK (retired IN (0, 1))")
    _add_column(db, "volumes", "mirrored", "INTEGER NOT NULL DEFAULT 0")
    db.execute("DROP INDEX IF EXISTS segments_by_age")
    _create(db, "segments_by_age", "segments_pinned", "leaves")


@MIGRATIONS(name="0005_time")
def _time(db: Database) -> None:
    _add_column(db, "boots", "off_word", "TEXT NOT NULL DEFAULT 'unproven'")
    _add_column(db, "boots", "attested_ms", "INTEGER")
    _add_column(db, "boots", "began_ms", "INTEGER NOT NULL DEFAULT 0")
    _add_column(db, "boots", "lead_us", "INTEGER")
    _add_column(db, "boots", "lag_us", "INTEGER NOT NULL DEFAULT 0 CHECK (lag_us >= 0)")
    _add_column(db, "boots", "gain_us", "INTEGER NOT NULL DEFAULT 0 CHECK (gain_us >= 0)")
    for column in ("offset_last_ms", "offset_most_ms", "synced_first_ms", "synced_last_ms"):
        _add_column(db, "boots", column, "INTEGER")
    for column in ("synced_least_ms", "synced_most_ms", "rtc_first_ms", "rtc_last_ms"):
        _add_column(db, "boots", column, "INTEGER")
    _create(db, "paces", "attestations")


@MIGRATIONS(name="0006_ring")
def _ring(db: Database) -> None:
    _create(db, "condemned", "terms", "terms_by_camera", "breaches", "leaves_destroyed")


@MIGRATIONS(name="0007_volumes")
def _volumes(db: Database) -> None:
    _add_column(db, "volumes", "mount", "TEXT NOT NULL DEFAULT ''")
    _add_column(db, "volumes", "away", "INTEGER NOT NULL DEFAULT 0 CHECK (away IN (0, 1))")
    _add_column(db, "volumes", "lost", "TEXT")


@MIGRATIONS(name="0008_pins")
def _pins(db: Database) -> None:
    _create(db, "pins", "pins_live", "pin_cameras", "pin_cameras_of", "pin_volumes", "acts")
    _create(db, "pinned", "pinned_by_pin", "pinned_unlinked")


@MIGRATIONS(name="0009_mirror")
def _mirror(db: Database) -> None:
    _add_column(db, "volumes", "reconciled", "INTEGER NOT NULL DEFAULT 0 CHECK (reconciled IN (0, 1))")
    db.execute("UPDATE volumes SET reconciled = 1")
    _create(db, "rebuilds")


@MIGRATIONS(name="0010_findings")
def _findings(db: Database) -> None:
    _create(db, "findings", "findings_standing", "rescan")


@MIGRATIONS(name="0011_corrections")
def _corrections(db: Database) -> None:
    _add_column(db, "epochs", "true_offset_ms", "INTEGER")
    _create(db, "epochs_by_boot", "epochs_corrected", "segments_unsynced")


@MIGRATIONS(name="0012_arrears")
def _arrears(db: Database) -> None:
    _create(db, "arrears")
    for table in ("segments", "gaps", "destroyed"):
        db.execute(
            f"INSERT INTO arrears (name, last) SELECT '{table}', max(id) FROM {table}"  # noqa: S608  (constants)
            " WHERE true HAVING max(id) > 0 ON CONFLICT DO NOTHING"
        )


@MIGRATIONS(name="0013_covering")
def _covering(db: Database) -> None:
    _add_column(db, "pins", "covers", "INTEGER NOT NULL DEFAULT 0 CHECK (covers >= 0)")
    _add_column(db, "acts", "ended", "TEXT")
    _create(db, "pins_covering")


@MIGRATIONS(name="0014_overwriting")
def _overwriting(db: Database) -> None:
    _create(db, "overwriting")


@MIGRATIONS(name="0015_pauses")
def _pauses(db: Database) -> None:
    _add_column(db, "gaps", "pauses", "TEXT")


@MIGRATIONS(name="0016_destroyed")
def _destroyed(db: Database) -> None:
    _create(db, "destroyed_by_wall")


@MIGRATIONS(name="0018_ledger")
def _ledger(db: Database) -> None:
    _add_column(db, "leaves", "hash", "BLOB")
    _add_column(db, "segments", "leaf", "INTEGER")
    _add_column(db, "gaps", "leaf", "INTEGER")
    _create(db, "generations", "nodes", "openings")
    for table in ("segments", "gaps"):  # told again: what was told before there was a tree cannot be proven
        db.execute(
            f"INSERT INTO arrears (name, last) SELECT '{table}', max(id) FROM {table}"  # noqa: S608  (constants)
            " WHERE leaf IS NULL HAVING max(id) > 0"
            " ON CONFLICT (name) DO UPDATE SET last = excluded.last, done = 0"
        )


@MIGRATIONS(name="0019_agreed")
def _agreed(db: Database) -> None:
    _create(db, "agreed")


@MIGRATIONS(name="0020_leaf_blocks")
def _leaf_blocks(db: Database) -> None:
    _create(db, "leaf_blocks")


@MIGRATIONS(name="0021_register")
def _register(db: Database) -> None:
    _add_column(db, "leaf_blocks", "recorded_from_ms", "INTEGER")
    _add_column(db, "leaf_blocks", "recorded_to_ms", "INTEGER")
    db.execute("DELETE FROM leaf_blocks")  # they are made anew behind recording


@MIGRATIONS(name="0022_exports")
def _exports(db: Database) -> None:
    _create(db, "exports", "exports_open")


@MIGRATIONS(name="0023_gaps_long")
def _gaps_long(db: Database) -> None:
    _create(db, "gaps_long")


@MIGRATIONS(name="0024_askers")
def _askers(db: Database) -> None:
    _add_column(db, "acts", "account", "INTEGER")


@MIGRATIONS(name="0025_checked")
def _checked(db: Database) -> None:
    _create(db, "checked")


@MIGRATIONS(name="0026_outbox")
def _outbox(db: Database) -> None:
    _add_column(db, "alarms", "occurrence", "TEXT NOT NULL DEFAULT ''")
    _add_column(db, "alarms", "names", "TEXT NOT NULL DEFAULT ''")
    db.execute("UPDATE alarms SET occurrence = '0:' || since_ms WHERE occurrence = ''")  # from before there was a count
    db.execute("DELETE FROM alarms WHERE key IN ('roles.clash', 'roles.readers')")  # with names; raised anew without
    _create(db, "outbox", "outbox_by_rank", "outbox_by_kind", "outbox_count", "outbox_ranks")


@MIGRATIONS(name="0027_commands")
def _commands(db: Database) -> None:
    _create(db, "command_keys", "commands", "commands_open", "commands_by_verb")


@MIGRATIONS(name="0028_maintenance")
def _maintenance(db: Database) -> None:
    _add_column(db, "gaps", "beneath", "TEXT")
    _create(db, "maintenances", "maintenances_lasting", "maintenances_by_end")


@MIGRATIONS(name="0029_faults")
def _faults(db: Database) -> None:
    _add_column(db, "alarms", "boot", "INTEGER")
    _add_column(db, "alarms", "boottime_ms", "INTEGER")
    _create(db, "faults", "faults_by_age", "faults_open", "faults_of_thing", "leaves_fault")


@MIGRATIONS(name="0030_compliance")
def _compliance(db: Database) -> None:
    _create(db, "compliance", "register_faults", "register_read")


def _create(db: Database, *names: str) -> None:
    """Tables and indexes as the schema has them, where they are missing."""
    present = {name for (name,) in db.execute("SELECT name FROM sqlite_master").fetchall()}
    for statement in _schema():
        found = re.search(r"CREATE (?:UNIQUE )?(?:TABLE|INDEX) (\w+)", statement)
        if found and found[1] in names and found[1] not in present:
            db.execute(statement)


def _schema() -> list[str]:
    return list(statements(resources.files("storage.database").joinpath("schema.sql").read_text(encoding="utf-8")))


def _add_column(db: Database, table: str, column: str, kind: str) -> None:
    """Where it is missing; all three are constants."""
    if column not in {name for _, name, *_ in db.execute(f"PRAGMA table_info({table})").fetchall()}:
        db.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database up to date; refuse one from a later version."""
    db = Database(connection, execute_plugins=False)
    later = {step.name for step in MIGRATIONS.applied(db)} - _names()
    if later:
        what = f"edged.db was written by a later version ({', '.join(sorted(later))})"
        raise DatabaseDamaged(what, "install that version again")
    MIGRATIONS.apply(db)


def would_change(path: Path) -> bool:
    """Whether `migrate` would do anything to the database that lies there at rest, or refuse it. Where that cannot be
    seen it might. Makes no file beside it, whoever asks.
    """
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as connection:
            applied = MIGRATIONS.applied(Database(connection, execute_plugins=False))
    except sqlite3.Error:
        return True
    return {step.name for step in applied} != _names()


def _names() -> set[str]:
    with closing(sqlite3.connect(":memory:")) as nothing:
        return {step.name for step in MIGRATIONS.pending(Database(nothing, execute_plugins=False))}


def statements(script: str) -> Iterator[str]:
    """One statement at a time: `executescript` would commit the transaction that a migration runs in."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        raise ValueError(f"schema ends inside a statement: {statement.strip()[:80]}")
