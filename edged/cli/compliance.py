"""`edgectl compliance`: how this box stands to the regulation of its office, clause by clause.

The screen is in Chinese, because the clauses are, and an auditor reads Chinese whatever the box was installed with:
the locale does not decide. Where Chinese cannot be drawn (a Linux console, an encoding without it) ids, states and
figures come in English, and where the words can be read. `--html` makes a page to print: A4, no script, nothing that
is loaded.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import click
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from edged.cli import formatting
from edged.cli.client import Address
from edged.cli.formatting import clean, local
from edged.cli.options import AS_GIVEN, address_given, json_option
from edged.cli.output import Session, may_write, write_new
from edged.documents import register as documents
from edged.words import exit_codes
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
STYLE: Final = """
@page { size: A4; margin: 16mm 14mm; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 186mm; padding: 8mm 0; color: #111; background: #fff;
  font: 10.5pt/1.55 "Noto Sans CJK TC", "Noto Sans TC", "PingFang TC", "Microsoft JhengHei", sans-serif; }
h1 { font-size: 15pt; margin: 0; } h2 { font-size: 11.5pt; margin: 0 0 1mm; }
header dl { display: grid; grid-template-columns: 26mm 1fr; gap: 0 3mm; margin: 3mm 0; }
dt { color: #555; } dd { margin: 0; }
.counts { font-weight: bold; border: 1px solid #111; padding: 2mm 3mm; margin: 0 0 5mm; }
section { border-top: 1px solid #999; padding: 3mm 0; break-inside: avoid-page; }
section.long { break-inside: auto; } h2 { break-after: avoid; }
.state { float: right; border: 1px solid; padding: 0 2mm; font-weight: bold; }
.met { color: #0a5c23; } .not-met { color: #a80000; } .by-hand { color: #7a5200; } .not-built { color: #555; }
.since { color: #555; font-size: 9.5pt; margin: 0 0 1mm; }
blockquote { margin: 1mm 0; padding-left: 3mm; border-left: 2px solid #999; }
ul { margin: 1mm 0; padding-left: 5mm; } li.fault { color: #a80000; } li.fault::marker { content: "✗ "; }
li.hand::marker { content: "□ "; }
footer { border-top: 1px solid #111; margin-top: 4mm; padding-top: 2mm; font-size: 9pt; overflow-wrap: anywhere; }
.signed { display: grid; grid-template-columns: 1fr 1fr 1fr; gap: 6mm; margin: 6mm 0; font-size: 10pt; }
.signed div { border-bottom: 1px solid #111; height: 12mm; }
"""
LONG: Final = 12
"""Lines of a clause beyond which it may be broken over two pages."""


@click.command(short_help="How this box stands to the regulation of its office.")
@click.option("--clause", metavar="ID", help="Only this one, such as W1 or P3.")
@click.option("--html", metavar="FILE", type=AS_GIVEN, help="Write a page to print there; it must not exist.")
@json_option
@address_given
def compliance(address: Address, *, clause: str | None, html: Path | None, as_json: bool) -> int:
    """Each clause of the site's profile in its own words: met, not met, to be looked at by a person, or not built yet,
    with what was measured and since when. Ends with 1 where a clause is not met.
    """
    if html is not None:
        may_write(html)
    session = Session(address.daemon(), as_json)
    wanted = clause.upper() if clause is not None else None
    document = session.read(documents.Compliance, "/v1/compliance", clause=wanted)
    chinese = draws_chinese(os.environ, sys.stdout.encoding, terminal=sys.stdout.isatty())
    session.print(document, lambda: screen(document, chinese=chinese))
    if html is not None:
        write_new(html, html_page(document).encode())
        click.echo(f"edgectl: written to {html}", err=True)
    return exit_codes.FAILED if any(one.status == "not-met" for one in document.compliance) else exit_codes.OK


def draws_chinese(environ: Mapping[str, str], encoding: str | None, *, terminal: bool) -> bool:
    """Whether what is printed can show it."""
    try:
        SAMPLE.encode(encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return not (terminal and environ.get("TERM") == "linux")


def screen(told: documents.Compliance, *, chinese: bool) -> RenderableType:
    return Group(*(_chinese(told) if chinese else _english(told)))


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


def _indented(words: str, style: str = "") -> RenderableType:
    return Padding(Text(clean(words), style=style), (0, 0, 0, 2))


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


def cited(told: documents.Compliance) -> str:
    """Which state of the ledger this stands beside."""
    if told.head is None:
        return "稽核軌跡尚無簽署的樹根。"
    return f"稽核軌跡：{told.head.origin}，{told.head.size} 筆，樹根 {told.head.root}"


def html_page(told: documents.Compliance) -> str:
    """A whole HTML document; whatever is told is text in it."""
    return "".join(f"{line}\n" for line in _html_lines(told))


def _html_lines(told: documents.Compliance) -> Iterator[str]:
    yield '<!DOCTYPE html>\n<html lang="zh-Hant-TW">\n<head>\n<meta charset="utf-8">'
    yield "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    yield f"<title>{escape(f'法規查核報告 {told.site}')}</title>\n<style>{STYLE}</style>\n</head>\n<body>"
    yield "<header>\n<h1>錄影監視系統法規查核報告（自我聲明）</h1>\n<dl>"
    for name, value in (
        ("規定", told.title),
        ("機關", told.body),
        ("錄影主機", f"{told.site}（{told.office}／{told.node}）"),
        ("查核時間", f"{site_time(told.time, told.timezone)}（{told.timezone}）"),
        ("版本", f"{told.software}，規定資料 {told.profile}"),
        ("稽核軌跡", cited(told).removeprefix("稽核軌跡：")),
    ):
        yield f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>"
    yield f'</dl>\n</header>\n<p class="counts">{escape(counted(told))}</p>'
    for one in told.compliance:
        yield from _html_clause(one, told.timezone)
    yield '<div class="signed"><div>專責人員</div><div>主管</div><div>稽核人員</div></div>'
    yield f"<footer>{escape(told.declaration)}</footer>\n</body>\n</html>"


def _html_clause(one: documents.Clause, timezone: str) -> Iterator[str]:
    lines = [
        *(f'<li class="fault">{escape(words)}</li>' for words in one.faults),
        *(f"<li>{escape(words)}</li>" for words in one.evidence),
        *(f'<li class="hand">人工查核：{escape(words)}</li>' for words in one.by_hand),
        *(f'<li class="not-built">尚未建置：{escape(words)}</li>' for words in one.not_built),
    ]
    yield f'<section class="{"long" if len(lines) > LONG else ""}">'
    yield f'<span class="state {one.status}">{escape(status_label(one))}</span>'
    yield f"<h2>{escape(one.id)}　{escape(one.article)}</h2>"
    yield from (f"<blockquote>{escape(words)}</blockquote>" for words in one.text)
    if one.since:
        yield f'<p class="since">自 {escape(site_time(one.since, timezone))} 起</p>'
    if lines:
        yield "<ul>" + "\n".join(lines) + "</ul>"
    yield "</section>"
