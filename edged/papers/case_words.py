"""What papers call the things of a case: who asks and why, uses, doors, ways, terms, numerals. Pure.

Traditional Chinese only: whoever prints a paper, it is the office's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from edged.office.cases import REASON
from edged.office.request import Delivery, Disposal, Door, ViewingState
from edged.papers.paper_case import PaperCase
from edged.profiles.loader import Judgement, ProfileClause
from edged.profiles.procedures import Phase, Procedure, Use

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
    ViewingState.ENDED: "已結束，未拍攝",
    ViewingState.CUT: "因故中斷",
}
PHASES: Final[Mapping[Phase, str]] = {
    Phase.APPLICATION: "申請時填寫",
    Phase.VIEWING: "調閱時填寫",
    Phase.KEEPING: "保存時填寫",
    Phase.AFTERWARDS: "事後填寫",
}
WHO: Final = ("agency", "applicant", "caller")
"""Fields of forms that name who asks."""
SUBJECT: Final = ("ground", "reason", "told", "letter-number")
"""Those that say why."""
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


def reason(paper: PaperCase, version: int) -> str:
    """Why it was done that made this version."""
    return paper.text(f"{REASON}{version}")


def confidentiality(paper: PaperCase) -> ProfileClause | None:
    """The clause by which everybody keeps to themselves what they have seen or got."""
    return next((one for one in paper.profile.clauses if Judgement.DISCLOSED in one.judged), None)


def party(paper: PaperCase) -> str:
    """Who is answered: an agency, or a person; as the row says it where the form does not."""
    if paper.case.request.applicant is not None:
        return paper.name(paper.case.request.applicant)
    return paper.text("agency") or paper.text("applicant") or paper.case.procedure.words


def applicant(paper: PaperCase) -> str:
    """Who asks, as registers have it: all that the form names, and the agent; "" where nobody may be named."""
    named = [text for name in WHO if (text := paper.word(name))]
    asker = paper.case.request.applicant
    if not named and asker is not None and not paper.withheld:
        named = [paper.names.get(asker, "")]
    agent = paper.word("agent")
    return " ".join(named) + (f"（代理人 {agent}）" if agent else "")


def subject(paper: PaperCase) -> str:
    """案由: what the form gives as its ground, reason or letter; "" where nothing of it may be shown."""
    return "；".join(text for name in SUBJECT if (text := paper.word(name)))
