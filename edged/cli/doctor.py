"""`edgectl doctor`: looks at everything that recording stands on, with the daemon or without it."""

from __future__ import annotations

import time
from typing import Final

import click
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from edged.cli import output
from edged.cli.client import Address, CallError
from edged.cli.formatting import STYLES, clean, text
from edged.cli.options import address_given, json_option
from edged.cli.output import checked
from edged.documents import machine as documents
from edged.documents import site
from edged.words import exit_codes

MARKS: Final = {"ok": "ok", "warn": "WARN", "critical": "CRITICAL", "unknown": "UNKNOWN"}


@click.command(short_help="Look at everything that recording stands on.")
@json_option
@address_given
def doctor(address: Address, *, as_json: bool) -> int:
    """Look at everything that recording stands on: clock, disks, volumes, database, cameras, broker, files. One line
    each, with the next step where something is wrong; ends with 0 ok, 1 warning, 2 critical, 3 not all could be seen.
    Works with the daemon down."""
    from edged.doctor import findings, run
    from edged.doctor.daemon import DownReport

    began = time.monotonic()
    daemon = address.daemon()
    status, refusal = None, None
    try:
        status = checked(site.Status, daemon.get("/v1/status"))
    except CallError as error:  # why is one of the checks
        if error.said or error.exit_code != exit_codes.UNREACHABLE:
            refusal = DownReport("not-allowed", error.error, error.action)
    gathered = run.examine(address.config_file, daemon.socket_path, status, refusal, of_unit=daemon.of_unit)
    checks = run.judged(gathered)
    verdict = findings.worst(checks)
    document = documents.Doctor(
        verdict=verdict.value,
        daemon=status is not None,
        checks=[
            documents.DoctorCheck(name=one.name, result=one.result.value, said=one.said, action=one.action)
            for one in checks
        ],
        took_s=round(time.monotonic() - began, 1),
    )
    output.answer(document, lambda: screen(document), as_json=as_json)
    return findings.EXIT_OF[verdict]


def screen(document: documents.Doctor) -> RenderableType:
    """A line for each check, below it what to do; ends in the verdict and the first thing to do."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for one in document.checks:
        line = text(one.name, "bold").append(f"  {clean(one.said)}", style="not bold")
        grid.add_row(Text(MARKS[one.result], style=STYLES[_style(one.result)]), line)
        if one.action:
            grid.add_row("", text(f"→ {one.action}", "bold"))
    return Group(grid, "", _verdict(document))


def _verdict(document: documents.Doctor) -> Text:
    first = next((one for one in document.checks if one.result == document.verdict and one.action), None)
    word = {"ok": "OK", "warn": "WARNING"}.get(document.verdict, document.verdict.upper())
    line = Text(word, style=f"reverse {STYLES[_style(document.verdict)]}", no_wrap=True, overflow="ignore")
    said = "nothing is wrong" if first is None else f"{first.name}: {first.action}"
    return line.append(f": {clean(said)}", style="not reverse")


def _style(result: documents.CheckResult) -> str:
    return "warning" if result == "warn" else result
