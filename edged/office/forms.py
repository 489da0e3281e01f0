"""The form of a request: read what somebody wrote into its fields, and say what each field wants.

A form never bounces a request: what is odd about it is a remark, and stands as written. Without a camera or an interval
that can be read, a request is received all the same, and asks for nothing yet. Refused is what is no form: a field that
there is not, what is no text or too long to be one, a choice that is none.

What is said about a field of a person never repeats what stands in it. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Final

from edged.office.identity_numbers import (
    COMPANY_LENGTH,
    PERSON_LENGTH,
    as_number,
    company_number_fault,
    is_blank,
    person_number_fault,
    phone_fault,
    plain_text,
    plain_text_faults,
)
from edged.office.intervals import FormInterval, interval_text, read_date, read_intervals
from edged.office.request import Request, Scope, Stretch, Unfit, applicable
from edged.profiles.procedures import AnnexField, FieldKind, Phase, Procedure, ReplyClock, RequestCheck, Unit, Use
from edged.words.units import roc_date, shown
from storage.words.message import Message, in_lines, joined, message

LINE: Final = 200
"""Characters of a field that has one line: the longest name, address or title, and much to spare."""
TEXT: Final = 2_000
"""Characters of one that has several: a page."""
AT_LENGTH: Final = frozenset({"reason", "purpose", "scope", "copy-reason", "kept-reason", "told", "handling"})
"""Fields in which something is told."""
MOST_NAMED: Final = 5
"""Fields that there are not, by name; a file that is no form at all has thousands."""

_SEVERAL: Final = {FieldKind.PLACE, FieldKind.INTERVAL, FieldKind.CAMERAS, FieldKind.CHOICES}
_SEPARATORS: Final = re.compile(r"[,;、\n]")
_COUNT: Final = re.compile(r"[0-9]{1,4}")


@dataclass(frozen=True, slots=True)
class FieldRemark:
    """What is to be said about one field."""

    field: str
    """Its name; "" where the form as a whole is meant."""
    label: str
    said: Message

    @property
    def told(self) -> Message:
        return message("office.form.at", "{field}: {said}", field=self.label, said=self.said)


class UnfitForm(Unfit):
    """It is no form of this procedure. `faults`: all that is wrong, each with what to write instead."""

    def __init__(self, faults: Iterable[FieldRemark]) -> None:
        self.faults = tuple(faults)
        super().__init__(in_lines(one.told for one in self.faults))


@dataclass(frozen=True, slots=True)
class FormReading:
    """What a form says at one of its phases."""

    words: Mapping[str, str]
    """As they are kept: plain text, without fields that are empty; an only choice is filled in."""
    asked: Scope
    """By the cameras and intervals of that phase; empty where one of them is missing or cannot be read."""
    uses: frozenset[Use]
    """Up to that phase."""
    units: frozenset[str]
    """Those whose cameras are meant, where the chain asks each; "" is there for a camera of no unit."""
    missing: tuple[str, ...]
    """Fields of that phase that are required and empty; there is a remark about each."""
    remarks: tuple[FieldRemark, ...]
    """About fields of that phase and of later ones, in the order of the form."""


@dataclass(frozen=True, slots=True)
class FieldPrompt:
    """A field as somebody is asked for it, where it `applies`."""

    field: AnnexField
    label: str
    hint: Message
    default: str
    """Filled in without asking; "" where there is more than one choice, or none."""


def label(one: AnnexField) -> str:
    """As the annex words it, with the heading that it stands under."""
    return f"{one.under} {one.words}" if one.under else one.words


def prompts(procedure: Procedure, phase: Phase) -> Iterator[FieldPrompt]:
    """In the order of the form; those, too, that apply only where another field has some choice."""
    for one in procedure.of_phase(phase):
        yield FieldPrompt(one, label(one), hint(one), _default(one))


def applies(procedure: Procedure, one: AnnexField | RequestCheck | ReplyClock, words: Mapping[str, str]) -> bool:
    """Whether it is asked for, by what the form says."""
    return applicable(one, _filled(procedure, words))


def applying(procedure: Procedure, words: Mapping[str, str]) -> frozenset[str]:
    """Checks that the form asks for, by name."""
    filled = _filled(procedure, words)
    return frozenset(one.name for one in procedure.checks if applicable(one, filled))


def empty(procedure: Procedure, request: Request, words: Mapping[str, str]) -> Iterator[AnnexField]:
    """Required fields that are empty, of the phases that a granted request has come to. What is told of a copy or of
    something kept is asked for where there is one.
    """
    shown, filled = bool(request.viewings), _filled(procedure, words)
    phases = {Phase.APPLICATION: True, Phase.VIEWING: shown, Phase.KEEPING: request.held, Phase.AFTERWARDS: True}
    taken = {Use.VIEW: shown, Use.LOOK: shown, Use.HOLD: request.held, Use.COPY: bool(request.copies)}
    for one in procedure.fields:
        use = None if one.phase is Phase.APPLICATION else _use_of(procedure, one)
        asked = one.required and phases[one.phase] and applicable(one, filled) and (use is None or taken[use])
        if asked and not _text(one, words):
            yield one


def _use_of(procedure: Procedure, one: AnnexField) -> Use | None:
    """That a field is about: it applies where somebody chose it."""
    asks = procedure.field(one.when_field) if one.when_field else None
    return asks.uses[asks.choices.index(one.when)] if asks is not None and asks.uses else None


def clock_of(procedure: Procedure, words: Mapping[str, str]) -> ReplyClock | None:
    """How long a reply to this form may take. None: nothing is said of it."""
    filled = _filled(procedure, words)
    return next((one for one in procedure.other_clocks if applicable(one, filled)), procedure.clock)


def read_form(
    procedure: Procedure,
    words: Mapping[str, str],
    phase: Phase,
    *,
    zone: tzinfo,
    cameras: Mapping[str, str],
    units: Mapping[str, str],
    now_ms: int,
) -> FormReading:
    """`words`: the form as far as it is filled in, by field. `cameras`: names, `units`: units, both by camera id.
    `zone`: of the site. `now_ms`: wall clock, ms since 1970.

    UnfitForm: it is none; what else is odd is told by the remarks.
    """
    check_form(procedure, words)
    kept = {one.name: text for one in procedure.fields if (text := _text(one, words))}
    filled = _filled(procedure, kept)
    read: list[_FieldReading] = []
    missing: list[str] = []
    remarks: list[FieldRemark] = []
    for one in _from(procedure, phase):
        text = kept.get(one.name, "")
        if one.phase is phase and applicable(one, filled):
            found = _read_field(one, text, zone, cameras, now_ms)
            if one.required and found == _EMPTY:
                missing.append(one.name)
                found = _FieldReading(said=(message("office.form.missing", "it is empty"),))
        else:
            found = _FieldReading(said=tuple(_out_of_place(procedure, one, filled)) if text else ())
        read.append(found)
        remarks += (FieldRemark(one.name, label(one), said) for said in found.said)
    ids = tuple(dict.fromkeys(camera for one in read for camera in one.cameras))
    intervals = dict.fromkeys(interval for one in read for interval in one.intervals)
    asks_units = any(step.unit is Unit.CAMERA for step in procedure.chain)
    return FormReading(
        words=kept,
        asked=tuple(Stretch(camera, one.from_ms, one.to_ms) for camera in ids for one in intervals),
        uses=_uses(procedure, filled, phase),
        units=frozenset(units.get(camera, "") for camera in ids) if asks_units else frozenset(),
        missing=tuple(missing),
        remarks=tuple(remarks),
    )


def check_form(procedure: Procedure, words: Mapping[str, str]) -> None:
    """UnfitForm: it has a field that there is not, or what stands in one cannot be kept."""
    if faults := [*_no_fields(procedure, words), *_faults(procedure, words)]:
        raise UnfitForm(faults)


def unfit_text(text: str, limit: int, *, lines: bool) -> Message | None:
    """Why it cannot be kept or shown; None: it can."""
    faults = [each for each in plain_text_faults(text, limit, lines=lines) if each.code != "office.text.blank"]
    if not faults:
        return None
    return message(
        "office.form.no-text",
        "{problem}; write it as plain text of at most {limit} characters",
        problem=joined(faults),
        limit=limit,
    )


def rendered(
    procedure: Procedure, words: Mapping[str, str], *, zone: tzinfo, cameras: Mapping[str, str]
) -> dict[str, str]:
    """As the form shows it, in its order: dates and intervals by the calendar of the Republic, cameras by name.

    What cannot be read whole is shown as it was written. `read_form` asks for the same by it.
    """
    return {one.name: _shown(one, text, zone, cameras) for one in procedure.fields if (text := _text(one, words))}


def _shown(one: AnnexField, text: str, zone: tzinfo, cameras: Mapping[str, str]) -> str:
    match one.kind:
        case FieldKind.DATE:
            day = read_date(text)
            return text if day is None else roc_date(day)
        case FieldKind.INTERVAL:
            read = read_intervals(text, zone, 0)
            return interval_text(read.intervals, zone) if read.whole and read.intervals else text
        case FieldKind.CAMERAS:
            meant = _cameras_meant(text, cameras)
            return (
                "、".join(_camera_text(camera, cameras) for camera in meant.ids) if meant.whole and meant.ids else text
            )
    return text


# --- what is no form


def _no_fields(procedure: Procedure, words: Mapping[str, str]) -> Iterator[FieldRemark]:
    fields = [one.name for one in procedure.fields]
    if strange := sorted(words.keys() - set(fields)):
        named = [*map(shown, strange[:MOST_NAMED]), *(["…"] if len(strange) > MOST_NAMED else [])]
        said = message(
            "office.form.no-field", "the form has no field {names}; it has: {fields}", names=named, fields=fields
        )
        yield FieldRemark("", procedure.row, said)


def _faults(procedure: Procedure, words: Mapping[str, str]) -> Iterator[FieldRemark]:
    for one in procedure.fields:
        text = _stripped(words.get(one.name, ""))
        lines = one.kind in _SEVERAL or one.name in AT_LENGTH
        said = unfit_text(text, TEXT if lines else LINE, lines=lines)
        if said is not None:
            yield FieldRemark(one.name, label(one), said)
        elif one.choices and not is_blank(text) and _chosen(one, text).strange:
            said = message("office.form.no-choice", "it is not as the form has it; write {choices}", choices=hint(one))
            yield FieldRemark(one.name, label(one), said)


# --- what a field says


def _stripped(text: str) -> str:
    return plain_text(text).strip()


def _text(one: AnnexField, words: Mapping[str, str]) -> str:
    """ "" where there is nothing to read."""
    text = _stripped(words.get(one.name, ""))
    return _default(one) if is_blank(text) else text


def _default(one: AnnexField) -> str:
    return one.choices[0] if len(one.choices) == 1 else ""


def _from(procedure: Procedure, phase: Phase) -> Iterator[AnnexField]:
    """Fields of that phase and of later ones."""
    phases = list(Phase)
    return (one for one in procedure.fields if phases.index(one.phase) >= phases.index(phase))


def _filled(procedure: Procedure, words: Mapping[str, str]) -> Callable[[str], frozenset[str]]:
    """The choices of a field."""

    def choices(name: str) -> frozenset[str]:
        one = procedure.field(name)
        return frozenset(_chosen(one, _text(one, words)).choices)

    return choices


def _uses(procedure: Procedure, filled: Callable[[str], frozenset[str]], phase: Phase) -> frozenset[Use]:
    later = {one.name for one in _from(procedure, phase) if one.phase is not phase}
    asking = [one for one in procedure.fields if one.uses and one.name not in later]
    asked = {
        use
        for one in asking
        if applicable(one, filled)
        for choice, use in zip(one.choices, one.uses, strict=True)
        if choice in filled(one.name)
    }
    at_application = any(one.phase is Phase.APPLICATION for one in asking)
    return frozenset(asked if at_application else {*asked, *procedure.may[:1]})


def _folded(text: str) -> str:
    """As it is compared: usual signs, small letters, one blank for several."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "\n".join(" ".join(line.split()) for line in plain.split("\n")).strip()


