"""Which alarms are faults (報修), of what, and for how long they must stand. Pure; the table is the law.

A fault is what needs a hand on a device: a camera, a recorder behind the network, a disk, a clock. What heals by itself
in a minute is none, so an alarm opens a ticket once it has stood for its patience, in running time, or was raised
`FLAPS` times within its occurrence. One thing has one ticket, whatever is wrong with it: whoever goes there mends all.
Alarms of what people have to decide (bounds, pins, roles), or of what is past, are no faults.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from storage.tickets.faults import Subject

FLAPS: Final = 5
"""What comes back so often within an hour of its being gone does not heal by itself."""
MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Rule:
    """Of alarms that are called so before the colon, or before the point."""

    thing: str
    patience_ms: int
    why: str


FAULTS: Final[Mapping[str, Rule]] = {
    "camera.down": Rule(
        "camera", 10 * MINUTE_MS, "a camera that restarts, or a cable that is put back, is there by then"
    ),
    "camera": Rule(
        "camera", 30 * MINUTE_MS, "a lamp that is off, a door that is open, a busy network pass; a lens does not"
    ),
    "device.fault": Rule("device", 10 * MINUTE_MS, "an NVR restarts in less"),
    "storage.away": Rule(
        "volume", 5 * MINUTE_MS, "a cable, a mount or a disk: nothing comes back by itself after that"
    ),
    "storage.failing": Rule(
        "storage", 5 * MINUTE_MS, "what answers and takes nothing for minutes is ill, or its cable"
    ),
    "storage.lost": Rule("volume", 0, "the disk is gone for good, and is to be struck off"),
    "storage.tampered": Rule("volume", 0, "somebody or something changes files: the disk, or who comes to it"),
    "storage.full": Rule(
        "storage", 10 * MINUTE_MS, "room is lacking: a disk is to be added, or one that is away mended"
    ),
    "storage.slow": Rule("storage", 60 * MINUTE_MS, "a copy passes; a disk that is slow for an hour is ill"),
    "storage.ballast": Rule("box", 60 * MINUTE_MS, "the system disk is full, and nobody makes room there"),
    "ledger.unwritten": Rule("storage", 60 * MINUTE_MS, "a disk that takes footage and no ledger is ill"),
    "clock.stepped": Rule("clock", 120 * MINUTE_MS, "each step is told for an hour: it is stepped again and again"),
    "internal": Rule("box", 60 * MINUTE_MS, "a part of edged fails and does not recover"),
}
NONE: Final[Mapping[str, str]] = {
    "storage": "each is named above",
    "retention": "bounds and room are to be decided, not mended",
    "pin": "evidence: people decide",
    "ledger": "whoever has the key, or tampers, is no device; a disk that does not take it is named above",
    "database": "it mends itself",
    "journal": "it is written once the disk takes it",
    "roles": "the system's groups",
    "mqtt": "the network to the centre and its certificates: the centre sees that the box is silent",
    "fault": "tells of faults",
}
"""Alarms that open no ticket, by the part before the point."""


def rule_of(key: str) -> Rule | None:
    """None: it is no fault. The whole name goes before its first part."""
    name = key.partition(":")[0]
    return FAULTS.get(name) or FAULTS.get(name.partition(".")[0])


def subject(key: str) -> Subject | None:
    """What is out of order; None: nothing that needs a hand."""
    rule, about = rule_of(key), key.partition(":")[2]
    if rule is None:
        return None
    match rule.thing:
        case "camera":
            return Subject(f"camera:{about}", camera=about)
        case "volume":
            return Subject(f"volume:{about}", volume=about)
        case "device":
            return Subject(f"device:{about}")
    return Subject(rule.thing)


def is_due(key: str, stood_ms: int, count: int) -> bool:
    """It has stood for long enough, or comes back too often."""
    rule = rule_of(key)
    return rule is not None and (stood_ms >= rule.patience_ms or count >= FLAPS)
