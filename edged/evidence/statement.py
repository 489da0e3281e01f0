"""What is stated on a month of one camera: kept, destroyed, missing, and how that stands to its bounds; and its check.

Signed by the box (`edgectl proof-of-retention`), so it says no more than what is written down, and what it does not
prove. Rests on J4, W1, P4, P13 and N4 of the regulations: neither too early nor too late, every second accounted for.

`report` checks a signed one, as `edgectl verify FILE` does, by the rules of the verifier of exports, whose shapes and
page it uses: everything in the file is canonical JSON of one shape, the envelope is signed by the key that the
statement names, the head in it is signed by the same key, and the figures agree with each other. The entries themselves
are not in it. All but `read` is pure.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, Final

import rfc8785
from pydantic import ValidationError

from edged.documents import register as documents
from edged.documents.exports import Limit
from edged.evidence.verify import ENVELOPE_SHAPE, NotVerified, fingerprint, lasting, shown, strict, unbase64, verifies
from storage.ledger import note
from storage.ledger.note import NoteDamaged, Verifier, parse
from storage.ledger.signer import IssuedHead
from storage.register.service import FootageAccount
from storage.retention.destruction import NAMED_MAX, Destruction, Rule, Totals, Verdict
from storage.words.message import message
from storage.words.model import Bounds

PAYLOAD_TYPE: Final = "application/vnd.edged.retention+json"
YEAR_MIN, YEAR_MAX = 2000, 2999
# --- What follows is written by script/messages from the catalogues of words: change it there. ------------------------
_LIMITS: Final = """
錄影當時就掌控主機與金鑰的人，有沒有寫下不實的紀錄。
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
_WORDS: Final = """
+ signed
本證明由金鑰 {key} 簽署，簽署後沒有更動。
It was signed with the key {key}, and not changed since.
+ pinned
簽署的金鑰就是您指定的金鑰。
That key is the one you named.
+ head
所依據的稽核軌跡 {origin}（{size} 筆），由同一把金鑰簽署。
The head of the ledger that it rests on, {origin} with {size} entries, is signed with the same key.
+ agrees
各項數字彼此相符。
Its figures agree with each other.
! states
{camera}，{month}：錄影 {recorded}，未錄影 {missing}，原因不明 {unexplained}；銷毀 {destroyed} 個錄影檔。
{camera}, {month}: recorded {recorded}, not recorded {missing}, unexplained {unexplained}; destroyed {destroyed}.
! early
證明自己載明：{count} 個未滿最低保存期限即銷毀。
It says itself that {count} were destroyed below their floor.
! late
證明自己載明：{count} 個逾銷毀期限。
It says itself that {count} were destroyed beyond their ceiling.
! uncovered
第 {leaf} 筆以前的紀錄，有一部分在作成時尚未簽署。
Part of the entries up to {leaf} was not under a signed head when it was made.
! headless
它不依據任何簽署的稽核軌跡。
It rests on no signed head of the ledger.
! compare
請將金鑰指紋 {key} 與機關公布的指紋比對；相同，才確定出自該機關的錄影主機。
Compare the fingerprint {key} with the one the office published: only then is it certain whose it is.
x damaged
檔案不合格式：{what}。
The file is not written as it must be: {what}.
x signature
簽署不成立：簽署後被更動，或不是這台錄影主機簽署的。
The signature does not hold: it was changed since, or is not of this recorder.
x other-key
簽署用的不是證明所載的金鑰。
It is signed with another key than the one it names.
x not-your-key
簽署金鑰的指紋是 {key}，不是您指定的金鑰。
It was signed with the key of fingerprint {key}, not with the one you named.
x other-head
所附稽核軌跡的簽署結果，與證明所載不符。
The head of the ledger in it is not the one that the statement names, or not signed with its key.
x sums
數字不相符：{what}。
Its figures contradict each other: {what}.
"""
# --- Up to here. ------------------------------------------------------------------------------------------------------
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
        raise ValueError(message("statement.no-month", "{month} is no month of ours", month=month))
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


SIZE_MAX: Final = 4 << 20
"""A statement has some tens of kilobytes."""
_ROWS: Final = _WORDS.strip().split("\n")
_SAY: Final = {head[2:]: (head[0], zh, en) for head, zh, en in zip(_ROWS[::3], _ROWS[1::3], _ROWS[2::3], strict=True)}
Line = tuple[str, dict[str, Any]]


def read(path: Path, pinned: set[str] | None) -> dict[str, Any]:
    """As a document of `edged.verify/1`. OSError."""
    with path.open("rb") as file:
        data = file.read(SIZE_MAX + 1)
    return report(str(path), data, pinned)


