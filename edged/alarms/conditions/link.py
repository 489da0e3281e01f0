"""Certificates of the link that run out, are in disorder, or belong to another time than this box is in: alarms. Pure.

Recording never hangs on any of it. A box whose clock was never set takes every certificate for one of times to come,
so that then the clock is told, and no certificate.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from edged.alarms.tracking import Trouble
from edged.config.link import WARN_MS
from mqtt.tls.certificates import Lifetime, Weight, day
from mqtt.tls.keyring import TlsView
from storage.words.results import Severity

CRITICAL_MS: Final = 7 * 86_400_000
REPLACING_S: Final = 90.0
"""Certificate and key are two files, and files are looked at once a minute: between the two they do not fit."""
CLOCK_PATIENCE_S: Final = 60.0
"""After a boot a time server takes about as long."""


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


def troubles(view: TlsView | None, broker: str, now_ms: int, *, synced: bool) -> Iterator[tuple[str, Trouble]]:
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
        yield "mqtt.certificate:clock", Trouble(Severity.CRITICAL, text, action, CLOCK_PATIENCE_S)
        return
    for kind, named, life in lives:
        if (trouble := _dated(kind, named, life, now_ms, synced=synced)) is not None:
            yield f"mqtt.certificate:{kind.key}", trouble


def _files(view: TlsView) -> Trouble:
    problems = "; ".join(fault.problem for fault in view.faults)
    action = max(view.faults, key=lambda fault: fault.weight).action
    if view.kept:
        text = f"The files of the link's TLS cannot take the place of what was there before: {problems}"
        then = "The link goes on with the old ones until edged is restarted"
        return Trouble(Severity.WARNING, f"{text}. {then}", action, REPLACING_S)
    text = f"The files of the link's TLS are not in order: {problems}"
    if any(fault.weight is Weight.BROKEN for fault in view.faults):
        then = "Until they are the centre cannot be reached. Recording goes on"
        return Trouble(Severity.CRITICAL, f"{text}. {then}", action)
    return Trouble(Severity.WARNING, f"{text}. The link is tried all the same", action)


def _dated(kind: _Kind, named: str, life: Lifetime, now_ms: int, *, synced: bool) -> Trouble | None:
    action = kind.action if synced else f"Check the clock of this box (timedatectl). {kind.action}"
    if now_ms < life.begins_ms:
        text = f"{named} is not valid before {day(life.begins_ms)}"
        return Trouble(Severity.CRITICAL, text, f"Check the clocks of this box and of whoever made it. {kind.action}")
    left_ms = life.ends_ms - now_ms
    if left_ms > WARN_MS:
        return None
    if left_ms <= 0:
        return Trouble(Severity.CRITICAL, f"{named} ended on {day(life.ends_ms)}: {kind.over}", action)
    severity = Severity.CRITICAL if left_ms <= CRITICAL_MS else Severity.WARNING
    return Trouble(severity, f"{named} ends on {day(life.ends_ms)}: after that {kind.over}", action)