def _listed(folded: str, known: Container[str]) -> list[str]:
    """Its parts, which signs set apart; blanks do where each word between them is known."""
    if folded in known:
        return [folded]
    parts: list[str] = []
    for part in map(str.strip, _SEPARATORS.split(folded)):
        each = part.split()
        parts += [part] if part in known or not all(one in known for one in each) else each
    return parts


@dataclass(frozen=True, slots=True)
class _Chosen:
    choices: tuple[str, ...]
    strange: bool
    """It is no choice, or not as many as the field has."""
    wordless: bool
    """One that is told in words of its own has none."""


def _chosen(one: AnnexField, text: str) -> _Chosen:
    """Words of the open choice follow it behind a colon, and go on to the end."""
    known = {_folded(choice): choice for choice in one.choices}
    own = _folded(one.open_choice)
    folded = _folded(text)
    told = re.search(rf"{re.escape(own)} ?:", folded) if own else None
    parts = _listed(folded if told is None else folded[: told.start()], known) + ([own] if told else [])
    choices = tuple(dict.fromkeys(known[part] for part in parts if part in known))
    return _Chosen(
        choices,
        strange=not (choices and all(part in known for part in parts))
        or (one.kind is FieldKind.CHOICE and len(choices) > 1),
        wordless=one.open_choice in choices and not (told and folded[told.end() :].strip()),
    )


