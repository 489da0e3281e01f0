"""The call behind `edgectl request print`: a paper of a request, as a page that is made for print.

Words of persons stand on it for whoever may read them in the request itself, and for nobody else. What a paper says
comes from the request as it stands; nothing is kept of it but that it was printed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from aiohttp import web

from edged.access.callers import Details, Refusal, Route, get
from edged.access.guard import caller
from edged.api.requests import fitting, refuse_others, sees_words
from edged.office.request import Unfit
from edged.office.service import OfficeService
from edged.papers import letters, receipt
from edged.papers.annexes import own_names, printed_form
from edged.papers.case_file import case_file
from edged.papers.notices import notice, slip
from edged.papers.paper_case import PaperCase
from edged.papers.read_case import case_for_paper
from edged.papers.render import own_template, render_own
from edged.words import exit_codes
from edged.words.roles import Verb
from storage.words.message import Message, message

REMARK: Final = "X-Edged-Remark"
"""Header of a paper that came out otherwise than the office wants it: what is to be told, as JSON."""


@dataclass(frozen=True, slots=True)
class PrintedPaper:
    content: str
    remark: Message | None = None
    content_type: str = "text/html"


@dataclass(frozen=True, slots=True)
class PaperAsked:
    """Of which case, and of which of its copies."""

    office: OfficeService
    case: PaperCase
    copy: str
    """"": the only one, or none is meant."""
    as_text: bool
    """A letter as plain text."""


Maker: TypeAlias = Callable[[PaperAsked], PrintedPaper]


def _form(asked: PaperAsked) -> PrintedPaper:
    procedure = asked.case.case.procedure
    if not procedure.fields:
        raise Unfit(
            message("office.paper.no-form", "{row} has no form", row=procedure.row),
            message("office.paper.no-form.action", "edgectl request print NUMBER --paper notice"),
        )
    own = own_template(asked.office.papers, own_names(procedure))
    made = printed_form(asked.case, None if own is None else partial(render_own, own))
    return PrintedPaper(made.html, None if made.unusable is None else made.unusable.why)


def _notice(asked: PaperAsked) -> PrintedPaper:
    procedure = asked.case.case.procedure
    if procedure.may:
        raise Unfit(
            message(
                "office.paper.no-notice",
                "{row} is answered by a reply, and by no notice: something may be granted there",
                row=procedure.row,
            )
        )
    return PrintedPaper(notice(asked.case))


def _reply(asked: PaperAsked) -> PrintedPaper:
    if asked.as_text:
        return PrintedPaper(letters.reply_text(asked.case), content_type="text/plain")
    return PrintedPaper(letters.reply(asked.case))


def _of_case(make: Callable[[PaperCase], str]) -> Maker:
    return lambda asked: PrintedPaper(make(asked.case))


def _of_copy(make: Callable[[PaperCase, str], str]) -> Maker:
    return lambda asked: PrintedPaper(make(asked.case, asked.copy or _only_copy(asked.case)))


def _only_copy(case: PaperCase) -> str:
    """Unfit: there is none, or none is named."""
    made = [one.made for one in case.case.request.copies]
    if not made:
        raise Unfit(
            message("office.paper.no-copy", "of request {number} no copy was made", number=case.number),
            message("office.paper.no-copy.action", "edgectl request copy"),
        )
    if len(made) > 1:
        raise Unfit(
            message("office.which-copy", "there are several copies: say which one of {copies}", copies=made),
            message("office.paper.which-copy.action", "edgectl request print NUMBER --copy ID"),
        )
    return made[0]


MAKERS: Final[Mapping[str, Maker]] = {
    "form": _form,
    "slip": _of_case(slip),
    "notice": _notice,
    "reply": _reply,
    "receipt": _of_copy(receipt.receipt),
    "label": _of_copy(receipt.label),
    "case-file": _of_case(case_file),
}
"""By paper. Unfit where there is none of it, or not yet."""


@dataclass(frozen=True, slots=True)
class PaperCalls:
    office: OfficeService

    def routes(self) -> Sequence[Route]:
        return [get("/v1/requests/{request}/papers/{paper}", Verb.REQUEST_PRINT, self.printed, self._which)]

    async def printed(self, request: web.Request) -> web.Response:
        who, number = caller(request), request.match_info["request"]
        maker, copy, as_text = _maker(request), request.query.get("copy", ""), _as_text(request)

        def work() -> PrintedPaper:
            refuse_others(self.office, who, number)
            private = not sees_words(self.office, who, number)
            case = case_for_paper(self.office, self.office.cases.case(number), private=private)
            return maker(PaperAsked(self.office, case, copy, as_text))

        made = await fitting(work)
        remark = {} if made.remark is None else {REMARK: json.dumps(made.remark.told)}  # ASCII, as a header is
        headers = {"Cache-Control": "no-store", **remark}
        return web.Response(text=made.content, content_type=made.content_type, headers=headers)

    async def _which(self, request: web.Request) -> Details:
        _maker(request)
        _as_text(request)
        return {"paper": request.match_info["paper"]}


def _maker(request: web.Request) -> Maker:
    """Refusal: there is no such paper."""
    paper = request.match_info["paper"]
    if (maker := MAKERS.get(paper)) is None:
        raise Refusal(
            message("office.paper.unknown", "there is no paper {paper}", paper=paper[:32]),
            message("office.paper.unknown.action", "it is one of {papers}", papers=list(MAKERS)),
            exit_codes.USAGE,
            404,
        )
    return maker


def _as_text(request: web.Request) -> bool:
    """Refusal: that paper is none."""
    wanted, paper = request.query.get("format") == "text", request.match_info["paper"]
    if wanted and paper != "reply":
        raise Refusal(
            message("office.paper.no-text", "{paper} is a page: only a reply is text, too", paper=paper),
            message("office.paper.no-text.action", "edgectl request print NUMBER --paper reply --text"),
            exit_codes.USAGE,
        )
    return wanted
