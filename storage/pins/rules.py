"""What a pin is, may, lasts and costs, and the leaf that tells it. Pure: values in, values or a refusal out.

Keeps S2's other half: what was not allowed is refused before anything is placed; and S7: a pin ends by running time,
of which the low bound counts, so that no clock ends one early.

`PinLeaf` is declared once: what became of a pin, without anything that tells of people. The writer makes its body of
it, the rebuild puts the row back by it (both `storage.pins.table`), and the check holds the row against it
(`storage.audit.ledger_state`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from storage.ages.history import Point
from storage.ages.leaves import LeafPlace, Whole
from storage.approvals.table import Person
from storage.words.errors import OrderRefused, OrderWrong, TooOften
from storage.words.message import Message, message

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
PROVISIONAL_MS: Final = 72 * HOUR_MS
"""How long a pin holds without a second person's approval: a weekend."""
AHEAD_MAX_MS: Final = DAY_MS
"""How far an interval may reach into the future: to keep what is happening now, not to set up a second recorder."""
SEGMENTS_MAX: Final = 20_000
"""Of one pin: a day of 64 cameras (18,432), or 69 days of one, at 5 minutes. While it is placed their rows are in
memory, some 20 MB, and a person waits for as many links; whoever needs more places several."""
LASTING_MAX: Final = 1_000
"""Pins at a time: each is looked at every few seconds."""
KEYS_FIRST: Final = 1 << 32
"""Numbers of placers: below it people with accounts, from it on keys of the centre."""
WAITING_MAX: Final = 20
"""Provisional pins of one key of the centre at a time: all 32 that there may be leave a third of `LASTING_MAX` to
people at the box, who would have to look at each of them within 72 h."""
REQUEST: Final = Person(-2, "request")
"""Places what a request for footage holds: that needs no approval, and lasts as long as its case."""
REQUEST_SPAN_MS: Final = 100 * 366 * DAY_MS
TEXT_MAX: Final = 200
"""Characters of a case, a reference or a name."""


class Ground(StrEnum):
    """Why footage is kept out of the ring."""

    LAW = "law"
    """A statute; the reference is its article."""
    INVESTIGATION = "investigation"
    """Of an offence; the reference is the number of the letter."""
    INTERNAL = "internal"
    """The office's own reasons. Holds nothing beyond its ceiling."""

    @property
    def crosses_ceiling(self) -> bool:
        """Only what the texts name does (J4: 其他法律另有規定、調查犯罪及其他違法行為)."""
        return self is not Ground.INTERNAL


class PinState(StrEnum):
    PROVISIONAL = "provisional"
    """Placed, and not approved by a second person yet."""
    APPROVED = "approved"
    RELEASED = "released"
    LAPSED = "lapsed"

    @property
    def lasts(self) -> bool:
        return self in (PinState.PROVISIONAL, PinState.APPROVED)

    @property
    def word(self) -> Message:
        """For people."""
        match self:
            case PinState.PROVISIONAL:
                return message("pin.state.provisional", "provisional")
            case PinState.APPROVED:
                return message("pin.state.approved", "approved")
            case PinState.RELEASED:
                return message("pin.state.released", "released")
            case PinState.LAPSED:
                return message("pin.state.lapsed", "lapsed")


@dataclass(frozen=True, slots=True)
class Interval:
    """Of wall time, from the first millisecond to the one behind the last."""

    first_ms: int
    last_ms: int

    def touches(self, start_ms: int, duration_ms: int) -> bool:
        """Whole segments are pinned: one that has a moment in common is in it (rounding outward)."""
        return start_ms < self.last_ms and (start_ms + duration_ms > self.first_ms or start_ms >= self.first_ms)


@dataclass(frozen=True, slots=True)
class PinOrder:
    """A pin as a person asks for it."""

    cameras: tuple[str, ...]
    interval: Interval
    ground: Ground
    reference: str
    """Article or letter number; "" for `internal`."""
    case: str
    approver: str
    """Who is to answer for it, as the placer names them; perhaps nobody with an account here."""
    span_ms: int
    """How long it is to last from when it is placed, in running time."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A row of pins."""

    number: int
    id: str
    state: PinState
    version: int
    order: PinOrder
    """`span_ms` with its extensions."""
    placer: Person
    approved_by: str | None
    placed: Point
    adopted: bool
    """Found on a volume without a row."""
    ended_ms: int | None = None
    ended_by: str | None = None
    ended_reason: str | None = None

    @property
    def is_request(self) -> bool:
        """It holds the footage of the request that is its case."""
        return self.placer.uid == REQUEST.uid


@dataclass(frozen=True, slots=True)
class Left:
    """How long a pin goes on."""

    pin: Pin
    age_ms: int
    """Running time since it was placed, at the least."""
    left_ms: int
    """Running time until it ends, or lapses for want of an approval, at the least; 0 when it has ended."""
    until_ms: int
    """The same as wall time, if the box runs on and nobody sets its clock: an estimate."""


class Presence(StrEnum):
    """Whether what lies on a volume can be reached."""

    THERE = "there"
    AWAY = "away"
    LOST = "lost"
    """Gone for good, and replaced."""


