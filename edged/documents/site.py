"""What `edgectl --json` prints and the control socket serves: one class per verb, the contract of the surface.

Every document carries `"schema": "edged.<verb>/1"`; times are RFC 3339 UTC strings, units are in the names, ids are
names and never positions. `docs/schemas/` is generated from here (`script/schemas`), and a test holds it and real
output against these classes. What concerns one topic alone has a module of its own: pins, exports, ledger, machine.
"""

from __future__ import annotations

from typing import Final, Literal, Self

from pydantic import Field

from edged.documents.base import CODE, VALUES, Document, Told, Values
from edged.documents.tickets import Held, Under
from storage.words.message import as_message

Verdict = Literal["ok", "warning", "critical", "unknown"]
CameraState = Literal["recording", "degraded", "down", "disabled"]
Severity = Literal["info", "warning", "critical"]
ALARM_KEY_MAX: Final = 200
OF: Final = 'what `{}` says, for a program; "" where an earlier version wrote it, or nothing is said'


class Finding(Document):
    fault: Literal[
        "black", "white", "flat", "frozen", "blurred", "covered", "moved", "colourless",
        "silent", "clipped", "mute", "drift",
    ]  # fmt: skip
    since: str = Field(description="the first look that showed it")
    evidence: str = Field(description="what was measured")
    evidence_code: str = Field(default="", description="of `evidence`, as of an alarm's `text`")
    evidence_values: Values = Field(default={}, description="of `evidence`, likewise")


class Camera(Document):
    id: str
    name: str
    state: CameraState
    reason: str = Field(description="why it is in this state, and what to check; empty when all is well")
    reason_code: str = Field(default="", description="of `reason`, as of an alarm's `text`")
    reason_values: Values = Field(default={}, description="of `reason`, likewise")
    cause: str | None = Field(default=None, description="of one that is down, as in gaps; null while it is not known")
    fps: float | None
    width: int | None
    height: int | None
    codec: str | None
    audio: str | None
    bitrate_bps: int | None
    last_frame_age_s: float | None
    clock_offset_ms: int | None = Field(
        description="the camera's own clock minus ours, as it last told; null while it does not tell"
    )
    retained_s: float = Field(description="age of the oldest second that is still on disk")
    floor_s: int
    ceiling_s: int
    forecast_s: float | None = Field(
        description="how long footage will be kept at the measured rates, at most the ceiling; null while unknown"
    )
    coverage_24h: float | None = Field(
        description="recorded share of the last 24 h in which the camera was known, 0 to 1"
    )
    unexplained_s: float = Field(
        description="seconds of the last 24 h neither recorded nor covered by a gap with a cause"
    )
    gaps_24h: int
    since: str | None = Field(description="when the present state began")
    findings: list[Finding] = Field(default=[], description="what is wrong with its picture and sound")
    colour: bool | None = Field(default=None, description="whether its picture has colour; null while unknown")
    sound_db: float | None = Field(
        default=None, description="level of its sound in dB of full scale, as last heard; null where none was"
    )
    sound_lag_ms: int | None = Field(
        default=None, description="how far its sound comes after its picture; null while that is not known"
    )
    looked: str | None = Field(default=None, description="when its picture was last looked at; null: not yet")


class Volume(Document):
    id: str
    path: str
    state: Literal["in-service", "full", "away", "retired", "lost"]
    reason: str
    total_bytes: int
    free_bytes: int
    ring_bytes: int = Field(description="what edged keeps there")
    limit_bytes: int = Field(
        description="what edged may keep there: max_bytes, or the volume less its reserve and what others use"
    )
    others_bytes: int = Field(
        description="neither edged's own nor free: others' files, and what the file system keeps for itself; 0 while "
        "nobody knows, because a lost database is made anew"
    )
    segments: int
    full_in_s: float | None = Field(
        description="until the volumes in service are full, and the oldest footage makes room; null where ceilings do"
    )
    floor_at_risk_in_s: float | None = Field(
        description="until room could only be made below a floor, and recording stops; null where that is not foreseen"
    )
    reason_code: str = Field(default="", description='what `reason` says, for a program; "" where it has no code')
    reason_values: Values = Field(default={}, description=VALUES)


