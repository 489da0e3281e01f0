"""From what is known to the documents people and programs get. Pure: values in, `edged.documents` out.

First the status of the whole box, then what it consists of: cameras, the broker, alarms and what maintenance holds
back, fault tickets, segments and gaps, retention, volumes, boots, the register of destruction.

Then why a segment stays or goes, and when, in sentences for the person who asks. Durations are running time, so every
instant is told with "if the box runs on": while it is off, footage does not age unless that is proven.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

from edged.alarms.conditions import site_time
from edged.alarms.fault_tickets import MEND_WITHIN_MS, REPORT_WITHIN_MS
from edged.alarms.tracking import in_full
from edged.config.model import DEFAULT_RESERVE_PERCENT, CameraConfig, Config
from edged.documents import machine as machine_documents
from edged.documents import register as register_documents
from edged.documents import site as documents
from edged.documents import tickets as ticket_documents
from edged.health.faults import MediaHealth
from edged.health.load import BoxLoad
from edged.overview import (
    UNFORESEEN,
    FootageForecast,
    OfficeFacts,
    Overview,
    camera_figures,
    disclosure_figures,
    forecast_s,
    retained_s,
    retention_figures,
    shown_camera,
    told,
    volume_figures,
)
from edged.site import verdict
from edged.words import units
from edged.words.units import optional_timestamp, timestamp
from storage.ages.history import WEEK_MS, OffTimeSource
from storage.ages.service import DOUBT_MS
from storage.ages.table import BootRow
from storage.outbox.table import EventRank, OutboxDepth
from storage.register.service import Entered, LostVolume
from storage.retention.bounds import ShortenedCeiling
from storage.retention.destruction import Rule, Totals, Verdict
from storage.retention.plan import Reason, in_words
from storage.ring.service import Explained, LifecycleStage, TimeFromNow
from storage.ring.table import Breach, Tombstone
from storage.ring.volume_operations import Replaced
from storage.tickets.faults import Aged, ToldStep
from storage.tickets.faults_table import FaultState, FaultStep
from storage.volumes.table import KnownVolume
from storage.volumes.volume import VolumeSpec
from storage.words import model
from storage.words.message import NOTHING, Message, as_message, joined, message, with_advice
from storage.words.model import AlarmRow, Bounds, VolumeStatus

_RANKS: Final[Mapping[EventRank, Literal["proof", "alarm", "storage", "history"]]] = {
    EventRank.PROOF: "proof",
    EventRank.ALARM: "alarm",
    EventRank.STORAGE: "storage",
    EventRank.HISTORY: "history",
}
WRITE_DOWN: Final = message(
    "site.volume.write-down", "write it into the configuration as a [[volumes]] table, then: edgectl reload"
)
START: Final = message("site.volume.start", "start edged, which uses it from then on")
TAKE_OUT: Final = message(
    "site.volume.take-out",
    "take its [[volumes]] table out of the configuration, edgectl reload, and take the disk out",
)
STRUCK_OFF: Final = message(
    "site.volume.struck-off",
    "its loss is a notice from now on, which ends when what was lost would have been destroyed in its time",
)
WAIT: Final = message(
    "site.volume.wait",
    "leave the disk in place until `edgectl volume list` says that it is empty: what it holds goes in time",
)


def status(seen: Overview) -> documents.Status:
    """The whole screen, ending in a verdict."""
    word, action = verdict.of(seen)
    site = seen.config.site
    return documents.Status(
        verdict=word,
        action=str(action),
        action_code=action.code,
        action_values=action.data,
        node=site.node,
        office=site.office,
        name=site.name,
        version=seen.version,
        time=timestamp(seen.now.wall_ms),
        timezone=site.timezone,
        started=timestamp(seen.started_ms),
        pid=seen.pid,
        recovering=seen.recovering,
        clock=documents.Clock(
            synced=seen.synced, epoch=seen.epoch, boot_id=seen.boot_id, uptime_s=seen.now.boottime_ms / 1000
        ),
        cameras=[camera(configured, seen) for configured in seen.config.cameras],
        volumes=[volume(v, seen.foresight) for v in seen.measured.volumes],
        broker=broker(seen),
        load=load(seen.load),
        alarms=[alarm(row) for row in verdict.standing(seen)],
        maintenance=under_way(seen),
        disclosure=disclosure(seen.office),
    )


def load(seen: BoxLoad) -> documents.Load:
    return documents.Load(
        busy=None if seen.busy is None else round(seen.busy, 2),
        late_ms=seen.late_ms,
        slowest_sync_ms=seen.slowest_sync_ms,
        queued_bytes=seen.queued_bytes,
        cameras=seen.cameras,
        carries=seen.carries,
        excess=seen.excess,
    )


def disclosure(office: OfficeFacts) -> documents.DisclosureStatus | None:
    """None: there is no office, or nobody has looked yet."""
    figures = disclosure_figures(office)
    return None if figures is None else documents.DisclosureStatus(**figures)


def cameras(seen: Overview) -> documents.Cameras:
    return documents.Cameras(cameras=[camera(configured, seen) for configured in seen.config.cameras])


def camera(configured: CameraConfig, seen: Overview) -> documents.Camera:
    """One line of the status."""
    shown, health = shown_camera(configured.id, seen), seen.health.get(configured.id)
    judged = seen.judged.get(configured.id, MediaHealth(0))
    cause = health.condition.cause if health else None
    bounds = seen.config.bounds(configured.id)
    return documents.Camera(
        id=configured.id,
        name=configured.name,
        state=shown.state.value,
        reason=str(shown.reason),
        reason_code=shown.reason.code,
        reason_values=shown.reason.data,
        cause=None if cause is None else cause.value,
        retained_s=retained_s(seen.measured.usage.get(configured.id), seen),
        floor_s=bounds.floor_s,
        ceiling_s=bounds.ceiling_s,
        forecast_s=forecast_s(configured.id, seen),
        since=optional_timestamp(shown.since_ms),
        findings=[
            documents.Finding(
                fault=one.fault.value,
                since=timestamp(one.since_ms),
                evidence=str(one.evidence),
                evidence_code=one.evidence.code,
                evidence_values=one.evidence.data,
            )
            for one in judged.findings
        ],
        looked=timestamp(judged.at_ms) if judged.at_ms else None,
        **camera_figures(configured.id, seen),
    )


def broker(seen: Overview) -> documents.Broker:
    if seen.link is None:
        return documents.Broker(configured=False, connected=False, address="", protocol="", reason="", since=None)
    link = seen.link
    reason = message("site.sentence", "{what}.", what=told(link.reason, link.check)) if link.reason else NOTHING
    return documents.Broker(
        configured=True,
        connected=link.connected,
        address=link.address,
        protocol=link.protocol,
        reason=str(reason),
        reason_code=reason.code,
        reason_values=reason.data,
        since=optional_timestamp(link.since_ms),
        waiting=[waiting(rank, depth) for rank, depth in seen.measured.outbox.items() if depth.events],
    )


def waiting(rank: EventRank, depth: OutboxDepth) -> documents.Waiting:
    oldest = optional_timestamp(depth.oldest_ms)
    return documents.Waiting(rank=_RANKS[rank], events=depth.events, bytes=depth.bytes, oldest=oldest)


def alarm(row: AlarmRow) -> documents.Alarm:
    """For people on this box: with names, which the centre is not told."""
    return documents.Alarm(
        key=row.key,
        severity=row.severity.value,
        state="raised" if row.raised else "cleared",
        since=timestamp(row.since_ms),
        cleared=optional_timestamp(row.cleared_ms),
        count=row.count,
        acknowledged=row.acknowledged,
        occurrence=row.occurrence,
        **with_advice(in_full(row.text, row.names), row.action),
    )


def under_way(seen: Overview) -> ticket_documents.Under | None:
    """Maintenance, as people on this box are told of it; None: none is announced."""
    if seen.under is None:
        return None
    one = seen.under.maintenance
    return ticket_documents.Under(
        id=one.id,
        cameras=list(one.cameras),
        started=timestamp(one.start.wall_ms),
        until=timestamp(seen.under.until_ms),
        left_s=seen.under.left_ms / 1000,
        by=seen.under.names.get("who", ""),
        held=len(seen.held),
    )


def held(seen: Overview) -> list[ticket_documents.Held]:
    """Alarms that maintenance holds back."""
    return [
        ticket_documents.Held(
            key=key, severity=one.severity.value, **with_advice(in_full(one.text, one.names), one.action)
        )
        for key, one in sorted(seen.held.items())
    ]


def fault(one: Aged, standing: Mapping[str, str]) -> ticket_documents.Fault:
    """`standing`: things of which an alarm stands, with its key."""
    ticket, since = one.ticket, one.since_ms

    def when(step: FaultStep) -> str | None:
        at = ticket.moments.get(step)
        return None if at is None else timestamp(at.wall_ms)

    closed_ms = since.get(FaultStep.CHECKED, 0) if not ticket.is_open else 0
    repaired_ms = since.get(FaultStep.REPAIRED)
    return ticket_documents.Fault(
        id=ticket.id,
        state=ticket.state.value,
        key=ticket.key,
        alarms=list(ticket.keys),
        camera=ticket.camera,
        volume=ticket.volume,
        stands=standing.get(ticket.thing) if ticket.is_open else None,
        over=ticket.over,
        found=timestamp(ticket.found.wall_ms),
        reported=when(FaultStep.REPORTED),
        repaired=when(FaultStep.REPAIRED),
        checked=when(FaultStep.CHECKED) if not ticket.is_open else None,
        age_s=max(0, one.age_ms - closed_ms) / 1000,
        repair_s=None if repaired_ms is None else max(0, one.age_ms - repaired_ms) / 1000,
        late=_fault_late(one),
    )


def _fault_late(one: Aged) -> Literal["unreported", "overdue"] | None:
    """As the alarms have it (`edged.alarms.fault_tickets`)."""
    if one.ticket.over:
        return None
    if one.ticket.state is FaultState.FOUND and one.age_ms > REPORT_WITHIN_MS:
        return "unreported"
    if one.ticket.state is FaultState.REPORTED and one.age_ms > MEND_WITHIN_MS:
        return "overdue"
    return None


def fault_history(one: Aged, told: list[ToldStep], standing: Mapping[str, str]) -> ticket_documents.FaultsShow:
    """With all that befell it. What another version wrote is left out."""
    known = {step.value for step in FaultStep}
    return ticket_documents.FaultsShow(
        fault=fault(one, standing), steps=[_fault_step(leaf) for leaf in told if leaf.body.get("what") in known]
    )


def _fault_step(leaf: ToldStep) -> ticket_documents.FaultStep:
    step, words = FaultStep(leaf.body["what"]), leaf.words
    of_alarm = step in (FaultStep.FOUND, FaultStep.AGAIN, FaultStep.JOINED)
    return ticket_documents.FaultStep(
        step=step.value,
        at=timestamp(leaf.wall_ms),
        key=str(leaf.body.get("key", "")) if of_alarm else "",
        by=words.get("who", ""),
        to=words.get("to", ""),
        reference=words.get("reference", ""),
        repairer=words.get("repairer", ""),
        note=words.get("note", ""),
        leaf=leaf.leaf,
    )


def segment(row: model.Segment, pins: Sequence[str] = ()) -> documents.Segment:
    return documents.Segment(
        camera=row.camera,
        seq=row.seq,
        start=timestamp(row.start.wall_ms),
        end=timestamp(row.end.wall_ms),
        volume=row.volume,
        path=str(row.path),
        bytes=row.bytes,
        sha256=row.sha256.hex(),
        state="lost" if row.lost else "committed",
        pins=list(pins),
        clock_epoch=row.epoch,
        camera_offset_ms=row.camera_offset_ms,
        clock_correction_ms=row.clock_correction_ms,
    )


def gap(row: model.Gap) -> documents.Gap:
    return documents.Gap(
        camera=row.camera,
        start=timestamp(row.start.wall_ms),
        end=optional_timestamp(row.end.wall_ms if row.end else None),
        cause=row.cause.value,
        detail=str(row.detail),
        detail_code=row.detail.code,
        detail_values=row.detail.data,
        clock_correction_ms=row.clock_correction_ms,
        end_correction_ms=row.end_correction_ms,
        beneath=None if row.beneath is None else row.beneath.value,
        pauses=[documents.Pause(start=timestamp(a), end=timestamp(b)) for a, b in row.missing(0)] if row.pauses else [],
    )


def retention(seen: Overview) -> documents.Retention:
    """Also of cameras that are no longer configured, as long as they have footage."""
    configured = {c.id: seen.config.bounds(c.id) for c in seen.config.cameras}
    left = {name: segment.bounds for name, segment in sorted(seen.measured.oldest.items()) if name not in configured}
    return documents.Retention(
        retention=[camera_retention(name, bounds, seen) for name, bounds in (configured | left).items()],
        volumes=[volume(v, seen.foresight) for v in seen.measured.volumes],
        destroyed=seen.destroyed,
        last_sweep=optional_timestamp(seen.last_sweep_ms),
        waiting=[_waiting(camera, one, seen) for camera, one in seen.measured.ring.waiting.items()],
        overwriting=_overwriting(seen),
        broken=[_broken(one) for one in seen.measured.ring.breaches],
    )


def _waiting(camera: str, one: ShortenedCeiling, seen: Overview) -> documents.ShortenedCeiling:
    return documents.ShortenedCeiling(
        camera=camera,
        old_s=one.old_s,
        new_s=one.new_s,
        left_s=one.left_ms / 1000,
        holds=timestamp(seen.measured.at.wall_ms + one.left_ms),
    )


def _overwriting(seen: Overview) -> documents.WaitingOverwrite | None:
    left_ms = seen.measured.ring.overwriting.left_ms
    if left_ms is None:
        return None
    return documents.WaitingOverwrite(left_s=left_ms / 1000, holds=timestamp(seen.measured.at.wall_ms + left_ms))


def _broken(one: Breach) -> documents.BrokenFloor:
    since, last = timestamp(one.since.wall_ms), timestamp(one.last.wall_ms)
    return documents.BrokenFloor(camera=one.camera, since=since, last=last, segments=one.segments)


def camera_retention(name: str, bounds: Bounds, seen: Overview) -> documents.CameraRetention:
    """`bounds`: as of `retention_figures`."""
    usage = seen.measured.usage.get(name)
    return documents.CameraRetention(
        **retention_figures(name, bounds, seen),
        oldest=optional_timestamp(usage.oldest.wall_ms if usage and usage.oldest else None),
        newest=optional_timestamp(usage.newest.wall_ms if usage and usage.newest else None),
    )


def volume(status: VolumeStatus, foresight: FootageForecast = UNFORESEEN) -> documents.Volume:
    return documents.Volume(id=status.id, **volume_figures(status, foresight))


def volume_list(statuses: Sequence[VolumeStatus], takes_next: str | None) -> machine_documents.VolumeList:
    return machine_documents.VolumeList(
        volumes=[
            machine_documents.Listed(**volume(status).model_dump(), takes_next=status.id == takes_next)
            for status in statuses
        ]
    )


def spec_of(config: Config, path: Path) -> VolumeSpec | None:
    """As configured; None where it is not."""
    return next((spec for spec in config.volume_specs() if spec.path == path), None)


def default_spec(path: Path) -> VolumeSpec:
    """For one that is not configured yet."""
    return VolumeSpec(path, reserve_percent=DEFAULT_RESERVE_PERCENT)


def volume_init(volume: str, path: Path, *, configured: bool, daemon: bool) -> machine_documents.VolumeInit:
    step = (NOTHING if daemon else START) if configured else WRITE_DOWN
    return machine_documents.VolumeInit(
        volume=volume,
        path=str(path),
        configured=configured,
        next=str(step),
        next_code=step.code,
        next_values=step.data,
    )


def volume_retire(one: KnownVolume) -> machine_documents.VolumeRetire:
    if one.loss is not None:
        is_retired, step = True, STRUCK_OFF
    else:
        is_retired, step = one.retired, NOTHING if not one.retired else TAKE_OUT if one.empty else WAIT
    return machine_documents.VolumeRetire(
        volume=one.id,
        path=str(one.path),
        retired=is_retired,
        empty=one.empty,
        next=str(step),
        next_code=step.code,
        next_values=step.data,
    )


def volume_replace(done: Replaced, path: Path) -> machine_documents.VolumeReplace:
    first, last = (
        None if wall_ms is None else units.timestamp(wall_ms)
        for wall_ms in (done.loss.first_wall_ms, done.loss.last_wall_ms)
    )
    return machine_documents.VolumeReplace(
        lost=done.lost,
        by=done.by,
        path=str(path),
        segments=done.loss.segments,
        below_floor=done.loss.below_floor,
        pinned=done.loss.pinned,
        first=first,
        last=last,
    )


def boots(rows: Sequence[BootRow]) -> machine_documents.Boots:
    """All of them, by number."""
    before: list[BootRow | None] = [None, *rows]
    return machine_documents.Boots(boots=[_boot(row, last) for row, last in zip(rows, before, strict=False)])


def _boot(row: BootRow, before: BootRow | None) -> machine_documents.Boot:
    boot, witness = row.boot, row.witness
    synced_ms = witness.synced_first_ms
    missing = NOTHING if before is None else missing_credit(row, before)
    return machine_documents.Boot(
        number=boot.number,
        boot_id=boot.boot_id,
        ran_s=boot.length_ms / 1000,
        drift_s=(boot.pace.lag_us + boot.pace.gain_us) / 1e6,
        off_low_s=boot.off_low_ms / 1000,
        off_high_s=None if boot.off_high_ms is None else boot.off_high_ms / 1000,
        word=row.word.value,
        attested_s=None if row.attested_ms is None else row.attested_ms / 1000,
        synced_after_s=None if synced_ms is None else (synced_ms - witness.began_ms) / 1000,
        rtc=witness.rtc_last_ms is not None,
        missing=str(missing),
        missing_code=missing.code,
        missing_values=missing.data,
    )


def missing_credit(row: BootRow, before: BootRow) -> Message:
    """Why no more is credited for the time the box was off before this boot; NOTHING where all of it is."""
    low_ms, high_ms = row.boot.off_low_ms, row.boot.off_high_ms
    if high_ms is not None and high_ms - low_ms <= DOUBT_MS:
        return NOTHING
    if row.word is OffTimeSource.PEOPLE and high_ms is None:
        return NOTHING
    people = message(
        "site.boot.two-people",
        "two people can attest it: edgectl boots attest {boot} --off-for … --reason …",
        boot=row.boot.number,
    )
    return joined([_why_uncredited(row, before), people])


def _why_uncredited(row: BootRow, before: BootRow) -> Message:
    if row.word is OffTimeSource.PEOPLE:
        return message("site.boot.more-than-attested", "the clocks allow for more than was attested")
    for one in (before, row):
        if one.witness.synced_first_ms is None:
            return message(
                "site.boot.never-synced",
                "in boot {boot} the wall clock was never known to be synchronised",
                boot=one.boot.number,
            )
    if row.boot.off_low_ms == WEEK_MS:
        return message("site.boot.a-week", "clocks prove no more than 7 days")
    if row.witness.rtc_first_ms is not None and before.witness.rtc_last_ms is not None:
        return message("site.boot.clocks-disagree", "the hardware clock and the wall clock disagree (a dead battery?)")
    return message("site.boot.set-again", "the wall clock was set again while it was called synchronised")


def register_line(one: Entered) -> register_documents.DestroyedSegment:
    what, listed = one.what, one.listed
    covered = listed.covered
    return register_documents.DestroyedSegment(
        camera=what.camera,
        seq=what.seq,
        start=timestamp(what.start_ms),
        end=timestamp(what.start_ms + what.duration_ms),
        clock_correction_ms=what.correction_ms,
        bytes=what.bytes,
        sha256=what.sha256,
        volume=what.volume,
        destroyed=None if what.rule is Rule.BEFORE else timestamp(what.entered_ms),
        rule=what.rule.value,
        verdict=what.verdict.value,
        floor_s=what.bounds.floor_s if what.bounds else None,
        ceiling_s=what.bounds.ceiling_s if what.bounds else None,
        kept_s=None if what.kept_ms is None else what.kept_ms / 1000,
        pins=list(one.pins),
        leaf=what.leaf,
        generation=None if covered is None else covered.generation.origin,
        index=None if covered is None else listed.index,
        signed=listed.is_signed,
        seen=listed.is_seen,
    )


def register_summary(totals: Totals, lost: Sequence[LostVolume]) -> register_documents.DestroyedSummary:
    return register_documents.DestroyedSummary(
        segments=totals.segments,
        bytes=totals.bytes,
        first=optional_timestamp(totals.first_ms),
        last=optional_timestamp(totals.last_ms),
        rules={rule.value: totals.rules[rule] for rule in Rule if totals.rules[rule]},
        below_floor=totals.verdicts[Verdict.EARLY],
        permitted=totals.permitted,
        beyond_ceiling=totals.verdicts[Verdict.LATE],
        explained=totals.explained,
        unknown=totals.verdicts[Verdict.UNKNOWN],
        unread=totals.unread,
        lost=[
            register_documents.LostVolume(
                volume=one.volume,
                told=timestamp(one.told_ms),
                segments=one.segments,
                below_floor=one.below_floor,
                pinned=one.pinned,
                leaf=one.leaf,
            )
            for one in lost
        ],
    )


_RULES: Final = {
    "ceiling": message("explain.rule.ceiling", "it had reached its ceiling"),
    "space": message("explain.rule.space", "its space was needed, and it was past its floor"),
    "overwrite": message(
        "explain.rule.overwrite",
        'its space was needed, nothing else could go, and on_full was "overwrite": it was below its floor',
    ),
}
_UNWRITTEN: Final = message("explain.rule.unknown", "why was not written down")
_KEPT: Final = (LifecycleStage.KEPT, LifecycleStage.QUARANTINED, LifecycleStage.OPEN)


def explanation(name: str, one: Explained, now_ms: int, zone: ZoneInfo) -> documents.Explanation:
    """`now_ms` by the wall clock, in the site's `zone`."""
    span = None if one.pins else one.span
    goes = one.decision is None or one.decision.destroy
    reason = one.decision.reason.value if one.decision else one.rule or one.stage.value
    told = _sentences(one, now_ms, zone)
    return documents.Explanation(
        segment=name,
        state=one.stage.value,
        decision="destroy" if goes and one.stage is not LifecycleStage.OPEN else "keep",
        reason=one.stage.value if one.stage is LifecycleStage.OPEN else reason,
        sentence=str(told),
        sentence_code=told.code,
        sentence_values=told.data,
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


def _sentences(one: Explained, now_ms: int, zone: ZoneInfo) -> Message:
    """One after the other."""
    segment = message("retention.segment", "segment {number} of {camera}", number=one.seq, camera=one.camera)
    said = [_first(segment, one, zone)]
    if one.pins:
        said.append(_held(one, now_ms, zone))
    elif one.span is not None and one.stage in _KEPT and not (one.decision and one.decision.destroy):
        said.append(_retired(one.span, now_ms, zone) if one.retired else _when(one, one.span, now_ms, zone))
    if one.exports and one.decision is not None and not one.decision.destroy:
        exports = as_message(one.exports[0])
        for other in one.exports[1:]:
            exports = message("explain.and", "{one} and {other}", one=exports, other=other)
        said.append(
            message(
                "explain.exported",
                "Until {exports} is copied, for a day at the most, it does not go for its space.",
                exports=exports,
            )
        )
    said += [
        message(
            "explain.shortened",
            "Its ceiling was shortened to {ceiling}; that holds from {time} on, if the box runs on.",
            ceiling=in_words(later.ceiling_s * 1000),
            time=site_time(now_ms + later.left_ms, zone),
        )
        for later in one.shortened
    ]
    if one.away:
        said.append(message("explain.away", "Its volume is away: nothing on it is destroyed until it is back."))
    whole, *more = said
    for then in more:
        whole = message("explain.then", "{one} {other}", one=whole, other=then)
    return whole


def _first(segment: Message, one: Explained, zone: ZoneInfo) -> Message:
    why = _RULES.get(one.rule or "", _UNWRITTEN)
    if one.stone is not None:
        return _destroyed(segment, one.stone, why, zone)
    if one.stage is LifecycleStage.LOST:
        return message("explain.lost", "{segment} is gone with its volume, which was replaced.", segment=segment)
    if one.decision is None:
        return message(
            "explain.going",
            "{segment} is being destroyed: {why}. Its file goes as soon as its disk lets it.",
            segment=segment,
            why=why,
        )
    if one.stage is LifecycleStage.OPEN:
        return message("explain.recording", "{segment} stays: it is being recorded.", segment=segment)
    if one.decision.reason is Reason.PINNED and not one.pins:
        return message(
            "explain.was-pinned",
            "{segment} stays: it was pinned as evidence, and its links are not away yet.",
            segment=segment,
        )
    return one.decision.sentence()


def _destroyed(segment: Message, stone: Tombstone, why: Message, zone: ZoneInfo) -> Message:
    time = site_time(stone.wall_ms, zone)
    if stone.age_ms is None:
        return message(
            "explain.destroyed", "{segment} was destroyed at {time}: {why}.", segment=segment, time=time, why=why
        )
    return message(
        "explain.destroyed-aged",
        "{segment} was destroyed at {time}, {age} old: {why}.",
        segment=segment,
        time=time,
        age=in_words(stone.age_ms),
        why=why,
    )


def _retired(span: TimeFromNow, now_ms: int, zone: ZoneInfo) -> Message:
    return message(
        "explain.retired",
        "Its volume is retired, so no space is needed there: it goes in {span} ({time} if the box runs on).",
        span=in_words(span.latest_ms),
        time=site_time(now_ms + span.latest_ms, zone),
    )


def _when(one: Explained, span: TimeFromNow, now_ms: int, zone: ZoneInfo) -> Message:
    latest, time = in_words(span.latest_ms), site_time(now_ms + span.latest_ms, zone)
    if span.earliest_ms <= 0:
        return message(
            "explain.goes-when-needed",
            "It goes as soon as its space is needed, and in {span} ({time} if the box runs on) at the latest.",
            span=latest,
            time=time,
        )
    earliest, first = in_words(span.earliest_ms), site_time(now_ms + span.earliest_ms, zone)
    if one.overwriting.holds:
        return message(
            "explain.may-go-overwriting",
            'It may go in {earliest} ({earliest_time}), or before where nothing else may go (on_full is "overwrite"), '
            "and goes in {latest} ({latest_time} if the box runs on) at the latest.",
            earliest=earliest,
            earliest_time=first,
            latest=latest,
            latest_time=time,
        )
    if one.overwriting.left_ms is not None and one.overwriting.holds_in(span.earliest_ms):
        return message(
            "explain.may-go-overwriting-soon",
            "It may go in {earliest} ({earliest_time}), or before where nothing else may go, from {overwriting_time} "
            'on (on_full = "overwrite" does not hold yet), and goes in {latest} ({latest_time} if the box runs on) at '
            "the latest.",
            earliest=earliest,
            earliest_time=first,
            overwriting_time=site_time(now_ms + one.overwriting.left_ms, zone),
            latest=latest,
            latest_time=time,
        )
    return message(
        "explain.may-go",
        "It may go in {earliest} ({earliest_time}), and goes in {latest} ({latest_time} if the box runs on) at the "
        "latest.",
        earliest=earliest,
        earliest_time=first,
        latest=latest,
        latest_time=time,
    )


def _held(one: Explained, now_ms: int, zone: ZoneInfo) -> Message:
    """By which pins, until when, and which bound decides from then on."""

    def at(ms: int) -> str:
        return site_time(now_ms + ms, zone)

    pins = message("list", "{names}", names=list(one.pins))
    if len(one.pins) > 1:
        pins = message("explain.last-of-pins", "{pins}, the last of them", pins=pins)
    held = message(
        "explain.held",
        "It is held by {pins} until {time}, if the box runs on and no pin is changed",
        pins=pins,
        time=at(one.held_ms),
    )
    if one.span is None or one.decision is None:
        return message("explain.held-only", "{held}.", held=held)
    ceiling, latest = in_words(_last_ceiling_s(one, one.span) * 1000), at(one.span.latest_ms)
    if one.span.latest_ms <= one.held_ms:
        return message(
            "explain.held-past-ceiling",
            "{held}, and goes then: its ceiling of {ceiling} is over by then.",
            held=held,
            ceiling=ceiling,
        )
    if one.retired:
        return message(
            "explain.held-retired",
            "{held}, and goes at {time}, its ceiling of {ceiling}: its volume is retired, so no space is needed there.",
            held=held,
            time=latest,
            ceiling=ceiling,
        )
    if one.span.earliest_ms <= one.held_ms:
        return message(
            "explain.held-then-needed",
            "{held}; then it goes as soon as its space is needed, and at {time}, its ceiling of {ceiling}, at the "
            "latest.",
            held=held,
            time=latest,
            ceiling=ceiling,
        )
    return message(
        "explain.held-then-floor",
        "{held}; then it stays until {earliest_time}, its floor of {floor}, and goes at {time}, its ceiling of "
        "{ceiling}, at the latest.",
        held=held,
        earliest_time=at(one.span.earliest_ms),
        floor=in_words(one.decision.bounds.floor_s * 1000),
        time=latest,
        ceiling=ceiling,
    )


def _last_ceiling_s(one: Explained, span: TimeFromNow) -> int:
    """The ceiling that will hold when it is reached."""
    holding = [later.ceiling_s for later in one.shortened if later.left_ms <= span.latest_ms]
    return min(holding, default=one.decision.bounds.ceiling_s if one.decision else 0)
