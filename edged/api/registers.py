"""The call behind `edgectl register`: registers of the office for an interval, as documents or as pages for print.

Each request is shown as `request show` shows it to whoever asks: words of persons by a part in it, or to who handles
it; who is of a unit sees what asks for their cameras.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from aiohttp import web

from edged.access.callers import Caller, Details, Refusal, Route, get, iso_day
from edged.access.guard import caller
from edged.api.requests import fitting, may_see, sees_words
from edged.documents import registers as documents
from edged.office.cases import Unreadable
from edged.office.findings import JudgedCase, OfficeRecord
from edged.office.request import Take, Unfit
from edged.office.service import OfficeService
from edged.office.statistics import month_counts, year_counts
from edged.papers import registers
from edged.papers.read_case import case_for_register
from edged.papers.register_page import page
from edged.papers.registers import DaySpan, LookAct, RegisterCase
from edged.profiles.loader import Profile, profile
from edged.site.rounds import SiteState
from edged.words import exit_codes
from edged.words.roles import Verb
from edged.words.units import ROC, timestamp
from storage.exports.model import Export
from storage.ledger.queries import LeafFilter, ListedLeaf
from storage.store.facade import Store
from storage.words.clock import Clock
from storage.words.message import message

KINDS: Final = ("requests", "viewings", "copies", "year")
YEARS: Final = range(1, 190)
"""Of the Republic, that an office has requests of."""
LOOKS: Final = (Verb.LOOK, Verb.SNAPSHOT)
AGAIN: Final = message("register.no-days.action", "write days as 2026-05-01, the first one first, or a year as 115")


@dataclass(frozen=True, slots=True)
class RegisterAsked:
    kind: str
    days: DaySpan

    @property
    def year(self) -> int:
        """Of the Republic, of the first day."""
        return self.days.first.year - ROC


@dataclass(frozen=True, slots=True)
class _Seen:
    """What of the office whoever asks may see, and what rows are made of."""

    office: OfficeRecord
    profile: Profile
    cases: tuple[JudgedCase, ...]
    unreadable: tuple[Unreadable, ...]
    sees_words: Callable[[str], bool]
    sees_cameras: Callable[[Iterable[str]], bool]
    names: Mapping[int, str]
    cameras: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RegisterCalls:
    site: SiteState
    store: Store
    office: OfficeService
    clock: Clock

    def routes(self) -> Sequence[Route]:
        return [get("/v1/registers/{register}", Verb.REGISTER, self.register, self._named)]

    async def _named(self, request: web.Request) -> Details:
        """What the leaf names."""
        wanted = self._asked(request)
        return {"register": wanted.kind, "from": str(wanted.days.first), "to": str(wanted.days.last)}

    async def register(self, request: web.Request) -> web.Response:
        wanted, who = self._asked(request), caller(request)
        as_page = request.query.get("format") == "html"

        def work() -> str:
            document = self._document(wanted, who)
            return page(document) if as_page else document.model_dump_json()

        text = await fitting(work)
        kind = "text/html" if as_page else "application/json"
        return web.Response(text=text, content_type=kind, headers={"Cache-Control": "no-store"})

    # --- what is asked for --------------------------------------------------------------------------------------

    def _asked(self, request: web.Request) -> RegisterAsked:
        """Refusal."""
        kind, query = request.match_info["register"], request.query
        if kind not in KINDS:
            raise Refusal(
                message("register.none", "there is no such register"),
                message("register.none.action", "there are: {names}", names=list(KINDS)),
                exit_codes.USAGE,
                404,
            )
        if query.keys() & {"from", "to"} and ("year" in query or kind == "year"):
            raise _wrong()
        year, first, last = _year(query.get("year")), iso_day(query.get("from")), iso_day(query.get("to"))
        of = year + ROC if year is not None else (first or last or self.office.today()).year
        days = DaySpan(first or date(of, 1, 1), last or date(of, 12, 31))
        if days.first > days.last or {days.first.year - ROC, days.last.year - ROC} - {*YEARS}:
            raise _wrong()
        return RegisterAsked(kind, days)

    # --- what there is ------------------------------------------------------------------------------------------

    def _seen(self, who: Caller) -> _Seen:
        """Blocking. Unfit: there is no profile. OfficeShut."""
        config = self.site.config
        if config.site.profile is None:
            raise Unfit(message("register.no-profile", "this box has no profile, so its office keeps no registers"))
        record, office = self.office.record(), self.office
        return _Seen(
            record,
            profile(config.site.profile),
            tuple(one for one in record.cases if may_see(office, who, one.case)),
            tuple(one for one in record.unreadable if may_see(office, who, one)),
            lambda number: sees_words(office, who, number),
            who.sees,
            office.names(),
            {one.id: one.name for one in config.cameras},
        )

    def _case(self, seen: _Seen, one: JudgedCase, *, with_exports: bool) -> RegisterCase:
        """With its words, as far as whoever asks may see them."""
        case, number = one.case, one.case.row.number
        paper = case_for_register(self.office, case, private=not seen.sees_words(number))
        exports = tuple(self.store.exports.exports_of(number)) if with_exports else ()
        return RegisterCase(
            paper, one, seen.office.now, seen.office.calendar, exports, dict(self._fingerprints(exports))
        )

    def _fingerprints(self, exports: Iterable[Export]) -> Iterator[tuple[str, str]]:
        for one in exports:
            if not one.order.viewing and (found := self.store.exports.fingerprint(one.id)):
                yield one.id, found

    # --- documents ----------------------------------------------------------------------------------------------

    def _document(self, wanted: RegisterAsked, who: Caller) -> documents.OfficeRegister:
        self.store.ledger.sign_now()
        seen = self._seen(who)
        match wanted.kind:
            case "viewings":
                return self._viewings(wanted, seen)
            case "copies":
                return self._copies(wanted, seen)
            case "year":
                return self._of_year(wanted, seen)
        of_days = self._received(wanted.days, seen)
        title = f"{seen.profile.office}監視錄影調閱申請案登記簿"
        return documents.RequestRegister(**self._head(wanted, seen, title), rows=of_days)

    def _received(self, days: DaySpan, seen: _Seen) -> list[documents.RegisteredRequest]:
        cases = (one for one in seen.cases if date.fromordinal(one.case.row.day) in days)
        return [registers.registered_request(self._case(seen, one, with_exports=False)) for one in cases]

    def _viewings(self, wanted: RegisterAsked, seen: _Seen) -> documents.ViewingRegister:
        title, columns, posts = registers.title_of(seen.profile)
        rows = [
            row
            for one in seen.cases
            if one.case.request.viewings or any(isinstance(act.act, Take) for act in one.case.acts)
            for row in registers.logged_uses(self._case(seen, one, with_exports=True), wanted.days)
        ]
        rows += registers.looks(
            (one for one in seen.office.exports if seen.sees_cameras(one.order.cameras)),
            [one for one in self._looks(wanted.days) if one.over or seen.sees_cameras(one.cameras)],
            registers.explained(seen.office),
            wanted.days,
            seen.office.now,
            seen.cameras,
            seen.names,
        )
        return documents.ViewingRegister(
            **self._head(wanted, seen, title),
            columns=list(columns),
            posts=list(posts),
            rows=sorted(rows, key=lambda row: (row.day, row.start, row.leaves)),
        )

    def _looks(self, days: DaySpan) -> list[LookAct]:
        """With those of a day more on either side: a look may be over, or was asked for, on the other side of
        midnight.
        """
        zone = self.site.config.site.zone
        from_ms, to_ms = (
            round(datetime.combine(day, time(), zone).timestamp() * 1000)
            for day in (days.first - timedelta(days=1), days.last + timedelta(days=2))
        )
        found = [
            _look(leaf)
            for verb in LOOKS
            for each in self.store.ledger.leaves.pages(LeafFilter(from_ms, to_ms, verb=verb.value), None)
            for leaf in each.leaves
        ]
        return sorted((one for one in found if one is not None), key=lambda one: one.leaf)

    def _copies(self, wanted: RegisterAsked, seen: _Seen) -> documents.CopyRegister:
        rows = [
            row
            for one in seen.cases
            if one.case.request.copies
            for row in registers.registered_copies(self._case(seen, one, with_exports=True), wanted.days)
        ]
        title = f"{seen.profile.office}監視錄影複製檔登記簿"
        return documents.CopyRegister(
            **self._head(wanted, seen, title), rows=sorted(rows, key=lambda row: (row.made, row.leaves))
        )

    def _of_year(self, wanted: RegisterAsked, seen: _Seen) -> documents.YearRegister:
        rows = self._received(wanted.days, seen)
        now, calendar = seen.office.now, seen.office.calendar
        counts = year_counts(seen.cases, wanted.year, calendar, now, seen.unreadable)
        return documents.YearRegister(
            **self._head(wanted, seen, f"{seen.profile.office}{wanted.year}年監視錄影調閱申請案清冊"),
            year=wanted.year,
            counts=registers.counts_document(counts),
            months=[registers.month_document(one) for one in month_counts(seen.cases, wanted.year, now)],
            marked=registers.marked(rows),
            rows=rows,
        )

    def _head(self, wanted: RegisterAsked, seen: _Seen, title: str) -> dict[str, Any]:
        head = self.store.ledger.head_signer.head()
        site, by_receipt = self.site.config.site, wanted.kind in ("requests", "year")
        days = DaySpan(wanted.days.first if by_receipt else date.min, wanted.days.last)
        return {
            "title": title,
            "office": seen.profile.office,
            "box": site.node,
            "start": str(wanted.days.first),
            "end": str(wanted.days.last),
            "printed": timestamp(self.clock.now().wall_ms),
            "timezone": site.timezone,
            "head": None
            if head is None
            else documents.RegisterHead(
                origin=head.checkpoint.origin, size=head.checkpoint.size, root=head.checkpoint.root.hex()
            ),
            "unreadable": [
                registers.unreadable_row(one) for one in seen.unreadable if date.fromordinal(one.row.day) in days
            ],
        }


def _look(leaf: ListedLeaf) -> LookAct | None:
    """None: nothing was looked at by it."""
    entry = leaf.told.entry
    body = json.loads(entry.body)
    if body["result"] != "done" or body.get("step") == "here":
        return None
    return LookAct(
        entry.number,
        entry.wall_ms,
        live=body["verb"] == Verb.SNAPSHOT,
        who=leaf.told.openings.get("who", ""),
        cameras=tuple(body.get("cameras", ())),
        from_ms=body.get("from", 0),
        to_ms=body.get("to", 0),
        purpose=body.get("purpose", ""),
        companion=body.get("companion"),
        over=body.get("step") == "end",
    )


def _wrong() -> Refusal:
    return Refusal(message("register.no-days", "that is no interval of days"), AGAIN, exit_codes.USAGE)


def _year(text: str | None) -> int | None:
    """Of the Republic. Refusal."""
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 4 and int(text) in YEARS):
        raise _wrong()
    return int(text)
