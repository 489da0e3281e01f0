"""What stands in the columns of a register, on paper, on a screen and in a table for spreadsheets: the same text, by
whoever reads it. Pure.

On paper and on a screen several columns share a cell (`RegisterColumn.within`), a line each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from edged.documents.office import ShownSignature, Who
from edged.documents.registers import (
    CopyRegister,
    LoggedUse,
    NamedPart,
    OfficeRegister,
    RegisterCounts,
    RegisteredCopy,
    RegisteredRequest,
    RegisterMonth,
    RegisterRow,
    RequestRegister,
    UnreadableRow,
    ViewingRegister,
    YearRegister,
)
from edged.office.request import DELIVERIES, DISPOSALS, OUTSIDE
from edged.office.request import USES as ASKED_FOR
from edged.words.catalogue import Reader
from edged.words.units import roc_day
from storage.words.message import Message, message


@dataclass(frozen=True, slots=True)
class RegisterColumn:
    field: str
    heading: Message
    text: Callable[[Any, Reader], str]
    """Of a row, as somebody reads it; "" where there is nothing to say."""
    within: str = ""
    """The field in whose cell it is a line; "": it has a cell of its own."""
    bare: bool = False
    """As a line it needs no heading."""


# --- words


USES: Final[Mapping[str, Message]] = {
    "view": message("register.use.view", "viewed"),
    "look": message("register.use.look", "looked at, the outcome told"),
    "copy": message("register.use.copy", "copied"),
    "hold": message("register.use.hold", "kept in the office"),
    "picture": message("register.use.picture", "a picture taken"),
}
PURPOSES: Final[Mapping[str, Message]] = {
    "maintenance": message("office.look.maintenance", "maintenance"),
    "repair": message("office.look.repair", "repair"),
    "inspection": message("office.look.inspection", "inspection"),
    "audit": message("office.look.audit", "audit"),
    "service": message("register.purpose.service", "how the public is served"),
    "unexplained": message("register.purpose.unexplained", "by no request"),
}
"""The first four are those of `edged.office.looks`, which a screen cannot afford to import."""
STATES: Final[Mapping[str, Message]] = {
    "open": message("register.state.open", "still open"),
    "ended": message("register.state.ended", "confirmed: nobody has filmed"),
    "cut": message("register.state.cut", "cut by a fault, not confirmed"),
}
OUTCOMES: Final[Mapping[str, Message]] = {
    "deciding": message("register.outcome.deciding", "not decided"),
    "granted": message("register.outcome.granted", "granted"),
    "in-part": message("register.outcome.in-part", "granted in part"),
    "refused": message("register.outcome.refused", "refused"),
    "withdrawn": message("register.outcome.withdrawn", "withdrawn"),
    "referred": message("register.outcome.referred", "told whom to turn to"),
}
MARKS: Final[Mapping[str, Message]] = {
    "refused": OUTCOMES["refused"],
    "in-part": OUTCOMES["in-part"],
    "withdrawn": OUTCOMES["withdrawn"],
    "notice": OUTCOMES["referred"],
    "overdue": message("register.mark.overdue", "overdue"),
    "late": message("register.mark.late", "late"),
    "urgent": message("register.mark.urgent", "by word"),
    "paper": message("register.mark.paper", "on paper only"),
    "deputised": message("register.mark.deputised", "by a deputy"),
    "unsynced": message("register.mark.unsynced", "clock not synchronised"),
}
APPLICANTS: Final[Mapping[str, Message]] = {
    "staff": message("register.applicant.staff", "staff"),
    "public": message("register.applicant.public", "the public"),
    "police": message("register.applicant.police", "police officers"),
    "agency": message("register.applicant.agency", "agencies"),
    "investigator": message("register.applicant.investigator", "investigating agencies"),
    "member": message("register.applicant.member", "members of the school"),
    "person": message("register.applicant.person", "staff or the public"),
    "other": message("register.applicant.other", "others"),
}
WITHHELD: Final[Mapping[str, Message]] = {
    "private": message("register.withheld.private", "(persons are not shown)"),
    "erased": message("register.withheld.erased", "(persons were erased: their period is over)"),
    "lost": message("register.withheld.lost", "(persons were lost with their key: see the paper)"),
}


def _between(read: Reader) -> str:
    return "、" if read.language == "zh_TW" else ", "


def _aside(text: str, read: Reader) -> str:
    return f"（{text}）" if read.language == "zh_TW" else f" ({text})"


def _day(day: str | None) -> str:
    return "" if day is None else roc_day(day)


def _clock(moment: str, read: Reader) -> datetime:
    return datetime.fromisoformat(moment).astimezone(read.zone)


def _time(moment: str | None, read: Reader) -> str:
    """14:30 by the site's clock."""
    return "" if moment is None else f"{_clock(moment, read):%H:%M}"


