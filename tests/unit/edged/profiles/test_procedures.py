"""Rows of disclosure say what the texts say: fields of each annex, checks, signatures, company, clocks.

The lists below were typed from the texts (tests/support/regulations), not from the profiles.
"""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final

import pytest
from pydantic import ValidationError

from edged.profiles.loader import PROFILES, profile
from edged.profiles.procedures import AnnexField, ChainStep, FieldKind, Phase, Procedure, StepKind, Unit, Use
from tests.unit.edged.profiles.test_loader import ROOT, TEXTS, bare

ROWS: Final = {
    "wenshan-household": ["W-staff", "W-public", "W-agency", "W-urgent", "W-quick"],
    "jiancheng-land": ["J-public", "J-staff", "J-agency"],
    "taipei-police": ["P-police", "P-public", "P-agency"],
    "dahu-township": ["D-person", "D-agency"],
    "nangang-school": ["N-member", "N-agency", "N-other"],
}
EVERY: Final = {row: name for name, rows in ROWS.items() for row in rows}
GRANTING: Final = [row for row in EVERY if row != "N-other"]

ANNEXES: Final = {
    "W-staff": """申請日期 申請人 調閱事由[財物遺失/櫃檯爭議/人員安全/其他重大事件…] 調閱監視器主機[所本部/景美辦事處]
        調閱鏡頭位置 調閱時段 影像檔案需求[閱覽/複製] 複製:鏡頭@viewing 複製:年月日時分起至年月日時分止之檔案@viewing
        須保存影像檔案事由@keeping""",
    "W-public": """申請日期 申請人 身分證字號 聯絡電話 戶籍地址 申請事由 調閱監視器主機[所本部/景美辦事處] 調閱鏡頭位置
        調閱時段""",
    "J-public": """受文機關[臺北市建成地政事務所] 申請日期 申請人:姓名 申請人:統一編號 申請人:地址 申請人:蓋章
        代理人:姓名 代理人:統一編號 代理人:地址 代理人:蓋章 委任關係:本申請案委託 委任關係:申請人(代理人)電話
        附繳證件[身分證影本/其他…] 身分證影本:份 申請原因 申請調閱日期 畫面 辦理情形@afterwards""",
    "J-staff": "申請日期 申請人 申請課室 閱覽人 申請原因 申請調閱日期 畫面 調閱紀錄@afterwards",
    "N-member": """年月日 申請人:單位(職稱) 申請人:姓名 申請人:學號或身分證字號 申請人:聯絡電話 申請事由 申請調閱時段
        申請調閱地點 申請人簽名 學務處(學安室)核章:□影像調閱□影像保存[影像調閱/影像保存]@viewing""",
}
"""Each field in its order: heading, name, choices (… for one in words of its own), phase unless at application."""
TITLES: Final = {
    "W-staff": "調閱影音資料申請表（內部）",
    "W-public": "調閱影音資料申請表（民眾）",
    "J-public": "錄影監視系統調閱申請書受文機關",
    "J-staff": "錄影監視系統調閱申請書(所內)",
    "N-member": "調閱申請單年月日",
}
"""What the annex begins with."""
ASKED: Final = {
    "W-agency": ["他機關", "證據必要"],
    "W-urgent": ["偵查機關", "緊急調閱影像需求"],
    "W-quick": [
        "所涉案件", "民眾所描述事實", "是否有民眾所描述事實@viewing", "告知民眾@afterwards",
        "是否申請調閱影像@afterwards",
    ],
    "J-agency": ["公務機關", "法令依據", "調閱目的", "範圍", "用途", "敘明理由"],
    "P-police": ["具體事由", "用途"],
    "P-public": ["具體事由", "用途"],
    "P-agency": ["該機關(構)", "事由", "用途"],
    "D-person": ["申請人", "相關法令規定", "事由", "具體事由"],
    "D-agency": ["公務機關單位", "事由"],
    "N-other": [],
}  # fmt: skip
"""Of rows whose annex is not in the texts: what the text itself has filled in."""
CHAINS: Final = {
    "W-staff": "申請人(apply) 課長(applicant) 管理人(managing) 課長(managing) 秘書 主任",
    "W-public": "管理人員(managing) 課長(managing) 秘書 主任",
    "W-agency": "管理人員(managing) 課長(managing) 秘書 主任",
    "W-urgent": "主任+授權人",
    "W-quick": "單位主管",
    "J-public": "管理人員(managing) 管理單位主管(managing) 秘書 主任",
    "J-staff": "申請人(apply) 主管(applicant) 管理人(managing) 主管(managing) 秘書 主任",
    "J-agency": "管理人員(managing) 管理單位主管(managing) 秘書 主任",
    "P-police": "申請人(apply) 專責人員(receive) 審核人員 分局長+相當",
    "P-public": "申請人(apply) 專責人員(receive) 審核人員 分局長+相當",
    "P-agency": "監錄系統管理單位 機關首長+相當",
    "D-person": "專責人員 機關首長+授權人",
    "D-agency": "專責人員 機關首長+授權人",
    "N-member": "學務處(學安室)(receive) 業管單位(camera) 學務處(學安室) 學務主任",
    "N-agency": "學務處(學安室)(receive) 業管單位(camera) 學務處(學安室) 學務主任",
    "N-other": "",
}
OUR_POSTS: Final = {
    "W-agency": ["管理人員", "課長", "秘書", "主任"],
    "J-agency": ["管理人員", "管理單位主管", "秘書", "主任"],
    "P-police": ["審核人員"],
    "P-public": ["審核人員"],
}
COMPANIONS: Final = {
    **dict.fromkeys(ROWS["wenshan-household"], "系統管理人"),
    "J-public": "行政課",
    "J-staff": "行政課專責人員",
    "J-agency": "行政課",
    **dict.fromkeys(ROWS["taipei-police"], "專責人員"),
    **dict.fromkeys(ROWS["dahu-township"], "財政暨行政課"),
    "N-member": "專人",
    "N-agency": "專人",
    "N-other": "",
}
MAY: Final = {
    "W-staff": "view hold",
    "W-public": "view",
    "W-agency": "view copy",
    "W-urgent": "view hold copy",
    "W-quick": "look",
    "J-public": "view",
    "J-staff": "view",
    "J-agency": "view copy",
    "P-police": "view copy",
    "P-public": "view copy",
    "P-agency": "view copy",
    "D-person": "view",
    "D-agency": "view copy",
    "N-member": "view hold",
    "N-agency": "view hold copy",
    "N-other": "",
}
LAWS: Final = ["政府資訊公開法", "行政程序法", "個人資料保護法", "警察職權行使法", "其他相關法令規定"]
CHECKS: Final = {
    "W-staff": [],
    "W-public": ["身分證明文件", "當事人或利害關係人", "以調閱當事人資料為限"],
    "W-agency": ["做為發現犯罪嫌疑或其他違法行為之證據必要", "必要時得複製影音資料"],
    "W-urgent": ["偵查機關", "緊急調閱影像需求"],
    "W-quick": [],
    "J-public": [
        "申請人身分", "必要性", "關聯性", "法人登記證明文件", "代表人之資格證明", "利害關係證明", "委任關係",
        "代理人身分證明文件", "本影本核與正本相符，如有不實，願負法律責任",
    ],
    "J-staff": ["申請人身分", "必要性", "關聯性", "業務需要"],
    "J-agency": ["申請人身分", "必要性", "關聯性", "確有申請複製影音資料之需要"],
    "P-police": LAWS,
    "P-public": ["身分證明文件", "主張或維護其法律上利益", *LAWS],
    "P-agency": ["依法行使職權調查之案件", *LAWS],
    "D-person": ["須以監視系統存錄之影音為證據", "相關證明文件"],
    "D-agency": ["須以監視系統存錄之影音為證據", "相關證明文件"],
    "N-member": ["本校所屬教職員工生(含法定代理人或實際照顧者)"],
    "N-agency": ["機關主管核准之文件或公文", "因承辦案件所需"],
}  # fmt: skip
"""Beside that of third persons, which is everywhere."""
BY_LOGIN: Final = {"companion_by_login": True}
FACTS: Final[dict[str, dict[str, Any]]] = {
    "W-staff": {**BY_LOGIN, "kept": timedelta(days=1096)},
    "W-public": {**BY_LOGIN, "own_data_only": True, "kept": timedelta(days=1096)},
    "W-agency": {**BY_LOGIN, "letter": True, "receipt": True},
    "W-urgent": {**BY_LOGIN, "by_word": True, "receipt": True},
    "W-quick": {**BY_LOGIN, "viewers": ["櫃檯同仁", "值星人員"]},
    "J-public": {"agent": True, "viewing_copy": True, "register_form": "附件5"},
    "J-staff": {"reader": True, "appointment": True, "register_form": "附件5"},
    "J-agency": {"letter": True, "viewing_copy": True, "receipt": True, "register_form": "附件5"},
    "P-police": {"appointment": True, "receipt": True},
    "P-public": {"appointment": True, "receipt": True, "fee": True},
    "P-agency": {"letter": True, "receipt": True},
    "D-person": {"once": True},
    "D-agency": {"letter": True, "form_with_letter": True, "once": True, "receipt": True, "secrecy": True},
    "N-member": {"companion_unit": Unit.CAMERA, "held": timedelta(days=30), "originals": 2},
    "N-agency": {
        "letter": True, "form_with_letter": True, "companion_unit": Unit.CAMERA, "receipt": True,
        "held": timedelta(days=30), "originals": 2,
    },
    "N-other": {},
}  # fmt: skip
"""What is otherwise than in the plainest procedure."""
PLAIN: Final = {name for facts in FACTS.values() for name in facts}
CLOCKS: Final = {
    "W-public": (15, 15, False, True),
    "W-agency": (None, 0, False, True),
    "W-urgent": (3, 0, True, True),
    "J-public": (6, 0, False, False),
    "J-agency": (None, 0, False, False),
    "P-public": (15, 15, False, True),
    "D-person": (15, 15, False, True),
}
"""Days, by so many it may be lengthened, working days, ours."""
NOT_PERSONAL: Final = {"agency", "letter-number", "section", "law"}
"""Fields in words that name no person."""
FREE: Final = {
    FieldKind.TEXT, FieldKind.PLACE, FieldKind.PERSON_ID, FieldKind.PARTY_ID, FieldKind.STUDENT_ID, FieldKind.PHONE,
}  # fmt: skip