def report(name: str, data: bytes, pinned: set[str] | None) -> dict[str, Any]:
    """`pinned`: fingerprints of keys that are trusted."""
    said, limits = list[Line](), list[dict[str, str]]()
    try:
        stated = _opened(data)
        limits = [one.model_dump() for one in stated.limits]
        said = list(_checked(stated, pinned))
    except NotVerified as fault:
        said.append((fault.code, fault.where))
    lines = []
    for code, where in said:
        sign, zh, en = _SAY[code]
        told = {key: shown(value) for key, value in where.items()}
        lines.append({"sign": sign, "code": code, "where": told, "zh": zh.format(**told), "en": en.format(**told)})
    intact = all(line["sign"] != "x" for line in lines)
    return {"schema": "edged.verify/1", "path": name, "intact": intact, "lines": lines, "limits": limits}


def _opened(data: bytes) -> documents.Statement:
    """What was signed, by the key that it names. Fault."""
    if len(data) > SIZE_MAX:
        raise NotVerified("damaged", what=f"> {SIZE_MAX}")
    envelope = strict(data, ENVELOPE_SHAPE, "")
    payload = unbase64(envelope["payload"]) or b""
    if envelope["payloadType"] != PAYLOAD_TYPE or len(envelope["signatures"]) != 1:
        raise NotVerified("damaged", what="payloadType")
    try:
        stated = documents.Statement.model_validate_json(payload, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise NotVerified("damaged", what=".".join(map(str, first["loc"])) or "JSON") from None
    if stated.key is None or rfc8785.dumps(stated.model_dump(mode="json")) != payload:
        raise NotVerified("damaged", what="JSON")
    public, signature = bytes.fromhex(stated.key), envelope["signatures"][0]
    if signature["keyid"] != fingerprint(public):
        raise NotVerified("other-key")
    if not verifies(public, unbase64(signature["sig"]) or b"", note.pae(PAYLOAD_TYPE, payload)):
        raise NotVerified("signature")
    return stated


def _checked(stated: documents.Statement, pinned: set[str] | None) -> Iterator[Line]:
    key = fingerprint(bytes.fromhex(stated.key or ""))
    yield "signed", {"key": key}
    if pinned is None:
        yield "compare", {"key": key}
    else:
        yield "pinned" if key in pinned else "not-your-key", {"key": key}
    yield from _checked_head(stated)
    wrong = list(contradictions(stated))
    yield from [("sums", {"what": what}) for what in wrong] or [("agrees", {})]
    known, gone = stated.coverage, stated.destroyed
    yield (
        "states",
        {
            "camera": stated.camera.id,
            "month": stated.month,
            "recorded": lasting(known.recorded_ms),
            "missing": lasting(known.known_ms - known.recorded_ms),
            "unexplained": lasting(known.unexplained_ms),
            "destroyed": gone.segments,
        },
    )
    if gone.below_floor:
        yield "early", {"count": gone.below_floor}
    if gone.beyond_ceiling:
        yield "late", {"count": gone.beyond_ceiling}


def _checked_head(stated: documents.Statement) -> Iterator[Line]:
    head = stated.head
    if head is None:
        yield "headless", {}
    elif not _is_of(head, bytes.fromhex(stated.key or "")):
        yield "other-head", {}
    else:
        yield "head", {"origin": head.origin, "size": head.size}
        if not head.covers:
            yield "uncovered", {"leaf": stated.leaf}


def _is_of(head: documents.StatedHead, public: bytes) -> bool:
    """The note says what the statement says of it, and is signed with that key."""
    try:
        signed = parse(head.checkpoint)
        told = signed.checkpoint()
    except NoteDamaged:
        return False
    named = (told.origin, told.size, told.root.hex()) == (head.origin, head.size, head.root)
    return named and signed.signed_by(Verifier(head.origin, public))


def contradictions(stated: documents.Statement) -> Iterator[str]:
    """What in it cannot be true together. Pure."""
    known, head = stated.coverage, stated.head
    if known.recorded_ms + known.unexplained_ms + sum(one.ms for one in known.causes) != known.known_ms:
        yield "coverage"
    if head is not None and head.covers != (head.first + head.size > stated.leaf):
        yield "head.covers"
    if not stated.start <= stated.end:
        yield "start, end"
    yield from _of_destroyed(stated.destroyed)


def _of_destroyed(gone: documents.MonthDestroyed) -> Iterator[str]:
    entries = sum(gone.rules.values())
    if gone.as_demanded + gone.below_floor + gone.beyond_ceiling + gone.unknown != entries:
        yield "destroyed.rules"
    if gone.permitted > gone.below_floor or len(gone.early) != min(gone.below_floor, NAMED_MAX):
        yield "destroyed.early"
    if gone.explained > gone.beyond_ceiling or len(gone.late) != min(gone.beyond_ceiling, NAMED_MAX):
        yield "destroyed.late"
    youngest = gone.youngest
    if youngest is not None and gone.below_floor and youngest.kept_ms >= youngest.floor_s * 1000:
        yield "destroyed.youngest"
