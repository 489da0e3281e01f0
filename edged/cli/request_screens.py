"""What `edgectl request` and `edgectl look` show. What is to be done now stands first: a visitor stands at the counter.

Legal days are written as an office stamps them (115.11.25), times of footage as `--from` and `--to` take them. `today`
is the site's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import PurePosixPath
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from edged.cli.formatting import REQUEST_STATES, clean, colon, local, table, text
from edged.cli.options import OUTSIDE
from edged.documents import office as documents
from edged.documents.base import Told
from edged.office.next_steps import post_words
from edged.office.request import DELIVERIES, DISPOSALS, USES
from edged.profiles.procedures import Use
from edged.words.catalogue import Reader
from edged.words.units import roc_day
from storage.words.message import Message, format_size, message

STYLES: Final = {
    "deciding": "bold cyan",
    "supplement": "bold yellow",
    "granted": "bold green",
    "refused": "bold red",
    "unreadable": "bold red",
}
PHASES: Final[Mapping[str, Message]] = {
    "application": message("office.phase.application", "Form"),
    "viewing": message("office.phase.viewing", "Form, at the viewing"),
    "keeping": message("office.phase.keeping", "Form, where something is kept"),
    "afterwards": message("office.phase.afterwards", "Form, afterwards"),
}
VIEWINGS: Final[Mapping[str, Message]] = {
    "open": message("office.viewing.open", "open"),
    "ended": message("office.viewing.ended", "ended"),
    "cut": message("office.viewing.cut", "cut by a fault"),
}
SOON_DAYS: Final = 2
"""The alarm comes as early."""
NOT_NOW: Final = Message("–")


# --- words -----------------------------------------------------------------------------------------------------------


def status_word(status: str, read: Reader) -> Text:
    return Text(read(REQUEST_STATES[status]), style=STYLES.get(status, "bold"))


def label(one: documents.FormField) -> str:
    """As the annex calls it, with the heading that it stands under."""
    return f"{one.under} {one.words}" if one.under else one.words


def post_of(step: documents.Step) -> Message:
    """With whose it is, where that is not the whole office."""
    return post_words(step.post, step.unit)


def name_of(one: documents.Who) -> Message:
    if one.name:
        return Message(clean(one.name))
    if one.person == OUTSIDE:
        return message("office.applicant", "the applicant")
    return message("office.person-numbered", "person {person}", person=one.person)


def _days(count: int) -> Message:
    if count == 1:
        return message("office.days.one", "1 day")
    return message("office.days.many", "{count} days", count=count)


def _left(one: documents.ShownDeadline) -> Message:
    days = one.left_days
    if days is None:
        return message("office.deadline.owed", "as soon as possible")
    if days < 0:
        return message("office.deadline.over", "{days} over", days=_days(-days))
    if days == 0:
        return message("office.deadline.today", "today")
    return message("office.deadline.left", "{days} left", days=_days(days))


def _urgency(one: documents.ShownDeadline) -> str:
    if one.left_days is None:
        return "yellow"
    if one.left_days < 0:
        return "bold red"
    return "yellow" if one.left_days <= SOON_DAYS else ""


# --- one request, for a list -----------------------------------------------------------------------------------------


def list_screen(document: documents.RequestList, read: Reader) -> RenderableType:
    if not document.requests:
        return Text(read.phrase("office.list.none", "No requests; with --all also those that are closed."))
    shut = [] if document.open else [text(read(_not_open()), "yellow")]
    made = table(
        read.phrase("office.list.number", "Number"),
        read.phrase("office.list.received", "Received"),
        read.phrase("office.list.asker", "Who asks"),
        read.phrase("screen.state", "State"),
        read.phrase("office.list.next", "Next"),
        read.phrase("office.list.deadline", "Deadline"),
        folds=(2, 3, 4),
    )
    for one in document.requests:
        ends = Text("–")
        if one.deadline is not None:
            last = "" if one.deadline.day is None else f"{roc_day(one.deadline.day)}\n"
            ends = Text(f"{last}{read(_left(one.deadline))}")
            ends.stylize(_urgency(one.deadline))
        state = status_word(one.status, read)
        for mark in _marks(one):
            state.append(f"\n{read(mark)}", "not bold dim")
        asker = Text(clean(one.row)).append(f"\n{clean(one.words)}" if one.words else "", "dim")
        made.add_row(text(one.number, "bold"), roc_day(one.received), asker, state, text(one.next or "–"), ends)
    why = [
        text(f"{one.number}{colon(read)}{read(one.unreadable.told)}", "red")
        for one in document.requests
        if one.unreadable is not None
    ]
    return Group(*shut, made, *why)


def _not_open() -> Message:
    return message(
        "office.list.shut", "The office is not opened: each copy and each picture takes a second person until it is."
    )


def _marks(one: documents.RequestLine) -> Iterator[Message]:
    if not one.own:
        yield message("office.mark.other-box", "of another box")
    if one.erased:
        yield message("office.mark.erased", "persons erased")


# --- one request -----------------------------------------------------------------------------------------------------


def show_screen(document: documents.RequestShow, read: Reader) -> RenderableType:
    one = document.request
    return Group(
        heading(one, read),
        *_to_do(one, read),
        *_section(read.phrase("office.show.chain", "Chain"), _chain(one.chain, one, read)),
        *_section(read.phrase("office.show.keeping", "Keeping is approved by"), _chain(one.keeping, None, read)),
        *_section(read.phrase("office.show.checks", "Checks"), checks_table(one, read)),
        *_asked(one, read),
        *_held(one, read),
        *_viewings(one, read),
        *_afterwards(one, read),
        *_section(read.phrase("office.show.deadlines", "Deadlines"), _deadlines(one, read)),
        *_form(one, read),
    )


def acted_screen(document: documents.RequestShow, read: Reader) -> RenderableType:
    """How it stands after what was just done."""
    return Group(heading(document.request, read), *_remarks(document, read), *_to_do(document.request, read))


def closed_screen(document: documents.RequestShow, read: Reader) -> RenderableType:
    """How it stands once it is closed, and how its file is printed."""
    one = document.request
    empty = [label(field) for field in empty_fields(one) if one.granted]
    told = read.phrase(
        "office.close.empty",
        "closed with fields of its form empty, which is a finding: {fields}",
        fields=empty or ["–"],
    )
    command = read.phrase(
        "office.close.print", "Print its file: edgectl request print {number} --paper case-file", number=one.number
    )
    return Group(acted_screen(document, read), *([text(told, "yellow")] if empty else []), "", text(command))


def slip_screen(document: documents.RequestShow, read: Reader) -> RenderableType:
    """What whoever asks is told and takes along; then what is odd, for the clerk, and what comes next."""
    one = document.request
    number = Panel.fit(Text(f"  {clean(one.number)}  ", style="bold"), padding=(1, 2))
    slip = [text(read(line.told)) for line in document.slip]
    printed = read.phrase(
        "office.new.print", "Print its slip: edgectl request print {number} --paper slip", number=one.number
    )
    return Group(
        number,
        *slip,
        text(printed),
        *_cannot(one, read),
        "",
        heading(one, read),
        *_remarks(document, read),
        *_to_do(one, read),
    )


def heading(one: documents.ShownRequest, read: Reader) -> RenderableType:
    """Number and state; who asks and since when; until when; what is out of the ordinary."""
    first = Text(clean(one.number), style="bold").append("  ").append_text(status_word(one.status, read))
    for mark in _marks(one):
        first.append(f"  {read(mark)}", "not bold dim")
    day = Message(roc_day(one.received))
    since = message("office.show.received", "received {day}", day=day)
    if not one.synchronised:
        since = message(
            "office.show.unsynchronised", "received {day}, as typed: the clock was not synchronised", day=day
        )
    words = Message(one.words)
    if one.applicant is not None:
        words = message("office.show.applicant", "{words} {who}", words=one.words, who=name_of(one.applicant))
    lines = [text(read.phrase("office.show.asker", "{row} {words}, {since}", row=one.row, words=words, since=since))]
    if one.deadline is not None:
        lines.append(_deadline(one.deadline, read))
    return Group(first, *lines, *(text(read(mark), "yellow") for mark in _unusual(one)))


def _unusual(one: documents.ShownRequest) -> Iterator[Message]:
    if one.unreadable is not None:
        yield one.unreadable.told
    if one.nameless and one.erased:
        yield message("office.show.erased", "Its persons are erased, as is to be; the case stays.")
    elif one.nameless:
        yield message(
            "office.show.nameless", "Its persons are lost with their key: see the paper, and enter them again."
        )
    if one.private:
        yield message("office.show.private", "Words of persons are left out: you have no part in this request.")


def _to_do(one: documents.ShownRequest, read: Reader) -> list[RenderableType]:
    lacking = [label(field) for field in empty_fields(one) if one.status != "closed"]
    lines = [text(f"→ {read(todo.told)}", "bold") for todo in one.todo]
    if lacking:
        empty = read.phrase("office.show.empty", "still empty in the form: {fields}", fields=lacking)
        lines.append(text(f"  {empty}", "yellow"))
    return _section(read.phrase("office.show.todo", "To do now"), Group(*lines)) if lines else []


def empty_fields(one: documents.ShownRequest) -> list[documents.FormField]:
    """Of its form, as far as it has come and its words may be read."""
    return [] if one.private or one.nameless else [field for field in one.fields if _is_due(field, one)]


def _is_due(field: documents.FormField, one: documents.ShownRequest) -> bool:
    """It is required, its moment has come, and nothing stands in it."""
    return field.required and field.applies and not field.value.strip() and _has_come(field.phase, one)


def _has_come(phase: str, one: documents.ShownRequest) -> bool:
    return {"application": True, "keeping": one.kept}.get(phase, bool(one.viewings))


def _remarks(document: documents.RequestShow, read: Reader) -> list[RenderableType]:
    if not document.remarks:
        return []
    title = read.phrase("office.show.remarks", "Odd, and may stand as it is written")
    lines = [text(f"{one.words}{colon(read)}{read(one.told.told)}", "yellow") for one in document.remarks]
    mended = read.phrase(
        "office.show.mend",
        "corrected by: edgectl request supplement {number} --field NAME=TEXT",
        number=document.request.number,
    )
    return _section(title, Group(*lines, text(f"→ {mended}")))


def _section(title: str, content: RenderableType | None) -> list[RenderableType]:
    return [] if content is None else ["", Text(title, style="bold"), Padding(content, (0, 0, 0, 2))]


def _deadline(one: documents.ShownDeadline, read: Reader) -> Text:
    if one.day is None:
        words = read.phrase("office.deadline.no-day", "{what}: {left}", what=one.what.told, left=_left(one))
    else:
        words = read.phrase(
            "office.deadline", "{what} {day}, {left}", what=one.what.told, day=roc_day(one.day), left=_left(one)
        )
    return text(words, _urgency(one))


def _deadlines(one: documents.ShownRequest, read: Reader) -> RenderableType | None:
    """The first of them stands in the heading."""
    return Group(*(_deadline(each, read) for each in one.deadlines)) if len(one.deadlines) > 1 else None


def _chain(chain: Sequence[documents.Step], one: documents.ShownRequest | None, read: Reader) -> RenderableType | None:
    """`one`: whose next step is marked."""
    if not chain:
        return None
    now = next((number for number, step in enumerate(chain) if step.lacking), len(chain))
    made = table("", "", "", folds=(1, 2))
    made.show_header = False
    for number, step in enumerate(chain):
        is_next = number == now and one is not None and bool(one.next)
        signed = [text(read(_signature(each))) for each in step.signed]
        if not signed:
            signed.append(
                Text(read.phrase("office.chain.next", "← is next"), "bold yellow") if is_next else Text("–", "dim")
            )
        if (is_next or step.signed) and any(step.lacking):
            units = read.phrase(
                "office.chain.units", "still lacking: {units}", units=[unit for unit in step.lacking if unit]
            )
            signed.append(text(units, "yellow"))
        made.add_row(str(number + 1), text(read(post_of(step)), "bold" if is_next else ""), Group(*signed))
    return made


def _signature(one: documents.ShownSignature) -> Message:
    signer = name_of(one.by)
    if one.unit:
        signer = message("office.signed.unit", "{who} ({unit})", who=signer, unit=one.unit)
    if one.deputy:
        signer = message("office.signed.deputy", "{who}, as deputy (代為決行)", who=signer)
    if one.door == "login":
        return signer
    by, day = NOT_NOW if one.entered_by is None else name_of(one.entered_by), roc_day(one.day or "")
    if one.door == "word":
        return message("office.signed.word", "{who}, by telephone {day}; entered by {by}", who=signer, day=day, by=by)
    if one.scan is None:
        return message("office.signed.paper", "{who}, on paper {day}; entered by {by}", who=signer, day=day, by=by)
    return message(
        "office.signed.scan",
        "{who}, on paper {day} (scan {scan}); entered by {by}",
        who=signer,
        day=day,
        scan=one.scan,
        by=by,
    )


def checks_table(one: documents.ShownRequest, read: Reader) -> RenderableType | None:
    """Numbered as `request check` takes them."""
    if not one.checks:
        return None
    made = table("", "", "", folds=(1, 2))
    made.show_header = False
    for number, check in enumerate(one.checks, 1):
        if check.applies or check.outcome is not None:
            made.add_row(str(number), text(check.words), _outcome(check, read))
    return made


def _outcome(check: documents.ShownCheck, read: Reader) -> Text:
    if check.outcome is None:
        choices = "  ".join(f"{number} {outcome}" for number, outcome in enumerate(check.outcomes, 1))
        return Text(read.phrase("office.check.open", "not yet: {choices}", choices=choices), style="yellow")
    by = Message("") if check.by is None else name_of(check.by)
    if check.document:
        return text(
            read.phrase(
                "office.check.document",
                "{outcome}: {document} ({by})",
                outcome=check.outcome,
                document=check.document,
                by=by,
            )
        )
    return text(read.phrase("office.check.outcome", "{outcome} ({by})", outcome=check.outcome, by=by))


def parts_table(parts: Iterable[documents.Part], read: Reader) -> RenderableType:
    made = table("", "")
    made.show_header = False
    for one in parts:
        made.add_row(text(one.camera, "bold"), f"{local(one.start, read)} – {local(one.end, read)}")
    return made


def _asked(one: documents.ShownRequest, read: Reader) -> Iterator[RenderableType]:
    """And what was granted of it."""
    lines: list[RenderableType] = []
    if one.asked:
        lines.append(parts_table(one.asked, read))
    else:
        nothing = read.phrase("office.show.nothing", "nothing yet: no camera or no time of the form can be read")
        lines.append(text(nothing, "yellow"))
    uses: list[str] = [USES[use] for use in one.uses]
    asked = read.phrase("office.show.asked", "Asked for: {uses}", uses=uses or [NOT_NOW])
    yield from _section(asked, Group(*lines, *_cannot(one, read)))
    if one.granted:
        granted = read.phrase("office.show.granted", "Granted: {uses}", uses=[USES[use] for use in one.granted])
        pending = read.phrase("office.show.word", "by word; the signature is still missing")
        missing = [text(pending, "yellow")] if one.word_pending else []
        yield from _section(granted, Group(parts_table(one.scope, read), *missing))


def _cannot(one: documents.ShownRequest, read: Reader) -> Iterator[RenderableType]:
    """What whoever asks may not have, and what to do instead."""
    beyond = [use for use in one.uses if use not in one.may]
    if beyond and one.granted is None:
        words = read.phrase(
            "office.show.cannot",
            "by this procedure ({clause}) it cannot have: {uses}",
            clause=one.clauses[0],
            uses=[USES[use] for use in beyond],
        )
        yield text(words, "yellow")
    if one.instead and (beyond or set(one.may) <= {Use.LOOK}):
        yield text(read.phrase("office.show.instead", "instead: {words}", words=one.instead))


def _held(one: documents.ShownRequest, read: Reader) -> list[RenderableType]:
    if not one.held:
        return []
    made = table("", "", folds=(1,))
    made.show_header = False
    for each in one.held:
        when = Text(f"{local(each.start, read)} – {local(each.end, read)}")
        if each.why_not is not None:
            why = read.phrase("office.held.not", "not held: {why}", why=each.why_not.told)
            when.append(f"\n{clean(why)}", "bold red")
        elif each.pin is not None:
            when.append(f"  {clean(each.pin)}", "dim")
        made.add_row(text(each.camera, "bold"), when)
    return _section(read.phrase("office.show.held", "Held as long as the case lasts"), made)


def _viewings(one: documents.ShownRequest, read: Reader) -> list[RenderableType]:
    lines: list[RenderableType] = []
    if one.appointed is not None:
        moment = local(one.appointed, read)
        lines.append(text(read.phrase("office.show.appointed", "appointed for {moment}", moment=moment)))
    for number, each in enumerate(one.viewings, 1):
        words = read.phrase(
            "office.show.viewing",
            "{number}: {day}, {state}; shown by {operator}, with {companion} ({post})",
            number=number,
            day=roc_day(each.day),
            state=VIEWINGS[each.state],
            operator=name_of(each.operator),
            companion=name_of(each.companion),
            post=one.companion,
        )
        lines.append(text(words, "bold yellow" if each.state == "open" else ""))
        if each.present:
            there = read.phrase("office.show.present", "there: {present}", present=each.present)
            lines.append(Padding(text(there), (0, 0, 0, 3)))
    if one.paper_unseen and one.granted:
        unseen = read.phrase(
            "office.show.unseen", "none, before a second person has seen the paper (request check --paper)"
        )
        lines.append(text(unseen, "yellow"))
    return _section(read.phrase("office.show.viewings", "Viewings"), Group(*lines)) if lines else []


def _afterwards(one: documents.ShownRequest, read: Reader) -> Iterator[RenderableType]:
    """Copies, what is kept, rows of the log book, the answer, and why it went as it did."""
    lines: list[RenderableType] = [*(_copy(each, read) for each in one.copies)]
    if one.kept:
        pins = [made for made in one.made if made not in {each.id for each in one.copies}]
        kept = read.phrase("office.show.kept-as", "kept in the office (保存): {pins}", pins=pins or [NOT_NOW])
        lines.append(text(kept))
    if lines:
        yield from _section(read.phrase("office.show.copies", "Copies"), Group(*lines))
    yield from _section(read.phrase("office.show.log-book", "Log book (影音應用記錄簿)"), _log_book(one.entries, read))
    if one.replied is not None:
        yield ""
        how = [*([clean(one.letter)] if one.letter else []), *([DELIVERIES[one.delivery]] if one.delivery else [])]
        day = roc_day(one.replied)
        answered = read.phrase("office.show.replied", "Answered {day}", day=day)
        if how:
            answered = read.phrase("office.show.replied-how", "Answered {day}: {how}", day=day, how=how)
        yield text(answered, "bold")
    if one.reasons:
        reasons = Group(*(text(f"{number}  {each}") for number, each in enumerate(one.reasons, 1)))
        yield from _section(read.phrase("office.show.reasons", "Reasons given, in order"), reasons)
    if one.filed_as:
        yield ""
        yield text(read.phrase("office.show.filed", "File (檔號): {number}", number=one.filed_as), "bold")


def _copy(one: documents.ShownCopy, read: Reader) -> RenderableType:
    """Its secrecy, who has it, and what has become of it."""
    first = text(one.id, "bold")
    if one.secrecy is not None:
        secrecy = message(
            "office.copy.secret",
            "{secrecy}, declassified: {until}",
            secrecy=one.secrecy,
            until=one.declassify or NOT_NOW,
        )
        first.append(f"  {read(secrecy)}", "not bold")
    if one.receipt is None and one.ours is not None:
        nobody = message("office.copy.nothing", "it was handed to nobody: {what}", what=DISPOSALS[one.ours])
        return Group(first, Padding(text(read(nobody)), (0, 0, 0, 2)))
    lines = [*_receipt(one.receipt, read)]
    if one.handed_out is not None:
        lines.append(text(read.phrase("office.copy.handed-out", "handed over: {what}", what=DISPOSALS[one.handed_out])))
    if one.ours is not None:
        lines.append(text(read.phrase("office.copy.ours", "the office's own: {what}", what=DISPOSALS[one.ours])))
    elif one.kept and one.receipt is not None:
        lines.append(text(read.phrase("office.copy.kept", "the office keeps one of it (request destroyed)")))
    return Group(first, Padding(Group(*lines), (0, 0, 0, 2)))


def _receipt(one: documents.ShownReceipt | None, read: Reader) -> Iterator[Text]:
    if one is None:
        yield text(read.phrase("office.copy.unsigned", "nobody has signed for it (簽收)"), "yellow")
        return
    if one.receiver:
        who = message("office.copy.by", "{receiver} ({identity})", receiver=one.receiver, identity=one.identity)
    else:
        who = NOT_NOW
    words = read.phrase(
        "office.copy.signed",
        "signed for {day}: {who}, {medium}",
        day=roc_day(one.day),
        who=who,
        medium=one.medium or "–",
    )
    yield text(words)
    if one.fee is not None:
        yield text(read.phrase("office.copy.fee", "paid (費用): {dollars} dollars", dollars=one.fee))
    if one.fingerprint:
        yield text(read.phrase("office.copy.fingerprint", "SHA-256 {fingerprint}", fingerprint=one.fingerprint), "dim")


def _log_book(entries: Sequence[documents.ShownEntry], read: Reader) -> RenderableType | None:
    """By the version that `register sign` takes."""
    if not entries:
        return None
    made = table("", "", "", folds=(2,))
    made.show_header = False
    for one in entries:
        signed = [text(f"{clean(each.post)}{colon(read)}{read(_signature(each))}") for each in one.signed]
        if one.lacking:
            lacking = read.phrase("office.entry.lacking", "not signed by: {posts}", posts=one.lacking)
            signed.append(text(lacking, "yellow"))
        made.add_row(str(one.version), text(read(USES[one.use])), Group(*signed))
    return made


def _form(one: documents.ShownRequest, read: Reader) -> Iterator[RenderableType]:
    """Field by field as the annex has them; those that do not apply are left out."""
    if one.private or one.nameless:
        shown = [each for each in one.fields if each.value]
    else:
        shown = [each for each in one.fields if each.value or (each.applies and _has_come(each.phase, one))]
    for phase, fields in groupby(shown, lambda each: each.phase):
        made = table("", "", folds=(0, 1))
        made.show_header = False
        for under, group in groupby(fields, lambda each: each.under):
            if under:
                made.add_row(text(under, "dim"), "")
            for each in group:
                value = each.value or read.phrase("office.form.empty", "(empty)")
                name = f"  {each.words}" if under else each.words
                made.add_row(text(name, "dim"), _lines(value, "" if each.value else "dim"))
        yield from _section(read(PHASES[phase]), made)


def _lines(value: str, style: str) -> Text:
    """Of a field with several lines."""
    return Text("\n").join(text(line, style) for line in value.splitlines())


# --- before something is done ----------------------------------------------------------------------------------------


def grant_screen(
    one: documents.ShownRequest, uses: Sequence[str], parts: Sequence[documents.PartAsked], read: Reader
) -> RenderableType:
    """What will be granted, beside what was asked for."""
    granted = [documents.Part(camera=part.camera, start=part.start, end=part.end) for part in parts]
    title = read.phrase(
        "office.grant.what", "{number} is granted: {uses}", number=one.number, uses=[USES[use] for use in uses]
    )
    left_out = [use for use in one.uses if use not in uses]
    lines: list[RenderableType] = [text(title, "bold"), Padding(parts_table(granted, read), (0, 0, 0, 2))]
    if left_out:
        out = read.phrase(
            "office.grant.not", "not granted of what was asked for: {uses}", uses=[USES[use] for use in left_out]
        )
        lines.append(text(out, "yellow"))
    if granted != one.asked:
        lines += [
            text(read.phrase("office.grant.asked", "asked for was:")),
            Padding(parts_table(one.asked, read), (0, 0, 0, 2)),
        ]
    return Group(*lines, *_section(read.phrase("office.show.checks", "Checks"), checks_table(one, read)))


def paper_screen(one: documents.ShownRequest, read: Reader) -> RenderableType:
    """What a second person holds against the paper; of the applicant nothing is said."""
    made = table("", "", folds=(0, 1))
    made.show_header = False
    for step in (*one.chain, *one.keeping):
        for each in step.signed:
            if each.door != "login":
                nameless = each.model_copy(update={"by": documents.Who(person=OUTSIDE, name="")})
                shown = nameless if step.kind == "apply" else each
                made.add_row(text(read(post_of(step))), text(read(_signature(shown))))
    parts = one.scope or one.asked
    return Group(
        text(read.phrase("office.paper.number", "Paper of {number}", number=one.number), "bold"),
        Padding(parts_table(parts, read), (0, 0, 0, 2)),
        Padding(made, (0, 0, 0, 2)),
    )


# --- footage ---------------------------------------------------------------------------------------------------------


def view_screen(document: documents.RequestView, read: Reader) -> RenderableType:
    one = document.request
    shown = documents.RequestShow(request=one, remarks=[], slip=[])
    if document.directory is None:
        return acted_screen(shown, read)
    lies = read.phrase(
        "office.view.open",
        "{number}: the films lie in {directory}, until the viewing is ended:",
        number=one.number,
        directory=document.directory,
    )
    end = read.phrase("office.view.end", "End it with: edgectl request view {number} --end", number=one.number)
    return Group(text(lies, "bold"), *_files(document.files, document.lacking, read), "", text(end))


def look_screen(document: documents.ShownLook, read: Reader) -> RenderableType:
    if document.directory is None:
        return Text(read.phrase("office.look.over", "It is over: what was laid out is removed."))
    lies = read.phrase("office.look.open", "The films lie in {directory}:", directory=document.directory)
    until = [
        text(read.phrase("office.look.until", "They are removed {moment}, or with: edgectl look --end", moment=moment))
        for moment in ([local(document.until, read)] if document.until else [])
    ]
    return Group(text(lies, "bold"), *_files(document.files, document.lacking, read), "", *until)


def _files(files: Sequence[documents.ShownFile], lacking: Sequence[Told], read: Reader) -> Iterator[RenderableType]:
    """The name of each on a line of its own, so that it can be copied."""
    made = table("", "", "", folds=(1,))
    made.show_header = False
    for one in files:
        film = Text(f"{local(one.start, read)} – {local(one.end, read)}")
        film.append(f"\n{clean(PurePosixPath(one.path).name)}", "bold")
        made.add_row(text(one.camera, "bold"), film, format_size(one.bytes))
    nothing = read.phrase("office.view.nothing", "nothing of it is there")
    yield Padding(made if files else text(nothing, "bold red"), (0, 0, 0, 2))
    for why in lacking:
        yield text(read(why.told), "yellow")


def kept_screen(document: documents.RequestCopy, read: Reader) -> RenderableType:
    """What `--keep` came to."""
    shown = acted_screen(documents.RequestShow(request=document.request, remarks=[], slip=[]), read)
    if document.pin is None:
        asked = read.phrase("office.keep.asked", "Keeping it is asked for, and approved by those who sign for it.")
        return Group(text(asked), "", shown)
    kept = read.phrase("office.keep.done", "It is kept in the office as {pin}.", pin=document.pin.id)
    return Group(text(kept), "", shown)
