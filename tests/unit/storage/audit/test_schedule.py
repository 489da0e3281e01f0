"""When the box checks its ledger itself, and what it says of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.alarms.conditions import ledger_troubles
from storage.audit.findings import Code, LedgerFinding
from storage.audit.schedule import AGAIN_MS, EVERY_MS, SETTLE_MS, CheckSituation, is_due
from storage.audit.table import Checked
from storage.recovery.service import LedgerStatus
from storage.words.message import Message
from storage.words.model import Severity

FOUND = LedgerFinding(Code.BOOT, "boot 3", Message("it is stored as another one"), Message("do this"))
CLEAN = Checked(run=4, boot=1, boottime_ms=0, wall_ms=0, leaves=9, took_ms=1, findings=0, named=())
FOUL = replace(CLEAN, findings=2, named=(FOUND,))
QUIET = CheckSituation(run=4, up_ms=SETTLE_MS, unclean=False, age_ms=0)


@pytest.mark.parametrize(
    ("last", "now", "due"),
    [
        (None, QUIET, True),
        (None, replace(QUIET, up_ms=SETTLE_MS - 1), False),
        (CLEAN, QUIET, False),
        (CLEAN, replace(QUIET, age_ms=EVERY_MS - 1), False),
        (CLEAN, replace(QUIET, age_ms=EVERY_MS), True),
        (CLEAN, replace(QUIET, age_ms=EVERY_MS, up_ms=0), False),
        (CLEAN, replace(QUIET, run=5), False),
        (CLEAN, replace(QUIET, run=5, unclean=True), True),
        (CLEAN, replace(QUIET, run=4, unclean=True), False),
        (FOUL, replace(QUIET, age_ms=AGAIN_MS - 1), False),
        (FOUL, replace(QUIET, age_ms=AGAIN_MS), True),
    ],
)
def test_it_is_due(last: Checked | None, now: CheckSituation, due: bool) -> None:
    assert is_due(last, now) is due


@given(
    st.builds(CheckSituation, run=st.integers(4, 9), up_ms=st.integers(0), unclean=st.booleans(), age_ms=st.integers(0))
)
def test_once_it_was_done_in_a_run_it_is_not_due_within_a_day(now: CheckSituation) -> None:
    done = replace(FOUL, run=now.run)
    assert not is_due(done, replace(now, age_ms=now.age_ms % AGAIN_MS))


def test_what_it_found_is_one_critical_alarm_with_the_first_of_it() -> None:
    ((key, trouble),) = ledger_troubles(LedgerStatus(checked=FOUL))
    assert (key, trouble.severity) == ("ledger.tampered", Severity.CRITICAL)
    assert "boot 3: it is stored as another one, and 1 more finding" in trouble.text
    assert "edgectl ledger verify" in trouble.action
    assert list(ledger_troubles(LedgerStatus(checked=CLEAN))) == []
