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
from edged.cli.output import Session, checked, may_write, write_new, written_to
from edged.documents import register as documents
from edged.words import exit_codes
from edged.words.catalogue import Reader
from edged.words.units import roc
from storage.words.message import Message, message

SAMPLE: Final = "符合"
CHINESE: Final = Reader("zh_TW")
MARKS: Final[Mapping[documents.StatusName, tuple[Message, str]]] = {
    "met": (message("compliance.met", "met"), "green"),
    "not-met": (message("compliance.not-met", "NOT MET"), "bold red"),
    "by-hand": (message("compliance.by-hand", "by hand"), "yellow"),
    "not-built": (message("compliance.not-built", "not built yet"), "dim"),
}
"""Of each state: its word and style."""
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


BASES: Final[Mapping[documents.BasisName, Message]] = {
    "measured": message("compliance.basis.measured", "measured"),
    "enforced": message("compliance.basis.enforced", "enforced"),
    "recorded": message("compliance.basis.recorded", "by the records"),
    "by-hand": message("compliance.basis.by-hand", "seen by a person"),
}
"""What a judgement rests on above all."""


@click.group(invoke_without_command=True, short_help="How this box stands to the regulation of its office.")
@click.option("--clause", metavar="ID", help="Only this one, such as W1 or P3.")
@click.option("--html", metavar="FILE", type=AS_GIVEN, help="Write a page to print there; it must not exist.")
@json_option
@click.pass_context
@address_given
def compliance(
    address: Address, context: click.Context, *, clause: str | None, html: Path | None, as_json: bool
) -> int:
    """Each clause of the site's profile in its own words: met, not met, to be looked at by a person, or not built yet,
    with what that rests on, what was measured and since when. Ends with 1 where a clause is not met.
    """
    if context.invoked_subcommand is not None:
        if as_json or clause or html:
            verb = context.invoked_subcommand
            raise click.UsageError(
                message(
                    "compliance.options-behind", "write options behind the verb: edgectl compliance {verb} …", verb=verb
                )
            )
        return exit_codes.OK
    if html is not None:
        may_write(html)
    session = Session(address.daemon(), as_json)
    wanted = clause.upper() if clause is not None else None
    document = session.read(documents.Compliance, "/v1/compliance", clause=wanted)
    chinese = draws_chinese(os.environ, sys.stdout.encoding, terminal=sys.stdout.isatty())
    session.print(document, lambda: screen(document, chinese=chinese))
    if html is not None:
        write_new(html, html_page(document).encode())
        written_to(html, session.words)
    return exit_codes.FAILED if any(one.status == "not-met" for one in document.compliance) else exit_codes.OK


@compliance.command(short_help="Close FINDING, as an auditor.")
@click.argument("finding", metavar="FINDING")
@click.option("--reason", metavar="TEXT", required=True, help="Why it needs nothing more; it goes on record.")
@json_option
@address_given
def close(address: Address, finding: str, *, reason: str, as_json: bool) -> None:
    """What broke a clause in one case stays listed until an auditor closes it: FINDING is its name there, such as
    J8-115-0007. What goes on is put right first. Nobody closes a finding about himself.
    """
    wanted = documents.FindingCloseAsked(finding=finding.strip(), reason=reason)
    session = Session(address.daemon(), as_json)
    data = wanted.model_dump_json().encode()
    document = checked(documents.ComplianceClose, session.daemon.post("/v1/compliance/close", data))
    session.print(document, lambda: closed(document, session.reader))


def closed(document: documents.ComplianceClose, read: Reader) -> RenderableType:
    """What it was."""
    one = document.finding
    said = read.phrase("compliance.closed", "Finding {finding} is closed; its clause is judged anew.", finding=one.id)
    return Group(formatting.text(said), *(_indented(read(told.told)) for told in one.what_told))


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
    read = CHINESE
    yield Text(clean(told.title), style="bold")
    heading = read.phrase(
        "compliance.heading",
        "{site} ({office}/{node}), {moment}, {software}",
        site=told.site,
        office=told.office,
        node=told.node,
        moment=site_time(told.time, told.timezone),
        software=told.software,
    )
    yield Text(clean(heading))
    yield Text(counted(told, read), style="bold red" if told.counts.not_met else "")
    for one in told.compliance:
        yield Text("")
        since = f"　{since_words(one, told.timezone, read)}" if one.since else ""
        yield Text.assemble(
            (clean(f"{one.id}　{one.article}　"), "bold"),
            (status_label(one, read), MARKS[one.status][1]),
            (f"　{basis_words(one, read)}{since}" if one.basis else since, "dim"),
        )
        yield from (_indented(f"「{words}」", "italic") for words in one.text)
        yield from (_indented(f"✗ {words}", "red") for words in one.faults)
        yield from (_indented(f"・{words}") for words in one.evidence)
        yield from (_indented(closed_words(each, told.timezone, read), "dim") for each in one.findings if each.closed)
        yield from (_indented(by_hand(words, read), "yellow") for words in one.by_hand)
        yield from (_indented(not_built(words, read), "dim") for words in one.not_built)
    yield Text("")
    yield Text(clean(told.declaration), style="dim")
    yield Text(clean(cited(told, read)), style="dim")


