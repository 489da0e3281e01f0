"""The trees as their leaves make them, and all that was said of them: kept nodes, heads, first leaves of generations.

Blocking, read-only. Whatever is held against them counts for nothing by itself: it proves, or is a finding.

The mirrors: each line of the ledger on a volume is held against its leaf, byte by byte, in pages. A mirror follows the
database by a second, begins later because old days go in their time, and may lack the end of a generation that was over
before the volume came back. Else no leaf is missing between two of its lines, nor behind the last up to where the
database says that it goes.
"""

from __future__ import annotations

import json
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, repeat
from sqlite3 import Connection
from typing import Any, Final

from storage.audit import queries as audit_queries
from storage.audit.findings import Code, LedgerFinding, at_leaf, at_leaves
from storage.audit.queries import PAGE
from storage.integrity.compare import LEDGER_NAME, Fault
from storage.integrity.fsck import Level, Site
from storage.integrity.inspect_file import Pace, VolumeDirectory, unpaced
from storage.ledger import signer, table, tree
from storage.ledger.note import Checkpoint, Note, NoteDamaged, parse
from storage.ledger.table import LEVELS, STRIDE, WIDTH, Generation, LeafMissing
from storage.ledger.tree import LEAF, Hash
from storage.mirror import files as mirror_files
from storage.mirror import table as mirror_table
from storage.segments.coverage_queries import ReadQuery
from storage.segments.findings_table import FaultKind
from storage.words.errors import said
from storage.words.message import Message, message


