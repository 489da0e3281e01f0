"""edged.papers.letters: what whoever asked is told, as page and as text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from edged.office.cases import REASON
from edged.office.request import (
    Appoint,
    AskSupplement,
    Decide,
    Delivery,
    Door,
    EndViewing,
    Extend,
    Hand,
    OpenViewing,
    Reply,
    Sign,
    Supplemented,
    Unfit,
    Withdraw,
)
from edged.papers.case_words import DELIVERIES, use_word
from edged.papers.letters import BRINGS, NO_DAY, NO_NUMBER, REMEDY, letter, reply, reply_text
from edged.papers.paper_case import ERASED, LOST, WITHHELD, PaperCase
from edged.profiles.loader import PROFILES, Profile, profile
from edged.profiles.procedures import Procedure, Use
from tests.support.paper_cases import (
    CHIEF,
    CLERK,
    COMPANION,
    HOUR_MS,
    LETTER,
    LOBBY,
    NINE_MS,
    NUMBER,
    RECEIVED,
    ROWS,
    PaperStory,
    fields_of,
    text_of,
)

WHY: Final = "鏡頭與所述地點不符，且<b>無</b>關聯 &amp; 「必要性」不足"
DECIDED: Final = tuple((of, row) for of, row in ROWS if row.chain)
IDS: Final = [row.row for _, row in DECIDED]


def story(row: str, **text: str) -> PaperStory:
    return PaperStory.of(*next((of, one) for of, one in ROWS if one.row == row), text)


def in_part(begun: PaperStory) -> PaperStory:
    return begun.signed().decide(begun.procedure.may[:1], (LOBBY,), WHY)


def supplement(begun: PaperStory) -> PaperStory:
    hand = Hand(CHIEF, begun.procedure.chain[-1].post)
    return begun.do(AskSupplement(hand, RECEIVED.toordinal() + 7), why=WHY)


ENDINGS: Final[dict[str, Callable[[PaperStory], PaperStory]]] = {
    "同意": lambda one: one.signed().decide(),
    "部分同意": in_part,
    "駁回": lambda one: one.signed().decide((), (), WHY),
    "撤回": lambda one: one.do(Withdraw()),
    "補正通知": supplement,
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(("of", "row"), DECIDED, ids=IDS)
def test_each_row_is_told_how_it_came_out(of: Profile, row: Procedure, ending: str) -> None:
    told = ENDINGS[ending](PaperStory.of(of, row))
    paper = told.paper()
    page = reply(paper)
    fields = fields_of(page)
    assert "".join(reply_text(paper).split()) == text_of(page)
    assert letter(paper).kind == (
        ending if Use.LOOK not in told.request.uses or ending not in ("同意", "部分同意") else "先行查看結果"
    )
    assert fields["number"] == [NUMBER]
    assert (fields["letter"], fields["delivery"]) == (
        [NO_NUMBER],
        ["　".join(f"□{one}" for one in DELIVERIES.values())],
    )
    assert fields["day"] == [NO_DAY]
    decision = told.request.decision
    if decision is not None and decision.granted:
        assert fields["footage"] == paper.footage(decision.scope)
        if not decision.uses <= {Use.LOOK, Use.HOLD}:
            assert fields["uses"] == ["、".join(use_word(row, use) for use in Use if use in decision.uses)]
            assert fields["bring"][-1] == "本函"
    if ending in ("部分同意", "駁回", "補正通知") and Use.LOOK not in told.request.uses:
        assert fields["reason"] == [WHY]
    refused = ending == "駁回" or (ending == "部分同意" and Use.LOOK not in told.request.uses)
    assert fields.get("remedy", []) == ([REMEDY] if refused and told.request.applicant is None else [])
    if refused:
        clause = next(one for one in of.clauses if one.id == row.clauses[0])
        assert (fields["clause"], fields["clause-words"]) == ([clause.article], clause.words)
        by_class = told.request.uses - set(row.may) or set(row.may) <= {Use.LOOK}
        assert fields.get("instead", []) == ([row.instead] if row.instead and by_class else [])


def test_who_may_have_it_by_class_is_not_sent_elsewhere_with_a_refusal() -> None:
    refused = story("W-staff").signed().decide((), (), WHY)
    assert "instead" not in fields_of(reply(refused.paper()))
    beyond = story("W-public")
    beyond.request = replace(beyond.request, uses=frozenset({Use.VIEW, Use.COPY}))
    fields = fields_of(reply(beyond.signed().decide((), (), WHY).paper()))
    assert fields["instead"] == [beyond.procedure.instead]


@pytest.mark.parametrize("row", ["W-public", "P-public"])
def test_a_lengthened_time_is_told_with_its_reason(row: str) -> None:
    begun = story(row)
    told = begun.do(Extend(Hand(CLERK, begun.procedure.chain[-1].post)), why=WHY).paper()
    fields = fields_of(reply(told))
    assert "延長處理期間通知" in fields["title"][0]
    assert (fields["reason"], fields["extension"], fields["by"]) == ([WHY], ["15日"], ["依個人資料保護法第13條規定，"])


def test_a_supplement_says_until_when_and_then_nothing_is_left_to_tell() -> None:
    asked = supplement(story("J-public"))
    fields = fields_of(reply(asked.paper()))
    assert "補正通知" in fields["title"][0]
    assert set(fields["until"]) == {"民國115年12月2日"}
    with pytest.raises(Unfit, match="is not decided yet"):
        reply(asked.do(Supplemented()).paper())


@pytest.mark.parametrize(
    ("row", "uses", "asked"),
    [
        ("P-public", {Use.VIEW, Use.COPY}, "申請調閱及複製本機關"),
        ("P-public", {Use.COPY}, "申請複製本機關"),
        ("P-public", set(), "申請調閱本機關"),
        ("D-agency", {Use.VIEW, Use.COPY}, "申請調閱及保存本機關"),
    ],
)
def test_the_subject_is_what_was_asked_for(row: str, uses: set[Use], asked: str) -> None:
    told = story(row).signed().decide()
    told.request = replace(told.request, uses=frozenset(uses))
    assert asked in text_of(reply(told.paper()))


def test_what_class_may_have_nothing_is_sent_elsewhere() -> None:
    fields = fields_of(reply(story("N-other").paper()))
    assert (fields["outcome"], fields["instead"]) == (["駁回"], [story("N-other").procedure.instead])
    assert fields["remedy"] == [REMEDY]


@pytest.mark.parametrize("found", ["有", "無"])
def test_of_a_look_the_outcome_is_told_once_somebody_looked(found: str) -> None:
    told = story("W-quick").signed().decide()
    told.words["outcome"] = found
    assert fields_of(reply(told.paper()))["found"] == [found, found]
    del told.words["outcome"]
    fields = fields_of(reply(told.paper()))
    assert (fields["outcome"], "found" in fields) == (["同意"], False)


@pytest.mark.parametrize(("gone", "stands"), [({"erased": True}, ERASED), ({"nameless": True}, LOST)])
def test_a_look_whose_outcome_nobody_can_read_any_more_is_still_told_as_one(gone: dict[str, Any], stands: str) -> None:
    told = story("W-quick").signed().decide()
    look = OpenViewing(RECEIVED.toordinal(), CLERK, Hand(COMPANION, told.procedure.companion), 1)
    told.do(look, EndViewing(not_filmed=True))
    fields = fields_of(reply(told.paper(words={}, **gone)))
    assert (fields["outcome"], fields["found"]) == (["先行查看結果"], [stands, stands])


def test_what_was_granted_by_word_says_so_until_it_is_signed() -> None:
    told = story("W-urgent").signed()
    told.decide(door=Door.WORD, entered_by=CLERK, paper_day=RECEIVED.toordinal())
    fields = fields_of(reply(told.paper()))
    assert (fields["by-word"], fields["word-day"]) == (["主任"], ["民國115年11月25日"])
    told.do(Sign(Hand(CHIEF, "主任")))
    assert "by-word" not in fields_of(reply(told.paper()))


def test_a_letter_that_went_out_says_what_it_said_then() -> None:
    told = story("J-staff").signed().decide().do(Appoint(NINE_MS + 48 * HOUR_MS)).replied()
    sent = reply(told.paper())
    fields = fields_of(sent)
    assert fields["appointed"] == ["民國115年11月27日 09:00"]
    assert (fields["letter"], fields["day"], fields["delivery"]) == ([LETTER], ["民國115年11月27日"], ["郵寄"])
    told.do(Appoint(NINE_MS + 72 * HOUR_MS))
    look = OpenViewing(RECEIVED.toordinal() + 3, CLERK, Hand(COMPANION, told.procedure.companion), 1)
    told.do(look, EndViewing(not_filmed=True), Withdraw())
    assert reply(told.paper()) == sent


@pytest.mark.parametrize("delivery", Delivery)
def test_each_way_has_its_words(delivery: Delivery) -> None:
    told = story("J-staff").signed().decide().do(Reply(None, "", delivery))
    fields = fields_of(reply(told.paper()))
    assert (fields["delivery"], fields["letter"]) == ([DELIVERIES[delivery]], [NO_NUMBER])


def test_who_comes_for_another_brings_the_mandate() -> None:
    choices = {"party": "法人", "standing": "有利害關係之人", "applied-by": "委託他人辦理"}
    told = story("J-public", agent="代理人張")
    told.words |= choices
    fields = fields_of(reply(told.signed().decide().paper()))
    assert fields["bring"] == [
        "身分證明文件正本", "法人登記證明文件", "代表人資格證明文件", "利害關係證明文件", "委任書",
        "代理人身分證明文件", "本函",
    ]  # fmt: skip
    assert fields["agent"] == ["代理人張", "代理人張"]
    assert fields["you"][0] == "貴單位"


KNOWN: Final = {
    "necessity", "relevance", "duty", "true-copies", "third-persons", "own-data", "concerned", "evidence", "urgent",
    "copy-necessary", "case", "proof", "information-law", "procedure-law", "personal-data-law", "police-law",
    "other-law",
}  # fmt: skip
"""Checks for which nobody brings a document to the viewing."""


def test_of_each_check_it_is_known_whether_it_asks_for_a_document() -> None:
    names = {check.name for name in PROFILES for row in profile(name).procedures for check in row.checks}
    assert names == KNOWN | BRINGS.keys()
    assert not KNOWN & BRINGS.keys()


@pytest.mark.parametrize(
    ("changes", "stands"),
    [({"erased": True}, ERASED), ({"nameless": True}, LOST), ({"private": True}, WITHHELD)],
)
@pytest.mark.parametrize(("of", "row"), DECIDED, ids=IDS)
def test_without_words_of_persons_it_says_the_rest(
    of: Profile, row: Procedure, changes: dict[str, Any], stands: str
) -> None:
    for ending, end in ENDINGS.items():
        told = end(PaperStory.of(of, row))
        paper = told.paper(words={}, shown={}, names={}, **changes)
        fields = fields_of(reply(paper))
        assert fields["number"] == [NUMBER]
        if ending == "駁回":
            assert fields["reason"] == [stands]
        assert "遺失皮夾" not in reply_text(paper)


def test_a_reason_is_that_of_the_act_it_belongs_to() -> None:
    told = supplement(story("J-public")).do(Supplemented()).signed().decide((), (), "駁回之理由")
    assert told.words[f"{REASON}2"] == WHY
    assert fields_of(reply(told.paper()))["reason"] == ["駁回之理由"]


def test_it_is_refused_with_what_failed() -> None:
    told = story("J-public").signed()
    told.request = replace(
        told.request,
        outcomes={**told.request.outcomes, "necessity": replace(told.request.outcomes["necessity"], outcome="不符")},
    )
    told.do(Decide(Hand(CHIEF, "主任"), frozenset(), ()))
    assert fields_of(reply(told.paper()))["failed"] == ["必要性：不符"]


def test_a_letter_number_is_a_number_either_way() -> None:
    for number in ("北市警刑字第1號", "北市警刑字第1"):
        told: PaperCase = story("P-agency", **{"letter-number": number}).signed().decide().paper()
        assert fields_of(reply(told))["letter-number"] == [number]
        assert f"{number.removesuffix('號')}號函" in reply_text(told)
