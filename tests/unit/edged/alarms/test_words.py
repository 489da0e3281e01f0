"""What alarms say has a code, and reads in Chinese as in English: at once, and once it was stored or sent."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Final

import pytest

from edged.access.role_watch import RolesSeen
from edged.alarms import conditions, tracking
from edged.alarms.conditions import DeviceCamera
from edged.config.loosened_bounds import granted, sentence, wished_by
from edged.config.model import Commander, Config, Roles
from edged.documents.base import told_in
from edged.health.faults import MediaFault, MediaFinding, MediaHealth
from edged.health.load import QUEUED_BYTES, BoxLoad
from edged.health.stream import CameraState, Condition, Expectation, Observation, Sample, Stream, assess
from edged.overview import (
    AlarmCondition,
    CameraHealth,
    DeadlineKind,
    FootageForecast,
    Measurements,
    OfficeFacts,
    RequestDeadline,
    UnreportedLeak,
)
from edged.site import documents as site_documents
from edged.words.catalogue import Reader
from mqtt.client import LinkView
from mqtt.tls import CertificateFault, Files, Lifetime, TlsView, Weight
from recorder.words.address import Target, without_login
from script.generate import catalogues
from storage.ages.history import Point
from storage.ages.service import OffTimeDoubt
from storage.audit.findings import Code, LedgerFinding, at_leaf, not_there
from storage.audit.table import Checked
from storage.ledger.note import Checkpoint
from storage.ledger.signer import Contradiction, HeadAgreement
from storage.ledger.table import Rebuild
from storage.outbox.table import EventRank, OutboxDepth
from storage.pins.rules import PinState
from storage.recovery.service import LedgerStatus
from storage.retention.bounds import LoosenedBound, Loosening, OverwriteState, ShortenedCeiling, loosenings
from storage.ring.service import RingView
from storage.ring.table import Breach
from storage.segments.findings_table import TamperedFiles
from storage.tickets.maintenance_table import Lasting, Maintenance, MaintenanceState
from storage.words.message import NOTHING, Message, Value, message
from storage.words.model import GapCause, OpenFault, VolumeState
from tests.unit.edged.centre.test_retained import pin
from tests.unit.edged.site.test_documents import CONFIG, NOW, VOLUME, frames, overview, segment

KINDS: Final = Path(__file__).parents[2] / "golden" / "alarm-keys.txt"
CHINESE: Final = re.compile(r"[\u4e00-\u9fff]")
UNTRANSLATED: Final = re.compile(
    r"(?<!-)\b(?:the|is|are|not|and|of|which|has|have|was|were|that|this|until|with|without|from|by|it|its)\b"
)
"""Words without which no English sentence gets along."""
BLANK: Final = re.compile(r"[（）。，：；、] | [（）。，：；、]")
"""Chinese punctuation has room of its own."""
WHY: Final = message("camera.io-error", "the disk does not take what is written")
"""A reason that another part gives."""
DAY_MS: Final = 86_400_000
ACCOUNTS: Final = ("chen", "lin")
KEY: Final = "ed25519:" + base64.b64encode(bytes(range(32))).decode()
POINT: Final = Point(1, NOW.boottime_ms, NOW.wall_ms)


TRIED: Final = Target.parse("rtsp://10.0.0.11/stream1", "viewer").tried
REFUSED: Final = message("camera.because", "{what}: {reason}", what=TRIED, reason=WHY)
SEEN: Final = overview(
    Measurements(NOW),
    health={"lobby": CameraHealth(Condition(CameraState.DOWN, REFUSED, WHY, lost_s=60), None, 0)},
)


def life(days: float) -> Lifetime:
    return Lifetime(NOW.wall_ms - 365 * DAY_MS, NOW.wall_ms + round(days * DAY_MS), "/e/box.crt")


def channel(number: int, cause: GapCause, *, down: bool = True) -> DeviceCamera:
    return DeviceCamera(f"ch{number:02}", "rtsp://10.0.0.20:554", down, not down, 60.0, cause, WHY, NOTHING)


def of_devices() -> Iterator[tuple[str, AlarmCondition]]:
    """All of its cameras and some; each cause that has something of its own to check."""
    well = replace(channel(20, GapCause.UNKNOWN), down=False)
    for cameras in (
        [channel(n, GapCause.UNREACHABLE) for n in range(1, 20)],
        [channel(n, GapCause.UNREACHABLE, down=False) for n in range(1, 20)],
        [channel(n, GapCause.UNKNOWN) for n in range(1, 3)],
        [channel(1, GapCause.UNAUTHORISED), channel(2, GapCause.UNAUTHORISED), well],
        [replace(channel(n, GapCause.UNREACHABLE), came_back=NOTHING) for n in range(1, 3)],
    ):
        yield from conditions.device_troubles(conditions.step({}, cameras, 1), cameras).items()


def of_disks() -> Iterator[tuple[str, AlarmCondition]]:
    """Full for each reason; of one that is gone for good, who is to report it; that takes nothing, and slowly."""
    full = replace(VOLUME, state=VolumeState.FULL, reason=WHY)
    for status in (
        replace(full, cause=GapCause.FLOOR_PROTECT),
        replace(full, cause=GapCause.IO_ERROR),
        replace(full, cause=GapCause.DISK_FULL, others_bytes=200 * 10**9),
        replace(VOLUME, state=VolumeState.LOST, reason=WHY),
    ):
        seen = overview(Measurements(NOW, (status,)))
        yield from conditions.space_troubles(seen)
        yield from conditions.lost_volume_troubles(seen)
    stopped = replace(full, cause=GapCause.FLOOR_PROTECT, stopped=("lobby",))
    foresight = FootageForecast(at_risk_in_s=0)
    yield from conditions.space_troubles(overview(Measurements(NOW, (stopped,)), foresight=foresight))
    slow = {"spare": CameraHealth(Condition(CameraState.RECORDING, NOTHING), None, 0, slow_syncs=1)}
    views = {"lobby": frames(cause=GapCause.IO_ERROR, came_back=WHY), "spare": frames()}
    yield from tracking.troubles(overview(Measurements(NOW), health=slow), views, {}, None, {}).items()
    for load in (BoxLoad(0.95), BoxLoad(queued_bytes=QUEUED_BYTES + 1)):
        yield from conditions.load_troubles(load)
    strange = TamperedFiles("v", "/d", (("/d/a", "of a later version"),), more=False)
    yield from conditions.tampering_troubles([strange])


def of_pins() -> Iterator[tuple[str, AlarmCondition]]:
    """Those that nobody has approved yet."""
    for left_ms in (1, DAY_MS):
        waits = replace(pin("P-1", PinState.PROVISIONAL), left_ms=left_ms)
        yield from conditions.pin_trouble(waits)
        yield from conditions.pin_trouble(replace(waits, pin=replace(waits.pin, adopted=True)))


def of_boots() -> Iterator[tuple[str, AlarmCondition]]:
    """As many as are named, and more; those that no clock bounds before others."""
    footage = {"lobby": segment("lobby", CONFIG.bounds("lobby"))}
    for count in (1, conditions.BOOTS_NAMED + 2):
        for bounded in (True, False):
            doubts = tuple(OffTimeDoubt(boot, bounded) for boot in range(2, 2 + count))
            measured = Measurements(NOW, oldest=footage, doubts=doubts)
            yield from conditions.unproven_ceiling_troubles(overview(measured, ceiling_unproven=True))


def of_the_ledger() -> Iterator[tuple[str, AlarmCondition]]:
    """How the centre knows it otherwise, and how many findings there are, named and not."""
    for word in (HeadAgreement.LONGER, HeadAgreement.OTHER, HeadAgreement.UNKNOWN):
        found = Contradiction(Checkpoint("edged/wenshan/7f3a", 1041, b"r" * 32), word)
        yield from conditions.ledger_troubles(LedgerStatus(contradiction=found))
    at = LedgerFinding(Code.SEGMENT_GONE, at_leaf(7), not_there(7))
    for findings in (1, 2, 3):
        for named in ((at,), (replace(at, where="/srv/edged/.ledger/1"),), ()):
            checked = Checked(1, 1, NOW.boottime_ms, NOW.wall_ms, 1041, 7, findings, named)
            yield from conditions.ledger_troubles(LedgerStatus(checked=checked))


def of_the_link() -> Iterator[tuple[str, AlarmCondition]]:
    """The broker is there, and nobody fetches what it has."""
    waits = OutboxDepth(1, 100, NOW.wall_ms - 2 * DAY_MS)
    seen = overview(Measurements(NOW, outbox=dict.fromkeys(EventRank, waits)))
    yield from conditions.broker_troubles(replace(seen, link=LinkView(True, "b", "5", NOTHING, NOTHING, 0)))


def of_the_office() -> Iterator[tuple[str, AlarmCondition]]:
    """Each legal day, near and over, with and without a clock that somebody vouches for; who is nameless."""
    for kind in DeadlineKind:
        for last in (None, date(2026, 5, 12)):
            for passed in (False, True):
                due = RequestDeadline("115-0007", "J-public", kind, last, passed, unsynced=passed)
                yield from conditions.office_troubles(OfficeFacts(deadlines=(due,)))
    yield from conditions.office_troubles(OfficeFacts(shut=WHY, shut_action=WHY, nameless_persons=2))
    yield from conditions.office_troubles(OFFICE)


OFFICE: Final = OfficeFacts(
    not_opened=True,
    shut=WHY,
    keys_restored=True,
    nameless=("115-0007", "115-0008"),
    nameless_persons=1,
    years_missing=(2026, 2027),
    not_held={"115-0007": WHY},
    viewings_over=("115-0007",),
    copies_left={"115-0007": (WHY, WHY)},
    copies_overdue={"E-20260506-AB23": "115-0007"},
    erasures_unanswered=("112-0003",),
    leaks_unreported=(UnreportedLeak("L-115-0001", is_late=False),),
)


def found() -> Iterator[tuple[str, AlarmCondition]]:
    """Each alarm in each of its forms."""
    full = replace(VOLUME, state=VolumeState.FULL, reason=WHY, cause=GapCause.DISK_FULL, stopped=("lobby", "spare"))
    away = replace(VOLUME, state=VolumeState.AWAY, reason=WHY, others_bytes=200 * 10**9)
    lost = replace(VOLUME, id="lost", state=VolumeState.LOST, reason=WHY)
    ring = RingView(
        waiting={"lobby": ShortenedCeiling(31 * 86_400, 9 * 86_400, DAY_MS)},
        overwriting=OverwriteState(left_ms=DAY_MS),
        breaches=(Breach("lobby", POINT, POINT, 7),),
    )
    faults = tuple(
        OpenFault(f"F-20260506-K3Q{n}", "camera.down:lobby", "lobby", None, 0, 30 * DAY_MS, told_ms, None, over=False)
        for n, told_ms in enumerate([None] * 9 + [1])
    )
    measured = Measurements(
        NOW,
        volumes=(full, away, lost, replace(lost, noted=True)),
        ring=ring,
        pins=tuple(replace(pin(f"P-{n}"), left_ms=left) for n, left in enumerate((1, 2 * DAY_MS, 9 * DAY_MS))),
        pin_troubles={"P-1": WHY},
        pins_unvouched=("P-2",),
        pins_unread={"v": WHY},
        rebuild=Rebuild(1, WHY, "/var/lib/edged/aside", 0, 0, read=True, end=None),
        ballast_owed=True,
        ledger=LedgerStatus(
            unsigned=WHY,
            exposed=WHY,
            hole=WHY,
            unwritten={"v": WHY, "state": WHY},
            contradiction=Contradiction(Checkpoint("edged/wenshan/7f3a", 1041, b"r" * 32), HeadAgreement.OTHER),
        ),
        faults=faults,
    )
    judged = MediaHealth(
        1, tuple(MediaFinding(fault, 1, WHY) for fault in MediaFault), unjudged=message("x", "{why}", why=WHY)
    )
    seen = overview(
        measured,
        health={
            "lobby": CameraHealth(Condition(CameraState.DOWN, REFUSED, WHY, lost_s=60), None, 0),
            "spare": CameraHealth(Condition(CameraState.DEGRADED, WHY, WHY), None, 0),
        },
        judged={"spare": replace(judged, unjudged=WHY)},
        link=LinkView(connected=False, address="10.0.0.2:8883", protocol="", reason=WHY, check=WHY, since_ms=0),
        tampered=(TamperedFiles("v", "/d", tuple((f"/d/{kind}", kind) for kind in conditions.TAMPERED), more=True),),
        roles=RolesSeen(clashing=ACCOUNTS, unknown=("edged-operators",), owed=2, readers=ACCOUNTS),
        loosening=(Loosening("lobby", LoosenedBound.FLOOR, 31 * 86_400, 9 * 86_400),),
        tls=TlsView(Files("/e/ca", "/e/crt", "/e/key"), box=life(5), authority=life(-1), broker=life(20)),
    )
    yield from tracking.troubles(seen, {}, {"sweep": WHY}, NOW.boottime_ms, {}).items()
    yield from conditions.broker_troubles(replace(seen, link=LinkView(True, "b", "5", WHY, WHY, 0)))
    for gone in (replace(measured, ballast_gone=True), replace(measured, ballast_owed=True)):
        yield from conditions.space_troubles(overview(gone, health=seen.health))
    for overwrites in (OverwriteState(), OverwriteState(holds=True)):
        for at_risk_s, others in ((1.0, ()), (10 * 86_400.0, ("/srv/a",))):
            risky = replace(measured, volumes=(), ring=RingView(overwriting=overwrites))
            foresight = FootageForecast(at_risk_in_s=at_risk_s, others=others)
            yield from conditions.space_troubles(overview(risky, foresight=foresight))
    yield from conditions.space_troubles(overview(measured, foresight=FootageForecast(floors_bytes=2, room_bytes=1)))
    yield from conditions.rebuild_troubles(
        overview(replace(measured, rebuild=Rebuild(1, WHY, None, 0, 0, read=True, end=(1, 0, 0))))
    )
    for weight, kept in ((Weight.BROKEN, False), (Weight.WRONG, False), (Weight.WRONG, True)):
        wrong = TlsView(Files("/e/ca"), faults=(CertificateFault("ca_file", WHY, WHY, weight),) * 2, kept=kept)
        yield from (
            (key, replace(one, action=WHY))  # what to do is another part's, and made a sentence of there
            for key, one in conditions.certificate_troubles(wrong, "b", NOW.wall_ms, synced=True)
        )
    for view in (
        TlsView(Files("/e/ca"), box=Lifetime(NOW.wall_ms + 1, NOW.wall_ms + 2)),
        TlsView(Files(""), box=life(1)),
    ):
        for synced in (True, False):
            yield from conditions.certificate_troubles(view, "b", NOW.wall_ms, synced=synced)
    for more in (of_devices, of_disks, of_pins, of_boots, of_the_ledger, of_the_link, of_the_office):
        yield from more()


CONDITIONS: Final = [*found()]


def of_maintenance(*cameras: str) -> Lasting:
    known = Maintenance("M-1", MaintenanceState.LASTING, cameras, POINT, DAY_MS, None)
    return Lasting(known, DAY_MS, NOW.wall_ms + DAY_MS, 0, {})


BESIDE: Final = [
    tracking.in_full(WHY, ", ".join(ACCOUNTS)),
    *(
        tracking.maintenance_sentence(of_maintenance(*cameras), held_back, ["lobby"])
        for cameras in ((), ("lobby", "spare"))
        for held_back in range(3)
    ),
]
"""What is said of alarms, and is none itself."""


def read_back(told: Message) -> Message:
    return Message.of(**json.loads(json.dumps(told.told)))


def assert_reads_in_both_languages(told: Message) -> None:
    assert told.code, told
    assert Reader("en")(told) == told
    words = Reader("zh_TW")(told)
    assert CHINESE.search(words)
    assert not UNTRANSLATED.search(words), words
    assert not BLANK.search(words), words
    assert Reader("zh_TW")(read_back(told)) == words


@pytest.mark.parametrize(("key", "one"), CONDITIONS, ids=[key for key, _ in CONDITIONS])
def test_what_an_alarm_says_reads_in_both_languages(key: str, one: AlarmCondition) -> None:
    del key
    for told in (one.text, one.action):
        assert_reads_in_both_languages(told)


@pytest.mark.parametrize("told", BESIDE)
def test_what_is_said_of_alarms_reads_in_both_languages(told: Message) -> None:
    assert_reads_in_both_languages(told)


def test_each_kind_of_alarm_is_among_them() -> None:
    assert {key.partition(":")[0] for key, _ in CONDITIONS} == set(KINDS.read_text("utf-8").split())


def codes(told: Value) -> Iterator[str]:
    """Of a sentence and of all that are in it."""
    if isinstance(told, Message):
        yield told.code
        for value in told.values.values():
            for one in value if isinstance(value, list) else [value]:
                yield from codes(one)


def test_each_sentence_of_alarms_is_among_them() -> None:
    said = [*BESIDE, *(told for _, one in CONDITIONS for told in (one.text, one.action))]
    made = {code for told in said for code in codes(told)}
    assert {one.code for one in catalogues.extracted() if one.file.startswith("edged/alarms/")} - made == set()


def test_what_is_wrong_with_a_stream_reads_in_both_languages() -> None:
    stream = Stream("h264", 1280, 720, "aac", WHY)
    samples = [Sample(1000 * n, n, n, 1000 * n) for n in range(60)]
    seen = Observation(59_000, enabled=True, stream=stream, samples=samples, trouble=Message(""))
    wants = Expectation(width=1920, height=1080, fps=10, audio=False, pixels=2_000_000, codec="h265")
    words = Reader("zh_TW")(assess(seen, wants).reason)
    assert words == (
        "硬碟無法寫入；畫面為 1280×720，預期為 1920×1080；畫面為 921600 像素，預期至少 2000000 像素；"
        "畫面編碼為 h264，預期為 hevc；送出聲音（aac），但設定為不應有聲音；每秒張數低於預期的 10 張"
    )


def test_what_is_loosened_reads_in_both_languages() -> None:
    asked = [
        Loosening(None, LoosenedBound.CEILING, 86_400, 2 * 86_400),
        Loosening("lobby", LoosenedBound.FLOOR, 2 * 86_400, 86_400),
        Loosening(None, LoosenedBound.OVERWRITE),
        Loosening(None, LoosenedBound.UNGRANTED),
        Loosening(None, LoosenedBound.GRANT, role="operator", group="cctv"),
        Loosening(None, LoosenedBound.REVOKE, role="operator", group="cctv"),
        Loosening(None, LoosenedBound.PROFILE, profile="taipei-police"),
        Loosening(None, LoosenedBound.PROFILE, profile="taipei-police", wished_profile="nangang-school"),
    ]
    words = Reader("zh_TW")(sentence(asked))
    assert words.startswith("把全站的銷毀期限由 1d 延長為 2d；把攝影機 lobby 的最低保存期限由 2d 縮短為 1d；")
    assert words.count("；") == len(asked) - 1
    assert not UNTRANSLATED.search(words)


def commanded(until: date | None) -> Config:
    """By a key of the centre."""
    noc = Commander(name="noc", key=KEY, verbs=["pin"], until=until)
    return CONFIG.model_copy(update={"roles": Roles(authority=["chiefs"]), "commanders": [noc]})


def test_what_a_key_of_the_centre_may_reads_in_both_languages() -> None:
    """Its name is stored with its last day, in English."""
    endless, ending = commanded(None), commanded(date(2027, 1, 31))
    told = [
        sentence([*loosenings(wished_by(endless), wished_by(ending))]),
        *granted(endless.model_copy(update={"commanders": []}), endless),
        *granted(ending, ending.model_copy(update={"commanders": []})),
    ]
    assert [Reader("zh_TW")(one) for one in told] == [
        f"准許 noc（{KEY}，至 2027-01-31 止）下達 pin 指令；不再准許 noc（{KEY}，無期限）下達 pin 指令",
        f"noc（{KEY}，無期限）可以下達 pin 指令",
        f"noc（{KEY}，至 2027-01-31 止）不再可以下達 pin 指令",
    ]
    assert [Reader("en")(one) for one in told] == [
        f"let noc ({KEY}, until 2027-01-31) command pin; no longer let noc ({KEY}, without an end) command pin",
        f"noc ({KEY}, without an end) may command pin",
        f"noc ({KEY}, until 2027-01-31) may no more command pin",
    ]


def test_neither_path_nor_user_of_a_camera_is_told_the_centre() -> None:
    """Not in the text, and not among the values of any message in it."""
    for key, one in CONDITIONS:
        told = json.dumps([one.text.told, one.action.told])
        assert "viewer" not in told, key
        assert "/stream1" not in told, key
    shown = without_login(told_in(site_documents.camera(SEEN.config.cameras[0], SEEN), "reason"))
    assert "10.0.0.11:554" in shown
    assert "viewer" not in json.dumps(shown.told)
    assert "/stream1" not in json.dumps(shown.told)