def moment_text(moment: str | None, read: Reader) -> str:
    """115.11.25 14:30."""
    return "" if moment is None else f"{_day(str(_clock(moment, read).date()))} {_time(moment, read)}"


def footage_text(parts: Sequence[NamedPart], read: Reader) -> str:
    """大廳（lobby） 115.11.25 14:00～15:00; each part on a line."""
    return "\n".join(_part(one, read) for one in parts)


def _part(one: NamedPart, read: Reader) -> str:
    """To the second where it is no whole minute."""
    camera = f"{one.name}{_aside(one.camera, read)}" if one.name not in ("", one.camera) else one.camera
    begin, end = _clock(one.start, read), _clock(one.end, read)
    to_the_minute = "%H:%M:%S" if begin.second or end.second else "%H:%M"
    first, last = (f"{_day(str(at.date()))} {at:{to_the_minute}}" for at in (begin, end))
    if begin == end:
        return f"{camera} {first}"
    return f"{camera} {first}～{f'{end:{to_the_minute}}' if begin.date() == end.date() else last}"


def _who(one: Who | None, read: Reader) -> str:
    if one is None:
        return ""
    if one.name:
        return one.name
    if one.person == OUTSIDE:
        return read.phrase("office.applicant", "the applicant")
    return read.phrase("office.person-numbered", "person {person}", person=one.person)


def signature_text(one: ShownSignature, read: Reader) -> str:
    told: list[str] = []
    if one.deputy:
        told.append(read.phrase("register.signed.deputy", "as deputy"))
    if one.door == "paper":
        told.append(read.phrase("register.signed.paper", "on paper {day}", day=_day(one.day)))
    if one.door == "word":
        told.append(read.phrase("register.signed.word", "by telephone {day}", day=_day(one.day)))
    unit = f"{one.unit} " if one.unit else ""
    return unit + _who(one.by, read) + "".join(_aside(each, read) for each in told)


def _leaves(row: RegisterRow, _: Reader) -> str:
    return " ".join(map(str, row.leaves))


def _applicant(row: RegisterRow, read: Reader) -> str:
    """By name; else why it is not there."""
    hidden = read(WITHHELD[row.withheld]) if row.withheld else ""
    return " ".join(text for text in (row.applicant, hidden) if text)


def _words(table: Mapping[str, Message], field: str, row: Any, read: Reader) -> str:
    value = getattr(row, field)
    return "" if value is None else read(table[value])


def _several(table: Mapping[str, Message], field: str, row: Any, read: Reader) -> str:
    return _between(read).join(read(table[one]) for one in getattr(row, field))


def _plain(field: str) -> Callable[[Any, Reader], str]:
    def text(row: Any, _: Reader) -> str:
        value = getattr(row, field)
        return "" if value is None else str(value)

    return text


def _on(field: str) -> Callable[[Any, Reader], str]:
    return lambda row, _: _day(getattr(row, field))


def _at(field: str) -> Callable[[Any, Reader], str]:
    return lambda row, read: moment_text(getattr(row, field), read)


def _footage(field: str) -> Callable[[Any, Reader], str]:
    return lambda row, read: footage_text(getattr(row, field), read)


def _person(field: str) -> Callable[[Any, Reader], str]:
    return lambda row, read: _who(getattr(row, field), read)


NUMBER: Final = message("register.number", "Number")
WORDS: Final = message("register.words", "Who asks, by the text")
APPLICANT: Final = message("register.applicant", "Applicant")
FOOTAGE: Final = message("register.footage", "Footage")
FINGERPRINT: Final = message("register.fingerprint", "Fingerprint (SHA-256)")
MEDIUM: Final = message("register.medium", "Medium")
RECEIVER: Final = message("register.receiver", "Received by")
LEAVES: Final = message("register.leaves", "Entries of the ledger")


# --- viewings


def _span(row: LoggedUse, read: Reader) -> str:
    if row.end is None:
        return _time(row.start, read) + ("～" if row.state == "open" else "")
    return f"{_time(row.start, read)}～{_time(row.end, read)}"


