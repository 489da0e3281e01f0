"""The judgement by clause: met, not met, by hand, not built; what was not measured is never met."""

from __future__ import annotations

import io
import stat
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final

import pytest
from rich.console import Console

from edged import compliance
from edged.access.role_watch import RolesSeen
from edged.cli import compliance as compliance_screen
from edged.compliance import JUDGES, Call, ClauseFinding, ClauseStatus, Facts, advanced, findings, summary
from edged.config.model import Config
from edged.documents import register as documents
from edged.health import faults
from edged.health.stream import CameraState, Condition, Stream
from edged.host.file_access import FileEntry, OpenFile, OpenFiles, OpenFileWatch, Owner, why_open
from edged.office.cases import Unreadable
from edged.office.findings import KINDS, CaseBreach, CaseFinding
from edged.office.leaks import LeakCase, OpenedBody, ReportedBody, ReportedTo
from edged.overview import CameraHealth, Measurements, OfficeFacts, Overview
from edged.profiles.loader import PROFILES, Basis, Judgement, profile
from edged.site import compliance_watch
from edged.site.compliance_watch import ComplianceStanding
from edged.words.catalogue import Reader
from edged.words.roles import TABLE, Record, Verb
from storage.pins.rules import REQUEST, Left, PinState
from storage.register.queries import Amount, Kept, Tally, Violation
from storage.segments.coverage_queries import CoverageShares
from storage.segments.findings_table import TamperedFiles
from storage.words.message import NOTHING, Message, message
from storage.words.model import (
    Bounds,
    CameraUsage,
    Coverage,
    Moment,
    OpenFault,
    Segment,
    SegmentState,
    VolumeState,
    VolumeStatus,
)
from tests.unit.edged.centre.test_retained import pin
from tests.unit.edged.office.test_deadlines import DAY_MS, NUMBER, point, story
from tests.unit.edged.office.test_findings import closing, of
from tests.unit.edged.office.test_findings import record as office_record

DAY_S: Final = 86_400
NOW: Final = Moment(1_772_000_000_000, 90 * DAY_S * 1000)
RETENTION: Final = {
    "wenshan-household": {"min": "31d", "max": "365d"},
    "jiancheng-land": {"min": "92d", "max": "365d"},
    "taipei-police": {"min": "31d", "max": "365d"},
    "dahu-township": {"min": "10d", "max": "60d"},
    "nangang-school": {"min": "30d", "max": "365d"},
}
ROLES: Final = {"operator": ["o"], "authority": ["a"], "auditor": ["e"], "technician": ["t"]}
VOLUME: Final = VolumeStatus("v", Path("/d"), VolumeState.IN_SERVICE, NOTHING, 10**9, 10**8, 0, 10**9, 1)
HELD_S: Final = 40 * DAY_S
WATCHED: Final = faults.MediaHealth(NOW.wall_ms, (), colour=True, day=True, sound_db=-30.0, drift_ms=40)


OPEN: Final = office_record()
"""Of an office that lacks nothing and in which nobody asks for anything."""
OFFICE: Final = {
    "wenshan-household": ("W2", "W3", "W5", "W6", "W7", "W8", "W9", "W10"),
    "jiancheng-land": ("J5", "J6", "J7", "J8", "J9", "J10", "J11"),
    "taipei-police": ("P7", "P8", "P11", "P12"),
    "dahu-township": ("D1", "D3", "D4", "D5", "D7"),
    "nangang-school": ("N1", "N2", "N3", "N7", "N9", "N10"),
}
"""Clauses about requests."""


def config(name: str) -> Config:
    return Config.model_validate(
        {
            "site": {"node": "n", "office": "o", "name": "N", "profile": name},
            "retention": RETENTION[name],
            "roles": ROLES,
            "cameras": [{"id": "desk", "name": "值勤臺", "url": "test://", "duty_desk": True, "unit": "圖書館"}],
        }
    )


def health(**changes: Any) -> CameraHealth:
    stream = Stream("h264", 1920, 1080, "aac")
    known = CameraHealth(Condition(CameraState.RECORDING, NOTHING, fps=10.0), stream, NOW.wall_ms)
    return replace(known, **changes)


