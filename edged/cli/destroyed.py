"""`edgectl destroyed`: the register of destruction (銷毀紀錄), row by row as it comes, on screen, as JSON or as CSV.

The words of the register are here in both languages; the statement on a month (`proof-of-retention`) uses them, too.
"""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final, Literal, Protocol
from zoneinfo import ZoneInfo

import click
from pydantic import BaseModel, Field, ValidationError
from rich.console import Group, RenderableType
from rich.text import Text

from edged.cli import output
from edged.cli.client import Address, CallError
from edged.cli.formatting import Language, corrected, language_of, local, span, table, text
from edged.cli.ledger import MEANS, SEEN, SIGNED, UNSIGNED
from edged.cli.options import CAMERA, TIMES, address_given, json_option
from edged.cli.output import Session, interval
from edged.documents import register as documents
from edged.words import exit_codes, units

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
RULES: Final[dict[str, tuple[str, str]]] = {
    "ceiling": ("到期", "ceiling"),
    "space": ("循環覆蓋", "space"),
    "overwrite": ("強制覆蓋", "overwrite"),
    "lost": ("隨硬碟遺失", "lost"),
    "untold": ("未記載", "untold"),
    "before-ledger": ("紀錄之前", "before"),
}
"""到期: past its ceiling. 循環覆蓋: past its floor, and its space was needed. 強制覆蓋: below its floor, with leave."""
VERDICTS: Final[dict[str, tuple[str, str]]] = {
    "as-demanded": ("符合", "as demanded"),
    "below-floor": ("未滿最低保存期限", "below its floor"),
    "beyond-ceiling": ("逾銷毀期限", "beyond its ceiling"),
    "unknown": ("未記載", "not told"),
}
COLUMNS: Final = (
    ("攝影機", "camera"),
    ("序號", "seq"),
    ("錄影起", "recorded from"),
    ("錄影迄", "recorded to"),
    ("位元組", "bytes"),
    ("SHA-256", ""),
    ("錄影硬碟", "volume"),
    ("銷毀時間", "destroyed"),
    ("依據", "rule"),
    ("判定", "verdict"),
    ("最低保存天數", "floor (days)"),
    ("銷毀期限天數", "ceiling (days)"),
    ("已保存天數（至少）", "kept (days, at least)"),
    ("證據保存", "pins"),
    ("稽核軌跡編號", "leaf"),
    ("稽核軌跡名稱", "generation"),
    ("樹中位置", "index"),
    ("已簽署", "signed"),
    ("外部留存", "seen outside"),
)
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
        output.show(screen(some, zone, tongue, headed=not begun))
        begun = True
    output.show(ending(_summary(rows), zone, tongue, begun=begun))
    return exit_codes.OK


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


def ending(summary: documents.DestroyedSummary, zone: ZoneInfo, tongue: Language, *, begun: bool) -> RenderableType:
    """What it comes to; below a table with what its marks mean."""
    which = 0 if tongue == "zh_TW" else 1
    legend: list[RenderableType] = [Text((MEANS_ZH, MEANS)[which], style="dim"), ""] if begun else []
    return Group(*legend, *(Text((zh, en)[which], style=style) for zh, en, style in summary_lines(summary, zone)))


def _summary(rows: Rows) -> documents.DestroyedSummary:
    if rows.summary is None:
        raise _unknown()
    return rows.summary


def summary_lines(told: documents.DestroyedSummary, zone: ZoneInfo) -> Iterator[tuple[str, str, str]]:
    """What it comes to: sentences in Chinese and English, each with its style."""
    if not (told.segments or told.rules or told.lost or told.unread):
        yield "這段時間沒有銷毀任何錄影。", "Nothing was destroyed in that time.", ""
        hint = "要查某段時間錄下的影像，請用 --recorded-from、--recorded-to。"
        yield hint, "What became of what was recorded then: --recorded-from, --recorded-to.", "dim"
        return
    size = units.format_size(told.bytes)
    rules = [(RULES[rule], count) for rule, count in told.rules.items()]
    by_zh = "、".join(f"{zh} {count}" for (zh, _), count in rules)
    by_en = ", ".join(f"{en} {count}" for (_, en), count in rules)
    first, last = local(told.first, zone), local(told.last, zone)
    when_zh, when_en = (f"，{first} 至 {last}", f", {first} to {last}") if told.first else ("", "")
    counted = units.counted(told.segments, "segment")
    yield f"共 {told.segments} 個錄影檔，{size}{when_zh}（{by_zh}）。", f"{counted}, {size}{when_en} ({by_en}).", ""
    yield from judged(told)
    for one in told.lost:
        style = BAD if one.below_floor or one.pinned else ODD
        at, counted = local(one.told, zone), units.counted(one.segments, "segment")
        zh = f"錄影硬碟 {one.volume} 於 {at} 認定遺失，"
        zh += f"含 {one.segments} 個錄影檔，{one.below_floor} 個未滿最低保存期限，{one.pinned} 個為證據保存。"
        en = f"Volume {one.volume} was told to be lost at {at}: "
        yield zh, en + f"{counted}, {one.below_floor} of them below their floor, {one.pinned} pinned.", style


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


def judged(told: JudgedCounts) -> Iterator[tuple[str, str, str]]:
    """Whether all went neither too early nor too late."""
    yield from _early(told)
    yield from _late(told)
    if told.unknown:
        zh = f"{told.unknown} 筆沒有記載當時的存放時間，無從判定。"
        yield zh, f"{told.unknown} of them do not say how old it was: nothing is claimed of them.", ODD
    if told.unread:
        yield f"{told.unread} 筆紀錄無法辨讀。", f"{told.unread} of the entries cannot be read.", BAD


def _early(told: JudgedCounts) -> Iterator[tuple[str, str, str]]:
    if not told.below_floor:
        yield "沒有未滿最低保存期限即銷毀的。", "None of them below its floor.", GOOD
        return
    count, rest = told.below_floor, told.below_floor - told.permitted
    zh = f'{count} 個未滿最低保存期限即銷毀：{told.permitted} 個依 on_full = "overwrite"，{rest} 個沒有依據。'
    en = f'{count} below their floor: {told.permitted} by leave of on_full = "overwrite", {rest} by no rule at all.'
    yield zh, en, BAD


def _late(told: JudgedCounts) -> Iterator[tuple[str, str, str]]:
    if not told.beyond_ceiling:
        yield "沒有逾銷毀期限的。", "None of them beyond its ceiling.", GOOD
        return
    rest = told.beyond_ceiling - told.explained
    zh = f"{told.beyond_ceiling} 個逾銷毀期限一小時以上：{told.explained} 個因證據保存"
    en = f"{told.beyond_ceiling} beyond their ceiling by more than an hour: {told.explained} kept by a pin"
    if rest:
        zh += f"，{rest} 個未載明原因（主機停機、硬碟離線或時鐘未校時）"
        en += f", {rest} for a reason that no entry names (the box was off, the disk away, the clock not in sync)"
    yield f"{zh}。", f"{en}.", BAD if rest else ODD
