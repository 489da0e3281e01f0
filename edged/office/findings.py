"""What went wrong in cases, clause by clause, and what of it an auditor has closed. Pure.

Nothing of it is kept but what was closed: a breach follows from the story of its case and from the copies on record, so
that it is there again after a lost database, and nobody takes it out. It stays until an auditor closes the finding,
however old it is. What still goes on nobody closes: first it is put right.

    late-reply       函復 or withdrawal after the last day, or the day is over and there is none
    late-signature   the same of the signature of what was granted by word
    unconfirmed      what was laid out was cut off, and nobody confirmed 未拍攝 at a later viewing
    copy-remained    a viewing copy was still there when its viewing was over
    empty-fields     a case was granted and closed, and required fields of its form are empty
    unreviewed       it was decided without a check that the text wants to come before
    capture-lapsed   what was to be kept was approved by nobody in time, so it is kept no more
    unsigned-copy    nobody signed for a copy within 30 days (ours), or at all
    fee-unsaid       a copy was signed for, and not what was paid for it, where the text has a fee
    unsigned-entry   a row of the log book was not signed by each of its posts within 30 days (ours)
    unfiled          a case was closed, and within 30 days (ours) nobody entered the number of its file (檔號)
    erased-early     its persons were erased before the term of its form
    unanswered       it was listed for erasure for 30 days, and nobody answered
    no-request       a copy left, and belongs to no request
    no-viewing       a viewing copy was laid out while no viewing was open

What came before what, leaves tell by their numbers; no clock is asked for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Final

from edged.office.cases import Unreadable
from edged.office.deadlines import OfficeTime, reply_time, signature_time
from edged.office.leaks import LeakCase
from edged.office.legal_days import OfficeCalendar
from edged.office.looks import Purpose
from edged.office.request import (
    Close,
    CutViewing,
    EndViewing,
    FileCase,
    Hand,
    OpenViewing,
    Receipt,
    SignEntry,
    Take,
    ViewingState,
)
from edged.office.story import Case, DatedAct
from edged.office.terms import over_ms
from edged.profiles.loader import Judgement, Profile
from edged.profiles.procedures import ReplyClock, Use
from storage.exports.model import Export
from storage.office.table import ClosedFinding
from storage.words.message import Message, message

UNSIGNED_MS: Final = 30 * 86_400_000
"""So long whoever fetches a copy may take (ours), and whoever signs a row of the log book; running time."""
UNFILED_MS: Final = 30 * 86_400_000
"""So long a case may be closed before it has its file (ours); running time."""


class BreachKind(StrEnum):
    """Leaves name them by these words."""

    LATE_REPLY = "late-reply"
    LATE_SIGNATURE = "late-signature"
    UNCONFIRMED = "unconfirmed"
    COPY_REMAINED = "copy-remained"
    EMPTY_FIELDS = "empty-fields"
    UNREVIEWED = "unreviewed"
    CAPTURE_LAPSED = "capture-lapsed"
    UNSIGNED_COPY = "unsigned-copy"
    FEE_UNSAID = "fee-unsaid"
    UNSIGNED_ENTRY = "unsigned-entry"
    UNFILED = "unfiled"
    ERASED_EARLY = "erased-early"
    UNANSWERED = "unanswered"
    NO_REQUEST = "no-request"
    NO_VIEWING = "no-viewing"


KINDS: Final[Mapping[Judgement, frozenset[BreachKind]]] = {
    Judgement.DISCLOSED: frozenset({BreachKind.NO_REQUEST, BreachKind.NO_VIEWING}),
    Judgement.ONCE: frozenset({BreachKind.NO_VIEWING}),
    Judgement.REPLIED: frozenset({BreachKind.LATE_REPLY}),
    Judgement.SIGNED: frozenset({BreachKind.LATE_SIGNATURE}),
    Judgement.CONFIRMED: frozenset({BreachKind.UNCONFIRMED}),
    Judgement.VIEWING_COPIES: frozenset({BreachKind.COPY_REMAINED}),
    Judgement.FORMS: frozenset({BreachKind.EMPTY_FIELDS}),
    Judgement.REVIEWED: frozenset({BreachKind.UNREVIEWED}),
    Judgement.CAPTURED: frozenset({BreachKind.CAPTURE_LAPSED}),
    Judgement.RECEIPTS: frozenset({BreachKind.UNSIGNED_COPY, BreachKind.FEE_UNSAID}),
    Judgement.LOGGED: frozenset({BreachKind.UNSIGNED_ENTRY}),
    Judgement.FILED: frozenset({BreachKind.UNFILED}),
    Judgement.ARCHIVED: frozenset({BreachKind.ERASED_EARLY, BreachKind.UNANSWERED}),
}
"""By what a clause is judged that asks for it."""


@dataclass(frozen=True, slots=True)
class JudgedCase:
    """A case with what its form says of it; no word of a person."""

    case: Case
    clock: ReplyClock | None
    """That applies to its reply; where the form cannot be read, the longest one that may."""
    empty: tuple[str, ...] = ()
    """Required fields that are empty, as the form calls them."""
    legible: bool = True
    """False: its form cannot be read here any more."""


@dataclass(frozen=True, slots=True)
class OfficeRecord:
    """All that clauses are judged by, of one office, at one instant."""

    now: OfficeTime
    calendar: OfficeCalendar
    opened: int | None
    """The leaf by which it was opened; None: it is not."""
    lacking: Mapping[str, tuple[Message, ...]]
    """By row: why it cannot be carried out."""
    cases: tuple[JudgedCase, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    exports: tuple[Export, ...] = ()
    """Finished ones that were begun since the opening, viewing copies with the others."""
    lapsed: frozenset[str] = frozenset()
    """Pins that nobody approved in time."""
    closed: tuple[ClosedFinding, ...] = ()
    leaks: tuple[LeakCase, ...] = ()
    log_books: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By form: the posts that sign each row."""
    unanswered: frozenset[str] = frozenset()
    """Requests whose persons were listed for erasure, and nobody answered in time."""