class BuiltTree:
    """The tree of one generation, made anew from its leaves (`storage.ledger.tree.Nodes`)."""

    def __init__(self, read: ReadQuery, generation: Generation, size: int, blocks: Sequence[Hash | None]) -> None:
        """`blocks`: the node over each whole block of 256 leaves; None where one is missing."""
        self.generation = generation
        self.size = size
        """Leaves that it has, if none is missing."""
        self._read = read
        self._levels = {STRIDE: blocks}

    def __call__(self, level: int, number: int) -> Hash:
        kept = level - level % STRIDE
        if kept == 0:
            return self._read(lambda db: table.read(db, self.generation)(level, number))
        width = level - kept
        below = self.level(kept)[number << width : (number + 1) << width]
        there = [one for one in below if one is not None]
        if len(there) < 1 << width:
            raise LeafMissing(
                message(
                    "ledger.leaf-below-missing",
                    "a leaf below node {number} of level {level} is missing",
                    number=number,
                    level=level,
                )
            )
        return tree.root_of(there)

    def level(self, level: int) -> Sequence[Hash | None]:
        """All nodes of a level that is kept; None where a leaf below is missing."""
        if level not in self._levels:
            below = self.level(level - STRIDE)
            groups = (below[at : at + WIDTH] for at in range(0, len(below) - WIDTH + 1, WIDTH))
            self._levels[level] = [None if None in group else tree.root_of(group) for group in groups]  # type: ignore[arg-type]
        return self._levels[level]

    def root(self, size: int) -> Hash | None:
        """Of its first leaves; None where one of them is missing."""
        try:
            return tree.root(self, size)
        except LeafMissing:
            return None

    def wrong_nodes(self, last: Mapping[tuple[int, int], int]) -> Iterator[LedgerFinding]:
        """Kept nodes that are not what the leaves make, up to the `last` of each level; later ones are still coming."""
        first = self.generation.first
        at = (0, 0)
        while page := self._read(partial(audit_queries.kept, generation=first, after=at)):
            for level, number, stored in page:
                made = self.level(level) if level in LEVELS else ()
                if number <= last.get((first, level), -1) and (
                    number >= len(made) or made[number] not in {None, stored}  # None: a missing leaf is told already
                ):
                    begin = first + (number << level)
                    where = message(
                        "ledger.where-node",
                        "node {number} of level {level}, over leaves {first} to {last}",
                        number=number,
                        level=level,
                        first=begin,
                        last=begin + (1 << level) - 1,
                    )
                    yield LedgerFinding(Code.NODE, where, message("ledger.node", "it is not what these leaves make"))
            at = page[-1][:2]


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A head, and where it lies."""

    where: str
    text: str


class Trees:
    """All generations of a box."""

    def __init__(self, made: Sequence[BuiltTree]) -> None:
        self.made = made
        self._by_origin = {one.generation.origin: one for one in made}
        self.proven: dict[str, int] = {}
        """By origin: the leaves under the largest head that holds."""
        self._named: dict[str, int] = {}
        """By origin: the leaves that the first leaf of the next tree names, as they are."""
        self._roots: dict[tuple[str, int], Hash | None] = {}

    def of(self, origin: str) -> BuiltTree | None:
        return self._by_origin.get(origin)

    def root(self, one: BuiltTree, size: int) -> Hash | None:
        """Asked for the same head in several places."""
        key = (one.generation.origin, size)
        if key not in self._roots:
            self._roots[key] = one.root(size)
        return self._roots[key]

    def stored(self) -> Iterator[LedgerFinding]:
        """The last head of each generation, as the database has it."""
        for one in self.made:
            generation = one.generation
            if generation.root is None:
                continue
            where = message(
                "ledger.where-stored-head", "the last head of {origin}, as stored", origin=generation.origin
            )
            head = Checkpoint(generation.origin, generation.size, generation.root)
            if generation.note is None:
                yield LedgerFinding(Code.HEAD_SIGNATURE, where, message("ledger.not-signed", "it is not signed"))
            else:
                yield from self.said(SignedHead(where, generation.note), expected=head)

    def said(self, said: SignedHead, expected: Checkpoint | None = None) -> Iterator[LedgerFinding]:
        """A signed head of this box, wherever it lies."""
        try:
            note = parse(said.text)
            head = note.checkpoint()
        except NoteDamaged as error:
            yield LedgerFinding(
                Code.HEAD_DAMAGED,
                said.where,
                message("ledger.no-head", "it is no signed head: {reason}", reason=error.why),
            )
            return
        if expected is not None and head != expected:
            what = message(
                "ledger.head-other-size",
                "it covers {size} leaves of {origin}, and is stored as one of {stored}",
                size=head.size,
                origin=head.origin,
                stored=expected.size,
            )
            yield LedgerFinding(Code.HEAD_DAMAGED, said.where, what)
        one = self.of(head.origin)
        if one is None:
            what = message(
                "ledger.head-strange", "it is of the ledger {origin}, which this box does not have", origin=head.origin
            )
            yield LedgerFinding(Code.HEAD_STRANGE, said.where, what)
            return
        if not signed(note, one.generation):
            what = message(
                "ledger.head-not-signed-by", "it is not signed by the key that {origin} began with", origin=head.origin
            )
            yield LedgerFinding(Code.HEAD_SIGNATURE, said.where, what)
            return
        fault = self.holds(said.where, one, head)
        if fault is None:
            self.proven[head.origin] = max(head.size, self.proven.get(head.origin, 0))
        else:
            yield fault

    def holds(self, where: str, one: BuiltTree, head: Checkpoint) -> LedgerFinding | None:
        """What is wrong with a head of that tree, whoever signed it; None: its leaves are there as they were."""
        if head.size > one.size:
            what = message(
                "ledger.head-ahead",
                "it covers {size} leaves, and there are {there}: leaves were taken away",
                size=head.size,
                there=one.size,
            )
            return LedgerFinding(Code.HEAD_AHEAD, where, what)
        root = self.root(one, head.size)
        if root == head.root:
            return None
        if root is None:
            why = message("ledger.some-missing", "some are missing")
        else:
            why = message("ledger.some-changed", "some were changed since")
        what = message(
            "ledger.head-root",
            "not all {size} leaves that it covers are as they were: {why}",
            size=head.size,
            why=why,
        )
        return LedgerFinding(Code.HEAD_ROOT, where, what)

    def begun(self, leaves: Mapping[int, bytes]) -> Iterator[LedgerFinding]:
        """Each generation begins with a leaf that names it, its key, and how far the one before went.

        `leaves`: those of kind `generation`, by number.
        """
        before: BuiltTree | None = None
        for one in self.made:
            first = one.generation.first
            if first not in leaves:
                what = message(
                    "ledger.generation-gone",
                    "the leaf with which {origin} begins is not there",
                    origin=one.generation.origin,
                )
                yield LedgerFinding(Code.GENERATION, at_leaf(first), what)
            else:
                yield from self._begins(one, _body(leaves[first]), before)
            before = one
        for number in sorted(leaves.keys() - {one.generation.first for one in self.made}):
            yield LedgerFinding(
                Code.GENERATION,
                at_leaf(number),
                message("ledger.begins-unknown", "it begins a tree that the database does not know"),
            )

    def _begins(self, one: BuiltTree, body: Mapping[str, Any], before: BuiltTree | None) -> Iterator[LedgerFinding]:
        generation, where = one.generation, at_leaf(one.generation.first)
        if (body.get("origin"), body.get("key")) != (generation.origin, generation.key):
            what = message(
                "ledger.generation-differs",
                "{origin} is stored with another name or key than its first leaf has",
                origin=generation.origin,
            )
            yield LedgerFinding(Code.GENERATION, where, what)
        named, told = _head(body.get("previous")), body.get("previous") is not None
        if before is None or named is None:
            if told or before is not None:
                if before is None:
                    what = message("ledger.how-far-before", "it does not say how far the one before went")
                else:
                    origin = before.generation.origin
                    what = message("ledger.how-far", "it does not say how far {origin} went", origin=origin)
                yield LedgerFinding(Code.GENERATION, where, what)
            return
        origin, size, root = named
        if origin != before.generation.origin or size < before.generation.size:
            what = message(
                "ledger.other-before",
                "it says that {origin} went before it, with {size} leaves under its last head; {stored} is stored, with"
                " {stored_size}",
                origin=origin,
                size=size,
                stored=before.generation.origin,
                stored_size=before.generation.size,
            )
            yield LedgerFinding(Code.GENERATION, where, what)
        elif size:
            fault = self.holds(
                message("ledger.where-named", "the head that {leaf} names", leaf=where),
                before,
                Checkpoint(origin, size, root),
            )
            if fault is None:
                self._named[origin] = size
            else:
                yield fault

    def reaching(self, own: Callable[[BuiltTree], int]) -> dict[str, int]:
        """By origin: how many leaves some heads vouch for. `own`: of each tree, those under a head of its own.

        Whatever vouches for the first leaf of a tree vouches for what that names.
        """
        found: dict[str, int] = {}
        following = 0
        for one in reversed(self.made):
            origin = one.generation.origin
            following = max(own(one), self._named.get(origin, 0) if following else 0)
            found[origin] = following
        return found


def signed(note: Note, generation: Generation) -> bool:
    """By the key that the generation began with."""
    try:
        verifier = generation.verifier
    except ValueError:
        return False
    return verifier is not None and note.signed_by(verifier)


def _body(data: bytes) -> Mapping[str, Any]:
    """Of what is hashed of a leaf; nothing where it says nothing."""
    try:
        body = json.loads(data[len(LEAF) :])["b"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _head(told: Any) -> tuple[str, int, Hash] | None:
    """As leaves name one (`storage.ledger.table.named`)."""
    try:
        root = bytes.fromhex(told["root"]) if told["root"] is not None else b""
        return str(told["origin"]), int(told["size"]), root
    except (TypeError, ValueError, LookupError):
        return None


ACTION: Final = message(
    "ledger.mirror.action", "keep the disk as it is; a head that the centre kept tells whether the ledger is right"
)


class MirrorCheck:
    """Of one volume."""

    def __init__(self, read: ReadQuery, disk: VolumeDirectory, firsts: Sequence[int], pace: Pace = unpaced) -> None:
        """`firsts`: numbers of the leaves with which generations begin, in order."""
        self._read = read
        self._disk = disk
        self._firsts = firsts
        self._pace = pace
        self._page: list[tuple[int, bytes]] = []
        """Leaves that were read ahead, the next one last."""
        self._after = self._end = 0
        """The leaf that was taken last, and the last that the ledger is known to have."""
        self._ahead = False
        self.lines = 0
        """Looked at so far."""

    def differences(self) -> Iterator[LedgerFinding | None]:
        """What is wrong, and now and then None. FileNotFoundError: nothing is mirrored yet. OSError."""
        said = self._read(mirror_table.wanted).get(self._disk.id)
        with self._disk.held() as root, signer.opened(root) as directory:
            last, began = 0, time.monotonic()
            days, lasting = mirror_files.raw_lines(directory), mirror_files.raw_lasting(directory)
            for (number, line), is_second in chain(zip(days, repeat(False)), zip(lasting, repeat(True))):
                if not self._has(number):
                    if not self._ahead:
                        self._ahead = True
                        yield self._beyond(number)
                elif number > last and not is_second:
                    yield from self._between(last, number)
                    last = number
                    yield from self._line(number, line, self._next() if self._peek() == number else None)
                else:  # of leaves that last it is the second line; after a crash the last lines come twice, too
                    yield from self._line(number, line, self._read(partial(_leaf, number=number)))
                self.lines += 1
                if self.lines % PAGE == 0:
                    yield None
                    self._pace(time.monotonic() - began)
                    began = time.monotonic()
        upto = said.mirrored if said is not None else 0
        if last < upto and self._read(partial(mirror_table.any_between, after=last, upto=upto)):
            yield self._lacks(last + 1, upto)

    def _has(self, number: int) -> bool:
        """The ledger goes so far."""
        if number > self._end:
            self._end = self._read(mirror_table.last_leaf)
        return number <= self._end

    def _between(self, last: int, number: int) -> Iterator[LedgerFinding]:
        """Leaves of the same generation that should have had a line between these two."""
        if not last:
            self._after = number - 1
        since = self._firsts[bisect_right(self._firsts, number) - 1] if self._firsts else 0
        first = end = 0
        while (leaf := self._peek()) is not None and leaf < number:
            self._next()
            if leaf >= since:
                first, end = first or leaf, leaf
        if first:
            yield self._lacks(first, end)

    def _line(self, number: int, line: bytes, leaf: bytes | None) -> Iterator[LedgerFinding]:
        if leaf == LEAF + line:
            return
        if leaf is None:
            what = message("ledger.mirror-strange", "the ledger has no leaf of this number")
        else:
            what = message("ledger.mirror-changed", "it says something else than in the ledger")
        yield LedgerFinding(Code.MIRROR_CHANGED, self._in_mirror(at_leaf(number)), what, ACTION)

    def _beyond(self, number: int) -> LedgerFinding:
        what = message(
            "ledger.mirror-ahead", "the ledger ends before it: an older database was put back, or leaves were removed"
        )
        return LedgerFinding(Code.MIRROR_AHEAD, self._in_mirror(at_leaf(number)), what, ACTION)

    def _lacks(self, first: int, end: int) -> LedgerFinding:
        where = at_leaf(first) if first == end else at_leaves(first, end)
        what = message("ledger.mirror-lacks", "no line that can be read tells of them, where there should be one")
        return LedgerFinding(Code.MIRROR_LACKS, self._in_mirror(where), what, ACTION)

    def _in_mirror(self, where: Message) -> Message:
        return message("ledger.in-file", "{what} in {path}", what=where, path=str(self._disk.path / signer.NAME))

    def _peek(self) -> int | None:
        """Number of the next leaf of the ledger; None: there is none yet."""
        if not self._page:
            found = self._read(partial(audit_queries.hashed, after=self._after, until=1 << 62))
            self._page = found[::-1]
        return self._page[-1][0] if self._page else None

    def _next(self) -> bytes:
        self._after, data = self._page.pop()
        return data


def _leaf(connection: Connection, number: int) -> bytes | None:
    return next((data for _, data in audit_queries.hashed(connection, number - 1, number)), None)


def mirror_faults(site: Site, level: Level, pace: Pace) -> Iterator[Fault]:
    """At level hash, because it reads all of it. The first difference of each volume tells enough."""
    if level is not Level.HASH:
        return
    firsts = [one.first for one in site.read(table.every)]
    for volume, disk in site.disks.items():
        try:
            found = next(filter(None, MirrorCheck(site.read, disk, firsts, pace).differences()), None)
            what = (
                None if found is None else message("ledger.at", "{where}: {what}", where=found.where, what=found.what)
            )
        except FileNotFoundError:
            continue  # nothing is mirrored here yet
        except OSError as error:
            what = message(
                "fsck.mirror-unreadable",
                "the mirror in {path} cannot be read: {reason}",
                path=str(disk.path / LEDGER_NAME),
                reason=said(error),
            )
        if what is not None:
            yield Fault(
                FaultKind.MIRROR,
                volume,
                LEDGER_NAME,
                what,
                message("fsck.mirror.action", "keep it as it is; `edgectl ledger verify` tells more"),
            )