def segment(bounds: Bounds) -> Segment:
    return Segment(
        id=1, camera="desk", seq=1, volume="v", state=SegmentState.COMMITTED, path=Path("/d/x.mp4"), boot=1,
        start=NOW, end=NOW, bytes=1, sha256=b"", bounds=bounds, epoch=1, synced=True, unproven=False,
    )  # fmt: skip


def usage(**changes: Any) -> CameraUsage:
    known = CameraUsage("desk", 9, 10**9, NOW.plus_ms(-HELD_S * 1000), HELD_S * 1000, NOW, 10**8)
    return replace(known, **changes)


def facts(name: str, **changes: Any) -> Facts:
    """Of a box on which all is well. `changes` of the overview, or of the facts themselves."""
    chosen = config(name)
    bounds = chosen.bounds("desk")
    measured = Measurements(
        NOW,
        volumes=(VOLUME,),
        usage={"desk": usage()},
        coverage={"desk": Coverage(DAY_S * 1000, 0, 0, NOW.wall_ms - HELD_S * 1000, 0)},
        oldest={"desk": segment(bounds)},
    )
    measured = replace(measured, **changes.pop("measured", {}))
    names = {one.name for one in fields(Facts)} - {"seen", "office"}
    own = {key: changes.pop(key) for key in names & changes.keys()}
    record = changes.pop("record", OPEN)
    seen = Overview(
        config=chosen, version="0", pid=1, started_ms=0, started_boottime_ms=0, boot_id="b", epoch=1, synced=True,
        recovering=False, now=NOW, measured=measured, health={"desk": health()}, link=None, alarms=(), destroyed=0,
        last_sweep_ms=NOW.wall_ms, judged={"desk": WATCHED}, roles=RolesSeen(looked=True),
    )  # fmt: skip
    whole = Facts(
        replace(seen, **changes),
        calls=tuple(Call("GET", f"/v1/{verb.value}", verb.value) for verb in Verb),
        reached=OpenFiles(40, whole=True),
        register=Tally(1000, 12, {}),
        shares={"desk": CoverageShares(DAY_S * 1000, {}, 0)},
        office=record,
    )
    return replace(whole, **own)


def judged(name: str, clause: str, **changes: Any) -> ClauseFinding:
    found = {one.clause.id: one for one in findings(profile(name), facts(name, **changes))}
    return found[clause]


def test_every_judgement_has_a_judge() -> None:
    assert set(JUDGES) == set(Judgement)


@pytest.mark.parametrize("name", PROFILES)
def test_on_a_box_on_which_all_is_well_nothing_is_not_met(name: str) -> None:
    found = findings(profile(name), facts(name))
    assert [one.clause.id for one in found if one.status is ClauseStatus.NOT_MET] == []
    assert all(one.evidence for one in found if one.status is ClauseStatus.MET)
    assert any(one.status is ClauseStatus.MET for one in found)
    for one in found:
        if not one.clause.judged:
            assert one.status in (ClauseStatus.BY_HAND, ClauseStatus.NOT_BUILT)


@pytest.mark.parametrize("name", PROFILES)
def test_what_was_not_measured_is_not_met(name: str) -> None:
    """Nothing was looked at yet: no clause that is judged may be met but by what the file itself says."""
    nothing = facts(
        name, measured={"volumes": (), "usage": {}, "coverage": {}, "oldest": {}}, health={}, judged={},
        roles=RolesSeen(), last_sweep_ms=None, calls=(), reached=None, register=None, shares={}, record=None,
    )  # fmt: skip
    said = {Judgement.STATED, Judgement.PINS, Judgement.OFFICES, Judgement.AUDITOR, Judgement.FAULTS}
    for one in findings(profile(name), nothing):
        if set(one.clause.judged) - said:
            assert one.status is ClauseStatus.NOT_MET, one.clause.id
            assert one.faults


