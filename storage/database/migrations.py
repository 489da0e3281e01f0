"""How edged.db comes to its present form, which is `schema.sql` (sqlite_utils.Migrations).

A database is known by the last step that it has taken. A new one takes them all: the first makes it as `schema.sql`
says, and the later ones find nothing to do. An existing one takes the steps that it lacks, each in one transaction with
the record that it was taken. Steps only go forward, and a released one never changes. sqlite_utils is imported where a
step is due, which is once in many starts: it brings numpy, where that is installed, and together they are 21 MB.

To change the form: change `schema.sql`, and add a step at the end of `STEPS`, for databases that exist:

    def _lens(db: Database) -> None:
        if "lens" not in db["cameras"].columns_dict:  # a new database has it already
            db.execute("ALTER TABLE cameras ADD COLUMN lens TEXT")

tests/unit/storage/database/test_migrations.py brings the database of the version before to today's
form, and holds it against a new one and against `schema.sql`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from storage.words.errors import DatabaseDamaged
from storage.words.message import message

if TYPE_CHECKING:
    from sqlite_utils import Database

Step: TypeAlias = "Callable[[Database], None]"
FIRST: Final = "0030_compliance"
"""The first step bears the name of the last one of before the first release, which led to the same form: a database
that took that one is taken over as it stands."""
RECORD: Final = "_sqlite_migrations"
"""The table of the steps that were taken, as sqlite_utils keeps it."""
_SET: Final = "edged"


def _schema(db: Database) -> None:
    for statement in statements(resources.files("storage.database").joinpath("schema.sql").read_text(encoding="utf-8")):
        db.execute(statement)


def _messages(db: Database) -> None:
    """What people are told has a code and values: alarms, and details of gaps."""
    if "told" not in db["alarms"].columns_dict:
        db.execute("ALTER TABLE alarms ADD COLUMN told TEXT")
    if "told" not in db["gaps"].columns_dict:
        db.execute("ALTER TABLE gaps ADD COLUMN told TEXT")


OFFICE: Final = (
    "office_requests",
    "office_numbers",
    "office_acts",
    "office_records",
    "office_openings",
    "office_findings",
    "office_persons",
    "office_posts",
    "office_posts_now",
)


def _office(db: Database) -> None:
    """Requests for footage."""
    if "office_requests" not in db.table_names():
        _add(db, OFFICE)


def _copies_of_requests(db: Database) -> None:
    """Exports know by which request they are made, and which are copies to be viewed."""
    if "viewing" in db["exports"].columns_dict:
        return
    db.execute("ALTER TABLE exports ADD COLUMN request TEXT")
    db.execute("ALTER TABLE exports ADD COLUMN request_row TEXT")
    db.execute("ALTER TABLE exports ADD COLUMN viewing TEXT CHECK (viewing IN ('there', 'destroyed'))")
    db.execute("ALTER TABLE exports ADD COLUMN gone INTEGER")
    db.execute("CREATE INDEX exports_of_request ON exports (request) WHERE request IS NOT NULL")
    db.execute("CREATE INDEX exports_viewed ON exports (number) WHERE viewing = 'there'")


LEAKS: Final = ("office_leaks", "office_leak_ids")


def _leaks(db: Database) -> None:
    """Leak cases."""
    if "office_leaks" not in db.table_names():
        _add(db, LEAKS)


def _add(db: Database, names: Collection[str]) -> None:
    """Tables and indexes, as the schema says."""
    for statement in statements(resources.files("storage.database").joinpath("schema.sql").read_text(encoding="utf-8")):
        if any(f" {name} " in statement.partition("(")[0] for name in names):
            db.execute(statement)


STEPS: Final[Mapping[str, Step]] = {
    FIRST: _schema,
    "0031_messages": _messages,
    "0032_office": _office,
    "0033_copies_of_requests": _copies_of_requests,
    "0034_leaks": _leaks,
}
"""By name, in their order."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to the present form. DatabaseDamaged where it is of a later version, or has not come as far as
    `FIRST`: then nothing is changed.
    """
    taken = _taken(connection)
    if later := taken - STEPS.keys():
        what = message(
            "database.later-version", "edged.db was written by a later version ({versions})", versions=sorted(later)
        )
        raise DatabaseDamaged(what, message("database.later-version.action", "install that version again"))
    if not taken and not {RECORD}.issuperset(_tables(connection)):
        what = message(
            "database.earlier-version",
            "edged.db was written by an earlier version, of before the first release, that is not taken over",
        )
        raise DatabaseDamaged(
            what,
            message(
                "database.earlier-version.action",
                "start edged of commit e4b2f7f8 once, which brings it up to date; then this one",
            ),
        )
    if taken != STEPS.keys():
        _take_due(connection)


def _take_due(connection: sqlite3.Connection) -> None:
    from sqlite_utils import Database, Migrations

    migrations = Migrations(_SET)
    for name, step in STEPS.items():
        migrations(name=name)(step)
    migrations.apply(Database(connection, execute_plugins=False))


def would_change(path: Path) -> bool:
    """Whether `migrate` would do anything to the database that lies there at rest, or refuse it. Where that cannot be
    seen it might. Makes no file beside it, whoever asks.
    """
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as connection:
            return _taken(connection) != STEPS.keys()
    except sqlite3.Error:
        return True


def _taken(connection: sqlite3.Connection) -> set[str]:
    """The steps that it has taken, from `FIRST` on: names begin with a number."""
    if RECORD not in _tables(connection):
        return set()
    found = connection.execute(
        f'SELECT name FROM "{RECORD}" WHERE migration_set = ? AND name >= ?',  # noqa: S608  (constants)
        (_SET, FIRST),
    )
    return {name for (name,) in found}


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


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
