"""What leaves say of boots, clocks, pins, bounds and findings, against the rows that decide by it. Pure.

The leaves come in order; of each thing the last word is kept. A database that was made anew counts some things
otherwise than the one before: of what was entered before that, only what would let something go earlier is a finding.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from storage.catalog.ground import Boot, Fact, PinRow, Rows
from storage.catalog.ledger import Leaf, canonical
from storage.ledger.findings import Code, Finding
from storage.ledger.tree import LEAF

Told: TypeAlias = tuple[int, Mapping[str, Any]]
"""Number and body of a leaf."""

LASTS: Final = ("provisional", "approved")
_UNKNOWN: Final = (0, None, "unproven")
"""How long the box was off before a boot, while nothing was credited."""


@dataclass(slots=True)
class PinTold:
    """What became of a pin."""

    first: int
    """Number of the first leaf that tells of it."""
    last: Told
    placed: bool
    """The first one says that it was placed, here and then."""

    @property
    def body(self) -> Mapping[str, Any]:
        return self.last[1]

    @property
    def lasts(self) -> bool:
        return self.body["state"] in LASTS


@dataclass(slots=True)
class Ground:
    """The last word of each thing, as far as the leaves were read."""

    boots: dict[int, Told] = field(default_factory=dict)
    ends: dict[int, Told] = field(default_factory=dict)
    """Of boots: the leaf of a clean stop, as long as nothing ran in them since."""
    credits: dict[int, Told] = field(default_factory=dict)
    attested: dict[int, Told] = field(default_factory=dict)
    epochs: dict[int, Told] = field(default_factory=dict)
    corrected: dict[int, Told] = field(default_factory=dict)
    pins: dict[str, PinTold] = field(default_factory=dict)
    bounds: dict[str, Told] = field(default_factory=dict)
    overwriting: Told | None = None
    agreed: Told | None = None
    findings: dict[tuple[str, str, str], int] = field(default_factory=dict)
    """Those that stand, by the leaf that says so."""
    volumes: dict[str, Told] = field(default_factory=dict)

    def take(self, facts: list[Fact]) -> Iterator[Finding]:
        """Leaves of `storage.catalog.ground.KINDS`, in order; those that do not say what their kind says."""
        for number, kind, data in facts:
            try:
                self._take(number, kind, json.loads(data[len(LEAF) :])["b"])
            except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
                yield Finding(Code.LEAF_UNREAD, f"leaf {number}", "it does not say what leaves of its kind say")

    def _take(self, number: int, kind: str, body: Mapping[str, Any]) -> None:
        take = _TAKE.get(kind)
        if take is not None:
            take(self, (number, body))

    def _boot(self, told: Told) -> None:
        self.boots[told[1]["boot"]] = told[0], {**told[1], "id": told[1]["id"]}

    def _bound(self, told: Told) -> None:
        self.bounds[told[1]["camera"]] = told[0], {name: told[1][name] for name in ("floor_s", "ceiling_s")}

    def _overwriting(self, told: Told) -> None:
        self.overwriting = told[0], {"on": told[1]["on"], "at": told[1]["at"]}

    def _agreed(self, told: Told) -> None:
        self.agreed = told

    def _finding(self, told: Told) -> None:
        key = told[1]["volume"], told[1]["path"], told[1]["kind"]
        self.findings.pop(key, None)
        if told[1]["state"] == "differs":
            self.findings[key] = told[0]

    def _volume(self, told: Told) -> None:
        self.volumes[told[1]["volume"]] = told[0], {"event": told[1]["event"]}

    def _rebuilt(self, _: Told) -> None:
        self.findings.clear()  # a new database looks for itself

    def _run(self, told: Told) -> None:
        boot = told[1].get("boot")
        if boot is not None:
            self.ends.pop(boot, None)
            if told[1].get("end") is True:
                self.ends[boot] = told

    def _clock(self, told: Told) -> None:
        what, body = told[1]["what"], told[1]
        if what == "credit":
            self.credits[body["boot"]] = told
        elif what == "attested":
            self.attested[body["boot"]] = told
        elif "wall_ms" in body:  # earlier versions told less
            self.epochs.setdefault(body["epoch"], told)
            if what == "corrected":
                self.corrected[body["epoch"]] = told[0], {"true_offset_ms": body["true_offset_ms"]}

    def _pin(self, told: Told) -> None:
        name, placed = told[1]["pin"], told[1]["what"] == "placed"
        before = self.pins.get(name)
        self.pins[name] = PinTold(
            told[0] if before is None else before.first, told, before.placed if before else placed
        )

    # --- against the rows ---------------------------------------------------------------------------------------------

    def differences(self, rows: Rows) -> Iterator[Finding]:
        """Rows that say something else."""
        yield from self._boots(rows)
        yield from self._epochs(rows)
        for name, pin in self.pins.items():
            what = _of_pin(pin, rows.pins.get(name), rows)
            if what is not None:
                yield Finding(Code.PIN, f"pin {name}", f"{what} (leaf {pin.last[0]})")
        yield from self._bounds(rows)
        for key, number in self.findings.items():
            if key not in rows.findings and number >= rows.rebuilt:
                what = (
                    f"leaf {number} says that it differs ({key[2]}), no later one that it does not, and it is not told"
                )
                yield Finding(Code.STANDING, f"{key[1]} on volume {key[0]}", what)
        for volume in sorted(rows.lost):
            number, body = self.volumes.get(volume, (0, {"event": "lost"}))
            if body["event"] != "lost":
                what = f"it is stored as gone for good; leaf {number} says: {body['event']}"
                yield Finding(Code.STANDING, f"volume {volume}", what)

    def _boots(self, rows: Rows) -> Iterator[Finding]:
        for boot, (number, body) in self.boots.items():
            row, fresh = rows.boots.get(boot), number >= rows.rebuilt
            if row is None or row.id != body["id"]:
                if fresh:
                    what = "it is not there" if row is None else "it is stored as another one"
                    yield Finding(Code.BOOT, f"boot {boot}", f"{what} (leaf {number})")
                continue
            for what in (self._off(boot, row, fresh), self._attested(boot, row, fresh), self._ran(boot, row, rows)):
                if what:
                    yield Finding(Code.BOOT, f"boot {boot}", f"{what}: ages of what was recorded are told by it")
            before = body.get("before")
            if before is not None:
                yield from self._before(number, before, rows)

    def _off(self, boot: int, row: Boot, fresh: bool) -> str:
        """Where it began, and how long the box was off before."""
        began_ms = self.boots[boot][1].get("began_ms", 0)
        if fresh and row.began_ms != began_ms:
            return f"it began after {row.began_ms} ms by its row, after {began_ms} ms by its leaf"
        _, body = self.credits.get(boot, (0, {}))
        told = (body["off_low_ms"], body["off_high_ms"], body["word"]) if body else _UNKNOWN
        if (row.off_low_ms, row.off_high_ms, row.word) == told or not (fresh or row.off_low_ms > told[0]):
            return ""
        return f"it is stored that the box was off for {row.off_low_ms} ms before it, leaves say {told[0]} ms"

    def _attested(self, boot: int, row: Boot, fresh: bool) -> str:
        _, body = self.attested.get(boot, (0, {"off_ms": None}))
        told = body["off_ms"]
        if row.attested_ms == told or not (fresh or (row.attested_ms or 0) > (told or 0)):
            return ""
        return f"attested are {row.attested_ms} ms by its row, {told} ms by the leaves"

    def _ran(self, boot: int, row: Boot, rows: Rows) -> str:
        number, body = self.ends.get(boot, (0, {}))
        if not body or number < rows.rebuilt or row.ran_ms <= body["boottime_ms"]:
            return ""
        return f"it ended after {body['boottime_ms']} ms by leaf {number}, after {row.ran_ms} ms by its row"

    def _before(self, number: int, before: Mapping[str, Any], rows: Rows) -> Iterator[Finding]:
        """What the next boot found of it. While leaves are read back more of it may become known."""
        boot = before["boot"]
        row, (first, _) = rows.boots.get(boot), self.boots.get(boot, (0, {}))
        if row is None or first < rows.rebuilt or not first:
            return
        told = before["ran_ms"], before["lag_us"], before["gain_us"]
        if (row.ran_ms, row.lag_us, row.gain_us) != told:
            what = f"it ran for {row.ran_ms} ms by its row, {told[0]} ms by leaf {number}"
            yield Finding(Code.BOOT, f"boot {boot}", f"{what}: ages of what was recorded are told by it")

    def _epochs(self, rows: Rows) -> Iterator[Finding]:
        for epoch, (number, body) in self.epochs.items():
            where, row, fresh = f"clock epoch {epoch}", rows.epochs.get(epoch), number >= rows.rebuilt
            told = body["boot"], body["wall_ms"], body["boottime_ms"], int(body["synced"])
            if row is None or row[:4] != told:
                if fresh:
                    what = "it is not there" if row is None else "it is stored as another one"
                    yield Finding(Code.EPOCH, where, f"{what} (leaf {number}): recorded times are told by it")
                continue
            _, corrected = self.corrected.get(epoch, (0, {"true_offset_ms": None}))
            if row.true_offset_ms != corrected["true_offset_ms"] and (fresh or row.true_offset_ms is not None):
                what = f"it is corrected to {row.true_offset_ms} ms by its row, {corrected['true_offset_ms']} by leaves"
                yield Finding(Code.EPOCH, where, f"{what}: recorded times are told by it")
        if rows.rebuilt == 0 and self.epochs:
            first = min(self.epochs)  # those before are of an earlier version
            for epoch in sorted(epoch for epoch in rows.epochs if epoch >= first and epoch not in self.epochs):
                yield Finding(Code.EPOCH, f"clock epoch {epoch}", "no leaf tells of it: recorded times are told by it")

    def _bounds(self, rows: Rows) -> Iterator[Finding]:
        for camera, (number, body) in self.bounds.items():
            told, stored = (body["floor_s"], body["ceiling_s"]), rows.bounds.get(camera, (None, None))
            if number >= rows.rebuilt and told != stored:
                what = f"floor and ceiling are stored as {_pair(stored)}, leaf {number} says {_pair(told)}"
                yield Finding(Code.BOUNDS, f"camera {camera}", what)
        if self.overwriting is not None and self.overwriting[0] >= rows.rebuilt:
            number, body = self.overwriting
            stored_on = rows.overwriting
            at = body["at"]["boot"], body["at"]["boottime_ms"]
            if stored_on is None or stored_on[0] != body["on"] or stored_on[1:] not in ((None, None), at):
                what = f"whether floors give way, and since when, is not stored as leaf {number} says it"
                yield Finding(Code.BOUNDS, "on_full", what)
        if self.agreed is not None:
            number, body = self.agreed
            if rows.agreed is None or (rows.agreed[0] == number and rows.agreed[1] != canonical(body)):
                what = f"they are not stored as leaf {number} says them"
                yield Finding(Code.BOUNDS, "the bounds that are agreed upon", what)
            elif rows.agreed[0] < number or (rows.agreed[0] > number and rows.agreed[0] >= rows.rebuilt):
                what = f"they are stored as leaf {rows.agreed[0]} would say them; the last one that does is {number}"
                yield Finding(Code.BOUNDS, "the bounds that are agreed upon", what)


def _of_pin(pin: PinTold, row: PinRow | None, rows: Rows) -> str | None:
    """What is wrong with the row of a pin. A sidecar may tell of a later version, which makes no pin shorter."""
    body = pin.body
    if row is None:
        return "its row is gone"
    if row.lasts != pin.lasts:
        return f"it is stored as {row.state}, and is {body['state']}"
    return next((words for words, is_so in _less(body, row, rows) if is_so), None) if pin.lasts else None


def _less(body: Mapping[str, Any], row: PinRow, rows: Rows) -> Iterator[tuple[str, bool]]:
    """How the row of a pin that lasts may say less than its leaf, and whether it does."""
    told = set(body["cameras"]), body["from"], body["to"], body["ground"]
    placed, same = body["placed"], row.version == body["version"]
    boot = rows.boots.get(placed["boot"])
    is_dated = boot is not None and boot.id == placed["id"]
    yield "it is approved, and stored as provisional", (body["state"], row.state) == ("approved", "provisional")
    yield (
        "it is stored with other cameras, another interval or another ground",
        (set(row.cameras), row.first_ms, row.last_ms, row.ground) != told,
    )
    yield (
        f"it is stored to last for {row.span_ms} ms, and lasts for {body['span_ms']} ms",
        row.span_ms < body["span_ms"] or (same and row.span_ms != body["span_ms"]),
    )
    yield "it is stored in another version", row.version < body["version"] or (same and row.state != body["state"])
    yield (
        "it is stored as placed earlier, so that it ends earlier",
        is_dated and (row.boot, row.boottime_ms) < (placed["boot"], placed["boottime_ms"]),
    )


def _pair(bounds: tuple[Any, Any]) -> str:
    return "none" if bounds[0] is None else f"{bounds[0]} s and {bounds[1]} s"


_TAKE: Final[Mapping[str, Callable[[Ground, Told], None]]] = {
    Leaf.BOOT: Ground._boot,
    Leaf.RUN: Ground._run,
    Leaf.CLOCK: Ground._clock,
    Leaf.PIN: Ground._pin,
    Leaf.BOUNDS: Ground._bound,
    Leaf.OVERWRITING: Ground._overwriting,
    Leaf.AGREED: Ground._agreed,
    Leaf.FINDING: Ground._finding,
    Leaf.VOLUME: Ground._volume,
    Leaf.REBUILT: Ground._rebuilt,
}
