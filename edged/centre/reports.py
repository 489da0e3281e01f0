"""What the centre is told and when: on change, every five minutes, and all of it at each connection.

Turns an overview into payloads of `mqtt.contract.messages` and hands them to the link, which shows the newest of
each topic. Works without a broker and without `[mqtt]`: then nobody is told, and nothing waits.

Behind `Reporter` stands what is pure: what the centre is shown of cameras, volumes, alarms, pins, faults and
maintenance, and whose retained messages are taken away again. Names of people, cases and reasons stay on the box. What
is shown comes as `Shown`: the message is made only where what it is made of has changed, which is once in many minutes
for each of hundreds of topics that are looked at every second.

`CheckpointPublisher` keeps the head of the ledger at the centre: it is read back, held against our own, and told. Until
the head that the broker has kept was held against the ledger as it is, no other is put in its place: where they
contradict each other, the kept one is the proof.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Final, Literal, NamedTuple, Protocol, TypedDict

from edged.alarms import tracking
from edged.config.model import BrokerConfig, Config
from edged.host.versions import versions
from edged.overview import (
    ComplianceSummary,
    Overview,
    camera_figures,
    disclosure_figures,
    is_compliant,
    retention_figures,
    shown_camera,
    volume_figures,
)
from mqtt.client import BrokerSettings, Link, LinkView, Orders, Post, RetainedTopic
from mqtt.contract import messages
from mqtt.contract.messages import LedgerCheckpoint, Payload, Publication, Stamp
from mqtt.tls import Keyring, TlsView
from recorder.words.address import without_login
from storage.ledger.signer import HeadAgreement, IssuedHead
from storage.outbox.table import EventRank, OutboxDepth
from storage.pins.rules import Left, PinState
from storage.recovery.service import LedgerService
from storage.tickets.maintenance_table import Lasting
from storage.words.clock import Clock
from storage.words.errors import StoreError
from storage.words.message import Message, as_message, with_advice
from storage.words.model import AlarmRow, Bounds, OpenFault, VolumeStatus

log = logging.getLogger("edged.centre")

STATE_EVERY_MS: Final = 300_000
HEARTBEAT_EVERY_MS: Final = 60_000
VOLATILE: Final = {
    "ts", "epoch", "seq", "since_ms", "fps", "bitrate_bps", "last_frame_age_s", "clock_offset_ms", "coverage_24h",
    "sound_db", "sound_lag_ms",
    "unexplained_s", "gaps_24h", "retained_s", "forecast_s", "segments", "bytes", "total_bytes", "free_bytes",
    "ring_bytes", "limit_bytes", "others_bytes", "covered_s", "gone_s", "full_in_s", "floor_at_risk_in_s",
    "until_ms",
}  # fmt: skip
"""Figures that move by themselves: they alone are no change that the centre must hear of at once."""
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
    "office",
    "pins",
    "retention",
)
"""Beyond recording."""


class CheckpointListener(Protocol):
    """Hear of the ledger's head at the centre; `CheckpointPublisher` is some."""

    def kept(self, payload: bytes | None) -> None: ...
    def passed_on(self, message: Publication) -> None: ...


