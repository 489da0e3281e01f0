"""The form of a request as it is typed: asked for field by field, read from a file, or printed to be filled in.

Nothing is judged here but which fields apply: what is odd the daemon says, and receives it all the same.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Final, cast

import click

from edged.cli.client import CallError
from edged.cli.formatting import clean
from edged.cli.options import DAY, refused
from edged.cli.output import Session
from edged.cli.request_screens import label
from edged.documents import office as documents
from edged.documents import site
from edged.words import exit_codes, units
from edged.words.catalogue import Reader
from storage.words.errors import said
from storage.words.message import Message, message

APART: Final = "、"
"""Between several choices, cameras."""
TELLS: Final = "："
"""Between a choice and the words for it."""
OPTIONAL: Final = message("office.template.optional", "may stay empty")
EMPTY_ONCE: Final = message("office.form.required", "The form asks for it; Enter again leaves it empty.")
FILE_MAX: Final = 1_000_000
"""Bytes of a form: far more than one has."""
KEYS: Final = ("row", "received", "applicant", "fields")


@dataclass(frozen=True, slots=True)
class Typed:
    """A form."""

    row: str | None = None
    received: date | None = None
    """None: today."""
    applicant: int | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


# --- from a file


def form_in(file: Path, typed: Typed) -> Typed:
    """TOML or JSON, as `--template` prints it. What was typed goes before what it says."""
    form = _tables(file)
    if strange := [name for name in form if name not in KEYS]:
        raise _wrong(
            file,
            message(
                "office.file.keys",
                "it has {names}, which no form has: write {keys}",
                names=[units.shown(name) for name in strange[:5]],
                keys=list(KEYS),
            ),
        )
    row, received, applicant, fields = (form.get(name) for name in KEYS)
    if not isinstance(fields or {}, dict):
        raise _wrong(file, message("office.file.fields", "its fields are no table: write them below [fields]"))
    applicant = applicant if typed.applicant is None else typed.applicant
    if not (applicant is None or (isinstance(applicant, int) and applicant > 0)):
        raise _wrong(
            file, message("office.file.applicant", "its applicant is no number of a person: edgectl person list")
        )
    return replace(
        typed,
        row=typed.row or (None if row is None else str(row)),
        received=typed.received or _day(file, received),
        applicant=applicant,
        fields={str(name): _text(file, str(name), value) for name, value in (fields or {}).items()},
    )


def _tables(file: Path) -> Mapping[str, Any]:
    try:
        with sys.stdin.buffer if str(file) == "-" else file.open("rb") as source:
            data = source.read(FILE_MAX + 1)
    except OSError as error:
        raise _wrong(file, message("office.file.unread", "it cannot be read: {reason}", reason=said(error))) from None
    if len(data) > FILE_MAX:
        raise _wrong(file, message("office.file.large", "it is larger than {limit_bytes}", limit_bytes=FILE_MAX))
    try:
        words = data.decode("utf-8-sig")
        form = json.loads(words) if words.lstrip().startswith("{") else tomllib.loads(words)
    except UnicodeDecodeError:
        raise _wrong(file, message("office.file.not-utf8", "it is not UTF-8: write it as text")) from None
    except (ValueError, RecursionError) as error:
        reason = Message(" ".join(str(error).split()))
        told = message("office.file.not-toml", "it is neither TOML nor JSON: {reason}", reason=reason)
        raise _wrong(file, told) from None
    return form if isinstance(form, dict) else {}


def _day(file: Path, value: Any) -> date | None:
    if value is None or value == "":
        return None
    try:
        return units.parse_day(str(value))
    except units.UnitError as error:
        raise _wrong(file, message("office.file.received", "received: {reason}", reason=error.said)) from None


def _text(file: Path, name: str, value: Any) -> str:
    """Also of what TOML and JSON have beside text; of a list, its parts."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return APART.join(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float | date):
        told = message("office.file.no-text", "{name} is no text: write it between quotes", name=units.shown(name))
        raise _wrong(file, told)
    return str(value)


