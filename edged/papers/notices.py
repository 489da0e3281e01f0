"""What whoever asks takes home from the counter: the slip of a receipt (收文回執), and the notice to whoever may have
nothing here. Pure.
"""

from __future__ import annotations

from typing import Any

from edged.papers.annexes import foot_line, marks
from edged.papers.case_words import party, use_word
from edged.papers.paper_case import PaperCase
from edged.papers.render import Sheet, render, sheets
from edged.profiles.procedures import ReplyClock, Use
from storage.words.message import approximate_duration

_UNITS = str.maketrans({"d": "日", "h": "小時", "m": "分", "s": "秒", " ": None})


def slip(case: PaperCase) -> str:
    request, procedure = case.case.request, case.case.procedure
    told = {
        **_told(case),
        "asked": case.footage(request.asked),
        "uses": [use_word(procedure, one) for one in Use if one in request.uses],
        "destroyed": [
            f"{case.footage((stretch,))[0]}：其中約{approximate_duration(ms / 1000).translate(_UNITS)}已依規定銷毀"
            for stretch, ms in case.destroyed
        ],
        "unheld": [f"{case.footage((stretch,))[0]}：{why}" for stretch, why in case.unheld],
        "due": _due(case),
        "applicant": party(case),
    }
    return sheets(f"收文回執 {case.number}", [Sheet(render("slip", told), foot_line(case))])


def notice(case: PaperCase) -> str:
    """To whom the text gives nothing: in its words, what to do instead."""
    clause = next(one for one in case.profile.clauses if one.id == case.case.procedure.clauses[0])
    told = {**_told(case), "instead": case.case.procedure.instead, "article": clause.article}
    return sheets(f"告知單 {case.number}", [Sheet(render("notice", told), foot_line(case))])


def _told(case: PaperCase) -> dict[str, Any]:
    return {
        "office": case.profile.office,
        "regulation": case.profile.title,
        "number": case.number,
        "received": case.day(case.case.row.day),
        "marks": marks(case),
        "asks": case.case.procedure.words,
        "form": case.case.procedure.form,
    }


def _due(case: PaperCase) -> str:
    request, clock = case.case.request, case.case.procedure.clock
    if request.replied or request.closed:
        return "本案業已函復。"
    if request.withdrawn:
        return "本案業經申請人撤回。"
    if case.reply_by is not None:
        return f"{case.day(case.reply_by.toordinal())}前函復。{_basis(clock)}"
    return "本案將儘速處理。"


def _basis(clock: ReplyClock | None) -> str:
    """The law that the day is counted by, where that is no law of the text itself."""
    return f"（依{clock.by}）" if clock is not None and clock.by else ""
