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
from storage.audit.findings import Code, LedgerFinding, ages_rest_on, another, at_leaf, not_there, times_rest_on, unread
from storage.audit.queries import Fact, StoredBoot, StoredState
from storage.audit.trees import BuiltTree, Trees, signed
from storage.ledger.note import Checkpoint, Note, NoteDamaged, parse
from storage.pins.rules import PinLeaf, PinState
from storage.retention.table import BoundsLeaf, OverwritingLeaf
from storage.segments.findings_table import FindingLeaf
from storage.volumes.table import VolumeLeaf
from storage.words.message import NOTHING, Message, message

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
                yield LedgerFinding(Code.LEAF_UNREAD, at_leaf(number), unread())
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
                yield LedgerFinding(
                    Code.PIN,
                    message("ledger.pin", "pin {pin}", pin=name),
                    message("ledger.by-leaf", "{what} (leaf {leaf})", what=what, leaf=pin.last),
                )
        yield from self._bounds(rows)
        for key, number in self.findings.items():
            if key not in rows.findings and number >= rows.rebuilt:
                what = message(
                    "ledger.finding-untold",
                    "leaf {leaf} says that it differs ({kind}), no later one that it does not, and it is not told",
                    leaf=number,
                    kind=key[2],
                )
                yield LedgerFinding(
                    Code.STANDING,
                    message("ledger.file-on", "{file} on volume {volume}", file=key[1], volume=key[0]),
                    what,
                )
        for volume in sorted(rows.lost):
            said = self.volumes.get(volume)
            if said is not None and said.body.event != "lost":
                what = message(
                    "ledger.volume-lost",
                    "it is stored as gone for good; leaf {leaf} says: {event}",
                    leaf=said.leaf,
                    event=said.body.event,
                )
                yield LedgerFinding(Code.STANDING, message("ledger.volume", "volume {volume}", volume=volume), what)

    def _boots(self, rows: StoredState) -> Iterator[LedgerFinding]:
        for boot, (number, body) in self.boots.items():
            row, fresh = rows.boots.get(boot), number >= rows.rebuilt
            if row is None or row.id != body.id:
                if fresh:
                    what = not_there(number) if row is None else another(number)
                    yield LedgerFinding(Code.BOOT, _at_boot(boot), what)
                continue
            for what in (self._off(boot, row, fresh), self._attested(boot, row, fresh), self._ran(boot, row, rows)):
                if what:
                    yield LedgerFinding(Code.BOOT, _at_boot(boot), ages_rest_on(what))
            if body.before is not None:
                yield from self._before(number, body.before, rows)

    def _off(self, boot: int, row: StoredBoot, fresh: bool) -> Message:
        """Where it began, and how long the box was off before."""
        began_ms = self.boots[boot].body.began_ms
        if fresh and row.began_ms != began_ms:
            return message(
                "ledger.boot-began",
                "it began after {row} ms by its row, after {leaf} ms by its leaf",
                row=row.began_ms,
                leaf=began_ms,
            )
        body = self.credits.get(boot)
        said = _UNKNOWN if body is None else (body.off_low_ms, body.off_high_ms, body.word)
        if (row.off_low_ms, row.off_high_ms, row.word) == said or not (fresh or row.off_low_ms > said[0]):
            return NOTHING
        return message(
            "ledger.boot-off",
            "it is stored that the box was off for {row} ms before it, leaves say {leaf} ms",
            row=row.off_low_ms,
            leaf=said[0],
        )

    def _attested(self, boot: int, row: StoredBoot, fresh: bool) -> Message:
        body = self.attested.get(boot)
        said = None if body is None else body.off_ms
        if row.attested_ms == said or not (fresh or (row.attested_ms or 0) > (said or 0)):
            return NOTHING
        return message(
            "ledger.boot-attested",
            "attested are {row} ms by its row, {leaf} ms by the leaves",
            row=str(row.attested_ms),
            leaf=str(said),
        )

    def _ran(self, boot: int, row: StoredBoot, rows: StoredState) -> Message:
        end = self.ends.get(boot)
        if end is None or end.leaf < rows.rebuilt or row.ran_ms <= end.body:
            return NOTHING
        return message(
            "ledger.boot-ended",
            "it ended after {told} ms by leaf {leaf}, after {row} ms by its row",
            told=end.body,
            leaf=end.leaf,
            row=row.ran_ms,
        )

    def _before(self, number: int, before: BootBefore, rows: StoredState) -> Iterator[LedgerFinding]:
        """What the next boot found of it. While leaves are read back more of it may become known."""
        row, first = rows.boots.get(before.boot), self.boots.get(before.boot)
        if row is None or first is None or first.leaf < rows.rebuilt:
            return
        if (row.ran_ms, row.lag_us, row.gain_us) != (before.ran_ms, before.lag_us, before.gain_us):
            what = message(
                "ledger.boot-ran",
                "it ran for {row} ms by its row, {told} ms by leaf {leaf}",
                row=row.ran_ms,
                told=before.ran_ms,
                leaf=number,
            )
            yield LedgerFinding(Code.BOOT, _at_boot(before.boot), ages_rest_on(what))

    def _epochs(self, rows: StoredState) -> Iterator[LedgerFinding]:
        for epoch, (number, body) in self.epochs.items():
            where, row, fresh = _at_epoch(epoch), rows.epochs.get(epoch), number >= rows.rebuilt
            if row is None or row[:4] != body.row:
                if fresh:
                    what = not_there(number) if row is None else another(number)
                    yield LedgerFinding(Code.EPOCH, where, times_rest_on(what))
                continue
            corrected = self.corrected.get(epoch)
            said = None if corrected is None else corrected.true_offset_ms
            if row.true_offset_ms != said and (fresh or row.true_offset_ms is not None):
                what = message(
                    "ledger.epoch-corrected",
                    "it is corrected to {row} ms by its row, {told} by leaves",
                    row=str(row.true_offset_ms),
                    told=str(said),
                )
                yield LedgerFinding(Code.EPOCH, where, times_rest_on(what))
        if rows.rebuilt == 0:
            for epoch in sorted(rows.epochs.keys() - self.epochs.keys()):
                yield LedgerFinding(
                    Code.EPOCH, _at_epoch(epoch), times_rest_on(message("ledger.untold", "no leaf tells of it"))
                )

    def _bounds(self, rows: StoredState) -> Iterator[LedgerFinding]:
        for camera, (number, body) in self.bounds.items():
            said, stored = (body.floor_s, body.ceiling_s), rows.bounds.get(camera, (None, None))
            if number >= rows.rebuilt and said != stored:
                what = message(
                    "ledger.bounds",
                    "floor and ceiling are stored as {row}, leaf {leaf} says {told}",
                    row=_pair(stored),
                    leaf=number,
                    told=_pair(said),
                )
                yield LedgerFinding(Code.BOUNDS, message("ledger.camera", "camera {camera}", camera=camera), what)
        if self.overwriting is not None and self.overwriting[0] >= rows.rebuilt:
            number, overwriting = self.overwriting
            stored_on, at = rows.overwriting, (overwriting.at.boot, overwriting.at.boottime_ms)
            if stored_on is None or stored_on[0] != overwriting.on or stored_on[1:] not in ((None, None), at):
                what = message(
                    "ledger.on-full",
                    "whether floors give way, and since when, is not stored as leaf {leaf} says it",
                    leaf=number,
                )
                yield LedgerFinding(Code.BOUNDS, "on_full", what)
        if self.agreed is not None:
            number, agreed = self.agreed
            if rows.agreed is None or (rows.agreed[0] == number and rows.agreed[1] != agreed.text):
                what = message("ledger.agreed", "they are not stored as leaf {leaf} says them", leaf=number)
                yield LedgerFinding(Code.BOUNDS, _AGREED, what)
            elif rows.agreed[0] < number or (rows.agreed[0] > number and rows.agreed[0] >= rows.rebuilt):
                what = message(
                    "ledger.agreed-by",
                    "they are stored as leaf {leaf} would say them; the last one that does is {last}",
                    leaf=rows.agreed[0],
                    last=number,
                )
                yield LedgerFinding(Code.BOUNDS, _AGREED, what)


