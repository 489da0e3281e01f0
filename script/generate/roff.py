"""Markdown to a manual page, in the macros of man(7). Pure; imports markdown-it.

Knows what our documents use. Rows of tables become lists, because a page must also be read on 80 columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

_PARSER: Final = MarkdownIt("commonmark").enable("table")
_TYPED: Final = str.maketrans({"-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"})
"""What is copied from the page into a shell must be the characters that were meant, not their typographic kin."""
BOLD, ITALIC, PLAIN = r"\fB", r"\fI", r"\fR"


def page(name: str, section: int, version: str, markdown: str) -> str:
    """A whole page. `## Heading` begins a section, `###` one within it; a `# Title` is left out."""
    head = f'.TH {name.upper().translate(_TYPED)} {section} "" "edged {version}" "edged"'
    return "\n".join([head, ".nh", ".ad l", *_blocks(_PARSER.parse(markdown)), ""])


def _blocks(tokens: Sequence[Token]) -> Iterator[str]:
    """Lines of roff for a sequence of whole blocks."""
    at = 0
    while at < len(tokens):
        end = _end(tokens, at)
        inside = tokens[at + 1 : end]
        match tokens[at].type:
            case "heading_open":
                yield from _heading(tokens[at].tag, inside[0])
            case "paragraph_open":
                yield ".PP"
                yield from _lines(_inline(inside[0].children or []))
            case "bullet_list_open" | "ordered_list_open":
                yield from _list(inside, int(tokens[at].attrs.get("start", 1)) if tokens[at].tag == "ol" else 0)
            case "fence" | "code_block":
                yield from (".PP", ".RS 4", ".nf", *_lines(_typed(tokens[at].content.rstrip("\n"))), ".fi", ".RE")
            case "table_open":
                yield from _table(inside)
            case "blockquote_open":
                yield from (".RS 4", *_blocks(inside), ".RE")
            case "html_block" | "hr":
                pass
            case other:
                raise ValueError(f"a manual page has no {other}")
        at = end + 1


def _end(tokens: Sequence[Token], at: int) -> int:
    """Where the block that begins at `at` ends."""
    depth = 0
    for index in range(at, len(tokens)):
        depth += tokens[index].nesting
        if depth == 0:
            return index
    raise ValueError("a block without an end")


def _heading(tag: str, inline: Token) -> Iterator[str]:
    if tag != "h1":
        words = "".join(_lines(_inline(inline.children or [], bare=True)))
        yield f".SH {words if chr(92) in words else words.upper()}" if tag == "h2" else f".SS {words}"


def _list(tokens: Sequence[Token], number: int) -> Iterator[str]:
    """`number`: of the first item; 0 where they have none. The text of an item stands beside its mark."""
    at, dense = 0, tokens[1].hidden
    while at < len(tokens):
        end = _end(tokens, at)
        yield rf".IP {f'{number}.' if number else chr(92) + '(bu'} {4 if number else 2}"
        lines = list(_blocks(tokens[at + 1 : end]))
        first = lines[1:] if lines[:1] == [".PP"] else lines
        nested = next((index for index, line in enumerate(first) if line.startswith((".PP", ".IP", ".TP"))), len(first))
        yield from first[:nested]
        if first[nested:]:
            yield from (".RS", *first[nested:], ".RE")
        if dense and at == 0:
            yield ".PD 0"
        at, number = end + 1, number and number + 1
    if dense:
        yield ".PD"


def _table(tokens: Sequence[Token]) -> Iterator[str]:
    """Each row as a term, its first cell, and what is said of it, the other cells under their headings."""
    cells = [_inline(token.children or []) for token in tokens if token.type == "inline"]
    width = sum(token.type == "th_open" for token in tokens)
    names, rows = cells[:width], [cells[at : at + width] for at in range(width, len(cells), width)]
    for row in rows:
        pairs = [(name, cell) for name, cell in zip(names[1:], row[1:], strict=True) if cell]
        said = [cell if width == 2 else f"{ITALIC}{name}:{PLAIN} {cell}" for name, cell in pairs]
        yield ".TP"
        yield from _lines(f"{BOLD}{row[0].replace(PLAIN, BOLD)}{PLAIN}" if row[0] else r"\(bu")
        for index, cell in enumerate(said):
            yield from ([".br"] if index else [])
            yield from _lines(cell)


def _inline(tokens: Sequence[Token], *, bare: bool = False) -> str:
    """`bare`: without fonts, for headings."""
    made = []
    for token in tokens:
        match token.type:
            case "text" | "html_inline":
                made.append(token.content.replace("\\", r"\e"))
            case "code_inline":
                made.append(_typed(token.content) if bare else f"{BOLD}{_typed(token.content)}{PLAIN}")
            case "softbreak" | "hardbreak":
                made.append("\n")
            case "strong_open" | "em_open" if not bare:
                made.append(BOLD if token.type == "strong_open" else ITALIC)
            case "strong_close" | "em_close" if not bare:
                made.append(PLAIN)
            case _:  # of a link its words, of a picture nothing
                pass
    return "".join(made)


def _typed(text: str) -> str:
    return text.replace("\\", r"\e").translate(_TYPED)


def _lines(text: str) -> list[str]:
    """A line that begins like a request is none."""
    return [rf"\&{line}" if re.match(r"[.']", line) else line for line in text.split("\n")]