@dataclass(frozen=True, slots=True)
class CaseBreach:
    """Something went wrong."""

    kind: BreachKind
    about: str
    """Number of the request, or id of the copy."""
    row: str
    """Of the profile; "" for a copy of no request."""
    said: Message
    stands: bool = False
    """It goes on."""
    part: int = 0
    """Number of the viewing, copy, or row of a log book, of one of several."""

    @property
    def key(self) -> str:
        """As a leaf names it: what comes again is another one."""
        return f"{self.kind}-{self.part}" if self.part else self.kind.value


@dataclass(frozen=True, slots=True)
class CaseFinding:
    """What of one case breaks one clause."""

    clause: str
    about: str
    breaches: tuple[CaseBreach, ...]
    """That nobody has closed."""
    closed: tuple[CaseBreach, ...] = ()
    closing: ClosedFinding | None = None
    """The last one."""

    @property
    def id(self) -> str:
        return f"{self.clause}-{self.about}"

    @property
    def is_open(self) -> bool:
        return bool(self.breaches)

    @property
    def stands(self) -> bool:
        """Some of it goes on, so nobody closes it."""
        return any(one.stands for one in self.breaches)


def findings(profile: Profile, record: OfficeRecord) -> tuple[CaseFinding, ...]:
    """Open and closed ones, by clause in the order of the text, then by what they are about."""
    rows = {one.row: frozenset(one.clauses) for one in profile.procedures}
    everything = sorted(breaches(record), key=lambda one: (one.about, one.kind, one.part))
    found = []
    for clause in profile.clauses:
        kinds = frozenset[BreachKind]().union(*(KINDS.get(one, frozenset()) for one in clause.judged))
        by_subject: dict[str, list[CaseBreach]] = {}
        for one in everything:
            if one.kind in kinds and (not one.row or clause.id in rows.get(one.row, frozenset())):
                by_subject.setdefault(one.about, []).append(one)
        found += [_finding(clause.id, about, some, record.closed) for about, some in by_subject.items()]
    return tuple(found)


def _finding(clause: str, about: str, some: list[CaseBreach], closings: Iterable[ClosedFinding]) -> CaseFinding:
    mine = [one for one in closings if (one.clause, one.about) == (clause, about)]
    known = frozenset[str]().union(*(one.breaches for one in mine))
    return CaseFinding(
        clause,
        about,
        tuple(one for one in some if one.key not in known),
        tuple(one for one in some if one.key in known),
        mine[-1] if mine else None,
    )


