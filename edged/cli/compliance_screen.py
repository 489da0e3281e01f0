"""How the box stands to its regulation, as a screen for whoever inspects it: in Chinese, because the clauses are. Pure.

The locale does not decide, as an auditor reads Chinese whatever the box was installed with. Where it cannot be drawn (a
Linux console, an encoding without it) ids, states and figures come in English, and where the words can be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from edged.cli import formatting
from edged.cli.formatting import clean, local
from edged.documents import compliance as documents
from edged.words.units import roc

SAMPLE: Final = "符合"
MARKS: Final[Mapping[documents.StatusName, tuple[str, str, str]]] = {
    "met": ("符合", "met", "green"),
    "not-met": ("不符合", "NOT MET", "bold red"),
    "by-hand": ("人工查核", "by hand", "yellow"),
    "not-built": ("尚未建置", "not built yet", "dim"),
}
"""Of each state: Chinese, English, style."""
PART: Final = "（量測部分）"


def draws_chinese(environ: Mapping[str, str], encoding: str | None, *, terminal: bool) -> bool:
    """Whether what is printed can show it."""
    try:
        SAMPLE.encode(encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return not (terminal and environ.get("TERM") == "linux")


def screen(told: documents.Compliance, *, chinese: bool) -> RenderableType:
    return Group(*(_chinese(told) if chinese else _english(told)))


def status_label(one: documents.Clause) -> str:
    """符合（量測部分）where something of the clause is left to people or to a later version."""
    return MARKS[one.status][0] + (PART if one.status == "met" and not one.whole else "")


def site_time(moment: str, timezone: str) -> str:
    """民國115年5月3日 08:00:00, in site time."""
    return roc(datetime.fromisoformat(moment).astimezone(ZoneInfo(timezone)).isoformat())


def counted(told: documents.Compliance) -> str:
    counts = told.counts
    return (
        f"共 {counts.met + counts.not_met + counts.by_hand + counts.not_built} 條：符合 {counts.met}、"
        f"不符合 {counts.not_met}、人工查核 {counts.by_hand}、尚未建置 {counts.not_built}"
    )


def _chinese(told: documents.Compliance) -> Iterator[RenderableType]:
    yield Text(clean(told.title), style="bold")
    yield Text(
        clean(f"{told.site}（{told.office}／{told.node}），{site_time(told.time, told.timezone)}，{told.software}")
    )
    yield Text(counted(told), style="bold red" if told.counts.not_met else "")
    for one in told.compliance:
        yield Text("")
        since = f"　自 {site_time(one.since, told.timezone)} 起" if one.since else ""
        yield Text.assemble(
            (clean(f"{one.id}　{one.article}　"), "bold"), (status_label(one), MARKS[one.status][2]), (since, "dim")
        )
        yield from (_indented(f"「{words}」", "italic") for words in one.text)
        yield from (_indented(f"✗ {words}", "red") for words in one.faults)
        yield from (_indented(f"・{words}") for words in one.evidence)
        yield from (_indented(f"人工查核：{words}", "yellow") for words in one.by_hand)
        yield from (_indented(f"尚未建置：{words}", "dim") for words in one.not_built)
    yield Text("")
    yield Text(clean(told.declaration), style="dim")
    yield Text(clean(cited(told)), style="dim")


def cited(told: documents.Compliance) -> str:
    """Which state of the ledger this stands beside."""
    if told.head is None:
        return "稽核軌跡尚無簽署的樹根。"
    return f"稽核軌跡：{told.head.origin}，{told.head.size} 筆，樹根 {told.head.root}"


def _indented(words: str, style: str = "") -> RenderableType:
    return Padding(Text(clean(words), style=style), (0, 0, 0, 2))


def _english(told: documents.Compliance) -> Iterator[RenderableType]:
    zone, counts = ZoneInfo(told.timezone), told.counts
    yield Text(f"{told.node}, profile {told.profile}, {local(told.time, zone)}, {told.software}")
    figures = f"{counts.met} met, {counts.not_met} not met, {counts.by_hand} by hand, {counts.not_built} not built yet"
    yield Text(figures, style="bold red" if counts.not_met else "")
    table = formatting.table("Clause", "State", "Since")
    for one in told.compliance:
        part = " (what is measured)" if one.status == "met" and not one.whole else ""
        _, words, style = MARKS[one.status]
        table.add_row(one.id, Text(words + part, style=style), local(one.since, zone))
    yield table
    yield Text("The clauses and what was measured are in Chinese, which this screen cannot show:")
    yield Text("edgectl compliance --html FILE, or log in by ssh from a desk.")
