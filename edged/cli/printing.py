"""Where edgectl writes: a terminal of any width, or 80 columns without one. Imports rich."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Final

from pydantic import BaseModel
from rich.console import Console, Group, RenderableType

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