def breaches(record: OfficeRecord) -> Iterator[CaseBreach]:
    """All that went wrong, closed or not."""
    for one in record.cases:
        for of_case in (
            _reply,
            _signature,
            _viewings,
            _form,
            _review,
            _captures,
            _receipts,
            _fees,
            _log_book,
            _file,
            _erasure,
        ):
            yield from of_case(record, one)
    yield from _copies(record)


def people_of(case: Case) -> frozenset[int]:
    """Persons who had a hand in it: none of them closes a finding about it."""
    found = {case.request.applicant}
    for one in case.acts:
        for value in (getattr(one.act, each.name) for each in fields(one.act)):
            if isinstance(value, Hand):
                found |= {value.person, value.entered_by}
        found |= {getattr(one.act, name, None) for name in ("by", "operator")}
    return frozenset(one for one in found if one)


# --- of a case --------------------------------------------------------------------------------------------------------


def _breach(kind: BreachKind, case: Case, said: Message, *, stands: bool = False, part: int = 0) -> CaseBreach:
    return CaseBreach(kind, case.row.number, case.row.row, said, stands, part)


def _reply(record: OfficeRecord, one: JudgedCase) -> Iterator[CaseBreach]:
    case, taken = one.case, reply_time(one.case, one.clock, record.calendar, record.now)
    if taken.last is None or not taken.passed:
        return
    if taken.done is None:
        said = message(
            "office.breach.unreplied",
            "request {number}: a reply was due on {last_on}, and there is none",
            number=case.row.number,
            last_on=taken.last.isoformat(),
        )
    else:
        said = message(
            "office.breach.late-reply",
            "request {number}: a reply was due on {last_on}, and was given on {day_on}",
            number=case.row.number,
            last_on=taken.last.isoformat(),
            day_on=taken.done.isoformat(),
        )
    yield _breach(BreachKind.LATE_REPLY, case, said, stands=taken.done is None)


def _signature(record: OfficeRecord, one: JudgedCase) -> Iterator[CaseBreach]:
    case, taken = one.case, signature_time(one.case, one.clock, record.calendar, record.now)
    if taken.last is None or not taken.passed:
        return
    if taken.done is None:
        said = message(
            "office.breach.unsigned-word",
            "request {number}: the signature of what was granted by word was due on {last_on}, and is not there",
            number=case.row.number,
            last_on=taken.last.isoformat(),
        )
    else:
        said = message(
            "office.breach.late-signature",
            "request {number}: the signature of what was granted by word was due on {last_on}, and came on {day_on}",
            number=case.row.number,
            last_on=taken.last.isoformat(),
            day_on=taken.done.isoformat(),
        )
    yield _breach(BreachKind.LATE_SIGNATURE, case, said, stands=taken.done is None)


@dataclass(frozen=True, slots=True)
class _Viewing:
    """From one leaf to another; None: it is open."""

    number: int
    begun: DatedAct
    ended: DatedAct | None

    def covers(self, leaf: int) -> bool:
        return self.begun.leaf < leaf and (self.ended is None or leaf < self.ended.leaf)


def _viewings_of(case: Case) -> Iterator[_Viewing]:
    begun: DatedAct | None = None
    number = 0
    for one in case.acts:
        if isinstance(one.act, OpenViewing):
            begun, number = one, number + 1
        elif isinstance(one.act, EndViewing | CutViewing) and begun is not None:
            yield _Viewing(number, begun, one)
            begun = None
    if begun is not None:
        yield _Viewing(number, begun, None)


def _viewings(record: OfficeRecord, one: JudgedCase) -> Iterator[CaseBreach]:
    case = one.case
    laid = [export for export in record.exports if export.order.viewing and _number(export) == case.row.number]
    viewings = list(_viewings_of(case))
    for export in laid:
        viewing = next((some for some in viewings if export.leaf is not None and some.covers(export.leaf)), None)
        if viewing is None:
            yield _no_viewing(export, case.row.row)
        elif viewing.ended is not None and (not export.destroyed or (export.gone or 0) > viewing.ended.leaf):
            yield _remained(case, export, viewing)
    last = viewings[-1] if viewings else None
    if last is None or last.ended is None or case.request.viewings[-1].state is not ViewingState.CUT:
        return
    over = case.request.closed or case.request.viewings[-1].day < record.now.today(case).toordinal()
    if over and any(export.leaf is not None and last.covers(export.leaf) for export in laid):
        said = message(
            "office.breach.unconfirmed",
            "request {number}: viewing {viewing} was cut off, and nobody confirmed that nothing was filmed (未拍攝)",
            number=case.row.number,
            viewing=last.number,
        )
        yield _breach(BreachKind.UNCONFIRMED, case, said, part=last.number)


