"""Everything that is known of this box at one instant, and what follows for its footage.

`Measurements` reads what the catalog and the volumes say about the site every few seconds: `status` is asked often and
must answer at once, also while a disk hangs, so it shows the last measurement. All else is pure: `Overview` has all
that is known, `footage_forecast` puts configuration and measurements before `storage.ring.forecast`. The room is that
of the volumes in service; what lies on others is no burden to them. Everything is judged elsewhere.

Behind `Overview` stands what health judges of a camera, and what is shown of cameras and volumes, as values: documents
and messages to the centre are made of them, and whoever only asks whether something changed makes neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date
from enum import StrEnum
from functools import partial
from typing import Any, Final, Self, TypedDict

from edged.access.role_watch import RolesSeen
from edged.cameras import STEADY, WINDOW_MS, Interruptions, interruptions_of
from edged.config.model import Config
from edged.health import faults
from edged.health.faults import MediaHealth
from edged.health.load import BoxLoad
from edged.health.stream import WITHHELD, CameraState, Condition, Observation, Sample, Stream
from mqtt.client import LinkView
from mqtt.tls import TlsView
from recorder.supervisor.runner import CameraView
from recorder.words.messages import Stats
from storage.ages.service import OffTimeDoubt
from storage.ledger.table import Rebuild
from storage.outbox.table import EventRank, OutboxDepth
from storage.pins.rules import Left
from storage.recovery.service import LedgerStatus
from storage.retention.bounds import Loosening
from storage.retention.plan import Policy, effective
from storage.ring.forecast import DAY_S, Forecast, Load, Paces, VolumeRoom, expected, forecast, room
from storage.ring.service import RingView
from storage.segments.findings_table import TamperedFiles
from storage.store.facade import CameraTimes, Store
from storage.tickets.maintenance_table import Lasting
from storage.words.message import NOTHING, Message, as_message, joined, message
from storage.words.model import (
    AlarmRow,
    Bounds,
    CameraUsage,
    Coverage,
    Moment,
    OpenFault,
    PastItems,
    Segment,
    Severity,
    VolumeState,
    VolumeStatus,
)

MEASURE_EVERY_S: Final = 5.0
DAY_MS: Final = 86_400_000
WARN_S: Final = 14 * DAY_S
"""A floor that will be in the way within this time is a warning: long enough to buy a disk."""
CRITICAL_S: Final = 3 * DAY_S
OTHERS_SHARE: Final = 20
"""Others who hold less than a twentieth of a disk are not blamed: a file system keeps as much for itself."""
SLOW_SYNC_MS: Final = 500
"""A sync above this endangers S6 (docs/design/recording.md)."""
_SERVING: Final = frozenset({VolumeState.IN_SERVICE, VolumeState.FULL})


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
    pin_troubles: Mapping[str, Message] = field(default_factory=dict)
    """By pin: what of it is not on the disk as it should be."""
    pins_unvouched: tuple[str, ...] = ()
    """Those that protect on the word of a sidecar that this box has not signed."""
    pins_unread: Mapping[str, Message] = field(default_factory=dict)
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


@dataclass(frozen=True, slots=True)
class FootageForecast:
    """At the present rates."""

    spans_s: Mapping[str, float] = field(default_factory=dict)
    """How long footage of each recording camera will be kept."""
    full_in_s: float | None = None
    at_risk_in_s: float | None = None
    """Until space could only be freed by breaking a floor; None where that does not come about."""
    floors_bytes: float = 0.0
    """What all floors ask for."""
    room_bytes: int = 0
    """What there is for them, less what is pinned."""
    others: tuple[str, ...] = ()
    """Volumes whose room would be enough, were it not for what others keep there."""

    @property
    def fits(self) -> bool:
        """The floors, once the volumes are full."""
        return self.floors_bytes <= self.room_bytes


UNFORESEEN: Final = FootageForecast()


@dataclass(frozen=True, slots=True)
class ComplianceSummary:
    """Of one profile."""

    profile: str
    met: int
    not_met: int
    by_hand: int
    not_built: int
    unmet: tuple[tuple[str, int], ...]
    """Clauses that are not met, each with the wall clock since when."""


@dataclass(frozen=True, slots=True)
class AlarmCondition:
    """A condition that holds now, with what a person should read and do."""

    severity: Severity
    text: Message
    action: Message
    raise_after_s: float = 0.0
    names: str = ""
    """Of the people it is about: they stand behind the text on this box, and are told nobody outside."""
    about: frozenset[str] = frozenset()
    """Cameras that are in it, where its key does not name one."""

    @property
    def words(self) -> tuple[Message, Message, str]:
        """What is told beside the severity."""
        return self.text, self.action, self.names


class DeadlineKind(StrEnum):
    """What is due by a legal day."""

    REPLY = "reply"
    """函復."""
    SUPPLEMENT = "supplement"
    """補正, by the day that the office named."""
    SIGNATURE = "signature"
    """Of what was granted by word."""
    APPOINTMENT = "appointment"
    """The viewing, at the time that was appointed."""
    REMEDY = "remedy"
    """訴願 by whoever was refused."""


OWED_BY_THE_OFFICE: Final = frozenset({DeadlineKind.REPLY, DeadlineKind.SIGNATURE})
"""Where it is the office that is late; else it waits for somebody, or may close the case."""


@dataclass(frozen=True, slots=True)
class RequestDeadline:
    """A legal day of a request that is near or over; of a signature, also one that is far."""

    number: str
    row: str
    """Of the profile's procedures."""
    kind: DeadlineKind
    last: date | None
    """The last day that belongs to the period; None: no period is set."""
    passed: bool
    """Since the day after it."""
    unsynced: bool = False
    """Only the wall clock says that it is so far, and nobody vouches for it (未校時)."""


