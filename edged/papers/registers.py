"""Registers of the office: what befell its cases, as rows for any interval of days. Pure.

    viewings  影音應用記錄簿: a row each time that something was looked at, copied or kept, on the day of it
    requests  a row for each request, on the day of its 收文
    copies    a row for each copy that left, on the day of its making
    year      requests of one year of the Republic with what stands out in them, and counts

A row says nothing that does not follow from the story of its case, the copies on record and the words of its form. It
names the leaves of the ledger that it rests on.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, get_args

from edged.documents.base import Told
from edged.documents.office import ShownSignature, Who
from edged.documents.registers import (
    LoggedUse,
    MarkedRequests,
    MarkWord,
    NamedPart,
    OutcomeWord,
    PurposeWord,
    RegisterCounts,
    RegisteredCopy,
    RegisteredRequest,
    RegisterMonth,
    UnreadableRow,
    WithheldWord,
)
from edged.office.cases import PRESENT, CopyWord, Unreadable, copy_word
from edged.office.deadlines import OfficeTime, day_of, reply_time, signature_time
from edged.office.findings import JudgedCase, OfficeRecord, is_look
from edged.office.legal_days import OfficeCalendar
from edged.office.request import (
    OUTSIDE,
    Close,
    CutViewing,
    Decide,
    Dispose,
    Door,
    EndViewing,
    FileCase,
    Hand,
    OpenViewing,
    Reply,
    Scope,
    SignEntry,
    Stretch,
    Take,
    Withdraw,
)
from edged.office.statistics import (
    MonthCount,
    RequestOutcome,
    YearCounts,
    days_to_reply,
    is_late,
    is_overdue,
    outcome_of,
)
from edged.office.story import Case, DatedAct
from edged.papers.case_story import CopyStory, copy_stories
from edged.papers.case_words import applicant, subject
from edged.papers.paper_case import PaperCase
from edged.profiles.loader import Profile
from edged.profiles.procedures import Use
from edged.words.units import timestamp
from storage.exports.model import Export

COLUMNS: Final = ("日期", "時間", "申請人", "案由", "應用情形")
"""Of a log book where the text has none; those of 附件5."""
POSTS: Final = ("管理人員", "主管")
PURPOSES: Final[tuple[PurposeWord, ...]] = get_args(PurposeWord)


@dataclass(frozen=True, slots=True)
class DaySpan:
    """Both days belong to it."""

    first: date
    last: date

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class RegisterCase:
    """A case with all that its rows are made of."""

    paper: PaperCase
    judged: JudgedCase
    """Of the same case."""
    now: OfficeTime
    calendar: OfficeCalendar
    exports: tuple[Export, ...] = ()
    """Made by this request: copies, and viewing copies."""
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    """By copy: SHA-256 of its list; of those that are finished."""

    @property
    def case(self) -> Case:
        return self.paper.case

    @property
    def withheld(self) -> WithheldWord:
        if self.case.row.erased:
            return "erased"
        if self.paper.nameless:
            return "lost"
        return "private" if self.paper.private else ""

    def who(self, person: int) -> Who:
        hidden = person == OUTSIDE or (bool(self.withheld) and person == self.case.request.applicant)
        return Who(person=person, name="" if hidden else self.paper.names.get(person, ""))

    def signature(self, hand: Hand) -> ShownSignature:
        return ShownSignature(
            by=self.who(hand.person),
            post=hand.post,
            unit=hand.unit,
            door=hand.door.value,
            deputy=hand.deputy,
            day=None if hand.paper_day is None else _iso(hand.paper_day),
            entered_by=None if hand.entered_by is None else self.who(hand.entered_by),
            scan=hand.scan,
        )

    def parts(self, scope: Scope) -> list[NamedPart]:
        return named_parts(scope, self.paper.cameras)

    def day(self, done: DatedAct | None, told: int | None = None) -> str | None:
        """On which it was done, as people say, else by the clocks; None: it was not."""
        return None if done is None else str(day_of(self.case, done, told, self.now))


def named_parts(scope: Scope, names: Mapping[str, str]) -> list[NamedPart]:
    return [
        NamedPart(
            camera=one.camera,
            start=timestamp(one.from_ms),
            end=timestamp(one.to_ms),
            name=names.get(one.camera, ""),
        )
        for one in scope
    ]


def unreadable_row(one: Unreadable) -> UnreadableRow:
    row = one.row
    return UnreadableRow(
        number=row.number, row=row.row, received=_iso(row.day), why=Told(**one.why.told), leaves=[row.leaf]
    )


# --- viewings ---------------------------------------------------------------------------------------------------------


def title_of(profile: Profile) -> tuple[str, Sequence[str], Sequence[str]]:
    """Of its log book: the title, the columns, the posts that sign a row."""
    for book in profile.registers:
        return book.words, book.columns, book.signed
    return f"{profile.office}監視錄影調閱複製紀錄（自訂格式）", COLUMNS, POSTS


def logged_uses(one: RegisterCase, days: DaySpan) -> Iterator[LoggedUse]:
    """In the order of the case."""
    viewings = 0
    for version, done in enumerate(one.case.acts, 2):
        if isinstance(done.act, OpenViewing):
            viewings += 1
            if date.fromordinal(done.act.day) in days:
                yield _viewing(one, version, viewings, done)
        elif isinstance(done.act, Take) and one.now.by_wall(done.at.wall_ms) in days:
            yield _taking(one, version, done, done.act)


def _viewing(one: RegisterCase, version: int, number: int, opened: DatedAct) -> LoggedUse:
    request, over = one.case.request, _over(one.case.acts[version - 1 :])
    laid = [each for each in one.exports if each.order.viewing and _lies_in(each, opened, over)]
    seen, decision = request.viewings[number - 1], request.decision
    granted: Scope = () if decision is None else decision.scope
    return LoggedUse(
        **_of_case(one, opened, over, version=version, exports=laid),
        **_signed(one, version),
        day=_iso(seen.day),
        start=timestamp(opened.at.wall_ms),
        end=timestamp(over.at.wall_ms) if over else None,
        subject=subject(one.paper),
        use="view" if decision is None or Use.VIEW in decision.uses else "look",
        parts=one.parts(tuple(part for each in laid for part in scope_of(each)) or granted),
        state=seen.state.value,
        present=one.paper.word(f"{PRESENT}{number}"),
        operator=one.who(seen.operator),
        companion=one.who(seen.companion),
    )


def _taking(one: RegisterCase, version: int, done: DatedAct, take: Take) -> LoggedUse:
    """Something was copied or kept."""
    receipt = next((each.receipt for each in copy_stories(one.case) if each.taken is done), None)
    exports = [each for each in one.exports if each.id == take.made]
    return LoggedUse(
        **_of_case(one, done, receipt, version=version, exports=exports),
        **_signed(one, version),
        day=str(one.now.by_wall(done.at.wall_ms)),
        start=timestamp(done.at.wall_ms),
        subject=subject(one.paper),
        use="copy" if take.use is Use.COPY else "hold",
        parts=one.parts(take.scope),
        made=take.made,
        fingerprint=one.fingerprints.get(take.made, ""),
        medium=one.paper.word(copy_word(take.made, CopyWord.MEDIUM)) if receipt else "",
        receiver=one.paper.word(copy_word(take.made, CopyWord.RECEIVER)) if receipt else "",
    )


def _of_case(
    one: RegisterCase, *done: DatedAct | None, version: int = 0, exports: Iterable[Export] = ()
) -> dict[str, Any]:
    """What all rows of a case have. `version`: whose row of the log book it is; 0: none."""
    signed = [act.leaf for act in one.case.acts if isinstance(act.act, SignEntry) and act.act.entry == version]
    leaves = {*signed, *(act.leaf for act in done if act), *(each.leaf for each in exports if each.leaf is not None)}
    return {
        "number": one.case.row.number,
        "row": one.case.row.row,
        "words": one.case.procedure.words,
        "applicant": applicant(one.paper),
        "withheld": one.withheld,
        "leaves": sorted(leaves),
    }


def _signed(one: RegisterCase, version: int) -> dict[str, Any]:
    """What a row has that the text wants signed."""
    entry = next((each for each in one.case.request.entries if each.version == version), None)
    if entry is None:
        return {}
    return {
        "entry": version,
        "signed": [one.signature(hand) for hand in entry.signed],
        "lacking": entry.lacking(one.paper.log_posts),
    }


def _lies_in(export: Export, opened: DatedAct, over: DatedAct | None) -> bool:
    leaf = export.leaf
    return leaf is not None and opened.leaf < leaf and (over is None or leaf < over.leaf)


def scope_of(export: Export) -> Scope:
    interval = export.order.interval
    return tuple(Stretch(camera, interval.first_ms, interval.last_ms) for camera in export.order.cameras)


def explained(record: OfficeRecord) -> frozenset[str]:
    """Exports that rows of cases tell of, or of which a case may that cannot be read."""
    by_number: dict[str, list[Export]] = {}
    for export in record.exports:
        if export.order.request is not None:
            by_number.setdefault(export.order.request.number, []).append(export)
    found = {export.id for one in record.unreadable for export in by_number.get(one.row.number, ())}
    for one in record.cases:
        acts = one.case.acts
        found |= {act.act.made for act in acts if isinstance(act.act, Take)}
        for number, opened in enumerate(acts, 1):
            if isinstance(opened.act, OpenViewing):
                over = _over(acts[number:])
                laid = by_number.get(one.case.row.number, ())
                found |= {each.id for each in laid if each.order.viewing and _lies_in(each, opened, over)}
    return frozenset(found)


def _over(behind: Iterable[DatedAct]) -> DatedAct | None:
    """What ended the viewing before."""
    return next((one for one in behind if isinstance(one.act, EndViewing | CutViewing)), None)


@dataclass(frozen=True, slots=True)
class LookAct:
    """A leaf by which somebody looked without a request, as the journal has it."""

    leaf: int
    at_ms: int
    live: bool
    """A picture of now (`snapshot`)."""
    who: str
    """Account, as the journal says it; "" where that was erased."""
    cameras: tuple[str, ...] = ()
    from_ms: int = 0
    to_ms: int = 0
    purpose: str = ""
    companion: int | None = None
    over: bool = False
    """What was laid out was removed."""


def looks(
    exports: Iterable[Export],
    acts: Sequence[LookAct],
    explained: Container[str],
    days: DaySpan,
    now: OfficeTime,
    cameras: Mapping[str, str],
    names: Mapping[int, str],
) -> Iterator[LoggedUse]:
    """What was shown or left without a request. `explained`: exports of cases. `acts`: the oldest first."""
    leaves = _LookLeaves(acts)
    for export in exports:
        begun_ms = export.begun.wall_ms
        if now.by_wall(begun_ms) in days and (is_look(export) or export.id not in explained):
            begun, over = leaves.of(export)
            there = None if begun is None else begun.companion
            yield LoggedUse(
                number="" if export.order.request is None or is_look(export) else export.order.request.number,
                leaves=sorted({one.leaf for one in (begun, over, export) if one is not None and one.leaf is not None}),
                day=str(now.by_wall(begun_ms)),
                start=timestamp(begun_ms),
                end=None if over is None else timestamp(over.at_ms),
                purpose=_purpose(export),
                use="view" if export.order.viewing else "copy",
                parts=named_parts(scope_of(export), cameras),
                account="" if begun is None else begun.who,
                companion=None if there is None else Who(person=there, name=names.get(there, "")),
                made="" if export.order.viewing else export.id,
            )
    for act in acts:
        if act.live and now.by_wall(act.at_ms) in days:
            yield LoggedUse(
                leaves=[act.leaf],
                day=str(now.by_wall(act.at_ms)),
                start=timestamp(act.at_ms),
                purpose=_known(act.purpose),
                use="picture",
                parts=named_parts(tuple(Stretch(one, act.at_ms, act.at_ms) for one in act.cameras), cameras),
                account=act.who,
            )


class _LookLeaves:
    """Leaves by which looks began and were over, found by what each tells: there are thousands in a year."""

    def __init__(self, acts: Iterable[LookAct]) -> None:
        self._begun = defaultdict[tuple[str, int, int], list[LookAct]](list)
        self._over = defaultdict[str, list[LookAct]](list)
        for one in acts:
            if one.over:
                self._over[one.who].append(one)
            self._begun[one.purpose, one.from_ms, one.to_ms].append(one)

    def of(self, export: Export) -> tuple[LookAct | None, LookAct | None]:
        """By which leaf it was asked for, and by which it was over; None: no leaf says so."""
        if not is_look(export) or export.order.request is None or export.leaf is None:
            return None, None
        interval = export.order.interval
        asked = self._begun[export.order.request.row, interval.first_ms, interval.last_ms]
        before = bisect_left(asked, export.leaf, key=_leaf_of)
        if not before:
            return None, None
        begun = asked[before - 1]
        over = self._over[begun.who]
        behind = bisect_right(over, export.leaf, key=_leaf_of)
        return begun, over[behind] if behind < len(over) else None


def _leaf_of(act: LookAct) -> int:
    return act.leaf


def _purpose(export: Export) -> PurposeWord:
    request = export.order.request
    return "unexplained" if request is None else _known(request.row)


def _known(purpose: str) -> PurposeWord:
    found: PurposeWord | None = next((one for one in PURPOSES if one == purpose), None)
    return "unexplained" if found is None else found


# --- requests ---------------------------------------------------------------------------------------------------------


def registered_request(one: RegisterCase) -> RegisteredRequest:
    case, request = one.case, one.case.request
    decided, replied, closed = case.last(Decide), case.last(Reply), case.last(Close)
    resting = (decided, replied, closed, case.last(Withdraw), case.last(FileCase))
    told = _of_case(one, *resting)
    decision = request.decision
    reply = replied.act if replied is not None and isinstance(replied.act, Reply) else None
    return RegisteredRequest(
        **told | {"leaves": sorted({case.row.leaf, *told["leaves"]})},
        own=case.row.own,
        received=_iso(case.row.day),
        asked=one.parts(request.asked),
        uses=[use.value for use in Use if use in request.uses],
        outcome=_outcome(outcome_of(case)),
        granted=[] if decision is None else [use.value for use in Use if use in decision.uses],
        scope=[] if decision is None or not decision.granted else one.parts(decision.scope),
        decided=None if decision is None else one.day(decided, _day_told(decided)),
        replied=one.day(replied, None if reply is None else reply.day),
        letter="" if reply is None else reply.letter,
        delivery=None if reply is None or reply.delivery is None else reply.delivery.value,
        days=days_to_reply(case, one.now),
        last=_last(one),
        viewings=len(request.viewings),
        copies=len(request.copies),
        closed=one.day(closed),
        filed_as=request.filed_as,
        marks=list(marks_of(one)),
    )


def _day_told(decided: DatedAct | None) -> int | None:
    return decided.act.hand.paper_day if decided is not None and isinstance(decided.act, Decide) else None


def _last(one: RegisterCase) -> str | None:
    judged = one.judged
    for time in (reply_time, signature_time):
        last = time(one.case, judged.clock, one.calendar, one.now).last
        if last is not None:
            return str(last)
    return None


def marks_of(one: RegisterCase) -> Iterator[MarkWord]:
    """What stands out in it."""
    case, outcome = one.case, outcome_of(one.case)
    by_outcome: Mapping[RequestOutcome, MarkWord] = {
        RequestOutcome.REFUSED: "refused",
        RequestOutcome.IN_PART: "in-part",
        RequestOutcome.WITHDRAWN: "withdrawn",
        RequestOutcome.REFERRED: "notice",
    }
    if outcome in by_outcome:
        yield by_outcome[outcome]
    if is_overdue(one.judged, one.calendar, one.now):
        yield "overdue"
    elif is_late(one.judged, one.calendar, one.now):
        yield "late"
    hands = hands_of(case)
    if hands and all(hand.door is Door.PAPER for hand in hands):
        yield "paper"
    if any(hand.deputy for hand in hands):
        yield "deputised"
    if any(isinstance(act.act, Decide) and act.act.hand.door is Door.WORD for act in case.acts):
        yield "urgent"
    if not case.synchronised:
        yield "unsynced"


def hands_of(case: Case) -> list[Hand]:
    """Whose signatures stand, up to the decision and of what is kept."""
    request = case.request
    decided = [] if request.decision is None else [request.decision.hand]
    return [*(one.hand for one in request.signatures), *decided, *request.hold_by]


# --- copies -----------------------------------------------------------------------------------------------------------


def registered_copies(one: RegisterCase, days: DaySpan) -> Iterator[RegisteredCopy]:
    for each in copy_stories(one.case):
        if one.now.by_wall(each.taken.at.wall_ms) in days:
            yield _copy(one, each)


def _copy(one: RegisterCase, story: CopyStory) -> RegisteredCopy:
    name, copy = story.take.made, story.copy
    export = next((each for each in one.exports if each.id == name), None)
    receipt = story.signed
    resting = (story.taken, story.receipt, story.ours, story.handed_out)

    def word(what: CopyWord) -> str:
        return one.paper.word(copy_word(name, what))

    return RegisteredCopy(
        **_of_case(one, *resting, exports=[] if export is None else [export]),
        copy_id=name,
        made=timestamp(story.taken.at.wall_ms),
        parts=one.parts(story.take.scope),
        secrecy=None if story.take.secrecy is None else story.take.secrecy.value,
        declassify=word(CopyWord.DECLASSIFY),
        handed=one.day(story.receipt, None if receipt is None else receipt.day),
        receiver=word(CopyWord.RECEIVER),
        identity=word(CopyWord.IDENTITY),
        medium=word(CopyWord.MEDIUM),
        fee=None if receipt is None else receipt.fee,
        fingerprint=(receipt.fingerprint if receipt else "") or one.fingerprints.get(name, ""),
        destroy_by=None if export is None else timestamp(export.order.destroy_by_ms),
        kept=copy.kept,
        ours=None if copy.ours is None else copy.ours.value,
        ours_on=one.day(story.ours, _disposed_on(story.ours)),
        handed_out=None if copy.handed_out is None else copy.handed_out.value,
        handed_out_on=one.day(story.handed_out, _disposed_on(story.handed_out)),
    )


def _disposed_on(done: DatedAct | None) -> int | None:
    return done.act.day if done is not None and isinstance(done.act, Dispose) else None


# --- the year ---------------------------------------------------------------------------------------------------------


def marked(rows: Iterable[RegisteredRequest]) -> list[MarkedRequests]:
    """By mark, in the order in which those are defined; without those that nobody has."""
    found: dict[MarkWord, list[str]] = {}
    for row in rows:
        for mark in row.marks:
            found.setdefault(mark, []).append(row.number)
    return [MarkedRequests(mark=mark, numbers=found[mark]) for mark in sorted(found, key=MARKS.index)]


MARKS: Final[tuple[MarkWord, ...]] = (
    "refused", "in-part", "withdrawn", "notice", "overdue", "late", "urgent", "paper", "deputised", "unsynced",
)  # fmt: skip


def counts_document(one: YearCounts) -> RegisterCounts:
    return RegisterCounts(**{name: getattr(one, name) for name in RegisterCounts.model_fields})


def month_document(one: MonthCount) -> RegisterMonth:
    return RegisterMonth(
        month=one.month,
        applicant=one.applicant.value,
        outcome=_outcome(one.outcome),
        requests=one.requests,
        median_days=one.median_days,
        longest_days=one.longest_days,
    )


def _outcome(one: RequestOutcome) -> OutcomeWord:
    return one.value


def _iso(ordinal: int) -> str:
    return str(date.fromordinal(ordinal))