TAMPERED: Final = TamperedFiles("v", "/d", (("desk/2026-05-01/x.mp4", "missing"),), more=False)
EARLY: Final = Tally(9, 1, {("desk", Violation.EARLY): Amount(1, 5, NOW.wall_ms - 1000)})
LATE: Final = Tally(9, 1, {("desk", Violation.LATE): Amount(1, 5, NOW.wall_ms - 1000)})
AWAY: Final = replace(VOLUME, state=VolumeState.AWAY)
CLOSED: Final = OpenFiles(
    40,
    whole=True,
    open=(OpenFile("/d/desk/x.mp4", message("host.open-by-list", "it has an access list (ACL)")),),
    count=1,
)
QUIET: Final = (faults.MediaFinding(faults.MediaFault.SILENT, 0, NOTHING),)
GREY: Final = (faults.MediaFinding(faults.MediaFault.COLOURLESS, 0, NOTHING),)
How = dict[str, Any]
READ: Final = Reader("zh_TW", form=True)
SHORT: Final[tuple[How, ...]] = (
    {"measured": {"usage": {"desk": usage(gone_ms=1000)}}},
    {"measured": {"usage": {"desk": usage(lost=True)}}},
    {"measured": {"usage": {"desk": usage(), "gone": replace(usage(lost=True), camera="gone")}}},
    {"measured": {"usage": {}}},
    {"measured": {"volumes": (AWAY,)}},
    {"tampered": (TAMPERED,)},
    {"register": EARLY},
    {"register": None},
    {"recovering": True},
)
LONG: Final[tuple[How, ...]] = (
    {"measured": {"usage": {"desk": usage(oldest_age_ms=400 * DAY_S * 1000)}}},
    {"ceiling_unproven": True},
    {"register": LATE},
)
INTERRUPTED: Final[tuple[How, ...]] = (
    {"shares": {"desk": CoverageShares(DAY_S * 1000, {}, 500)}},
    {"shares": {}},
    {"health": {"desk": health(condition=Condition(CameraState.DOWN, Message("x")))}},
)
OPENED: Final[tuple[How, ...]] = (
    {"reached": CLOSED},
    {"reached": OpenFiles(40, unread=(Message("/d (Input/output error)"),))},
    {"reached": None},
    {"roles": RolesSeen(readers=("lin",), looked=True)},
    {"roles": RolesSeen(owed=2, looked=True)},
)
BREAKS: Final[list[tuple[str, str, How]]] = [
    *(
        (name, clause, how)
        for name, clause in [("wenshan-household", "W1"), ("jiancheng-land", "J4"), ("taipei-police", "P4"),
                             ("nangang-school", "N4"), ("dahu-township", "D2")]
        for how in SHORT
    ),
    *(
        (name, clause, how)
        for name, clause in [("wenshan-household", "W1"), ("jiancheng-land", "J4"), ("taipei-police", "P13"),
                             ("nangang-school", "N4"), ("dahu-township", "D2")]
        for how in LONG
    ),
    *(
        (name, clause, how)
        for name, clause in [("nangang-school", "N4"), ("dahu-township", "D2")]
        for how in INTERRUPTED
    ),
    ("taipei-police", "P1", {"health": {"desk": health(condition=Condition(CameraState.DOWN, Message("x")))}}),
    ("taipei-police", "P2", {"health": {"desk": health(stream=Stream("h264", 1920, 1080, ""))}}),
    ("taipei-police", "P2", {"judged": {"desk": replace(WATCHED, findings=QUIET)}}),
    ("taipei-police", "P2", {"judged": {"desk": replace(WATCHED, drift_ms=200)}}),
    ("taipei-police", "P2", {"judged": {"desk": replace(WATCHED, sound_db=None)}}),
    ("taipei-police", "P3", {"health": {"desk": health(stream=Stream("h264", 1280, 720, "aac"))}}),
    ("taipei-police", "P3", {"health": {"desk": health(stream=Stream("h264", 2000, 700, "aac"))}}),
    ("taipei-police", "P3", {"health": {"desk": health(condition=Condition(CameraState.RECORDING, NOTHING, fps=9.7))}}),
    ("taipei-police", "P3", {"health": {"desk": health(condition=Condition(CameraState.RECORDING, NOTHING))}}),
    ("taipei-police", "P3", {"judged": {"desk": replace(WATCHED, findings=GREY)}}),
    ("taipei-police", "P3", {"judged": {}}),
    ("taipei-police", "P4", {"calls": (Call("DELETE", "/v1/segments", "segments"),)}),
    ("taipei-police", "P4", {"calls": (Call("POST", "/v1/volumes/format", "volume init"),)}),
    ("taipei-police", "P5", {"calls": (Call("POST", "/v1/segments/purge", "segments"),)}),
    ("taipei-police", "P5", {"calls": (Call("POST", "/v1/secret", "nobody's"),)}),
    ("taipei-police", "P5", {"roles": RolesSeen(unknown=("o",), looked=True)}),
    ("taipei-police", "P6", {"roles": RolesSeen(clashing=("chen",), looked=True)}),
    ("taipei-police", "P6", {"roles": RolesSeen()}),
    *(
        (name, clause, how)
        for name, clause in [("wenshan-household", "W2"), ("jiancheng-land", "J6"), ("taipei-police", "P12"),
                             ("dahu-township", "D1"), ("nangang-school", "N9")]
        for how in OPENED
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "clause", "how"), BREAKS)
def test_what_breaks_a_clause_is_told(name: str, clause: str, how: dict[str, Any]) -> None:
    assert judged(name, clause).status is ClauseStatus.MET
    broken = judged(name, clause, **how)
    assert broken.status is ClauseStatus.NOT_MET
    assert broken.faults
    assert all(any("\u4e00" <= c <= "\u9fff" for c in READ(words)) for words in broken.faults)
    assert not any("\u4e00" <= c <= "\u9fff" for words in broken.faults for c in words.replace("值勤臺", ""))