@dataclass(frozen=True, slots=True)
class Share:
    """What a pin holds on one volume; nothing where only its sidecar lies."""

    volume: str
    path: Path
    presence: Presence
    segments: int
    bytes: int


@dataclass(frozen=True, slots=True)
class PinStatus(Left):
    """A pin as it is now, with what it holds."""

    shares: tuple[Share, ...]

    @property
    def segments(self) -> int:
        return sum(share.segments for share in self.shares)

    @property
    def bytes(self) -> int:
        return sum(share.bytes for share in self.shares)

    @property
    def volumes(self) -> tuple[str, ...]:
        return tuple(share.volume for share in self.shares)

    @property
    def unreachable(self) -> tuple[Share, ...]:
        """What is protected, and cannot be reached."""
        return tuple(share for share in self.shares if share.segments and share.presence is not Presence.THERE)


@dataclass(frozen=True, slots=True)
class CameraCost:
    """What a pin will hold of one camera, rounded outward; None where nothing is recorded yet."""

    camera: str
    first_ms: int | None
    last_ms: int | None
    segments: int
    bytes: int
    coming_bytes: int
    """What is still to be recorded, at its measured rate."""


@dataclass(frozen=True, slots=True)
class VolumeCost:
    """What a pin takes of one volume."""

    volume: str
    path: Path
    new_bytes: int
    """Not pinned by others already; what is still to be recorded counts where most room is."""
    pinned_bytes: int
    """By others."""
    limit_bytes: int
    """What edged may keep there; 0 while it is away and nobody knows."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a pin costs, told before it is placed."""

    cameras: tuple[CameraCost, ...]
    volumes: tuple[VolumeCost, ...]
    segments: int
    bytes: int
    new_bytes: int
    headroom_ms: int | None
    """So much recording of all cameras its bytes are worth; None while no rate is known."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`[pins]` of the configuration."""

    max_ms: int
    share_percent: float


def lasts_ms(state: PinState, span_ms: int) -> int:
    """How long, from when it was placed: a provisional one waits for its approval only so long."""
    if not state.lasts:
        return 0
    return min(span_ms, PROVISIONAL_MS) if state is PinState.PROVISIONAL else span_ms


def why_over(state: PinState, span_ms: int) -> Message:
    """Of one of which nothing is left."""
    unapproved = state is PinState.PROVISIONAL and span_ms > PROVISIONAL_MS
    if unapproved:
        return message("pin.not-approved-in-time", "nobody approved it in time")
    return message("pin.time-over", "its time was over")


def left_ms(state: PinState, span_ms: int, age_low_ms: int) -> int:
    """What is left of it; 0: it is over."""
    return max(0, lasts_ms(state, span_ms) - age_low_ms)


def protects(ground: Ground, *, past_ceiling: bool) -> bool:
    """Whether a pin that lasts holds this segment."""
    return ground.crosses_ceiling or not past_ceiling


def check_order(order: PinOrder, limits: Limits, now_wall_ms: int) -> None:
    """OrderWrong for what no footage could make right."""
    if not order.cameras:
        raise OrderWrong(
            message("pin.no-camera", "no camera is named"), message("pin.no-camera.action", "name one with --camera")
        )
    if order.interval.first_ms >= order.interval.last_ms:
        raise OrderWrong(
            message("pin.interval-empty", "the interval is empty"),
            message("pin.interval-empty.action", "--from must be earlier than --to"),
        )
    if order.interval.last_ms > now_wall_ms + AHEAD_MAX_MS:
        raise OrderWrong(
            message("pin.too-far-ahead", "the interval ends more than 24 h from now"),
            message("pin.too-far-ahead.action", "end it earlier, and place another one then"),
        )
    if order.ground.crosses_ceiling and not order.reference:
        if order.ground is Ground.LAW:
            raise OrderWrong(
                message("pin.needs-article", "ground {ground} needs its article", ground=order.ground.value),
                message(
                    "pin.needs-article.action", "write it as --ground '{ground}: article'", ground=order.ground.value
                ),
            )
        raise OrderWrong(
            message("pin.needs-letter", "ground {ground} needs its letter number", ground=order.ground.value),
            message(
                "pin.needs-letter.action", "write it as --ground '{ground}: letter number'", ground=order.ground.value
            ),
        )
    for name, text in (("case", order.case), ("approver", order.approver)):
        if not text:
            raise OrderWrong(
                message("pin.not-named", "the {name} is not named", name=name),
                message("pin.not-named.action", "name it with --{name}", name=name),
            )
    for name, text in (("case", order.case), ("approver", order.approver), ("reference", order.reference)):
        if len(text) > TEXT_MAX or not text.isprintable():
            raise OrderWrong(
                message(
                    "pin.not-one-line",
                    "the {name} is not one line of at most {limit} characters",
                    name=name,
                    limit=TEXT_MAX,
                ),
                message("pin.not-one-line.action", "write it shorter"),
            )
    check_span(order.span_ms, limits)


