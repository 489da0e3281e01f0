"""Pins from their leaves: the database is lost, and a sidecar is on a volume that is away, or of a pin that has ended.

Functions over a connection. A leaf tells what a pin holds and for how long, and of no person: what only its sidecar
knows is `UNTOLD` until one is read (`complete`). What the database knows of a later version wins. Part of S13 and S2:
what is pinned is pinned on every volume that is there, whichever of them has the sidecar.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

from storage.ages.runs import Point
from storage.approvals.table import Person
from storage.pins import pinned_segments
from storage.pins import table as pins
from storage.pins.links import PIN_ID
from storage.pins.model import Ground, Interval, Pin, PinOrder, PinState
from storage.pins.sidecar import Sidecar

UNTOLD: Final = Person(-1, "")
"""The placer of a pin of which only leaves tell."""


def apply(connection: sqlite3.Connection, body: Mapping[str, Any], placed: Point, wall_ms: int) -> None:
    """What became of a pin, as its leaf has it; ValueError, TypeError, KeyError for what is none."""
    told, state = _told(body, placed), PinState(body["state"])
    pin = pins.find(connection, told.id)
    if pin is None:
        pin = pins.insert(connection, told, placed, adopted=True)
    elif pin.version >= told.version or not pin.state.lasts:
        return
    elif state.lasts:
        pins.renew(connection, pin, told)
    if state.lasts:
        pinned_segments.cover(connection, pin)
    else:
        pins.end(connection, pin, state, wall_ms, None, None)


def complete(connection: sqlite3.Connection, pin: Pin, told: Sidecar) -> None:
    """A sidecar of it was found: what leaves do not tell. The others are written anew."""
    if pin.placer != UNTOLD or told.placer == UNTOLD:
        return
    connection.execute(
        "UPDATE pins SET reference = ?, case_name = ?, approver = ?, placer_uid = ?, placer = ?, approved_by = ?"
        " WHERE number = ?",
        (
            *(told.order.reference, told.order.case, told.order.approver, told.placer.uid, told.placer.name),
            *(told.approved_by, pin.number),
        ),
    )
    connection.execute("UPDATE pin_volumes SET version = 0 WHERE pin = ?", (pin.number,))


def _told(body: Mapping[str, Any], placed: Point) -> Sidecar:
    cameras, interval = tuple(body["cameras"]), Interval(int(body["from"]), int(body["to"]))
    if PIN_ID.fullmatch(body["pin"]) is None or not cameras or interval.first_ms >= interval.last_ms:
        raise ValueError(f"pin {body['pin']!r} holds nothing")
    order = PinOrder(cameras, interval, Ground(body["ground"]), "", "", "", int(body["span_ms"]))
    state = PinState(body["state"])
    begun = state if state.lasts else PinState.PROVISIONAL  # and ended at once
    return Sidecar(
        *(body["pin"], begun, int(body["version"]), order, UNTOLD, None),
        *("", placed.boottime_ms, placed.wall_ms),
    )