def test_grey_at_night_is_no_fault_and_unknown_drift_is_for_people() -> None:
    night = replace(WATCHED, colour=False, day=False)
    assert judged("taipei-police", "P3", judged={"desk": night}).status is ClauseStatus.MET
    deaf = replace(WATCHED, drift_ms=None)
    assert judged("taipei-police", "P2", judged={"desk": deaf}).status is ClauseStatus.BY_HAND


def test_1280_by_720_is_too_small_and_says_so() -> None:
    told = judged("taipei-police", "P3", health={"desk": health(stream=Stream("h264", 1280, 720, "aac"))})
    assert any("921,600" in words and "1,000,000" in words for words in told.faults)


def test_overwriting_breaks_only_what_forbids_it() -> None:
    overwritten = Tally(9, 1, {("desk", Violation.PERMITTED): Amount(1, 5, NOW.wall_ms - 1000)})
    assert judged("wenshan-household", "W1", register=overwritten).status is ClauseStatus.NOT_MET
    assert judged("dahu-township", "D2", register=overwritten).status is ClauseStatus.MET


def test_what_was_destroyed_too_early_is_told_for_a_year() -> None:
    def after(days: int) -> ClauseStatus:
        amount = Amount(1, 5, NOW.wall_ms - days * DAY_S * 1000)
        return judged("wenshan-household", "W1", register=Tally(9, 1, {("desk", Violation.EARLY): amount})).status

    assert (after(364), after(366)) == (ClauseStatus.NOT_MET, ClauseStatus.MET)


def test_nothing_that_records_and_nothing_that_is_kept_meets_no_floor() -> None:
    """A box whose cameras are all disabled keeps what it has; one that has nothing proves nothing."""
    with_all_off = config("wenshan-household")
    with_all_off = with_all_off.model_copy(
        update={"cameras": [one.model_copy(update={"enabled": False}) for one in with_all_off.cameras]}
    )
    assert judged("wenshan-household", "W1", config=with_all_off).status is ClauseStatus.MET
    bare: How = {"usage": {}, "coverage": {}, "oldest": {}}
    assert judged("wenshan-household", "W1", config=with_all_off, measured=bare).status is ClauseStatus.NOT_MET