@dataclass(frozen=True, slots=True)
class UnreportedLeak:
    """A leak case (疑似外洩) of which no report is on record."""

    id: str
    is_late: bool
    """For longer than a report may take."""


@dataclass(frozen=True, slots=True)
class OfficeCounts:
    """How many requests are how, and what became of those of the year (`edged.office.statistics`)."""

    requests_open: int
    """Not closed, whatever was decided."""
    requests_deciding: int
    requests_supplement: int
    requests_granted: int
    requests_refused: int
    requests_withdrawn: int
    requests_closed: int
    """Within the last 365 days of running time."""
    requests_unreadable: int
    """Whose story this version cannot follow."""
    viewing_open: int
    to_erase: int
    """Persons are to be erased: two persons have to confirm it."""
    year: int
    """The present one of the Republic."""
    year_received: int
    """With those of it that this version cannot follow; else the sum of the next six."""
    year_deciding: int
    year_granted: int
    year_in_part: int
    year_refused: int
    year_withdrawn: int
    year_referred: int
    """Who asked was told whom to turn to."""
    year_late: int
    """With those that are overdue."""
    year_viewings: int
    """Of requests of all years, as the next."""
    year_copies: int


@dataclass(frozen=True, slots=True)
class OfficeFacts:
    """What the office (調閱) has to tell of itself. As it is by default there is no office, and nothing to tell.

    While it is shut all else stays as it was told last: nobody knows better.
    """

    not_opened: bool = False
    """There is a profile, and two persons have not opened the office yet."""
    shut: Message = NOTHING
    """Why keys, tables or calendar cannot be read; nothing: they can."""
    shut_action: Message = NOTHING
    """What to do about it, where that is known."""
    keys_restored: bool = False
    """Older keys were put in the place of those that were there."""
    nameless: tuple[str, ...] = ()
    """Requests whose persons can be read no more, and were not erased."""
    nameless_persons: int = 0
    """Of the table of persons, likewise."""
    years_missing: tuple[int, ...] = ()
    """Without a calendar: the present year and, from December on, the next."""
    deadlines: tuple[RequestDeadline, ...] = ()
    not_held: Mapping[str, Message] = field(default_factory=dict)
    """By request: why part of what it asks for is not held."""
    viewings_over: tuple[str, ...] = ()
    """Requests whose viewing has been open for longer than a viewing may."""
    copies_left: Mapping[str, tuple[Message, ...]] = field(default_factory=dict)
    """By request: each viewing copy that could not be removed, with its path and why."""
    copies_overdue: Mapping[str, str] = field(default_factory=dict)
    """By copy that the office keeps, and should have destroyed: the request that it was made by."""
    erasures_unanswered: tuple[str, ...] = ()
    """Requests whose persons should have been erased: listed for so long that it is an alarm."""
    leaks_unreported: tuple[UnreportedLeak, ...] = ()
    counts: OfficeCounts | None = None
    """None: there is no office, or nobody has looked through its requests yet."""