class Reporter:
    """Lives on the event loop; `tell` is called every second with everything known."""

    def __init__(self, config: Config, run: int, clock: Clock, post: Post | None = None) -> None:
        """`post`: events that wait for the centre."""
        self._post = post
        self._config = config
        self._clock = clock
        self._sequence = messages.Sequence(run)
        self._run = run
        self._overview: Callable[[], Overview] | None = None
        self._listener: CheckpointListener | None = None
        self._orders: Orders | None = None
        self._head: IssuedHead | None = None
        self._link: Link | None = None
        self._keyring: Keyring | None = None
        self._task: asyncio.Task[None] | None = None
        self._told: dict[Hashable, _Told] = {}
        self._heartbeat_at_ms: int | None = None

    @property
    def view(self) -> LinkView | None:
        """How the link stands; None without `[mqtt]`."""
        return self._link.view if self._link else None

    @property
    def tls(self) -> TlsView | None:
        """How its certificates stand; None where it has none."""
        return self._keyring.view if self._keyring else None

    async def look_at_certificates(self) -> None:
        """Files that were replaced are taken into use: the link then connects anew."""
        if self._keyring is not None:
            await asyncio.to_thread(self._keyring.poll)

    def start(
        self, overview: Callable[[], Overview], listener: CheckpointListener | None = None, orders: Orders | None = None
    ) -> None:
        """Connect, if a broker is configured. `orders` hears what the centre says."""
        self._overview, self._listener, self._orders = overview, listener, orders
        if self._config.mqtt is None:
            return
        node = self._config.site.node
        self._keyring = self._made_keyring(self._config.mqtt)
        self._link = Link(
            _settings(self._config.mqtt, self._keyring),
            node,
            greeting=self._greeting,
            will=messages.will(node, boot=self._clock.boot_id, epoch=self._run, ts=self._clock.now().wall_ms),
            random=random.random,
            now_ms=lambda: self._clock.now().wall_ms,
            retained_topic=None
            if listener is None
            else RetainedTopic(messages.ledger_checkpoint_topic(node), listener.kept, listener.passed_on),
            post=self._post,
            orders=orders,
        )
        self._task = asyncio.create_task(self._link.run(), name="link to the centre")

    async def stop(self) -> None:
        """Take leave of the broker; bounded by the link."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._task = self._link = self._keyring = None

    async def renew(self, after: Config) -> None:
        """A new configuration: another broker is connected to, what is gone is taken from the broker."""
        before, self._config = self._config, after
        await self.look_at_certificates()
        if before.mqtt != after.mqtt:
            overview = self._overview
            await self.stop()
            self._told.clear()
            if overview is not None:
                self.start(overview, self._listener, self._orders)
            return
        if self._link is not None and self._overview is not None and before != after:
            seen = self._overview()
            self._publish(seen, self._birth(seen))

    def _made_keyring(self, broker: BrokerConfig) -> Keyring | None:
        files = broker.files()
        if files is None:
            return None
        return Keyring(files, self._config.site.node, broker.username or "", lambda: self._clock.now().wall_ms)

    def tell(self, seen: Overview) -> None:
        """Publish what changed or is due; a heartbeat each minute and at each new connection."""
        if self._link is None:
            return
        now_ms = seen.now.boottime_ms
        self._keep_running()
        before, now, changed = dict(self._told), {}, []
        for shown in all_shown(seen, self._blank):
            told = before.pop(shown.name, None)
            is_due = told is None or now_ms - told.at_ms >= STATE_EVERY_MS
            if told is None or is_due or shown.of != told.of:
                payload = shown.make()
                essence = payload.model_dump(exclude=VOLATILE)
                if told is None or is_due or told.essence != essence:
                    told = _Told(payload.topic(seen.config.site.node), shown.of, essence, now_ms)
                    changed.append(payload)
                else:
                    told = replace(told, of=shown.of)
            now[shown.name] = told
        self._told = now
        for payload in changed:
            self._publish(seen, payload)
        for gone in before.values():
            self._link.forget(gone.topic)
        self._beat(seen, now_ms)

    def checkpoint(self, head: IssuedHead) -> None:
        """The last head of the ledger; it goes out once it may (`release_checkpoint`), and at each connection."""
        self._head = head
        if self._link is not None and self._overview is not None:
            self._publish(self._overview(), self._checkpoint(head))

    def release_checkpoint(self) -> None:
        """What the broker has kept was held against the ledger: the present head may take its place."""
        if self._link is not None:
            self._link.release()

    def rebirth(self) -> int:
        """All that is said at a new connection is said again; how many messages."""
        said = self._greeting() if self._link is not None else []
        for message in said:
            if self._link is not None:
                self._link.publish(message)
        return len(said)

    def answer(self, payload: Payload) -> None:
        """To whoever asked, while the link stands; no state, and no event."""
        if self._link is not None and self._overview is not None:
            seen = self._overview()
            self._link.answer(messages.publication(seen.config.site.node, self._stamped(seen, payload)))

    def _beat(self, seen: Overview, now_ms: int) -> None:
        if self._link is None or not self._link.view.connected:
            self._heartbeat_at_ms = None
        elif self._heartbeat_at_ms is None or now_ms - self._heartbeat_at_ms >= HEARTBEAT_EVERY_MS:
            self._heartbeat_at_ms = now_ms
            self._publish(seen, self._heartbeat(seen))

    def _publish(self, seen: Overview, payload: Payload) -> None:
        if self._link is not None:
            self._link.publish(messages.publication(seen.config.site.node, self._stamped(seen, payload)))

    def _keep_running(self) -> None:
        """Only a defect ends the link; it is told, and the link begins anew."""
        if self._link is not None and self._task is not None and self._task.done():
            log.error("the link to the centre ended; it is started again", exc_info=self._task.exception())
            self._task = asyncio.create_task(self._link.run(), name="link to the centre")

    def _greeting(self) -> list[Publication]:
        """Status, birth and a snapshot of all state, made anew at each connection."""
        if self._overview is None:
            return []
        seen = self._overview()
        online = messages.Status(**self._blank, state="online", boot=seen.boot_id)
        said = [online, self._birth(seen), *(shown.make() for shown in all_shown(seen, self._blank))]
        said += [self._checkpoint(self._head)] if self._head is not None else []
        node = seen.config.site.node
        return [*(messages.publication(node, self._stamped(seen, payload)) for payload in said), *gone(seen)]

    @property
    def _blank(self) -> messages.Stamp:
        """The stamp of a payload until it is said: numbers are only taken by what goes out."""
        return {"ts": 0, "epoch": self._run, "seq": 0}

    def _stamped(self, seen: Overview, payload: Payload) -> Payload:
        return payload.model_copy(update=dict(self._sequence.stamp(seen.now.wall_ms)))

    def _birth(self, seen: Overview) -> Payload:
        site = seen.config.site
        return messages.Birth(
            **self._blank,
            node=site.node,
            office=site.office,
            name=site.name,
            timezone=site.timezone,
            profile=site.profile or "",
            boot=seen.boot_id,
            started_ms=seen.started_ms,
            cameras=[camera.id for camera in seen.config.cameras],
            volumes=[status.id for status in seen.measured.volumes if status.id],
            capabilities=capabilities(seen.config),
            config_sha256=seen.config.config_hash(),
            **asdict(versions()),
        )

    def _checkpoint(self, head: IssuedHead) -> Payload:
        told = head.checkpoint
        return messages.LedgerCheckpoint(
            **self._blank,
            origin=told.origin,
            size=told.size,
            root=told.root.hex(),
            first=head.first,
            key=head.key,
            note=head.note,
        )

    def _heartbeat(self, seen: Overview) -> Payload:
        return messages.Heartbeat(
            **self._blank,
            uptime_s=max(0, seen.now.boottime_ms - seen.started_boottime_ms) / 1000,
            box_uptime_s=seen.now.boottime_ms / 1000,
            clock_synced=seen.synced,
            clock_epoch=seen.epoch,
            disk_total_bytes=sum(status.total_bytes for status in seen.measured.volumes),
            disk_free_bytes=sum(status.free_bytes for status in seen.measured.volumes),
            outbox_messages=self._link.waiting if self._link else 0,
            **waiting(seen.measured.outbox),
        )


def _settings(broker: BrokerConfig, keyring: Keyring | None) -> BrokerSettings:
    return BrokerSettings(
        host=broker.host,
        port=broker.port,
        username=broker.username or "",
        password=broker.password.get_secret_value(),
        tls=keyring,
    )


class Shown(NamedTuple):
    """One topic's state."""

    name: Hashable
    """Stands for the topic."""
    of: tuple[object, ...]
    """What the message is made of, as far as it does not move by itself: where that is the same, it says the same."""
    make: Callable[[], Payload]