def test_a_camera_that_was_out_for_weeks_is_not_called_new() -> None:
    """What it lacks within its floor is a gap, and said to be one."""
    lately = {"usage": {"desk": usage(oldest_age_ms=DAY_S * 1000)}}
    assert not [
        words for words in judged("wenshan-household", "W1", measured=lately).evidence if "尚未滿" in READ(words)
    ]
    young = {"desk": Coverage(DAY_S * 1000, 0, 0, NOW.wall_ms - DAY_S * 1000, 0)}
    told = judged("wenshan-household", "W1", measured={**lately, "coverage": young}).evidence
    assert [words for words in told if "尚未滿" in READ(words)]


def test_a_verb_that_deletes_would_be_seen() -> None:
    """The real table has none; one that somebody adds is found by its name."""
    assert compliance.destroying(Verb, facts("taipei-police")) == []
    bad = [type("V", (), {"value": name})() for name in ("segments delete", "volume format", "wipe")]
    assert compliance.destroying(bad, facts("taipei-police")) == ["segments delete", "volume format", "wipe"]


def test_a_verb_that_shows_footage_and_leaves_no_record_would_be_seen() -> None:
    assert compliance.unrecorded(dict(TABLE)) == []
    loose = {Verb.EXPORT: replace(TABLE[Verb.EXPORT], record=Record.NONE)}
    assert compliance.unrecorded(loose) == ["export"]


def test_since_when_stays_while_a_clause_stands_as_it_stood() -> None:
    first, second = findings(profile("wenshan-household"), facts("wenshan-household"))[:2]
    before = advanced({}, [first, second], 1)
    broken = replace(second, status=ClauseStatus.NOT_MET)
    after = advanced(before, [first, broken], 2)
    assert after == {"W1": Kept("met", 1), "W2": Kept("not-met", 2)}
    assert advanced(after, [first, broken], 3) == after
    told = summary(profile("wenshan-household"), [first, broken], after)
    assert (told.met, told.not_met, told.unmet) == (1, 1, (("W2", 2),))


OWNER: Final = Owner(900, 901)
FILE: Final = stat.S_IFREG


@pytest.mark.parametrize(
    ("entry", "closed"),
    [
        (FileEntry("f", FILE | 0o640, 900, 901, listed=False), True),
        (FileEntry("f", FILE | 0o600, 0, 0, listed=False), True),
        (FileEntry("f", stat.S_IFDIR | 0o750, 900, 901, listed=False), True),
        (FileEntry("f", stat.S_IFSOCK | 0o666, 900, 901, listed=False), True),
        (FileEntry("f", stat.S_IFLNK | 0o777, 900, 901, listed=False), True),
        (FileEntry("f", FILE | 0o644, 900, 901, listed=False), False),
        (FileEntry("f", FILE | 0o641, 900, 901, listed=False), False),
        (FileEntry("f", stat.S_IFDIR | 0o755, 900, 901, listed=False), False),
        (FileEntry("f", FILE | 0o600, 1000, 901, listed=False), False),
        (FileEntry("f", FILE | 0o640, 900, 1000, listed=False), False),
        (FileEntry("f", FILE | 0o640, 900, 901, listed=True), False),
    ],
)
def test_who_could_read_a_file(entry: FileEntry, closed: bool) -> None:
    assert (why_open(entry, OWNER) is None) is closed


def test_files_that_lie_open_are_found_wherever_they_are_and_forgotten_once_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edged.host.file_access.EACH_LOOK", 3)
    state, volume = tmp_path / "state", tmp_path / "volume"
    for day in ("2026-05-01", "2026-05-02"):
        (volume / "desk" / day).mkdir(parents=True)
        for number in range(4):
            (volume / "desk" / day / f"{number}.mp4").write_bytes(b"x")
    state.mkdir()
    for path in (state, volume, *volume.rglob("*")):
        path.chmod(0o750 if path.is_dir() else 0o640)
    eyes = OpenFileWatch()

    def passed() -> OpenFiles:
        found = eyes.poll(state, [volume])
        for _ in range(20):
            found = eyes.poll(state, [volume])
        return found

    assert (passed().whole, passed().count) == (True, 0)
    old = volume / "desk" / "2026-05-01" / "2.mp4"
    old.chmod(0o644)
    (found,) = passed().open
    assert found.path == str(old)
    old.chmod(0o640)
    assert eyes.poll(state, [volume]).count == 0, "what was open is looked at first"
    (volume / "desk" / "2026-05-02" / "1.mp4").chmod(0o604)
    assert eyes.poll(state, [volume]).count == 1, "the newest day is looked at each time"


