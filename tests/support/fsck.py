"""The end of every run: the same `edgectl fsck --level hash` and `ledger verify` that users get, daemon up or down."""

from __future__ import annotations

from typing import Final

from edged.documents.ledger import Fsck
from edged.words import exit_codes
from tests.support.daemon import Daemon

PATIENCE_S: Final = 30.0
"""For some hundred MB."""


def fsck(edged: Daemon, *options: str, within_s: float = PATIENCE_S) -> Fsck:
    """What it finds."""
    answer = edged.ctl("fsck", "--level", "hash", *options, within_s=within_s)
    if answer.code not in (exit_codes.OK, exit_codes.FAILED) or answer.document is None:
        raise AssertionError(f"edgectl fsck ended with {answer.code}: {answer.stdout}{answer.stderr}")
    document = Fsck.model_validate(answer.document)
    if document.clean != (answer.code == exit_codes.OK):
        raise AssertionError(f"edgectl fsck ended with {answer.code} and says clean={document.clean}")
    return document


def fsck_clean(edged: Daemon, *, within_s: float = PATIENCE_S) -> None:
    """No promise is broken, and the ledger is whole."""
    found = [f"{one.promise} {one.kind} {one.where}: {one.what}" for one in fsck(edged, within_s=within_s).findings]
    if found:
        raise AssertionError("fsck: " + "\n".join(found))
    answer = edged.ctl("ledger", "verify", within_s=within_s)
    if answer.code != exit_codes.OK:
        raise AssertionError(f"edgectl ledger verify ended with {answer.code}: {answer.stdout}{answer.stderr}")
