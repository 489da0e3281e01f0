"""What the catalog and the volumes say about the site, read every few seconds and shown to whoever asks.

`status` is asked often and must answer at once, also while a disk hangs: it shows the last measurement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from edged.cameras import runners as steadiness
from edged.cameras.runners import Interruptions
from storage.ages.service import OffTimeDoubt
from storage.ledger.table import Rebuild
from storage.outbox.table import EventRank, OutboxDepth
from storage.pins.rules import Left
from storage.recovery.service import LedgerStatus
from storage.retention.plan import Policy
from storage.ring.forecast import Paces
from storage.ring.service import RingView
from storage.store.facade import Store
from storage.words.model import CameraUsage, Coverage, Moment, OpenFault, PastItems, Segment, VolumeStatus

MEASURE_EVERY_S: Final = 5.0
DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Measurements:
    """As of `at`; cameras that are no longer configured are among `usage` as long as the catalog knows them."""

    at: Moment
    volumes: tuple[VolumeStatus, ...] = ()
    usage: dict[str, CameraUsage] = field(default_factory=dict)
    coverage: dict[str, Coverage] = field(default_factory=dict)
    """Of the last 24 h, of the configured cameras."""
    oldest: dict[str, Segment] = field(default_factory=dict)
    """The oldest segment of each camera that has one: its stamped bounds still bind."""
    ring: RingView = field(default_factory=RingView)
    """Bounds as they hold now, ceilings that wait, floors that were broken."""
    pins: tuple[Left, ...] = ()
    """Those that last."""
    pin_troubles: Mapping[str, str] = field(default_factory=dict)
    """By pin: what of it is not on the disk as it should be."""
    pins_unvouched: tuple[str, ...] = ()
    """Those that protect on the word of a sidecar that this box has not signed."""
    pins_unread: Mapping[str, str] = field(default_factory=dict)
    """By volume: why its pins cannot be read, so that nothing is destroyed there."""
    doubts: tuple[OffTimeDoubt, ...] = ()
    """Boots before which the box may have been off for longer than is proven."""
    steadiness: dict[str, Interruptions] = field(default_factory=dict)
    """Of the configured cameras, these last minutes."""

    paces: Paces = field(default_factory=Paces)
    """Rates over the last days, and what is pinned."""
    covered_ms: dict[str, int] = field(default_factory=dict)
    """Of the configured cameras: what is recorded and on disk within the floor's span, pins left out."""
    rebuild: Rebuild | None = None
    """The last time that the database was lost, until a day after it was made anew."""
    ballast_owed: bool = False
    """What lets a full disk be cleared is not all there."""
    ballast_gone: bool = False
    """Nothing of it is."""
    ledger: LedgerStatus = field(default_factory=LedgerStatus)
    """What is wrong with the ledger."""
    outbox: Mapping[EventRank, OutboxDepth] = field(default_factory=dict)
    """Events that wait for the centre."""
    past: PastItems = field(default_factory=PastItems)
    """Volumes and pins that the centre may have been told of."""
    faults: tuple[OpenFault, ...] = ()
    """Those that nobody has closed, the oldest first."""


def measure(store: Store, policy: Policy, now: Moment) -> Measurements:
    """Read everything once. Blocks on disk: not for the event loop."""
    configured = policy.bounds
    floors_s = {camera: bounds.floor_s for camera, bounds in configured.items()}
    usage = {usage.camera: usage for usage in store.usage(floors_s)}
    oldest = {camera: segment for camera in usage if (segment := _oldest(store, usage[camera])) is not None}
    return Measurements(
        at=now,
        volumes=tuple(store.volumes()),
        usage=usage,
        ring=store.ring.view(policy),
        coverage={camera: store.coverage(camera, now.wall_ms - DAY_MS, now.wall_ms) for camera in configured},
        oldest=oldest,
        doubts=store.boots.doubts(),
        pins=tuple(store.pins.lasting()),
        pin_troubles=store.pins.troubles,
        pins_unvouched=store.pins.unvouched,
        pins_unread=store.pins.unread,
        steadiness={camera: _steadiness(store, camera, now.wall_ms) for camera in configured},
        paces=store.pacer.look(usage),
        covered_ms={
            camera: store.pacer.recorded_ms(
                camera, max(begin.wall_ms, now.wall_ms - bounds.floor_s * 1000), now.wall_ms
            )
            for camera, bounds in configured.items()
            if camera in usage and (begin := usage[camera].oldest) is not None
        },
        rebuild=store.books.recent_rebuild(DAY_MS),
        ballast_owed=store.ballast.owed > 0,
        ballast_gone=store.ballast.left == 0,
        ledger=store.books.plight(),
        outbox=store.post.depth(),
        past=store.past(),
        faults=store.faults.open(),
    )


def _steadiness(store: Store, camera: str, now_ms: int) -> Interruptions:
    return steadiness.of(store.gaps(camera, now_ms - steadiness.WINDOW_MS, now_ms), now_ms)


def _oldest(store: Store, usage: CameraUsage) -> Segment | None:
    if usage.oldest is None:
        return None
    start_ms = usage.oldest.wall_ms
    touching = store.segments(usage.camera, start_ms, start_ms + 1)
    return next((segment for segment in touching if segment.true_start == usage.oldest), None)
