"""How the box stands to its regulation, as one page to print: A4, no script, nothing that is loaded. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from edged.cli.compliance_screen import cited, counted, site_time, status_label
from edged.documents import compliance as documents

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
