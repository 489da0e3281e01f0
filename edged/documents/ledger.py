"""What is kept, checked: `edgectl ledger` prints leaves of the ledger (稽核軌跡) and what vouches for them, `fsck`
broken promises by their ids, `rebuild` what came back of the catalog.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field

from edged.documents.base import CODE, VALUES, Document, Told, Values
from edged.documents.pins import Act

REASON_MAX: Final = 500
"""A sentence or two."""


class Leaf(Document):
    number: int = Field(description="leaves are numbered through all generations")
    kind: str
    at: str = Field(description="when it was entered, by the box's wall clock")
    text: str = Field(description="what it tells, with names and reasons as far as they were not erased")
    code: str = Field(default="", description=CODE)
    values: Values = Field(default={}, description=VALUES)
    body: dict[str, Any] = Field(description="as it is hashed; names and reasons are commitments (64 digits)")
    openings: dict[str, str] = Field(description="what stands behind its commitments; what was erased is not here")
    hash: str = Field(description="of the leaf in its tree (RFC 6962), 64 digits")
    generation: str | None = Field(description="origin of its tree; null: entered before there was one")
    signed: bool = Field(description="under a head that is signed")
    seen: bool = Field(description="under a head of which somebody outside is known to have a copy")


class Generation(Document):
    origin: str = Field(description="name of the log, as in its checkpoints")
    first: int = Field(description="number of its first leaf")
    key: str | None = Field(description="whose signature its heads bear, as NAME+ID+KEY (C2SP); null: they bear none")
    fingerprint: str | None = Field(description="SHA-256 of the 32 bytes of that key, 64 digits, for people to compare")
    size: int = Field(description="leaves under its last head")
    signed: int = Field(description="leaves under a signed head, of this generation or of the next, which names them")
    seen: int = Field(description="of these, under a head of which somebody outside is known to have a copy")
    checkpoint: str | None = Field(description="its last head (C2SP signed note); null: none was signed")


class Checked(Document):
    at: str = Field(description="when the last check of all of it ended, by the box's wall clock")
    leaves: int = Field(description="so many were looked at")
    took_s: float
    findings: int = Field(description="0: nothing was found; edgectl ledger verify names them")


class Ledger(Document):
    schema_: Literal["edged.ledger/1"] = Field(default="edged.ledger/1", alias="schema")
    ledger: list[Leaf] = Field(description="the newest last")
    generations: list[Generation] = Field(description="all of them, from the first")
    checked: Checked | None = Field(default=None, description="by edged itself or by a person; null: not yet")


class LedgerRenew(Document):
    schema_: Literal["edged.ledger-renew/1"] = Field(default="edged.ledger-renew/1", alias="schema")
    act: Act


class RenewAsked(Document):
    """The body of a request."""

    reason: str = Field(min_length=1, max_length=REASON_MAX)
    new_key: bool


class FaultFound(Document):
    """What is wrong, where, and what to do."""

    where: str = Field(description="an absolute path, or whatever else names the place")
    what: str
    action: str = Field(description="what to do first")
    where_code: str = Field(default="", description='what `where` says, for a program; "" where it is a path')
    where_values: Values = Field(default={}, description=VALUES)
    what_code: str = Field(default="", description="of `what`, likewise")
    what_values: Values = Field(default={}, description="of `what`, likewise")
    action_code: str = Field(default="", description="of `action`, likewise")
    action_values: Values = Field(default={}, description="of `action`, likewise")


class VerifyFinding(FaultFound):
    code: str = Field(description="leaf-changed, head-ahead, segment-gone, mirror-changed, outside-ahead, …")


class Reach(Document):
    leaves: int = Field(description="so many of the tree, from its first")
    last: int | None = Field(description="number of the last of them; null: there are none, or it is not there")
    at: str | None = Field(description="when that one was entered, by the box's wall clock")


class VerifiedTree(Document):
    origin: str = Field(description="name of the log, as in its checkpoints")
    first: int = Field(description="number of its first leaf")
    fingerprint: str | None = Field(description="SHA-256 of its key, 64 digits; null: it has none")
    entered: Reach = Field(description="all that it has")
    signed: Reach = Field(description="under the largest head of its own that holds")
    vouched: Reach = Field(
        description="under that, or named by the first leaf of the next generation, whose head holds; what comes after "
        "proves nothing yet"
    )
    seen: Reach = Field(description="likewise, of heads of which somebody outside is known to have a copy")


class HeldAgainst(Document):
    origin: str
    proven: bool = Field(description="all leaves under that head are there, each as it was when it was signed")
    reach: Reach = Field(description="what that head covers")


class LedgerVerify(Document):
    schema_: Literal["edged.ledger-verify/1"] = Field(default="edged.ledger-verify/1", alias="schema")
    daemon: bool = Field(description="asked a running daemon; false: looked at the files of one that is down")
    clean: bool
    findings: list[VerifyFinding]
    unlisted: int = Field(description="findings beyond those that are listed")
    generations: list[VerifiedTree] = Field(description="from the first to the present one")
    checkpoint: HeldAgainst | None = Field(description="the head from outside; null: none was given")
    leaves: int = Field(description="of all generations, as far as they are there")
    early: int = Field(description="of these, entered before there was a tree: nothing proves them")
    rows: int = Field(description="segments and gaps that were held against their leaves")
    lines: int = Field(description="on volumes, likewise")
    volumes: list[str] = Field(description="volumes whose mirror was read, as absolute paths")
    took_s: float


class VerifyAsked(Document):
    """The body of a request."""

    checkpoint: str | None = Field(default=None, description="a signed note, or the JSON of up/ledger/checkpoint")


Level = Literal["presence", "size", "hash"]


class Finding(FaultFound):
    promise: str = Field(description="the id of the promise that is broken (DESIGN.md), e.g. S4")
    kind: str = Field(description="missing, size, content, appeared, strange, mode, link, pin, counter, hole, …")


class Fsck(Document):
    schema_: Literal["edged.fsck/1"] = Field(default="edged.fsck/1", alias="schema")
    level: Level
    daemon: bool = Field(description="asked a running daemon; false: looked at the files of one that is down")
    clean: bool
    findings: list[Finding]
    unlisted: int = Field(description="findings beyond those that are listed")
    segments: int = Field(description="rows of the catalog that were looked at")
    files: int = Field(description="names on volumes that were looked at")
    bytes: int = Field(description="read, at level hash")
    whole_only: int = Field(
        default=0,
        description="segments of these, at level hash, that were recorded before edged entered their fragments in the "
        "ledger: compared as whole files, and exported as such",
    )
    took_s: float


class FsckAsked(Document):
    """The body of a request."""

    level: Level = "size"
    camera: str | None = None
    volume: str | None = None


class Rebuild(Document):
    schema_: Literal["edged.rebuild/1"] = Field(default="edged.rebuild/1", alias="schema")
    daemon: bool = Field(description="asked a running daemon; false: done on the files of one that is down")
    complete: bool = Field(description="everything that is there was gone through")
    volumes: list[str] = Field(description="ids of the volumes that were gone through")
    leaves: int = Field(description="leaves of the ledger that were put back")
    clashes: int = Field(description="leaves whose number another one has: what they tell of was taken in")
    unread: int = Field(description="leaves that this version cannot apply")
    directories: int = Field(description="directories of one day that were compared with the catalog")
    adopted: int = Field(description="files that no leaf told of, taken in by their own story")
    quarantined: int = Field(description="files that tell nothing, kept aside")
    missing: int = Field(description="segments whose file is missing or of another size: findings")
    gaps: int = Field(description="gaps that were corrected: recorded after all, or told otherwise")
    left: list[str] = Field(description="what could not be gone through, each with the reason")
    left_told: list[Told] = Field(default=[], description="`left`, with their codes")
    aside: str | None = Field(description="where the database lies that was set aside; null if there was none")
    took_s: float


class RebuildAsked(Document):
    """The body of a request."""
