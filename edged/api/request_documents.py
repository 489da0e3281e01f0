"""Requests as documents: what of a case is shown, and which words are left out for whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from edged.alarms.conditions import DUE
from edged.documents import office as documents
from edged.documents.base import Told
from edged.office import forms
from edged.office.cases import CHECKED, PRESENT, REASON, CopyWord, Unreadable, copy_word
from edged.office.forms import FormReading
from edged.office.next_steps import next_steps
from edged.office.request import Appoint, Hand, Reply, Scope, Signature, Stretch, Take
from edged.office.service import OfficeService
from edged.office.story import Case
from edged.office.terms import COPY_NEAR_MS
from edged.papers.case_story import copy_stories
from edged.profiles.procedures import AnnexField, ChainStep, Procedure, StepKind, Use
from edged.words.units import optional_timestamp, timestamp
from storage.words.errors import StoreError
from storage.words.message import Message, message


def procedure_document(one: Procedure) -> documents.ShownProcedure:
    return documents.ShownProcedure(
        row=one.row,
        form=one.form,
        words=one.words,
        may=[use.value for use in one.may],
        instead=one.instead,
        notes=one.notes,
        by_word=one.by_word,
        staff=one.by_staff,
        fields=[_field(one, field, {}, private=False) for field in one.fields],
    )


def _field(procedure: Procedure, one: AnnexField, words: Mapping[str, str], *, private: bool) -> documents.FormField:
    hint = forms.hint(one)
    return documents.FormField(
        name=one.name,
        words=one.words,
        under=one.under,
        phase=one.phase.value,
        kind=one.kind.value,
        choices=one.choices,
        open_choice=one.open_choice,
        required=one.required,
        applies=forms.applies(procedure, one, words),
        when_field=one.when_field,
        when=one.when,
        hint=Told(**hint.told) if hint else None,
        value="" if private and one.personal else words.get(one.name, ""),
    )


class Pages:
    """Requests as documents; reads people once."""

    def __init__(self, office: OfficeService, expired: frozenset[str] = frozenset()) -> None:
        """`expired`: cases whose persons are to be erased."""
        self._office = office
        self._names = office.names()
        self._expired = expired

    def line(self, one: Case | Unreadable) -> documents.RequestLine:
        row = one.row
        if isinstance(one, Unreadable):
            return documents.RequestLine(
                **_row(row.number, one, to_erase=row.number in self._expired), words="", next="", deadline=None
            )
        deadlines = self._deadlines(one)
        return documents.RequestLine(
            **_row(row.number, one, to_erase=row.number in self._expired),
            words=one.procedure.words,
            next=_next_post(one),
            deadline=_first(deadlines),
        )

    def shown(self, case: Case, *, private: bool, read: FormReading | None = None) -> documents.RequestShow:
        request, procedure = case.request, case.procedure
        try:
            words = self._office.cases.words(case.row.number)
            nameless = case.row.erased
        except StoreError:
            words, nameless = {}, True
        shown, decision = self._office.rendered(procedure, words), request.decision
        applying = forms.applying(procedure, words)
        appointed, replied = case.last(Appoint), case.last(Reply)
        document = documents.ShownRequest(
            **_row(case.row.number, case, to_erase=case.row.number in self._expired),
            timezone=self._office.timezone,
            words=procedure.words,
            next=_next_post(case),
            deadline=_first(self._deadlines(case)),
            synchronised=case.synchronised,
            clauses=procedure.clauses,
            asked=parts_of(request.asked),
            uses=[use.value for use in Use if use in request.uses],
            may=[one.value for one in procedure.may],
            instead=procedure.instead,
            applicant=None if request.applicant is None else self._who(request.applicant, private=private),
            granted=None if decision is None else [use.value for use in Use if use in decision.uses],
            scope=[] if decision is None else parts_of(decision.scope),
            chain=[
                _step(
                    self,
                    step,
                    [one for one in request.signatures if one.step == number],
                    request.lacking(number, step),
                    private=private,
                )
                for number, step in enumerate(procedure.chain)
            ],
            keeping=[
                _step(
                    self,
                    step,
                    [Signature(number, hand) for hand in request.hold_by[number : number + 1]],
                    frozenset() if number < len(request.hold_by) else frozenset({""}),
                )
                for number, step in enumerate(procedure.hold_by)
            ],
            checks=[
                documents.ShownCheck(
                    name=one.name,
                    words=one.words,
                    outcomes=one.outcomes,
                    named=one.named,
                    applies=not one.when or one.name in applying,
                    outcome=found.outcome if found else None,
                    document=words.get(f"{CHECKED}{one.name}", "") if found and found.document and not private else "",
                    by=self._who(found.by) if found else None,
                )
                for one, found in ((one, request.outcomes.get(one.name)) for one in procedure.checks)
            ],
            fields=[_field(procedure, one, shown, private=private) for one in procedure.fields],
            nameless=nameless,
            private=private,
            held=list(self._held(case)),
            deadlines=self._deadlines(case),
            viewings=[
                documents.ShownViewing(
                    day=str(date.fromordinal(one.day)),
                    state=one.state.value,
                    operator=self._who(one.operator),
                    companion=self._who(one.companion),
                    present="" if private else words.get(f"{PRESENT}{number}", ""),
                )
                for number, one in enumerate(request.viewings, 1)
            ],
            appointed=optional_timestamp(getattr(appointed.act, "at_ms", None)) if appointed else None,
            companion=procedure.companion,
            paper_unseen=bool(request.on_paper) and request.paper_seen_by is None,
            word_pending=request.word_pending,
            kept=request.held,
            made=[one.act.made for one in case.acts if isinstance(one.act, Take) and one.act.made],
            copies=list(copies_of(case, words, self._office.zone, private=private)),
            entries=list(self._entries(case)),
            filed_as=request.filed_as,
            replied=_day(getattr(replied.act, "day", None)) if replied else None,
            letter=getattr(replied.act, "letter", "") if replied else "",
            delivery=getattr(replied.act, "delivery", None) if replied else None,
            reasons=[] if private else [text for name, text in words.items() if name.startswith(REASON)],
            todo=[Told(**one.told) for one in self._todo(case, applying)],
        )
        remarks = [
            documents.Remark(field=one.field, words=one.label, told=Told(**one.said.told))
            for one in (read.remarks if read else ())
        ]
        return documents.RequestShow(request=document, remarks=remarks, slip=list(self._slip(case)) if read else [])

    def _todo(self, case: Case, applying: frozenset[str]) -> Iterator[Message]:
        posts = self._office.log_posts(case.procedure)
        near = frozenset(self._office.copies_to_destroy(case, COPY_NEAR_MS))
        return next_steps(case.procedure, case.request, applying, posts, near)

    def _entries(self, case: Case) -> Iterator[documents.ShownEntry]:
        posts = self._office.log_posts(case.procedure)
        for one in case.request.entries:
            act = case.made(one.version)
            signed = [self.signature(hand) for hand in one.signed]
            yield documents.ShownEntry(
                version=one.version,
                use=act.use.value if isinstance(act, Take) else Use.VIEW.value,
                signed=signed,
                lacking=one.lacking(posts),
            )

    def _slip(self, case: Case) -> Iterator[Told]:
        """What whoever asks is told at the counter."""
        day = date.fromordinal(case.row.day)
        yield Told(
            **message(
                "office.slip", "received under number {number} on {day_on}", number=case.row.number, day_on=str(day)
            ).told
        )
        for stretch, ms in self._office.destroyed(case):
            gone = message(
                "office.slip.destroyed",
                "camera {camera}: {lost_s} of what is asked for was destroyed before",
                camera=stretch.camera,
                lost_s=ms // 1000,
            )
            yield Told(**gone.told)
        for one in self._held(case):
            if one.why_not is not None:
                yield Told(
                    **message(
                        "office.slip.unheld",
                        "camera {camera} is not held: {why}",
                        camera=one.camera,
                        why=one.why_not.told,
                    ).told
                )

    def _held(self, case: Case) -> Iterator[documents.ShownHold]:
        pins = {hold: pin for pin, hold in self._office.held.items()}
        for hold in self._office.wanted(case):
            why = self._office.unheld.get(hold)
            part = _part(hold.stretch)
            yield documents.ShownHold(
                **part.model_dump(), pin=pins.get(hold), why_not=Told(**why.told) if why is not None else None
            )

    def _deadlines(self, case: Case) -> list[documents.ShownDeadline]:
        today = self._office.time().today(case)
        return [
            documents.ShownDeadline(
                what=Told(**DUE[one.kind].told),
                day=None if one.last is None else str(one.last),
                left_days=None if one.last is None else (one.last - today).days,
            )
            for one in self._office.deadlines(case)
        ]

    def _who(self, person: int, *, private: bool = False) -> documents.Who:
        return documents.Who(person=person, name="" if private else self._names.get(person, ""))

    def signature(self, hand: Hand, *, private: bool = False) -> documents.ShownSignature:
        return documents.ShownSignature(
            by=self._who(hand.person, private=private),
            post=hand.post,
            unit=hand.unit,
            door=hand.door.value,
            deputy=hand.deputy,
            day=_day(hand.paper_day),
            entered_by=None if hand.entered_by is None else self._who(hand.entered_by),
            scan=hand.scan,
        )


def copies_of(case: Case, words: Mapping[str, str], zone: ZoneInfo, *, private: bool) -> Iterator[documents.ShownCopy]:
    """That left. `private`: who took them is left out."""

    def word(copy: str, what: CopyWord) -> str:
        return "" if private else words.get(copy_word(copy, what), "")

    for story in copy_stories(case):
        one, copy, receipt = story.copy, story.take.made, None
        if story.receipt is not None and (signed := story.signed) is not None:
            entered = datetime.fromtimestamp(story.receipt.at.wall_ms / 1000, zone).date()
            receipt = documents.ShownReceipt(
                day=_day(signed.day) or str(entered),
                receiver=word(copy, CopyWord.RECEIVER),
                identity=word(copy, CopyWord.IDENTITY),
                medium=words.get(copy_word(copy, CopyWord.MEDIUM), ""),
                fee=signed.fee,
                fingerprint=signed.fingerprint,
            )
        yield documents.ShownCopy(
            id=copy,
            secrecy=story.take.secrecy,
            declassify=words.get(copy_word(copy, CopyWord.DECLASSIFY), ""),
            receipt=receipt,
            kept=one.kept,
            ours=None if one.ours is None else one.ours.value,
            handed_out=None if one.handed_out is None else one.handed_out.value,
        )


def _first(deadlines: Sequence[documents.ShownDeadline]) -> documents.ShownDeadline | None:
    """The one that ends first; where none ends, any."""
    return min(deadlines, key=lambda one: one.day or "9", default=None)


def _row(number: str, one: Case | Unreadable, *, to_erase: bool = False) -> dict[str, Any]:
    row = one.row
    return {
        "number": number,
        "own": row.own,
        "row": row.row,
        "received": str(date.fromordinal(row.day)),
        "status": "unreadable" if isinstance(one, Unreadable) else row.status,
        "version": row.version,
        "erased": row.erased,
        "to_erase": to_erase,
        "unreadable": Told(**one.why.told) if isinstance(one, Unreadable) else None,
    }


def _next_post(case: Case) -> str:
    request, chain = case.request, case.procedure.chain
    if request.closed or request.withdrawn or request.decision is not None or request.supplement:
        return ""
    number = request.step(case.procedure)
    return chain[number].post if number < len(chain) else ""


def _step(
    pages: Pages, step: ChainStep, signed: Sequence[Signature], lacking: frozenset[str], *, private: bool = False
) -> documents.Step:
    """`private`: the applicant stays unnamed."""
    unnamed = private and step.kind is StepKind.APPLY
    return documents.Step(
        post=step.post,
        kind=step.kind.value,
        unit=step.unit.value,
        signed=[pages.signature(one.hand, private=unnamed) for one in signed],
        lacking=sorted(lacking),
    )


def _part(one: Stretch) -> documents.Part:
    return documents.Part(camera=one.camera, start=timestamp(one.from_ms), end=timestamp(one.to_ms))


def parts_of(scope: Scope) -> list[documents.Part]:
    return [_part(one) for one in scope]


def _day(ordinal: int | None) -> str | None:
    return None if ordinal is None else str(date.fromordinal(ordinal))
