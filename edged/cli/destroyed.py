"""`edgectl destroyed`: the register of destruction (銷毀紀錄), row by row as it comes, on screen, as JSON or as CSV.

The CSV is in both languages. The statement on a month (`proof-of-retention`) uses the words of the register, too.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, Literal, Protocol

import click
from pydantic import BaseModel, Field, ValidationError
from rich.console import Group, RenderableType
from rich.text import Text

from edged.cli import output
from edged.cli.client import Address, CallError
from edged.cli.formatting import corrected, counted_segments, local, span, table, text
from edged.cli.ledger import MEANS, SEEN, SIGNED, UNSIGNED
from edged.cli.options import CAMERA, TIMES, address_given, json_option
from edged.cli.output import Session, interval, one_version
from edged.documents import register as documents
from edged.words import exit_codes
from edged.words.catalogue import Reader
from storage.words.message import Message, format_size, message

SHOWN_AT_ONCE: Final = 200
"""Rows of a table that is drawn in pieces: nobody waits for the last one to see the first."""
WIDTHS: Final = (0, 16, 16, 9, 8, 6)
"""Of columns, so that the pieces stand below each other; the camera has what is left."""
MINUTE: Final = 16
"""Characters of a time to the minute."""
DAY_S: Final = 86_400
BOM: Final = b"\xef\xbb\xbf"
"""Without it Excel takes the file for Big5."""
RULES: Final[Mapping[documents.RuleName, Message]] = {
    "ceiling": message("destroyed.rule.ceiling", "ceiling"),
    "space": message("destroyed.rule.space", "space"),
    "overwrite": message("destroyed.rule.overwrite", "overwrite"),
    "lost": message("destroyed.rule.lost", "lost"),
    "untold": message("destroyed.rule.untold", "untold"),
    "before-ledger": message("destroyed.rule.before-ledger", "before"),
}
"""ceiling: past it. space: past its floor, and its space was needed. overwrite: below its floor, with leave."""
VERDICTS: Final[Mapping[documents.VerdictName, Message]] = {
    "as-demanded": message("destroyed.verdict.as-demanded", "as demanded"),
    "below-floor": message("destroyed.verdict.below-floor", "below its floor"),
    "beyond-ceiling": message("destroyed.verdict.beyond-ceiling", "beyond its ceiling"),
    "unknown": message("destroyed.verdict.unknown", "not told"),
}
COLUMNS: Final = (
    message("destroyed.csv.camera", "camera"),
    message("destroyed.csv.seq", "seq"),
    message("destroyed.csv.recorded-from", "recorded from"),
    message("destroyed.csv.recorded-to", "recorded to"),
    message("destroyed.csv.bytes", "bytes"),
    Message("SHA-256"),
    message("destroyed.csv.volume", "volume"),
    message("destroyed.csv.destroyed", "destroyed"),
    message("destroyed.csv.rule", "rule"),
    message("destroyed.csv.verdict", "verdict"),
    message("destroyed.csv.floor", "floor (days)"),
    message("destroyed.csv.ceiling", "ceiling (days)"),
    message("destroyed.csv.kept", "kept (days, at least)"),
    message("destroyed.csv.pins", "pins"),
    message("destroyed.csv.leaf", "leaf"),
    message("destroyed.csv.generation", "generation"),
    message("destroyed.csv.index", "index"),
    message("destroyed.csv.signed", "signed"),
    message("destroyed.csv.seen", "seen outside"),
)
YES: Final = message("screen.yes", "yes")
NO: Final = message("screen.no", "no")
GOOD, BAD, ODD = "green", "bold red", "yellow"


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
        raise click.UsageError(message("destroyed.two-ways", "--csv and --json are two ways of writing it: give one"))
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
        return _as_csv(rows, session.reader)
    return _on_screen(rows, session.reader)


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
        message("destroyed.unknown", "the daemon's answer is not the register that this edgectl knows"),
        one_version(),
        exit_codes.FAILED,
    )


def _as_json(lines: Iterator[bytes]) -> int:
    for _ in Rows(lines, sys.stdout.buffer.write):
        pass
    sys.stdout.buffer.write(b"\n")
    return exit_codes.OK


def _as_csv(rows: Rows, read: Reader) -> int:
    """RFC 4180. The summary goes to standard error: a table ends with its last row."""
    out = sys.stdout.buffer
    out.write(BOM + _cells([_both(one) for one in COLUMNS]))
    for row in rows:
        out.write(_cells(_fields(row, read)))
    out.flush()
    for told, _ in summary_lines(_summary(rows), read):
        click.echo(_both(told), err=True)
    return exit_codes.OK


def _both(told: Message) -> str:
    """A table is read by whoever gets it."""
    return " ".join(dict.fromkeys((Reader("zh_TW")(told), Reader("en")(told))))


def _cells(fields: Sequence[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(fields)
    return line.getvalue().encode()


def _fields(row: documents.DestroyedSegment, read: Reader) -> list[str]:
    begin, end = (corrected(moment, row.clock_correction_ms) for moment in (row.start, row.end))
    return [
        *(row.camera, "" if row.seq is None else str(row.seq), local(begin, read), local(end, read)),
        *("" if row.bytes is None else str(row.bytes), row.sha256, row.volume or "", local(row.destroyed, read)),
        *(_both(RULES[row.rule]), _both(VERDICTS[row.verdict])),
        *(_days(row.floor_s), _days(row.ceiling_s), _days(row.kept_s), " ".join(row.pins), str(row.leaf)),
        *(row.generation or "", "" if row.index is None else str(row.index)),
        *(_both(YES if row.signed else NO), _both(YES if row.seen else NO)),
    ]


def _days(seconds: float | None) -> str:
    """Rounded down: nothing is said to have been kept for longer than it was."""
    return "" if seconds is None else f"{int(seconds * 10_000 // DAY_S) / 10_000:.4f}".rstrip("0").rstrip(".")


def _on_screen(rows: Rows, read: Reader) -> int:
    coming, begun = iter(rows), False
    while some := list(islice(coming, SHOWN_AT_ONCE)):
        output.show(screen(some, read, headed=not begun))
        begun = True
    output.show(ending(_summary(rows), read, begun=begun))
    return exit_codes.OK


def screen(some: Sequence[documents.DestroyedSegment], read: Reader, *, headed: bool) -> RenderableType:
    """A piece of the table."""
    kept_name, leaf_name = read.phrase("screen.kept", "Kept"), read.phrase("screen.leaf", "Leaf")
    made = table(
        read.phrase("screen.camera", "Camera"),
        read.phrase("destroyed.recorded", "Recorded"),
        read.phrase("destroyed.destroyed", "Destroyed"),
        read.phrase("destroyed.rule", "Rule"),
        kept_name,
        leaf_name,
        "",
        right=(kept_name, leaf_name),
    )
    made.show_header = headed
    for column, width in zip(made.columns, WIDTHS, strict=False):
        column.min_width = width
    for row in some:
        begin = corrected(row.start, row.clock_correction_ms)
        early, late = row.verdict == "below-floor", row.verdict == "beyond-ceiling"
        made.add_row(
            text(row.camera, "bold"),
            local(begin, read)[:MINUTE],
            local(row.destroyed, read)[:MINUTE] or "–",
            text(read(RULES[row.rule])),
            Text(span(row.kept_s, read), style="bold red" if early else "yellow" if late else ""),
            str(row.leaf),
            SEEN if row.seen else SIGNED if row.signed else UNSIGNED,
        )
    return made


def ending(summary: documents.DestroyedSummary, read: Reader, *, begun: bool) -> RenderableType:
    """What it comes to; below a table with what its marks mean."""
    legend: list[RenderableType] = [Text(read(MEANS), style="dim"), ""] if begun else []
    return Group(*legend, *(Text(read(told), style=style) for told, style in summary_lines(summary, read)))


def _summary(rows: Rows) -> documents.DestroyedSummary:
    if rows.summary is None:
        raise _unknown()
    return rows.summary


Styled = tuple[Message, str]
"""A sentence and its style."""


def summary_lines(told: documents.DestroyedSummary, read: Reader) -> Iterator[Styled]:
    """What it comes to."""
    if not (told.segments or told.rules or told.lost or told.unread):
        yield message("destroyed.none", "Nothing was destroyed in that time."), ""
        yield (
            message("destroyed.none.hint", "What became of what was recorded then: --recorded-from, --recorded-to."),
            "dim",
        )
        return
    segments, size = counted_segments(told.segments), format_size(told.bytes)
    rules = by_rule(told.rules)
    if told.first:
        first, last = local(told.first, read), local(told.last, read)
        yield (
            message(
                "destroyed.total.interval",
                "{segments}, {size}, {first} to {last} ({rules}).",
                segments=segments,
                size=size,
                first=first,
                last=last,
                rules=rules,
            ),
            "",
        )
    else:
        yield (
            message("destroyed.total", "{segments}, {size} ({rules}).", segments=segments, size=size, rules=rules),
            "",
        )
    yield from judged(told)
    for one in told.lost:
        yield (
            message(
                "destroyed.volume-lost",
                "Volume {volume} was told to be lost at {moment}: {segments}, {below_floor} of them below their "
                "floor, {pinned} pinned.",
                volume=one.volume,
                moment=local(one.told, read),
                segments=counted_segments(one.segments),
                below_floor=one.below_floor,
                pinned=one.pinned,
            ),
            BAD if one.below_floor or one.pinned else ODD,
        )


def by_rule(counts: Mapping[documents.RuleName, int]) -> list[str]:
    """How many went under each."""
    return [
        message("destroyed.rule-count", "{rule} {count}", rule=RULES[rule], count=count)
        for rule, count in counts.items()
    ]


class JudgedCounts(Protocol):
    """What was counted, of whatever interval."""

    @property
    def below_floor(self) -> int: ...
    @property
    def permitted(self) -> int: ...
    @property
    def beyond_ceiling(self) -> int: ...
    @property
    def explained(self) -> int: ...
    @property
    def unknown(self) -> int: ...
    @property
    def unread(self) -> int: ...


def judged(told: JudgedCounts) -> Iterator[Styled]:
    """Whether all went neither too early nor too late."""
    yield _early(told)
    yield _late(told)
    if told.unknown:
        yield (
            message(
                "destroyed.unknown-age",
                "{count} of them do not say how old it was: nothing is claimed of them.",
                count=told.unknown,
            ),
            ODD,
        )
    if told.unread:
        yield message("destroyed.unread", "{count} of the entries cannot be read.", count=told.unread), BAD


def _early(told: JudgedCounts) -> Styled:
    if not told.below_floor:
        return message("destroyed.none-early", "None of them below its floor."), GOOD
    early = message(
        "destroyed.early",
        '{count} below their floor: {permitted} by leave of on_full = "overwrite", {rest} by no rule at all.',
        count=told.below_floor,
        permitted=told.permitted,
        rest=told.below_floor - told.permitted,
    )
    return early, BAD


def _late(told: JudgedCounts) -> Styled:
    if not told.beyond_ceiling:
        return message("destroyed.none-late", "None of them beyond its ceiling."), GOOD
    rest = told.beyond_ceiling - told.explained
    if not rest:
        explained = message(
            "destroyed.late.explained",
            "{count} beyond their ceiling by more than an hour: {explained} kept by a pin.",
            count=told.beyond_ceiling,
            explained=told.explained,
        )
        return explained, ODD
    late = message(
        "destroyed.late",
        "{count} beyond their ceiling by more than an hour: {explained} kept by a pin, {rest} for a reason that no "
        "entry names (the box was off, the disk away, the clock not in sync).",
        count=told.beyond_ceiling,
        explained=told.explained,
        rest=rest,
    )
    return late, BAD
