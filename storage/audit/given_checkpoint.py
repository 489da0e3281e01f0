"""A head that somebody outside kept, against the ledger of this box: what the box cannot take back.

Pure, but that `storage.audit.trees` reads leaves. Takes a signed note, or the JSON of `up/ledger/checkpoint`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from storage.audit.findings import Code, LedgerFinding
from storage.audit.trees import BuiltTree, Trees, signed
from storage.ledger.note import Checkpoint, Note, NoteDamaged, parse

TEXT_MAX: Final = 256 << 10
"""Characters of what is handed in: a note of 64 KiB in JSON, with room."""
WHERE: Final = "the head that was kept outside"
LOOK: Final = "keep this head and the box as they are, and find out who had access to it since"


@dataclass(frozen=True, slots=True)
class Outside:
    """A head as it was handed in."""

    note: Note
    head: Checkpoint


def read(text: str) -> Outside:
    """NoteDamaged: it is none."""
    if len(text) > TEXT_MAX:
        raise NoteDamaged("it is too long")
    note = parse(_note(text))
    return Outside(note, note.checkpoint())


def _note(text: str) -> str:
    """The note alone; of a file that a person made, whatever ends their lines."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if not text.lstrip().startswith("{"):
        return text.lstrip("\n").rstrip("\n") + "\n"
    try:
        told = json.loads(text)
        note = told["note"]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise NoteDamaged("it is JSON without a note") from None
    if not isinstance(note, str):
        raise NoteDamaged("its note is no text")
    return note


def judge(outside: Outside, trees: Trees) -> Iterator[LedgerFinding]:
    """What is wrong with the box, by that head. Nothing: its leaves are there, and it is of the present generation."""
    head = outside.head
    one = trees.of(head.origin)
    if one is None:
        has = trees.made[-1].generation.origin if trees.made else "none"
        what = f"it is of the ledger {head.origin}, which this box does not have (it has {has})"
        why = "the whole ledger was put aside, or this is the head of another box"
        yield LedgerFinding(Code.OUTSIDE_STRANGE, WHERE, f"{what}: {why}", LOOK)
    elif not signed(outside.note, one.generation):
        what = f"it is not signed by the key that the box has for {head.origin}"
        yield LedgerFinding(
            Code.OUTSIDE_SIGNATURE, WHERE, f"{what}: the key was exchanged, or the head was made up", LOOK
        )
    else:
        yield from _held(head, one)
        if one is not trees.made[-1]:
            yield _older(head, one, trees.made[-1])


def _held(head: Checkpoint, one: BuiltTree) -> Iterator[LedgerFinding]:
    if head.size > one.size:
        what = f"it knows {head.size:,} leaves of {head.origin}, the box has {one.size:,}"
        yield LedgerFinding(
            Code.OUTSIDE_AHEAD, WHERE, f"{what}: an older state was put back, or leaves were removed", LOOK
        )
    elif (root := one.root(head.size)) != head.root:
        why = "some are missing" if root is None else "they were written anew"
        what = f"the first {head.size:,} leaves of {head.origin} are not those that it was signed over: {why}"
        yield LedgerFinding(Code.OUTSIDE_ROOT, WHERE, what, LOOK)


def _older(head: Checkpoint, one: BuiltTree, present: BuiltTree) -> LedgerFinding:
    what = f"it is of {head.origin}, which ended with leaf {one.generation.first + one.size - 1}"
    since = f"of {present.generation.origin}, which goes on since leaf {present.generation.first}, it proves nothing"
    action = "hold the box against the last head that the centre has; if it has none of the new one, ask why it began"
    return LedgerFinding(Code.OUTSIDE_OLDER, WHERE, f"{what}; {since}", action)
