"""What is wrong with the ledger, as alarms: what, where, what to do; nothing that changes by itself in their words."""

from __future__ import annotations

import pytest

from edged.alarms.conditions import ledger_troubles
from storage.ledger.note import Checkpoint
from storage.ledger.signer import Contradiction, HeadAgreement
from storage.recovery.service import LedgerStatus
from storage.words.message import Message
from storage.words.model import Severity

HEAD = Checkpoint("edged/wenshan/7f3a", 1041, b"r" * 32)


def test_a_sound_ledger_has_no_alarm() -> None:
    assert dict(ledger_troubles(LedgerStatus())) == {}


@pytest.mark.parametrize("word", [word for word in HeadAgreement if word.contradicts])
def test_what_the_centre_knows_otherwise_comes_first_and_nothing_is_to_be_touched(word: HeadAgreement) -> None:
    (key, trouble), *_ = ledger_troubles(LedgerStatus(unsigned=Message("why"), contradiction=Contradiction(HEAD, word)))
    assert key == "ledger.contradicted"
    assert trouble.severity is Severity.CRITICAL
    assert "1041 leaves" in trouble.text
    assert HEAD.origin in trouble.text
    assert "keep the volumes" in trouble.action
    assert "call the auditor" in trouble.action
    assert "edgectl ledger renew" in trouble.action


def test_without_a_signature_there_is_a_way_out() -> None:
    found = dict(
        ledger_troubles(LedgerStatus(unsigned=Message("the key of this box, /var/lib/edged/ledger.key, is gone")))
    )
    assert found.keys() == {"ledger.unsigned"}
    trouble = found["ledger.unsigned"]
    assert trouble.severity is Severity.CRITICAL
    assert "/var/lib/edged/ledger.key" in trouble.text
    assert "Recording goes on" in trouble.text
    assert "role authority" in trouble.action
    assert trouble.raise_after_s > 0, "a renewal takes a moment"


def test_a_key_that_others_may_have_read_has_to_be_replaced() -> None:
    ((key, trouble),) = ledger_troubles(
        LedgerStatus(exposed=Message("other accounts may read /var/lib/edged/ledger.key (mode 0644)"))
    )
    assert key == "ledger.exposed"
    assert trouble.severity is Severity.WARNING
    assert "mode 0644" in trouble.text
    assert "edgectl ledger renew --new-key --reason" in trouble.action


def test_each_disk_that_does_not_take_it_is_told_by_itself() -> None:
    found = dict(
        ledger_troubles(
            LedgerStatus(
                unwritten={"v1": Message("/srv/a: full"), "state": Message("/var: read-only")},
                hole=Message("leaf 7 is missing"),
            )
        )
    )
    assert found.keys() == {"ledger.damaged", "ledger.unwritten:v1", "ledger.unwritten:state"}
    assert "/srv/a: full" in found["ledger.unwritten:v1"].text
    assert "beside the database" in found["ledger.unwritten:state"].text
    assert found["ledger.damaged"].severity is Severity.CRITICAL
