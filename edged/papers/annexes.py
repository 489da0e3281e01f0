"""The form of a request, filled in: what a template shows of it, and which template that is. Pure.

Annexes that a regulation contains are templates of edged, named here by their row. Of the others the office has its own
template; until it is there, a plain form is printed. Both show the same values (docs/papers.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from edged.office import forms
from edged.office.cases import CHECKED, PRESENT, REASON, CopyWord
from edged.office.intervals import FormInterval, read_date, read_intervals
from edged.office.request import (
    Decide,
    Door,
    Reply,
    grants_less,
)
from edged.papers.case_story import approvals, copy_stories, signatures
from edged.papers.case_words import DELIVERIES, VIEWINGS, use_word
from edged.papers.paper_case import PaperCase
from edged.papers.render import Sheet, TemplateUnusable, render, sheets
from edged.profiles.procedures import AnnexField, ChainStep, FieldKind, Procedure, Unit, Use
from edged.words.units import ROC, roc_date

ANNEXES: Final[Mapping[str, str]] = {
    "W-staff": "wenshan-annex-2",
    "W-public": "wenshan-annex-3",
    "J-public": "jiancheng-annex-3",
    "J-staff": "jiancheng-annex-4",
    "N-member": "nangang-annex-2",
    "N-agency": "nangang-annex-2",
}
"""Templates of annexes that stand in their regulation, by row."""
PLAIN: Final = "plain-form"
INTERIM: Final = "暫用格式（非附表）"
ORIGINALS: Final = ("第一份　學務處(學安室)存查", "第二份　業管單位留存")
"""Who keeps which, where the text asks for two (N7)."""
UNSYNCHRONISED: Final = "未校時"
PROVISIONAL: Final = "暫編"
OwnTemplate = Callable[[Mapping[str, Any]], str]
"""Of the office; TemplateUnusable."""


@dataclass(frozen=True, slots=True)
class PrintedForm:
    html: str
    unusable: TemplateUnusable | None = None
    """Why the office's own template was not taken."""


def printed_form(case: PaperCase, own: OwnTemplate | None = None) -> PrintedForm:
    """`own`: the office's template for a form that the text does not contain."""
    procedure = case.case.procedure
    told = form_values(case)
    if (annex := ANNEXES.get(procedure.row)) is not None:
        return PrintedForm(_sheets(case, _render(annex, told)))
    if own is None:
        return PrintedForm(_sheets(case, _render(PLAIN, told)))
    try:
        return PrintedForm(own(told))
    except TemplateUnusable as error:
        plain = _render(PLAIN, {**told, "unusable": "本機關自備之格式檔無法使用，以暫用格式列印。"})
        return PrintedForm(_sheets(case, plain), error)


def own_names(procedure: Procedure) -> tuple[str, ...]:
    """File names of the office's own template, the first that is there counts; none where the text has the form."""
    if procedure.row in ANNEXES or not procedure.fields:
        return ()
    return tuple(f"{one}.html" for one in (procedure.row, procedure.form) if one)


def _render(template: str, told: Mapping[str, Any]) -> str:
    return render(template, {**told, "told": told})


def _sheets(case: PaperCase, content: str) -> str:
    title, foot = f"{case.number} {case.case.procedure.words}", foot_line(case)
    if case.case.procedure.originals == 1:
        return sheets(title, [Sheet(content, foot)])
    fingerprint = sha256(content.encode()).hexdigest()
    return sheets(title, [Sheet(content, foot, mark, fingerprint) for mark in ORIGINALS])


# --- what a template reads -------------------------------------------------------------------------------------------


def form_values(case: PaperCase) -> dict[str, Any]:
    """As docs/papers.md tells them: texts, numbers, lists and tables of these."""
    row, request, procedure = case.case.row, case.case.request, case.case.procedure
    fields = [_field(case, one) for one in procedure.fields]
    return {
        "office": case.profile.office,
        "regulation": case.profile.title,
        "row": procedure.row,
        "form": procedure.form,
        "asks": procedure.words,
        "number": row.number,
        "received": case.day(row.day),
        "version": row.version,
        "box": case.box,
        "marks": marks(case),
        "interim": INTERIM,
        "unusable": "",
        "fields": fields,
        "field": {one["name"]: one for one in fields},
        "beside": [one for one in fields if one["ours"]],
        "chain": [_step(case, number, step) for number, step in enumerate(procedure.chain)],
        "keeping": [{"post": hand.post, "text": case.signed(hand, done)} for hand, done in approvals(case.case)],
        "checks": list(_checks(case)),
        "decision": _decision(case),
        "viewings": list(_viewings(case)),
        "copies": list(_copies(case)),
        "reply": _reply(case),
        "withdrawn": request.withdrawn,
        "filed_as": request.filed_as,
        "paper_seen_by": "" if request.paper_seen_by is None else case.name(request.paper_seen_by),
        "notes": list(procedure.notes),
        "withheld": case.withheld,
        "foot": foot_line(case),
    }


def marks(case: PaperCase) -> list[str]:
    """What is to be known of its number and day."""
    found = [] if case.case.synchronised else [UNSYNCHRONISED]
    if not case.durable:
        found.append(PROVISIONAL)
    if not case.case.row.own:
        found.append("他機收文")
    return found


def foot_line(case: PaperCase) -> str:
    """On what it rests, and when it was printed."""
    leaves = [case.case.row.leaf, *(one.leaf for one in case.case.acts)]
    return (
        f"收文號 {case.number}　第 {case.case.row.version} 版　{roc_date(case.today)}列印　"
        f"依據：{case.box} 稽核軌跡第 {numbers_text(leaves)} 筆"
    )


