"""`edgectl status` of a daemon that does not answer: since when, why, what next."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
from rich.console import RenderableType
from rich.padding import Padding

from edged.cli import printing, screens, times
from edged.cli.client import CallError, Daemon
from edged.cli.formatting import clean, text
from edged.cli.words import Language, word
from edged.documents import machine as documents
from edged.words import exit_codes, units

UNANSWERED: Final = (exit_codes.UNREACHABLE, exit_codes.NOT_ALLOWED)
"""Endings of a question that nobody answered: what is the matter is looked for from outside."""


def report_down(config: Path, daemon: Daemon, error: CallError, tongue: Language, *, check: bool, as_json: bool) -> int:
    """Look from outside, and say it. `error`: what came of asking. 69, or 77; for monitoring 3."""
    document = look_from_outside(config, daemon, error, screens.EXIT_OF["unknown"] if check else error.exit_code)
    if as_json:
        printing.show_document(document)
        return document.exit
    first, *why = _down_reasons(document, error)
    if check:
        said = f"{'; '.join((first, *why))}. {word(document.action, tongue)}"
        printing.show(screens.verdict_line("unknown", said, tongue))
        return document.exit
    click.echo(f"edgectl: {first}", err=True)
    for line in (*why, *_down_lines(document)):
        click.echo(f"  {clean(line)}", err=True)
    printing.show(screens.verdict_line("unknown", word(document.action, tongue), tongue))
    return document.exit


def down_screen(config: Path, daemon: Daemon, error: CallError, tongue: Language) -> list[RenderableType]:
    """The same for a screen that is redrawn; the verdict is its last part."""
    if error.exit_code not in UNANSWERED or error.said:
        last = screens.verdict_line("unknown", word(error.action, tongue), tongue, wrap=True)
        return [text(error.error), "", last]
    document = look_from_outside(config, daemon, error, error.exit_code)
    first, *why = _down_reasons(document, error)
    lines = [Padding(text(line), (0, 0, 0, 2)) for line in (*why, *_down_lines(document))]
    return [text(first), *lines, "", screens.verdict_line("unknown", word(document.action, tongue), tongue, wrap=True)]


def look_from_outside(config: Path, daemon: Daemon, error: CallError, code: int) -> documents.StatusDown:
    """As a document; where nothing more is known, with the words of `error`."""
    from edged.doctor import run as visit

    found, alive_ms, unseen = visit.outside(config, daemon.socket_path, of_unit=daemon.of_unit)
    told = found.cause not in ("unknown", "not-allowed")
    return documents.StatusDown(
        error=found.said if told else error.error.splitlines()[0],
        action=found.action if told else error.action,
        exit=code,
        cause=found.cause,
        since=_moment(found.since_ms),
        last_alive=_moment(alive_ms),
        evidence=list(found.evidence),
        unseen=list(unseen),
    )


def _down_reasons(document: documents.StatusDown, error: CallError) -> list[str]:
    """What came of asking and, where it is known, why."""
    first, *_ = error.error.splitlines()
    why = [] if document.error == first else [f"{clean(document.error)}{_since(document)}"]
    return [clean(first), *why]


def _moment(wall_ms: int) -> str | None:
    return times.rfc3339(datetime.fromtimestamp(wall_ms / 1000, UTC)) if wall_ms else None


def _since(document: documents.StatusDown) -> str:
    """In the time of this machine, which whoever stands before it reads off the wall."""
    if document.since is None:
        return ""
    moment = datetime.fromisoformat(document.since)
    ago = units.approximate_duration(max(0.0, (datetime.now(UTC) - moment).total_seconds()))
    return f", since {moment.astimezone():%Y-%m-%d %H:%M:%S %Z} ({ago})"


def _down_lines(document: documents.StatusDown) -> list[str]:
    lines = list(document.evidence)
    if document.last_alive is not None:
        alive = datetime.fromisoformat(document.last_alive).astimezone()
        lines.append(f"last sign of life: {alive:%Y-%m-%d %H:%M:%S %Z}")
    if document.unseen:
        lines += [f"not seen: {line}" for line in document.unseen]
        lines.append("as root or with sudo, edgectl can tell more")
    return lines