def row_of(row: str) -> Procedure:
    found = profile(EVERY[row]).procedure(row)
    assert found is not None
    return found


def raw(row: str) -> dict[str, Any]:
    """Its table, as the file has it."""
    text = (ROOT / "edged" / "profiles" / f"{EVERY[row]}.toml").read_text("utf-8")
    found: dict[str, Any] = next(one for one in tomllib.loads(text)["procedures"] if one["row"] == row)
    return found


def text_of(name: str) -> str:
    return bare((TEXTS / f"{name}.txt").read_text("utf-8"))


def written(field: AnnexField) -> str:
    """As the lists above write it."""
    choices = "/".join(f"{choice}…" if choice == field.open_choice else choice for choice in field.choices)
    phase = "" if field.phase is Phase.APPLICATION else f"@{field.phase.value}"
    return f"{field.under}:{field.words}".lstrip(":") + (f"[{choices}]" if choices else "") + phase


def signature(step: ChainStep) -> str:
    kind = f"({step.kind.value})" if step.kind in (StepKind.APPLY, StepKind.RECEIVE) else ""
    unit = "" if step.unit is Unit.OFFICE else f"({step.unit.value})"
    return step.post + kind + unit + "+授權人" * step.or_authorised + "+相當" * step.or_equal


def words_of(row: Procedure) -> Iterator[str]:
    """Whatever it says in words and does not mark as ours."""
    for key in ("form", "words", "instead", "capture_by", "companion"):
        if key not in row.ours:
            yield getattr(row, key)
    yield from (*row.viewers, *row.notes)
    yield from (step.post for step in (*row.chain, *row.hold_by) if not step.ours)
    yield from (check.words for check in row.checks if not check.ours)
    for field in row.fields:
        if not field.ours:
            yield from (field.words, field.under, *field.choices)


