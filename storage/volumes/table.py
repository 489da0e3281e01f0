"""The volumes as the database knows them: met, come, gone, retired, lost. Each fact with its leaf, in one transaction.

Functions over a connection. Keeps S10 (which volume belongs at which path) and the memory of what a dead disk took
with it (`VolumeLoss`), which is told until it would have been destroyed anyway.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

import msgspec

from storage.ledger.table import Leaf, enter

PAGE: Final = 1000
"""Rows read at a time."""


@dataclass(frozen=True, slots=True)
class VolumeLoss:
    """What a volume took with it that is gone for good."""

    segments: int
    """All that the catalog has of it."""
    below_floor: int
    """Of these, what had to be kept."""
    pinned: int
    """Of these, what was held as evidence. The copies of a pin lie beside the segment, so they are gone, too."""
    first_wall_ms: int | None
    """Where what had to be kept begins and ends, by the wall clock."""
    last_wall_ms: int | None
    noted: bool = False
    """A person has said since that it is seen to."""

    @property
    def harmless(self) -> bool:
        """Nothing that had to be kept is gone."""
        return self.below_floor == 0 and self.pinned == 0


class VolumeLeaf(msgspec.Struct, frozen=True):
    """A leaf of kind `volume`; of one that is gone for good it has the fields of `VolumeLoss`, too."""

    event: str
    volume: str
    path: str


@dataclass(frozen=True, slots=True)
class KnownVolume:
    """A row of volumes."""

    id: str
    path: Path
    """Where it was last found."""
    mount: str
    """The mount point on which that was."""
    retired: bool
    away: bool
    """As its last leaf tells."""
    loss: VolumeLoss | None
    """None for all that are not gone for good."""
    empty: bool
    """The catalog has nothing there, in whatever state, and knows what lies there: after a loss nobody does yet."""

    @property
    def belongs(self) -> bool:
        """Its path is its own: without it, nothing else may be there (S10)."""
        return self.loss is None and not (self.retired and self.empty)


def known(connection: sqlite3.Connection) -> list[KnownVolume]:
    """Every volume the database has met, in that order; a handful in the life of a box."""
    rows = connection.execute(
        "SELECT id, path, mount, retired, away, lost, (reconciled OR lost IS NOT NULL)"
        " AND NOT EXISTS (SELECT 1 FROM holdings h WHERE h.volume = v.number)"
        " AND NOT EXISTS (SELECT 1 FROM segments s WHERE s.state = 'open' AND s.volume = v.number)"
        " FROM volumes v ORDER BY number"
    )
    return [
        KnownVolume(volume, Path(path), mount, bool(retired), bool(away), _loss(lost), bool(empty))
        for volume, path, mount, retired, away, lost, empty in rows
    ]


def _loss(text: str | None) -> VolumeLoss | None:
    """ValueError, TypeError for what `lose` cannot have written."""
    if text is None:
        return None
    told = json.loads(text)
    if not isinstance(told, dict):
        raise TypeError(told)
    return VolumeLoss(**told)


def come(connection: sqlite3.Connection, volume: str, path: Path, mount: str, wall_ms: int) -> None:
    """The volume with this id is found at `path`; a leaf where that is news. One that was lost is found again."""
    row = connection.execute("SELECT path, away, lost FROM volumes WHERE id = ?", (volume,)).fetchone()
    connection.execute(
        "INSERT INTO volumes (id, path, mount) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
        " path = excluded.path, mount = excluded.mount, away = 0, lost = NULL",
        (volume, str(path), mount),
    )
    if row is None:
        _tell(connection, "met", volume, path, wall_ms)
    elif row[2] is not None:
        _tell(connection, "found-again", volume, path, wall_ms)
    elif row[1]:
        _tell(connection, "come", volume, path, wall_ms)
    elif row[0] != str(path):
        _tell(connection, "moved", volume, path, wall_ms)


def gone(connection: sqlite3.Connection, volume: str, wall_ms: int) -> None:
    """The volume is away; a leaf unless the last one says so."""
    row = connection.execute(
        "UPDATE volumes SET away = 1 WHERE id = ? AND away = 0 AND lost IS NULL RETURNING path", (volume,)
    ).fetchone()
    if row is not None:
        _tell(connection, "gone", volume, Path(row[0]), wall_ms)


def retire(connection: sqlite3.Connection, volume: str, wall_ms: int, *, retired: bool) -> bool:
    """From now on it takes no new footage, or does again. False where that is so already."""
    row = connection.execute(
        "UPDATE volumes SET retired = ?1 WHERE id = ?2 AND retired <> ?1 RETURNING path", (retired, volume)
    ).fetchone()
    if row is not None:
        _tell(connection, "retired" if retired else "restored", volume, Path(row[0]), wall_ms)
    return row is not None


def lose(connection: sqlite3.Connection, volume: str, loss: VolumeLoss, wall_ms: int) -> bool:
    """It is gone for good; its rows stay until they are past their ceilings. False where that is so already."""
    row = connection.execute("SELECT 1 FROM volumes WHERE id = ? AND lost IS NULL", (volume,)).fetchone()
    if row is not None:
        _lose(connection, volume, loss, wall_ms)
    return row is not None


def note_loss(connection: sqlite3.Connection, volume: str, wall_ms: int) -> bool:
    """What is gone for good is seen to. False where that was said already, or it is not gone."""
    row = connection.execute("SELECT lost FROM volumes WHERE id = ?", (volume,)).fetchone()
    loss = _loss(row[0]) if row else None
    if loss is None or loss.noted:
        return False
    _lose(connection, volume, replace(loss, noted=True), wall_ms)
    return True


def _lose(connection: sqlite3.Connection, volume: str, loss: VolumeLoss, wall_ms: int) -> None:
    path: str = connection.execute(
        "UPDATE volumes SET lost = ?, away = 1 WHERE id = ? RETURNING path", (json.dumps(asdict(loss)), volume)
    ).fetchone()[0]
    enter(connection, Leaf.VOLUME, wall_ms, {"event": "lost", "volume": volume, "path": path, **asdict(loss)})


@dataclass(frozen=True, slots=True)
class SegmentGroup:
    """Segments of equal terms on one volume."""

    key: tuple[int, int, int, int]
    floor_s: int
    segments: int


def groups(connection: sqlite3.Connection, volume: str) -> list[SegmentGroup]:
    """What lies on a volume, by terms."""
    rows = connection.execute(
        "SELECT volume, camera, floor_s, ceiling_s, segments FROM holdings"
        " WHERE volume = (SELECT number FROM volumes WHERE id = ?)",
        (volume,),
    )
    return [
        SegmentGroup((number, camera, floor, ceiling), floor, count) for number, camera, floor, ceiling, count in rows
    ]


@dataclass(frozen=True, slots=True)
class VolumeRemains:
    """What the catalog still has of a volume, which is all that there is of one that is gone for good."""

    segments: int
    bytes: int
    cameras: tuple[str, ...]
    span_ms: tuple[int, int]
    """Where the oldest and the newest of them begin, by the wall clock."""


def remains(connection: sqlite3.Connection, volume: str, camera: str | None = None) -> VolumeRemains | None:
    """Of one camera, or of all; None: nothing. From the counters, and the ends of each group of equal terms."""
    groups = connection.execute(
        "SELECT h.volume, h.camera, h.floor_s, h.ceiling_s, c.id, h.segments, h.bytes FROM holdings h"
        " JOIN cameras c ON c.number = h.camera WHERE h.volume = (SELECT number FROM volumes WHERE id = ?1)"
        " AND c.id = coalesce(?2, c.id)",
        (volume, camera),
    ).fetchall()
    starts = [start for group in groups for start in _ends(connection, group[:4])]
    if not starts:
        return None
    cameras = tuple(sorted({group[4] for group in groups}))
    count, size = sum(group[5] for group in groups), sum(group[6] for group in groups)
    return VolumeRemains(count, size, cameras, (min(starts), max(starts)))


def _ends(connection: sqlite3.Connection, group: tuple[int, int, int, int]) -> list[int]:
    """Starts, by the wall clock, of the oldest and the newest segment of a group, of what is pinned and of the rest."""
    found = []
    for which in ("pins = 0 AND state IN ('committed', 'quarantined')", "pins > 0"):
        for order in ("ASC", "DESC"):
            found += connection.execute(
                "SELECT start_wall_ms FROM segments WHERE volume = ? AND camera = ? AND floor_s = ? AND ceiling_s = ?"  # noqa: S608
                f" AND {which} ORDER BY boot {order}, start_boottime_ms {order} LIMIT 1",
                group,
            ).fetchall()
    return [start for (start,) in found]


def pinned(connection: sqlite3.Connection, volume: str) -> int:
    """Segments there that are held as evidence."""
    row = connection.execute(
        "SELECT count(*) FROM segments WHERE volume = (SELECT number FROM volumes WHERE id = ?) AND pins > 0", (volume,)
    ).fetchone()
    return int(row[0])


def newest_of_group(
    connection: sqlite3.Connection, group: tuple[int, int, int, int], before: tuple[int, int] | None
) -> list[tuple[int, int, int, int]]:
    """Boot, start (boottime and wall) and length of the segments of a group, newest first, a page at a time.

    `before` is boot and start of the last one of the page before.
    """
    return connection.execute(
        "SELECT s.boot, s.start_boottime_ms, s.start_wall_ms, s.duration_ms FROM segments s WHERE s.volume = ?1"
        " AND s.camera = ?2 AND s.floor_s = ?3 AND s.ceiling_s = ?4 AND s.state IN ('committed', 'quarantined')"
        " AND s.pins = 0 AND (s.boot, s.start_boottime_ms) < (?5, ?6)"
        " ORDER BY s.boot DESC, s.start_boottime_ms DESC LIMIT ?7",
        (*group, *((1 << 62, 0) if before is None else before), PAGE),
    ).fetchall()


def remember(connection: sqlite3.Connection, body: Mapping[str, Any]) -> None:
    """A leaf tells again where a volume was, whether it takes footage, or that it is gone for good."""
    leaf = msgspec.convert(body, VolumeLeaf)
    event, volume, path = leaf.event, leaf.volume, Path(leaf.path)
    if not path.is_absolute():
        raise ValueError(f"volume {volume} at {path}")
    connection.execute(
        "INSERT INTO volumes (id, path) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET path = ?2", (volume, str(path))
    )
    if event in ("retired", "restored"):
        connection.execute("UPDATE volumes SET retired = ? WHERE id = ?", (event == "retired", volume))
    if event in ("met", "come", "found-again"):
        connection.execute("UPDATE volumes SET away = 0, lost = NULL WHERE id = ?", (volume,))
    if event == "gone":
        connection.execute("UPDATE volumes SET away = 1 WHERE id = ?", (volume,))
    if event == "lost":
        told = {field.name: body[field.name] for field in fields(VolumeLoss) if field.name != "noted"}
        loss = VolumeLoss(**told, noted=body.get("noted") is True)
        text = json.dumps(asdict(loss))
        connection.execute("UPDATE volumes SET away = 1, lost = ? WHERE id = ?", (text, volume))


def _tell(connection: sqlite3.Connection, event: str, volume: str, path: Path, wall_ms: int) -> None:
    enter(connection, Leaf.VOLUME, wall_ms, VolumeLeaf(event, volume, str(path)))