class Segment(Document):
    camera: str
    seq: int
    start: str
    end: str
    volume: str = Field(description="the id of the volume that it was recorded on")
    path: str = Field(description="where its file is, or was if it is lost")
    bytes: int
    sha256: str
    state: Literal["committed", "lost"] = Field(description="lost: it was recorded, and its volume is gone for good")
    pins: list[str]
    clock_epoch: int
    camera_offset_ms: int | None = Field(
        description="the camera's own clock minus ours while it was recorded; null where it did not tell"
    )
    clock_correction_ms: int | None = Field(
        default=None,
        description="to be added to start and end for the true times: our clock was not synchronised then, but later",
    )


class Pause(Document):
    start: str
    end: str


class Gap(Document):
    camera: str
    start: str
    end: str | None
    cause: str
    detail: str
    detail_code: str = Field(default="", description=OF.format("detail"))
    detail_values: Values = Field(default={}, description=VALUES)
    clock_correction_ms: int | None = Field(
        default=None, description="to be added to start for the true time, as with segments"
    )
    end_correction_ms: int | None = Field(default=None, description="to be added to end for the true time")
    pauses: list[Pause] = Field(
        default=[],
        description="of a gap that joins pauses within what is recorded: only these are missing; empty: all of it is",
    )
    beneath: str | None = Field(
        default=None, description="of a gap in maintenance: the cause that it would have otherwise, as detail tells it"
    )


class Alarm(Document):
    key: str = Field(description="stable name of the condition, e.g. camera.down:lobby")
    severity: Severity
    state: Literal["raised", "cleared"]
    since: str
    cleared: str | None
    count: int = Field(description="how often it was raised since then; back within an hour is the same alarm")
    text: str
    action: str = Field(description="the first thing to do")
    acknowledged: bool = Field(description="somebody has seen it, while it was no worse than it is")
    occurrence: str = Field(
        default="", description="id of this time that it stands, the same while it comes and goes within an hour"
    )
    code: str = Field(default="", description=CODE)
    values: Values = Field(default={}, description=VALUES)
    action_code: str = Field(default="", description="of `action`, likewise")
    action_values: Values = Field(default={}, description="of `action`, likewise")


class Waiting(Document):
    """Events of one rank that the centre has not got."""

    rank: Literal["proof", "alarm", "storage", "history"] = Field(description="what goes first, in this order")
    events: int
    bytes: int
    oldest: str | None = Field(description="when the oldest of them happened")


class Broker(Document):
    configured: bool
    connected: bool
    address: str
    protocol: str = Field(description="5, 3.1.1 or empty")
    reason: str
    reason_code: str = Field(default="", description="of `reason`, as of an alarm's `text`")
    reason_values: Values = Field(default={}, description="of `reason`, likewise")
    since: str | None
    waiting: list[Waiting] = Field(
        default=[], description="events that the centre has not got; a rank without is left out"
    )


class Clock(Document):
    synced: bool
    epoch: int
    boot_id: str
    uptime_s: float


class DisclosureStatus(Document):
    """How many requests for footage (調閱) are how. Null where nobody could count them since edged started."""

    opened: bool | None = Field(
        default=None, description="two persons have opened the office: footage is shown by granted requests only"
    )
    shut: bool = Field(
        description="requests cannot be read and nothing is disclosed; what is told beside it is of before"
    )
    requests_deciding: int | None = None
    requests_supplement: int | None = Field(default=None, description="the applicant was asked for a supplement (補正)")
    requests_granted: int | None = Field(default=None, description="and not closed yet, as the next two")
    requests_refused: int | None = None
    requests_withdrawn: int | None = None
    requests_closed: int | None = Field(default=None, description="within the last 365 days")
    requests_unreadable: int | None = Field(default=None, description="this version cannot follow them")
    overdue: int | None = Field(default=None, description="what was due by a legal day is not on record")
    due_soon: int | None = Field(default=None, description="something is due within two days, nothing overdue")
    not_held: int | None = Field(default=None, description="part of the footage that they ask for is not held")
    viewing_open: int | None = Field(default=None, description="footage is being viewed by them")
    to_erase: int | None = Field(
        default=None, description="their persons are to be erased, which two persons have to confirm"
    )
    requests_open: int | None = Field(default=None, description="not closed, whatever was decided")
    overdue_by_office: int | None = Field(
        default=None,
        description="with the reply, or the signature of what was granted by word",
    )
    year: int | None = Field(
        default=None, description="the present one of the Republic (115 is 2026), of which the next fields are"
    )
    year_received: int | None = Field(default=None, description="of 收文 in this year, as those up to `year_late`")
    year_deciding: int | None = None
    year_granted: int | None = None
    year_in_part: int | None = Field(default=None, description="granted, but less than was asked for")
    year_refused: int | None = None
    year_withdrawn: int | None = None
    year_referred: int | None = Field(
        default=None, description="nobody decides about them: who asked was told whom to turn to"
    )
    year_late: int | None = Field(
        default=None,
        description="what the office owed came after its last day, or has not and that is over",
    )
    year_viewings: int | None = Field(
        default=None, description="that began in this year, whenever their requests were received"
    )
    year_copies: int | None = Field(default=None, description="that left the office in this year, likewise")