def strangers(row: Procedure, text: str) -> list[str]:
    return [words for words in words_of(row) if bare(words) not in text]


def test_every_row_is_there_once_and_nothing_else() -> None:
    assert {name: [one.row for one in profile(name).procedures] for name in PROFILES} == ROWS
    assert profile("nangang-school").procedure("N-nobody") is None


@pytest.mark.parametrize("row", ANNEXES)
def test_an_annex_has_its_fields_in_its_order_each_in_its_phase(row: str) -> None:
    assert [written(one) for one in row_of(row).fields if not one.ours] == ANNEXES[row].split()


def test_an_agency_of_a_school_fills_in_the_same_annex() -> None:
    assert [written(one) for one in row_of("N-agency").fields if not one.ours] == ANNEXES["N-member"].split()


@pytest.mark.parametrize("row", ASKED)
def test_where_the_annex_is_not_in_the_text_what_the_text_asks_for_is_asked(row: str) -> None:
    asked = [one.words + (f"@{one.phase}" if one.phase is not Phase.APPLICATION else "") for one in ours_not(row)]
    assert asked == ASKED[row]
    assert ANNEXES.keys() | ASKED.keys() | {"N-agency"} == EVERY.keys()


def ours_not(row: str) -> list[AnnexField]:
    return [one for one in row_of(row).fields if not one.ours]