def _of_pin(pin: PinRecord, row: PinLeaf | None, rows: StoredState) -> Message | None:
    """What is wrong with the row of a pin. A sidecar may tell of a later version, which makes no pin shorter."""
    body = pin.body
    if row is None:
        return message("ledger.pin-gone", "its row is gone")
    if row.lasts != body.lasts:
        return message(
            "ledger.pin-state", "it is stored as {row}, and is {told}", row=_state(row.state), told=_state(body.state)
        )
    return next((words for words, is_so in _less(body, row, rows) if is_so), None) if body.lasts else None


def _state(name: str) -> Message:
    """As a leaf has it: another version may know other ones."""
    return PinState(name).word if name in set(PinState) else Message(name)


def _less(body: PinLeaf, row: PinLeaf, rows: StoredState) -> Iterator[tuple[Message, bool]]:
    """How the row of a pin that lasts may say less than its leaf, and whether it does."""
    placed, same = body.placed, row.version == body.version
    boot = rows.boots.get(placed.boot)
    is_dated = boot is not None and boot.id == placed.id
    yield (
        message("ledger.pin-provisional", "it is approved, and stored as provisional"),
        (body.state, row.state) == ("approved", "provisional"),
    )
    yield (
        message("ledger.pin-others", "it is stored with other cameras, another interval or another ground"),
        (set(row.cameras), row.first_ms, row.last_ms, row.ground)
        != (set(body.cameras), body.first_ms, body.last_ms, body.ground),
    )
    yield (
        message(
            "ledger.pin-span",
            "it is stored to last for {row} ms, and lasts for {told} ms",
            row=row.span_ms,
            told=body.span_ms,
        ),
        row.span_ms < body.span_ms or (same and row.span_ms != body.span_ms),
    )
    yield (
        message("ledger.pin-version", "it is stored in another version"),
        row.version < body.version or (same and row.state != body.state),
    )
    yield (
        message("ledger.pin-earlier", "it is stored as placed earlier, so that it ends earlier"),
        is_dated and row.placed.at[:2] < placed.at[:2],
    )