def _english(told: documents.Compliance) -> Iterator[RenderableType]:
    read = Reader("en", ZoneInfo(told.timezone))
    heading = read.phrase(
        "compliance.heading.profile",
        "{node}, profile {profile}, {moment}, {software}",
        node=told.node,
        profile=told.profile,
        moment=local(told.time, read),
        software=told.software,
    )
    yield Text(heading)
    yield Text(_figures(told, read), style="bold red" if told.counts.not_met else "")
    table = formatting.table(
        read.phrase("compliance.clause", "Clause"),
        read.phrase("screen.state", "State"),
        read.phrase("compliance.basis.column", "Rests on"),
        read.phrase("compliance.since", "Since"),
    )
    for one in told.compliance:
        state = Text(status_label(one, read), style=MARKS[one.status][1])
        table.add_row(one.id, state, read(BASES[one.basis]) if one.basis else "", local(one.since, read))
    yield table
    yield Text(
        read.phrase(
            "compliance.in-chinese", "The clauses and what was measured are in Chinese, which this screen cannot show:"
        )
    )
    yield Text(
        read.phrase("compliance.in-chinese.action", "edgectl compliance --html FILE, or log in by ssh from a desk.")
    )


def _indented(words: str, style: str = "") -> RenderableType:
    return Padding(Text(clean(words), style=style), (0, 0, 0, 2))


def status_label(one: documents.Clause, read: Reader) -> str:
    """Met says so where something of the clause is left to people or to a later version."""
    state = MARKS[one.status][0]
    if one.status == "met" and not one.whole:
        return read.phrase("compliance.met-in-part", "{state} (what the box can tell)", state=state)
    return read(state)


def basis_words(one: documents.Clause, read: Reader) -> str:
    """Nothing where an earlier version did not say."""
    return "" if one.basis is None else read.phrase("compliance.basis", "judged: {basis}", basis=BASES[one.basis])


def closed_words(one: documents.ClosableFinding, timezone: str, read: Reader) -> str:
    """One that an auditor has closed."""
    return read.phrase(
        "compliance.finding-closed",
        "finding {finding}, closed by an auditor on {moment} (entry {leaf} of the ledger): {sentences}",
        finding=one.id,
        moment=site_time(one.closed or "", timezone),
        leaf=one.leaf or 0,
        sentences=list(one.what),
    )


def since_words(one: documents.Clause, timezone: str, read: Reader) -> str:
    return read.phrase("compliance.since-moment", "since {moment}", moment=site_time(one.since or "", timezone))


def by_hand(words: str, read: Reader) -> str:
    return read.phrase("compliance.by-hand.what", "by hand: {what}", what=words)


def not_built(words: str, read: Reader) -> str:
    return read.phrase("compliance.not-built.what", "not built yet: {what}", what=words)


def site_time(moment: str, timezone: str) -> str:
    """民國115年5月3日 08:00:00, in site time."""
    return roc(datetime.fromisoformat(moment).astimezone(ZoneInfo(timezone)).isoformat())


def counted(told: documents.Compliance, read: Reader) -> str:
    counts = told.counts
    total = counts.met + counts.not_met + counts.by_hand + counts.not_built
    return read.phrase("compliance.total", "{count} clauses: {figures}", count=total, figures=_figures(told, read))


def _figures(told: documents.Compliance, read: Reader) -> str:
    counts = told.counts
    return read.phrase(
        "compliance.figures",
        "{met} met, {not_met} not met, {by_hand} by hand, {not_built} not built yet",
        met=counts.met,
        not_met=counts.not_met,
        by_hand=counts.by_hand,
        not_built=counts.not_built,
    )


