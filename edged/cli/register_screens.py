"""What `edgectl register` shows on a terminal: the columns that fit; all of them are in the page and in the CSV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from edged.cli.formatting import clean, colon, table, text
from edged.documents import registers as documents
from edged.papers import register_columns
from edged.papers.register_columns import RegisterColumn
from edged.words.catalogue import Reader
from edged.words.units import roc_day
from storage.words.message import message

CELLS: Final[Mapping[str, Sequence[Sequence[str]]]] = {
    "viewings": (
        ("day", "time"),
        ("number", "entry:", "words", "applicant"),
        ("use", "footage", "state"),
        ("lacking",),
    ),
    "requests": (
        ("received", "number"),
        ("applicant", "words"),
        ("outcome", "decided"),
        ("replied", "days:", "last:"),
        ("marks",),
    ),
    "copies": (
        ("made", "copy"),
        ("number", "applicant"),
        ("footage",),
        ("handed", "receiver"),
        ("ours", "handed-out:"),
    ),
}
"""Of each register: fields that share a cell, a line each, with its heading where a colon is behind the name. The
heading of the cell is that of the first one.
"""
FOLDS: Final = (1, 2, 3, 4)


def screen(document: documents.OfficeRegister, read: Reader) -> RenderableType:
    parts: list[RenderableType] = [text(document.title, "bold"), text(_period(document, read), "dim"), Text("")]
    if isinstance(document, documents.YearRegister):
        parts += [*_statistics(document, read), Text("")]
    parts.append(_rows(document, read))
    parts += _unreadable(document, read)
    return Group(*parts)


def _period(document: documents.OfficeRegister, read: Reader) -> str:
    days = read.phrase(
        "register.period", "{first} to {last}", first=roc_day(document.start), last=roc_day(document.end)
    )
    return f"{document.office}  {days}"


def _rows(document: documents.OfficeRegister, read: Reader) -> RenderableType:
    rows = register_columns.rows(document)
    if not rows:
        return Text(read.phrase("register.empty", "Nothing in this interval."))
    columns = {one.field: one for one in (*register_columns.columns(document), LACKING)}
    groups = [[(columns[name.rstrip(":")], name.endswith(":")) for name in names] for names in CELLS[_kind(document)]]
    made = table(*(read(group[0][0].heading) for group in groups), folds=FOLDS)
    for row in rows:
        made.add_row(*(_cell(row, group, read) for group in groups))
    return made


def _kind(document: documents.OfficeRegister) -> str:
    match document:
        case documents.ViewingRegister():
            return "viewings"
        case documents.CopyRegister():
            return "copies"
    return "requests"


def _lacking(row: Any, _: Reader) -> str:
    return "\n".join(row.lacking)


LACKING: Final = RegisterColumn("lacking", message("register.lacking", "Not signed by"), _lacking)


def _cell(row: Any, group: Sequence[tuple[RegisterColumn, bool]], read: Reader) -> Text:
    lines = [_line(one, row, read, headed=headed) for one, headed in group]
    return Text("\n".join(line for line in lines if line))


def _line(one: RegisterColumn, row: Any, read: Reader, *, headed: bool) -> str:
    said = "\n".join(clean(line) for line in one.text(row, read).splitlines())
    return f"{read(one.heading)}{colon(read)}{said}" if said and headed else said


def _statistics(document: documents.YearRegister, read: Reader) -> Iterator[RenderableType]:
    counts = register_columns.counts_text(document.counts, read)
    yield Text("  ".join(f"{words} {count}" for _, words, count in counts))
    columns = register_columns.month_columns()
    yield Text("")
    yield _table(columns, document.months, read)
    for one in document.marked:
        words = read(register_columns.MARKS[one.mark])
        yield Text(f"{words}{colon(read)}{len(one.numbers)}  {' '.join(one.numbers)}")


def _table(columns: Iterable[RegisterColumn], rows: Sequence[Any], read: Reader) -> RenderableType:
    every = list(columns)
    made = table(*(read(one.heading) for one in every), folds=(1,))
    for row in rows:
        made.add_row(*(text(one.text(row, read)) for one in every))
    return made


def _unreadable(document: documents.OfficeRegister, read: Reader) -> Iterator[RenderableType]:
    for one in document.unreadable:
        yield text(f"{one.number}{colon(read)}{read(one.why.told)}", "red")
