"""What an office stands on: people enough for its rows, its own forms, a machine that keeps no person longer than it
should. Pure.

Whoever is erased is gone once the keys are overwritten in place. A copy of them that the file system, a swap area or
an unencrypted disk keeps is out of edged's reach, so it is told. Nobody looks at it without a profile: then no person
is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from edged.doctor.findings import Diagnosis, Missing, ok, unknown, warn
from edged.office.people import logins_needed
from edged.papers.template_check import CheckedForm
from edged.profiles.procedures import Procedure
from storage.words.message import Message, joined, message

IN_PLACE: Final = frozenset({"ext2", "ext3", "ext4", "xfs"})
"""File systems that put what is written over something into its place. Others copy, or nobody has tried."""
JOURNALS_DATA: Final = "data=journal"


@dataclass(frozen=True, slots=True)
class OfficeAccounts:
    """How many accounts the groups list. Whoever is in both holds neither role, and counts in none."""

    operators: int
    authorities: int


@dataclass(frozen=True, slots=True)
class StateStorage:
    """What the state directory lies on."""

    kind: str
    """Of its file system; "" where nobody knows."""
    options: tuple[str, ...] = ()
    encrypted: bool | None = None
    """None: only who owns what lies below can tell (the host of a virtual machine or a container, a network)."""


@dataclass(frozen=True, slots=True)
class SwapArea:
    """Of a partition or a file that memory is swapped to."""

    name: str
    encrypted: bool | None = None
    """As of `StateStorage`."""
    in_memory: bool = False
    """Compressed, and never on a disk (zram)."""


@dataclass(frozen=True, slots=True)
class Swap:
    areas: tuple[SwapArea, ...]
    of_host: bool = False
    """This is a container."""


@dataclass(frozen=True, slots=True)
class PaperTemplates:
    """The office's own forms."""

    forms: tuple[CheckedForm, ...]
    strange: tuple[str, ...] = ()
    """Files of its directory that are none."""


def judge_accounts(found: OfficeAccounts | Missing, procedures: Sequence[Procedure]) -> Diagnosis:
    """Who holds which post the daemon knows; here it is but whether there can be two persons."""
    name = "office"
    if isinstance(found, Missing):
        return found.check(name)
    count = found.operators + found.authorities
    beyond = [one.row for one in procedures if logins_needed(one) > count]
    if not beyond:
        return ok(
            name,
            message("doctor.office.well", "there are {count} accounts of operators and authorities", count=count),
        )
    said = message(
        "doctor.office.too-few",
        "accounts in the groups of operators and authorities: {count}; rows {rows} take more, because who acts and who "
        "approves are two persons",
        rows=beyond,
        count=count,
    )
    action = message(
        "doctor.office.too-few.action",
        "give each person an account of their own and a group that [roles] names (docs/roles.md)",
    )
    return warn(name, said, action)


def judge_storage(found: StateStorage | Missing) -> list[Diagnosis]:
    if isinstance(found, Missing):
        return [found.check("erasure")]
    return [_erasure(found), _encryption(found)]


def _erasure(found: StateStorage) -> Diagnosis:
    name = "erasure"
    if not found.kind:
        said = message("doctor.erasure.unknown", "nobody could say which file system the state directory lies on")
        return unknown(name, said, Message("findmnt"))
    if found.kind not in IN_PLACE:
        said = message(
            "doctor.erasure.copies",
            "the state directory lies on {kind}, which may keep what is overwritten: persons who were erased could "
            "still be read from the disk",
            kind=found.kind,
        )
        return warn(name, said, message("doctor.erasure.copies.action", "move it to a disk with ext4 or XFS"))
    if JOURNALS_DATA in found.options:
        said = message(
            "doctor.erasure.journal",
            "the disk of the state directory is mounted with {option}: its journal keeps for a while what is "
            "overwritten, and with it persons who were erased",
            option=JOURNALS_DATA,
        )
        action = message(
            "doctor.erasure.journal.action",
            "take it out of /etc/fstab and of the disk (tune2fs -o ^journal_data), and start the box anew",
        )
        return warn(name, said, action)
    return ok(name, message("doctor.erasure.well", "{kind} overwrites in place what is erased", kind=found.kind))


def _encryption(found: StateStorage) -> Diagnosis:
    name = "encryption"
    if found.encrypted is None:
        said = message(
            "doctor.encryption.host", "whether the disk of the state directory is encrypted, only its host can tell"
        )
        return ok(name, said)
    if found.encrypted:
        return ok(name, message("doctor.encryption.well", "the disk of the state directory is encrypted"))
    said = message(
        "doctor.encryption.none",
        "the disk of the state directory is not encrypted: whoever carries it away can read the persons of requests",
    )
    action = message(
        "doctor.encryption.none.action",
        "lock the box away; when it is set up anew, put the state directory on LUKS (cryptsetup)",
    )
    return warn(name, said, action)


def judge_swap(found: Swap | Missing) -> Diagnosis:
    name = "swap"
    if isinstance(found, Missing):
        return found.check(name)
    if found.of_host:
        return ok(name, message("doctor.swap.container", "this is a container: what is swapped is its host's"))
    opened = [one.name for one in found.areas if not (one.in_memory or one.encrypted)]
    if not opened:
        return ok(name, message("doctor.swap.well", "no memory is swapped to a disk that is not encrypted"))
    said = message(
        "doctor.swap.open",
        "memory is swapped to {areas}, which is not encrypted: persons who were shown could be read there after they "
        "were erased",
        areas=opened,
    )
    action = message(
        "doctor.swap.open.action",
        "swapoff -a, and take it out of /etc/fstab; or encrypt it with a key of each start (crypttab: swap)",
    )
    return warn(name, said, action)


def judge_papers(found: PaperTemplates | Missing) -> Diagnosis:
    """Of forms that the text does not contain: the first thing that is wrong with them."""
    name = "papers"
    if isinstance(found, Missing):
        return found.check(name)
    for said, action in _wrong_papers(found):
        return warn(name, said, action)
    if own := sorted({one.file for one in found.forms if one.file}):
        return ok(name, message("doctor.papers.well", "forms are printed by {files}", files=own))
    return ok(name, message("doctor.papers.text", "edged has every form that the text names"))


def _wrong_papers(found: PaperTemplates) -> Iterator[tuple[Message, Message]]:
    """What, and what to do."""
    if unusable := [one.unusable for one in found.forms if one.unusable]:
        yield joined(unusable), message("doctor.papers.unusable.action", "put it right (docs/papers.md)")
    for one in found.forms:
        if one.unshown:
            parts = list(one.unshown)
            said = message("doctor.papers.unshown", "{file} does not show {parts}", file=one.file, parts=parts)
            yield said, message("doctor.papers.unshown.action", "add it (docs/papers.md)")
    if found.strange:
        said = message("doctor.papers.strange", "no form is made of {files}", files=list(found.strange))
        yield said, message("doctor.papers.strange.action", "name it after its row or form (docs/papers.md)")
    if plain := sorted({one.form for one in found.forms if one.form and not one.file}):
        said = message(
            "doctor.papers.interim", "{forms} of the text is not there yet: 暫用格式（非附表） is printed", forms=plain
        )
        yield (
            said,
            message(
                "doctor.papers.interim.action",
                "put your own into the directory that [office] papers names (docs/papers.md)",
            ),
        )