def _number(export: Export) -> str:
    return export.order.request.number if export.order.request is not None else ""


def is_look(export: Export) -> bool:
    """Looked at on a ground that needs no request."""
    return export.order.request is not None and export.order.request.row in frozenset(Purpose)


def _remained(case: Case, export: Export, viewing: _Viewing) -> CaseBreach:
    if export.destroyed:
        said = message(
            "office.breach.copy-remained",
            "request {number}: viewing copy {export} was destroyed only after viewing {viewing} was over",
            number=case.row.number,
            export=export.id,
            viewing=viewing.number,
        )
    else:
        said = message(
            "office.breach.copy-remains",
            "request {number}: viewing copy {export} is still there, and viewing {viewing} is over",
            number=case.row.number,
            export=export.id,
            viewing=viewing.number,
        )
    return _breach(BreachKind.COPY_REMAINED, case, said, stands=not export.destroyed, part=viewing.number)


def _no_viewing(export: Export, row: str) -> CaseBreach:
    said = message(
        "office.breach.no-viewing",
        "viewing copy {export} of request {number} was laid out while no viewing was open",
        export=export.id,
        number=_number(export),
    )
    return CaseBreach(BreachKind.NO_VIEWING, export.id, row, said)


def _form(_: OfficeRecord, one: JudgedCase) -> Iterator[CaseBreach]:
    request, case = one.case.request, one.case
    if request.closed and one.empty and request.decision is not None and request.decision.granted:
        said = message(
            "office.breach.empty-fields",
            "request {number} is closed, and these fields of its form are empty: {fields}",
            number=case.row.number,
            fields=list(one.empty),
        )
        yield _breach(BreachKind.EMPTY_FIELDS, case, said)


def _review(_: OfficeRecord, one: JudgedCase) -> Iterator[CaseBreach]:
    case = one.case
    if case.request.decision is None or case.procedure.by_word:
        return
    unseen: list[str] = [
        check.words
        for check in case.procedure.checks
        if not check.ours and not check.when and check.name not in case.request.outcomes
    ]
    if unseen:
        said = message(
            "office.breach.unreviewed",
            "request {number} was decided, and this was not looked at before: {checks}",
            number=case.row.number,
            checks=unseen,
        )
        yield _breach(BreachKind.UNREVIEWED, case, said)


def _captures(record: OfficeRecord, one: JudgedCase) -> Iterator[CaseBreach]:
    case = one.case
    for part, act in enumerate(case.acts, 1):
        if isinstance(act.act, Take) and act.act.use is Use.HOLD and act.act.made in record.lapsed:
            said = message(
                "office.breach.capture-lapsed",
                "request {number}: nobody approved in time what was to be kept, so pin {pin} has lapsed",
                number=case.row.number,
                pin=act.act.made,
            )
            yield _breach(BreachKind.CAPTURE_LAPSED, case, said, part=part)


def _receipts(record: OfficeRecord, one: JudgedCase) -> Iterator[CaseBreach]:
    case, request = one.case, one.case.request
    taken = [act for act in case.acts if isinstance(act.act, Take) and act.act.use is Use.COPY]
    lacking = request.unsigned
    if not case.procedure.receipt or lacking <= 0 or not taken:
        return
    if request.closed or record.now.age(taken[-lacking].at) >= UNSIGNED_MS:
        said = message(
            "office.breach.unsigned-copy",
            "request {number}: of {copies} copies {lacking} are not signed for (簽收)",
            number=case.row.number,
            copies=len(request.copies),
            lacking=lacking,
        )
        yield _breach(BreachKind.UNSIGNED_COPY, case, said, stands=not request.closed)