@dataclass(frozen=True, slots=True)
class CameraHealth:
    """A camera's condition and since when (wall clock) it has been in that state."""

    condition: Condition
    stream: Stream | None
    since_ms: int
    clock_offset_ms: int | None = None
    """The camera's own clock minus ours, as last told in its present session."""
    slow_syncs: int = 0
    """Reports of the last minute of its session that tell of a sync above `SLOW_SYNC_MS`."""


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything that is known at one instant."""

    config: Config
    version: str
    pid: int
    started_ms: int
    started_boottime_ms: int
    boot_id: str
    epoch: int
    synced: bool
    recovering: bool
    now: Moment
    measured: Measurements
    health: Mapping[str, CameraHealth]
    link: LinkView | None
    alarms: Sequence[AlarmRow]
    destroyed: int
    last_sweep_ms: int | None
    foresight: FootageForecast = field(default_factory=FootageForecast)
    ceiling_unproven: bool = False
    """The last sweep met footage that may be past its ceiling, and kept it."""
    tampered: Sequence[TamperedFiles] = ()
    """Volumes with files that are not as they were left."""
    roles: RolesSeen = field(default_factory=RolesSeen)
    """Accounts and groups that [roles] can do nothing with; what is not on record."""
    loosening: Sequence[Loosening] = ()
    """What of the configuration file does not hold, because it takes two persons."""
    under: Lasting | None = None
    """Maintenance that is under way."""
    held: Mapping[str, AlarmCondition] = field(default_factory=dict)
    """Alarms that it holds back."""
    tls: TlsView | None = None
    """Certificates and key of the link; None where it has none."""
    compliance: ComplianceSummary | None = None
    """How the box stands to the clauses of its profile; None without one, and before it is judged."""
    office: OfficeFacts = field(default_factory=OfficeFacts)
    """What the office told last; without a profile, nothing."""
    load: BoxLoad = field(default_factory=BoxLoad)
    judged: Mapping[str, MediaHealth] = field(default_factory=dict)
    """Picture and sound of the cameras that were looked at."""


@dataclass(frozen=True, slots=True)
class SampleWindow:
    """The reports of a session as health takes them. A second brings one and takes one away; all others are not looked
    at: of 64 cameras they are four thousand.
    """

    reports: tuple[tuple[int, Stats], ...] = ()
    samples: tuple[Sample, ...] = ()
    slow_syncs: int = 0
    """Reports that tell of a sync above `SLOW_SYNC_MS`."""

    def moved(self, reports: tuple[tuple[int, Stats], ...]) -> Self:
        """Those of now; what was there before is not made again."""
        gone = next((at for at, one in enumerate(self.reports) if reports and one is reports[0]), len(self.reports))
        stays = len(self.reports) - gone
        if stays > len(reports) or (stays and reports[stays - 1] is not self.reports[-1]):
            gone, stays = len(self.reports), 0
        new = reports[stays:]
        made = tuple(Sample(at, s.video_frames, s.bytes, s.last_frame_boottime_ms, s.camera_offset_ms) for at, s in new)
        slow_syncs = self.slow_syncs - _slow_syncs(self.reports[:gone]) + _slow_syncs(new)
        return type(self)(reports, self.samples[gone:] + made, slow_syncs)


def _slow_syncs(reports: Iterable[tuple[int, Stats]]) -> int:
    return sum(stats.slowest_sync_ms > SLOW_SYNC_MS for _, stats in reports)


def observation(
    view: CameraView | None,
    now: Moment,
    *,
    enabled: bool,
    unsteady: bool = False,
    window: SampleWindow | None = None,
) -> Observation:
    """What health judges, out of what a runner sees; `view` is None when no runner exists. `window`: its reports, where
    they are made already.
    """
    if view is None:
        return Observation(now.boottime_ms, enabled=enabled, stream=None, samples=(), trouble=NOTHING)
    stream = None
    if view.connected is not None:
        seen = view.connected
        stream = Stream(seen.video, seen.width, seen.height, seen.audio, as_message(seen.detail))
    reason, check = _trouble(view)
    return Observation(
        now.boottime_ms,
        enabled=enabled,
        stream=stream,
        samples=(window or SampleWindow().moved(view.samples)).samples,
        trouble=reason,
        check=check,
        writing=view.cause is None,
        recorded_ms=view.recorded_ms,
        unsteady=unsteady,
        cause=view.cause,
    )


def _trouble(view: CameraView) -> tuple[Message, Message]:
    """Why it is not recorded (what was tried, what came back) and what to check; NOTHING where there is nothing to
    tell.
    """
    if view.cause is None:
        return NOTHING, NOTHING
    what, check = WITHHELD.get(view.cause, (NOTHING, as_message(view.check)))
    parts = [part for part in (what, as_message(view.tried), as_message(view.came_back)) if part]
    words = NOTHING
    for part in parts:
        words = message("camera.because", "{what}: {reason}", what=words, reason=part) if words else part
    return words, check


STARTING: Final = message("camera.starting", "starting")


@dataclass(frozen=True, slots=True)
class ShownCamera:
    """With what was found in its picture and sound: a camera that is recorded and shows nothing is degraded."""

    id: str
    state: CameraState
    reason: Message
    """And what to check, as one line for people; NOTHING when nothing is wrong."""
    since_ms: int | None
    """When its present state began, by the wall clock."""


def shown_camera(camera: str, seen: Overview) -> ShownCamera:
    health, judged = seen.health.get(camera), seen.judged.get(camera)
    condition = health.condition if health else Condition(CameraState.DOWN, STARTING)
    since_ms, reason = health.since_ms if health else None, told(condition.reason, condition.check)
    findings = judged.findings if judged else ()
    if condition.state not in (CameraState.RECORDING, CameraState.DEGRADED) or not findings:
        return ShownCamera(camera, condition.state, reason, since_ms)
    found = [told(faults.what_is_wrong(one.fault), faults.what_to_check(one.fault)) for one in findings]
    if condition.state is CameraState.RECORDING:
        since_ms = min(one.since_ms for one in findings)
    return ShownCamera(camera, CameraState.DEGRADED, joined([reason, *found]), since_ms)


def told(reason: str, check: str) -> Message:
    """What is wrong and what to check as one line for people, NOTHING when nothing is wrong."""
    if not check:
        return as_message(reason)
    return message("camera.reason-and-check", "{reason}. Check {what}", reason=reason, what=check)


class CameraFigures(TypedDict):
    """Of a document and of a message to the centre."""

    fps: float | None
    width: int | None
    height: int | None
    codec: str | None
    audio: str | None
    bitrate_bps: int | None
    last_frame_age_s: float | None
    clock_offset_ms: int | None
    coverage_24h: float | None
    unexplained_s: float
    gaps_24h: int
    colour: bool | None
    sound_db: float | None
    sound_lag_ms: int | None


def camera_figures(camera: str, seen: Overview) -> CameraFigures:
    health, coverage = seen.health.get(camera), seen.measured.coverage.get(camera)
    judged = seen.judged.get(camera, MediaHealth(0))
    condition, stream = (health.condition, health.stream) if health else (None, None)
    return {
        "fps": None if condition is None or condition.fps is None else round(condition.fps, 1),
        "width": stream.width if stream else None,
        "height": stream.height if stream else None,
        "codec": stream.video if stream else None,
        "audio": (stream.audio or None) if stream else None,
        "bitrate_bps": condition.bitrate_bps if condition else None,
        "last_frame_age_s": condition.last_frame_age_s if condition else None,
        "clock_offset_ms": health.clock_offset_ms if health else None,
        "coverage_24h": share(coverage),
        "unexplained_s": coverage.unexplained_ms / 1000 if coverage else 0.0,
        "gaps_24h": coverage.gaps if coverage else 0,
        "colour": judged.colour,
        "sound_db": judged.sound_db,
        "sound_lag_ms": judged.drift_ms,
    }


def share(coverage: Coverage | None) -> float | None:
    """錄影完整率: recorded part of the time in which the camera was known; None when there is none."""
    if coverage is None:
        return None
    known_ms = coverage.covered_ms + coverage.explained_ms + coverage.unexplained_ms
    return round(coverage.covered_ms / known_ms, 5) if known_ms > 0 else None


class RetentionFigures(TypedDict):
    """Of a document and of a message to the centre."""

    camera: str
    floor_s: int
    ceiling_s: int
    retained_s: float
    covered_s: float
    gone_s: float
    forecast_s: float | None
    full_in_s: float | None
    floor_at_risk_in_s: float | None
    compliant: bool
    segments: int
    bytes: int


def retention_figures(camera: str, bounds: Bounds, seen: Overview) -> RetentionFigures:
    """`bounds` are those of the configuration, or, of a camera that is not in it, those stamped on its oldest segment.

    The site's bounds do not hold for a camera that is gone: what was stamped does (`storage.retention.plan.effective`).
    """
    usage, lasts_s = seen.measured.usage.get(camera), forecast_s(camera, seen)
    return {
        "camera": camera,
        "floor_s": bounds.floor_s,
        "ceiling_s": bounds.ceiling_s,
        "retained_s": retained_s(usage, seen),
        "covered_s": seen.measured.covered_ms.get(camera, 0) / 1000,
        "gone_s": usage.gone_ms / 1000 if usage else 0.0,
        "forecast_s": lasts_s,
        "full_in_s": seen.foresight.full_in_s if lasts_s is not None else None,
        "floor_at_risk_in_s": seen.foresight.at_risk_in_s if lasts_s is not None and bounds.floor_s else None,
        "compliant": is_compliant(camera, bounds, seen),
        "segments": usage.segments if usage else 0,
        "bytes": usage.bytes if usage else 0,
    }


CEILING_GRACE_S: Final = 3600
"""S3: destroying what is past its ceiling takes at most this much running time."""


def is_compliant(camera: str, bounds: Bounds, seen: Overview) -> bool:
    """Nothing within the floor is gone or will be at the measured rate, and nothing is past the ceiling."""
    usage, oldest = seen.measured.usage.get(camera), seen.measured.oldest.get(camera)
    lasts_s = forecast_s(camera, seen)
    if (lasts_s is not None and lasts_s < bounds.floor_s) or (usage is not None and (usage.gone_ms > 0 or usage.lost)):
        return False
    binding = effective(oldest.bounds, seen.measured.ring.bounds.get(camera, bounds)) if oldest else bounds
    return retained_s(usage, seen) <= binding.ceiling_s + CEILING_GRACE_S


def forecast_s(camera: str, seen: Overview) -> float | None:
    """How long footage of an enabled camera will be kept at the measured rates: never beyond its ceiling."""
    return seen.foresight.spans_s.get(camera)


def retained_s(usage: CameraUsage | None, seen: Overview) -> float:
    """Age of a camera's oldest second, by running time; a measurement's few seconds are added."""
    if usage is None or usage.oldest_age_ms is None:
        return 0.0
    return (usage.oldest_age_ms + seen.now.boottime_ms - seen.measured.at.boottime_ms) / 1000


class VolumeFigures(TypedDict):
    """Of a document and of a message to the centre."""

    path: str
    state: Any
    reason: str
    total_bytes: int
    free_bytes: int
    ring_bytes: int
    limit_bytes: int
    others_bytes: int
    segments: int
    full_in_s: float | None
    floor_at_risk_in_s: float | None
    reason_code: str
    reason_values: dict[str, Any]


def volume_figures(status: VolumeStatus, foresight: FootageForecast = UNFORESEEN) -> VolumeFigures:
    """Volumes are filled together: they are full at the same time."""
    serves = status.state in _SERVING
    return {
        "path": str(status.path),
        "state": status.state.value,
        "reason": str(status.reason),
        "total_bytes": status.total_bytes,
        "free_bytes": status.free_bytes,
        "ring_bytes": status.ring_bytes,
        "limit_bytes": status.limit_bytes,
        "others_bytes": status.others_bytes,
        "segments": status.segments,
        "full_in_s": foresight.full_in_s if serves else None,
        "floor_at_risk_in_s": foresight.at_risk_in_s if serves else None,
        "reason_code": status.reason.code,
        "reason_values": status.reason.data,
    }


_UNCOUNTED: Final[Mapping[str, None]] = dict.fromkeys(
    ["opened", "overdue", "overdue_by_office", "due_soon", "not_held", *(one.name for one in fields(OfficeCounts))]
)


def disclosure_figures(told: OfficeFacts) -> dict[str, Any] | None:
    """How requests for footage stand, without a number of one. None: there is no office, or nobody has looked yet."""
    if told.counts is None:
        return {**_UNCOUNTED, "shut": True} if told.shut else None
    overdue = {due.number for due in told.deadlines if due.passed}
    return {
        "opened": not told.not_opened,
        "shut": bool(told.shut),
        "overdue": len(overdue),
        "overdue_by_office": len(
            {due.number for due in told.deadlines if due.passed and due.kind in OWED_BY_THE_OFFICE}
        ),
        "due_soon": len({due.number for due in told.deadlines} - overdue),
        "not_held": len(told.not_held),
        **asdict(told.counts),
    }


def measure(store: Store, policy: Policy, now: Moment) -> Measurements:
    """Read everything once. Blocks on disk: not for the event loop."""
    configured = policy.bounds
    floors_s = {camera: bounds.floor_s for camera, bounds in configured.items()}
    usage = {usage.camera: usage for usage in store.usage(floors_s)}
    times = {
        camera: store.at_one_moment(partial(_times, camera, usage.get(camera), configured.get(camera), now.wall_ms))
        for camera in usage.keys() | configured.keys()
    }
    return Measurements(
        at=now,
        volumes=tuple(store.volumes()),
        usage=usage,
        ring=store.ring.view(policy),
        coverage={camera: times[camera].coverage for camera in configured},
        oldest={camera: oldest for camera in usage if (oldest := times[camera].oldest) is not None},
        doubts=store.boots.doubts(),
        pins=tuple(store.pins.lasting()),
        pin_troubles=store.pins.troubles,
        pins_unvouched=store.pins.unvouched,
        pins_unread=store.pins.unread,
        steadiness={camera: times[camera].steadiness for camera in configured},
        paces=store.segment_sizes.paces(usage),
        covered_ms={
            camera: covered_ms for camera in configured if (covered_ms := times[camera].covered_ms) is not None
        },
        rebuild=store.ledger.recent_rebuild(DAY_MS),
        ballast_owed=store.ballast.owed > 0,
        ballast_gone=store.ballast.left == 0,
        ledger=store.ledger.status(),
        outbox=store.outbox.depth(),
        past=store.past(),
        faults=store.faults.open(),
    )


@dataclass(frozen=True, slots=True)
class _Times:
    """Of one camera; `coverage` and `steadiness` of one that is configured."""

    coverage: Coverage
    steadiness: Interruptions
    oldest: Segment | None
    covered_ms: int | None


def _times(
    camera: str, usage: CameraUsage | None, bounds: Bounds | None, now_ms: int, view: CameraTimes
) -> _Times:  # fmt: skip
    begin = usage.oldest if usage is not None else None
    oldest = None if begin is None else view.begun_at(camera, begin)
    if bounds is None:
        return _Times(Coverage(0, 0, 0, None, 0), STEADY, oldest, None)
    since_ms = None if begin is None else max(begin.wall_ms, now_ms - bounds.floor_s * 1000)
    return _Times(
        view.coverage(camera, now_ms - DAY_MS, now_ms),
        interruptions_of(view.gaps(camera, now_ms - WINDOW_MS, now_ms), now_ms),
        oldest,
        None if since_ms is None else view.recorded_ms(camera, since_ms, now_ms),
    )


def footage_forecast(config: Config, measured: Measurements) -> FootageForecast:
    """The forecast, and whether others are to blame for it."""
    serving = [status for status in measured.volumes if status.state in _SERVING]
    if not serving:
        return FootageForecast()
    loads = _loads(config, measured, serving)
    room_bytes = room(map(_volume_room, serving))
    pinned_bytes = sum(measured.paces.pinned.values())
    told = forecast(loads, room_bytes, pinned_bytes)
    return FootageForecast(
        spans_s=told.spans_s,
        full_in_s=told.full_in_s,
        at_risk_in_s=told.at_risk_in_s,
        floors_bytes=told.floors_bytes,
        room_bytes=max(0, room_bytes - pinned_bytes),
        others=_others(told, loads, serving, pinned_bytes),
    )


def _loads(config: Config, measured: Measurements, serving: list[VolumeStatus]) -> list[Load]:
    """Of each camera that records or has footage. What lies on volumes that take no more is left out by its share."""
    live = {camera.id for camera in config.cameras if camera.enabled}
    known = {camera.id for camera in config.cameras}
    in_all = sum(usage.bytes for usage in measured.usage.values())
    share = min(1.0, sum(status.ring_bytes for status in serving) / in_all) if in_all else 0.0
    loads = []
    for name, usage in measured.usage.items():
        bounds, oldest = config.bounds(name), measured.oldest.get(name)
        if oldest is not None and name not in live:
            bounds = effective(oldest.bounds, bounds if name in known else None)
        now = [] if usage.bytes_per_day is None else [usage.bytes_per_day]
        free = max(0, usage.bytes - measured.paces.pinned.get(name, 0))
        loads.append(
            Load(
                camera=name,
                a_day=expected([*now, *measured.paces.windows.get(name, [])[1:]]) if name in live else 0.0,
                floor_s=bounds.floor_s,
                ceiling_s=bounds.ceiling_s,
                held_bytes=round(free * share),
                held_s=(usage.oldest_age_ms or 0) / 1000,
            )
        )
    return loads


def _volume_room(status: VolumeStatus) -> VolumeRoom:
    free_bytes = max(0, status.free_bytes - status.reserve_bytes)
    return VolumeRoom(status.limit_bytes, status.ring_bytes, free_bytes, status.device)


def _others(
    told: Forecast, loads: list[Load], serving: list[VolumeStatus], pinned_bytes: int
) -> tuple[str, ...]:  # fmt: skip
    """Where floors are at risk, and would not be if others' space were ours."""
    if not _soon(told.at_risk_in_s):
        return ()
    taken = [status for status in serving if blames_others(status) and not _is_limited(status)]
    without = [
        replace(
            status,
            limit_bytes=status.limit_bytes + status.others_bytes,
            free_bytes=status.free_bytes + status.others_bytes,
        )
        if status in taken
        else status
        for status in serving
    ]
    if not taken or _soon(forecast(loads, room(map(_volume_room, without)), pinned_bytes).at_risk_in_s):
        return ()
    return tuple(str(status.path) for status in taken)


def blames_others(status: VolumeStatus) -> bool:
    """Others hold enough of the disk to be in the way."""
    return status.others_bytes * OTHERS_SHARE >= status.total_bytes > 0


def _is_limited(status: VolumeStatus) -> bool:
    """It is `max_bytes` that is in the way, not what is free."""
    return status.limit_bytes < status.ring_bytes + status.free_bytes - status.reserve_bytes


def _soon(in_s: float | None) -> bool:
    return in_s is not None and in_s <= WARN_S