def chosen(one: AnnexField, text: str) -> dict[str, str]:
    """Choices that a text has, each with what is told of it in words of its own; those of no such choice are ""."""
    told = re.search(rf"{re.escape(one.open_choice)}\s*[:：](.*)", text, re.DOTALL) if one.open_choice else None
    own = "" if told is None else told[1].strip()
    return {choice: own if choice == one.open_choice else "" for choice in _chosen(one, text).choices}


@dataclass(frozen=True, slots=True)
class _CamerasMeant:
    ids: tuple[str, ...] = ()
    remarks: tuple[Message, ...] = ()
    whole: bool = True
    """Each that is written there is one of them."""


def _cameras_meant(text: str, cameras: Mapping[str, str]) -> _CamerasMeant:
    known = _cameras_by_name(cameras)
    ids: list[str] = []
    remarks: list[Message] = []
    parts = _listed(_folded(text), known)
    for part in parts:
        found = known.get(part, [])
        ids += found
        if not found:
            remarks.append(
                message(
                    "office.form.no-camera", "this box has no camera {value}; write ids or names", value=shown(part)
                )
            )
        elif len(found) > 1:
            remarks.append(
                message(
                    "office.form.cameras-alike",
                    "{value} is the name of several cameras, and all are asked for: {ids}",
                    value=shown(part),
                    ids=found,
                )
            )
    return _CamerasMeant(tuple(dict.fromkeys(ids)), tuple(remarks), all(part in known for part in parts))


