"""What the last check of the ledger found, as it is kept."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from storage import database
from storage.audit import table
from storage.audit.findings import Code, LedgerFinding, at_leaf
from storage.audit.table import Checked
from storage.words.message import Message, message

FOUND = LedgerFinding(
    Code.MIRROR_UNREAD, "/srv/a/.ledger", message("ledger.mirror-unread", "it cannot be read: {reason}", reason="x")
)
OTHER = LedgerFinding(Code.LEAF_MISSING, at_leaf(7), message("ledger.no-such-leaf", "nothing has this number"))


@pytest.fixture
def connection() -> sqlite3.Connection:
    made = sqlite3.connect(":memory:")
    made.executescript((Path(database.__file__).parent / "schema.sql").read_text(encoding="utf-8"))
    return made


def test_findings_are_kept_with_their_codes(connection: sqlite3.Connection) -> None:
    table.remember(connection, Checked(1, 1, 5, 6, 100, 10, 2, (FOUND, OTHER)))
    kept = table.last(connection)
    assert kept is not None
    assert kept.named == (FOUND, OTHER)
    assert [one.what.code for one in kept.named] == ["ledger.mirror-unread", "ledger.no-such-leaf"]
    assert [getattr(one.where, "code", "") for one in kept.named] == ["", "ledger.leaf"]


def test_findings_of_an_earlier_version_are_shown_as_it_wrote_them(connection: sqlite3.Connection) -> None:
    table.remember(connection, Checked(1, 1, 5, 6, 100, 10, 1, ()))
    old = json.dumps([["node", "node 3", "it is not what these leaves make", "find out who changed it"]])
    connection.execute("UPDATE checked SET named = ?", (old,))
    kept = table.last(connection)
    assert kept is not None
    (one,) = kept.named
    assert (one.where, one.what, one.what.code) == ("node 3", Message("it is not what these leaves make"), "")
