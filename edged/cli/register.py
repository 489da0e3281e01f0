"""`edgectl register`: registers of the office for any interval, on screen, as JSON, as CSV, or as a page to print; and
the signature of a row of the log book (附件5).

A page is in Chinese whoever prints it; a CSV is in the language of who asks for it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from edged.cli import register_screens, request
from edged.cli.client import Address
from edged.cli.destroyed import BOM
from edged.cli.options import AS_GIVEN, DAY, address_given, json_option, number_argument
from edged.cli.output import PRIVATE, Session, may_write, write_new, written_to
from edged.documents import registers as documents
from edged.papers import register_columns
from edged.words.catalogue import Reader
from storage.words.message import message

Command = TypeVar("Command", bound=Callable[..., Any])
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
"""How a cell begins of which a spreadsheet makes more than text."""
year_option: Final = click.option(
    "--year", metavar="YEAR", type=click.IntRange(1, 189), help="Of the Republic (民國), such as 115.  [this one]"
)
_OUT: Final = (
    click.option("--csv", "table", metavar="FILE", type=AS_GIVEN, help="Write its rows there; it must not exist."),
    click.option("--page", metavar="FILE", type=AS_GIVEN, help="Write a page to print there; it must not exist."),
    json_option,
    address_given,
)
_INTERVAL: Final = (
    click.option("--from", "start", metavar="DAY", type=DAY, help="From this day on, such as 115.11.25."),
    click.option("--to", "end", metavar="DAY", type=DAY, help="Until this day, which belongs to it."),
)


def _with(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def given(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return given


@click.group()
def register() -> None:
    """Registers of the office (簿冊): who asked for footage, what was shown, what left."""


@register.command(short_help="Requests that were received (收文) in an interval.")
@_with(*_INTERVAL, year_option, *_OUT)
def requests(address: Address, **given: Any) -> None:
    """Requests that were received (收文) in an interval: who asked for what, what was decided, how long the
    reply took.
    """
    _register(address, "requests", documents.RequestRegister, **given)


@register.command(short_help="The log book (影音應用記錄簿): what was looked at, copied and kept.")
@_with(*_INTERVAL, year_option, *_OUT)
def viewings(address: Address, **given: Any) -> None:
    """The log book (影音應用記錄簿): a row each time that something was looked at, copied or kept, also without a
    request.
    """
    _register(address, "viewings", documents.ViewingRegister, **given)


@register.command(short_help="Copies that left, and what has become of them.")
@_with(*_INTERVAL, year_option, *_OUT)
def copies(address: Address, **given: Any) -> None:
    """Copies that left in an interval: who has them, until when, what has become of them and of the office's own."""
    _register(address, "copies", documents.CopyRegister, **given)


@register.command(short_help="All requests of a year, what stands out, and statistics for the head.")
@_with(year_option, *_OUT)
def year(address: Address, **given: Any) -> None:
    """All requests of a year, with what stands out in them, and statistics for the head."""
    _register(address, "year", documents.YearRegister, **given)


def _register(
    address: Address,
    name: str,
    model: type[documents.OfficeRegister],
    *,
    as_json: bool,
    table: Path | None,
    page: Path | None,
    year: int | None,
    start: date | None = None,
    end: date | None = None,
) -> None:
    if year is not None and (start is not None or end is not None):
        raise click.UsageError(message("register.both", "give a year, or the first and the last day"))
    if sum((as_json, table is not None, page is not None)) > 1:
        raise click.UsageError(message("register.one-out", "give one of --csv, --page and --json"))
    for out in (table, page):
        if out is not None:
            may_write(out)
    session = Session(address.daemon(), as_json)
    path = f"/v1/registers/{name}"
    query = {"from_": _iso(start), "to": _iso(end), "year": year}
    if page is not None:
        _written(session, page, session.daemon.get(path, format="html", **query))
        return
    document = session.read(model, path, **query)
    session.at(document.timezone)
    if table is not None:
        _written(session, table, csv_of(document, session.reader))
        return
    session.print(document, lambda: register_screens.screen(document, session.reader))


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _written(session: Session, out: Path, data: bytes) -> None:
    write_new(out, data, mode=PRIVATE)
    written_to(out, session.words)


def csv_of(document: documents.OfficeRegister, read: Reader) -> bytes:
    """Its rows, with a heading for each column; below them requests that cannot be read, with one more column that
    says why.
    """
    columns, told = register_columns.columns(document), {}
    for strange in document.unreadable:
        known = {one.field: one.text(strange, read) for one in register_columns.unreadable_columns()}
        told[strange.number] = [*(known.get(one.field, "") for one in columns), known["why"]]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    headings = [one.heading for one in columns] + ([register_columns.WHY] if told else [])
    writer.writerow(map(read, headings))
    for row in register_columns.rows(document):
        writer.writerow(defused(one.text(row, read)) for one in columns)
    for cells in told.values():
        writer.writerow(map(defused, cells))
    return BOM + file.getvalue().encode()


def defused(text: str) -> str:
    """A cell that a spreadsheet takes for text: somebody from outside has written part of it."""
    return f"'{text}" if text.startswith(FORMULA) else text


@register.command(short_help="Sign a row of the log book (簽章).")
@number_argument
@click.option("--row", metavar="N", type=click.IntRange(min=1), help="Which row.  [the one that is not signed]")
@request.signer_options
@request.version_option
@json_option
@address_given
def sign(
    address: Address, /, number: str, *, row: int | None, version: int | None, as_json: bool, **signer: Any
) -> None:
    """Sign a row of the log book about request NUMBER (簽章), by the post that it lacks."""
    request.sign_entry(address, number, row, signer, version, as_json=as_json)
