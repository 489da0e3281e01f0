"""What `edgectl export` shows: the plan, how far it is, what came of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.text import Text

from edged.cli.formatting import between, clean, local, share, span, table, text
from edged.documents import exports as documents
from edged.words import units

Tell = Callable[[Mapping[str, Any]], None]
SHOWN_EVERY_S: Final = 0.2
SPANS_SHOWN: Final = 20


def plan_screen(told: documents.ExportPlan, zone: ZoneInfo) -> RenderableType:
    """What it will hold and what it will not."""
    whole_s = between(told.start, told.end)
    made = table("Camera", "Name", "Segments", "Recorded", "Size", right=("Segments", "Recorded", "Size"), folds=(1,))
    for one in told.cameras:
        recorded = share(one.recorded_s / whole_s) if whole_s else "–"
        cells = str(one.segments), recorded, units.format_size(one.bytes)
        made.add_row(text(one.camera, "bold"), text(one.name), *cells)
    parts: list[RenderableType] = [
        text(f"{local(told.start, zone)} – {local(told.end, zone)}, {span(whole_s)} of each camera"), made
    ]  # fmt: skip
    if told.cut_by is not None:
        words = f"It ends there because {told.cut_by} is still recording what comes after; that is complete later."
        parts.append(text(words, "yellow"))
    parts += _spans("Not recorded:", told.gaps, zone)
    parts += _spans("Nothing accounts for, so the export will not be whole:", told.unaccounted, zone, "red")
    for one in told.cameras:
        parts += [text(f"{one.camera}: {words}", "yellow") for words in _cautions(one)]
    parts.append(text(f"About {units.format_size(told.bytes)}. To be destroyed by {local(told.destroy_by, zone)}."))
    return Group(*parts)


def _cautions(one: documents.ExportCamera) -> Iterator[str]:
    if one.away:
        yield f"{units.counted(one.away, 'segment')} cannot be copied: the volume is not there"
    if one.set_aside:
        yield f"{units.counted(one.set_aside, 'file')} that cannot be played is not copied"
    if one.due_soon:
        what = units.counted(one.due_soon, "segment")
        yield f"{what} will reach the ceiling within a day: pin it first (edgectl pin add), or be quick"
    if one.destroyed:
        yield f"part of it was destroyed in its time, as {units.counted(one.destroyed, 'leaf')} of the ledger tell"


def _spans(title: str, spans: list[documents.Span], zone: ZoneInfo, style: str = "") -> list[RenderableType]:
    if not spans:
        return []
    lines: list[RenderableType] = [text(title, style)]
    for one in spans[:SPANS_SHOWN]:
        cause = f": {one.cause}" if one.cause else ""
        lines.append(text(f"  {one.camera} {local(one.start, zone)} – {local(one.end, zone)}{cause}"))
    if len(spans) > SPANS_SHOWN:
        lines.append(text(f"  and {len(spans) - SPANS_SHOWN} more"))
    return lines


def done_screen(document: documents.Export, found: Mapping[str, Any]) -> RenderableType:
    """What lies there, and what the verifier in it says."""
    exported = document.export.id if document.export else ""
    lines: list[RenderableType] = [
        text(f"{exported} lies in {document.folder} ({units.format_size(document.bytes)}), read back and checked:")
    ]
    lines += [text(f"  {one.camera} {one.start}: {one.what}", "red") for one in document.troubles]
    lines += [text(f"  x {line['en']}", "red") for line in found["lines"] if line["sign"] == "x"]
    verdict = "nothing wrong was found" if document.intact else "it is not whole, or not as it was recorded: see above"
    lines.append(Text(f"  {verdict}", style="green" if document.intact else "bold red"))
    lines.append(text(f"  signed with the key {document.key}"))
    return Group(*lines)


def finished_screen(document: documents.Export) -> RenderableType:
    exported = document.export.id if document.export else ""
    return text(f"{exported} was finished already, and checked. To check it again: edgectl verify {document.folder}")


def undone_screen(export_id: str) -> RenderableType:
    return text(f"{export_id} is abandoned; what was written of it is removed, and nothing is held for it any more.")


def list_screen(document: documents.ExportList, zone: ZoneInfo) -> RenderableType:
    made = table("Export", "State", "Begun", "Footage", "Cameras", folds=(4,))
    for one in document.exports:
        footage = Text(f"{local(one.start, zone)} –\n{local(one.end, zone)}")
        made.add_row(text(one.id, "bold"), one.state, local(one.begun, zone), footage, text(", ".join(one.cameras)))
    return made if document.exports else Text("No exports.")


class Bar:
    """One line on the terminal's standard error: how far, how fast, how long still."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown
        self._shown_s = 0.0
        self._part = ""
        self._since_s = 0.0

    def part(self, what: str, told: Mapping[str, Any]) -> None:
        """So many octets of so many are done of a part."""
        now_s = time.monotonic()
        if what != self._part:
            self._part, self._since_s = what, now_s
        if now_s - self._shown_s >= SHOWN_EVERY_S:
            self._shown_s = now_s
            self.say(progress(what, int(told["done"]), int(told["total"]), now_s - self._since_s))

    def say(self, words: str) -> None:
        if self._shown:
            sys.stderr.write(f"\r\x1b[K{clean(words)}")
            sys.stderr.flush()

    def end(self) -> None:
        self.say("")


def progress(what: str, done_bytes: int, total: int, elapsed_s: float) -> str:
    """How far a part is, in words."""
    words = f"{what}: {units.format_size(done_bytes)} of {units.format_size(total)}"
    if elapsed_s >= 1 and 0 < done_bytes <= total:
        left = elapsed_s * (total - done_bytes) / done_bytes
        words += f", {units.format_size(int(done_bytes / elapsed_s))}/s, {span(left)} left"
    return words


@contextmanager
def bar() -> Iterator[Bar]:
    """While it is under way."""
    made = Bar(shown=sys.stderr.isatty())
    try:
        yield made
    finally:
        made.end()