def document(name: str = "taipei-police", **changes: Any) -> documents.Compliance:
    found = tuple(findings(profile(name), facts(name, **changes)))
    return compliance_watch.document(ComplianceStanding(profile(name), facts(name).seen, found, advanced({}, found, 1)))


def drawn(told: documents.Compliance, *, chinese: bool) -> str:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(compliance_screen.screen(told, chinese=chinese))
    return console.export_text()


def test_the_screen_has_the_clauses_own_words() -> None:
    told = document(tampered=(TAMPERED,))
    text = drawn(told, chinese=True).replace("\n", "").replace(" ", "")
    for one in told.compliance:
        assert one.id in text
        assert one.text[0][:20].replace(" ", "") in text
    assert "不符合" in text
    assert "自我聲明" in text


def test_a_console_that_cannot_draw_chinese_gets_ids_and_states() -> None:
    text = drawn(document(tampered=(TAMPERED,)), chinese=False)
    assert text.isascii()
    assert "NOT MET" in text
    assert "--html" in text


@pytest.mark.parametrize(
    ("environ", "encoding", "terminal", "expected"),
    [
        ({"LANG": "en_US.UTF-8", "TERM": "xterm"}, "utf-8", True, True),
        ({"LANG": "C"}, "utf-8", False, True),
        ({"TERM": "linux", "LANG": "zh_TW.UTF-8"}, "utf-8", True, False),
        ({"TERM": "linux"}, "utf-8", False, True),
        ({}, "latin-1", True, False),
        ({}, "ascii", False, False),
        ({}, "big5", True, True),
        ({}, None, False, False),
    ],
)
def test_where_chinese_can_be_drawn(
    environ: dict[str, str], encoding: str | None, terminal: bool, expected: bool
) -> None:
    assert compliance_screen.draws_chinese(environ, encoding, terminal=terminal) is expected


def test_the_page_is_one_file_without_script_and_what_is_told_is_text_in_it() -> None:
    """An attack: a file or an account whose name is markup."""
    evil = OpenFiles(1, open=(OpenFile('/d/<script src="x">', Message("mode 0644")),), count=1)
    page = compliance_screen.html_page(document(reached=evil))
    assert "<script" not in page
    assert "&lt;script src=&quot;x&quot;&gt;" in page
    assert "http:" not in page.replace("http-equiv", "")
    assert "民國" in page
    assert "@page" in page
    for one in document().compliance:
        assert f"<h2>{one.id}　" in page


def lasting(**changes: Any) -> Left:
    one = pin("P-20260506-AB23")
    return replace(one, pin=replace(one.pin, order=replace(one.pin.order, **changes)))


def test_pins_need_a_case_somebody_who_answers_and_a_term() -> None:
    def with_pin(name: str, clause: str, one: Left) -> ClauseStatus:
        return judged(name, clause, measured={"pins": (one,)}).status

    assert with_pin("wenshan-household", "W6", lasting()) is ClauseStatus.MET
    assert with_pin("wenshan-household", "W6", lasting(case=" ")) is ClauseStatus.NOT_MET
    assert with_pin("wenshan-household", "W6", lasting(approver="")) is ClauseStatus.NOT_MET
    month_ms = 30 * DAY_S * 1000
    long = lasting(span_ms=month_ms + 1)
    assert with_pin("nangang-school", "N2", lasting(span_ms=month_ms)) is ClauseStatus.MET
    assert with_pin("nangang-school", "N2", long) is ClauseStatus.MET, "somebody approved it"
    waiting = replace(long, pin=replace(long.pin, state=PinState.PROVISIONAL))
    assert with_pin("nangang-school", "N2", waiting) is ClauseStatus.NOT_MET