def _use(row: LoggedUse, read: Reader) -> str:
    use = read(USES[row.use])
    return use if row.purpose is None else use + _aside(read(PURPOSES[row.purpose]), read)


def _signed_by(post: str) -> Callable[[Any, Reader], str]:
    def text(row: LoggedUse, read: Reader) -> str:
        return "\n".join(signature_text(one, read) for one in row.signed if one.post == post)

    return text


def viewing_columns(document: ViewingRegister) -> list[RegisterColumn]:
    """With the posts of its log book; those of the first five cells are called as the text has them."""
    column = RegisterColumn
    signed = [column(f"signed-{number}", Message(post), _signed_by(post)) for number, post in enumerate(document.posts)]
    return [
        column("day", message("register.day", "Day"), _on("day")),
        column("time", message("register.time", "Time"), _span),
        column("applicant", APPLICANT, _applicant),
        column("words", WORDS, _plain("words"), "applicant", bare=True),
        column("number", NUMBER, _plain("number"), "applicant"),
        column("entry", message("register.entry", "Row"), _plain("entry"), "applicant"),
        column("subject", message("register.subject", "Subject"), _plain("subject")),
        column("use", message("register.use", "What was done"), _use),
        column("footage", FOOTAGE, _footage("parts"), "use"),
        column("state", message("register.state", "Filming"), partial(_words, STATES, "state"), "use"),
        column("present", message("register.present", "Present"), _plain("present"), "use"),
        column("operator", message("register.operator", "Shown by"), _person("operator"), "use"),
        column("account", message("register.account", "Account"), _plain("account"), "use"),
        column("companion", message("register.companion", "Accompanied by"), _person("companion"), "use"),
        column("made", message("register.made", "Copy or pin"), _plain("made"), "use"),
        column("fingerprint", FINGERPRINT, _plain("fingerprint"), "use"),
        column("medium", MEDIUM, _plain("medium"), "use"),
        column("receiver", RECEIVER, _plain("receiver"), "use"),
        column("leaves", LEAVES, _leaves, "use"),
        *signed,
    ]


# --- requests


def _outcome(row: RegisteredRequest, read: Reader) -> str:
    return read(OUTCOMES[row.outcome])


def request_columns(_: OfficeRegister) -> list[RegisterColumn]:
    column = RegisterColumn
    return [
        column("received", message("register.received", "Received"), _on("received")),
        column("number", NUMBER, _plain("number"), "received", bare=True),
        column("applicant", APPLICANT, _applicant),
        column("words", WORDS, _plain("words"), "applicant", bare=True),
        column("asked", message("register.asked", "Asked for"), _footage("asked")),
        column("uses", message("register.uses", "Uses"), partial(_several, ASKED_FOR, "uses"), "asked"),
        column("outcome", message("register.outcome", "Decision"), _outcome),
        column("decided", message("register.decided", "Decided on"), _on("decided"), "outcome"),
        column("granted", message("register.granted", "Granted"), partial(_several, ASKED_FOR, "granted"), "outcome"),
        column("scope", message("register.scope", "Granted footage"), _footage("scope"), "outcome"),
        column("replied", message("register.replied", "Reply"), _on("replied")),
        column("letter", message("register.letter", "Letter"), _plain("letter"), "replied"),
        column(
            "delivery", message("register.delivery", "Delivery"), partial(_words, DELIVERIES, "delivery"), "replied"
        ),
        column("days", message("register.days", "Days to the reply"), _plain("days"), "replied"),
        column("last", message("register.last", "Last day"), _on("last"), "replied"),
        column("viewings", message("register.viewings", "Viewings"), _plain("viewings")),
        column("copies", message("register.copies", "Copies"), _plain("copies")),
        column("closed", message("register.closed", "Closed"), _on("closed")),
        column("filed", message("register.filed", "File"), _plain("filed_as"), "closed"),
        column("marks", message("register.marks", "Marks"), partial(_several, MARKS, "marks")),
        column("leaves", LEAVES, _leaves, "marks"),
    ]


# --- copies


def _kept(row: RegisteredCopy, read: Reader) -> str:
    if not row.kept:
        return read.phrase("register.kept.none", "none")
    if row.ours is None:
        return read.phrase("register.kept.there", "kept")
    return f"{read(DISPOSALS[row.ours])} {_day(row.ours_on)}".rstrip()