def _cameras_by_name(cameras: Mapping[str, str]) -> dict[str, list[str]]:
    """Ids by what is written for them: the id, or a name that is no id."""
    known: dict[str, list[str]] = {}
    for camera, name in cameras.items():
        if folded := _folded(name):
            known.setdefault(folded, []).append(camera)
    return known | {_folded(camera): [camera] for camera in cameras}


def _camera_text(camera: str, cameras: Mapping[str, str]) -> str:
    """Its name, if that means it alone."""
    name = cameras[camera]
    alone = not _SEPARATORS.search(_folded(name)) and _cameras_by_name(cameras).get(_folded(name)) == [camera]
    return name if name and alone else camera


@dataclass(frozen=True, slots=True)
class _FieldReading:
    text: str = ""
    intervals: tuple[FormInterval, ...] = ()
    cameras: tuple[str, ...] = ()
    said: tuple[Message, ...] = ()


_EMPTY: Final = _FieldReading()


def _read_field(one: AnnexField, text: str, zone: tzinfo, cameras: Mapping[str, str], now_ms: int) -> _FieldReading:
    match one.kind:
        case FieldKind.INTERVAL:
            read = read_intervals(text, zone, now_ms)
            return _FieldReading(intervals=read.intervals, said=read.remarks)
        case FieldKind.CAMERAS:
            meant = _cameras_meant(text, cameras)
            return _FieldReading(cameras=meant.ids, said=meant.remarks)
    today = datetime.fromtimestamp(now_ms / 1000, zone).date()
    return _FieldReading(text, said=tuple(_odd(one, text, today)) if text else ())