def cited(told: documents.Compliance, read: Reader) -> str:
    """Which state of the ledger this stands beside."""
    if told.head is None:
        return read.phrase("compliance.no-head", "The ledger has no signed root yet.")
    return read.phrase("compliance.ledger.state", "Ledger: {head}", head=_head(told.head))


def _head(head: documents.LedgerHead) -> Message:
    return message(
        "compliance.head",
        "{origin}, {leaves} leaves, root {root}",
        origin=head.origin,
        leaves=head.size,
        root=head.root,
    )


def html_page(told: documents.Compliance) -> str:
    """A whole HTML document; whatever is told is text in it."""
    return "".join(f"{line}\n" for line in _html_lines(told))


def _html_lines(told: documents.Compliance) -> Iterator[str]:
    read = CHINESE
    yield '<!DOCTYPE html>\n<html lang="zh-Hant-TW">\n<head>\n<meta charset="utf-8">'
    yield "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    title = read.phrase("compliance.page.name", "Report on the regulation {site}", site=told.site)
    yield f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>"
    head = read.phrase(
        "compliance.page.title", "Report on the regulation of the recording system (statement of the office itself)"
    )
    yield f"<header>\n<h1>{escape(head)}</h1>\n<dl>"
    for name, value in _page_facts(told, read):
        yield f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>"
    yield f'</dl>\n</header>\n<p class="counts">{escape(counted(told, read))}</p>'
    for one in told.compliance:
        yield from _html_clause(one, told.timezone, read)
    signatures = (
        read.phrase("compliance.page.responsible", "Person in charge"),
        read.phrase("compliance.page.superior", "Superior"),
        read.phrase("compliance.page.auditor", "Auditor"),
    )
    yield f'<div class="signed">{"".join(f"<div>{escape(who)}</div>" for who in signatures)}</div>'
    yield f"<footer>{escape(told.declaration)}</footer>\n</body>\n</html>"


def _page_facts(told: documents.Compliance, read: Reader) -> Iterator[tuple[str, str]]:
    """Names and values above the clauses."""
    yield read.phrase("compliance.page.regulation", "Regulation"), told.title
    yield read.phrase("compliance.page.office", "Office"), told.body
    site = read.phrase(
        "compliance.page.site", "{site} ({office}/{node})", site=told.site, office=told.office, node=told.node
    )
    yield read.phrase("compliance.page.box", "Recorder"), site
    moment = read.phrase(
        "compliance.page.moment",
        "{moment} ({timezone})",
        moment=site_time(told.time, told.timezone),
        timezone=told.timezone,
    )
    yield read.phrase("compliance.page.time", "Time"), moment
    software = read.phrase(
        "compliance.page.software",
        "{software}, data of the regulation {profile}",
        software=told.software,
        profile=told.profile,
    )
    yield read.phrase("compliance.page.version", "Version"), software
    ledger = read(_head(told.head)) if told.head else cited(told, read)
    yield read.phrase("compliance.page.ledger", "Ledger"), ledger


def _html_clause(one: documents.Clause, timezone: str, read: Reader) -> Iterator[str]:
    lines = [
        *(f'<li class="fault">{escape(words)}</li>' for words in one.faults),
        *(f"<li>{escape(words)}</li>" for words in one.evidence),
        *(f"<li>{escape(closed_words(each, timezone, read))}</li>" for each in one.findings if each.closed),
        *(f'<li class="hand">{escape(by_hand(words, read))}</li>' for words in one.by_hand),
        *(f'<li class="not-built">{escape(not_built(words, read))}</li>' for words in one.not_built),
    ]
    yield f'<section class="{"long" if len(lines) > LONG else ""}">'
    yield f'<span class="state {one.status}">{escape(status_label(one, read))}</span>'
    yield f"<h2>{escape(one.id)}　{escape(one.article)}</h2>"
    yield from (f"<blockquote>{escape(words)}</blockquote>" for words in one.text)
    about = [basis_words(one, read), since_words(one, timezone, read) if one.since else ""]
    if any(about):
        yield f'<p class="since">{escape("　".join(filter(None, about)))}</p>'
    if lines:
        yield "<ul>" + "\n".join(lines) + "</ul>"
    yield "</section>"
