"""What the centre is shown of alarms and pins, and whose retained messages are taken away again. Pure.

Names of people, cases and reasons stay on the box.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal, TypedDict

from edged.alarms import tracking as alarms
from edged.config.load import Config
from edged.site.overview import Overview
from mqtt.contract import messages, ticket_messages
from mqtt.contract.messages import Message, Stamp
from storage.outbox.table import Depth, Rank
from storage.pins.rules import Left, PinState

EMPTIED_FOR_MS: Final = 31 * 86_400_000
"""An alarm that is not shown any more is emptied at each connection for so long, which outlasts outages of a month."""
CAPABILITIES: Final = (
    "alarms",
    "compliance",
    "events",
    "exports",
    "faults",
    "ledger",
    "maintenance",
    "pins",
    "retention",
)
"""Beyond recording."""


class Waiting(TypedDict):
    """Of a heartbeat."""

    outbox_proofs: int
    outbox_alarms: int
    outbox_storage: int
    outbox_history: int
    outbox_bytes: int
    outbox_oldest_ms: int | None


def shown_alarms(seen: Overview, stamp: Stamp) -> Iterator[messages.Alarm]:
    """All that stand, and those that were cleared lately."""
    for row in alarms.retained(seen.alarms, seen.now.wall_ms):
        yield messages.Alarm(
            **stamp,
            key=row.key,
            occurrence=row.occurrence,
            severity=row.severity.value,
            state="raised" if row.raised else "cleared",
            since_ms=row.since_ms,
            cleared_ms=row.cleared_ms,
            count=row.count,
            acknowledged=row.acknowledged,
            text=row.text,
            action=row.action,
        )


def shown_pins(seen: Overview, stamp: Stamp) -> Iterator[messages.Pin]:
    """Those that last."""
    for left in seen.measured.pins:
        if (state := _lasting(left)) is not None:
            order = left.pin.order
            yield messages.Pin(
                **stamp,
                pin=left.pin.id,
                state=state,
                ground=order.ground.value,
                cameras=list(order.cameras),
                from_ms=order.interval.first_ms,
                to_ms=order.interval.last_ms,
                placed_ms=left.pin.placed.wall_ms,
                span_ms=order.span_ms,
                until_ms=left.until_ms,
            )


def shown_faults(seen: Overview, stamp: Stamp) -> Iterator[ticket_messages.Fault]:
    """Those that nobody has closed."""
    for one in seen.measured.faults:
        state: Literal["found", "reported", "repaired"]
        state = "repaired" if one.repaired_ms is not None else "found" if one.reported_ms is None else "reported"
        yield ticket_messages.Fault(
            **stamp,
            fault=one.id,
            state=state,
            key=one.key,
            camera=one.camera,
            volume=one.volume,
            found_ms=one.found_ms,
            reported_ms=one.reported_ms,
            repaired_ms=one.repaired_ms,
            over=one.over,
        )


def shown_maintenance(seen: Overview, stamp: Stamp) -> Iterator[ticket_messages.Maintenance]:
    """That which is under way."""
    if seen.under is not None:
        one = seen.under.maintenance
        yield ticket_messages.Maintenance(
            **stamp,
            maintenance=one.id,
            cameras=list(one.cameras),
            started_ms=one.start.wall_ms,
            until_ms=seen.under.until_ms,
            held=len(seen.held),
        )


def _lasting(left: Left) -> Literal["provisional", "approved"] | None:
    match left.pin.state:
        case PinState.PROVISIONAL:
            return "provisional"
        case PinState.APPROVED:
            return "approved"
    return None


def shown_compliance(seen: Overview, stamp: Stamp) -> Iterator[messages.Compliance]:
    """Once it is judged; none without a profile."""
    if (told := seen.compliance) is not None:
        yield messages.Compliance(
            **stamp,
            profile=told.profile,
            met=told.met,
            not_met=told.not_met,
            by_hand=told.by_hand,
            not_built=told.not_built,
            unmet=[clause for clause, _ in told.unmet],
            unmet_since_ms=[since_ms for _, since_ms in told.unmet],
        )


def waiting(depths: Mapping[Rank, Depth]) -> Waiting:
    """How much waits in the outbox, by rank."""
    events = {rank: depths[rank].events if rank in depths else 0 for rank in Rank}
    oldest = [depth.oldest_ms for depth in depths.values() if depth.oldest_ms is not None]
    return {
        "outbox_proofs": events[Rank.PROOF],
        "outbox_alarms": events[Rank.ALARM],
        "outbox_storage": events[Rank.STORAGE],
        "outbox_history": events[Rank.HISTORY],
        "outbox_bytes": sum(depth.bytes for depth in depths.values()),
        "outbox_oldest_ms": min(oldest, default=None),
    }


def capabilities(config: Config) -> list[str]:
    """By name; a verb of the centre is one where some key may command it."""
    verbs = {verb for commander in config.known_keys().values() for verb in commander.verbs}
    return sorted([*CAPABILITIES, *(f"command.{verb}" for verb in verbs)])


def gone(seen: Overview) -> Iterator[Message]:
    """What the box knows of and does not report any more: it may have ended while edged was off, or the broker away.

    Cameras that are not configured, volumes that are not there, pins that ended, faults that are
    closed, maintenance that is over, alarms that were over long ago.
    """
    node, configured = seen.config.site.node, {camera.id for camera in seen.config.cameras}
    for camera in sorted(seen.measured.usage.keys() - configured):
        yield messages.tombstone(messages.camera_health_topic(node, camera))
        yield messages.tombstone(messages.camera_retention_topic(node, camera))
    recorded_on = {segment.volume for segment in seen.measured.oldest.values()}
    met = recorded_on | set(seen.measured.past.volumes)
    for volume in sorted(met - {status.id for status in seen.measured.volumes}):
        yield messages.tombstone(messages.storage_topic(node, volume))
    lasting = {left.pin.id for left in seen.measured.pins}
    for pin in seen.measured.past.pins:
        if pin not in lasting:
            yield messages.tombstone(messages.pin_topic(node, pin))
    yield from _over(seen)
    shown = {row.key for row in alarms.retained(seen.alarms, seen.now.wall_ms)}
    for row in seen.alarms:
        over_ms = 0 if row.cleared_ms is None else seen.now.wall_ms - row.cleared_ms
        if row.key not in shown and over_ms < alarms.RETAINED_MS + EMPTIED_FOR_MS:
            yield messages.tombstone(messages.alarm_topic(node, row.key))


def _over(seen: Overview) -> Iterator[Message]:
    """Faults that were checked, maintenance that is over, a profile that is not configured any more."""
    node = seen.config.site.node
    open_faults = {one.id for one in seen.measured.faults}
    for fault in seen.measured.past.faults:
        if fault not in open_faults:
            yield messages.tombstone(ticket_messages.fault_topic(node, fault))
    if seen.under is None and seen.measured.past.maintenance:
        yield messages.tombstone(ticket_messages.maintenance_topic(node))
    if seen.config.site.profile is None:
        yield messages.tombstone(messages.compliance_topic(node))
