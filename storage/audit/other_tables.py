"""What the check looks at beside leaves and rows of footage: whatever decides by it, says who, or leads to a leaf.

Blocking, read-only, in short reads. Bounded by boots, clocks, pins and findings, of which there are some thousand.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterator, Sequence
from functools import partial
from sqlite3 import Connection

from storage.ages.history import History
from storage.audit import destruction_check
from storage.audit import ledger_state_queries as catalog
from storage.audit.destruction_check import SuspectTombstone
from storage.audit.findings import Code, LedgerFinding
from storage.audit.ledger_state import LedgerState
from storage.audit.ledger_state_queries import Fact, StoredState
from storage.integrity.inspect_file import Pace, unpaced
from storage.ledger.table import commitment
from storage.segments.coverage_queries import Reader


def besides(
    read: Reader,
    ages: History,
    ground: LedgerState,
    after: int,
    suspects: Sequence[SuspectTombstone],
    pace: Pace = unpaced,
) -> Iterator[LedgerFinding]:
    """`ground`: what the leaves up to `after` say; `suspects`: tombstones that may have come too early."""
    facts, rows = read(partial(_now, after=after))
    yield from ground.take(facts)
    yield from ground.differences(rows)
    yield from destruction_check.early(read, ages, {number: boot.id for number, boot in rows.boots.items()}, suspects)
    yield from destruction_check.under_pins(read, ground, pace)
    yield from _holds(read, pace)
    yield from _openings(read, pace)


def _now(connection: Connection, after: int) -> tuple[list[Fact], StoredState]:
    """Rows, and the leaves that were entered until this moment."""
    return catalog.facts(connection, after), catalog.rows(connection)


def _holds(read: Reader, pace: Pace) -> Iterator[LedgerFinding]:
    for pin in read(catalog.pins_whole):
        began = time.monotonic()
        lacking = read(partial(catalog.unheld, pin=pin))
        if lacking is not None:
            what = f"it does not hold {lacking[0]} of the segments that it covers, {lacking[1]} among them"
            yield LedgerFinding(Code.PIN, f"pin {pin}", what)
        pace(time.monotonic() - began)


def _openings(read: Reader, pace: Pace) -> Iterator[LedgerFinding]:
    after = (0, "")
    while page := read(partial(catalog.openings, after=after)):
        began = time.monotonic()
        for number, field, salt, value, told in page:
            if not isinstance(told, str) or not hmac.compare_digest(commitment(salt, value), told):
                what = f"its {field} is stored as something else than what was committed to"
                yield LedgerFinding(Code.OPENING, f"leaf {number}", what)
        after = page[-1][:2]
        pace(time.monotonic() - began)