class Load(Document):
    """What the box has to do, of the last minute."""

    busy: float | None = Field(default=None, description="share of all processors, 0 to 1; null: not known yet")
    late_ms: int = Field(default=0, description="the latest look at a camera, behind its time")
    slowest_sync_ms: int = 0
    queued_bytes: int = Field(default=0, description="the most that waited for the disk, of any camera")
    cameras: int = Field(default=0, description="that are recorded")
    carries: int | None = Field(
        default=None, description="cameras like these that fit in all, by the processor; null: that cannot be told"
    )
    excess: list[Literal["late", "disk", "busy"]] = Field(
        default=[],
        description="what is too much for this box: cameras are looked at late again and again, much waits for the "
        "disk, the processors are as good as always busy",
    )


class Status(Document):
    schema_: Literal["edged.status/1"] = Field(default="edged.status/1", alias="schema")
    verdict: Verdict
    action: str = Field(description="the first thing to do; empty when all is well")
    action_code: str = Field(default="", description="of `action`, as of an alarm's `text`")
    action_values: Values = Field(default={}, description="of `action`, likewise")
    node: str
    office: str
    name: str
    version: str
    time: str
    timezone: str
    started: str
    pid: int
    recovering: bool = Field(description="what an unclean stop left is still being worked off")
    clock: Clock
    cameras: list[Camera]
    volumes: list[Volume]
    broker: Broker
    load: Load = Load()
    alarms: list[Alarm]
    maintenance: Under | None = Field(default=None, description="what is worked on now; null: nothing is announced")
    disclosure: DisclosureStatus | None = Field(
        default=None, description="requests for footage; null: there is no profile, or nobody has looked yet"
    )


class Cameras(Document):
    schema_: Literal["edged.cameras/1"] = Field(default="edged.cameras/1", alias="schema")
    cameras: list[Camera]


class Segments(Document):
    schema_: Literal["edged.segments/1"] = Field(default="edged.segments/1", alias="schema")
    segments: list[Segment]


class Gaps(Document):
    schema_: Literal["edged.gaps/1"] = Field(default="edged.gaps/1", alias="schema")
    gaps: list[Gap]


class Alarms(Document):
    schema_: Literal["edged.alarms/1"] = Field(default="edged.alarms/1", alias="schema")
    alarms: list[Alarm]
    held: list[Held] = Field(default=[], description="those that maintenance holds back; raised once it ends")


class AlarmAckAsked(Document):
    """The body of a request."""

    key: str = Field(min_length=1, max_length=ALARM_KEY_MAX)


class AlarmAck(Document):
    schema_: Literal["edged.alarms-ack/1"] = Field(default="edged.alarms-ack/1", alias="schema")
    alarm: Alarm
    again: bool = Field(description="it was acknowledged before, and nothing changed")


class CameraRetention(Document):
    camera: str
    floor_s: int = Field(description="of a camera that is configured no longer: as stamped on its oldest segment")
    ceiling_s: int = Field(description="likewise")
    retained_s: float = Field(description="age of the oldest second that is still on disk")
    covered_s: float = Field(
        description="seconds recorded and on disk within the floor's span; what only a pin keeps is left out"
    )
    gone_s: float = Field(description="seconds recorded within the floor's span and destroyed")
    forecast_s: float | None = Field(
        description="how long footage will be kept at the measured rates, at most the ceiling; null while unknown"
    )
    full_in_s: float | None = Field(description="until the volumes are full; null where ceilings make room before")
    floor_at_risk_in_s: float | None = Field(
        description="until room could only be made below a floor, and recording stops; null where that is not foreseen"
    )
    compliant: bool = Field(
        description="nothing within the floor is gone or will be at the measured rate, and nothing is past the ceiling"
    )
    segments: int
    bytes: int
    oldest: str | None
    newest: str | None