@pytest.mark.parametrize("row", TITLES)
def test_fields_stand_in_the_order_in_which_the_text_has_them(row: str) -> None:
    """The agent's are printed as heads of columns that the applicant has, too."""
    fields = [one.words for one in ours_not(row) if one.under != "代理人"]
    assert in_order(fields, text_of(EVERY[row]), TITLES[row])
    assert not in_order([fields[-1], *fields[:-1]], text_of(EVERY[row]), TITLES[row]), "negative control"


def in_order(words: list[str], text: str, title: str) -> bool:
    rest = text[text.rindex(title) :]
    for one in words:
        _, found, rest = rest.partition(one)
        if not found:
            return False
    return True


@pytest.mark.parametrize("row", EVERY)
def test_all_that_is_not_ours_is_in_the_text_to_the_letter(row: str) -> None:
    assert strangers(row_of(row), text_of(EVERY[row])) == []


def test_words_that_are_not_in_the_text_are_found() -> None:
    """Negative control."""
    planted = raw("W-staff")
    planted["fields"][1]["words"] = "申請同仁"
    planted["chain"][1]["post"] = "股長"
    assert strangers(Procedure.model_validate(planted), text_of("wenshan-household")) == ["股長", "申請同仁"]


@pytest.mark.parametrize("row", EVERY)
def test_who_signs_and_who_is_there(row: str) -> None:
    found = row_of(row)
    assert " ".join(signature(step) for step in found.chain) == CHAINS[row]
    assert [step.post for step in found.chain if step.ours] == OUR_POSTS.get(row, [])
    assert found.companion == COMPANIONS[row]
    assert " ".join(use.value for use in found.may) == MAY[row]


def test_who_approves_that_something_is_kept_and_who_makes_it() -> None:
    approving = {row: [signature(one) for one in row_of(row).hold_by] for row in EVERY if row_of(row).hold_by}
    school = ["學務處(學安室)"]
    assert approving == {"W-staff": ["主任+授權人"], "N-member": school, "N-agency": school}
    for row in EVERY:
        assert bool(row_of(row).capture_by) == (Use.HOLD in row_of(row).may)


@pytest.mark.parametrize("row", GRANTING)
def test_what_is_looked_at_before_it_is_decided(row: str) -> None:
    *others, third = row_of(row).checks
    assert [one.words for one in others] == CHECKS[row]
    assert third.words == "第三人影像"
    assert third.outcomes == ["無", "已縮小", "已遮蔽", "依法得提供"]
    assert third.all_pass
    assert third.named == ["依法得提供"], "it says by which law"
    assert not any(one.all_pass for one in others)