@dataclass(frozen=True, slots=True)
class _Told:
    """What the centre was told last."""

    topic: str
    of: tuple[object, ...]
    essence: dict[str, Any]
    at_ms: int


class _Same:
    """Equal to itself alone: what is read anew from the database is looked at anew."""

    __slots__ = ("one",)

    def __init__(self, one: object) -> None:
        self.one = one

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.one is other.one

    __hash__ = None  # type: ignore[assignment]


def all_shown(seen: Overview, stamp: Stamp) -> Iterator[Shown]:
    """All state."""
    for camera in seen.config.cameras:
        yield _shown_health(camera.id, seen, stamp)
        yield _shown_retention(camera.id, seen, stamp)
    for status in seen.measured.volumes:
        if status.id:
            made = partial(_storage, status, seen, stamp)
            yield Shown(("volume", status.id), (status.path, status.state, _plain(status.reason)), made)
    yield from shown_alarms(seen, stamp)
    yield from shown_pins(seen, stamp)
    yield from shown_faults(seen, stamp)
    yield from shown_maintenance(seen, stamp)
    yield from shown_compliance(seen, stamp)
    yield from shown_office(seen, stamp)


def _plain(words: Message) -> object:
    """To compare by: of two that read alike the values may differ."""
    return words.told if words else ""


