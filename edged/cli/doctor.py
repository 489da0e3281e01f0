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
from edged.documents.base import told_in
from edged.words import exit_codes
from edged.words.catalogue import Reader
from storage.words.message import as_message, message

MARKS: Final = {
    "ok": message("doctor.mark.ok", "ok"),
    "warn": message("doctor.mark.warn", "WARN"),
    "critical": message("doctor.mark.critical", "CRITICAL"),
    "unknown": message("doctor.mark.unknown", "UNKNOWN"),
}
NAMES: Final = {
    "daemon": message("doctor.name.daemon", "daemon"),
    "unit": message("doctor.name.unit", "unit"),
    "configuration": message("doctor.name.configuration", "configuration"),
    "clock": message("doctor.name.clock", "clock"),
    "clock.hardware": message("doctor.name.clock-hardware", "clock.hardware"),
    "volume": message("doctor.name.volume", "volume"),
    "space": message("doctor.name.space", "space"),
    "space state": message("doctor.name.space-state", "space state"),
    "database": message("doctor.name.database", "database"),
    "disk": message("doctor.name.disk", "disk"),
    "kernel": message("doctor.name.kernel", "kernel"),
    "camera": message("doctor.name.camera", "camera"),
    "cameras": message("doctor.name.cameras", "cameras"),
    "device": message("doctor.name.device", "device"),
    "broker": message("doctor.name.broker", "broker"),
    "certificates": message("doctor.name.certificates", "certificates"),
    "modes": message("doctor.name.modes", "modes"),
    "office": message("doctor.name.office", "office"),
    "erasure": message("doctor.name.erasure", "erasure"),
    "encryption": message("doctor.name.encryption", "encryption"),
    "swap": message("doctor.name.swap", "swap"),
    "memory": message("doctor.name.memory", "memory"),
    "load": message("doctor.name.load", "load"),
    "load.cameras": message("doctor.name.load-cameras", "load.cameras"),
    "versions": message("doctor.name.versions", "versions"),
    "console": message("doctor.name.console", "console"),
}
"""First words of the names of checks; behind them stands which one it is."""
VERDICTS: Final = {
    "ok": message("doctor.verdict.ok", "OK"),
    "warn": message("doctor.verdict.warn", "WARNING"),
    "critical": message("doctor.mark.critical", "CRITICAL"),
    "unknown": message("doctor.mark.unknown", "UNKNOWN"),
}


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
            refusal = DownReport("not-allowed", as_message(error.error), as_message(error.action))
    gathered = run.examine(address.config_file, daemon.socket_path, status, refusal, of_unit=daemon.of_unit)
    checks = run.judged(gathered)
    verdict = findings.worst(checks)
    document = documents.Doctor(
        verdict=verdict.value,
        daemon=status is not None,
        checks=[
            documents.DoctorCheck(
                name=one.name,
                result=one.result.value,
                said=one.said,
                said_code=one.said.code,
                said_values=one.said.data,
                action=one.action,
                action_code=one.action.code,
                action_values=one.action.data,
            )
            for one in checks
        ],
        took_s=round(time.monotonic() - began, 1),
    )
    output.answer(document, lambda: screen(document, Reader(output.language())), as_json=as_json)
    return findings.EXIT_OF[verdict]


def screen(document: documents.Doctor, read: Reader) -> RenderableType:
    """A line for each check, below it what to do; ends in the verdict and the first thing to do."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for one in document.checks:
        line = text(_name(one.name, read), "bold").append(f"  {clean(read(told_in(one, 'said')))}", style="not bold")
        grid.add_row(Text(read(MARKS[one.result]), style=STYLES[_style(one.result)]), line)
        if one.action:
            grid.add_row("", text(f"→ {read(told_in(one, 'action'))}", "bold"))
    return Group(grid, "", _verdict(document, read))


def _verdict(document: documents.Doctor, read: Reader) -> Text:
    first = next((one for one in document.checks if one.result == document.verdict and one.action), None)
    word = read(VERDICTS[document.verdict])
    line = Text(word, style=f"reverse {STYLES[_style(document.verdict)]}", no_wrap=True, overflow="ignore")
    said, colon = read.phrase("doctor.nothing-wrong", "nothing is wrong"), read.phrase("doctor.colon", ": ")
    if first is not None:
        said = f"{_name(first.name, read)}{colon}{read(told_in(first, 'action'))}"
    return line.append(f"{colon}{clean(said)}", style="not reverse")


def _name(name: str, read: Reader) -> str:
    if name in NAMES:
        return read(NAMES[name])
    what, blank, which = name.partition(" ")
    return (read(NAMES[what]) if what in NAMES else what) + blank + which


def _style(result: documents.CheckResult) -> str:
    return "warning" if result == "warn" else result
