"""The verbs of edgectl: each asks for one document and prints it, as JSON or as a screen."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from edged.cli import daemon_down, lists, printing, screens, times
from edged.cli.address import Address, is_closed
from edged.cli.client import CallError
from edged.cli.options import AS_GIVEN, address_given, interval_options, json_option
from edged.cli.session import Session, checked
from edged.cli.watch import watch as watch_status
from edged.cli.words import Language, language_of, word
from edged.config import load as configuration
from edged.documents import ring
from edged.documents import site as documents
from edged.host.file_access import of_unit
from edged.words import exit_codes


@click.command()
@json_option
@click.option("--watch", is_flag=True, help="Redraw every second, until Ctrl-C.")
@click.option("--check", is_flag=True, help="Print the verdict only; end with 0 ok, 1 warning, 2 critical, 3 unknown.")
@address_given
def status(address: Address, *, as_json: bool, watch: bool, check: bool) -> int:
    """How everything is, on one screen that ends in a verdict."""
    tongue = language_of(os.environ)
    if watch and (as_json or check):
        raise click.UsageError("--watch draws a screen: leave out --json and --check")
    if watch:
        return watch_status(address.config_file, address.daemon(), tongue)
    session = Session(address.daemon(), as_json)
    try:
        document = session.read(documents.Status, "/v1/status")
    except CallError as error:
        if error.exit_code not in daemon_down.UNANSWERED or error.said:
            return _unanswered(error, tongue, check=check, as_json=as_json)
        return daemon_down.report_down(address.config_file, session.daemon, error, tongue, check=check, as_json=as_json)
    session.print(
        document,
        lambda: (
            screens.verdict_line(document.verdict, document.action, tongue)
            if check
            else screens.status_screen(document, tongue)
        ),
    )
    return screens.EXIT_OF[document.verdict] if check else exit_codes.OK


def _unanswered(error: CallError, tongue: Language, *, check: bool, as_json: bool) -> int:
    """The daemon's own refusal. For monitoring it is the verdict `unknown`, not a failure of edgectl."""
    if not check:
        if as_json:
            raise error
        click.echo(f"edgectl: {error.error}", err=True)
        printing.show(screens.verdict_line("unknown", word(error.action, tongue), tongue))
        return error.exit_code
    code = screens.EXIT_OF["unknown"]
    known = documents.Error(error=error.error, action=error.action, exit=code)
    happened = "; ".join(error.error.splitlines())
    said = f"{happened}. {word(error.action, tongue)}"
    printing.answer(known, lambda: screens.verdict_line("unknown", said, tongue), as_json=as_json)
    return code


@click.command()
@json_option
@address_given
def cameras(address: Address, *, as_json: bool) -> None:
    """Each camera with all that is known of it."""
    session = Session(address.daemon(), as_json)
    document = session.read(documents.Cameras, "/v1/cameras")
    session.print(document, lambda: lists.cameras_screen(document, session.zone))


@click.command()
@json_option
@interval_options
@address_given
def segments(
    address: Address, *, camera: str | None, start: str | None, end: str | None, limit: int | None, as_json: bool
) -> None:
    """Committed segments (錄影檔) that touch an interval, with their files."""
    session = Session(address.daemon(), as_json)
    first, last = interval(session, start, end)
    document = session.read(documents.Segments, "/v1/segments", camera=camera, from_=first, to=last, limit=limit)
    session.print(document, lambda: lists.segments_screen(document, session.zone, limit))


@click.command()
@json_option
@interval_options
@address_given
def gaps(
    address: Address, *, camera: str | None, start: str | None, end: str | None, limit: int | None, as_json: bool
) -> None:
    """When a camera was not recorded (錄影中斷), and why."""
    session = Session(address.daemon(), as_json)
    first, last = interval(session, start, end)
    document = session.read(documents.Gaps, "/v1/gaps", camera=camera, from_=first, to=last, limit=limit)
    session.print(document, lambda: lists.gaps_screen(document, session.zone, limit))


def interval(session: Session, start: str | None, end: str | None) -> tuple[str | None, str | None]:
    """Both ends in RFC 3339. The site's time zone is asked for only where a time needs it."""
    now = datetime.now(UTC)
    zone = session.zone if any(text and times.is_local(text) for text in (start, end)) else UTC
    try:
        first = times.parse(start, now, zone, end=False) if start is not None else None
        last = times.parse(end, now, zone, end=True) if end is not None else None
    except times.WhenError as error:
        raise click.UsageError(str(error)) from None
    if first is not None and last is not None and first >= last:
        raise click.UsageError("--from must be earlier than --to")
    return (times.rfc3339(first) if first else None), (times.rfc3339(last) if last else None)


@click.command()
@json_option
@click.option("--explain", metavar="SEGMENT", help="Why this segment is kept or destroyed: its path, or CAMERA/SEQ.")
@address_given
def retention(address: Address, *, explain: str | None, as_json: bool) -> None:
    """What is kept, how long, and how long it will last."""
    session = Session(address.daemon(), as_json)
    if explain is not None:
        here = Path(explain).absolute()
        named = str(here) if os.path.lexists(here) else explain  # else the daemon looks for it on its volumes
        explained = session.read(ring.Explanation, "/v1/retention/explain", segment=named)
        session.print(explained, lambda: lists.explanation_screen(explained))
        return
    document = session.read(documents.Retention, "/v1/retention")
    session.print(document, lambda: lists.retention_screen(document, session.zone))


@click.command()
@json_option
@address_given
def reload(address: Address, *, as_json: bool) -> None:
    """Let the daemon read its configuration again; cameras that did not change lose no frame."""
    session = Session(address.daemon(), as_json)
    document = checked(documents.Reload, session.daemon.post("/v1/reload"))
    session.print(document, lambda: lists.reload_screen(document))


@click.group()
def config() -> None:
    """The configuration."""


@config.command()
@click.argument("file", type=AS_GIVEN, required=False)
@json_option
@address_given
def check(address: Address, file: Path | None, *, as_json: bool) -> int:
    """All that is wrong with FILE, and what to write instead. Needs no daemon."""
    path = file or address.config_file
    problems, warnings = configuration.check(path, reader=of_unit(path))
    document = documents.ConfigCheck(
        ok=not problems,
        file=str(path),
        problems=[_problem(problem) for problem in problems],
        warnings=[_problem(warning) for warning in warnings],
    )
    printing.answer(document, lambda: lists.config_check_screen(document), as_json=as_json)
    return exit_codes.OK if document.ok else exit_codes.NOT_ALLOWED if is_closed(path) else exit_codes.CONFIG


def _problem(found: configuration.Problem) -> documents.ConfigProblem:
    return documents.ConfigProblem(file=found.file, key=found.key, problem=found.problem, instead=found.instead)