def _pair(bounds: tuple[int | None, int | None]) -> Message:
    floor_s, ceiling_s = bounds
    if floor_s is None or ceiling_s is None:
        return message("ledger.no-bounds", "none")
    return message("ledger.two-bounds", "{floor} s and {ceiling} s", floor=floor_s, ceiling=ceiling_s)


def _at_boot(boot: int) -> Message:
    return message("ledger.boot", "boot {boot}", boot=boot)


def _at_epoch(epoch: int) -> Message:
    return message("ledger.epoch", "clock epoch {epoch}", epoch=epoch)


_AGREED: Final = message("ledger.agreed-bounds", "the bounds that are agreed upon")


TEXT_MAX: Final = 256 << 10
"""Characters of what is handed in: a note of 64 KiB in JSON, with room."""
WHERE: Final = message("ledger.outside", "the head that was kept outside")
LOOK: Final = message(
    "ledger.outside.action", "keep this head and the box as they are, and find out who had access to it since"
)


@dataclass(frozen=True, slots=True)
class Outside:
    """A head as it was handed in."""

    note: Note
    head: Checkpoint


def read(text: str) -> Outside:
    """NoteDamaged: it is none."""
    if len(text) > TEXT_MAX:
        raise NoteDamaged(message("ledger.note-too-long", "it is too long"))
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
        raise NoteDamaged(message("ledger.note-missing", "it is JSON without a note")) from None
    if not isinstance(note, str):
        raise NoteDamaged(message("ledger.note-no-text", "its note is no text"))
    return note


def judge(outside: Outside, trees: Trees) -> Iterator[LedgerFinding]:
    """What is wrong with the box, by that head. Nothing: its leaves are there, and it is of the present generation."""
    head = outside.head
    one = trees.of(head.origin)
    if one is None:
        has = trees.made[-1].generation.origin if trees.made else message("ledger.none-here", "none")
        what = message(
            "ledger.outside-strange",
            "it is of the ledger {origin}, which this box does not have (it has {present}): the whole ledger was put"
            " aside, or this is the head of another box",
            origin=head.origin,
            present=has,
        )
        yield LedgerFinding(Code.OUTSIDE_STRANGE, WHERE, what, LOOK)
    elif not signed(outside.note, one.generation):
        what = message(
            "ledger.outside-signature",
            "it is not signed by the key that the box has for {origin}: the key was exchanged, or the head was made up",
            origin=head.origin,
        )
        yield LedgerFinding(Code.OUTSIDE_SIGNATURE, WHERE, what, LOOK)
    else:
        yield from _held(head, one)
        if one is not trees.made[-1]:
            yield _older(head, one, trees.made[-1])


def _held(head: Checkpoint, one: BuiltTree) -> Iterator[LedgerFinding]:
    if head.size > one.size:
        what = message(
            "ledger.outside-ahead",
            "it knows {size} leaves of {origin}, the box has {there}: an older state was put back, or leaves were"
            " removed",
            size=f"{head.size:,}",
            origin=head.origin,
            there=f"{one.size:,}",
        )
        yield LedgerFinding(Code.OUTSIDE_AHEAD, WHERE, what, LOOK)
    elif (root := one.root(head.size)) != head.root:
        if root is None:
            why = message("ledger.some-missing", "some are missing")
        else:
            why = message("ledger.written-anew", "they were written anew")
        what = message(
            "ledger.outside-root",
            "the first {size} leaves of {origin} are not those that it was signed over: {why}",
            size=f"{head.size:,}",
            origin=head.origin,
            why=why,
        )
        yield LedgerFinding(Code.OUTSIDE_ROOT, WHERE, what, LOOK)


def _older(head: Checkpoint, one: BuiltTree, present: BuiltTree) -> LedgerFinding:
    what = message(
        "ledger.outside-older",
        "it is of {origin}, which ended with leaf {last}; of {present}, which goes on since leaf {first}, it proves"
        " nothing",
        origin=head.origin,
        last=one.generation.first + one.size - 1,
        present=present.generation.origin,
        first=present.generation.first,
    )
    action = message(
        "ledger.outside-older.action",
        "hold the box against the last head that the centre has; if it has none of the new one, ask why it began",
    )
    return LedgerFinding(Code.OUTSIDE_OLDER, WHERE, what, action)