def test_what_is_looked_at_only_where_it_applies() -> None:
    conditional = {(row, one.name): one.when for row in GRANTING for one in row_of(row).checks if one.when}
    assert conditional == {
        ("W-agency", "copy-necessary"): "複製",
        ("J-agency", "copy-necessary"): "複製",
        ("J-public", "registration"): "法人",
        ("J-public", "representative"): "法人",
        ("J-public", "interest"): "有利害關係之人",
        ("J-public", "mandate"): "委託他人辦理",
        ("J-public", "agent-identity"): "委託他人辦理",
    }


@pytest.mark.parametrize("row", EVERY)
def test_what_else_the_text_says_of_it(row: str) -> None:
    said = dict(row_of(row))
    defaults = {name: Procedure.model_fields[name].get_default(call_default_factory=True) for name in PLAIN}
    assert {name: said[name] for name in PLAIN if said[name] != defaults[name]} == FACTS[row]


@pytest.mark.parametrize("row", EVERY)
def test_how_long_an_answer_may_take(row: str) -> None:
    clock = row_of(row).clock
    found = None if clock is None else (clock.days, clock.extension, clock.working, clock.ours)
    assert found == CLOCKS.get(row)


def test_an_answer_under_the_law_of_archives_takes_thirty_days() -> None:
    (other,) = row_of("D-person").other_clocks
    assert (other.when_field, other.when, other.days, other.extension, other.ours) == ("law", "檔案法", 30, 0, True)
    assert row_of("D-person").field("law").choices == ["檔案法", "政府資訊公開法", "其他相關法令規定"]
    assert [row for row in EVERY if row_of(row).other_clocks] == ["D-person"]


@pytest.mark.parametrize("row", EVERY)
def test_what_names_or_describes_a_person_is_marked(row: str) -> None:
    """Whatever somebody tells in words of their own, too: what they tell is theirs."""
    for field in row_of(row).fields:
        own_words = field.kind in FREE or bool(field.open_choice)
        assert field.personal == (own_words and field.name not in NOT_PERSONAL), field.name


@pytest.mark.parametrize("row", GRANTING)
def test_a_row_has_what_the_steps_need(row: str) -> None:
    found = row_of(row)
    names = {one.name for one in found.fields}
    assert {"interval", "cameras"} <= names
    assert not found.letter or {"agency", "letter-number", "letter-date"} <= names
    assert found.agent == ("agent" in names)
    assert found.reader == ("reader" in names)
    assert bool(found.instead) == (Use.COPY not in found.may), "whoever may not have a copy is told what to do"
    asked = [use for one in found.fields for use in one.uses]
    assert len(found.may) == 1 or set(asked) == set(found.may)


@pytest.mark.parametrize("name", PROFILES)
def test_clauses_and_log_books_that_a_row_names_are_there(name: str) -> None:
    clauses = {clause.id for clause in profile(name).clauses}
    books = {book.form: book for book in profile(name).registers}
    for row in profile(name).procedures:
        assert set(row.clauses) <= clauses
        assert not row.register_form or row.register_form in books
    for book in books.values():
        assert all(words in text_of(name) for words in (book.form, book.words, *book.columns, *book.signed))


def test_the_log_book_has_the_columns_of_the_text() -> None:
    (book,) = profile("jiancheng-land").registers
    assert book.columns == ["日期", "時間", "申請人", "案由", "應用情形"]
    assert book.signed == ["管理人員", "主管"]
    assert "".join((book.words, *book.columns, "簽章", *book.signed)) in text_of("jiancheng-land")


def without_decision(row: dict[str, Any]) -> None:
    row["chain"].pop()


def decided_twice(row: dict[str, Any]) -> None:
    row["chain"].append({"post": "主任", "kind": "decide"})


def without_company(row: dict[str, Any]) -> None:
    row["companion"] = ""


def without_grants(row: dict[str, Any]) -> None:
    row["may"], row["chain"], row["fields"] = [], [], []


def signed_for_nothing(row: dict[str, Any]) -> None:
    row["may"], row["companion"], row["fields"] = [], "", []


def choice_without_choices(row: dict[str, Any]) -> None:
    row["fields"].append({"name": "planted", "words": "機關", "kind": "choice"})


def choices_of_no_choice(row: dict[str, Any]) -> None:
    row["fields"].append({"name": "planted", "words": "機關", "choices": ["甲"]})