def numbers_text(numbers: Iterable[int]) -> str:
    """3、5–9: what follows one another is told by its ends."""
    spans: list[list[int]] = []
    for one in sorted(set(numbers)):
        if spans and spans[-1][1] == one - 1:
            spans[-1][1] = one
        else:
            spans.append([one, one])
    return "、".join(str(first) if first == last else f"{first}–{last}" for first, last in spans)


def _field(case: PaperCase, one: AnnexField) -> dict[str, Any]:
    text, written = case.text(one.name), case.words.get(one.name, "")
    told = forms.chosen(one, written) if one.choices else {}
    shown: dict[str, Any] = {
        "name": one.name,
        "label": forms.label(one),
        "text": text,
        "ours": one.ours,
        "personal": one.personal,
        "choices": [
            {
                "label": choice,
                "chosen": choice in told,
                "open": choice == one.open_choice,
                "told": told.get(choice, ""),
            }
            for choice in one.choices
        ],
        "dated": None,
        "spans": None,
    }
    if one.kind is FieldKind.DATE:
        day = read_date(written)
        blank = [] if text else ["", "", ""]
        shown["dated"] = blank if day is None else [str(day.year - ROC), str(day.month), str(day.day)]
    elif one.kind is FieldKind.INTERVAL:
        shown["spans"] = _spans(case, written) if text else [_BLANK]
    return shown


_BLANK: Final = {"first": [""] * 5, "last": [""] * 5, "same_day": True, "same_year": True}


def _spans(case: PaperCase, written: str) -> list[dict[str, Any]]:
    """Of intervals that a form can say to the minute; none where one is more exact, or cannot be read."""
    read = read_intervals(written, case.zone, 0)
    exact = read.whole and all(ms % 60_000 == 0 for one in read.intervals for ms in (one.from_ms, one.to_ms))
    found = [_span(case, one) for one in read.intervals] if exact else []
    said = "；".join(f"民國{_point(one['first'])}～民國{_point(one['last'])}" for one in found)
    return found if read_intervals(said, case.zone, 0).intervals == read.intervals else []


def _point(numbers: Sequence[str]) -> str:
    return "{}年{}月{}日{}時{}分".format(*numbers)


def _span(case: PaperCase, one: FormInterval) -> dict[str, Any]:
    begin, end = (case.clock(ms) for ms in (one.from_ms, one.to_ms))
    last = _five(end)
    if (end - timedelta(days=1)).date() == begin.date() and end.hour == end.minute == 0:
        last = [*_five(begin)[:3], "24", "00"]
    first = _five(begin)
    return {"first": first, "last": last, "same_day": first[:3] == last[:3], "same_year": first[0] == last[0]}


def _five(at: datetime) -> list[str]:
    return [str(at.year - ROC), str(at.month), str(at.day), f"{at:%H}", f"{at:%M}"]


def _step(case: PaperCase, number: int, step: ChainStep) -> dict[str, Any]:
    request = case.case.request
    of_units = step.unit is Unit.CAMERA and request.units != frozenset()
    signed = [(one.hand, done) for one, done in signatures(case.case) if one.step == number]
    return {
        "number": number,
        "post": step.post,
        "kind": step.kind.value,
        "signed": [{"unit": hand.unit if of_units else "", "text": case.signed(hand, done)} for hand, done in signed],
        "lacking": sorted(request.lacking(number, step)) if of_units else [],
    }


def _checks(case: PaperCase) -> Iterator[dict[str, Any]]:
    """Those that have an outcome."""
    for one in case.case.procedure.checks:
        found = case.case.request.outcomes.get(one.name)
        if found is not None:
            yield {
                "name": one.name,
                "label": one.words,
                "outcome": found.outcome,
                "document": case.text(f"{CHECKED}{one.name}") if found.document else "",
                "by": case.name(found.by),
            }


def _decision(case: PaperCase) -> dict[str, Any] | None:
    """None: there is none yet."""
    request, procedure, decided = case.case.request, case.case.procedure, case.case.request.decision
    if decided is None:
        return None
    at, said = [(number, one.act.hand) for number, one in enumerate(case.case.acts) if isinstance(one.act, Decide)][-1]
    done = case.case.acts[at]
    last = signatures(case.case)[-1][1]
    return {
        "granted": decided.granted,
        "whole": not grants_less(request, decided),
        "uses": [use_word(procedure, use) for use in Use if use in decided.uses],
        "scope": case.footage(decided.scope),
        "post": decided.hand.post,
        "by": case.signed(decided.hand, last),
        "word": case.signed(said, done) if said.door is Door.WORD and done is not last else "",
        "word_pending": request.word_pending,
        "reason": case.words.get(f"{REASON}{at + 2}", "" if decided.granted else case.withheld),
    }


def _viewings(case: PaperCase) -> Iterator[dict[str, Any]]:
    for number, one in enumerate(case.case.request.viewings, 1):
        yield {
            "number": number,
            "day": case.day(one.day),
            "state": VIEWINGS[one.state],
            "operator": case.name(one.operator),
            "companion": case.name(one.companion),
            "present": case.text(f"{PRESENT}{number}"),
        }


def _copies(case: PaperCase) -> Iterator[dict[str, Any]]:
    for one in copy_stories(case.case):
        copy, signed = one.take.made, one.signed
        yield {
            "id": copy,
            "day": "" if signed is None else case.day(signed.day, one.receipt),
            "receiver": "" if signed is None else case.of_copy(copy, CopyWord.RECEIVER),
        }


def _reply(case: PaperCase) -> dict[str, str] | None:
    replied = case.case.last(Reply)
    if replied is None or not isinstance(replied.act, Reply):
        return None
    return {
        "day": case.day(replied.act.day, replied),
        "letter": replied.act.letter,
        "delivery": DELIVERIES[replied.act.delivery] if replied.act.delivery else "",
    }
