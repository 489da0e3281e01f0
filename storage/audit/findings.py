"""What the check of the ledger can find, as values with a stable code each, and what it says when it is done. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from storage.ledger.note import Checkpoint
from storage.words.message import Message, message

FINDINGS_MAX: Final = 1000
"""Named one by one; of more only the number is told: nobody reads them, and they would fill memory."""


FIND_OUT: Final = message(
    "ledger.found.action", "find out who changed it, and hold the box against a head that the centre kept"
)


class Code(StrEnum):
    """Programs and tests go by these. They are only ever added."""

    LEAF_CHANGED = "leaf-changed"
    """A leaf is not what was hashed when it was entered."""
    LEAF_MISSING = "leaf-missing"
    """Numbers that no leaf has, inside a tree."""
    LEAF_UNREAD = "leaf-unread"
    """It does not say what its kind says."""
    GENERATION = "generation"
    """A tree and the leaf that begins it do not agree, or it does not follow from the one before."""
    NODE = "node"
    """A node that is kept is not what the leaves make."""
    HEAD_DAMAGED = "head-damaged"
    HEAD_STRANGE = "head-strange"
    """Of a ledger that this box does not have."""
    HEAD_SIGNATURE = "head-signature"
    """Not signed by the key of its generation."""
    HEAD_AHEAD = "head-ahead"
    """It covers more leaves than there are: some were taken away."""
    HEAD_ROOT = "head-root"
    """The leaves that it covers are not those that it was signed over."""
    SEGMENT_DIFFERS = "segment-differs"
    """A row says something else than its leaf."""
    SEGMENT_GONE = "segment-gone"
    """A leaf tells of a segment that has neither a row nor a tombstone."""
    SEGMENT_BACK = "segment-back"
    """A leaf tells that it was destroyed, and its row is there."""
    SEGMENT_UNTOLD = "segment-untold"
    """A row of which no leaf tells."""
    GAP_DIFFERS = "gap-differs"
    GAP_GONE = "gap-gone"
    GAP_UNTOLD = "gap-untold"
    DESTROYED_EARLY = "destroyed-early"
    """It was younger than its floor, by the boots, and nothing allowed that."""
    DESTROYED_PINNED = "destroyed-pinned"
    """A pin held it."""
    BOOT = "boot"
    """What ages rest on is not what the leaves of boots and clocks say."""
    EPOCH = "epoch"
    """What recorded times rest on, likewise."""
    PIN = "pin"
    """A pin is stored with less than its leaf says, or as ended, or does not hold what it covers."""
    BOUNDS = "bounds"
    """Floors, ceilings, `on_full` are not what was configured or agreed upon."""
    STANDING = "standing"
    """A finding of files, or a volume, is stored as settled or lost, and no leaf says so."""
    OPENING = "opening"
    """A name, a reason or a case is not the one that its leaf was entered with."""
    BLOCK = "block"
    """What lists of leaves pass over is not what the leaves make: the register of destruction may lack entries."""
    MIRROR_CHANGED = "mirror-changed"
    """A line on a volume is not the leaf."""
    MIRROR_LACKS = "mirror-lacks"
    """A line is missing between others."""
    MIRROR_AHEAD = "mirror-ahead"
    """A volume has leaves that the ledger does not have (any more)."""
    MIRROR_UNREAD = "mirror-unread"
    OUTSIDE_AHEAD = "outside-ahead"
    """The head that was kept outside covers more leaves than there are."""
    OUTSIDE_ROOT = "outside-root"
    """The leaves that it covers are not those that it was signed over."""
    OUTSIDE_STRANGE = "outside-strange"
    """It is of a ledger that this box does not have."""
    OUTSIDE_SIGNATURE = "outside-signature"
    """It is not signed by the key that this box has for it."""
    OUTSIDE_OLDER = "outside-older"
    """It is of an earlier generation: of the present one it proves nothing."""


@dataclass(frozen=True, slots=True)
class LedgerFinding:
    """One thing that is not as it must be, for people: where, what, what to do."""

    code: Code
    where: str
    """A path, or a message."""
    what: Message
    action: Message = FIND_OUT


def at_leaf(number: int) -> Message:
    return message("ledger.leaf", "leaf {leaf}", leaf=number)


def at_leaves(first: int, last: int) -> Message:
    return message("ledger.leaves", "leaves {first} to {last}", first=first, last=last)


def ages_rest_on(what: Message) -> Message:
    return message("ledger.ages-by-it", "{what}: ages of what was recorded are told by it", what=what)


def times_rest_on(what: Message) -> Message:
    return message("ledger.times-by-it", "{what}: recorded times are told by it", what=what)


def not_there(number: int) -> Message:
    return message("ledger.not-there", "it is not there (leaf {leaf})", leaf=number)


def another(number: int) -> Message:
    return message("ledger.another", "it is stored as another one (leaf {leaf})", leaf=number)


def unread() -> Message:
    return message("ledger.leaf-unread", "it does not say what leaves of its kind say")


@dataclass(slots=True)
class Findings:
    """Those that are named, and how many more there are."""

    named: list[LedgerFinding] = field(default_factory=list)
    more: int = 0

    def add(self, found: LedgerFinding) -> None:
        if len(self.named) < FINDINGS_MAX:
            self.named.append(found)
        else:
            self.more += 1

    def take(self, found: Iterable[LedgerFinding]) -> None:
        for one in found:
            self.add(one)

    def merge(self, other: Findings) -> None:
        self.take(other.named)
        self.more += other.more


@dataclass(frozen=True, slots=True)
class Reach:
    """Up to a leaf, and when that was entered, by the box's own wall clock."""

    size: int
    """Leaves of the tree."""
    leaf: int | None = None
    """Number of the last of them; None: there are none, or it is not there."""
    wall_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Tree:
    """One generation as it was found."""

    origin: str
    first: int
    """Number of its first leaf."""
    fingerprint: str | None
    """Of its key (SHA-256); None: it has none."""
    leaves: Reach
    signed: Reach
    """Under the largest head of this box that holds: signed by its key, over these leaves."""
    vouched: Reach
    """Of all heads of this box that hold: its own, and those of the next as far as its first leaf names this tree."""
    seen: Reach
    """Of heads of which somebody outside is known to have a copy, likewise."""


@dataclass(frozen=True, slots=True)
class CheckpointVerdict:
    """What became of the head that was kept outside."""

    head: Checkpoint
    proven: bool
    """Its leaves are there, each as it was when the head was signed."""
    reach: Reach


@dataclass(slots=True)
class LedgerReport:
    """What was looked at, and what was found."""

    trees: Sequence[Tree] = ()
    against: CheckpointVerdict | None = None
    findings: Findings = field(default_factory=Findings)
    leaves: int = 0
    early: int = 0
    """Of these entered before there was a tree: nothing proves them."""
    rows: int = 0
    lines: int = 0
    """On volumes."""
    volumes: Sequence[str] = ()
    """Ids of those whose mirror was read."""
    took_s: float = 0.0

    @property
    def clean(self) -> bool:
        return not self.findings.named and not self.findings.more
