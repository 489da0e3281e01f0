"""What the screens are made of: safe text, times, spans, sizes, plain tables. Imports rich and edged.words.units."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from edged.cli.words import Language, word
from edged.words import units

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


def clean(text: str) -> str:
    """Without what a terminal would obey: part of it was said by a camera or a broker."""
    return "".join(c if c.isprintable() else " " for c in text)


def text(content: str, style: str = "") -> Text:
    return Text(clean(content), style=style)


def styled(state: str, tongue: Language = "en") -> Text:
    return Text(clean(word(state, tongue)), style=STYLES.get(state, "dim"))


def local(moment: str | None, zone: tzinfo) -> str:
    """RFC 3339 as site time, to the second; "" for none."""
    if moment is None:
        return ""
    try:
        return datetime.fromisoformat(moment).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
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


def span(seconds: float | None, tongue: Language = "en") -> str:
    """ "12d 4h"; "–" when unknown."""
    if seconds is None:
        return "–"
    words = units.approximate_duration(seconds)
    return words if tongue == "en" else "".join(word(c, tongue) for c in words)


def against_ours(offset_ms: int) -> str:
    """A camera's clock, in words. What its network adds is not told apart from a clock that is slow."""
    seconds = abs(offset_ms) / 1000
    if seconds < CLOCK_TOLD_S:
        return "as ours"
    by = f"{seconds:.1f} s" if seconds < MINUTE_S else span(seconds)
    return f"{by} {'behind' if offset_ms < 0 else 'ahead of'} ours"


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


class _Table(Table):
    """Folds everything where there is little room."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if options.max_width < NARROW:
            for column in self.columns:
                column.no_wrap, column.overflow = False, "fold"
        return super().__rich_console__(console, options)
