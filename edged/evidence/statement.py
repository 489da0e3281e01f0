"""What is stated on a month of one camera: kept, destroyed, missing, and how that stands to its bounds. Pure.

Signed by the box (`edgectl proof-of-retention`), so it says no more than what is written down, and what it does not
prove. Rests on J4, W1, P4, P13 and N4 of the regulations: neither too early nor too late, every second accounted for.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final

import rfc8785

from edged.documents import register as documents
from edged.documents.evidence import Limit
from storage.ledger import note
from storage.ledger.note import Verifier
from storage.ledger.signer import IssuedHead
from storage.register.service import FootageAccount
from storage.retention.destruction import Destruction, Rule, Totals, Verdict
from storage.words.model import Bounds

PAYLOAD_TYPE: Final = "application/vnd.edged.retention+json"
YEAR_MIN, YEAR_MAX = 2000, 2999
_LIMITS: Final = """
掌控主機與金鑰的人，當時有沒有寫下不實的紀錄。
That nobody who held the recorder and its key wrote untrue entries in the first place.
仍保存的檔案是否完好：這次沒有逐一讀取（請執行 edgectl fsck --level hash）。
That the files which are still kept are sound: they were not read for this (edgectl fsck --level hash).
已匯出、翻拍或存放在別處的影像，是否也已銷毀。
That copies which left the recorder, or were taken from a screen, are destroyed, too.
錄影時畫面是否清楚、方向是否正確。
That the camera showed what it should while it was recorded.
比所列更長的存放時間：只計入能證明的部分。日期時間以主機當時的時鐘為準。
That anything was kept for longer than is stated: only time that can be proven is counted. Dates are the recorder's.
作成之後發生的事。
Whatever happened after it was made.
"""
_LINES: Final = _LIMITS.strip().split("\n")
LIMITS: Final = tuple(Limit(zh=zh, en=en) for zh, en in zip(_LINES[::2], _LINES[1::2], strict=True))


@dataclass(frozen=True, slots=True)
class StatementIssuer:
    """Who states it."""

    node: str
    office: str
    site: str
    software: str
    timezone: str
    zone: tzinfo


@dataclass(frozen=True, slots=True)
class BoundsInForce:
    """What holds for the camera now."""

    name: str
    configured: Bounds | None
    in_force: Bounds | None


@dataclass(frozen=True, slots=True)
class LedgerBasis:
    """The head of the ledger, and how far somebody outside has one."""

    head: IssuedHead
    seen: int
    seen_ms: int | None
    """When the last leaf that is under a head seen outside was entered."""

    @property
    def public(self) -> bytes:
        """The key that its head is signed with, 32 bytes."""
        return Verifier.parse(self.head.key).public


def interval(month: str, zone: tzinfo) -> tuple[int, int]:
    """A month YYYY-MM in site time, as wall time in ms. ValueError for none that can be meant."""
    year, number = (int(part) for part in month.split("-"))
    if not YEAR_MIN <= year <= YEAR_MAX:
        raise ValueError(f"{month} is no month of ours")
    following = (year + number // 12, number % 12 + 1)
    begin, end = (datetime(y, m, 1, tzinfo=zone) for y, m in ((year, number), following))
    return round(begin.timestamp() * 1000), round(end.timestamp() * 1000)


def statement(
    box: StatementIssuer,
    month: str,
    account: FootageAccount,
    standing: BoundsInForce,
    rests: LedgerBasis | None,
    key: bytes | None,
    now_ms: int,
) -> documents.Statement:
    """`key`: who will sign it."""
    at = _Clock(box.zone)
    return documents.Statement(
        node=box.node,
        office=box.office,
        site=box.site,
        software=box.software,
        timezone=box.timezone,
        created=at(now_ms),
        key=None if key is None else key.hex(),
        camera=documents.StatedCamera(
            id=account.camera, name=standing.name, configured=standing.configured is not None
        ),
        month=month,
        start=at(account.from_ms),
        end=at(account.to_ms),
        over=account.to_ms == interval(month, box.zone)[1],
        known_since=at.maybe(account.known_since_ms),
        coverage=_coverage(account, at),
        configured=_bounded(standing.configured),
        in_force=_bounded(standing.in_force),
        stamped=[
            documents.Stamped(floor_s=bounds.floor_s, ceiling_s=bounds.ceiling_s, segments=count)
            for bounds, count in sorted(
                account.held.stamped.items(), key=lambda one: (one[0].floor_s, one[0].ceiling_s)
            )
        ],
        held=_held(account, at),
        destroyed=_destroyed(account.destroyed, at),
        pins=[
            documents.StatedPin(
                id=pin.id,
                state=pin.state.value,
                ground=pin.order.ground.value,
                start=at(pin.order.interval.first_ms),
                end=at(pin.order.interval.last_ms),
            )
            for pin in account.pins
        ],
        leaf=account.leaf,
        head=None if rests is None else _head(rests, account.leaf, at),
        limits=list(LIMITS),
    )


def sealed(stated: documents.Statement, public: bytes, sign: Callable[[bytes], bytes]) -> documents.Envelope:
    """Signed by the key that it names."""
    payload = rfc8785.dumps(stated.model_dump(mode="json"))
    return documents.Envelope.model_validate(note.envelope(PAYLOAD_TYPE, payload, public, sign))


def opened(envelope: documents.Envelope) -> documents.Statement:
    """What was signed. ValueError."""
    return documents.Statement.model_validate_json(base64.b64decode(envelope.payload, validate=True))


class _Clock:
    """Times as the statement writes them."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone

    def __call__(self, wall_ms: int) -> str:
        moment = datetime.fromtimestamp(wall_ms / 1000, UTC).astimezone(self._zone)
        return moment.isoformat(timespec="milliseconds")

    def maybe(self, wall_ms: int | None) -> str | None:
        return None if wall_ms is None else self(wall_ms)