class Retention(Document):
    schema_: Literal["edged.retention/1"] = Field(default="edged.retention/1", alias="schema")
    retention: list[CameraRetention]
    volumes: list[Volume]
    destroyed: int = Field(description="segments destroyed since the daemon started")
    last_sweep: str | None
    waiting: list[ShortenedCeiling] = Field(description="ceilings that were shortened and do not hold yet")
    overwriting: WaitingOverwrite | None = Field(
        description='on_full is "overwrite", and that does not hold yet; null: it is not, or it holds'
    )
    broken: list[BrokenFloor] = Field(description='floors that on_full = "overwrite" broke, until a day without')


class ReloadedVolumes(Document):
    """By path."""

    added: list[str] = Field(description="take footage, and did not before")
    retired: list[str] = Field(description="are configured, and take no footage, because they are retired")
    left_out: list[str] = Field(description="were configured, and are not any more")


class Reload(Document):
    schema_: Literal["edged.reload/1"] = Field(default="edged.reload/1", alias="schema")
    added: list[str]
    removed: list[str]
    changed: list[str]
    unchanged: list[str]
    restart_needed: list[str] = Field(description="keys that changed but take effect only after a restart")
    volumes: ReloadedVolumes
    roles: list[str] = Field(description="what changes at once of who holds which role")
    roles_told: list[Told] = Field(default=[], description="`roles`, with their codes")
    warnings: list[str] = Field(
        description="volumes that cannot be used or were left out while they hold something; bounds that are "
        "tightened, which two persons have to take back; bounds and roles that wait"
    )
    warnings_told: list[Told] = Field(default=[], description="`warnings`, with their codes")


class ConfigProblem(Document):
    file: str
    key: str
    problem: str
    problem_code: str = Field(default="", description="of `problem`, as of an alarm's `text`")
    problem_values: Values = Field(default={}, description="of `problem`, likewise")
    instead: str = Field(description="what to write instead")
    instead_code: str = Field(default="", description="of `instead`, as of an alarm's `text`")
    instead_values: Values = Field(default={}, description="of `instead`, likewise")


class ConfigCheck(Document):
    schema_: Literal["edged.config-check/1"] = Field(default="edged.config-check/1", alias="schema")
    ok: bool
    file: str
    problems: list[ConfigProblem]
    warnings: list[ConfigProblem]


class Version(Document):
    schema_: Literal["edged.version/1"] = Field(default="edged.version/1", alias="schema")
    version: str
    python: str
    av: str
    ffmpeg: str
    sqlite: str
    reader: Literal["compiled", "interpreted"] = Field(description="what takes in each packet of a camera")


class Error(Document):
    """What the control socket answers when it refuses; `exit` is the exit code edgectl ends with."""

    schema_: Literal["edged.error/1"] = Field(default="edged.error/1", alias="schema")
    error: str
    action: str
    exit: int
    error_code: str = Field(default="", description='what `error` says, for a program; "" where it has no code')
    error_values: Values = Field(default={}, description=VALUES)
    action_code: str = Field(default="", description="of `action`, likewise")
    action_values: Values = Field(default={}, description="of `action`, likewise")

    @classmethod
    def of(cls, error: str, action: str, exit_code: int) -> Self:
        what, advice = as_message(error), as_message(action)
        return cls(
            error=str(what),
            action=str(advice),
            exit=exit_code,
            error_code=what.code,
            error_values=what.data,
            action_code=advice.code,
            action_values=advice.data,
        )


class ShortenedCeiling(Document):
    camera: str
    old_s: int = Field(description="the ceiling that holds until then")
    new_s: int = Field(description="the ceiling that is configured")
    left_s: float = Field(description="running time until it holds")
    holds: str = Field(description="when that will be if the box runs on")


class WaitingOverwrite(Document):
    left_s: float = Field(description="running time until it holds")
    holds: str = Field(description="when that will be if the box runs on")


class BrokenFloor(Document):
    camera: str
    since: str
    last: str
    segments: int = Field(description="destroyed below their floor since then")


class Explanation(Document):
    schema_: Literal["edged.explanation/1"] = Field(default="edged.explanation/1", alias="schema")
    segment: str
    state: str = Field(description="recording, committed, quarantined, garbage, destroyed or lost")
    decision: Literal["keep", "destroy"]
    reason: str
    sentence: str
    sentence_code: str = Field(default="", description="of `sentence`: what it says, for a program")
    sentence_values: Values = Field(default={}, description=VALUES)
    pins: list[str] = Field(description="ids of the pins that hold it")
    exports: list[str] = Field(description="ids of exports under way, which keep it from going for its space")
    held_s: float | None = Field(
        description="running time from now until the last of its pins lets go of it, if none is changed; null: no pin"
    )
    held: str | None = Field(description="when that will be if the box runs on")
    earliest_s: float | None = Field(
        description="running time from now until it goes if its space is needed; null where pinned or gone"
    )
    earliest: str | None = Field(description="when that will be if the box runs on")
    latest_s: float | None = Field(description="running time from now until it goes at the latest; null likewise")
    latest: str | None = Field(description="when that will be if the box runs on")
    volume_away: bool


