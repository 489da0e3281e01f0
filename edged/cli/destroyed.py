"""`edgectl destroyed`: the register of destruction (銷毀紀錄), row by row as it comes, on screen, as JSON or as CSV."""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final, Literal
from zoneinfo import ZoneInfo

import click
from pydantic import BaseModel, Field, ValidationError
from rich.console import Group, RenderableType
from rich.text import Text

from edged.cli import printing
from edged.cli.address import Address
from edged.cli.client import CallError
from edged.cli.formatting import corrected, local, span, table, text
from edged.cli.ledger import MEANS, SEEN, SIGNED, UNSIGNED
from edged.cli.options import CAMERA, TIMES, address_given, json_option
from edged.cli.register_text import COLUMNS, RULES, VERDICTS, summary_lines
from edged.cli.session import Session
from edged.cli.verbs import interval
from edged.cli.words import Language, language_of
from edged.documents import register as documents
from edged.words import exit_codes

SHOWN_AT_ONCE: Final = 200
"""Rows of a table that is drawn in pieces: nobody waits for the last one to see the first."""
WIDTHS: Final = (0, 16, 16, 9, 8, 6)
"""Of columns, so that the pieces stand below each other; the camera has what is left."""
MINUTE: Final = 16
"""Characters of a time to the minute."""
DAY_S: Final = 86_400
MEANS_ZH: Final = f"{SEEN} 外部留有簽署結果；{SIGNED} 已簽署，外部尚無；{UNSIGNED} 尚未簽署"
BOM: Final = b"\xef\xbb\xbf"
"""Without it Excel takes the file for Big5."""


@click.command(short_help="What was destroyed (銷毀紀錄), when, and under which rule.")
@click.option("--camera", metavar="ID", type=CAMERA, help="Only this camera.")
@click.option("--from", "start", metavar="TIME", help=f"Destroyed from then on: {TIMES}.")
@click.option("--to", "end", metavar="TIME", help=f"Destroyed until then: {TIMES}.")
@click.option("--recorded-from", "recorded_start", metavar="TIME", help="What was recorded from then on.")
@click.option("--recorded-to", "recorded_end", metavar="TIME", help="What was recorded until then.")
@click.option("--csv", "as_csv", is_flag=True, help="A table for a spreadsheet: UTF-8 with BOM, site time.")
@json_option
@address_given
def destroyed(
    address: Address,
    *,
    camera: str | None,
    start: str | None,
    end: str | None,
    recorded_start: str | None,
    recorded_end: str | None,
    as_csv: bool,
    as_json: bool,
) -> int:
    """What was destroyed (銷毀紀錄), when, under which rule, and whether too early or too late.

    --from and --to ask when it was DESTROYED ("what was destroyed in October"), --recorded-from and --recorded-to when
    it was RECORDED ("what became of the footage of 3 May"). Both may be given.
    """
    if as_csv and as_json:
        raise click.UsageError("--csv and --json are two ways of writing it: give one")
    session = Session(address.daemon(), as_json)
    first, last = interval(session, start, end)
    since, until = interval(session, recorded_start, recorded_end)
    lines = session.daemon.lines(
        "/v1/destroyed", camera=camera, from_=first, to=last, recorded_from=since, recorded_to=until
    )
    if as_json:
        return _as_json(lines)
    rows = Rows(lines)
    if as_csv:
        return _as_csv(rows, session.zone)
    return _on_screen(rows, session.zone, language_of(os.environ))


class _Head(BaseModel):
    schema_: Literal["edged.destroyed/1"] = Field(alias="schema")
    destroyed: list[None]


class _Tail(BaseModel):
    summary: documents.DestroyedSummary


class Rows:
    """What comes, checked; `summary` once all rows were read."""

    def __init__(self, lines: Iterator[bytes], echo: Callable[[bytes], object] = lambda line: None) -> None:  # noqa: ARG005
        """`echo` gets each line as it came, once it was understood."""
        self._lines = lines
        self._echo = echo
        self.summary: documents.DestroyedSummary | None = None

    def __iter__(self) -> Iterator[documents.DestroyedSegment]:
        try:
            head = next(self._lines, b"")
            _Head.model_validate_json(head.strip() + b"]}")
            self._echo(head)
            for line in self._lines:
                told = line.strip()
                if told.startswith(b"]"):
                    self.summary = _Tail.model_validate_json(b"{" + told.removeprefix(b"],")).summary
                elif told:
                    yield documents.DestroyedSegment.model_validate_json(told.removesuffix(b","))
                self._echo(line)
        except ValidationError:
            raise _unknown() from None
        if self.summary is None:
            raise _unknown()


