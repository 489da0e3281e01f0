"""What screens are made of: safe text, times, spans, sizes, plain tables, and words in two languages.

Office staff read Traditional Chinese; everything else, and a Linux console, which cannot draw Chinese, gets English.
Reasons and actions come from the daemon as they are. The words are those of the plan: 錄影硬碟, 最低保存期限…

Times as people write them: RFC 3339, `YYYY-MM-DD [HH:MM[:SS]]` in the site's time, `-2h`, or `now`. A date alone is
its beginning. Pure: now and the time zone are values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, Literal

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

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
WORDS: Final[Mapping[str, str]] = {
    # verdicts
    "OK": "正常",
    "WARNING": "注意",
    "CRITICAL": "異常",
    "UNKNOWN": "不明",
    "all cameras are recording": "所有攝影機錄影中",
    # without an answer
    "systemctl status edged, then journalctl -u edged -n 50": (
        "請先執行 systemctl status edged，再執行 journalctl -u edged -n 50"
    ),
    "run edgectl as root or with sudo": "請以 root 身分或 sudo 執行 edgectl",
    # the top of the screen
    "clock in sync": "已校時",
    "clock not in sync": "未校時",
    "running": "已執行",
    "still working off an unclean stop": "正在處理前次未正常停止的檔案",
    # cameras
    "Camera": "攝影機",
    "State": "狀態",
    "Picture": "畫面",
    "fps": "fps",
    "Mbit/s": "Mbit/s",
    "Kept": "已保存",
    "Floor": "最低期限",
    "24 h": "完整率",
    "no cameras are configured": "未設定攝影機",
    "recording": "錄影中",
    "degraded": "品質不佳",
    "down": "無畫面",
    "disabled": "停用",
    "since": "始於",
    # volumes
    "Volume": "錄影硬碟",
    "Segments": "錄影檔",
    "Used": "已用",
    "Limit": "上限",
    "Free": "剩餘",
    "in-service": "使用中",
    "full": "已滿",
    "away": "離線",
    "retired": "已退役",
    "lost": "已失",
    # broker
    "Centre": "中央管理端",
    "not configured": "未設定",
    "connected to": "已連線",
    "not connected to": "未連線",
    "events waiting:": "待送事件",
    # alarms
    "Alarms": "異常通報",
    "none": "無",
    "info": "訊息",
    "warning": "注意",
    "critical": "異常",
    "more; see": "則未列，請執行",
    # faults
    "No faults.": "沒有報修中的故障。",
    "open for": "歷時",
    "repaired in": "修復時間",
    "found": "發現",
    "again": "再次發生",
    "joined": "另有異常",
    "over": "已無異常",
    "reported": "已報修",
    "repaired": "已修復",
    "checked": "已驗收",
    "the box": "本機",
    "the box still sees it:": "本機仍偵測到：",
    "the box sees nothing of it any more": "本機已偵測不到異常，待人員結案",
    "not reported for more than a day": "發現逾一日尚未報修",
    "not repaired for more than two weeks": "發現逾兩週尚未修復",
    # maintenance
    "Maintenance": "設備維護",
    "No maintenance is under way.": "目前沒有設備維護作業。",
    "the whole box": "整部主機",
    "until": "至",
    "alarms held back:": "暫緩通報",
    "Reason": "事由",
    "Accompanied by": "會同人員",
    # a low screen
    "… {} more lines: edgectl status": "… 另有 {} 行，請執行 edgectl status",
    # spans
    "d": "天",
    "h": "時",
    "m": "分",
    "s": "秒",
}

Language = Literal["en", "zh_TW"]


def language_of(environ: Mapping[str, str]) -> Language:
    """What the person reads, from LC_ALL, LC_MESSAGES or LANG, the first that is set deciding."""
    wanted = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    return "zh_TW" if wanted.startswith("zh_TW") and environ.get("TERM") != "linux" else "en"


def word(text: str, tongue: Language) -> str:
    """The word in that language; a word without a translation stays as it is."""
    return text if tongue == "en" else WORDS.get(text, text)


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


WAYS: Final = '"2026-03-01T08:00:00+08:00", "2026-03-01 08:00" or "2026-03-01" (site time), "-2h" or "now"'
_LOCAL: Final = re.compile(r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2})?)?")
_ROC: Final = re.compile(r"(?:民國)?\s*0?(1\d\d)\s*[-/.年]")
_FULL: Final = re.compile(r"\d{4}-\d{2}-\d{2}[ Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})")


class WhenError(ValueError):
    """Not a time; says which ways there are."""


def is_local(text: str) -> bool:
    """Whether the site's time zone is needed to read it."""
    return _LOCAL.fullmatch(text.strip()) is not None


def parse(text: str, now: datetime, zone: tzinfo, *, end: bool) -> datetime:
    """The moment in UTC. Where clocks were put back and a time came twice, an interval takes both (`end`)."""
    words = text.strip()
    if not _FULL.fullmatch(words) and (roc := _ROC.match(words)):
        year = int(roc[1])
        raise WhenError(f"{units.shown(text)}: 民國{year} is written as {year + units.ROC} here; write {WAYS}")
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
    raise WhenError(f"{units.shown(text)} is not a time; write {WAYS}")


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
