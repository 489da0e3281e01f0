"""What `edgectl ledger verify` shows: findings, what is proven by which head, what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console

from edged.cli.ledger import verify_screen
from edged.documents.ledger import LedgerVerify
from edged.site import check_documents
from edged.words.catalogue import Reader
from storage.audit.findings import CheckpointVerdict, Code, LedgerFinding, LedgerReport, Reach, Tree
from storage.ledger.note import Checkpoint
from storage.words.message import Message
from tests.support.samples import LEDGER_VERIFY

READ = Reader("en", ZoneInfo("Asia/Taipei"))


def drawn(document: LedgerVerify) -> str:
    console = Console(width=200, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(verify_screen(document, READ))
    return captured.get()


def test_it_says_what_is_wrong_and_what_each_head_proves() -> None:
    text = drawn(LedgerVerify.model_validate(LEDGER_VERIFY))
    for words in (
        "outside-ahead",
        "it knows 5,000 leaves",
        "→ keep this head",
        "leaves 1 to 4190 (2026-03-01 12:00:00) are as they were signed by this box",
        "leaves 4191 to 4200 (2026-03-01 12:00:30) are under no head that holds",
        "of leaves 4001 to 4200, since 2026-03-01 11:00:00, nobody outside is known to have a head",
        "proves nothing of this box",
        "1 finding: 4200 leaves, 2100 rows, 4199 lines on 1 volume",
    ):
        assert words in text


def test_all_is_well_and_what_was_not_asked_is_not_said() -> None:
    every = {"leaves": 4200, "last": 4200, "at": "2026-03-01T04:00:30.000Z"}
    tree = LEDGER_VERIFY["generations"][0] | {"entered": every, "signed": every, "vouched": every, "seen": every}
    plain: dict[str, Any] = {"clean": True, "findings": [], "generations": [tree], "checkpoint": None, "daemon": False}
    text = drawn(LedgerVerify.model_validate(LEDGER_VERIFY | plain))
    assert "no head" not in text
    assert "nobody outside" not in text
    assert "\nclean: 4200 leaves" in text
    assert "the daemon is down" in text
    assert "A ledger proves" in text


def test_what_the_next_generation_vouches_for_is_told_so() -> None:
    all_of_it = {"leaves": 4200, "last": 4200, "at": "2026-03-01T04:00:30.000Z"}
    old = LEDGER_VERIFY["generations"][0] | {"vouched": all_of_it, "seen": all_of_it}
    new = old | {"origin": "edged/wenshan-main/8e8e8e8e", "first": 4201, "signed": all_of_it}
    text = drawn(LedgerVerify.model_validate(LEDGER_VERIFY | {"generations": [old, new]}))
    assert (
        "leaves 4191 to 4200 (2026-03-01 12:00:30) are as the signed leaf 4201 names them, with which "
        "edged/wenshan-main/8e8e8e8e begins" in text
    )
    assert "under no head" not in text
    assert "nobody outside" not in text


def test_the_head_from_outside_holds_up_to_a_leaf_and_a_time() -> None:
    held = {"origin": "edged/a/1", "proven": True, "reach": {"leaves": 9, "last": 9, "at": "2026-03-01T04:00:30.000Z"}}
    text = drawn(LedgerVerify.model_validate(LEDGER_VERIFY | {"checkpoint": held, "early": 7, "unlisted": 3}))
    assert "holds: up to leaf 9 (2026-03-01 12:00:30) nothing was changed" in text
    assert "7 leaves from before there was a tree" in text
    assert "and 3 more" in text


def test_a_report_becomes_a_document_whatever_somebody_wrote_into_a_leaf() -> None:
    report = LedgerReport(
        trees=[Tree("edged/a/1", 1, None, Reach(3, 3, 10**18), Reach(0), Reach(0), Reach(0))],
        against=CheckpointVerdict(Checkpoint("edged/a/1", 9, bytes(32)), proven=False, reach=Reach(9)),
        volumes=["v"],
    )
    report.findings.add(LedgerFinding(Code.NODE, "node 0", Message("it is not"), Message("do")))
    document = check_documents.ledger_check(report, {"v": Path("/srv/edged")}, daemon=True)
    assert document.generations[0].entered.at == "9999-12-31T23:59:59.998Z"
    assert document.volumes == ["/srv/edged"]
    assert [(one.code, one.action) for one in document.findings] == [("node", "do")]
    assert not document.clean