def _bounded(bounds: Bounds | None) -> documents.Bounded | None:
    return None if bounds is None else documents.Bounded(floor_s=bounds.floor_s, ceiling_s=bounds.ceiling_s)


def _coverage(account: FootageAccount, at: _Clock) -> documents.MonthCoverage:
    shares = account.shares
    return documents.MonthCoverage(
        known_ms=shares.recorded_ms + sum(shares.causes.values()) + shares.unexplained_ms,
        recorded_ms=shares.recorded_ms,
        unexplained_ms=shares.unexplained_ms,
        causes=[
            documents.CauseShare(cause=cause, ms=ms, gaps=account.counts.get(cause, 0))
            for cause, ms in shares.causes.items()
        ],
        longest=[
            documents.LongGap(
                start=at(gap.true_start.wall_ms),
                end=None if gap.end is None else at(gap.end.corrected(gap.end_correction_ms).wall_ms),
                cause=gap.cause.value,
                leaf=leaf,
            )
            for gap, leaf in account.gaps
        ],
    )


def _held(account: FootageAccount, at: _Clock) -> documents.MonthHeld:
    held, aside = account.held, account.aside
    return documents.MonthHeld(
        segments=held.segments,
        bytes=held.bytes,
        ms=held.duration_ms,
        start=at.maybe(held.first_ms),
        end=at.maybe(held.last_ms),
        pinned=held.pinned,
        away=held.away,
        unproven=held.unproven,
        quarantined=aside.quarantined,
        going=aside.going,
        lost=held.lost,
        faults=dict(sorted(held.faults.items())),
        looked=at.maybe(account.looked_ms),
    )


def _destroyed(totals: Totals, at: _Clock) -> documents.MonthDestroyed:
    return documents.MonthDestroyed(
        segments=totals.segments,
        bytes=totals.bytes,
        ms=totals.duration_ms,
        first=at.maybe(totals.first_ms),
        last=at.maybe(totals.last_ms),
        rules={rule.value: totals.rules[rule] for rule in Rule if totals.rules[rule]},
        as_demanded=totals.verdicts[Verdict.KEPT],
        below_floor=totals.verdicts[Verdict.EARLY],
        permitted=totals.permitted,
        beyond_ceiling=totals.verdicts[Verdict.LATE],
        explained=totals.explained,
        unknown=totals.verdicts[Verdict.UNKNOWN],
        unread=totals.unread,
        youngest=None if totals.youngest is None else _extreme(totals.youngest, at),
        oldest=None if totals.oldest is None else _extreme(totals.oldest, at),
        early=[_extreme(one, at) for one in totals.early],
        late=[_extreme(one, at, pins) for one, pins in totals.late],
    )


def _extreme(one: Destruction, at: _Clock, pins: Sequence[str] = ()) -> documents.Extreme:
    bounds = one.bounds or Bounds(0, 0)
    return documents.Extreme(
        leaf=one.leaf,
        start=at(one.true_start_ms),
        rule=one.rule.value,
        floor_s=bounds.floor_s,
        ceiling_s=bounds.ceiling_s,
        kept_ms=one.kept_ms or 0,
        ms=one.duration_ms,
        destroyed=at(one.entered_ms),
        pins=list(pins),
    )


def _head(rests: LedgerBasis, leaf: int, at: _Clock) -> documents.StatedHead:
    head = rests.head
    return documents.StatedHead(
        origin=head.checkpoint.origin,
        first=head.first,
        size=head.checkpoint.size,
        root=head.checkpoint.root.hex(),
        checkpoint=head.note,
        covers=head.first + head.checkpoint.size > leaf,
        seen=rests.seen,
        seen_until=at.maybe(rests.seen_ms),
    )
