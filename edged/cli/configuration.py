"""`edgectl config check` and `edgectl reload`: what is wrong with the configuration, and what a reload changed."""

from __future__ import annotations

from pathlib import Path

import click
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
from edged.host.file_access import is_unreadable, of_unit
from edged.words import exit_codes, units


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
    output.answer(document, lambda: config_check_screen(document), as_json=as_json)
    return exit_codes.OK if document.ok else exit_codes.NOT_ALLOWED if is_unreadable(path) else exit_codes.CONFIG


def _problem(found: ConfigMistake) -> documents.ConfigProblem:
    return documents.ConfigProblem(file=found.file, key=found.key, problem=found.problem, instead=found.instead)


def config_check_screen(document: documents.ConfigCheck) -> RenderableType:
    """Every problem with what to write instead; ends in one line."""
    parts: list[RenderableType] = []
    for kind, style, found in (
        ("error", STYLES["critical"], document.problems),
        ("warning", STYLES["warning"], document.warnings),
    ):
        for problem in found:
            line = Text(kind, style=style).append(f" {clean(problem.key)}" if problem.key else "", style="bold default")
            parts += [
                line.append(f": {clean(problem.problem)}", style="not bold default"),
                Padding(text(f"→ {problem.instead}"), (0, 0, 0, 2)),
            ]
    last = Text(f"{clean(document.file)}: ", no_wrap=True, overflow="ignore")
    last.append("valid" if document.ok else "not valid", style="green" if document.ok else "bold red")
    last.append(
        f" ({units.counted(len(document.problems), 'problem')}, {units.counted(len(document.warnings), 'warning')})"
    )
    return Group(*parts, last)


@click.command()
@json_option
@address_given
def reload(address: Address, *, as_json: bool) -> None:
    """Let the daemon read its configuration again; cameras that did not change lose no frame."""
    session = Session(address.daemon(), as_json)
    document = checked(documents.Reload, session.daemon.post("/v1/reload"))
    session.print(document, lambda: reload_screen(document))


def reload_screen(document: documents.Reload) -> RenderableType:
    lines = [
        f"{word:<10} {', '.join(map(clean, names))}"
        for word, names in (
            ("added", document.added),
            ("removed", document.removed),
            ("restarted", document.changed),
            ("unbroken", document.unchanged),
        )
        if names
    ] or ["nothing to record before or after"]
    lines += [
        f"volumes {word}: {', '.join(map(clean, paths))}"
        for word, paths in (
            ("added", document.volumes.added),
            ("retired", document.volumes.retired),
            ("left out", document.volumes.left_out),
        )
        if paths
    ]
    parts: list[RenderableType] = [Text(line) for line in [*lines, *map(clean, document.roles)]]
    if document.restart_needed:
        keys = ", ".join(map(clean, document.restart_needed))
        parts.append(Text(f"takes effect at the next start of edged: {keys}", style="yellow"))
    parts += [text(warning, "yellow") for warning in document.warnings]
    return Group(*parts)
