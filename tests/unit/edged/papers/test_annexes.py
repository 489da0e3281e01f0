"""Forms beside the annexes of the five regulations, and what stands on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Final

import pytest

from edged.office import forms
from edged.papers.annexes import ANNEXES, INTERIM, ORIGINALS, numbers_text, own_names, printed_form
from edged.papers.notices import notice, slip
from edged.papers.paper_case import ERASED, LOST, WITHHELD
from edged.papers.render import TemplateUnusable
from edged.profiles.procedures import Use
from storage.words.message import message
from tests.support.paper_cases import COPY, PaperStory
from tests.support.papers import (
    SCOPE,
    Element,
    Sample,
    every_row,
    fields,
    labels,
    page,
    row_of,
    squeezed,
    told,
)

TEXTS: Final = Path(__file__).parents[3] / "support" / "regulations"
LABELS: Final[Mapping[str, tuple[str, list[str]]]] = {
    "W-staff": (
        "wenshan-household",
        [
            "臺北市文山區戶政事務所錄影監視系統調閱影音資料申請表（內部）",
            "申請日期", "年", "月", "日",
            "申請人",
            "調閱事由", "□財物遺失", "□櫃檯爭議", "□人員安全", "□其他重大事件：",
            "調閱監視器主機", "□所本部", "□景美辦事處",
            "調閱鏡頭位置",
            "調閱時段", "年", "月", "日", "時", "分", "～", "月", "日", "時", "分",
            "影像檔案需求", "□閱覽", "□複製", "鏡頭", "（", "）",
            "年", "月", "日", "時", "分起至", "年", "月", "日", "時", "分止之檔案", "（於實際調閱時填寫）。",
            "須保存影像檔案", "事由",
            "申請課室", "管理課室", "秘書", "主任", "申請人：", "課長：", "管理人：", "課長：",
        ],
    ),
    "W-public": (
        "wenshan-household",
        [
            "臺北市文山區戶政事務所錄影監視系統調閱影音資料申請表（民眾）",
            "申請日期", "年", "月", "日",
            "申請人", "身分證", "字號", "聯絡", "電話",
            "戶籍地址",
            "申請事由",
            "調閱監視", "器主機", "□所本部", "□景美辦事處",
            "調閱鏡頭", "位置",
            "調閱時段", "年", "月", "日", "時", "分", "～", "月", "日", "時", "分",
            "管理人員", "課長", "秘書", "主任",
        ],
    ),
    "J-public": (
        "jiancheng-land",
        [
            "臺北市建成地政事務所錄影監視系統調閱申請書",
            "受文機關", "臺北市建成地政事務所",
            "申請日期", "年", "月", "日",
            "申請人", "姓名", "統一編號", "地址", "蓋章",
            "申請人",
            "代理人",
            "委任關係", "本申請案委託", "代理，如有虛偽不實，代理人願負法律責任。", "申請人(代理人)電話：",
            "附繳證件", "□", "身分證影本", "份；", "□", "其他：",
            "申請原因",
            "申請調閱日期/畫面", "年", "月", "日", "時", "分～", "時", "分", "畫面", "(", ")",
            "管理人員", "管理單位主管", "秘書", "主任",
            "辦理情形",
            "*申請人請填寫雙框線內之資料",
            "申請須知：",
            "一、申請程序：",
            "申請閱覽本所錄影監視系統影音資料，請填具本申請書並檢附應備文件後至本所行政課收文。",
            "二、申請人資格：",
            "依「臺北市錄影監視系統設置管理自治條例」及「臺北市政府及所屬各機關學校處理閱卷作業要點」相關規定申請之人。",
            "三、應備文件：",
            "(一) 申請人應檢附身分證明文件；申請人如係法人，應檢附法人登記證明文件及其代表人之資格證明，以便核對身份。",
            "(二) 申請人如係有利害關係之人，應提出利害關係證明。",
            (
                "(三) 自行申請者免填代理人，委託他人辦理者，應加具代理人身分證明文件。申請人檢附之證件如係影本，"
                "除依規定應切結之文字外，應由申請人或代理人註明「本影本核與正本相符，如有不實，願負法律責任」字樣，並認章。"
            ),
            "附註：",
            "本申請須知如遇法令變更時，應依變更後之規定辦理。",
        ],
    ),
    "J-staff": (
        "jiancheng-land",
        [
            "臺北市建成地政事務所錄影監視系統調閱申請書(所內)",
            "申請日期", "年", "月", "日",
            "申請人", "申請課室", "閱覽人",
            "申請原因",
            "申請調閱日期/畫面", "年", "月", "日", "時", "分～", "時", "分", "畫面", "(", ")",
            "申請單位", "管理單位", "秘書", "主任",
            "申請人：", "管理人：", "主管：", "主管：",
            "調閱紀錄",
            "備註：申請人請於奉准調閱後，由行政課專責人員另行約定時間陪同閱覽。",
        ],
    ),
    "N-member": (
        "nangang-school",
        [
            "南港高工校園安全監視錄影系統調閱申請單",
            "年", "月", "日",
            "申請人:單位(職稱)", "姓名", "學號或身分證字號", "聯絡電話",
            "申請事由",
            "申請", "調閱時段",
            "中華民國", "年", "月", "日", "時", "分", "起", "至", "中華民國", "年", "月", "日", "時", "分", "止",
            "申請", "調閱地點",
            "調閱說明",
            (
                "一、監視錄影系統所攝錄儲存之影像，應遵守個人資料保護法及其它法令相關規定，如有發現不當使用情事，除自負法律責任"
                "外，另依相關規定處理。"
            ),
            (
                "二、調閱後，如有發現足以作為證據之影像，申請人可要求證據保存，由學務處(學安室)派員至監視錄影系統業管單位"
                "擷取畫面保存，申請人不得要求影像翻拍或拷貝，學務處(學安室)擷取之影像保存期限以不超過30日為原則。"
            ),
            "申請人簽名：",
            "業管單位", "核章", "學務處", "(學安室)", "核章", "□影像調閱", "□影像保存", "學務主任", "核示",
            "備註：",
            (
                "一、本調閱申請單須填寫一式兩份(或影印後由學務處(學安室)蓋「正本相符」)，一份學務處(學安室)存查，其餘則由各監視"
                "錄影系統業管單位留存。"
            ),
            "二、調閱影像時，監視錄影系統業管單位須有專人陪同調閱。",
        ],
    ),
}  # fmt: skip
"""What stands on each annex before anybody has filled it in, typed from its text in the order of reading."""
FORMS: Final = [procedure.row for _, procedure in every_row() if procedure.fields]
HOSTILE: Final = "<script>alert('1')</script> & \"引號\" </td></table> {{ 7 * 7 }} {% raw %}"


def sheet(html: str) -> Element:
    return page(html).having("sheet")[0]


def annex(row: str) -> Element:
    return sheet(printed_form(told(row).paper()).html).having("annex")[0]


@pytest.mark.parametrize("row", [*LABELS, "N-agency"])
def test_names_order_and_wording_are_those_of_the_annex(row: str) -> None:
    _, typed = LABELS.get(row, LABELS["N-member"])
    assert labels(annex(row)) == squeezed("".join(typed))


@pytest.mark.parametrize(("name", "typed"), LABELS.values())
def test_what_was_typed_stands_in_the_text(name: str, typed: list[str]) -> None:
    text = squeezed((TEXTS / f"{name}.txt").read_text("utf-8")).replace('<inputtype="checkbox"/>', "□")
    assert [one for one in typed if squeezed(one) not in text] == []


def test_every_annex_of_a_text_is_there() -> None:
    assert LABELS.keys() | {"N-agency"} == ANNEXES.keys()


@pytest.mark.parametrize("row", FORMS)
def test_each_word_of_the_profile_stands_on_its_form_and_each_field_once(row: str) -> None:
    sample = told(row)
    shown = sheet(printed_form(sample.paper()).html)
    text = squeezed(shown.text).replace("■", "□")
    words = [one.words for one in sample.procedure.fields] + [one.words for one in sample.procedure.checks]
    bare = labels(shown)
    for word in words:
        assert squeezed(word) in text or squeezed(word) in bare, word
    for note in sample.procedure.notes:
        assert squeezed(note) in text
    names = [one["data-field"] for one in shown.having("data-field")]
    assert sorted(names) == sorted(one.name for one in sample.procedure.fields)


@pytest.mark.parametrize("row", FORMS)
def test_what_stands_on_a_form_is_what_the_request_says(row: str) -> None:
    sample = told(row)
    case = sample.paper()
    shown = sheet(printed_form(case).html)
    assert fields(shown) == {one.name: case.text(one.name) for one in sample.procedure.fields}
    for one in sample.procedure.fields:
        if one.choices and one.name != "addressed-to":
            (element,) = [each for each in shown.having("data-field") if each["data-field"] == one.name]
            drawn = [choice for choice in one.choices if f"■{choice}" in element.text]
            assert drawn == list(forms.chosen(one, sample.words[one.name]))
    signed = {int(one["data-signature"]) for one in shown.having("data-signature")}
    assert signed == {one.step for one in sample.request.signatures}
    assert shown.having("data-number")[0].text == "115-0007"
    assert shown.having("data-scope")[0].text == "一樓大廳（lobby）　民國115年11月20日 14:05～14:35"
    assert shown.having("data-decision")[0]["data-decision"] == "granted"
    assert f"稽核軌跡第 41–{sample.acts[-1].leaf} 筆" in shown.having("data-foot")[0].text


def test_how_somebody_signed_stands_in_the_cell() -> None:
    shown = annex("W-staff")
    cells = [one.text for one in shown.having("data-signature")]
    day = "民國115年11月25日"
    assert cells == [
        f"周怡君 {day}", f"張雅婷（紙本） {day}", f"王志明 {day}", f"李美玲（紙本） {day}", f"黃國華（代為決行） {day}",
        f"吳佩珊 {day}",
    ]  # fmt: skip
    urgent = sheet(printed_form(told("W-urgent").paper()).html)
    assert urgent.having("data-word")[0].text == f"吳佩珊（口頭核可） {day}"
    assert urgent.having("data-decided-by")[0].text == f"吳佩珊 {day}"


def test_each_unit_signs_and_one_that_has_not_is_named() -> None:
    sample = Sample.received("N-member")
    sample.examine()
    before = annex_of(sample)
    assert [one.text for one in before.having("signature")] == ["圖書館：", "學務處："]
    sample.sign()
    assert [one["data-unit"] for one in annex_of(sample).having("data-unit")] == ["圖書館", "學務處"]


def annex_of(sample: Sample) -> Element:
    return sheet(printed_form(sample.paper()).html).having("annex")[0]


def test_two_originals_say_the_same_under_one_fingerprint() -> None:
    html = printed_form(told("N-member").paper()).html
    contents = [part.split("</main>")[0] for part in html.split("<main>")[1:]]
    assert contents[0] == contents[1]
    sheets = page(html).having("sheet")
    assert [one.having("data-mark")[0].text for one in sheets] == list(ORIGINALS)
    printed = [one.having("data-fingerprint")[0].text for one in sheets]
    assert printed == [sha256(contents[0].encode()).hexdigest()] * 2
    other = printed_form(told("N-member", {"reason": "另一事由"}).paper()).html
    assert page(other).having("data-fingerprint")[0].text != printed[0]
    assert len(page(printed_form(told("W-staff").paper()).html).having("sheet")) == 1


@pytest.mark.parametrize("row", FORMS)
def test_what_people_write_is_shown_and_does_nothing(row: str) -> None:
    _, procedure = row_of(row)
    free = {one.name: f"{HOSTILE}{one.name}" for one in procedure.fields if one.kind == "text"}
    long = {one.name: "長" * 1990 + "\n末行" for one in procedure.fields if one.name in forms.AT_LENGTH}
    html = printed_form(told(row, free | long).paper()).html
    assert fields(sheet(html)).items() >= {**free, **long}.items()
    tags = {one.tag for one in page(html).all()}
    assert not tags & {"script", "img", "iframe", "link", "object", "a", "form"}
    assert "src=" not in html
    assert "url(" not in html


def test_an_open_choice_shows_its_words() -> None:
    words = {"ground": "財物遺失、其他重大事件：天花板<掉落>"}
    shown = sheet(printed_form(told("W-staff", words).paper()).html)
    (ground,) = [one for one in shown.having("data-field") if one["data-field"] == "ground"]
    assert squeezed(ground.text) == "■財物遺失□櫃檯爭議□人員安全■其他重大事件：天花板<掉落>"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("115-11-20 14:00 ~ 24:00", "115年11月20日14時00分～24時00分"),
        ("115-11-20 23:00 ~ 115-11-21 01:30", "115年11月20日23時00分～11月21日01時30分"),
        ("115-12-31 23:00 ~ 116-01-01 01:30", "115年12月31日23時00分～116年1月1日01時30分"),
        ("115-11-20 14:00 ~ 15:00；115-11-21 09:00 ~ 10:00",
         "115年11月20日14時00分～15時00分115年11月21日09時00分～10時00分"),
        ("115-11-20 14:00:07 ~ 15:00", "民國115年11月20日14:00:07～15:00"),
        ("上週五下午", "上週五下午"),
        ("", "年月日時分～時分"),
    ],
)  # fmt: skip
def test_an_interval_in_the_blanks_of_the_annex(written: str, shown: str) -> None:
    page_of = sheet(printed_form(Sample.received("J-staff", {"interval": written}).paper()).html)
    (interval,) = [one for one in page_of.having("data-field") if one["data-field"] == "interval"]
    assert squeezed(interval.text) == shown


def test_nothing_is_filled_in_where_nothing_was_written() -> None:
    _, procedure = row_of("W-staff")
    blank = Sample.received("W-staff", dict.fromkeys((one.name for one in procedure.fields), ""))
    shown = annex_of(blank)
    assert squeezed(shown.text) == labels(shown) == squeezed("".join(LABELS["W-staff"][1]))
    assert "（）" not in shown.text, "there is room to write in"
    assert "機關登錄" not in sheet(printed_form(blank.paper()).html).text, "there is nothing below it yet"


@pytest.mark.parametrize("said", [WITHHELD, LOST, ERASED])
@pytest.mark.parametrize("row", FORMS)
def test_words_that_nobody_may_read_are_told_as_such(row: str, said: str) -> None:
    sample = told(row)
    case = sample.paper()
    legible = {one.name for one in sample.procedure.fields if not one.personal and said == WITHHELD}
    hidden = replace(
        case,
        case=replace(case.case, row=replace(case.case.row, erased=said == ERASED)),
        words={name: text for name, text in sample.words.items() if name in legible},
        shown={name: text for name, text in case.shown.items() if name in legible},
        names={},
        private=said == WITHHELD,
        nameless=said == LOST,
    )
    html = printed_form(hidden).html
    personal = [one.name for one in sample.procedure.fields if one.personal]
    read = fields(sheet(html))
    assert {read[name] for name in personal} <= {said}
    assert "周怡君" not in html
    assert "A123456789" not in html


def test_a_refusal_says_why() -> None:
    sample = Sample.received("W-public")
    sample.examine()
    sample.sign()
    sample.decide(frozenset(), "非當事人")
    shown = sheet(printed_form(sample.paper()).html)
    assert shown.having("data-decision")[0]["data-decision"] == "refused"
    assert shown.having("data-reason")[0].text == "非當事人"


def test_less_than_was_asked_for_is_part_of_it() -> None:
    sample = Sample.received("P-police")
    sample.examine()
    sample.sign()
    sample.decide(frozenset({Use.VIEW}))
    (decided,) = sheet(printed_form(sample.paper()).html).having("data-decision")
    assert decided.text.startswith("部分同意，准予調閱")


def test_a_copy_that_left_stands_on_the_form_with_who_took_it() -> None:
    told_of = PaperStory.of(*row_of("J-agency")).signed().decide().replied().used().paper()
    (copied,) = sheet(printed_form(told_of).html).having("data-copy")
    assert copied["data-copy"] == COPY
    assert copied.text == f"{COPY}　民國115年11月28日 簽收　領取人 領取人王"
    (replied,) = sheet(printed_form(told_of).html).having("data-reply")
    assert replied.text.endswith("　郵寄")


def test_marks_of_a_number() -> None:
    case = told("W-staff").paper(durable=False)
    case = replace(
        case,
        case=replace(case.case, synchronised=False, row=replace(case.case.row, own=False, number="115-0007.branch")),
    )
    shown = sheet(printed_form(case).html)
    assert [one.text for one in shown.having("data-mark-of-number")] == ["未校時", "暫編", "他機收文"]
    assert shown.having("data-number")[0].text == "115-0007.branch"


# --- forms that the text does not contain -----------------------------------------------------------------------------


@pytest.mark.parametrize("row", [one for one in FORMS if one not in ANNEXES])
def test_a_form_that_the_text_lacks_says_so(row: str) -> None:
    shown = sheet(printed_form(told(row).paper()).html)
    assert shown.having("data-interim")[0].text == INTERIM
    assert own_names(row_of(row)[1])[0] == f"{row}.html"


def test_the_template_of_the_office_takes_its_place() -> None:
    case = told("P-police").paper()
    assert own_names(case.case.procedure) == ("P-police.html", "附表一.html")
    made = printed_form(case, lambda values: f"{values['number']} {values['field']['reason']['text']}")
    assert (made.html, made.unusable) == (f"115-0007 {case.text('reason')}", None)

    def fails(_: object) -> str:
        raise TemplateUnusable(message("test", "no"))

    plain = printed_form(case, fails)
    assert plain.unusable is not None
    shown = sheet(plain.html)
    assert shown.having("data-unusable")
    assert shown.having("data-interim")


def test_no_template_takes_the_place_of_an_annex_or_of_a_notice() -> None:
    assert {row: own_names(row_of(row)[1]) for row in ANNEXES} == dict.fromkeys(ANNEXES, ())
    assert own_names(row_of("N-other")[1]) == ()


# --- slip and notice --------------------------------------------------------------------------------------------------


def test_the_slip_says_what_is_asked_held_and_due() -> None:
    case = Sample.received("J-public").paper()
    shown = page(slip(case))
    assert shown.having("data-asked")[0].text == "一樓大廳（lobby）　民國115年11月20日 14:05～14:35"
    assert shown.having("data-due")[0].text == "民國115年12月10日前函復。"
    assert "自收文起暫予保全" in shown.text
    lost = page(slip(replace(case, destroyed=((SCOPE[0], 600_000),), unheld=((SCOPE[0], "已達上限"),), durable=False)))
    assert lost.having("data-destroyed")[0].text.endswith("其中約10分已依規定銷毀")
    assert lost.having("data-unheld")[0].text.endswith("：已達上限")
    assert "本收文號為暫編" in lost.text
    assert "暫編" not in shown.text
    soon = page(slip(replace(case, reply_by=None)))
    assert soon.having("data-due")[0].text == "本案將儘速處理。"


def test_the_notice_has_the_words_of_the_text() -> None:
    _, procedure = row_of("N-other")
    shown = page(notice(Sample.received("N-other").paper()))
    assert shown.having("data-instead")[0].text == procedure.instead
    text = squeezed((TEXTS / "nangang-school.txt").read_text("utf-8"))
    assert procedure.instead in text
    assert procedure.words in text
    assert "自行向警政機關報案" in shown.text


def test_numbers_that_follow_one_another_are_told_by_their_ends() -> None:
    assert numbers_text([5, 3, 6, 7, 12, 7]) == "3、5–7、12"
    assert numbers_text([]) == ""