def _handed_out(row: RegisteredCopy, read: Reader) -> str:
    if row.handed_out is not None:
        return f"{read(DISPOSALS[row.handed_out])} {_day(row.handed_out_on)}".rstrip()
    nobody = row.handed is None and row.ours is not None
    return read.phrase("register.handed-out.nobody", "handed to nobody") if nobody else ""


def copy_columns(_: OfficeRegister) -> list[RegisterColumn]:
    column = RegisterColumn
    return [
        column("made", message("register.copied", "Made"), _at("made")),
        column("copy", message("register.copy", "Copy"), _plain("copy_id"), "made", bare=True),
        column("number", NUMBER, _plain("number"), "made"),
        column("applicant", APPLICANT, _applicant),
        column("words", WORDS, _plain("words"), "applicant", bare=True),
        column("footage", FOOTAGE, _footage("parts")),
        column("fingerprint", FINGERPRINT, _plain("fingerprint"), "footage"),
        column("secrecy", message("register.secrecy", "Secrecy"), _plain("secrecy")),
        column("declassify", message("register.declassify", "Declassified"), _plain("declassify"), "secrecy"),
        column("handed", message("register.handed", "Receipt"), _on("handed")),
        column("receiver", RECEIVER, _plain("receiver"), "handed"),
        column("identity", message("register.identity", "Known by"), _plain("identity"), "handed"),
        column("medium", MEDIUM, _plain("medium"), "handed"),
        column("fee", message("register.fee", "Fee"), _plain("fee"), "handed"),
        column("destroy-by", message("register.destroy-by", "To be destroyed by"), _at("destroy_by")),
        column("ours", message("register.ours", "The office's own"), _kept),
        column("handed-out", message("register.handed-out", "What was handed over"), _handed_out),
        column("leaves", LEAVES, _leaves, "handed-out"),
    ]


def columns(document: OfficeRegister) -> list[RegisterColumn]:
    """Those of its rows."""
    match document:
        case ViewingRegister():
            return viewing_columns(document)
        case CopyRegister():
            return copy_columns(document)
    return request_columns(document)


def rows(document: OfficeRegister) -> Sequence[RegisterRow]:
    match document:
        case ViewingRegister() | CopyRegister() | RequestRegister() | YearRegister():
            return document.rows
    raise TypeError(document)


WHY: Final = message("register.why", "Why nothing can be told of it")


def unreadable_columns() -> list[RegisterColumn]:
    column = RegisterColumn
    return [
        column("number", NUMBER, _plain("number")),
        column("received", message("register.received", "Received"), _on("received")),
        column("row", message("register.row", "Procedure"), _plain("row")),
        column("why", WHY, _why),
        column("leaves", LEAVES, _leaves),
    ]


def _why(row: UnreadableRow, read: Reader) -> str:
    return read(row.why.told)


# --- the year


COUNTED: Final[Mapping[str, Message]] = {
    "received": message("register.count.received", "received"),
    **{name.replace("-", "_"): words for name, words in OUTCOMES.items()},
    "unreadable": message("register.count.unreadable", "unreadable"),
    "open": message("register.count.open", "not closed"),
    "overdue": MARKS["overdue"],
    "late": MARKS["late"],
    "viewings": message("register.viewings", "Viewings"),
    "copies": message("register.copies", "Copies"),
}


def counts_text(counts: RegisterCounts, read: Reader) -> list[tuple[str, str, str]]:
    """Field, heading and count."""
    return [(name, read(words), str(getattr(counts, name))) for name, words in COUNTED.items()]


def month_columns() -> list[RegisterColumn]:
    column = RegisterColumn
    return [
        column("month", message("register.month", "Month"), _plain("month")),
        column("class", message("register.class", "Who asks"), partial(_words, APPLICANTS, "applicant")),
        column("outcome", message("register.outcome", "Decision"), partial(_words, OUTCOMES, "outcome")),
        column("requests", message("register.requests", "Requests"), _plain("requests")),
        column("median", message("register.median", "Days to the reply, median"), _median),
        column("longest", message("register.longest", "Longest"), _plain("longest_days")),
    ]


def _median(row: RegisterMonth, _: Reader) -> str:
    return "" if row.median_days is None else f"{row.median_days:g}"


def cells(made: Iterable[RegisterColumn]) -> list[tuple[RegisterColumn, list[RegisterColumn]]]:
    """A cell each, with the lines in it, its own the first."""
    every = list(made)
    return [(one, [one, *(other for other in every if other.within == one.field)]) for one in every if not one.within]