def _shown_health(camera: str, seen: Overview, stamp: Stamp) -> Shown:
    health, judged = seen.health.get(camera), seen.judged.get(camera)
    condition = health.condition if health else None
    of = (
        condition and (condition.state, _plain(condition.reason), _plain(condition.check)),
        health and health.stream,
        judged and (judged.colour, [one.fault for one in judged.findings]),
    )
    return Shown(("health", camera), of, partial(_health, camera, seen, stamp))


def _health(camera: str, seen: Overview, stamp: Stamp) -> Payload:
    shown, judged = shown_camera(camera, seen), seen.judged.get(camera)
    reason = as_message(without_login(shown.reason))
    return messages.CameraHealth(
        **stamp,
        camera=camera,
        state=shown.state.value,
        since_ms=shown.since_ms,
        faults=[one.fault.value for one in judged.findings] if judged else [],
        reason=str(reason),
        reason_code=reason.code,
        reason_values=reason.data,
        **camera_figures(camera, seen),
    )


def _shown_retention(camera: str, seen: Overview, stamp: Stamp) -> Shown:
    bounds = seen.config.bounds(camera)
    of = (bounds.floor_s, bounds.ceiling_s, is_compliant(camera, bounds, seen))
    return Shown(("retention", camera), of, partial(_retention, camera, bounds, seen, stamp))


def _retention(camera: str, bounds: Bounds, seen: Overview, stamp: Stamp) -> Payload:
    return messages.CameraRetention(**stamp, **retention_figures(camera, bounds, seen))


def _storage(status: VolumeStatus, seen: Overview, stamp: Stamp) -> Payload:
    return messages.Storage(**stamp, volume=status.id, **volume_figures(status, seen.foresight))


def shown_alarms(seen: Overview, stamp: Stamp) -> Iterator[Shown]:
    """All that stand, and those that were cleared lately."""
    for row in tracking.retained(seen.alarms, seen.now.wall_ms):
        yield Shown(("alarm", row.key), (_Same(row),), partial(_alarm, row, stamp))


def _alarm(row: AlarmRow, stamp: Stamp) -> Payload:
    return messages.AlarmState(
        **stamp,
        key=row.key,
        occurrence=row.occurrence,
        severity=row.severity.value,
        state="raised" if row.raised else "cleared",
        since_ms=row.since_ms,
        cleared_ms=row.cleared_ms,
        count=row.count,
        acknowledged=row.acknowledged,
        **with_advice(row.text, row.action),
    )


def shown_pins(seen: Overview, stamp: Stamp) -> Iterator[Shown]:
    """Those that last. What a request asks for is nobody's business but the office's: the centre hears how many."""
    for left in seen.measured.pins:
        if not left.pin.is_request and (state := _lasting(left)) is not None:
            yield Shown(("pin", left.pin.id), (_Same(left),), partial(_pin, left, state, stamp))