def _wrong(file: Path, reason: Message) -> click.UsageError:
    return refused("--file", message("office.file.wrong", "{file}: {reason}", file=str(file), reason=reason))


# --- to be filled in


def title(one: documents.ShownProcedure) -> str:
    """Of a procedure: its row, the annex, who asks."""
    return " ".join(filter(None, (one.row, one.form, one.words)))


def template(one: documents.ShownProcedure, read: Reader) -> str:
    """TOML that `form_in` reads: what each field wants stands above it."""
    use = read.phrase("office.template.use", "Fill it in, then: edgectl request new --file FILE")
    received = read.phrase("office.template.received", "such as 115.11.25; empty: today")
    applicant = read.phrase("office.template.applicant", "who asks, of the office: a number of edgectl person list")
    lines = [f"# {clean(title(one))}", f"# {use}", "", f'row = "{one.row}"', f'received = ""  # {received}']
    lines.append(f"{'' if one.staff else '# '}applicant = 0  # {applicant}")
    lines += ["", "[fields]"]
    for each in _of_application(one):
        lines += [f"# {clean(words)}" for words in _described(one, each, read)]
        lines.append(f"{each.name} = {units.quoted(each.choices[0] if len(each.choices) == 1 else '')}")
    return "".join(f"{line}\n" for line in lines)


def _described(one: documents.ShownProcedure, each: documents.FormField, read: Reader) -> Iterator[str]:
    required = message("office.template.required", "required")
    yield f"{label(each)} ({read(required if each.required else OPTIONAL)})"
    if each.hint is not None:
        yield f"  {read(each.hint.told)}"
    elif each.choices:
        yield f"  {APART.join(each.choices)}"
    if each.when_field:
        names = {known.name: label(known) for known in one.fields}
        yield "  " + read.phrase(
            "office.template.when",
            "only where {field} is {choice}",
            field=names.get(each.when_field, each.when_field),
            choice=each.when,
        )


def _of_application(one: documents.ShownProcedure) -> list[documents.FormField]:
    return [each for each in one.fields if each.phase == "application"]


# --- field by field


def ask_form(session: Session, typed: Typed) -> Typed:
    """From whoever sits there. CallError: the profile has no such procedure."""
    procedures = session.read(documents.Procedures, "/v1/procedures").procedures
    asking = _Asking(session)
    one = asking.procedure(procedures, typed.row)
    applicant = typed.applicant
    if one.staff and applicant is None:
        applicant = asking.person()
    received = typed.received or asking.received()
    fields: dict[str, str] = {}
    chosen: dict[str, Sequence[str]] = {}
    wanted = _of_application(one)
    for number, each in enumerate(wanted, 1):
        if each.when_field and each.when not in chosen.get(each.when_field, ()):
            continue
        fields[each.name], chosen[each.name] = asking.field(each, f"{number}/{len(wanted)}")
    return Typed(one.row, received, applicant, {name: value for name, value in fields.items() if value})