def open_choice_that_is_none(row: dict[str, Any]) -> None:
    row["fields"].append(
        {"name": "planted", "words": "機關", "kind": "choice", "choices": ["甲"], "open_choice": "其他"}
    )


def a_use_too_few(row: dict[str, Any]) -> None:
    row["fields"].append(
        {"name": "planted", "words": "機關", "kind": "choice", "choices": ["甲", "乙"], "uses": row["may"][:1]}
    )


def a_use_that_is_not_allowed(row: dict[str, Any]) -> None:
    use = "look" if "look" not in row["may"] else "copy"
    row["fields"].append({"name": "planted", "words": "機關", "kind": "choice", "choices": ["甲"], "uses": [use]})


def field_twice(row: dict[str, Any]) -> None:
    row["fields"].append(row["fields"][0])


def check_twice(row: dict[str, Any]) -> None:
    row["checks"].append(row["checks"][-1])


def document_of_no_outcome(row: dict[str, Any]) -> None:
    row["checks"].append({"name": "planted", "words": "身分", "named": ["好"]})


def half_a_condition(row: dict[str, Any]) -> None:
    row["checks"].append({"name": "planted", "words": "身分", "when": "複製"})


def condition_that_never_holds(row: dict[str, Any]) -> None:
    row["checks"].append({"name": "planted", "words": "身分", "when_field": "wanted", "when": "拍攝"})


def condition_further_down(row: dict[str, Any]) -> None:
    row["fields"] += [
        {"name": "planted", "words": "機關", "when_field": "later", "when": "甲"},
        {"name": "later", "words": "機關", "kind": "choice", "choices": ["甲"]},
    ]


def other_clock_without_condition(row: dict[str, Any]) -> None:
    row["other_clocks"] = [{"days": 3}]


def ours_of_nothing(row: dict[str, Any]) -> None:
    row["ours"] = ["companions"]


def unknown_key(row: dict[str, Any]) -> None:
    row["clerk"] = "主任"


def no_such_unit(row: dict[str, Any]) -> None:
    row["chain"][0] = {**row["chain"][0], "unit": "ministry"}


PLANTED: Final[list[tuple[Callable[[dict[str, Any]], None], str]]] = [
    (without_decision, "chain ends with who decides"),
    (decided_twice, "chain ends with who decides"),
    (without_company, "nobody looks alone"),
    (without_grants, "nothing is granted"),
    (signed_for_nothing, "nothing is granted"),
    (choice_without_choices, "choices are of a choice"),
    (choices_of_no_choice, "choices are of a choice"),
    (open_choice_that_is_none, "none of the choices"),
    (a_use_too_few, "each choice asks for one use"),
    (a_use_that_is_not_allowed, "what it may not have"),
    (field_twice, "there twice"),
    (check_twice, "there twice"),
    (document_of_no_outcome, "not all outcomes"),
    (half_a_condition, "a field and its choice"),
    (condition_that_never_holds, "further up"),
    (condition_further_down, "further up"),
    (other_clock_without_condition, "another clock"),
    (ours_of_nothing, "no keys of a row"),
    (unknown_key, "Extra inputs"),
    (no_such_unit, "ministry"),
]


@pytest.mark.parametrize("row", GRANTING)
@pytest.mark.parametrize(("plant", "why"), PLANTED, ids=lambda one: getattr(one, "__name__", ""))
def test_a_mistake_in_a_row_is_refused(row: str, plant: Callable[[dict[str, Any]], None], why: str) -> None:
    table = raw(row)
    assert Procedure.model_validate(copy.deepcopy(table)) == row_of(row)
    plant(table)
    with pytest.raises(ValidationError, match=why):
        Procedure.model_validate(table)


@pytest.mark.parametrize("key", ["chain", "companion"])
def test_who_may_have_nothing_is_decided_by_nobody(key: str) -> None:
    table = {**raw("N-other"), key: {"chain": [{"post": "學務主任", "kind": "decide"}], "companion": "專人"}[key]}
    with pytest.raises(ValidationError, match="nothing is granted"):
        Procedure.model_validate(table)
