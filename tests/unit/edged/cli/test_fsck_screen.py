"""What `edgectl fsck` shows: findings, the last line, progress."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
from rich.console import Console

from edged.cli.fsck import screen
from edged.cli.output import check_line
from edged.documents.ledger import Fsck, FsckAsked
from edged.site import check_documents
from edged.words.catalogue import Reader
from storage.integrity.compare import Fault
from storage.integrity.fsck import FsckReport, Level, Scope
from storage.segments.findings_table import FaultKind
from storage.words.message import Message
from tests.support.samples import FSCK


def drawn(document: Fsck) -> str:
    console = Console(width=100, record=True, color_system=None, file=None, force_terminal=False)
    with console.capture() as captured:
        console.print(screen(document, Reader()))
    return captured.get()


def test_each_finding_says_promise_place_and_what_to_do() -> None:
    text = drawn(Fsck.model_validate(FSCK))
    for words in ("S4 content", "20260301T000500.080Z-1041.mp4", "→ find out who changed it", "2 findings:"):
        assert words in text
    assert text.rstrip().endswith("level hash")


def test_all_is_well_in_one_line() -> None:
    plain: dict[str, Any] = FSCK | {"clean": True, "findings": [], "daemon": False, "level": "size"}
    text = drawn(Fsck.model_validate(plain))
    assert text.startswith("clean: 23456 segments")
    assert "the daemon is down" in text
    assert "read" not in text


def test_what_was_recorded_before_fragments_were_told_is_said(tmp_path: Path) -> None:
    report = FsckReport(segments=3, whole_only=2)
    told = drawn(check_documents.fsck(report, FsckAsked(level="hash"), {"v": tmp_path}, daemon=True))
    assert told.startswith("2 segments recorded before edged told of fragments: compared as whole files, and exported")
    assert "clean: 3 segments" in told
    assert "fragments" not in drawn(Fsck.model_validate(FSCK))


def test_what_is_not_listed_is_counted() -> None:
    text = drawn(Fsck.model_validate(FSCK | {"unlisted": 7}))
    assert "and 7 more" in text
    assert "9 findings" in text


FILES: Final = Message("files").told


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"stage": FILES, "done": 50, "of": 100, "bytes": 0, "of_bytes": 0, "elapsed_s": 0.1}, "files: 50 of 100"),
        (
            {"stage": FILES, "done": 50, "of": 100, "bytes": 0, "of_bytes": 0, "elapsed_s": 10.0},
            "files: 50 of 100, 10s left",
        ),
        (
            {"stage": FILES, "done": 1, "of": 9, "bytes": 10**9, "of_bytes": 4 * 10**9, "elapsed_s": 10.0},
            "files: 1 of 9, 1.00 GB, 100 MB/s, 30s left",
        ),
        ({"stage": FILES, "done": 0, "of": 0, "bytes": 0, "of_bytes": 0, "elapsed_s": 10.0}, "files: 0 of 0"),
    ],
)
def test_progress(told: dict[str, Any], expected: str) -> None:
    assert check_line(told) == expected


def test_a_report_becomes_a_document_in_order() -> None:
    report = FsckReport()
    report.add(Fault(FaultKind.CONTENT, "v", "b.mp4", Message("what"), Message("do")))
    report.add(Fault(FaultKind.FLOOR, "v", "a.mp4", Message("what"), Message("do")))
    report.add(Fault(FaultKind.DATABASE, "", "edged.db", Message("what"), Message("do")))
    document = check_documents.fsck(report, FsckAsked(), {"v": Path("/srv/edged")}, daemon=True)
    assert [(one.promise, one.where) for one in document.findings] == [
        ("S1", "/srv/edged/a.mp4"),
        ("S4", "/srv/edged/b.mp4"),
        ("S13", "edged.db"),
    ]
    assert not document.clean


def test_what_is_asked_becomes_a_scope() -> None:
    assert check_documents.fsck_scope(FsckAsked(level="hash", camera="lobby")) == Scope(Level.HASH, "lobby", None)
    assert Scope(Level.SIZE).whole
    assert not Scope(Level.SIZE, volume="v").whole