def _unknown() -> CallError:
    return CallError(
        "the daemon's answer is not the register that this edgectl knows",
        "check that edged and edgectl are of one version: edgectl version; restart edged after an upgrade",
        exit_codes.FAILED,
    )


def _as_json(lines: Iterator[bytes]) -> int:
    for _ in Rows(lines, sys.stdout.buffer.write):
        pass
    sys.stdout.buffer.write(b"\n")
    return exit_codes.OK


def _as_csv(rows: Rows, zone: ZoneInfo) -> int:
    """RFC 4180. The summary goes to standard error: a table ends with its last row."""
    out = sys.stdout.buffer
    out.write(BOM + _cells([f"{zh} {en}".strip() for zh, en in COLUMNS]))
    for row in rows:
        out.write(_cells(_fields(row, zone)))
    out.flush()
    for zh, en, _ in summary_lines(_summary(rows), zone):
        click.echo(f"{zh} {en}", err=True)
    return exit_codes.OK


def _cells(fields: Sequence[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(fields)
    return line.getvalue().encode()


def _fields(row: documents.DestroyedSegment, zone: ZoneInfo) -> list[str]:
    begin, end = (corrected(moment, row.clock_correction_ms) for moment in (row.start, row.end))
    return [
        *(row.camera, "" if row.seq is None else str(row.seq), local(begin, zone), local(end, zone)),
        *("" if row.bytes is None else str(row.bytes), row.sha256, row.volume or "", local(row.destroyed, zone)),
        *(" ".join(RULES[row.rule]), " ".join(VERDICTS[row.verdict])),
        *(_days(row.floor_s), _days(row.ceiling_s), _days(row.kept_s), " ".join(row.pins), str(row.leaf)),
        *(row.generation or "", "" if row.index is None else str(row.index)),
        *(_yes(row.signed), _yes(row.seen)),
    ]


def _days(seconds: float | None) -> str:
    """Rounded down: nothing is said to have been kept for longer than it was."""
    return "" if seconds is None else f"{int(seconds * 10_000 // DAY_S) / 10_000:.4f}".rstrip("0").rstrip(".")


def _yes(is_so: bool) -> str:
    return "是 yes" if is_so else "否 no"


def _on_screen(rows: Rows, zone: ZoneInfo, tongue: Language) -> int:
    coming, begun = iter(rows), False
    while some := list(islice(coming, SHOWN_AT_ONCE)):
        printing.show(screen(some, zone, tongue, headed=not begun))
        begun = True
    printing.show(ending(_summary(rows), zone, tongue, begun=begun))
    return exit_codes.OK


def ending(summary: documents.DestroyedSummary, zone: ZoneInfo, tongue: Language, *, begun: bool) -> RenderableType:
    """What it comes to; below a table with what its marks mean."""
    which = 0 if tongue == "zh_TW" else 1
    legend: list[RenderableType] = [Text((MEANS_ZH, MEANS)[which], style="dim"), ""] if begun else []
    return Group(*legend, *(Text((zh, en)[which], style=style) for zh, en, style in summary_lines(summary, zone)))


def screen(
    some: Sequence[documents.DestroyedSegment], zone: ZoneInfo, tongue: Language, *, headed: bool
) -> RenderableType:
    """A piece of the table."""
    which = 0 if tongue == "zh_TW" else 1
    names = [("攝影機", "Camera"), ("錄影起", "Recorded"), ("銷毀", "Destroyed"), ("依據", "Rule")]
    names += [("已保存", "Kept"), ("編號", "Leaf"), ("", "")]
    heads = [pair[which] for pair in names]
    made = table(*heads, right=(heads[4], heads[5]))
    made.show_header = headed
    for column, width in zip(made.columns, WIDTHS, strict=False):
        column.min_width = width
    for row in some:
        begin = corrected(row.start, row.clock_correction_ms)
        early, late = row.verdict == "below-floor", row.verdict == "beyond-ceiling"
        kept = "–" if row.kept_s is None else span(row.kept_s, tongue)
        made.add_row(
            text(row.camera, "bold"),
            local(begin, zone)[:MINUTE],
            local(row.destroyed, zone)[:MINUTE] or "–",
            text(RULES[row.rule][which]),
            Text(kept, style="bold red" if early else "yellow" if late else ""),
            str(row.leaf),
            SEEN if row.seen else SIGNED if row.signed else UNSIGNED,
        )
    return made


def _summary(rows: Rows) -> documents.DestroyedSummary:
    if rows.summary is None:
        raise _unknown()
    return rows.summary