def _pin(left: Left, state: Literal["provisional", "approved"], stamp: Stamp) -> Payload:
    order = left.pin.order
    return messages.PinState(
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


def _lasting(left: Left) -> Literal["provisional", "approved"] | None:
    match left.pin.state:
        case PinState.PROVISIONAL:
            return "provisional"
        case PinState.APPROVED:
            return "approved"
    return None


def shown_faults(seen: Overview, stamp: Stamp) -> Iterator[Shown]:
    """Those that nobody has closed."""
    for one in seen.measured.faults:
        yield Shown(("fault", one.id), (_Same(one),), partial(_fault, one, stamp))


def _fault(one: OpenFault, stamp: Stamp) -> Payload:
    state: Literal["found", "reported", "repaired"]
    state = "repaired" if one.repaired_ms is not None else "found" if one.reported_ms is None else "reported"
    return messages.FaultState(
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


def shown_maintenance(seen: Overview, stamp: Stamp) -> Iterator[Shown]:
    """That which is under way."""
    if seen.under is not None:
        held = len(seen.held)
        yield Shown(("maintenance",), (_Same(seen.under), held), partial(_maintenance, seen.under, held, stamp))


def _maintenance(under: Lasting, held: int, stamp: Stamp) -> Payload:
    one = under.maintenance
    return messages.MaintenanceState(
        **stamp,
        maintenance=one.id,
        cameras=list(one.cameras),
        started_ms=one.start.wall_ms,
        until_ms=under.until_ms,
        held=held,
    )


def shown_compliance(seen: Overview, stamp: Stamp) -> Iterator[Shown]:
    """Once it is judged; none without a profile."""
    if seen.compliance is not None:
        yield Shown(("compliance",), (_Same(seen.compliance),), partial(_compliance, seen.compliance, stamp))


def _compliance(told: ComplianceSummary, stamp: Stamp) -> Payload:
    return messages.Compliance(
        **stamp,
        profile=told.profile,
        met=told.met,
        not_met=told.not_met,
        by_hand=told.by_hand,
        not_built=told.not_built,
        unmet=[clause for clause, _ in told.unmet],
        unmet_since_ms=[since_ms for _, since_ms in told.unmet],
    )


def shown_office(seen: Overview, stamp: Stamp) -> Iterator[Shown]:
    """Once its requests were looked through, or could not be; none without a profile."""
    figures = disclosure_figures(seen.office)
    if figures is not None:
        yield Shown(("office",), (_Same(seen.office),), partial(messages.Office, **stamp, **figures))


class OutboxFigures(TypedDict):
    """Of a heartbeat."""

    outbox_proofs: int
    outbox_alarms: int
    outbox_storage: int
    outbox_history: int
    outbox_bytes: int
    outbox_oldest_ms: int | None


def waiting(depths: Mapping[EventRank, OutboxDepth]) -> OutboxFigures:
    """How much waits in the outbox, by rank."""
    events = {rank: depths[rank].events if rank in depths else 0 for rank in EventRank}
    oldest = [depth.oldest_ms for depth in depths.values() if depth.oldest_ms is not None]
    return {
        "outbox_proofs": events[EventRank.PROOF],
        "outbox_alarms": events[EventRank.ALARM],
        "outbox_storage": events[EventRank.STORAGE],
        "outbox_history": events[EventRank.HISTORY],
        "outbox_bytes": sum(depth.bytes for depth in depths.values()),
        "outbox_oldest_ms": min(oldest, default=None),
    }


def capabilities(config: Config) -> list[str]:
    """By name; a verb of the centre is one where some key may command it."""
    verbs = {verb for commander in config.known_keys().values() for verb in commander.verbs}
    return sorted([*CAPABILITIES, *(f"command.{verb}" for verb in verbs)])


def gone(seen: Overview) -> Iterator[Publication]:
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
    shown = {row.key for row in tracking.retained(seen.alarms, seen.now.wall_ms)}
    for row in seen.alarms:
        over_ms = 0 if row.cleared_ms is None else seen.now.wall_ms - row.cleared_ms
        if row.key not in shown and over_ms < tracking.RETAINED_MS + EMPTIED_FOR_MS:
            yield messages.tombstone(messages.alarm_topic(node, row.key))


def _over(seen: Overview) -> Iterator[Publication]:
    """Faults that were checked, maintenance that is over, a profile that is not configured any more."""
    node = seen.config.site.node
    open_faults = {one.id for one in seen.measured.faults}
    for fault in seen.measured.past.faults:
        if fault not in open_faults:
            yield messages.tombstone(messages.fault_topic(node, fault))
    if seen.under is None and seen.measured.past.maintenance:
        yield messages.tombstone(messages.maintenance_topic(node))
    if seen.config.site.profile is None:
        yield messages.tombstone(messages.compliance_topic(node))
        yield messages.tombstone(messages.office_topic(node))


STEP_EVERY_S: Final = 5.0
"""How soon a contradiction that is settled is seen; a new head wakes it at once."""
FAREWELL_S: Final = 1.0
"""How long a stop waits for the last head to be signed."""


class Centre(Protocol):
    """Where heads are told; `Reporter` is one."""

    def checkpoint(self, head: IssuedHead) -> None: ...
    def release_checkpoint(self) -> None: ...


class CheckpointPublisher:
    """Tells the centre the head of the ledger. `step` is a loop's work."""

    def __init__(self, ledger: LedgerService, centre: Centre) -> None:
        self._ledger = ledger
        self._centre = centre
        self._loop = asyncio.get_running_loop()
        self.wake = asyncio.Event()
        self._news: IssuedHead | None = None
        self._kept: list[bytes | None] = []
        """What was read back and has not been held against the ledger yet: the last counts."""
        self._withheld = False
        self._passed_on: dict[str, int] = {}
        """By origin: the largest head that somebody has got and that is not in the database yet."""
        ledger.head_signer.on_head = self._hear

    def kept(self, payload: bytes | None) -> None:
        """At each connection: what the broker has kept."""
        self._kept.append(payload)
        self.wake.set()

    def passed_on(self, message: Publication) -> None:
        """Somebody has got this one."""
        told = LedgerCheckpoint.model_validate_json(message.payload)
        self._passed_on[told.origin] = max(told.size, self._passed_on.get(told.origin, 0))
        self.wake.set()

    async def begin(self) -> None:
        """Before the link: the last head of an earlier run."""
        head = await asyncio.to_thread(self._ledger.head_signer.head)
        if head is not None and self._news is None:
            self._centre.checkpoint(head)

    async def step(self) -> None:
        """What is new is told, what was read back is judged, what was got is written down."""
        if self._news is not None:
            news, self._news = self._news, None
            self._centre.checkpoint(news)
        await self._judge()
        for origin, size in list(self._passed_on.items()):
            await asyncio.wrap_future(self._ledger.centre_head.seen(origin, size))
            if self._passed_on[origin] == size:
                del self._passed_on[origin]

    async def end(self) -> None:
        """The daemon stops: the last head covers what it did until now, and goes out before the farewell."""
        with suppress(TimeoutError, StoreError):
            async with asyncio.timeout(FAREWELL_S):
                await asyncio.to_thread(self._ledger.sign_now)
                await asyncio.sleep(0)  # what the mirror's thread has called for comes first
                await self.step()

    async def _judge(self) -> None:
        if self._kept:
            *_, payload = self._kept
            self._kept.clear()
            self._withheld = True
            note, key = understood(payload)
            if payload and not self._ledger.centre_head.hold(note, key):
                log.warning("what the broker has kept as the head of this box's ledger is none: it is replaced")
        if self._withheld:
            word = await asyncio.to_thread(self._ledger.centre_head.word)
            if self._kept:
                self.wake.set()  # there was another connection meanwhile
            elif not word.contradicts and word is not HeadAgreement.UNSURE:
                self._withheld = False
                self._centre.release_checkpoint()

    def _hear(self, head: IssuedHead) -> None:
        """In the mirror's thread."""
        with suppress(RuntimeError):  # the loop has ended: so has the daemon
            self._loop.call_soon_threadsafe(self._take, head)

    def _take(self, head: IssuedHead) -> None:
        self._news = head
        self.wake.set()


def understood(payload: bytes | None) -> tuple[str, str | None]:
    """The note and the key in a message as some version may have written it; an empty note: there is none. Pure."""
    try:
        told: Any = json.loads(payload or b"")
        note, key = told["note"], told.get("key")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "", None
    return note if isinstance(note, str) else "", key if isinstance(key, str) else None
