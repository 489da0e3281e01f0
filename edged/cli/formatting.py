"""What screens are made of: safe text, times, spans, sizes, plain tables, and the words that several of them share.

A screen is drawn for a `Reader` (`edged.words.catalogue`), who has a language and the time zone of the site.

Times as people write them: RFC 3339, `YYYY-MM-DD [HH:MM[:SS]]` in the site's time, `-2h`, or `now`. A date alone is
its beginning. Pure: now and the time zone are values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from edged.words import units
from edged.words.catalogue import Reader
from storage.words.message import Message, message

STYLES: Final = {
    "recording": "green",
    "in-service": "green",
    "ok": "green",
    "degraded": "yellow",
    "warning": "yellow",
    "full": "yellow",
    "down": "bold red",
    "critical": "bold red",
    "away": "bold red",
    "lost": "bold red",
    "unknown": "magenta",
}
NARROW: Final = 80
"""Columns of a terminal below which every cell folds: else the first, which says what a line is about, has no room."""
CLOCK_TOLD_S: Final = 0.5
"""As much as our own clock may be off without a new epoch."""
MINUTE_S: Final = 60
ONE_LINE_MIN: Final = 8
"""Columns that a detail is left at least: a word of it."""
STATES: Final[Mapping[str, Message]] = {
    "recording": message("screen.state.recording", "recording"),
    "degraded": message("screen.state.degraded", "degraded"),
    "down": message("screen.state.down", "down"),
    "disabled": message("screen.state.disabled", "disabled"),
    "in-service": message("screen.state.in-service", "in-service"),
    "full": message("screen.state.full", "full"),
    "away": message("screen.state.away", "away"),
    "retired": message("screen.state.retired", "retired"),
    "lost": message("screen.state.lost", "lost"),
    "ok": message("screen.state.ok", "ok"),
    "unknown": message("screen.state.unknown", "unknown"),
    "info": message("screen.state.info", "info"),
    "warning": message("screen.state.warning", "warning"),
    "critical": message("screen.state.critical", "critical"),
    "cleared": message("screen.state.cleared", "cleared"),
    "provisional": message("screen.state.provisional", "provisional"),
    "approved": message("screen.state.approved", "approved"),
    "released": message("screen.state.released", "released"),
    "lapsed": message("screen.state.lapsed", "lapsed"),
    "open": message("screen.state.open", "open"),
    "finished": message("screen.state.finished", "finished"),
    "abandoned": message("screen.state.abandoned", "abandoned"),
}
"""Of cameras, volumes, alarms, pins and exports."""
REQUEST_STATES: Final[Mapping[str, Message]] = {
    "deciding": message("office.status.deciding", "deciding"),
    "supplement": message("office.status.supplement", "awaits supplement"),
    "granted": message("office.status.granted", "granted"),
    "refused": message("office.status.refused", "refused"),
    "withdrawn": message("office.status.withdrawn", "withdrawn"),
    "closed": message("office.status.closed", "closed"),
    "unreadable": message("office.status.unreadable", "unreadable"),
}
KINDS: Final[Mapping[str, Message]] = {
    "missing": message("screen.kind.missing", "missing"),
    "size": message("screen.kind.size", "size"),
    "content": message("screen.kind.content", "content"),
    "parts": message("screen.kind.parts", "parts"),
    "appeared": message("screen.kind.appeared", "appeared"),
    "strange": message("screen.kind.strange", "strange"),
    "mode": message("screen.kind.mode", "mode"),
    "link": message("screen.kind.link", "link"),
    "unreadable": message("screen.kind.unreadable", "unreadable"),
    "pin": message("screen.kind.pin", "pin"),
    "sidecar": message("screen.kind.sidecar", "sidecar"),
    "lost": message("screen.kind.lost", "lost"),
    "identity": message("screen.kind.identity", "identity"),
    "counter": message("screen.kind.counter", "counter"),
    "floor": message("screen.kind.floor", "floor"),
    "ceiling": message("screen.kind.ceiling", "ceiling"),
    "hole": message("screen.kind.hole", "hole"),
    "leaves": message("screen.kind.leaves", "leaves"),
    "mirror": message("screen.kind.mirror", "mirror"),
    "database": message("screen.kind.database", "database"),
}
"""What may be wrong with a file, as fsck names it."""


def clean(text: str) -> str:
    """Without what a terminal would obey: part of it was said by a camera or a broker."""
    return "".join(c if c.isprintable() else " " for c in text)


def text(content: str, style: str = "") -> Text:
    return Text(clean(content), style=style)


def state_word(state: str, read: Reader) -> str:
    return read(STATES.get(state, Message(state)))


def kind_of(kind: str) -> Message:
    return KINDS.get(kind, Message(kind))


def known_cause(cause: str) -> Message:
    """What the cause of a gap means; one of a later version by its code."""
    from storage.words.model import GAP_CAUSES, GapCause  # late: few screens name one

    return GAP_CAUSES[GapCause(cause)] if cause in set(GapCause) else Message(cause)


def cause_word(cause: str, read: Reader) -> str:
    """The code is an English word; for others it is said."""
    return cause if read.language == "en" else read(known_cause(cause))


def styled(state: str, read: Reader) -> Text:
    return Text(clean(state_word(state, read)), style=STYLES.get(state, "dim"))


def local(moment: str | None, read: Reader) -> str:
    """RFC 3339 as site time, to the second; "" for none."""
    if moment is None:
        return ""
    try:
        return datetime.fromisoformat(moment).astimezone(read.zone).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError):
        return clean(moment)


def corrected(moment: str, correction_ms: int | None) -> str:
    """The true time of what was recorded under a clock that was wrong, as RFC 3339."""
    if not correction_ms:
        return moment
    try:
        return (datetime.fromisoformat(moment) + timedelta(milliseconds=correction_ms)).isoformat()
    except (ValueError, OverflowError):
        return moment


def between(start: str, end: str | None) -> float | None:
    """Seconds from one moment to the other; None while it lasts."""
    if end is None:
        return None
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def span(seconds: float | None, read: Reader) -> str:
    """ "12d 4h"; "–" when unknown."""
    return "–" if seconds is None else read.phrase("screen.span", "{span_s}", span_s=max(0, round(seconds)))


def against_ours(offset_ms: int) -> Message:
    """A camera's clock. What its network adds is not told apart from a clock that is slow."""
    seconds = abs(offset_ms) / 1000
    if seconds < CLOCK_TOLD_S:
        return message("screen.clock.as-ours", "as ours")
    by = Message(f"{seconds:.1f} s") if seconds < MINUTE_S else message("screen.span", "{span_s}", span_s=seconds)
    if offset_ms < 0:
        return message("screen.clock.behind", "{by} behind ours", by=by)
    return message("screen.clock.ahead", "{by} ahead of ours", by=by)


