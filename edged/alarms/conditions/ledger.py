"""A ledger that nobody signs, that others could sign, that lacks leaves, that a disk does not take, or that the centre
knows otherwise. Pure.

Recording goes on in each of these: it is the proof of it that suffers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from edged.alarms.tracking import Trouble
from edged.words import units
from storage.audit.table import Checked
from storage.ledger.centre_head import Contradiction, Word
from storage.recovery.service import LedgerStatus
from storage.words.results import Severity

TURN_S: Final = 15.0
"""While a person begins a new generation, key and generation do not fit for a moment."""
UNWRITTEN_S: Final = 60.0
"""A disk that is busy for some seconds is no trouble."""
_APPROVED: Final = "--reason …, which another person, with the role authority, approves"
RENEW: Final = f"run edgectl ledger renew {_APPROVED}"
RENEW_KEY: Final = f"run edgectl ledger renew --new-key {_APPROVED}"
_KNOWN_OTHERWISE: Final = {
    Word.LONGER: "of which leaves are not here",
    Word.OTHER: "which are others than those that are here",
    Word.UNKNOWN: "of a generation that this box does not know",
}


def troubles(seen: LedgerStatus) -> Iterator[tuple[str, Trouble]]:
    """Key to trouble."""
    if seen.contradiction is not None:
        yield "ledger.contradicted", Trouble(Severity.CRITICAL, *_contradicted(seen.contradiction))
    if seen.hole:
        text = f"The ledger is not signed, because it is not whole: {seen.hole}. Recording goes on"
        action = f"Leave the volumes and the state directory as they are and call the auditor; then {RENEW}"
        yield "ledger.damaged", Trouble(Severity.CRITICAL, text, action)
    if seen.checked is not None and seen.checked.findings:
        yield "ledger.tampered", Trouble(Severity.CRITICAL, *_tampered(seen.checked))
    if seen.unsigned is not None:
        text = (
            f"The ledger is not signed: {seen.unsigned}. Recording goes on, but nobody outside can prove what happens "
            "meanwhile"
        )
        action = f"Put the last key back where it was only moved away; else {RENEW}: the new one vouches for this, too"
        yield "ledger.unsigned", Trouble(Severity.CRITICAL, text, action, TURN_S)
    if seen.exposed is not None:
        text = f"Whoever has the key of this box can sign another ledger in its name, and {seen.exposed}"
        action = (
            f"Find out who could read it, then {RENEW_KEY}: edged alone reads the new key. Setting owner and mode "
            "right does not take the old one back from whoever has read it"
        )
        yield "ledger.exposed", Trouble(Severity.WARNING, text, action, TURN_S)
    for place, words in seen.unwritten.items():
        what = "is not written beside the database" if place in ("", "state") else "does not reach a volume"
        text = f"The ledger {what}: {words}. If the database were lost now, what happened since would be, too"
        action = "Check that disk, its free space and who owns what lies there; edged goes on trying"
        yield f"ledger.unwritten:{place or 'state'}", Trouble(Severity.WARNING, text, action, UNWRITTEN_S)


def _tampered(checked: Checked) -> tuple[str, str]:
    """In the words of the first finding: it says what is to be done first."""
    more = "" if checked.findings == 1 else f", and {units.counted(checked.findings - 1, 'more finding')}"
    first = next((f"{one.where}: {one.what}" for one in checked.named), "more than is named")
    text = f"The ledger of this box is not as it was entered: {first}{more}. Recording goes on"
    action = (
        "Leave the volumes and the state directory as they are and call the auditor; edgectl ledger verify names all"
    )
    return text, f"{action}, and with --checkpoint holds the box against the head that the centre kept"


def _contradicted(found: Contradiction) -> tuple[str, str]:
    head = found.head
    text = (
        f"The centre holds a head of {head.size} leaves of this box's ledger ({head.origin}) "
        f"{_KNOWN_OTHERWISE[found.word]}: an older state was put back, or leaves were taken away or replaced"
    )
    action = (
        "Do not restart or reinstall anything, keep the volumes and the state directory as they are, call the auditor; "
        f"once it is known what happened, {RENEW}"
    )
    return text, action
