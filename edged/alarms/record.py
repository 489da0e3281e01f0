"""What is wrong with the record, as alarms: the ledger, and who does what by which role. Pure.

A ledger may be unsigned, or signable by others; it may lack leaves, not reach a disk, or be known otherwise to the
centre. Roles may clash or name groups that are not there, and acts of people may not be on record yet. Recording
goes on in each of these: it is the proof of it that suffers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from edged.access.role_watch import RolesSeen
from edged.overview.model import AlarmCondition
from edged.words import units
from storage.audit.table import Checked
from storage.ledger.centre_head import Contradiction, HeadAgreement
from storage.recovery.service import LedgerStatus
from storage.words.results import Severity

TURN_S: Final = 15.0
"""While a person begins a new generation, key and generation do not fit for a moment."""
UNWRITTEN_S: Final = 60.0
"""A disk that is busy for some seconds is no trouble."""
OWED_WAIT_S: Final = 10.0
"""A database that is busy for a moment is no alarm."""
_APPROVED: Final = "--reason …, which another person, with the role authority, approves"
RENEW: Final = f"run edgectl ledger renew {_APPROVED}"
RENEW_KEY: Final = f"run edgectl ledger renew --new-key {_APPROVED}"
_KNOWN_OTHERWISE: Final = {
    HeadAgreement.LONGER: "of which leaves are not here",
    HeadAgreement.OTHER: "which are others than those that are here",
    HeadAgreement.UNKNOWN: "of a generation that this box does not know",
}


def ledger_troubles(seen: LedgerStatus) -> Iterator[tuple[str, AlarmCondition]]:
    """Key to trouble."""
    if seen.contradiction is not None:
        yield "ledger.contradicted", AlarmCondition(Severity.CRITICAL, *_contradicted(seen.contradiction))
    if seen.hole:
        text = f"The ledger is not signed, because it is not whole: {seen.hole}. Recording goes on"
        action = f"Leave the volumes and the state directory as they are and call the auditor; then {RENEW}"
        yield "ledger.damaged", AlarmCondition(Severity.CRITICAL, text, action)
    if seen.checked is not None and seen.checked.findings:
        yield "ledger.tampered", AlarmCondition(Severity.CRITICAL, *_tampered(seen.checked))
    if seen.unsigned is not None:
        text = (
            f"The ledger is not signed: {seen.unsigned}. Recording goes on, but nobody outside can prove what happens "
            "meanwhile"
        )
        action = f"Put the last key back where it was only moved away; else {RENEW}: the new one vouches for this, too"
        yield "ledger.unsigned", AlarmCondition(Severity.CRITICAL, text, action, TURN_S)
    if seen.exposed is not None:
        text = f"Whoever has the key of this box can sign another ledger in its name, and {seen.exposed}"
        action = (
            f"Find out who could read it, then {RENEW_KEY}: edged alone reads the new key. Setting owner and mode "
            "right does not take the old one back from whoever has read it"
        )
        yield "ledger.exposed", AlarmCondition(Severity.WARNING, text, action, TURN_S)
    for place, words in seen.unwritten.items():
        what = "is not written beside the database" if place in ("", "state") else "does not reach a volume"
        text = f"The ledger {what}: {words}. If the database were lost now, what happened since would be, too"
        action = "Check that disk, its free space and who owns what lies there; edged goes on trying"
        yield f"ledger.unwritten:{place or 'state'}", AlarmCondition(Severity.WARNING, text, action, UNWRITTEN_S)


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


def role_troubles(seen: RolesSeen) -> Iterator[tuple[str, AlarmCondition]]:
    """Key to trouble. One alarm for all accounts: their names stand apart from its words, which go to the centre."""
    if seen.clashing:
        text = "Accounts are in a group of operators and in one of authorities, and so hold neither role"
        action = "Take each of them out of one of the two groups; who gives rights must not be who uses them"
        yield "roles.clash", AlarmCondition(Severity.WARNING, text, action, names=", ".join(seen.clashing))
    if seen.unknown:
        text = f"[roles] names groups that this box does not have: {', '.join(seen.unknown)}; nobody has a role by them"
        action = "Make the groups (`groupadd`), or correct [roles] and run `edgectl reload`"
        yield "roles.unknown-group", AlarmCondition(Severity.WARNING, text, action)
    if seen.readers:
        text = "Accounts are in edged's own group, and so read footage and names past roles and record"
        action = "Take them out of it (`gpasswd --delete ACCOUNT edged`); [roles] gives people what they need"
        yield "roles.readers", AlarmCondition(Severity.CRITICAL, text, action, names=", ".join(seen.readers))
    if seen.owed:
        text = "Not all that people did is on record: the database could not be written when they did it"
        action = "Check the disk of the state directory; the entries are made up for once it takes them"
        yield "journal.owed", AlarmCondition(Severity.CRITICAL, text, action, OWED_WAIT_S)