def test_a_fault_that_nobody_reports_breaks_its_clause_and_one_that_is_followed_does_not() -> None:
    known = OpenFault("F-1", "camera.down:desk", "desk", None, 0, DAY_S * 1000, None, None, over=False)
    clause = profile("taipei-police").clauses[9]

    def status(*faults: OpenFault) -> ClauseStatus:
        return compliance.faults(clause, facts("taipei-police", measured={"faults": faults})).status

    assert status() is ClauseStatus.MET
    assert status(known) is ClauseStatus.MET, "a day to report it"
    late = replace(known, age_ms=DAY_S * 1000 + 1)
    assert status(known, late) is ClauseStatus.NOT_MET
    assert status(replace(late, reported_ms=1)) is ClauseStatus.MET


# --- the office

EVERY: Final = [(name, clause) for name, clauses in OFFICE.items() for clause in clauses]


@pytest.mark.parametrize(("name", "clause"), EVERY)
def test_a_clause_about_requests_is_met_only_while_the_office_is_opened_and_has_its_posts(
    name: str, clause: str
) -> None:
    rows = [one.row for one in profile(name).procedures if clause in one.clauses]
    assert judged(name, clause).status is ClauseStatus.MET
    shut = Message("its keys cannot be read", "x", {})
    hows: list[How] = [
        {"record": None},
        {"record": None, "office_shut": shut},
        {"record": replace(OPEN, opened=None)},
        *({"record": replace(OPEN, lacking={row: (Message("nobody"),)})} for row in rows),
        *({"record": replace(OPEN, unreadable=(unreadable(row),))} for row in rows),
    ]
    for how in hows:
        assert judged(name, clause, **how).status is ClauseStatus.NOT_MET, how
    other = {"W-none": (Message("nobody"),)}
    assert judged(name, clause, record=replace(OPEN, lacking=other)).status is ClauseStatus.MET
    assert judged(name, clause, record=replace(OPEN, unreadable=(unreadable("W-none"),))).status is ClauseStatus.MET
    assert any(shut in told for told in judged(name, clause, record=None, office_shut=shut).faults)


def unreadable(row: str) -> Unreadable:
    return Unreadable(replace(story().row, row=row), Message("?"))


@pytest.mark.parametrize(("name", "clause"), EVERY)
def test_what_broke_a_clause_stays_until_it_is_closed(name: str, clause: str) -> None:
    (one,) = (one for one in profile(name).clauses if one.id == clause)
    for kind in sorted({kind for judgement in one.judged for kind in KINDS.get(judgement, ())}):
        breach = CaseBreach(kind, NUMBER, "", Message("what went wrong"))
        broken = CaseFinding(clause, NUMBER, (breach,))
        closed = CaseFinding(clause, NUMBER, (), (breach,), closing(clause, breach.key))
        told = judged(name, clause, findings=(broken,))
        assert (told.status, told.findings) == (ClauseStatus.NOT_MET, (broken,)), kind
        assert any(f"{clause}-{NUMBER}" in fault for fault in told.faults)
        after = judged(name, clause, findings=(closed,))
        assert (after.status, after.findings) == (ClauseStatus.MET, (closed,))
        old = judged(name, clause, findings=(closed,), record=office_record(now=366))
        assert (old.status, old.findings) == (ClauseStatus.MET, ()), "told for 12 months"
        assert judged(name, clause, findings=(broken,), record=office_record(now=900)).status is ClauseStatus.NOT_MET


def test_no_case_in_twelve_months_is_said_as_such() -> None:
    def told(*cases: Any, now: float = 40) -> str:
        return " ".join(
            READ(one) for one in judged("jiancheng-land", "J8", record=office_record(*cases, now=now)).evidence
        )

    assert "本期無案件" in told()
    assert "本期無案件" not in told(of(clock=None))
    assert "本期無案件" in told(of(clock=None), now=366), "by running time"


def test_forms_that_cannot_be_read_any_more() -> None:
    """W10."""
    case, seen = of(row=profile("wenshan-household").procedures[0], clock=None), OfficeFacts(nameless=(NUMBER,))
    told = judged("wenshan-household", "W10", record=office_record(case), office=seen)
    assert told.status is ClauseStatus.NOT_MET
    other = judged("wenshan-household", "W10", record=office_record(), office=seen)
    assert other.status is ClauseStatus.MET, "no form of its rows"


