"""`edgectl config check` and `edgectl reload`: what is wrong with the configuration, and what a reload changed."""

from __future__ import annotations

from pathlib import Path

import click
from rich.cells import set_cell_size
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from edged.cli import output
from edged.cli.client import Address
from edged.cli.formatting import (
    STYLES,
    clean,
    text,
)
from edged.cli.options import AS_GIVEN, address_given, json_option
from edged.cli.output import Session, checked
from edged.config import load as configuration
from edged.config.problem import ConfigMistake
from edged.documents import site as documents
from edged.documents.base import told_in, told_of
from edged.host.file_access import is_unreadable, of_unit
from edged.office import calendars
from edged.words import exit_codes
from edged.words.catalogue import Reader


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
    problems, warnings = configuration.check(path, reader=of_unit(path), warn=calendars.warn)
    document = documents.ConfigCheck(
        ok=not problems,
        file=str(path),
        problems=[_problem(problem) for problem in problems],
        warnings=[_problem(warning) for warning in warnings],
    )
    output.answer(document, lambda: config_check_screen(document, Reader(output.language())), as_json=as_json)
    return exit_codes.OK if document.ok else exit_codes.NOT_ALLOWED if is_unreadable(path) else exit_codes.CONFIG


def _problem(found: ConfigMistake) -> documents.ConfigProblem:
    return documents.ConfigProblem(
        file=found.file,
        key=found.key,
        problem=found.problem,
        problem_code=found.problem.code,
        problem_values=found.problem.data,
        instead=found.instead,
        instead_code=found.instead.code,
        instead_values=found.instead.data,
    )


def config_check_screen(document: documents.ConfigCheck, read: Reader) -> RenderableType:
    """Every problem with what to write instead; ends in one line."""
    parts: list[RenderableType] = []
    colon = read.phrase("config.check.colon", ": ")
    for kind, style, found in (
        (read.phrase("config.check.error", "error"), STYLES["critical"], document.problems),
        (read.phrase("config.check.warning", "warning"), STYLES["warning"], document.warnings),
    ):
        for problem in found:
            line = Text(kind, style=style).append(f" {clean(problem.key)}" if problem.key else "", style="bold default")
            parts += [
                line.append(f"{colon}{clean(read(told_in(problem, 'problem')))}", style="not bold default"),
                Padding(text(f"→ {read(told_in(problem, 'instead'))}"), (0, 0, 0, 2)),
            ]
    last = Text(f"{clean(document.file)}{colon}", no_wrap=True, overflow="ignore")
    if document.ok:
        last.append(read.phrase("config.check.valid", "valid"), style="green")
    else:
        last.append(read.phrase("config.check.not-valid", "not valid"), style="bold red")
    last.append(
        read.phrase(
            "config.check.counts",
            " ({problems}, {warnings})",
            problems=_problems(len(document.problems), read),
            warnings=_warnings(len(document.warnings), read),
        )
    )
    return Group(*parts, last)


def _problems(count: int, read: Reader) -> str:
    if count == 1:
        return read.phrase("config.check.one-problem", "1 problem")
    return read.phrase("config.check.problems", "{count} problems", count=count)


def _warnings(count: int, read: Reader) -> str:
    if count == 1:
        return read.phrase("config.check.one-warning", "1 warning")
    return read.phrase("config.check.warnings", "{count} warnings", count=count)


@click.command()
@json_option
@address_given
def reload(address: Address, *, as_json: bool) -> None:
    """Let the daemon read its configuration again; cameras that did not change lose no frame."""
    session = Session(address.daemon(), as_json)
    document = checked(documents.Reload, session.daemon.post("/v1/reload"))
    session.print(document, lambda: reload_screen(document, Reader(output.language())))


def reload_screen(document: documents.Reload, read: Reader) -> RenderableType:
    lines = [
        f"{set_cell_size(word, 10)} {', '.join(names)}"
        for word, names in (
            (read.phrase("config.reload.added", "added"), document.added),
            (read.phrase("config.reload.removed", "removed"), document.removed),
            (read.phrase("config.reload.restarted", "restarted"), document.changed),
            (read.phrase("config.reload.unbroken", "unbroken"), document.unchanged),
        )
        if names
    ] or [read.phrase("config.reload.nothing", "nothing to record before or after")]
    volumes = document.volumes
    if volumes.added:
        lines.append(read.phrase("config.reload.volumes-added", "volumes added: {paths}", paths=volumes.added))
    if volumes.retired:
        lines.append(read.phrase("config.reload.volumes-retired", "volumes retired: {paths}", paths=volumes.retired))
    if volumes.left_out:
        lines.append(read.phrase("config.reload.volumes-left-out", "volumes left out: {paths}", paths=volumes.left_out))
    lines += map(read, told_of(document.roles, document.roles_told))
    parts: list[RenderableType] = [text(line) for line in lines]
    if document.restart_needed:
        later = read.phrase(
            "config.reload.later", "takes effect at the next start of edged: {keys}", keys=document.restart_needed
        )
        parts.append(text(later, "yellow"))
    parts += [text(read(one), "yellow") for one in told_of(document.warnings, document.warnings_told)]
    return Group(*parts)
