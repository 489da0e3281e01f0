"""What papers call the things of a case: uses, doors, ways, terms, numerals. Traditional Chinese only. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

from edged.office.cases import REASON
from edged.office.request import Act, Copy, Delivery, Disposal, Door, Receipt, Take, Unfit, ViewingState
from edged.office.story import Case, DatedAct
from edged.papers.paper_case import PaperCase
from edged.profiles.loader import Judgement, ProfileClause
from edged.profiles.procedures import FieldKind, Phase, Procedure, Use
from storage.words.message import message

USES: Final[Mapping[Use, str]] = {Use.VIEW: "閱覽", Use.HOLD: "保存", Use.COPY: "複製", Use.LOOK: "先行查看"}
IN_THE_OFFICE: Final = "（保存於本機關，不對外提供）"
DELIVERIES: Final[Mapping[Delivery, str]] = {
    Delivery.MAIL: "郵寄",
    Delivery.HANDED: "親自領取",
    Delivery.EXCHANGE: "公文電子交換",
    Delivery.EMAIL: "電子郵件",
}
DISPOSALS: Final[Mapping[Disposal, str]] = {
    Disposal.RETURNED: "已返還",
    Disposal.DESTROYED: "已銷毀",
    Disposal.FILED: "已附卷",
}
DOORS: Final[Mapping[Door, str]] = {Door.LOGIN: "本人登入簽核", Door.PAPER: "紙本簽章", Door.WORD: "口頭核可"}
VIEWINGS: Final[Mapping[ViewingState, str]] = {
    ViewingState.OPEN: "進行中",
    ViewingState.ENDED: "已結束",
    ViewingState.CUT: "因故中斷",
}
PHASES: Final[Mapping[Phase, str]] = {
    Phase.APPLICATION: "申請時填寫",
    Phase.VIEWING: "調閱時填寫",
    Phase.KEEPING: "保存時填寫",
    Phase.AFTERWARDS: "事後填寫",
}
_DIGITS: Final = "零一二三四五六七八九"


def numeral(number: int) -> str:
    """三, 十二, 四十一. `number`: 1 to 99."""
    tens, ones = divmod(number, 10)
    head = {0: "", 1: "十"}.get(tens, f"{_DIGITS[tens]}十")
    return head + (_DIGITS[ones] if ones else "")


def use_word(procedure: Procedure, use: Use) -> str:
    """As the form of this procedure calls it: 保存 is a copy in one text, and stays in the office in another."""
    asking = sorted((one for one in procedure.fields if one.uses), key=lambda one: list(Phase).index(one.phase))
    named = (choice for one in asking for choice, meant in zip(one.choices, one.uses, strict=True) if meant is use)
    word = next(named, USES[use])
    return f"{word}{IN_THE_OFFICE}" if use is Use.HOLD else word


def use_words(procedure: Procedure, uses: frozenset[Use]) -> str:
    """In the order in which the procedure has them."""
    return "、".join(use_word(procedure, use) for use in Use if use in uses)


def term(span: timedelta) -> str:
    """3年 of 1096 days: years as profiles count them, as their longest; else days."""
    years = span.days // 365
    return f"{years}年" if years and span.days - 365 * years <= (years + 3) // 4 else f"{span.days}日"


def grouped(fingerprint: str) -> str:
    """In fours, as people compare it."""
    return " ".join(fingerprint[at : at + 4] for at in range(0, len(fingerprint), 4))


def with_versions(case: Case) -> Iterator[tuple[int, DatedAct]]:
    """Each act with the version that it has made."""
    return enumerate(case.acts, 2)


def last_with_version(case: Case, kind: type[Act]) -> tuple[int, DatedAct] | None:
    return next((one for one in reversed(list(with_versions(case))) if isinstance(one[1].act, kind)), None)


def reason(paper: PaperCase, version: int) -> str:
    """Why it was done that made this version."""
    return paper.text(f"{REASON}{version}")


def copy_of(case: Case, copy: str) -> Copy:
    """Unfit: it has none such."""
    found = next((one for one in case.request.copies if one.made == copy), None)
    if found is None:
        raise Unfit(
            message(
                "papers.no-copy",
                "request {number} has no copy {copy}: it has {copies}",
                number=case.row.number,
                copy=copy or "–",
                copies=[one.made for one in case.request.copies] or ["–"],
            )
        )
    return found


def taken(case: Case, copy: str) -> DatedAct | None:
    """The act by which it was made."""
    return next((one for one in case.acts if isinstance(one.act, Take) and one.act.made == copy), None)


def signed_for(case: Case) -> Mapping[str, tuple[DatedAct, Receipt]]:
    """By copy: whose receipt names none is of the first that nobody had signed for."""
    waiting: list[str] = []
    found: dict[str, tuple[DatedAct, Receipt]] = {}
    for one in case.acts:
        if isinstance(one.act, Take) and one.act.use is Use.COPY:
            waiting.append(one.act.made)
        elif isinstance(one.act, Receipt):
            copy = one.act.copy or next(iter(waiting), "")
            found[copy] = (one, one.act)
            waiting = [each for each in waiting if each != copy]
    return found


def confidentiality(paper: PaperCase) -> ProfileClause | None:
    """The clause by which everybody keeps to themselves what they have seen or got."""
    return next((one for one in paper.profile.clauses if Judgement.DISCLOSED in one.judged), None)


def party(paper: PaperCase) -> str:
    """Who asks: an agency, or a person; as the row says it where the form does not."""
    if paper.case.request.applicant is not None:
        return paper.name(paper.case.request.applicant)
    return paper.text("agency") or paper.text("applicant") or paper.case.procedure.words


def subject(paper: PaperCase) -> str:
    """案由: what the form gives as its reason or ground."""
    fields = (one for one in paper.case.procedure.fields if one.name in ("reason", "ground", "told"))
    return "；".join(text for one in fields if one.kind is not FieldKind.SIGNATURE and (text := paper.text(one.name)))
