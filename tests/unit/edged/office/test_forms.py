"""edged.office.forms: what forms of all rows say, what is odd about them, and what is none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.office.forms import (
    AT_LENGTH,
    LINE,
    TEXT,
    FormReading,
    UnfitForm,
    applies,
    applying,
    clock_of,
    prompts,
    read_form,
    rendered,
)
from edged.office.request import Request, Stretch, receive
from edged.profiles.procedures import AnnexField, FieldKind, Phase, Procedure, Use
from edged.words.catalogue import LANGUAGES, Reader, template
from storage.words.message import Message
from tests.unit.edged.profiles.test_procedures import EVERY, row_of

TAIPEI: Final = ZoneInfo("Asia/Taipei")
NOW_MS: Final = int(datetime(2026, 11, 25, 9, tzinfo=TAIPEI).timestamp() * 1000)
FROM_MS, TO_MS = (int(datetime(2026, 11, 20, *at, tzinfo=TAIPEI).timestamp() * 1000) for at in ((14, 0), (15, 30)))
CAMERAS: Final = {
    "lobby": "大廳",
    "gate": "大門 1",
    "desk-1": "櫃檯",
    "desk-2": "櫃檯",
    "hall": "走廊、樓梯",
    "spare": "",
}
UNITS: Final = {"lobby": "總務處", "gate": "學務處"}
STUFF: Final[Mapping[FieldKind, str]] = {
    FieldKind.TEXT: "王小明",
    FieldKind.DATE: "115-11-24",
    FieldKind.INTERVAL: "115-11-20 14:00 ~ 15:30",
    FieldKind.CAMERAS: "大廳、gate",
    FieldKind.PLACE: "一樓大廳",
    FieldKind.PERSON_ID: "A123456789",
    FieldKind.PARTY_ID: "04595257",
    FieldKind.STUDENT_ID: "411012345",
    FieldKind.PHONE: "02-2345-6789#12",
    FieldKind.COUNT: "2",
    FieldKind.SIGNATURE: "有",
}
ASKED: Final = tuple(Stretch(camera, FROM_MS, TO_MS) for camera in ("lobby", "gate"))


def read(row: str | Procedure, words: Mapping[str, str], phase: Phase = Phase.APPLICATION) -> FormReading:
    procedure = row_of(row) if isinstance(row, str) else row
    return read_form(procedure, words, phase, zone=TAIPEI, cameras=CAMERAS, units=UNITS, now_ms=NOW_MS)


def filled(row: str, changes: Mapping[str, str] | None = None, phase: Phase = Phase.APPLICATION) -> dict[str, str]:
    """All that applies up to that phase, as `changes` have it; of choices the first."""
    procedure, words = row_of(row), dict(changes or {})
    for one in procedure.fields:
        if list(Phase).index(one.phase) <= list(Phase).index(phase) and applies(procedure, one, words):
            words.setdefault(one.name, one.choices[0] if one.choices else STUFF[one.kind])
    return words


def said(reading: FormReading, field: str) -> list[str]:
    return [one.said.code.removeprefix("office.") for one in reading.remarks if one.field == field]


def refused(row: str, words: Mapping[str, str]) -> UnfitForm:
    with pytest.raises(UnfitForm) as refusal:
        read(row, words)
    return refusal.value


# --- what a form says


@pytest.mark.parametrize("row", EVERY)
def test_a_form_that_is_filled_in_is_a_request(row: str) -> None:
    found = read(row, filled(row))
    assert (found.remarks, found.missing) == ((), ())
    assert found.asked == (() if row == "N-other" else ASKED)
    received = receive(row_of(row), found.asked, found.uses, None, found.units)
    assert received == Request(row, found.asked, found.uses, None, found.units)


@pytest.mark.parametrize("row", EVERY)
def test_each_field_is_missed_in_its_phase_and_in_no_other(row: str) -> None:
    procedure = row_of(row)
    for phase in Phase:
        words = filled(row, phase=Phase.AFTERWARDS)
        for one in procedure.fields:
            wanted = one.phase is phase and one.required and len(one.choices) != 1 and applies(procedure, one, words)
            for empty in ({}, {one.name: ""}, {one.name: " \u3000\n\u200b"}):
                rest = {name: text for name, text in words.items() if name != one.name}
                if any(other.when_field == one.name for other in procedure.fields):
                    continue
                found = read(procedure, rest | empty, phase)
                assert found.missing == ((one.name,) if wanted else ())
                assert ("form.missing" in said(found, one.name)) == wanted
                assert one.name not in found.words or len(one.choices) == 1


def test_without_anything_in_it_a_form_is_received_and_asks_for_nothing() -> None:
    found = read("W-public", {})
    assert not found.asked
    assert found.uses == {Use.VIEW}
    assert found.missing == tuple(one.name for one in row_of("W-public").of_phase(Phase.APPLICATION))


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"cameras": "頂樓"}, "cameras", "form.no-camera"),
        ({"interval": "昨天下午"}, "interval", "interval.unreadable"),
        ({"cameras": "、"}, "cameras", "form.missing"),
        ({"interval": "；"}, "interval", "form.missing"),
    ],
)
def test_what_cannot_be_read_is_received_and_asks_for_nothing_yet(
    changes: dict[str, str], field: str, code: str
) -> None:
    found = read("W-public", filled("W-public", changes))
    assert (found.asked, said(found, field)) == ((), [code])


@pytest.mark.parametrize(
    ("row", "wanted", "uses"),
    [
        ("W-staff", "閱覽", {Use.VIEW}),
        ("W-staff", "閱覽、複製", {Use.VIEW, Use.HOLD}),
        ("W-urgent", "複製，保存", {Use.HOLD, Use.COPY}),
        ("P-police", "調閱 複製", {Use.VIEW, Use.COPY}),
        ("D-agency", "保存", {Use.COPY}),
        ("N-agency", "複製\n調閱", {Use.VIEW, Use.COPY}),
        ("J-agency", "", set()),
    ],
)
def test_choices_say_what_is_asked_for(row: str, wanted: str, uses: set[Use]) -> None:
    assert read(row, filled(row, {"wanted": wanted})).uses == uses


@pytest.mark.parametrize("row", ["W-public", "W-quick", "J-public", "J-staff", "D-person", "N-member", "N-other"])
def test_without_a_choice_the_first_use_is_asked_for(row: str) -> None:
    assert read(row, filled(row)).uses == set(row_of(row).may[:1])


def test_a_field_that_does_not_apply_asks_for_nothing() -> None:
    row = row_of("P-police")
    by = AnnexField(name="by", words="方式", kind=FieldKind.CHOICE, choices=["書面", "線上"])
    wanted = row.field("wanted").model_copy(update={"when_field": "by", "when": "線上"})
    conditional = row.model_copy(update={"fields": [by, wanted]})
    words = {"wanted": "調閱、複製"}
    assert read(conditional, words | {"by": "線上"}).uses == {Use.VIEW, Use.COPY}
    assert read(conditional, words | {"by": "書面"}).uses == frozenset()


def test_a_viewing_asks_for_more() -> None:
    words = filled("N-member", {"kept": "影像調閱、影像保存"}, Phase.VIEWING)
    assert read("N-member", words, Phase.VIEWING).uses == {Use.VIEW, Use.HOLD}
    assert read("N-member", words).uses == {Use.VIEW}
    assert said(read("N-member", words), "kept") == ["form.early"]


def test_what_is_kept_has_cameras_and_an_interval_of_its_own() -> None:
    words = filled("W-staff", {"wanted": "閱覽、複製"}) | {
        "kept-cameras": "gate",
        "kept-interval": "115-11-20 14:10~14:12",
    }
    found = read("W-staff", words, Phase.VIEWING)
    assert found.asked == (Stretch("gate", FROM_MS + 600_000, FROM_MS + 720_000),)
    assert read("W-staff", words, Phase.KEEPING).missing == ("kept-reason",)


def test_each_unit_whose_cameras_are_meant_is_asked_where_the_chain_asks_them() -> None:
    assert read("N-member", filled("N-member")).units == {"總務處", "學務處"}
    assert read("N-member", filled("N-member", {"cameras": "lobby、hall"})).units == {"總務處", ""}
    assert read("N-member", filled("N-member", {"cameras": "gate", "interval": "?"})).units == {"學務處"}
    assert read("W-public", filled("W-public")).units == frozenset()


@pytest.mark.parametrize(
    ("text", "meant", "codes"),
    [
        ("大廳", "lobby", ""),
        ("ＬＯＢＢＹ；大廳", "lobby", ""),
        ("lobby gate", "lobby gate", ""),
        ("大門　1", "gate", ""),
        ("lobby, 大門 1\nspare", "lobby gate spare", ""),
        ("走廊、樓梯", "hall", ""),
        ("櫃檯", "desk-1 desk-2", "form.cameras-alike"),
        ("大廳、頂樓、地下室", "lobby", "form.no-camera form.no-camera"),
    ],
)
def test_cameras_are_named_as_people_do(text: str, meant: str, codes: str) -> None:
    found = read("W-public", filled("W-public", {"cameras": text}))
    assert [one.camera for one in found.asked] == meant.split()
    assert said(found, "cameras") == codes.split()


# --- what is odd


@pytest.mark.parametrize(
    ("row", "field", "text", "code"),
    [
        ("W-public", "applicant-id", "A123456788", "number.check"),
        ("W-public", "applicant-id", "04595257", "number.length"),
        ("J-public", "applicant-id", "04595253", "number.check"),
        ("J-public", "applicant-id", "A123456788", "number.check"),
        ("J-public", "applicant-id", "A12345678", "number.length"),
        ("J-public", "applicant-id", "A123456789", ""),
        ("N-member", "applicant-id", "A123456788", "number.check"),
        ("N-member", "applicant-id", "A12345", ""),
        ("N-member", "applicant-id", "4110123456", ""),
        ("W-public", "phone", "手機", "phone.character"),
        ("W-public", "applied-on", "昨天", "form.no-date"),
        ("W-public", "applied-on", "115-11-26", "form.future-date"),
        ("W-public", "applied-on", "115-11-25", ""),
        ("J-public", "id-copies", "兩", "form.no-count"),
        ("J-public", "papers", "其他", "form.no-words"),
        ("J-public", "papers", "其他：", "form.no-words"),
        ("D-person", "law", "其他相關法令規定：個人資料保護法", ""),
        ("W-public", "interval", "115-11-25 08:00~09:30", "interval.future"),
        ("W-public", "interval", "115-11-20~115-11-21", "interval.long"),
        ("J-public", "agent", "李小華", "form.not-applying"),
        ("J-public", "handling", "已閱覽", "form.early"),
    ],
)
def test_what_is_odd_is_said_and_stands_as_written(row: str, field: str, text: str, code: str) -> None:
    found = read(row, filled(row) | {field: text})
    told = [(one.field, one.said.code) for one in found.remarks if one.field != "id-copies" or field == "id-copies"]
    assert told == ([(field, f"office.{code}")] if code else [])
    assert found.words[field] == text


def test_all_that_is_odd_is_said_at_once_each_with_its_field() -> None:
    words = filled("W-public", {"applicant-id": "A123456788", "phone": "?", "interval": "?", "applied-on": ""})
    found = read("W-public", words)
    assert [one.field for one in found.remarks] == ["applied-on", "applicant-id", "phone", "interval"]
    assert [Reader("zh_TW")(one.told) for one in found.remarks][0::2] == [
        "申請日期：未填寫",
        '聯絡電話：第 1 個字是 "?"，不應出現在電話號碼的這個位置',
    ]
    assert str(read("J-public", filled("J-public", {"applicant": ""})).remarks[0].told) == "申請人 姓名: it is empty"


# --- what is no form


@pytest.mark.parametrize(
    ("field", "text", "told"),
    [
        ("applicant", "王" * 4000, f"it has 4000 characters, and at most {LINE} can be kept"),
        ("applicant", "王\u202e小明", "character 2 (U+202E) turns the direction of writing"),
        ("applicant", "王\x00小明", "character 2 is the control character U+0000"),
        ("applicant", "王小明\n准予閱覽", "character 4 is the control character U+000A"),
        ("applicant", "\ud800", "character 1 (U+D800) is half of one"),
        ("reason", "看" * (TEXT + 1), f"it has {TEXT + 1} characters, and at most {TEXT} can be kept"),
        ("reason", "\x1b[2J", "character 1 is the control character U+001B"),
        ("box", "總統府", "write any of: 所本部, 景美辦事處"),
        ("box", "所本部：一樓", "write any of: 所本部, 景美辦事處"),
        ("colour", "red", 'the form has no field "colour"; it has: applied-on, applicant'),
    ],
)
def test_what_is_no_form_is_refused_with_one_clear_answer(field: str, text: str, told: str) -> None:
    (fault,) = refused("W-public", filled("W-public") | {field: text}).faults
    assert fault.field == ("" if field == "colour" else field)
    assert told in fault.said


def test_what_a_form_may_have() -> None:
    told = "遺失錢包\r\n\t一樓\n"
    assert read("W-public", filled("W-public", {"reason": told})).words["reason"] == "遺失錢包\n\t一樓"
    assert read("W-public", filled("W-public", {"applicant": " 王小明\n"})).words["applicant"] == "王小明"


def test_all_that_is_no_form_is_refused_at_once() -> None:
    refusal = refused("W-staff", filled("W-staff") | {"applicant": "\x00", "wanted": "翻拍", "\u202e": "", "x": "y"})
    assert [one.field for one in refusal.faults] == ["", "applicant", "wanted"]
    lines = Reader("zh_TW")(refusal.why).split("\n")
    assert lines[1] == "申請人：第 1 個字是控制字元 U+0000；請以純文字填寫，最多 200 個字"
    assert lines[2] == "影像檔案需求：與表單的選項不符（可複選：閱覽、複製；多項以「、」分隔）"
    assert '"\\u202e"' in lines[0]
    assert len(refused("W-staff", {f"field-{number}": "" for number in range(9_999)}).why) < 500


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("櫃檯爭議", True),
        ("櫃檯爭議、財物遺失", True),
        ("櫃檯爭議;;財物遺失、", True),
        ("財物遺失、其他重大事件：玻璃、門", True),
        ("其他重大事件：玻璃、門", True),
        ("其他重大事件", True),
        ("玻璃", False),
        ("財物遺失：玻璃", False),
        ("財物遺失、玻璃、其他重大事件：門", False),
        ("、", False),
    ],
)
def test_choices(text: str, fits: bool) -> None:
    words = filled("W-staff") | {"ground": text}
    if fits:
        assert read("W-staff", words).words["ground"] == text
    else:
        assert [one.said.code for one in refused("W-staff", words).faults] == ["office.form.no-choice"]


def test_of_one_choice_there_is_one() -> None:
    refused("D-person", filled("D-person") | {"law": "檔案法、政府資訊公開法"})


# --- what applies


def test_an_only_choice_is_filled_in() -> None:
    assert read("J-public", {}).words == {"addressed-to": "臺北市建成地政事務所"}
    assert [(one.field.name, one.default) for one in prompts(row_of("J-public"), Phase.APPLICATION) if one.default] == [
        ("addressed-to", "臺北市建成地政事務所")
    ]


def test_fields_checks_and_clocks_apply_by_what_the_form_says() -> None:
    public = row_of("J-public")
    alone, by_agent = ({"applied-by": text} for text in ("自行申請", "委託他人辦理"))
    assert not applies(public, public.field("agent"), alone)
    assert applies(public, public.field("agent"), by_agent)
    assert applying(public, by_agent | {"party": "法人"}) - applying(public, alone) == {
        "registration", "representative", "mandate", "agent-identity",
    }  # fmt: skip
    assert applying(public, {}) == {one.name for one in public.checks if not one.when}
    person = row_of("D-person")
    days = {law: clock_of(person, {"law": law}) for law in ("檔案法", "政府資訊公開法", "")}
    assert [clock and clock.days for clock in days.values()] == [30, 15, 15]
    assert clock_of(row_of("J-staff"), {}) is None


# --- what is asked


@pytest.mark.parametrize("row", EVERY)
def test_every_field_has_a_prompt_in_both_languages(row: str) -> None:
    procedure = row_of(row)
    asked = [one for phase in Phase for one in prompts(procedure, phase)]
    assert sorted(one.field.name for one in asked) == sorted(one.name for one in procedure.fields)
    for one in asked:
        assert one.field.words in one.label
        assert one.label.startswith(one.field.under)
        texts = {Reader(language)(one.hint) for language in LANGUAGES}
        assert len(texts) == 2, one.hint.code
        assert all(choice in text for choice in one.field.choices for text in texts)
        assert all(template(language, one.hint.code) for language in LANGUAGES)
        read(procedure, {one.field.name: one.default}, one.field.phase)


def test_fields_that_are_told_at_length_are_of_some_row() -> None:
    texts = {one.name for row in EVERY for one in row_of(row).fields if one.kind is FieldKind.TEXT}
    assert texts > AT_LENGTH


# --- whatever is typed

ROWS: Final = st.sampled_from(sorted(EVERY))
PIECES: Final = st.sampled_from(
    ["115-11-20", " 14:00", "~", "15:30", "、", "；", "其他：", "lobby", "大廳", "\n", "閱覽", "複製"]
)
TYPED: Final = st.text(st.characters(), max_size=30) | st.lists(PIECES).map("".join)


@st.composite
def forms(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    row = draw(ROWS)
    names = st.sampled_from([one.name for one in row_of(row).fields] or [""])
    changes = draw(st.dictionaries(names | TYPED, TYPED, max_size=4))
    return row, (filled(row) if draw(st.booleans()) else {}) | changes


@given(forms(), st.sampled_from(Phase))
def test_nothing_but_unfit_is_raised(form: tuple[str, dict[str, str]], phase: Phase) -> None:
    row, words = form
    procedure = row_of(row)
    applying(procedure, words)
    clock_of(procedure, words)
    rendered(procedure, words, zone=TAIPEI, cameras=CAMERAS)
    try:
        found = read(procedure, words, phase)
    except UnfitForm as refusal:
        json.dumps(refusal.why.told)
        return
    assert found.words.keys() <= {one.name for one in procedure.fields}
    assert read(procedure, found.words, phase) == found, "what is kept is read alike"


INTERVALS: Final = st.sampled_from([
    "115-11-20 14:00 ~ 15:30", "2026-11-20", "115/11/20 23:30～00:30；1:00~2:00", "2026-11-20T06:00:00.5Z/07:30",
    "115-11-20 22:00~24:00", "昨天", "115-11-20 14:00~15:30、16:00",
])  # fmt: skip
NAMES: Final = st.text("大廳門 1２,、;A", max_size=5) | st.sampled_from(["a", "b", "c"])


@given(ROWS, INTERVALS, st.dictionaries(st.sampled_from(["a", "b", "c-1"]), NAMES, min_size=1), st.data())
def test_what_a_form_shows_asks_for_the_same(
    row: str, interval: str, cameras: dict[str, str], data: st.DataObject
) -> None:
    ids = data.draw(st.lists(st.sampled_from([*cameras, "頂樓"]), min_size=1))
    words = filled(row) | ({} if row == "N-other" else {"interval": interval, "cameras": "、".join(ids)})
    before, after = (
        read_form(row_of(row), each, Phase.APPLICATION, zone=TAIPEI, cameras=cameras, units=UNITS, now_ms=NOW_MS)
        for each in (words, rendered(row_of(row), words, zone=TAIPEI, cameras=cameras))
    )
    assert (after.asked, after.uses, after.units) == (before.asked, before.uses, before.units)


def test_a_form_shows_the_calendar_of_the_republic_and_names() -> None:
    shown = rendered(row_of("W-public"), filled("W-public"), zone=TAIPEI, cameras=CAMERAS)
    assert shown["applied-on"] == "民國115年11月24日"
    assert shown["interval"] == "民國115年11月20日 14:00～15:30"
    assert shown["cameras"] == "大廳、大門 1"
    words = filled("W-public", {"cameras": "desk-1、hall、spare"})
    assert rendered(row_of("W-public"), words, zone=TAIPEI, cameras=CAMERAS)["cameras"] == "desk-1、hall、spare"


@pytest.mark.parametrize("row", EVERY)
def test_no_message_repeats_what_stands_in_a_field_of_a_person(row: str) -> None:
    """A marker in each of them, alone, with what is refused, and too long; the message of a camera is the control."""
    marker = "甲乙丙丁"

    def told(words: Mapping[str, str]) -> list[Message]:
        try:
            return [one.told for one in read(row, words).remarks]
        except UnfitForm as refusal:
            return [refusal.why, *(one.told for one in refusal.faults)]

    personal = [one.name for one in row_of(row).fields if one.personal]
    for text in (marker, f"\x00{marker}", marker * 999, f"其他：{marker}"):
        for name in personal:
            assert not any(marker in json.dumps(one.told, ensure_ascii=False) for one in told({name: text}))
    if row != "N-other":
        assert any(marker in one for one in told({"cameras": marker}))
