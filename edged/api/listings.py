"""Long answers of the catalog, page by page, as the control API streams them. Blocking: runs on a thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from edged.access.callers import Details, Refusal, instant
from edged.documents.site import Explanation
from edged.site import documents as site_documents
from edged.site.documents import explanation
from edged.words import exit_codes
from storage.ledger.table import Value
from storage.retention.plan import Policy
from storage.store.facade import Store
from storage.words.errors import NotOpen, UnknownCamera
from storage.words.layout import is_camera, parse_segment_name, segment_path
from storage.words.message import message
from storage.words.model import Gap, Segment

Row = TypeVar("Row", Segment, Gap)

PAGE: Final = 500
"""Rows read from the catalog at a time: short reads keep the WAL small."""

WAYS: Final = message(
    "segment.ways",
    "name it by its path, as CAMERA/DAY/NAME, by its NAME or as CAMERA/SEQ: `edgectl segments` lists them",
)

Page = Callable[[object | None], tuple[list[BaseModel], object | None]]
"""Blocking: from a cursor (None at first) to the rows of one page and the next cursor (None after the last page)."""


def segments(store: Store, camera: str | None, start: str | None, end: str | None, limit: int | None) -> Page:
    """Committed segments that touch the interval, by camera and start."""

    def shown(rows: Sequence[Segment]) -> list[BaseModel]:
        pins = store.pins.ids_of([row.id for row in rows])
        return [site_documents.segment(row, pins.get(row.id, ())) for row in rows]

    return _paged(store.segments, shown, camera=camera, interval=_interval(start, end), limit=limit)


def gaps(store: Store, camera: str | None, start: str | None, end: str | None, limit: int | None) -> Page:
    """Gaps that touch the interval, by camera and start."""
    return _paged(
        store.gaps,
        lambda rows: [site_documents.gap(row) for row in rows],
        camera=camera,
        interval=_interval(start, end),
        limit=limit,
    )


def _paged(
    read: Callable[..., Sequence[Row]],
    shown: Callable[[Sequence[Row]], list[BaseModel]],
    *,
    camera: str | None,
    interval: tuple[int | None, int | None],
    limit: int | None,
) -> Page:
    left = limit

    def page(cursor: Any) -> tuple[list[BaseModel], object | None]:
        nonlocal left
        size = PAGE if left is None else min(PAGE, left)
        if size == 0:
            return [], None
        rows = read(camera, *interval, after=cursor, limit=size)
        if left is not None:
            left -= len(rows)
        return shown(rows), rows[-1] if len(rows) == size else None

    return page


def _interval(start: str | None, end: str | None) -> tuple[int | None, int | None]:
    return instant("from", start), instant("to", end)


def named(camera: str | None, times: Mapping[str, int | None]) -> Details:
    """What the leaf of a list says was asked for; what it leaves out was left open. `camera`: one that is known."""
    asked: dict[str, Value] = {}
    if camera is not None:
        asked["cameras"] = [camera]
    return asked | {name: ms for name, ms in times.items() if ms is not None}


def explain(store: Store, segment: str, policy: Policy, now_ms: int, zone: ZoneInfo) -> Explanation:
    """Why this segment stays or goes, and when; named by its path or a part of it (`WAYS`)."""
    camera, seq = _named(store, segment)
    try:
        return explanation(segment, store.ring.explain(camera, seq, policy), now_ms, zone)
    except (NotOpen, UnknownCamera) as error:
        raise Refusal(
            error.what,
            error.action or message("segment.lists", "`edgectl segments` lists what is there"),
            exit_codes.USAGE,
            404,
        ) from None


def _named(store: Store, segment: str) -> tuple[str, int]:
    camera, _, digits = segment.partition("/")
    if camera and digits.isascii() and digits.isdecimal():
        return camera, int(digits)
    path = PurePosixPath(segment)
    parsed = parse_segment_name(path.name)
    if parsed is None:
        raise Refusal(
            message("segment.names-none", "{segment} names no segment", segment=segment), WAYS, exit_codes.USAGE
        )
    start_ms, seq = parsed
    begun = store.ring.begun(seq)
    having = [camera for camera, at_ms in begun.items() if at_ms == start_ms]
    if len(path.parts) == 1:
        if len(having) != 1:
            if having:
                whose = message(
                    "segment.several-have",
                    "several cameras have a {segment}: {cameras}",
                    segment=segment,
                    cameras=having,
                )
            else:
                whose = message("segment.none-has", "no camera has a {segment}", segment=segment)
            raise Refusal(whose, WAYS, exit_codes.USAGE, 404)
        return having[0], seq
    camera = path.parts[-3] if len(path.parts) > 2 else ""
    if not is_camera(camera) or path.parent != path.parents[2] / segment_path(camera, start_ms, seq).parent:
        raise Refusal(
            message("segment.no-path", "{segment} is no path of a segment", segment=segment), WAYS, exit_codes.USAGE
        )
    if begun.get(camera, start_ms) != start_ms:
        raise Refusal(
            message(
                "segment.other-name",
                "{segment} is not there: segment {number} of {camera} has another name",
                segment=segment,
                number=seq,
                camera=camera,
            ),
            WAYS,
            exit_codes.USAGE,
            404,
        )
    return camera, seq