class _Asking:
    """At a terminal. Whatever is typed is taken, but what is none of the choices."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._read = session.words

    def procedure(self, procedures: Sequence[documents.ShownProcedure], row: str | None) -> documents.ShownProcedure:
        if not procedures:
            raise CallError(
                message("office.form.no-profile", "this box has no profile, so there is nothing to ask for"),
                message("office.form.no-profile.action", "have [site] profile written: docs/configuration.md"),
                exit_codes.FAILED,
            )
        rows = [one.row for one in procedures]
        if row is None:
            which = self._read.phrase("office.form.which", "Who asks?")
            while not (found := self._numbers(which, [title(one) for one in procedures], rows, several=False)):
                continue
            row = rows[found[0]]
        if row not in rows:
            raise refused("--row", message("office.form.rows", "write one of {rows}", rows=rows))
        one = procedures[rows.index(row)]
        click.secho(clean(title(one)), bold=True)
        return one

    def person(self) -> int:
        """Of the office."""
        asked = self._read.phrase("office.form.person", "Number of whoever asks (edgectl person list)")
        return int(click.prompt(asked, type=click.IntRange(min=1)))

    def received(self) -> date | None:
        """The day of receipt, where the clock does not tell it."""
        if self._session.read(site.Status, "/v1/status").clock.synced:
            return None
        asked = self._read.phrase(
            "office.form.received", "The clock is not synchronised. Day of receipt (收文), such as 115.11.25"
        )
        day: Any = click.prompt(asked, type=DAY)
        return cast("date", day)

    def field(self, one: documents.FormField, place: str) -> tuple[str, Sequence[str]]:
        """What was typed, and which choices of the field that is."""
        title = f"{place}  {clean(label(one))}"
        if not one.required:
            title += f" ({self._read(OPTIONAL)})"
        if len(one.choices) == 1:
            click.echo(f"{title}: {clean(one.choices[0])}")
            return one.choices[0], one.choices
        if one.choices:
            return self._choices(one, title)
        click.secho(title, bold=True)
        if one.kind == "cameras":
            click.secho(f"  {self._cameras}", dim=True)
        if one.hint is not None:
            click.secho(f"  {clean(self._read(one.hint.told))}", dim=True)
        return self._text(required=one.required), ()

    def _text(self, *, required: bool) -> str:
        typed = self._prompt()
        if required and not typed:
            click.echo(f"  {self._read(EMPTY_ONCE)}")
            typed = self._prompt()
        return typed

    def _choices(self, one: documents.FormField, title: str) -> tuple[str, Sequence[str]]:
        several = one.kind == "choices"
        numbers = self._numbers(title, one.choices, one.choices, several=several, optional=not one.required)
        chosen = [choice for number, choice in enumerate(one.choices) if number in numbers]
        told = [choice for choice in chosen if choice != one.open_choice]
        if one.open_choice in chosen:  # its words go on to the end
            click.echo(f"  {clean(one.open_choice)}{TELLS}{self._read.phrase('office.form.in-words', 'in words')}")
            words = self._text(required=True)
            told.append(f"{one.open_choice}{TELLS}{words}" if words else one.open_choice)
        return APART.join(told), chosen

    def _numbers(
        self, title: str, shown: Sequence[str], known: Sequence[str], *, several: bool, optional: bool = False
    ) -> list[int]:
        """Which of them, from 0; asked for until it is one. Twice nothing is none."""
        click.secho(title, bold=True)
        for number, each in enumerate(shown, 1):
            click.echo(f"  {number}  {clean(each)}")
        click.secho("  " + self._how(several=several), dim=True)
        empty = 0
        while True:
            typed = self._prompt()
            if not typed:
                empty += 1
                if optional or empty > 1:
                    return []
                click.echo(f"  {self._read(EMPTY_ONCE)}")
                continue
            parts = [typed] if typed in known else _parts(typed)
            found = [_number_of(part, known) for part in parts]
            if None not in found and (several or len(found) == 1):
                return [one for one in found if one is not None]
            click.echo("  " + self._read.phrase("office.form.not-one", "That is none of them."))

    def _how(self, *, several: bool) -> str:
        if several:
            return self._read.phrase("office.form.several", "Numbers, such as 1,3.")
        return self._read.phrase("office.form.one", "A number.")

    def _prompt(self) -> str:
        typed: str = click.prompt("", default="", show_default=False, prompt_suffix="  > ")
        return typed.strip()

    @property
    def _cameras(self) -> str:
        """Those there are; nothing where that is not told to whoever asks."""
        try:
            known = self._session.read(site.Cameras, "/v1/cameras").cameras
        except CallError:
            return ""
        return clean("  ".join(f"{one.id} {one.name}".strip() for one in known))


def _parts(typed: str) -> list[str]:
    for sign in "、，;；":
        typed = typed.replace(sign, ",")
    return [part.strip() for part in typed.split(",") if part.strip()]


def _number_of(typed: str, known: Sequence[str]) -> int | None:
    """By its number from 1, or its words; from 0."""
    if typed in known:
        return list(known).index(typed)
    number = int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 4 else 0
    return number - 1 if 1 <= number <= len(known) else None
