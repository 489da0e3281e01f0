"""What leaves say of boots, clocks, pins, bounds and findings, against the rows that decide by it. Pure.

The leaves come in order; of each thing the last word is kept. A database that was made anew counts some things
otherwise than the one before: of what was entered before that, only what would let something go earlier is a finding.

A head that somebody outside kept is what the box cannot take back; it is held against the ledger here, too. Takes a
signed note, or the JSON of `up/ledger/checkpoint`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Generic, NamedTuple, TypeVar

from storage.ages.leaves import (
    AttestedLeaf,
    BootBefore,
    BootLeaf,
    CorrectedLeaf,
    CreditLeaf,
    EpochLeaf,
    RunLeaf,
)
from storage.audit import leaf_bodies
from storage.audit.findings import Code, LedgerFinding
from storage.audit.queries import Fact, StoredBoot, StoredState
from storage.audit.trees import BuiltTree, Trees, signed
from storage.ledger.note import Checkpoint, Note, NoteDamaged, parse
from storage.pins.rules import PinLeaf
from storage.retention.table import BoundsLeaf, OverwritingLeaf
from storage.segments.findings_table import FindingLeaf
from storage.volumes.table import VolumeLeaf

T = TypeVar("T")

_UNKNOWN: Final = (0, None, "unproven")
"""How long the box was off before a boot, while nothing was credited."""


class LastWord(NamedTuple, Generic[T]):
    """By which leaf, and what."""

    leaf: int
    body: T


@dataclass(slots=True)
class PinRecord:
    """What became of a pin."""

    first: int
    """Number of the first leaf that tells of it."""
    last: int
    """Of the last one, whose words count."""
    body: PinLeaf
    placed: bool
    """The first one says that it was placed, here and then."""


@dataclass(slots=True)
class LedgerState:
    """The last word of each thing, as far as the leaves were read."""

    boots: dict[int, LastWord[BootLeaf]] = field(default_factory=dict)
    ends: dict[int, LastWord[int]] = field(default_factory=dict)
    """Of boots: the leaf of a clean stop and its boottime, as long as nothing ran in them since."""
    credits: dict[int, CreditLeaf] = field(default_factory=dict)
    attested: dict[int, AttestedLeaf] = field(default_factory=dict)
    epochs: dict[int, LastWord[EpochLeaf]] = field(default_factory=dict)
    corrected: dict[int, CorrectedLeaf] = field(default_factory=dict)
    offsets: dict[int, set[int]] = field(default_factory=dict)
    """Of epochs that were corrected: every offset that ever counted, the last one, too."""
    pins: dict[str, PinRecord] = field(default_factory=dict)
    bounds: dict[str, LastWord[BoundsLeaf]] = field(default_factory=dict)
    overwriting: LastWord[OverwritingLeaf] | None = None
    agreed: LastWord[leaf_bodies.AgreedLeaf] | None = None
    findings: dict[tuple[str, str, str], int] = field(default_factory=dict)
    """Those that stand, by the leaf that says so."""
    volumes: dict[str, LastWord[VolumeLeaf]] = field(default_factory=dict)

    def take(self, facts: list[Fact]) -> Iterator[LedgerFinding]:
        """Leaves of `storage.audit.leaf_bodies.KINDS`, in order; those that do not say what their kind says."""
        for number, kind, hashed in facts:
            body = leaf_bodies.told(kind, hashed)
            if body is None:
                yield LedgerFinding(Code.LEAF_UNREAD, f"leaf {number}", "it does not say what leaves of its kind say")
            else:
                self._take(number, body)

    def _take(self, number: int, body: leaf_bodies.StateLeaf) -> None:
        match body:
            case RunLeaf():
                self._run(number, body)
            case EpochLeaf():
                self._epoch(number, body)
            case PinLeaf():
                self._pin(number, body)
            case FindingLeaf():
                self._finding(number, body)
            case leaf_bodies.RebuiltLeaf():
                self.findings.clear()  # a new database looks for itself
            case _:
                self._keep(number, body)

    def _keep(self, number: int, body: leaf_bodies.StateLeaf) -> None:
        """That of which the last word is all that counts."""
        match body:
            case BootLeaf():
                self.boots[body.boot] = LastWord(number, body)
            case CreditLeaf():
                self.credits[body.boot] = body
            case AttestedLeaf():
                self.attested[body.boot] = body
            case BoundsLeaf():
                self.bounds[body.camera] = LastWord(number, body)
            case OverwritingLeaf():
                self.overwriting = LastWord(number, body)
            case leaf_bodies.AgreedLeaf():
                self.agreed = LastWord(number, body)
            case VolumeLeaf():
                self.volumes[body.volume] = LastWord(number, body)

    def _run(self, number: int, body: RunLeaf) -> None:
        if body.boot is None:
            return
        self.ends.pop(body.boot, None)
        if body.end and body.boottime_ms is not None:
            self.ends[body.boot] = LastWord(number, body.boottime_ms)

    def _epoch(self, number: int, body: EpochLeaf) -> None:
        self.epochs.setdefault(body.epoch, LastWord(number, body))
        if isinstance(body, CorrectedLeaf):
            self.corrected[body.epoch] = body
            self.offsets.setdefault(body.epoch, set()).add(body.true_offset_ms)

    def _finding(self, number: int, body: FindingLeaf) -> None:
        key = body.volume, body.path, body.kind
        self.findings.pop(key, None)
        if body.state == "differs":
            self.findings[key] = number

    def _pin(self, number: int, body: PinLeaf) -> None:
        before = self.pins.get(body.pin)
        first, placed = (number, body.what == "placed") if before is None else (before.first, before.placed)
        self.pins[body.pin] = PinRecord(first, number, body, placed)

    # --- against the rows ---------------------------------------------------------------------------------------------

    def differences(self, rows: StoredState) -> Iterator[LedgerFinding]:
        """Rows that say something else."""
        yield from self._boots(rows)
        yield from self._epochs(rows)
        for name, pin in self.pins.items():
            what = _of_pin(pin, rows.pins.get(name), rows)
            if what is not None:
                yield LedgerFinding(Code.PIN, f"pin {name}", f"{what} (leaf {pin.last})")
        yield from self._bounds(rows)
        for key, number in self.findings.items():
            if key not in rows.findings and number >= rows.rebuilt:
                what = (
                    f"leaf {number} says that it differs ({key[2]}), no later one that it does not, and it is not told"
                )
                yield LedgerFinding(Code.STANDING, f"{key[1]} on volume {key[0]}", what)
        for volume in sorted(rows.lost):
            said = self.volumes.get(volume)
            if said is not None and said.body.event != "lost":
                what = f"it is stored as gone for good; leaf {said.leaf} says: {said.body.event}"
                yield LedgerFinding(Code.STANDING, f"volume {volume}", what)

    def _boots(self, rows: StoredState) -> Iterator[LedgerFinding]:
        for boot, (number, body) in self.boots.items():
            row, fresh = rows.boots.get(boot), number >= rows.rebuilt
            if row is None or row.id != body.id:
                if fresh:
                    what = "it is not there" if row is None else "it is stored as another one"
                    yield LedgerFinding(Code.BOOT, f"boot {boot}", f"{what} (leaf {number})")
                continue
            for what in (self._off(boot, row, fresh), self._attested(boot, row, fresh), self._ran(boot, row, rows)):
                if what:
                    yield LedgerFinding(Code.BOOT, f"boot {boot}", f"{what}: ages of what was recorded are told by it")
            if body.before is not None:
                yield from self._before(number, body.before, rows)

    def _off(self, boot: int, row: StoredBoot, fresh: bool) -> str:
        """Where it began, and how long the box was off before."""
        began_ms = self.boots[boot].body.began_ms
        if fresh and row.began_ms != began_ms:
            return f"it began after {row.began_ms} ms by its row, after {began_ms} ms by its leaf"
        body = self.credits.get(boot)
        said = _UNKNOWN if body is None else (body.off_low_ms, body.off_high_ms, body.word)
        if (row.off_low_ms, row.off_high_ms, row.word) == said or not (fresh or row.off_low_ms > said[0]):
            return ""
        return f"it is stored that the box was off for {row.off_low_ms} ms before it, leaves say {said[0]} ms"

    def _attested(self, boot: int, row: StoredBoot, fresh: bool) -> str:
        body = self.attested.get(boot)
        said = None if body is None else body.off_ms
        if row.attested_ms == said or not (fresh or (row.attested_ms or 0) > (said or 0)):
            return ""
        return f"attested are {row.attested_ms} ms by its row, {said} ms by the leaves"

    def _ran(self, boot: int, row: StoredBoot, rows: StoredState) -> str:
        end = self.ends.get(boot)
        if end is None or end.leaf < rows.rebuilt or row.ran_ms <= end.body:
            return ""
        return f"it ended after {end.body} ms by leaf {end.leaf}, after {row.ran_ms} ms by its row"

    def _before(self, number: int, before: BootBefore, rows: StoredState) -> Iterator[LedgerFinding]:
        """What the next boot found of it. While leaves are read back more of it may become known."""
        row, first = rows.boots.get(before.boot), self.boots.get(before.boot)
        if row is None or first is None or first.leaf < rows.rebuilt:
            return
        if (row.ran_ms, row.lag_us, row.gain_us) != (before.ran_ms, before.lag_us, before.gain_us):
            what = f"it ran for {row.ran_ms} ms by its row, {before.ran_ms} ms by leaf {number}"
            yield LedgerFinding(Code.BOOT, f"boot {before.boot}", f"{what}: ages of what was recorded are told by it")

    def _epochs(self, rows: StoredState) -> Iterator[LedgerFinding]:
        for epoch, (number, body) in self.epochs.items():
            where, row, fresh = f"clock epoch {epoch}", rows.epochs.get(epoch), number >= rows.rebuilt
            if row is None or row[:4] != body.row:
                if fresh:
                    what = "it is not there" if row is None else "it is stored as another one"
                    yield LedgerFinding(Code.EPOCH, where, f"{what} (leaf {number}): recorded times are told by it")
                continue
            corrected = self.corrected.get(epoch)
            said = None if corrected is None else corrected.true_offset_ms
            if row.true_offset_ms != said and (fresh or row.true_offset_ms is not None):
                what = f"it is corrected to {row.true_offset_ms} ms by its row, {said} by leaves"
                yield LedgerFinding(Code.EPOCH, where, f"{what}: recorded times are told by it")
        if rows.rebuilt == 0:
            for epoch in sorted(rows.epochs.keys() - self.epochs.keys()):
                yield LedgerFinding(
                    Code.EPOCH, f"clock epoch {epoch}", "no leaf tells of it: recorded times are told by it"
                )

    def _bounds(self, rows: StoredState) -> Iterator[LedgerFinding]:
        for camera, (number, body) in self.bounds.items():
            said, stored = (body.floor_s, body.ceiling_s), rows.bounds.get(camera, (None, None))
            if number >= rows.rebuilt and said != stored:
                what = f"floor and ceiling are stored as {_pair(stored)}, leaf {number} says {_pair(said)}"
                yield LedgerFinding(Code.BOUNDS, f"camera {camera}", what)
        if self.overwriting is not None and self.overwriting[0] >= rows.rebuilt:
            number, overwriting = self.overwriting
            stored_on, at = rows.overwriting, (overwriting.at.boot, overwriting.at.boottime_ms)
            if stored_on is None or stored_on[0] != overwriting.on or stored_on[1:] not in ((None, None), at):
                what = f"whether floors give way, and since when, is not stored as leaf {number} says it"
                yield LedgerFinding(Code.BOUNDS, "on_full", what)
        if self.agreed is not None:
            number, agreed = self.agreed
            if rows.agreed is None or (rows.agreed[0] == number and rows.agreed[1] != agreed.text):
                what = f"they are not stored as leaf {number} says them"
                yield LedgerFinding(Code.BOUNDS, "the bounds that are agreed upon", what)
            elif rows.agreed[0] < number or (rows.agreed[0] > number and rows.agreed[0] >= rows.rebuilt):
                what = f"they are stored as leaf {rows.agreed[0]} would say them; the last one that does is {number}"
                yield LedgerFinding(Code.BOUNDS, "the bounds that are agreed upon", what)


def _of_pin(pin: PinRecord, row: PinLeaf | None, rows: StoredState) -> str | None:
    """What is wrong with the row of a pin. A sidecar may tell of a later version, which makes no pin shorter."""
    body = pin.body
    if row is None:
        return "its row is gone"
    if row.lasts != body.lasts:
        return f"it is stored as {row.state}, and is {body.state}"
    return next((words for words, is_so in _less(body, row, rows) if is_so), None) if body.lasts else None


def _less(body: PinLeaf, row: PinLeaf, rows: StoredState) -> Iterator[tuple[str, bool]]:
    """How the row of a pin that lasts may say less than its leaf, and whether it does."""
    placed, same = body.placed, row.version == body.version
    boot = rows.boots.get(placed.boot)
    is_dated = boot is not None and boot.id == placed.id
    yield "it is approved, and stored as provisional", (body.state, row.state) == ("approved", "provisional")
    yield (
        "it is stored with other cameras, another interval or another ground",
        (set(row.cameras), row.first_ms, row.last_ms, row.ground)
        != (set(body.cameras), body.first_ms, body.last_ms, body.ground),
    )
    yield (
        f"it is stored to last for {row.span_ms} ms, and lasts for {body.span_ms} ms",
        row.span_ms < body.span_ms or (same and row.span_ms != body.span_ms),
    )
    yield "it is stored in another version", row.version < body.version or (same and row.state != body.state)
    yield (
        "it is stored as placed earlier, so that it ends earlier",
        is_dated and row.placed.at[:2] < placed.at[:2],
    )


def _pair(bounds: tuple[int | None, int | None]) -> str:
    return "none" if bounds[0] is None else f"{bounds[0]} s and {bounds[1]} s"


TEXT_MAX: Final = 256 << 10
"""Characters of what is handed in: a note of 64 KiB in JSON, with room."""
WHERE: Final = "the head that was kept outside"
LOOK: Final = "keep this head and the box as they are, and find out who had access to it since"


@dataclass(frozen=True, slots=True)
class Outside:
    """A head as it was handed in."""

    note: Note
    head: Checkpoint


def read(text: str) -> Outside:
    """NoteDamaged: it is none."""
    if len(text) > TEXT_MAX:
        raise NoteDamaged("it is too long")
    note = parse(_note(text))
    return Outside(note, note.checkpoint())


def _note(text: str) -> str:
    """The note alone; of a file that a person made, whatever ends their lines."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if not text.lstrip().startswith("{"):
        return text.lstrip("\n").rstrip("\n") + "\n"
    try:
        told = json.loads(text)
        note = told["note"]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise NoteDamaged("it is JSON without a note") from None
    if not isinstance(note, str):
        raise NoteDamaged("its note is no text")
    return note


def judge(outside: Outside, trees: Trees) -> Iterator[LedgerFinding]:
    """What is wrong with the box, by that head. Nothing: its leaves are there, and it is of the present generation."""
    head = outside.head
    one = trees.of(head.origin)
    if one is None:
        has = trees.made[-1].generation.origin if trees.made else "none"
        what = f"it is of the ledger {head.origin}, which this box does not have (it has {has})"
        why = "the whole ledger was put aside, or this is the head of another box"
        yield LedgerFinding(Code.OUTSIDE_STRANGE, WHERE, f"{what}: {why}", LOOK)
    elif not signed(outside.note, one.generation):
        what = f"it is not signed by the key that the box has for {head.origin}"
        yield LedgerFinding(
            Code.OUTSIDE_SIGNATURE, WHERE, f"{what}: the key was exchanged, or the head was made up", LOOK
        )
    else:
        yield from _held(head, one)
        if one is not trees.made[-1]:
            yield _older(head, one, trees.made[-1])


def _held(head: Checkpoint, one: BuiltTree) -> Iterator[LedgerFinding]:
    if head.size > one.size:
        what = f"it knows {head.size:,} leaves of {head.origin}, the box has {one.size:,}"
        yield LedgerFinding(
            Code.OUTSIDE_AHEAD, WHERE, f"{what}: an older state was put back, or leaves were removed", LOOK
        )
    elif (root := one.root(head.size)) != head.root:
        why = "some are missing" if root is None else "they were written anew"
        what = f"the first {head.size:,} leaves of {head.origin} are not those that it was signed over: {why}"
        yield LedgerFinding(Code.OUTSIDE_ROOT, WHERE, what, LOOK)


def _older(head: Checkpoint, one: BuiltTree, present: BuiltTree) -> LedgerFinding:
    what = f"it is of {head.origin}, which ended with leaf {one.generation.first + one.size - 1}"
    since = f"of {present.generation.origin}, which goes on since leaf {present.generation.first}, it proves nothing"
    action = "hold the box against the last head that the centre has; if it has none of the new one, ask why it began"
    return LedgerFinding(Code.OUTSIDE_OLDER, WHERE, f"{what}; {since}", action)
