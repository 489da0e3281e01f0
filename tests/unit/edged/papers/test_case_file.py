"""edged.papers.case_file: whatever befell a case stands in its file."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.office import story
from edged.office.request import (
    AskSupplement,
    CutViewing,
    Disposal,
    Dispose,
    Door,
    Examine,
    Extend,
    Hand,
    OpenViewing,
    Return,
    Sign,
    Supplemented,
    Unfit,
    Withdraw,
)
from edged.office.story import DatedAct
from edged.papers.case_file import BY_ARCHIVES_ACT, NO_FILE_NUMBER, act_words, case_file
from edged.papers.case_words import numeral, term
from edged.papers.letters import letter, reply, reply_text
from edged.papers.paper_case import ERASED, LOST, WITHHELD
from edged.papers.receipt import label, receipt
from edged.profiles.loader import PROFILES, Profile, profile
from edged.profiles.procedures import Procedure
from storage.ages.history import Point
from tests.support.paper_cases import (
    CHIEF,
    CLERK,
    COMPANION,
    COPY,
    FILED_AS,
    LETTER,
    NAMES,
    NINE_MS,
    NUMBER,
    PIN,
    RECEIVED,
    ROWS,
    PaperStory,
    fields_of,
    text_of,
)
from tests.unit.edged.office.test_request import sequence

IDS: Final = [row.row for _, row in ROWS]


def of_row(row: str) -> PaperStory:
    return PaperStory.of(*next((of, one) for of, one in ROWS if one.row == row))


@pytest.mark.parametrize("kind", story.KINDS)
def test_every_act_has_its_words(kind: str) -> None:
    assert story.KINDS[kind] in act_words.registry


@pytest.mark.parametrize(("of", "row"), ROWS, ids=IDS)
def test_all_of_a_case_stands_in_its_file(of: Profile, row: Procedure) -> None:
    told = PaperStory.of(of, row, {"reason": "案由<b>甲</b>&amp;\n第二行", "applicant": '林"美"惠'}).whole()
    paper = told.paper()
    fields = fields_of(case_file(paper))
    assert (fields["number"], fields["file-number"]) == ([NUMBER], [FILED_AS])
    assert (fields["received"], fields["letter"]) == (["民國115年11月25日"], [LETTER])
    for one in row.fields:
        assert fields.get(f"field:{one.name}", [""]) == [paper.text(one.name)]
    for name, found in told.request.outcomes.items():
        check = next(one for one in row.checks if one.name == name)
        assert (fields[f"check:{name}"], fields[f"seen:{name}"]) == ([found.outcome], [f"{check.words}之文件"])
        assert fields[f"checked-by:{name}"] == [NAMES[CLERK]]
    for number, signed in enumerate(told.request.signatures, 1):
        assert fields[f"signed:{number}"] == [paper.name(signed.hand.person)]
        on_paper = signed.hand.door is Door.PAPER
        assert fields[f"signed:{number}:scan"] == ["第1號" if on_paper else ""]
        assert fields[f"signed:{number}:day"] == ["民國115年11月25日"] or not on_paper
    if told.request.viewings:
        assert fields["viewing:1:operator"] == [NAMES[CLERK]]
        assert fields["viewing:1:companion"] == [NAMES[COMPANION]]
        assert (fields["viewing:1:present"], fields["viewing:1:not-filmed"]) == (["在場者甲、在場者乙"], ["已確認"])
    assert fields.get("kept:1", []) == ([PIN] if told.request.held else [])
    if told.request.copies:
        assert (fields["copy:1"], fields["copy:1:receiver"]) == ([COPY], ["領取人王"])
        assert (fields["copy:1:handed-out"], fields["copy:1:ours"]) == (["已返還"], ["已銷毀"])
        assert fields.get("copy:1:fee", []) == (["新臺幣 1,200 元"] if row.fee else [])
        assert fields.get("copy:1:secrecy", []) == (["機密"] if row.secrecy else [])
    for number, entry in enumerate(told.request.entries, 1):
        assert all(hand.post in fields[f"entry:{number}:signed"][0] for hand in entry.signed)
        assert fields[f"entry:{number}:lacking"] == [""]
    leaves = [leaf for name, (leaf,) in fields.items() if name.startswith("leaf:") and name.count(":") == 1]
    assert leaves == [
        str(one) for one in sorted([99, *(one.leaf for one in told.acts), *(77 for _ in told.request.copies)])
    ]
    assert fields["kept"] == (
        [BY_ARCHIVES_ACT] if row.kept is None else ["申請表保存3年，自最後一次閱覽起算，未閱覽者自結案起算"]
    )


def test_a_document_is_that_of_the_outcome_that_stands() -> None:
    told = of_row("J-staff").signed()
    check = told.procedure.checks[1]
    assert fields_of(case_file(told.paper()))[f"seen:{check.name}"] == [f"{check.words}之文件"]
    told.do(Examine(check.name, check.outcomes[-1], CLERK, document=False))
    assert fields_of(case_file(told.paper()))[f"seen:{check.name}"] == [""]


def test_what_did_not_go_straight_on_stands_with_its_reason() -> None:
    told = of_row("P-public")
    hand = Hand(CHIEF, "分局長")
    told.do(AskSupplement(hand, RECEIVED.toordinal() + 5), why="缺附件").do(Supplemented()).do(
        Extend(hand), why="案情複雜"
    )
    told.do(Sign(told.hand(0, "申請人", paper=True)), Sign(Hand(CLERK, "專責人員", deputy=True)))
    told.do(Return(Hand(CHIEF, "審核人員"), 1), why="簽章有誤").do(Withdraw())
    page = case_file(told.paper())
    fields = fields_of(page)
    assert [fields[name] for name in ("reason:2", "reason:4", "reason:7")] == [["缺附件"], ["案情複雜"], ["簽章有誤"]]
    assert (fields["outcome"], fields["file-number"]) == (["撤回，未為准駁"], [NO_FILE_NUMBER])
    assert "退回「專責人員」" in text_of(page)
    assert ("on-paper" in fields, "deputised" in fields, "open" in fields) == (True, False, True)


def test_what_was_done_by_a_deputy_by_word_and_cut_is_marked() -> None:
    told = of_row("W-urgent").signed()
    told.decide(door=Door.WORD, entered_by=CLERK, paper_day=RECEIVED.toordinal(), deputy=True)
    told.do(OpenViewing(RECEIVED.toordinal(), CLERK, Hand(COMPANION, "系統管理人"), 1), CutViewing())
    fields = fields_of(case_file(told.paper(synchronised=False, durable=False, own=False)))
    assert (fields["signed:1:door"], fields["signed:1:deputy"]) == (["口頭核可"], ["是"])
    assert (fields["viewing:1:state"], fields["viewing:1:not-filmed"]) == (["因故中斷"], [""])
    assert fields["received"] == ["民國115年11月25日（未校時）"]
    assert fields.keys() >= {"word-pending", "not-durable", "unsynchronised", "other-box", "deputised", "on-paper"}


def test_a_copy_that_came_to_nothing_was_handed_to_nobody() -> None:
    told = of_row("P-public").signed().decide().copied().do(Dispose(COPY, Disposal.DESTROYED, ours=True))
    fields = fields_of(case_file(told.paper()))
    assert (fields["copy:1:day"], fields["copy:1:ours"]) == (["未交付"], ["已銷毀"])
    assert "copy:1:handed-out" not in fields


def test_footage_that_is_not_there_is_a_remark() -> None:
    told = of_row("J-public").whole()
    part = told.request.asked[0]
    paper = told.paper(destroyed=((part, 61_000),), unheld=((part, "磁碟已滿"),))
    fields = fields_of(case_file(paper))
    assert "銷毀 61 秒" in fields["destroyed"][0]
    assert fields["unheld"][0].endswith("磁碟已滿")


@pytest.mark.parametrize(
    ("changes", "stands"), [({"erased": True}, ERASED), ({"nameless": True}, LOST), ({"private": True}, WITHHELD)]
)
@pytest.mark.parametrize(("of", "row"), ROWS, ids=IDS)
def test_without_words_of_persons_the_case_stays(
    of: Profile, row: Procedure, changes: dict[str, Any], stands: str
) -> None:
    told = PaperStory.of(of, row).whole()
    fields = fields_of(case_file(told.paper(words={}, shown={}, names={}, **changes)))
    assert fields["withheld"] == [stands]
    assert all(fields[f"field:{one.name}"] == [stands] for one in row.fields if one.personal)
    assert len([name for name in fields if name.endswith(":what")]) == len(told.acts) + 1 + len(told.request.copies)


def test_less_than_was_asked_for_is_told_as_part_of_it() -> None:
    begun = of_row("P-police").signed()
    fields = fields_of(case_file(begun.decide(begun.procedure.may[:1]).paper()))
    assert fields["outcome"] == ["部分同意"]


@given(st.integers(0, 2**32))
def test_any_story_can_be_printed(seed: int) -> None:
    """Also one that stopped half way, by rows of all sorts."""
    told = list(sequence(seed))
    (row, first, _), *later = told
    of = next(one for one in map(profile, PROFILES) if one.clauses[0].id[0] == row.row[0])
    acts = [
        DatedAct(act, Point(1, number, NINE_MS + number), 100 + number)
        for number, (_, _, act) in enumerate(later)
        if act is not None
    ]
    begun = PaperStory(of, row, first)
    begun.request, begun.acts = told[-1][1], acts
    for words in ({"applicant": "字", "reason": "字"}, {}):
        paper = begun.paper(words=words, shown=words)
        page = case_file(paper)
        assert len([name for name in fields_of(page) if name.endswith(":what")]) >= len(acts) + 1
        for copy in paper.case.request.copies:
            assert NUMBER in receipt(paper, copy.made)
            assert NUMBER in label(paper, copy.made)
        try:
            kind = letter(paper).kind
        except Unfit:
            assert begun.request.decision is None
            assert not begun.request.supplement
            continue
        assert "".join(reply_text(paper).split()) == text_of(reply(paper))
        assert kind != "同意" or (begun.request.decision is not None and bool(begun.request.decision.uses))


@pytest.mark.parametrize(
    ("days", "told"), [(1096, "3年"), (1095, "3年"), (365, "1年"), (366, "1年"), (30, "30日"), (400, "400日")]
)
def test_a_term_is_told_in_years_where_it_is_of_years(days: int, told: str) -> None:
    assert term(timedelta(days=days)) == told


@pytest.mark.parametrize(("number", "told"), [(1, "一"), (10, "十"), (12, "十二"), (20, "二十"), (41, "四十一")])
def test_numerals(number: int, told: str) -> None:
    assert numeral(number) == told
