"""`edgectl ledger verify`: the whole ledger of a box against itself, its rows, its mirrors, and a head from outside.

Blocking, read-only, in short reads, so that the WAL begins anew meanwhile; paced as its owner says. Bounded: a bit for
each leaf and 32 bytes for 256 leaves. Needs no writer: with the daemon down it runs on the files alone.

Whoever has the key of the box can write another ledger that is consistent in itself; only what somebody outside has
kept of it shows that.

`Processes` shares the ledger out, a range for each processor: hashing is all that it takes. For whoever has the box to
itself (`edgectl` while edged is stopped, the bench); a running daemon checks in one thread, behind recording.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeVar

from storage.ages.history import History
from storage.audit import ledger_state, ranges
from storage.audit import queries as audit_queries
from storage.audit.destruction_check import SuspectTombstone, besides
from storage.audit.findings import CheckpointVerdict, Code, LedgerFinding, LedgerReport, Reach, Tree
from storage.audit.ledger_state import LedgerState, Outside
from storage.audit.queries import Overview
from storage.audit.ranges import SUSPECTS_MAX, Blocks, LeafRange, OpenGaps, ToldLeaves, check_rows, row_spans, spans
from storage.audit.trees import BuiltTree, MirrorCheck, SignedHead, Trees
from storage.files import reading
from storage.integrity import queries as integrity_queries
from storage.integrity.inspect_file import Pace, VolumeDirectory, unpaced
from storage.ledger import signer
from storage.ledger.note import NOTE_MAX_BYTES
from storage.ledger.signer import STATE_FILE
from storage.ledger.tree import Hash
from storage.mirror import table as mirror_table
from storage.segments.coverage_queries import ReadQuery
from storage.words.errors import StoreBusy, said
from storage.words.message import Message, message

W = TypeVar("W")
R = TypeVar("R")


class Spread(Protocol):
    """As `map`: in the order of the work, wherever it is done."""

    def __call__(self, check: Callable[[W], R], work: Iterable[W], /) -> Iterable[R]: ...


Progress = Callable[[Mapping[str, Any]], None]
TELL_EVERY: Final = 4
"""Pages between two words about progress."""


@dataclass(frozen=True, slots=True)
class AuditedState:
    """What is checked."""

    read: ReadQuery
    disks: Mapping[str, VolumeDirectory]
    """Volumes that are there, by id."""
    state: Path
    """The state directory."""
    ages: Callable[[], History]


class Verify:
    """One run."""

    def __init__(
        self,
        box: AuditedState,
        kept: Outside | None = None,
        *,
        pace: Pace = unpaced,
        progress: Progress = lambda _: None,
        spread: Spread = map,
    ) -> None:
        """`kept`: a head from outside. `pace` raises Stopped when nobody waits for the report any more."""
        self._box = box
        self._kept = kept
        self._pace = pace
        self._progress = progress
        self._spread = spread
        self._report = LedgerReport()
        self._began = time.monotonic()

    def run(self) -> LedgerReport:
        """All of it. StoreBusy while leaves are still being read back after a loss; Stopped."""
        found = self._report.findings
        said = list(self._said())  # before the leaves: what they cover is then among them
        at = self._box.read(audit_queries.overview)
        if at.being_read:
            what = message(
                "ledger.being-read",
                "the database is being made anew, and leaves are still being read back from the volumes",
            )
            raise StoreBusy(
                what, message("ledger.being-read.action", "check again when that is done: `edgectl alarms`")
            )
        trees, begun = self._leaves(at)
        for made in trees.made:
            found.take(made.wrong_nodes(at.kept))
        found.take(trees.begun(begun))
        found.take(trees.stored())
        for head in said:
            found.take(trees.said(head))
        self._mirrors([made.generation.first for made in trees.made])
        if self._kept is not None:
            self._hold(self._kept, trees)
        self._report.trees = self._trees(trees)
        self._report.took_s = time.monotonic() - self._began
        return self._report

    def _leaves(self, at: Overview) -> tuple[Trees, dict[int, bytes]]:
        """Rows, then each leaf; the trees they make, and the leaves with which trees begin."""
        told, gaps, lists = self._rows(at), OpenGaps(), Blocks()
        blocks: dict[int, list[Hash | None]] = {one.first: [] for one in at.generations}
        begun: dict[int, bytes] = {}
        ground, suspects = LedgerState(), list[SuspectTombstone]()
        check = partial(ranges.check, self._box.read, pace=self._pace)
        for one in self._spread(check, _all_spans(at, told)):
            self._report.leaves += one.leaves
            self._report.findings.merge(one.findings)
            gaps.take(one.gaps)
            lists.take(one.lists)
            begun |= dict(one.generations)
            self._report.findings.take(ground.take(one.facts))
            suspects += one.suspects[: SUSPECTS_MAX - len(suspects)]
            if one.span.in_tree:
                first = max(first for first in blocks if first <= one.span.first)
                blocks[first] += one.blocks
            else:
                self._report.early += one.leaves
            self._tell(message("ledger.stage-leaves", "leaves of the ledger"), self._report.leaves, at.last)
        newest = self._box.read(mirror_table.last_leaf)
        for news in spans(at.last + 1, newest, in_tree=False):  # they may say why a gap is gone
            gaps.take(ranges.check(self._box.read, news, self._pace).gaps)
        self._report.findings.take(gaps.gone(self._box.ages()))
        self._report.findings.take(lists.differences(self._box.read, self._pace))
        rest = besides(self._box.read, self._box.ages(), ground, at.last, suspects, self._pace)
        self._report.findings.take(rest)
        sized = zip(at.generations, at.sizes, strict=True)
        return Trees([BuiltTree(self._box.read, one, size, blocks[one.first]) for one, size in sized]), begun

    def _rows(self, at: Overview) -> ToldLeaves:
        """Each row; the leaves that say what rows say."""
        told = ToldLeaves()
        check = partial(check_rows, self._box.read, early=_begin(at), pace=self._pace)
        for one in self._spread(check, row_spans(self._box.read)):
            self._report.rows += one.rows
            self._report.findings.merge(one.findings)
            self._report.findings.take(told.add(one.told))
            self._tell(message("ledger.stage-rows", "segments and gaps"), self._report.rows, at.rows)
        return told

    def _mirrors(self, firsts: list[int]) -> None:
        unknown = self._box.read(integrity_queries.unreconciled)
        volumes = []
        for volume, disk in sorted(self._box.disks.items()):
            if volume in unknown:
                continue  # it may know of more: `edgectl alarms` tells that it is being gone through
            mirror = MirrorCheck(self._box.read, disk, firsts, self._pace)
            before = self._report.lines
            try:
                for number, found in enumerate(mirror.differences()):
                    if found is not None:
                        self._report.findings.add(found)
                    elif number % TELL_EVERY == 0:
                        self._tell(
                            message("ledger.stage-lines", "lines on {path}", path=str(disk.path)),
                            mirror.lines,
                            self._report.leaves,
                        )
            except FileNotFoundError:
                continue
            except OSError as error:
                what = message("ledger.mirror-unread", "it cannot be read: {reason}", reason=said(error))
                self._report.findings.add(
                    LedgerFinding(
                        Code.MIRROR_UNREAD,
                        str(disk.path / signer.NAME),
                        what,
                        message("fsck.look-at-disk", "check the disk and `dmesg`"),
                    )
                )
            self._report.lines = before + mirror.lines
            volumes.append(volume)
        self._report.volumes = volumes

    # --- heads ---

    def _said(self) -> Iterator[SignedHead]:
        """Heads that lie in the state directory and on the volumes."""
        fd = os.open(self._box.state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with suppress(FileNotFoundError), reading(fd, STATE_FILE) as file:
                text = file.read(NOTE_MAX_BYTES).decode("utf-8", "replace")
                yield SignedHead(str(self._box.state / STATE_FILE), text)
        finally:
            os.close(fd)
        for disk in self._box.disks.values():
            with (
                suppress(OSError),
                disk.held() as root,
                signer.opened(root) as directory,
            ):  # its mirror will say so
                for name, text in signer.named_notes(directory):
                    yield SignedHead(str(disk.path / signer.NAME / name), text)

    def _hold(self, kept: Outside, trees: Trees) -> None:
        wrong = list(ledger_state.judge(kept, trees))
        self._report.findings.take(wrong)
        one, head = trees.of(kept.head.origin), kept.head
        proven = one is not None and not {found.code for found in wrong} - {Code.OUTSIDE_OLDER}
        reach = self._reach(one, head.size) if one is not None and proven else Reach(head.size)
        self._report.against = CheckpointVerdict(head, proven, reach)

    def _trees(self, trees: Trees) -> list[Tree]:
        vouched = trees.reaching(lambda one: trees.proven.get(one.generation.origin, 0))
        seen = trees.reaching(lambda one: min(one.generation.seen, one.size))
        return [self._tree(one, trees, vouched, seen) for one in trees.made]

    def _tree(self, one: BuiltTree, trees: Trees, vouched: Mapping[str, int], seen: Mapping[str, int]) -> Tree:
        generation = one.generation
        try:
            verifier = generation.verifier
        except ValueError:
            verifier = None
        return Tree(
            origin=generation.origin,
            first=generation.first,
            fingerprint=None if verifier is None else verifier.fingerprint,
            leaves=self._reach(one, one.size),
            signed=self._reach(one, trees.proven.get(generation.origin, 0)),
            vouched=self._reach(one, vouched[generation.origin]),
            seen=self._reach(one, seen[generation.origin]),
        )

    def _reach(self, one: BuiltTree, size: int) -> Reach:
        if size == 0:
            return Reach(0)
        number = one.generation.first + size - 1
        return Reach(size, number, self._box.read(partial(audit_queries.entered_ms, number=number)))

    def _tell(self, stage: Message, done: int, of: int) -> None:
        elapsed_s = round(time.monotonic() - self._began, 1)
        self._progress(
            {
                "stage": stage.told,
                "done": done,
                "of": of,
                "bytes": 0,
                "of_bytes": 0,
                "elapsed_s": elapsed_s,
            }
        )


def _begin(at: Overview) -> int:
    """Number of the first leaf of a tree."""
    return at.generations[0].first if at.generations else at.last + 1


def _all_spans(at: Overview, told: ToldLeaves) -> Iterator[LeafRange]:
    """From the first leaf to the last."""
    early = spans(1, _begin(at) - 1, in_tree=False)
    sized = zip(at.generations, at.sizes, strict=True)
    trees = (spans(one.first, one.first + size - 1, in_tree=True) for one, size in sized)
    for span in chain(early, *trees):
        yield replace(span, told=told.among(span.first, span.last))


WORTH: Final = 16
"""Stretches: fewer are done before the processes have begun."""


class Processes:
    """As `map`, in the order of the work. What is done must be something that other processes can be sent."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Work that nobody waits for any more is not begun."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def __call__(self, check: Callable[[W], R], work: Iterable[W]) -> Iterator[R]:
        wanted = list(work)
        if self._pool is None and len(wanted) >= WORTH:
            self._pool = ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn"))
        return map(check, wanted) if self._pool is None else self._pool.map(check, wanted)