def _fees(_: OfficeRecord, one: JudgedCase) -> Iterator[CaseBreach]:
    case = one.case
    signed = [act.act for act in case.acts if isinstance(act.act, Receipt)]
    for part, receipt in enumerate(signed, 1):
        if case.procedure.fee and receipt.fee is None:
            said = message(
                "office.breach.fee-unsaid",
                "request {number}: copy {copy} is signed for, and what was paid for it (費用) is not entered",
                number=case.row.number,
                copy=receipt.copy or str(part),
            )
            yield _breach(BreachKind.FEE_UNSAID, case, said, part=part)


def _log_book(record: OfficeRecord, one: JudgedCase) -> Iterator[CaseBreach]:
    case, age = one.case, record.now.age
    posts = frozenset(record.log_books.get(case.procedure.register_form, ()))
    if not posts:
        return
    for part, entry in enumerate(case.request.entries, 1):
        signed = _signed(case, entry.version, posts)
        if age(case.dated(entry.version).at) - (0 if signed is None else age(signed.at)) < UNSIGNED_MS:
            continue
        if signed is None:
            said = message(
                "office.breach.unsigned-entry",
                "request {number}: row {entry} of the log book is not signed yet by {posts}",
                number=case.row.number,
                entry=entry.version,
                posts=entry.lacking(sorted(posts)),
            )
        else:
            said = message(
                "office.breach.late-entry",
                "request {number}: row {entry} of the log book was signed only after more than 30 days",
                number=case.row.number,
                entry=entry.version,
            )
        yield _breach(BreachKind.UNSIGNED_ENTRY, case, said, stands=signed is None, part=part)


def _signed(case: Case, entry: int, posts: frozenset[str]) -> DatedAct | None:
    """The signature by which a row of the log book has those of all its posts; None: one is missing."""
    lacking = set(posts)
    for one in case.acts:
        if isinstance(one.act, SignEntry) and one.act.entry == entry:
            lacking.discard(one.act.hand.post)
            if not lacking:
                return one
    return None


def _file(record: OfficeRecord, one: JudgedCase) -> Iterator[CaseBreach]:
    case, age = one.case, record.now.age
    closed, filed = case.last(Close), next((act for act in case.acts if isinstance(act.act, FileCase)), None)
    if closed is None or age(closed.at) - (0 if filed is None else age(filed.at)) < UNFILED_MS:
        return
    if filed is None:
        said = message(
            "office.breach.unfiled",
            "request {number} was closed more than 30 days ago, and the number of its file (檔號) is not entered",
            number=case.row.number,
        )
    else:
        said = message(
            "office.breach.late-file",
            "request {number} got the number of its file (檔號) only more than 30 days after it was closed",
            number=case.row.number,
        )
    yield _breach(BreachKind.UNFILED, case, said, stands=filed is None)


def _erasure(record: OfficeRecord, one: JudgedCase) -> Iterator[CaseBreach]:
    case = one.case
    if case.row.erased and over_ms(case, record.now.age) is None:
        said = message(
            "office.breach.erased-early",
            "request {number}: its persons were erased before its form was kept for its term",
            number=case.row.number,
        )
        yield _breach(BreachKind.ERASED_EARLY, case, said)
    if case.row.number not in record.unanswered:
        return
    if case.row.erased:
        said = message(
            "office.breach.late-erasure",
            "request {number}: its persons were erased only after nobody had answered for 30 days",
            number=case.row.number,
        )
    else:
        said = message(
            "clause.erasure-unanswered",
            "request {number}: its term is over, and nobody has answered for 30 days whether its persons go",
            number=case.row.number,
        )
    yield _breach(BreachKind.UNANSWERED, case, said, stands=not case.row.erased)


# --- of copies --------------------------------------------------------------------------------------------------------


def _copies(record: OfficeRecord) -> Iterator[CaseBreach]:
    """Those that nobody's request explains."""
    made = {act.act.made for one in record.cases for act in one.case.acts if isinstance(act.act, Take)}
    readable = {one.case.row.number for one in record.cases}
    unreadable = {one.row.number for one in record.unreadable}
    for export in record.exports:
        number = _number(export)
        if number in unreadable or is_look(export):
            continue
        if export.order.viewing and number not in readable:
            yield _no_viewing(export, "")
        elif not export.order.viewing and export.id not in made:
            said = message("office.breach.no-request", "copy {export} is of no granted request", export=export.id)
            yield CaseBreach(BreachKind.NO_REQUEST, export.id, "", said)