def check_own(pin: Pin) -> None:
    """OrderRefused where no person decides how long it lasts."""
    if pin.is_request:
        raise OrderRefused(
            message("pin.of-request", "{pin} holds what request {case} asks for", pin=pin.id, case=pin.order.case),
            message("pin.of-request.action", "it ends with the case: edgectl request show {case}", case=pin.order.case),
        )


def check_waiting(lasting: Iterable[Pin], key: int) -> None:
    """TooOften where enough pins of this key of the centre wait for a person."""
    waiting = sum(pin.state is PinState.PROVISIONAL and pin.placer.uid == key for pin in lasting)
    if waiting >= WAITING_MAX:
        what = message("pin.key-waits", "{count} pins of this key wait for approval, and no more may", count=waiting)
        raise TooOften(
            what,
            message(
                "pin.key-waits.action", "let somebody at the box approve them (edgectl pin approve), or let them lapse"
            ),
        )


def check_again(known: Iterable[Pin], interval: Interval, cameras: Iterable[CameraCost]) -> None:
    """What a key of the centre asks for: OrderRefused where a pin of such a key held some of it, and ended unapproved.

    Else keys that place one pin after the other would keep what no person ever asked for, beyond its ceiling.
    """
    over = [pin for pin in known if pin.placer.uid >= KEYS_FIRST and not pin.state.lasts and pin.approved_by is None]
    for camera in cameras:
        held = _held(interval, camera)
        for pin in over:
            before = pin.order.interval
            if camera.camera in pin.order.cameras and held.touches(before.first_ms, before.last_ms - before.first_ms):
                what = message(
                    "pin.held-before",
                    "{pin} of the centre held this footage of camera {camera}, and nobody approved it",
                    pin=pin.id,
                    camera=camera.camera,
                )
                raise OrderRefused(
                    what, message("pin.held-before.action", "let somebody at the box place this pin (edgectl pin add)")
                )


def _held(interval: Interval, camera: CameraCost) -> Interval:
    """With the whole of each segment that it touches."""
    first_ms = interval.first_ms if camera.first_ms is None else min(camera.first_ms, interval.first_ms)
    last_ms = interval.last_ms if camera.last_ms is None else max(camera.last_ms, interval.last_ms)
    return Interval(first_ms, last_ms)


def check_span(span_ms: int, limits: Limits, age_low_ms: int = 0) -> None:
    """How long a pin may last, counted from when it was placed, extensions included."""
    if span_ms <= age_low_ms:
        raise OrderWrong(
            message("pin.end-passed", "its end has passed already"),
            message("pin.end-passed.action", "choose a later --until"),
        )
    if span_ms > limits.max_ms:
        raise OrderWrong(
            message(
                "pin.too-long",
                "it would last {days} days from its placing, and at most {limit} are allowed",
                days=f"{span_ms / DAY_MS:.1f}",
                limit=limits.max_ms / DAY_MS,
            ),
            message("pin.too-long.action", "choose an earlier --until; [pins] max in edged.toml sets the limit"),
        )


def check_cost(cost: Cost, limits: Limits) -> None:
    """No pin of too many segments, and no volume pinned full."""
    if cost.segments > SEGMENTS_MAX:
        what = message(
            "pin.too-many-segments",
            "it touches more than the {limit} segments that one pin may hold",
            limit=SEGMENTS_MAX,
        )
        raise OrderRefused(
            what, message("pin.too-many-segments.action", "place several pins, of fewer cameras or shorter intervals")
        )
    for volume in cost.volumes:
        allowed = int(volume.limit_bytes * limits.share_percent / 100)
        if volume.limit_bytes and volume.new_bytes and volume.pinned_bytes + volume.new_bytes > allowed:
            what = message(
                "pin.volume-share",
                "volume {path} would hold {sum} of pinned footage, {pinned} of it pinned already; "
                "{percent} % of its {limit} may be pinned, which is {allowed}",
                path=str(volume.path),
                sum=_size(volume.pinned_bytes + volume.new_bytes),
                pinned=_size(volume.pinned_bytes),
                percent=limits.share_percent,
                limit=_size(volume.limit_bytes),
                allowed=_size(allowed),
            )
            raise OrderRefused(
                what,
                message("pin.volume-share.action", "pin less, or release what is needed no longer (edgectl pin list)"),
            )


def headroom_ms(new_bytes: int, bytes_per_day: Iterable[float | None]) -> int | None:
    """How long all cameras could have recorded into the space that is taken."""
    a_day = sum(rate or 0.0 for rate in bytes_per_day)
    return int(new_bytes / a_day * DAY_MS) if a_day > 0 else None


def _size(count: int) -> str:
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count / 1e3:.1f} kB"


class PinLeaf(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that is held, and for how long; what only a sidecar knows is in none."""

    what: str
    pin: str
    state: str
    version: Whole
    placed: LeafPlace
    cameras: tuple[str, ...]
    first_ms: Whole = msgspec.field(name="from")
    last_ms: Whole = msgspec.field(name="to")
    ground: str
    span_ms: Whole
    segments: Whole | None = None
    signed: bool | None = None
    """By this box, where a sidecar without a row was found."""

    @property
    def lasts(self) -> bool:
        return self.state in ("provisional", "approved")
