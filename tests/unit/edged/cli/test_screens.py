"""The screens of edgectl, drawn from sample documents and compared with text that was looked at.

After a wanted change: `UPDATE_GOLDEN=1 pytest tests/unit/edged/cli/test_screens.py`, then look at the difference.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

import click
import pytest
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.screen import Screen

from edged.cli import (
    alarms,
    approve,
    boots,
    configuration,
    destroyed,
    doctor,
    export,
    faults,
    formatting,
    fsck,
    leak,
    listings,
    output,
    person,
    pin,
    post,
    proof_of_retention,
    request_screens,
    volume,
)
from edged.cli import status as screens
from edged.cli.client import Address
from edged.doctor import findings
from edged.documents import exports, leaks, ledger, machine, office, pins, register, site, tickets
from edged.documents import site as documents
from edged.documents.base import Document
from edged.words.catalogue import Reader, language_of
from storage.words.message import NOTHING, Message, message
from tests.support.samples import ALARM, DOOR, GAP, LOBBY, SAMPLES, STATUS
from tests.support.samples_office import COPY, REQUEST, SIGNED

GOLDEN: Final = Path(__file__).parents[4] / "tests" / "unit" / "golden"
ZONE: Final = ZoneInfo("Asia/Taipei")
READ: Final = Reader("en", ZONE)
CHINESE: Final = Reader("zh_TW", ZONE)
TODAY: Final = date(2026, 12, 8)
SIGNING: Final[list[dict[str, Any]]] = REQUEST["chain"]
Kind = TypeVar("Kind", bound=Document)


def sample(kind: type[Kind], **changes: Any) -> Kind:
    return kind.model_validate(SAMPLES[kind] | changes)


def drawn(screen: RenderableType, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        console.print(screen, crop=False)
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def register_screen(read: Reader) -> RenderableType:
    told = sample(register.Destroyed)
    piece = destroyed.screen(told.destroyed, read, headed=True)
    return Group(piece, destroyed.ending(told.summary, read, begun=True))


def deciding(**changes: Any) -> office.RequestShow:
    """Asked for more than it may have, and with little signed and checked."""
    chain = [SIGNING[0], *(step | {"signed": [], "lacking": [""]} for step in SIGNING[1:])]
    units = SIGNED | {"unit": "總務處"}
    chain[1] = chain[1] | {"unit": "camera", "signed": [units], "lacking": ["教務處", "輔導室"]}
    asked = {
        "status": "deciding",
        "next": "專責人員",
        "granted": None,
        "scope": [],
        "may": ["view"],
        "instead": "他機關得來函申請複製。",
        "chain": chain,
        "checks": [one | {"outcome": None, "by": None, "document": ""} for one in REQUEST["checks"]],
        "viewings": [],
        "appointed": None,
        "made": [],
        "copies": [],
        "reasons": [],
        "deadlines": [],
        "todo": [
            message("office.todo.check", "check {name} (request check)", name="身分證明文件").told,
            message("office.todo.sign", "{post} signs (request sign)", post="專責人員").told,
        ],
        "deadline": REQUEST["deadline"] | {"day": "2026-12-07", "left_days": -1},
    }
    return sample(office.RequestShow, request=REQUEST | asked | changes, remarks=[], slip=[])


def handed_over() -> office.RequestShow:
    """What has become of four copies, one of which came to nothing; one row of the log book lacks a signature."""
    copies = [
        COPY | {"ours": "destroyed", "handed_out": "returned"},
        COPY | {"id": "E-20261202-7AAA", "receipt": None, "secrecy": "密", "declassify": "本案結案後解密"},
        COPY | {"id": "E-20261203-7BBB", "receipt": COPY["receipt"] | {"receiver": "", "identity": "", "fee": None}},
        COPY | {"id": "E-20261204-9DDD", "receipt": None, "ours": "destroyed"},
    ]
    entries = [
        {"version": 9, "use": "view", "signed": [SIGNED | {"post": "管理人員"}], "lacking": ["主管"]},
        {"version": 12, "use": "copy", "signed": [], "lacking": ["管理人員", "主管"]},
    ]
    made = [*(one["id"] for one in copies), "P-20261203-2KEP"]
    left_out: dict[str, Any] = {name: [] for name in ("chain", "checks", "viewings", "deadlines", "fields", "held")}
    changes = {"copies": copies, "entries": entries, "made": made, "kept": True, "filed_as": "0115/030102/1"}
    return sample(office.RequestShow, request=REQUEST | left_out | changes, remarks=[], slip=[])


SCREENS: Final[dict[str, Callable[[], RenderableType]]] = {
    "destroyed": lambda: register_screen(READ),
    "destroyed-zh_TW": lambda: register_screen(CHINESE),
    "exports": lambda: export.list_screen(sample(exports.ExportList), READ),
    "faults": lambda: faults.listing(sample(tickets.Faults), READ),
    "faults-zh_TW": lambda: faults.listing(sample(tickets.Faults), CHINESE),
    "proof": lambda: proof_of_retention.statement_screen(sample(register.ProofOfRetention), READ),
    "proof-zh_TW": lambda: proof_of_retention.statement_screen(sample(register.ProofOfRetention), CHINESE),
    "proof-unsigned": lambda: proof_of_retention.statement_screen(
        sample(register.ProofOfRetention, envelope=None, unsigned="the key of this box is gone"), READ
    ),
    "status": lambda: screens.status_screen(sample(documents.Status), READ),
    "status-zh_TW": lambda: screens.status_screen(sample(documents.Status), CHINESE),
    "status-well": lambda: screens.status_screen(
        sample(
            documents.Status,
            cameras=[LOBBY],
            alarms=[],
            verdict="ok",
            action="",
            disclosure=STATUS["disclosure"] | {"overdue": 0},
        ),
        CHINESE,
    ),
    "status-alone": lambda: screens.status_screen(
        sample(
            documents.Status,
            cameras=[],
            alarms=[],
            verdict="unknown",
            action="add a camera",
            action_code="",
            recovering=True,
            clock=STATUS["clock"] | {"synced": False},
            disclosure=None,
            broker=STATUS["broker"] | {"configured": False, "connected": False, "since": None},
        ),
        READ,
    ),
    "cameras": lambda: listings.cameras_screen(sample(documents.Cameras), READ),
    "segments": lambda: listings.segments_screen(sample(documents.Segments), READ),
    "gaps": lambda: listings.gaps_screen(sample(documents.Gaps), READ),
    "retention": lambda: listings.retention_screen(sample(documents.Retention), READ),
    "explanation": lambda: listings.explanation_screen(sample(site.Explanation), READ),
    "alarms": lambda: alarms.screen(sample(documents.Alarms), READ),
    "reload": lambda: configuration.reload_screen(sample(documents.Reload), READ),
    "volume-list": lambda: volume.listing(sample(machine.VolumeList), READ),
    "volume-replace": lambda: volume.loss(sample(machine.VolumeReplace), READ),
    "approve": lambda: approve.screen(sample(pins.Approve), READ),
    "pin-list": lambda: pin.listing(sample(pins.PinList), READ, ended=False),
    "rebuild": lambda: fsck.rebuilt(sample(ledger.Rebuild), READ),
    "config-check": lambda: configuration.config_check_screen(sample(documents.ConfigCheck), READ),
    "config-check-zh_TW": lambda: configuration.config_check_screen(sample(documents.ConfigCheck), CHINESE),
    "boots": lambda: boots.screen(sample(machine.Boots), READ),
    "boots-zh_TW": lambda: boots.screen(sample(machine.Boots), CHINESE),
    "doctor": lambda: doctor.screen(sample(machine.Doctor), READ),
    "doctor-zh_TW": lambda: doctor.screen(sample(machine.Doctor), CHINESE),
    "volume-list-zh_TW": lambda: volume.listing(sample(machine.VolumeList), CHINESE),
    "volume-replace-zh_TW": lambda: volume.loss(sample(machine.VolumeReplace), CHINESE),
    "alarms-zh_TW": lambda: alarms.screen(sample(documents.Alarms), CHINESE),
    "maintenance": lambda: faults.screen(sample(tickets.Maintenance), READ),
    "maintenance-zh_TW": lambda: faults.screen(sample(tickets.Maintenance), CHINESE),
    "fault-zh_TW": lambda: faults.story(sample(tickets.FaultsShow), CHINESE),
    "request-list": lambda: request_screens.list_screen(sample(office.RequestList), READ),
    "request-list-zh_TW": lambda: request_screens.list_screen(sample(office.RequestList), CHINESE),
    "request": lambda: request_screens.show_screen(sample(office.RequestShow), READ),
    "request-zh_TW": lambda: request_screens.show_screen(sample(office.RequestShow), CHINESE),
    "request-deciding": lambda: request_screens.show_screen(deciding(), READ),
    "request-deciding-zh_TW": lambda: request_screens.show_screen(deciding(), CHINESE),
    "request-nameless-zh_TW": lambda: request_screens.acted_screen(
        deciding(nameless=True, synchronised=False, own=False, applicant={"person": 2, "name": "張志豪"}),
        CHINESE,
    ),
    "request-copies": lambda: request_screens.show_screen(handed_over(), READ),
    "request-copies-zh_TW": lambda: request_screens.show_screen(handed_over(), CHINESE),
    "request-slip": lambda: request_screens.slip_screen(sample(office.RequestShow), READ),
    "request-slip-zh_TW": lambda: request_screens.slip_screen(sample(office.RequestShow), CHINESE),
    "request-paper-zh_TW": lambda: request_screens.paper_screen(sample(office.RequestShow).request, CHINESE),
    "request-view": lambda: request_screens.view_screen(sample(office.RequestView), READ),
    "request-view-zh_TW": lambda: request_screens.view_screen(sample(office.RequestView), CHINESE),
    "look": lambda: request_screens.look_screen(sample(office.ShownLook), READ),
    "leak-list-zh_TW": lambda: leak.list_screen(sample(leaks.LeakList), CHINESE),
    "leak": lambda: leak.show_screen(sample(leaks.LeakShow), READ),
    "leak-zh_TW": lambda: leak.show_screen(sample(leaks.LeakShow), CHINESE),
    "person-list": lambda: person.listing(sample(office.PersonList), READ),
    "person-list-zh_TW": lambda: person.listing(sample(office.PersonList), CHINESE),
    "post-list": lambda: post.listing(sample(office.PostList), READ),
    "post-list-zh_TW": lambda: post.listing(sample(office.PostList), CHINESE),
}


@pytest.mark.parametrize("name", SCREENS)
def test_screens_look_as_they_did(name: str) -> None:
    path = GOLDEN / f"{name}.txt"
    text = drawn(SCREENS[name]())
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")


@pytest.mark.parametrize("name", list(SCREENS))
@pytest.mark.parametrize("width", [80, 100, 200])
def test_screens_keep_to_the_width(name: str, width: int) -> None:
    lines = drawn(SCREENS[name](), width).splitlines()
    if name.startswith("status"):
        lines.pop()  # the verdict stays on one line
    assert max(map(cell_len, lines)) <= width


@pytest.mark.parametrize("name", ["status", "retention"])
@pytest.mark.parametrize("width", [40, 59, 66, 79])
def test_a_narrow_terminal_still_tells_which_camera(name: str, width: int) -> None:
    lines = drawn(SCREENS[name](), width).splitlines()
    assert any(line.startswith("Cam") for line in lines)
    assert any(line.startswith("lob") for line in lines)
    assert max(map(cell_len, lines[:-1])) <= width


def test_a_long_id_folds_and_is_never_cut() -> None:
    name = "the-second-lobby-by-the-lift-032"
    text = drawn(
        screens.status_screen(sample(documents.Status, cameras=[LOBBY | {"id": name, "name": "電梯旁"}]), READ)
    )
    column = "".join(line.split("  ")[0] for line in text.splitlines()[4:])
    assert column.startswith(name)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_id_of_a_fault_stands_first_and_whole(width: int) -> None:
    away = {"key": f"volume.away:{'b' * 36}", "alarms": ["a", "b", "c"], "volume": "b" * 36, "state": "repaired"}
    told = sample(tickets.Faults)
    every = [one.model_copy(update=away) for one in told.faults]
    lines = drawn(faults.listing(told.model_copy(update={"faults": every}), READ), width).splitlines()
    for one in every:
        assert any(line.startswith(f"{one.id}  repaired") for line in lines)


def test_the_last_line_is_the_verdict_and_the_first_thing_to_do() -> None:
    assert (
        drawn(screens.status_screen(sample(documents.Status), READ)).splitlines()[-1] == f"CRITICAL: {STATUS['action']}"
    )
    assert drawn(screens.verdict_line("ok", NOTHING, CHINESE)) == "正常：所有攝影機錄影中\n"
    assert drawn(screens.verdict_line("warning", Message("do it"), CHINESE)) == "注意：do it\n"
    assert drawn(screens.verdict_line("unknown", NOTHING, READ)) == "UNKNOWN\n"
    assert "不明" in drawn(screens.verdict_line("unknown", NOTHING, CHINESE))


NOTHING_ASKED: Final = {name: value and 0 for name, value in STATUS["disclosure"].items()} | {
    "opened": True,
    "shut": False,
}


@pytest.mark.parametrize(
    ("told", "english", "chinese"),
    [
        (NOTHING_ASKED, "Requests  none open", "調閱  無未結案件"),
        (NOTHING_ASKED | {"requests_closed": 41}, "Requests  none open", "調閱  無未結案件"),
        (NOTHING_ASKED | {"opened": False}, "Requests  not opened", "調閱  未啟用"),
        (
            NOTHING_ASKED | {"opened": False, "requests_deciding": 3, "overdue": 1},
            "Requests  not opened, deciding 3, overdue 1",
            "調閱  未啟用、審核中 3、逾期 1",
        ),
        (
            STATUS["disclosure"] | {"shut": True},
            "Requests  cannot be read; no footage is disclosed",
            "調閱  無法讀取申請案，不提供任何影像",
        ),
        (
            {"shut": True},
            "Requests  cannot be read; no footage is disclosed",
            "調閱  無法讀取申請案，不提供任何影像",
        ),
    ],
)
def test_how_requests_stand_is_one_line(told: dict[str, Any], english: str, chinese: str) -> None:
    document = sample(documents.Status, disclosure=told)
    assert english in drawn(screens.status_screen(document, READ)).splitlines()
    assert chinese in drawn(screens.status_screen(document, CHINESE)).splitlines()


def test_what_became_of_the_requests_of_the_year_is_a_line_below() -> None:
    english, chinese = (drawn(screens.status_screen(sample(documents.Status), read)) for read in (READ, CHINESE))
    assert "  ROC year 115: received 47, granted 31, granted in part 3, refused 5, late 1" in english.splitlines()
    assert "  民國 115 年：收文 47、核准 31、部分核准 3、駁回 5、逾期 1" in chinese.splitlines()
    none = sample(documents.Status, disclosure=NOTHING_ASKED | {"year": 115})
    assert "115" not in drawn(screens.status_screen(none, READ))


def test_each_count_of_requests_has_its_word() -> None:
    """But for cases that are closed, with which nobody has anything to do, and for what alarms tell one by one."""
    counts = documents.DisclosureStatus.model_fields.keys() - {"opened", "shut", "requests_closed", "overdue_by_office"}
    assert screens.REQUESTS.keys() == {one for one in counts if not one.startswith("year")}
    assert screens.YEAR.keys() < counts


def test_many_alarms_do_not_push_the_verdict_away() -> None:
    alarms = [ALARM | {"key": f"k:{n}", "severity": "warning", "text": f"text {n}", "code": ""} for n in range(20)]
    text = drawn(screens.status_screen(sample(documents.Status, alarms=[*alarms, ALARM]), READ))
    lines = [line for line in text.splitlines() if "text " in line]
    assert len(lines) == screens.ALARMS_SHOWN - 1, "the critical one comes first"
    assert "+ 13 more; see edgectl alarms" in text


def test_what_the_channels_of_one_nvr_have_in_common_is_said_once() -> None:
    tried = "RTSP over TCP to 10.0.0.20:554, path /ch{}, user viewer: 453 Not Enough Bandwidth"
    others = [
        DOOR | {"id": f"ch{n}", "reason": tried.format(n), "reason_code": "", "since": f"2026-03-01T00:0{9 - n}:00Z"}
        for n in (1, 2)
    ]
    text = drawn(screens.status_screen(sample(documents.Status, cameras=[LOBBY, *others, DOOR]), READ), 200)
    assert (
        "ch1, ch2 down since 2026-03-01 08:07:00: RTSP over TCP to 10.0.0.20:554, user viewer: 453 Not Enough Bandwidth"
    ) in text
    assert text.count("453 Not") == 1
    later = [others[0], others[1] | {"since": "2026-03-01T00:30:00Z"}]
    assert "ch1, ch2 down: RTSP" in drawn(screens.status_screen(sample(documents.Status, cameras=later), READ), 200)
    alone = drawn(screens.status_screen(sample(documents.Status, cameras=others[:1]), READ), 200)
    assert "path /ch1, user viewer" in alone


def test_a_broker_that_is_away_says_why() -> None:
    broker = STATUS["broker"] | {"connected": False, "protocol": "", "reason": "connection refused"}
    assert "not connected to 10.0.0.2:1883 since 2026-02-27 04:00:01: connection refused" in drawn(
        screens.status_screen(sample(documents.Status, broker=broker), READ), 120
    )


def test_what_a_camera_says_cannot_command_the_terminal() -> None:
    evil = DOOR | {
        "reason": "\x1b[2J\x1b]0;owned\x07 \x9b31m[bold]not markup[/bold]",
        "reason_code": "",
        "name": "\x1b[31m",
        "codec": "\x1b",
    }
    for screen in (
        screens.status_screen(
            sample(
                documents.Status,
                cameras=[evil],
                name="\x1b[2J",
                action="\x1b[2J",
                action_code="",
                alarms=[ALARM | {"text": "\x1b", "code": ""}],
            ),
            READ,
        ),
        listings.cameras_screen(sample(documents.Cameras, cameras=[evil]), READ),
    ):
        text = drawn(screen, 300)
        assert all(character.isprintable() or character == "\n" for character in text)
        assert "[bold]not markup[/bold]" in text


@pytest.mark.parametrize(("end", "length"), [("00:00:05.620", "0.6s"), ("00:00:15", "10s"), ("01:00:05", "1h")])
def test_short_gaps_have_tenths(end: str, length: str) -> None:
    gap = GAP | {"start": "2026-03-01T00:00:05.000Z", "end": f"2026-03-01T{end}Z"}
    assert f" {length}  dropped" in drawn(listings.gaps_screen(sample(documents.Gaps, gaps=[gap]), READ))


def test_what_a_limit_may_have_cut_off_is_said() -> None:
    listed, recorded = sample(documents.Gaps), sample(documents.Segments)
    hint = "; there may be more: a larger --limit, or --from\n"
    for count, whole, exact, roomy in (
        (len(listed.gaps), *(drawn(listings.gaps_screen(listed, READ, n)) for n in (None, len(listed.gaps), 99))),
        (
            len(recorded.segments),
            *(drawn(listings.segments_screen(recorded, READ, n)) for n in (None, len(recorded.segments), 99)),
        ),
    ):
        assert exact == f"{whole}the first {count}{hint}"
        assert roomy == whole


@pytest.mark.parametrize("read", [READ, CHINESE])
@pytest.mark.parametrize("height", range(1, 40))
def test_a_low_screen_keeps_the_verdict_and_says_what_it_hides(height: int, read: Reader) -> None:
    cameras = [DOOR | {"id": f"camera-{n}"} for n in range(5)]
    status = sample(documents.Status, cameras=cameras, alarms=[ALARM] * 6)
    whole = drawn(screens.status_screen(status, read, wrap=True)).splitlines()
    console = Console(file=io.StringIO(), width=80, height=height, force_terminal=True, _environ={"TERM": "xterm"})
    console.set_alt_screen(True)
    fitted = screens.Fitted(screens.status_screen(status, read, wrap=True), read)
    drawn_lines = console.render_lines(Screen(Group(fitted)))
    lines = ["".join(s.text for s in line).rstrip() for line in drawn_lines]
    verdict = whole[-2:]
    assert len(lines) == height
    if height >= len(whole):
        assert lines[: len(whole)] == whole
    elif height > 2:
        assert lines[-2:] == verdict
        assert lines[: height - 3] == whole[: height - 3]
        assert f" {len(whole) - height + 1} " in lines[-3]
        assert "edgectl status" in lines[-3]
    else:
        assert lines == verdict[:height]


def test_nothing_to_list_is_said() -> None:
    assert drawn(listings.segments_screen(sample(documents.Segments, segments=[]), READ)) == "No segments.\n"
    assert drawn(listings.gaps_screen(sample(documents.Gaps, gaps=[]), READ)) == "No gaps.\n"
    assert drawn(alarms.screen(sample(documents.Alarms, alarms=[]), READ)) == "No alarms.\n"
    assert drawn(listings.cameras_screen(sample(documents.Cameras, cameras=[]), READ)) == "No cameras are configured.\n"


@pytest.mark.parametrize(
    ("environ", "tongue"),
    [
        ({}, "en"),
        ({"LANG": "zh_TW.UTF-8"}, "zh_TW"),
        ({"LANG": "zh_TW.UTF-8", "TERM": "linux"}, "en"),
        ({"LANG": "zh_TW.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "C", "LC_MESSAGES": "zh_TW"}, "zh_TW"),
        ({"LANG": "zh_TW", "LC_ALL": ""}, "zh_TW"),
        ({"LANG": "zh_CN.UTF-8"}, "en"),
    ],
)
def test_the_language_is_the_reader_s(environ: dict[str, str], tongue: str) -> None:
    assert language_of(environ) == tongue


def test_what_the_call_says_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")
    with click.Context(click.Command("status"), obj=SimpleNamespace(language="zh_TW")):
        assert output.language() == "zh_TW"
    with click.Context(click.Command("status"), obj=Address(None, None)):
        assert output.language() == "en"
    assert output.language() == "en"


@pytest.mark.parametrize(
    ("part", "text"),
    [(None, "–"), (1.0, "100 %"), (0.99999, "99.99 %"), (0.5, "50.00 %"), (0.0, "0.00 %"), (0.57, "57.00 %")],
)
def test_a_share_is_never_rounded_up_to_all(part: float | None, text: str) -> None:
    assert formatting.share(part) == text


def test_times_are_the_site_s() -> None:
    assert formatting.local("2026-03-01T00:00:05.999Z", READ) == "2026-03-01 08:00:05"
    assert formatting.local(None, READ) == ""
    assert formatting.local("soon\x1b", READ) == "soon "


def test_of_a_disk_that_is_not_there_nobody_knows_the_room() -> None:
    away = {
        **SAMPLES[documents.Status]["volumes"][0],
        "state": "away",
        "total_bytes": 0,
        "free_bytes": 0,
        "limit_bytes": 0,
    }
    line = drawn(screens.volumes_table([documents.Volume.model_validate(away)], READ)).splitlines()[-1]
    assert line.split()[-2:] == ["–", "–"]


def test_of_one_there_is_no_plural() -> None:
    one = sample(ledger.Rebuild, leaves=1, directories=1, missing=1, volumes=["v"])
    told = drawn(fsck.rebuilt(one, READ))
    assert "1 leaf put back, 1 directory compared" in told
    assert "1 file missing" in told
    assert ": 1 volume, in" in told
    assert "1 segment destroyed since" in drawn(
        listings.retention_screen(sample(documents.Retention, destroyed=1), READ)
    )


def test_no_room_is_not_told_as_a_forecast() -> None:
    volume = {**SAMPLES[documents.Retention]["volumes"][0], "floor_at_risk_in_s": 0.0}
    told = drawn(listings.retention_screen(sample(documents.Retention, volumes=[volume]), READ))
    assert "There is no room left" in told
    assert "in 0s" not in told


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.0, "0.0 days"), (10.0, "less than 0.1 days"), (276_480.0, "3.2 days")]
)
def test_a_little_headroom_is_not_none(seconds: float, words: str) -> None:
    cost = SAMPLES[pins.PinAdd]["cost"] | {"headroom_s": seconds}
    assert f"It costs {words} of headroom" in drawn(pin.cost(sample(pins.PinAdd, cost=cost), "law", READ))


def test_no_pin_that_ended_is_not_no_pin() -> None:
    none = sample(pins.PinList, pins=[])
    assert drawn(pin.listing(none, READ, ended=True)) == "No pin has ended.\n"
    assert drawn(pin.listing(none, READ, ended=False)) == "Nothing is pinned.\n"


def test_each_check_of_doctor_has_a_name_that_is_read() -> None:
    """Of every kind that the sources name, whether or not it is in the sample."""
    judged = re.compile(r"""\b(?:ok|warn|critical|unknown|Diagnosis)\(\s*f?"([a-z.]+)[ "]""")
    sources = Path(findings.__file__).parent.glob("*.py")
    named = {name for source in sources for name in judged.findall(source.read_text(encoding="utf-8"))}
    assert "load.cameras" in named
    assert named <= set(doctor.NAMES)
