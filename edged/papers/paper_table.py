"""A table of a page: cells of text, of which those that are values of a case are found by their field."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PaperCell:
    text: str
    field: str = ""


@dataclass(frozen=True, slots=True)
class PaperTable:
    name: str
    """By which a page finds it."""
    title: str
    head: tuple[str, ...]
    """Empty: the first cell of each row is its heading."""
    rows: tuple[tuple[PaperCell, ...], ...]


def labelled(words: str, text: str, field: str) -> tuple[PaperCell, ...]:
    """A row of a heading and a value."""
    return PaperCell(words), PaperCell(text, field)