Purpose = Literal["service", "maintenance", "repair", "inspection"]
"""What a live picture may be looked at for (J7): 檢視為民服務情形, 維護, 維修, 巡檢."""


class Snapshot(Document):
    schema_: Literal["edged.snapshot/1"] = Field(default="edged.snapshot/1", alias="schema")
    camera: str
    path: str = Field(description="where the JPEG was written")
    bytes: int
    sha256: str
    taken: str = Field(description="when the picture was fetched")
    purpose: Purpose
    destroy_by: str | None = Field(
        default=None, description="with a profile: until then the picture is to be destroyed; null: nothing is said"
    )


class Reference(Document):
    camera: str
    set: str | None = Field(description="when the view was vouched for; null: it has no reference, and is not judged")


class ReferenceList(Document):
    schema_: Literal["edged.reference-list/1"] = Field(default="edged.reference-list/1", alias="schema")
    references: list[Reference]


class ReferenceAsked(Document):
    reason: str = Field(default="", max_length=500)


class ReferenceSet(Document):
    schema_: Literal["edged.reference-set/1"] = Field(default="edged.reference-set/1", alias="schema")
    camera: str
    set: str


class ReferenceClear(Document):
    schema_: Literal["edged.reference-clear/1"] = Field(default="edged.reference-clear/1", alias="schema")
    camera: str
    cleared: bool = Field(description="false: it had none")


class ProbedTrack(Document):
    kind: Literal["video", "audio", "other"]
    codec: str = Field(description="as the device names it")
    clock_rate: int
    channels: int
    recorded: bool
    reason: str = Field(description="why it would not be recorded; empty where it would")
    reason_code: str = Field(default="", description=OF.format("reason"))
    reason_values: Values = Field(default={}, description=VALUES)


class ProbedPicture(Document):
    codec: str
    width: int
    height: int
    fps: float | None = Field(description="by the camera's own times; null where too few pictures came")
    steady: bool | None = Field(description="the pictures are equally far apart")
    key_interval_s: float | None = Field(description="the longest that was seen; null where no two key frames came")
    bitrate_bps: int | None
    b_frames: bool


class ProbedSound(Document):
    codec: str
    arrived: bool
    bitrate_bps: int | None


class Probe(Document):
    schema_: Literal["edged.probe/1"] = Field(default="edged.probe/1", alias="schema")
    recordable: bool
    url: str = Field(description="without what stands behind a secret word in it")
    cause: str = Field(description="why it cannot be recorded, as in gaps; empty where it can")
    tried: str
    came_back: str = Field(description="what came back instead; empty where it can be recorded")
    check: str = Field(description="what to check")
    transport: Literal["tcp", "udp", "tls", "built-in"]
    certificate: str = Field(description="rtsps: fingerprint of the certificate that was shown; empty elsewhere")
    trusted: bool = Field(description="rtsps: authorities vouch for it, or it was named by --certificate")
    tracks: list[ProbedTrack]
    picture: ProbedPicture | None
    sound: ProbedSound | None
    clock_reports: int = Field(description="RTCP sender reports, by which a camera tells its clock")
    clock_offset_ms: int | None = Field(description="the camera's clock minus ours; null where it does not tell")
    measured_s: float
    remarks: list[str]
    other_urls: list[str] = Field(description="of the same device, that have a picture where this one has none")
    configuration: str = Field(description="a [[cameras]] table to paste; empty where nothing can be recorded")
    took_s: float
    tried_code: str = Field(default="", description=OF.format("tried"))
    tried_values: Values = Field(default={}, description=VALUES)
    came_back_code: str = Field(default="", description=OF.format("came_back"))
    came_back_values: Values = Field(default={}, description=VALUES)
    check_code: str = Field(default="", description=OF.format("check"))
    check_values: Values = Field(default={}, description=VALUES)
    remarks_told: list[Told] = Field(default=[], description="`remarks`, with their codes")
