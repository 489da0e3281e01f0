"""Where edgectl writes: a terminal of any width, 80 columns without one, or a file that somebody names."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pydantic import BaseModel
from rich.console import Console, Group, RenderableType

from edged.cli.client import CallError
from edged.words import exit_codes

PLAIN_WIDTH: Final = 80
"""Columns where there is no terminal: what fits a mail, a fault report and a printed page."""


def console() -> Console:
    """Standard output; colours only on a terminal, and no character that its encoding lacks may end in a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    return Console(width=width, highlight=False, markup=False, emoji=False, soft_wrap=False)


def answer(document: BaseModel, screen: Callable[[], RenderableType], *, as_json: bool) -> None:
    """The document for a program, or its screen for a person."""
    if as_json:
        show_document(document)
    else:
        show(screen())


def show(screen: RenderableType) -> None:
    """On a terminal as it is; elsewhere without the blanks that pad lines to the width."""
    target = console()
    whole = Group(screen)  # a bare Text is joined with others, and its no_wrap lost
    if target.is_terminal:
        target.print(whole, crop=False)
        return
    with target.capture() as captured:
        target.print(whole, crop=False)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def show_document(document: BaseModel) -> None:
    """One JSON document; indented where a person reads it."""
    plain = document.model_dump(mode="json", by_alias=True)
    indent = 2 if sys.stdout.isatty() else None
    sys.stdout.write(json.dumps(plain, ensure_ascii=True, indent=indent) + "\n")


def may_write(out: Path) -> None:
    """CallError where it could not be written, before anything is asked of the daemon."""
    if os.path.lexists(out):
        raise CallError(f"{out} exists", "name a file that does not: it replaces nothing", exit_codes.USAGE)
    if not out.parent.is_dir():
        raise CallError(f"{out.parent} is no directory", "name one that is there", exit_codes.USAGE)
    if not os.access(out.parent, os.W_OK | os.X_OK):
        what = f"{out.parent} cannot be written by whoever runs this, or is mounted read-only"
        raise CallError(what, "name a place that you may write", exit_codes.FAILED)


def write_new(out: Path, data: bytes) -> None:
    """Whole or not at all, and in place of nothing."""
    with out.open("xb") as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            out.unlink(missing_ok=True)
            raise