def _out_of_place(procedure: Procedure, one: AnnexField, filled: Callable[[str], frozenset[str]]) -> Iterator[Message]:
    if applicable(one, filled):
        yield message("office.form.early", "it is filled in now, and the form has it filled in later")
    else:
        yield message(
            "office.form.not-applying",
            "it is filled in, and belongs there only where {field} is {choice}",
            field=label(procedure.field(one.when_field)),
            choice=one.when,
        )


def _odd(one: AnnexField, text: str, today: date) -> Iterator[Message]:
    match one.kind:
        case FieldKind.DATE:
            day = read_date(text)
            if day is None:
                yield message("office.form.no-date", "it is no date; one is written such as 115-11-20")
            elif day > today:
                yield message("office.form.future-date", "that day is still to come")
        case FieldKind.COUNT:
            if not _COUNT.fullmatch(as_number(text)):
                yield message("office.form.no-count", "it is no number; one is written in digits")
        case FieldKind.CHOICE | FieldKind.CHOICES:
            if _chosen(one, text).wordless:
                yield message("office.form.no-words", "{choice}: it is not said in words what", choice=one.open_choice)
        case _:
            check = _NUMBERS.get(one.kind)
            if check is not None and (fault := check(text)):
                yield fault


def _party_fault(text: str) -> Message | None:
    is_company = len(as_number(text)) == COMPANY_LENGTH
    return company_number_fault(text) if is_company else person_number_fault(text)


def _student_fault(text: str) -> Message | None:
    """Schools number as they like: what is not as long as the number of a person is one of theirs."""
    number = as_number(text)
    return person_number_fault(text) if len(number) == PERSON_LENGTH and number[0].isalpha() else None


_NUMBERS: Final[Mapping[FieldKind, Callable[[str], Message | None]]] = {
    FieldKind.PERSON_ID: person_number_fault,
    FieldKind.PARTY_ID: _party_fault,
    FieldKind.STUDENT_ID: _student_fault,
    FieldKind.PHONE: phone_fault,
}


# --- what a field wants


def hint(one: AnnexField) -> Message:
    match one.kind:
        case FieldKind.CHOICE:
            hint = message("office.form.hint.choice", "one of: {choices}", choices=one.choices)
        case FieldKind.CHOICES:
            hint = message(
                "office.form.hint.choices", "any of: {choices}; several are apart by 、", choices=one.choices
            )
        case _:
            return _TEXT if one.name in AT_LENGTH else _HINTS[one.kind]
    if one.open_choice:
        return message(
            "office.form.hint.own-words",
            "{hint}; {choice} stands last, with words of its own: {choice}：…",
            hint=hint,
            choice=one.open_choice,
        )
    return hint


_TEXT: Final = message("office.form.hint.text", "in words, on several lines where that is needed")
_HINTS: Final[Mapping[FieldKind, Message]] = {
    FieldKind.TEXT: message("office.form.hint.line", "in words, on one line"),
    FieldKind.DATE: message("office.form.hint.date", "a date, such as 115-11-20"),
    FieldKind.INTERVAL: message(
        "office.form.hint.interval",
        "from and to by the clock of this site, such as 115-11-20 14:00 ~ 15:30; several are apart by ；",
    ),
    FieldKind.CAMERAS: message("office.form.hint.cameras", "ids or names of cameras; several are apart by 、"),
    FieldKind.PLACE: message(
        "office.form.hint.place", "in the applicant's words; the office says which cameras that means"
    ),
    FieldKind.PERSON_ID: message(
        "office.form.hint.person-id", "of the 身分證 or 居留證: {length} characters", length=PERSON_LENGTH
    ),
    FieldKind.PARTY_ID: message(
        "office.form.hint.party-id",
        "of the 身分證 or 居留證: {length} characters; of a legal person the 統一編號: {company_length} digits",
        length=PERSON_LENGTH,
        company_length=COMPANY_LENGTH,
    ),
    FieldKind.STUDENT_ID: message("office.form.hint.student-id", "the 學號, or the number of the 身分證 or 居留證"),
    FieldKind.PHONE: message("office.form.hint.phone", "with the area code; an extension follows behind #"),
    FieldKind.COUNT: message("office.form.hint.count", "a number, in digits"),
    FieldKind.SIGNATURE: message(
        "office.form.hint.signature", "on the paper, by hand or stamp; write 有 if it is there"
    ),
}
