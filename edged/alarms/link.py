"""What is wrong with the link to the centre, as alarms: the broker, and the certificates of both sides. Pure.

Certificates may run out, be in disorder, or belong to another time than this box is in. Recording never hangs on
any of it. A box whose clock was never set takes every certificate for one of times to come, so that then the clock
is told, and no certificate.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from edged.overview.model import AlarmCondition, Overview
from mqtt.tls import WARN_MS, Lifetime, TlsView, Weight, day
from storage.words.results import Severity

BROKER_PATIENCE_S: Final = 60.0
"""A broker that restarts is back by then."""
REFUSED_PATIENCE_S: Final = 300.0
UNHEARD_MS: Final = 86_400_000
UNHEARD_PATIENCE_S: Final = 7200.0
"""What a month's outage left has drained by then."""
CRITICAL_MS: Final = 7 * 86_400_000
REPLACING_S: Final = 90.0
"""Certificate and key are two files, and files are looked at once a minute: between the two they do not fit."""
CLOCK_PATIENCE_S: Final = 60.0
"""After a boot a time server takes about as long."""


def broker_troubles(seen: Overview) -> Iterator[tuple[str, AlarmCondition]]:
    if seen.link is None:
        return
    action = f"Check {seen.link.check}" if seen.link.check else ""
    if not seen.link.connected:
        text = f"The centre cannot be reached: {seen.link.reason}"
        yield "mqtt.down", AlarmCondition(Severity.WARNING, text, action, BROKER_PATIENCE_S)
        return
    if seen.link.reason:
        text = f"The broker takes not all that this box has to tell: {seen.link.reason}"
        yield "mqtt.refused", AlarmCondition(Severity.WARNING, text, action, REFUSED_PATIENCE_S)
    oldest_ms = min((one.oldest_ms for one in seen.measured.outbox.values() if one.oldest_ms is not None), default=None)
    if oldest_ms is not None and seen.now.wall_ms - oldest_ms > UNHEARD_MS:
        text = "Events have waited for more than a day, though the broker is there: nobody at the centre fetches them"
        action = "Check whether the centre's program that subscribes to edged/v1/+/up/# is running"
        yield "mqtt.unheard", AlarmCondition(Severity.WARNING, text, action, UNHEARD_PATIENCE_S)


class _Kind(NamedTuple):
    key: str
    named: str
    over: str
    action: str


_BOX: Final = _Kind(
    "box",
    "The certificate by which the broker knows this box ({source})",
    "the broker refuses this box",
    "Have the centre make a new one, and put it and its key in place of the old: edged takes them within a minute",
)
_AUTHORITY: Final = _Kind(
    "authority",
    "The certificate of the authority that vouches for the broker ({source})",
    "this box refuses the broker",
    "Have the centre renew it, and add the new one to that file, which may hold both: edged takes it within a minute",
)
_BROKER: Final = _Kind(
    "broker",
    "The certificate of the broker {source}",
    "no box can connect to it any more",
    "Tell the centre: the broker needs a new one",
)


def certificate_troubles(
    view: TlsView | None, broker: str, now_ms: int, *, synced: bool
) -> Iterator[tuple[str, AlarmCondition]]:
    """Key to trouble. `broker` is its address, `now_ms` the wall clock, which is a time server's where `synced`."""
    if view is None:
        return
    if view.faults:
        yield "mqtt.certificate:files", _files(view)
    lives = [
        (kind, kind.named.format(source=life.source or broker), life)
        for kind, life in ((_BOX, view.box), (_AUTHORITY, view.authority), (_BROKER, view.broker))
        if life is not None
    ]
    early = max((life.begins_ms for _, _, life in lives), default=now_ms)
    if early > now_ms and not synced:
        text = (
            f"The clock of this box says a time before {day(early)}, when certificates of the link had already been "
            "made: it is wrong, and until it is set the centre cannot be reached. Recording goes on"
        )
        action = "Set the clock, and let this box reach a time server (timedatectl)"
        yield "mqtt.certificate:clock", AlarmCondition(Severity.CRITICAL, text, action, CLOCK_PATIENCE_S)
        return
    for kind, named, life in lives:
        if (trouble := _dated(kind, named, life, now_ms, synced=synced)) is not None:
            yield f"mqtt.certificate:{kind.key}", trouble


def _files(view: TlsView) -> AlarmCondition:
    problems = "; ".join(fault.problem for fault in view.faults)
    action = max(view.faults, key=lambda fault: fault.weight).action
    if view.kept:
        text = f"The files of the link's TLS cannot take the place of what was there before: {problems}"
        then = "The link goes on with the old ones until edged is restarted"
        return AlarmCondition(Severity.WARNING, f"{text}. {then}", action, REPLACING_S)
    text = f"The files of the link's TLS are not in order: {problems}"
    if any(fault.weight is Weight.BROKEN for fault in view.faults):
        then = "Until they are the centre cannot be reached. Recording goes on"
        return AlarmCondition(Severity.CRITICAL, f"{text}. {then}", action)
    return AlarmCondition(Severity.WARNING, f"{text}. The link is tried all the same", action)


def _dated(kind: _Kind, named: str, life: Lifetime, now_ms: int, *, synced: bool) -> AlarmCondition | None:
    action = kind.action if synced else f"Check the clock of this box (timedatectl). {kind.action}"
    if now_ms < life.begins_ms:
        text = f"{named} is not valid before {day(life.begins_ms)}"
        return AlarmCondition(
            Severity.CRITICAL, text, f"Check the clocks of this box and of whoever made it. {kind.action}"
        )
    left_ms = life.ends_ms - now_ms
    if left_ms > WARN_MS:
        return None
    if left_ms <= 0:
        return AlarmCondition(Severity.CRITICAL, f"{named} ended on {day(life.ends_ms)}: {kind.over}", action)
    severity = Severity.CRITICAL if left_ms <= CRITICAL_MS else Severity.WARNING
    return AlarmCondition(severity, f"{named} ends on {day(life.ends_ms)}: after that {kind.over}", action)
