"""Why a segment stays or goes, and when, in sentences for the person who asks. Pure.

Durations are running time, so every instant is told with "if the box runs on": while it is off, footage does not age
unless that is proven.
"""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

from edged.alarms.retention import site_time
from edged.documents import site as documents
from edged.words.times import timestamp
from storage.retention.plan import Reason, in_words
from storage.ring.explain import Explained, Fate, TimeFromNow

_RULES: Final = {
    "ceiling": "it had reached its ceiling",
    "space": "its space was needed, and it was past its floor",
    "overwrite": 'its space was needed, nothing else could go, and on_full was "overwrite": it was below its floor',
}
_KEPT: Final = (Fate.KEPT, Fate.SET_ASIDE, Fate.OPEN)


def explanation(name: str, one: Explained, now_ms: int, zone: ZoneInfo) -> documents.Explanation:
    """`now_ms` by the wall clock, in the site's `zone`."""
    span = None if one.pins else one.span
    goes = one.decision is None or one.decision.destroy
    reason = one.decision.reason.value if one.decision else one.rule or one.fate.value
    return documents.Explanation(
        segment=name,
        state=one.fate.value,
        decision="destroy" if goes and one.fate is not Fate.OPEN else "keep",
        reason=one.fate.value if one.fate is Fate.OPEN else reason,
        sentence=" ".join(_sentences(one, now_ms, zone)),
        pins=list(one.pins),
        exports=list(one.exports),
        held_s=one.held_ms / 1000 if one.pins else None,
        held=timestamp(now_ms + one.held_ms) if one.pins else None,
        earliest_s=span.earliest_ms / 1000 if span else None,
        earliest=timestamp(now_ms + span.earliest_ms) if span else None,
        latest_s=span.latest_ms / 1000 if span else None,
        latest=timestamp(now_ms + span.latest_ms) if span else None,
        volume_away=one.away,
    )


def _sentences(one: Explained, now_ms: int, zone: ZoneInfo) -> list[str]:
    segment = f"segment {one.seq} of {one.camera}"
    said = [_first(segment, one, zone)]
    if one.pins:
        said.append(_held(one, now_ms, zone))
    elif one.span is not None and one.fate in _KEPT and not (one.decision and one.decision.destroy):
        said.append(_retired(one.span, now_ms, zone) if one.retired else _when(one, one.span, now_ms, zone))
    if one.exports and one.decision is not None and not one.decision.destroy:
        said.append(
            f"Until {' and '.join(one.exports)} is copied, for a day at the most, it does not go for its space."
        )
    for later in one.shortened:
        ceiling, at = in_words(later.ceiling_s * 1000), site_time(now_ms + later.left_ms, zone)
        said.append(f"Its ceiling was shortened to {ceiling}; that holds from {at} on, if the box runs on.")
    if one.away:
        said.append("Its volume is away: nothing on it is destroyed until it is back.")
    return said


def _first(segment: str, one: Explained, zone: ZoneInfo) -> str:
    why = _RULES.get(one.rule or "", "why was not written down")
    if one.stone is not None:
        age = "" if one.stone.age_ms is None else f", {in_words(one.stone.age_ms)} old"
        return f"{segment} was destroyed at {site_time(one.stone.wall_ms, zone)}{age}: {why}."
    if one.fate is Fate.LOST:
        return f"{segment} is gone with its volume, which was replaced."
    if one.decision is None:
        return f"{segment} is being destroyed: {why}. Its file goes as soon as its disk lets it."
    if one.fate is Fate.OPEN:
        return f"{segment} stays: it is being recorded."
    if one.decision.reason is Reason.PINNED and not one.pins:
        return f"{segment} stays: it was pinned as evidence, and its links are not away yet."
    return one.decision.sentence()


def _retired(span: TimeFromNow, now_ms: int, zone: ZoneInfo) -> str:
    latest = f"{in_words(span.latest_ms)} ({site_time(now_ms + span.latest_ms, zone)} if the box runs on)"
    return f"Its volume is retired, so no space is needed there: it goes in {latest}."


def _when(one: Explained, span: TimeFromNow, now_ms: int, zone: ZoneInfo) -> str:
    latest = f"{in_words(span.latest_ms)} ({site_time(now_ms + span.latest_ms, zone)} if the box runs on)"
    if span.earliest_ms <= 0:
        return f"It goes as soon as its space is needed, and in {latest} at the latest."
    earliest = f"{in_words(span.earliest_ms)} ({site_time(now_ms + span.earliest_ms, zone)})"
    return f"It may go in {earliest}{_before(one, span, now_ms, zone)}, and goes in {latest} at the latest."


def _before(one: Explained, span: TimeFromNow, now_ms: int, zone: ZoneInfo) -> str:
    """Where floors give way, or will by then."""
    if one.overwriting.holds:
        return ', or before where nothing else may go (on_full is "overwrite")'
    if one.overwriting.left_ms is not None and one.overwriting.holds_in(span.earliest_ms):
        at = site_time(now_ms + one.overwriting.left_ms, zone)
        return f', or before where nothing else may go, from {at} on (on_full = "overwrite" does not hold yet)'
    return ""


def _held(one: Explained, now_ms: int, zone: ZoneInfo) -> str:
    """By which pins, until when, and which bound decides from then on."""

    def at(ms: int) -> str:
        return site_time(now_ms + ms, zone)

    names = ", ".join(one.pins) + (", the last of them" if len(one.pins) > 1 else "")
    held = f"It is held by {names} until {at(one.held_ms)}, if the box runs on and no pin is changed"
    if one.span is None or one.decision is None:
        return f"{held}."
    ceiling = f"its ceiling of {in_words(_last_ceiling_s(one, one.span) * 1000)}"
    if one.span.latest_ms <= one.held_ms:
        return f"{held}, and goes then: {ceiling} is over by then."
    latest = f"at {at(one.span.latest_ms)}, {ceiling}"
    if one.retired:
        return f"{held}, and goes {latest}: its volume is retired, so no space is needed there."
    if one.span.earliest_ms <= one.held_ms:
        return f"{held}; then it goes as soon as its space is needed, and {latest}, at the latest."
    floor = f"its floor of {in_words(one.decision.bounds.floor_s * 1000)}"
    return f"{held}; then it stays until {at(one.span.earliest_ms)}, {floor}, and goes {latest}, at the latest."


def _last_ceiling_s(one: Explained, span: TimeFromNow) -> int:
    """The ceiling that will hold when it is reached."""
    holding = [later.ceiling_s for later in one.shortened if later.left_ms <= span.latest_ms]
    return min(holding, default=one.decision.bounds.ceiling_s if one.decision else 0)
