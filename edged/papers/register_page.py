"""A register as a page for print: A4 across, in Traditional Chinese whoever prints it. Each value bears the name of its
column (`data-field`), so that a page can be read back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from edged.documents.registers import (
    CopyRegister,
    OfficeRegister,
    RegisterHead,
    ViewingRegister,
    YearRegister,
)
from edged.papers import register_columns
from edged.papers.register_columns import RegisterColumn, cells, moment_text
from edged.papers.render import render
from edged.words.catalogue import Reader
from edged.words.units import roc_day

SMALL: Final = frozenset({"leaves", "fingerprint"})
SIGNED: Final = "簽章"
VIEWING_WIDTHS: Final = (8, 9, 15, 18, 34)
"""Percent; those who sign have the rest."""
REQUEST_WIDTHS: Final = (8.5, 13, 19, 19, 14, 4.5, 4.5, 8.5, 9)
COPY_WIDTHS: Final = (13, 13, 22, 12, 15, 8, 8.5, 8.5)


def page(document: OfficeRegister) -> str:
    """A whole HTML document, without anything beside it."""
    read = Reader("zh_TW", ZoneInfo(document.timezone), form=True)
    values: dict[str, Any] = {
        "title": document.title,
        "office": document.office,
        "start": roc_day(document.start),
        "end": roc_day(document.end),
        "printed": moment_text(document.printed, read),
        "box": document.box,
        "head": _head(document.head),
        "main": _main(document, read),
        "unreadable": _table("unreadable", register_columns.unreadable_columns(), document.unreadable, read),
        "counts": [],
    }
    if isinstance(document, YearRegister):
        values["counts"] = register_columns.counts_text(document.counts, read)
        values["months"] = _table("months", register_columns.month_columns(), document.months, read, narrow=True)
        values["marked"] = _marked(document, read)
    return render("register", values)


def _head(head: RegisterHead | None) -> str:
    return "尚未簽署" if head is None else f"{head.origin}　{head.size} 筆　{head.root}"


def _main(document: OfficeRegister, read: Reader) -> dict[str, Any]:
    made = _table("rows", register_columns.columns(document), register_columns.rows(document), read)
    match document:
        case ViewingRegister():
            posts = len(document.posts)
            rest = (100 - sum(VIEWING_WIDTHS)) / max(1, posts)
            made["widths"] = [*VIEWING_WIDTHS, *[rest] * posts]
            made["headings"] = [
                [*(_heading(one, rows=2) for one in document.columns), _heading(SIGNED, columns=posts)],
                [_heading(one) for one in document.posts],
            ]
        case CopyRegister():
            made["widths"] = COPY_WIDTHS
        case _:
            made["widths"] = REQUEST_WIDTHS
    return made


def _heading(text: str, *, columns: int = 1, rows: int = 1) -> dict[str, Any]:
    return {"text": text, "columns": columns, "rows": rows}


def _table(
    name: str, columns: Iterable[RegisterColumn], rows: Sequence[Any], read: Reader, *, narrow: bool = False
) -> dict[str, Any]:
    made = cells(columns)
    return {
        "name": name,
        "narrow": narrow,
        "widths": [],
        "headings": [[_heading(read(one.heading)) for one, _ in made]],
        "rows": [[list(_lines(row, lines, read)) for _, lines in made] for row in rows],
    }


def _lines(row: Any, lines: Sequence[RegisterColumn], read: Reader) -> Iterable[Mapping[str, Any]]:
    """Those that say something; the first one of a cell in any case."""
    for number, one in enumerate(lines):
        text = one.text(row, read)
        if text or not number:
            label = "" if one.bare or not number else read(one.heading)
            yield {"field": one.field, "label": label, "text": text, "small": one.field in SMALL}


def _marked(document: YearRegister, read: Reader) -> dict[str, Any]:
    def line(field: str, text: str) -> list[dict[str, Any]]:
        return [{"field": field, "label": "", "text": text, "small": False}]

    return {
        "name": "marked",
        "narrow": True,
        "widths": [],
        "headings": [[_heading("情形"), _heading("件數"), _heading("案號")]],
        "rows": [
            [
                line("mark", read(register_columns.MARKS[one.mark])),
                line("marked", str(len(one.numbers))),
                line("numbers", "、".join(one.numbers)),
            ]
            for one in document.marked
        ],
    }