def colon(read: Reader) -> str:
    return "：" if read.language == "zh_TW" else ": "


def enumerated(parts: list[str], read: Reader) -> str:
    return read.phrase("screen.enumeration", "{parts}", parts=parts)


def counted_segments(count: int) -> Message:
    if count == 1:
        return message("screen.segments.one", "1 segment")
    return message("screen.segments.many", "{count} segments", count=count)


def counted_files(count: int) -> Message:
    if count == 1:
        return message("screen.files.one", "1 file")
    return message("screen.files.many", "{count} files", count=count)


def counted_findings(count: int) -> Message:
    if count == 1:
        return message("screen.findings.one", "1 finding")
    return message("screen.findings.many", "{count} findings", count=count)


def counted_volumes(count: int) -> Message:
    if count == 1:
        return message("screen.volumes.one", "1 volume")
    return message("screen.volumes.many", "{count} volumes", count=count)


def share(part: float | None) -> str:
    """A share of one as a percentage that never rounds up to 100."""
    if part is None:
        return "–"
    percent = int(part * 10_000 + 1e-6) / 100  # 0.57 is a little less than that as a float
    return "100 %" if percent >= 100 else f"{percent:.2f} %"


def number(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def megabits(bits: int | None) -> float | None:
    return None if bits is None else bits / 1e6


def picture(width: int | None, height: int | None, codec: str | None) -> str:
    size = f"{width}×{height}" if width and height else ""
    return " ".join(filter(None, (size, clean(codec or "")))) or "–"


def table(*headings: str, right: tuple[str, ...] = (), folds: tuple[int, ...] = (0,)) -> Table:
    """Columns two blanks apart, no lines: easy on the eyes and on awk. Where room is short, `folds` fold."""
    made = _Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_edge=False)
    for index, heading in enumerate(headings):
        folding = index in folds
        made.add_column(
            heading,
            justify="right" if heading in right else "left",
            no_wrap=not folding,
            overflow="fold" if folding else "ellipsis",
        )
    return made


class _Table(Table):
    """Folds everything where there is little room."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if options.max_width < NARROW:
            for column in self.columns:
                column.no_wrap, column.overflow = False, "fold"
        return super().__rich_console__(console, options)


class OneLine:
    """A cell that takes what room is left and ends in … where that is too little."""

    def __init__(self, content: str) -> None:
        self._text = text(content)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(min(ONE_LINE_MIN, self._text.cell_len), self._text.cell_len)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        cut = self._text.copy()
        cut.truncate(options.max_width, overflow="ellipsis")
        yield cut


_LOCAL: Final = re.compile(r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2})?)?")
_ROC: Final = re.compile(r"(?:民國)?\s*0?(1\d\d)\s*[-/.年]")
_FULL: Final = re.compile(r"\d{4}-\d{2}-\d{2}[ Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})")


class WhenError(ValueError):
    """Not a time; says which ways there are."""

    def __init__(self, said: Message) -> None:
        super().__init__(said)
        self.said = said


def _ways() -> Message:
    return message(
        "screen.time.ways",
        '"2026-03-01T08:00:00+08:00", "2026-03-01 08:00" or "2026-03-01" (site time), "-2h" or "now"',
    )


def is_local(text: str) -> bool:
    """Whether the site's time zone is needed to read it."""
    return _LOCAL.fullmatch(text.strip()) is not None


def parse(text: str, now: datetime, zone: tzinfo, *, end: bool) -> datetime:
    """The moment in UTC. Where clocks were put back and a time came twice, an interval takes both (`end`)."""
    words = text.strip()
    if not _FULL.fullmatch(words) and (roc := _ROC.match(words)):
        year = int(roc[1])
        raise WhenError(
            message(
                "screen.time.roc",
                "{given}: 民國{roc} is written as {year} here; write {ways}",
                given=units.shown(text),
                roc=year,
                year=year + units.ROC,
                ways=_ways(),
            )
        )
    try:
        if words == "now":
            return now.astimezone(UTC)
        if words.startswith("-"):
            return now.astimezone(UTC) - units.parse_duration(words[1:])
        if _FULL.fullmatch(words):
            return datetime.fromisoformat(words.upper()).astimezone(UTC)
        if is_local(words):
            local = datetime.fromisoformat(words).replace(tzinfo=zone, fold=1 if end else 0)
            return local.astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # said below, in one way for all
    raise WhenError(
        message("screen.time.unknown", "{given} is not a time; write {ways}", given=units.shown(text), ways=_ways())
    )


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