def leak(id_: str, opened_day: float, *, reported: bool) -> LeakCase:
    opening = OpenedBody(1, (), "", "", "", 1, None, synchronised=True)
    report = ReportedBody(ReportedTo.ETHICS, 1, "115-9", 1, None)
    return LeakCase(id_, opening, point(round(opened_day * DAY_MS)), (report,) if reported else ())


def test_a_leak_that_is_not_reported() -> None:
    """P9: reported, or none, it is still for people to look at."""

    def told(*leaks: LeakCase, now: float = 40) -> tuple[ClauseStatus, str]:
        found = judged("taipei-police", "P9", record=office_record(now=now, leaks=leaks))
        return found.status, " ".join(READ(one) for one in (*found.faults, *found.evidence))

    one, other = leak("L-115-0001", 3, reported=False), leak("L-115-0002", 4, reported=True)
    assert told() == (ClauseStatus.BY_HAND, "本期無案件（12 個月）")
    assert told(one, other)[0] is ClauseStatus.NOT_MET
    assert told(one, other)[1].startswith("外洩案件 L-115-0001 尚未報告")
    assert told(replace(one, reports=other.reports), other) == (
        ClauseStatus.BY_HAND,
        "12 個月內外洩案件 2 件，皆已報告",
    )
    assert told(other, now=370)[1] == "本期無案件（12 個月）"
    assert told(one, now=370)[0] is ClauseStatus.NOT_MET, "however old it is"


def test_a_camera_that_belongs_to_no_unit() -> None:
    chosen = config("nangang-school")
    bare = [one.model_copy(update={"unit": ""}) for one in chosen.cameras]
    assert (
        judged("nangang-school", "N3", config=chosen.model_copy(update={"cameras": bare})).status
        is ClauseStatus.NOT_MET
    )


def test_what_a_request_holds_keeps_nothing() -> None:
    """W6: its hold has no approver and needs none."""
    held = lasting(case=NUMBER, approver="", span_ms=10**13)
    held = replace(held, pin=replace(held.pin, placer=REQUEST))
    assert judged("nangang-school", "N2", measured={"pins": (held,)}).status is ClauseStatus.MET


BASES: Final = {
    Basis.MEASURED: "W1 J4 P4 N4 D2 P1 P3 P6 J2 P13 P2 P10 P14",
    Basis.ENFORCED: "W2 J6 P12 D1 N9 W3 W5 W6 W7 W8 W9 J3 J5 J7 J8 J9 J10 P5 P7 D4 D5 D7 N1 N2 N3 N7 N10",
    Basis.RECORDED: "J1 W4 N6 P15 J11 P8 D3 W10 P11 N5 N8 J12 J13",
    Basis.BY_HAND: "P9 D6 D8 D9 J14",
}
"""As the procedures of the five offices have it."""


def test_each_clause_names_its_basis() -> None:
    clauses = {clause.id: clause for name in PROFILES for clause in profile(name).clauses}
    assert {name: clause.basis for name, clause in clauses.items()} == {
        name: basis for basis, names in BASES.items() for name in names.split()
    }
    assert all(clauses[name].by_hand for name in ("P2", "P10", "P14")), "with a line for a person"
    told = document(record=replace(OPEN, opened=None))
    assert {one.basis for one in told.compliance} == {"measured", "enforced", "recorded", "by-hand"}
    for chinese, word in ((True, "強制"), (False, "enforced")):
        assert word in drawn(told, chinese=chinese)
    assert "強制" in compliance_screen.html_page(told)


def test_a_finding_that_was_closed_is_told_with_its_entry() -> None:
    breach = CaseBreach(next(iter(KINDS[Judgement.REPLIED])), NUMBER, "", Message("x"))
    closed = CaseFinding("P7", NUMBER, (), (breach,), closing("P7", breach.key))
    told = document(findings=(closed,))
    (one,) = (clause for clause in told.compliance if clause.id == "P7")
    assert (one.findings[0].id, one.findings[0].leaf) == (f"P7-{NUMBER}", 7)
    assert f"P7-{NUMBER}" in compliance_screen.html_page(told)
    assert f"P7-{NUMBER}" in drawn(told, chinese=True).replace("\n", "")
