"""The named instants between two steps of a protocol (docs/design), at which tests pull the plug. Lean and inert.

Each protocol calls `reach` right after a step has taken effect. Nothing listens in a running product: `arm` is called
by tests only, in the process that is to die, and there is no environment variable or option that does it. A test holds
that every step named here is reached, and that every step reached is named here.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")


class Failpoint(StrEnum):
    """`<protocol>.<what has just been done>`, in the order of the protocol."""

    COMMIT_ROW = "commit.row"
    """The `open` row is committed; no file yet."""
    COMMIT_PART = "commit.part"
    """`.part` exists and is locked."""
    COMMIT_SYNCED = "commit.synced"
    """The file is complete and synced, still `.part`."""
    COMMIT_RENAMED = "commit.renamed"
    """It has its final name, which may not be durable yet."""
    COMMIT_NAMED = "commit.named"
    """Its final name is durable; the row is still open."""
    COMMIT_LINKED = "commit.linked"
    """It is linked into the pins that cover it; the row is still open."""
    COMMIT_DONE = "commit.done"
    """One transaction: row and leaf."""
    DESTROY_CONDEMNED = "destroy.condemned"
    """One transaction: the row is garbage."""
    DESTROY_UNLINKED = "destroy.unlinked"
    """No name leads to the file any more; that may not be durable yet."""
    DESTROY_SYNCED = "destroy.synced"
    """That is durable; the row is still garbage."""
    DESTROY_DONE = "destroy.done"
    """One transaction: tombstone leaf, and the row is gone."""
    PIN_SIDECAR = "pin.sidecar"
    """The sidecar is durable; no link, no row yet."""
    PIN_LINKED = "pin.linked"
    """All links exist; they may not be durable yet."""
    PIN_SYNCED = "pin.synced"
    """Links and sidecar are durable; no row yet."""
    PIN_DONE = "pin.done"
    """One transaction: row and leaf, from which its interval protects; nobody has been answered yet."""
    PIN_HOLDING = "pin.holding"
    """One transaction of several: it holds some of its segments."""
    PIN_HELD = "pin.held"
    """One transaction: it holds all of them."""
    RELEASE_DONE = "release.done"
    """One transaction: the pin is released; sidecar and links are still there."""
    RELEASE_SIDECAR = "release.sidecar"
    """The sidecar is gone, durably; links are still there."""
    RELEASE_UNLINKED = "release.unlinked"
    """The links are gone, too."""
    START_RUN = "start.run"
    """One transaction: a new run. Nothing is recorded yet, and nothing of the last one is worked off."""
    SALVAGE_CUT = "salvage.cut"
    """What is not whole of a `.part` is cut off, durably."""
    SALVAGE_NAMED = "salvage.named"
    """Its final name, or the one it is set aside under, is durable; the row is still open, or there is none."""
    SALVAGE_DONE = "salvage.done"
    """One transaction: the row of what was adopted or set aside, or the row without a file is gone."""
    HEAD_SIGNED = "head.signed"
    """A head of the ledger is signed, and lies nowhere yet."""
    HEAD_STORED = "head.stored"
    """One transaction: it is in the database."""
    HEAD_LAID = "head.laid"
    """It lies on the volumes, and beside the database."""
    RENEW_KEY = "renew.key"
    """A new key lies beside the old one, durably, where one is needed; nothing goes by it yet."""
    RENEW_BEGUN = "renew.begun"
    """One transaction: the old generation is signed whole, if it can be, and a new one begins, with the new key."""
    RENEW_PLACED = "renew.placed"
    """The new key has taken the place of the old one."""
    EXPORT_HELD = "export.held"
    """One transaction: what is to be copied is held; no leaf says so yet, and nothing may be disclosed."""
    EXPORT_BEGUN = "export.begun"
    """One transaction: leaf, and what the copy consists of; nobody has been answered yet."""
    EXPORT_FINISHED = "export.finished"
    """One transaction: leaf with the hash of its list, and nothing is held any more."""
    EXPORT_ABANDONED = "export.abandoned"
    """One transaction: leaf, and nothing is held any more."""
    VIEWING_LAID = "viewing.laid"
    """All files of a viewing copy lie there, closed to everybody; its leaf says that it was begun."""
    VIEWING_OPEN = "viewing.open"
    """One person can read them, and one transaction each: leaf, and nothing is held any more."""
    VIEWING_REMOVED = "viewing.removed"
    """Nothing of a viewing copy is there any more, durably; no leaf says so yet."""
    VIEWING_DESTROYED = "viewing.destroyed"
    """One transaction: leaf, and nobody looks for it any more."""
    REBUILD_ASIDE = "rebuild.aside"
    """The lost database has another name; there is none in its place."""
    REBUILD_PLANTED = "rebuild.planted"
    """One transaction: the new one begins, with head and first leaf; the mark that the old one is damaged is there."""
    REBUILD_BEGUN = "rebuild.begun"
    """The mark is gone; nothing is recorded yet."""
    REBUILD_PAGE = "rebuild.page"
    """One transaction: some leaves are in the ledger again, and what they tell of in its table."""
    REBUILD_READ = "rebuild.read"
    """All of them are; no directory has been compared."""
    REBUILD_WALKED = "rebuild.walked"
    """Each directory of a volume has been compared; the volume does not count as known."""
    REBUILD_KNOWN = "rebuild.known"
    """A volume counts as known: from here on something may be destroyed there."""
    REPLACE_LOST = "replace.lost"
    """One transaction: a volume is gone for good; nothing has taken its place."""
    REPLACE_FOUNDED = "replace.founded"
    """The directory there is a new volume, durably; no row knows it."""
    MIRROR_LINES = "mirror.lines"
    """Some leaves are on a volume, durably."""
    MIRROR_HEAD = "mirror.head"
    """A volume has a new head, durably; the others and the state directory not yet."""
    MIRROR_HEADS = "mirror.heads"
    """All have; no row says up to where the mirrors go."""
    MIRROR_PRUNED = "mirror.pruned"
    """A day that nobody needs any more is gone from a volume."""
    KEYS_PREPARED = "keys.prepared"
    """To erase: a new wrapping key lies beside the old one, durably; nothing goes by it yet."""
    KEYS_IN_FORCE = "keys.in-force"
    """One slot of the requests' keys has the change, durably, and counts; the other one says what was before."""
    KEYS_KEY_GONE = "keys.key-gone"
    """A wrapping key that is not in force is overwritten, durably."""
    KEYS_SLOT_GONE = "keys.slot-gone"
    """The slot that is not in force is overwritten, too."""
    KEYS_VERIFIED = "keys.verified"
    """Both files were read back from the disk; nobody has been answered yet."""
    OFFICE_KEY = "office.key"
    """A request or a person has a key, durably; no row knows it."""
    OFFICE_RECORD = "office.record"
    """A record of the office lies on one volume, durably; perhaps not on others."""
    OFFICE_ERASING = "office.erasing"
    """One transaction: the persons of a request go, whatever comes; they can be read still."""
    OFFICE_ERASED = "office.erased"
    """Nothing opens them any more; no leaf says so."""
    OFFICE_RECORDED = "office.recorded"
    """One transaction: leaf, and their ciphertext is no row any more; it lies on the volumes still."""
    OFFICE_REMOVED = "office.removed"
    """One volume has no record of them any more, durably; perhaps others have."""


_listener: Callable[[Failpoint], None] | None = None


def reach(step: Failpoint) -> None:
    """Say that this step has just taken effect."""
    if _listener is not None:
        _listener(step)


def reach_after(step: Failpoint, fact: Future[T]) -> Future[T]:
    """`reach` it as soon as this fact is stored, before anybody has heard of it."""
    if _listener is not None:
        fact.add_done_callback(lambda done: None if done.cancelled() or done.exception() else reach(step))
    return fact


def arm(listener: Callable[[Failpoint], None] | None) -> None:
    """For tests: call `listener` at each step from now on, in the thread that does it; None: nobody."""
    global _listener  # noqa: PLW0603 - one process, one listener
    _listener = listener
