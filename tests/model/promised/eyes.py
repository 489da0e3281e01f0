"""What is promised, looked up in the database and on the disks, and held against what the model knows.

Nothing is asked of the store. Each answers with sentences that begin with the promise they break.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from storage.words.model import Bounds, GapCause
from tests.model.promised.naive import ROUNDING_MS, Known, Lives, Model
from tests.support.promises import JOIN_MS, Box, Row, name_of
from tests.support.tiny_mp4 import FRAGMENT_FRAMES, FRAGMENT_MS

Key = tuple[str, int]


def rows_by_key(box: Box) -> dict[Key, Row]:
    return {(row["camera_id"], row["seq"]): row for row in box.segments() if row["name"] is None}


def why_gone(box: Box) -> dict[Key, str]:
    """Why each segment that is destroyed, or about to be, had to go."""
    found = {}
    for row in box.look("SELECT body FROM leaves WHERE kind = 'destroyed'"):
        body = json.loads(row["body"])
        found[body["camera"], body["seq"]] = str(body["rule"])
    for row in box.look(
        "SELECT c.id, s.seq, k.rule FROM condemned k JOIN segments s ON s.id = k.segment"
        " JOIN cameras c ON c.number = s.camera"
    ):
        found[row["id"], row["seq"]] = row["rule"]
    return found


def absent(box: Box, model: Model, lives: Lives) -> Iterator[str]:
    """S1, S2, S4, S7: what was recorded is there, or went in its time. What went is marked in the model."""
    rows, rules = rows_by_key(box), why_gone(box)
    for key, known in model.segments.items():
        if known.volume in model.lost:
            continue  # its row stays as long as its ceiling allows
        if known.untold and known.volume not in box.volumes:
            continue
        row = rows.get(key)
        if row is not None and row["state"] == "committed":
            if model.pins:
                model.see_age(known, lives)
            yield from _differs(known, row)
            if known.gone and known.volume in box.volumes:
                yield f"S4: {name_of(row)} was gone, and is listed"
        elif known.fragments and not known.gone and (row is None or row["state"] == "garbage"):
            known.gone = True
            model.went[rules.get(key, "")] += 1
            yield from _too_early(known, rules.get(key), model, lives)


def _differs(known: Known, row: Row) -> Iterator[str]:
    told = {
        "volume": row["volume_id"],
        "boot": row["boot"],
        "start": row["start_boottime_ms"],
        "wall": row["start_wall_ms"],
        "synced": bool(row["synced"]),
        "duration": row["duration_ms"],
        "bounds": Bounds(row["floor_s"], row["ceiling_s"]),
        "frames": row["video_frames"],
    }
    mine = {
        "volume": known.volume,
        "boot": known.start.boot,
        "start": known.start.boottime_ms,
        "wall": known.start.wall_ms,
        "synced": known.synced,
        "duration": known.fragments * FRAGMENT_MS,
        "bounds": known.bounds,
        "frames": known.fragments * FRAGMENT_FRAMES,
    }
    if told != mine:
        yield f"S4: {known.camera}/{known.seq} is {told}, and was {mine}"
    if known.sha256 not in (None, row["sha256"]):
        yield f"S4: {known.camera}/{known.seq} is another file"


def _too_early(known: Known, rule: str | None, model: Model, lives: Lives) -> Iterator[str]:
    name = f"{known.camera}/{known.seq}"
    bounds = model.soonest(known.camera, known.bounds, lives)
    start_ms, end_ms = lives.true_since(known.start), lives.true_since(known.end)
    if rule is None:
        yield f"S4: {name} is gone, and no leaf says that it was destroyed"
    if holders := sorted(model.holders(known, lives)):
        yield f"S2: {name} is gone ({rule}), and pinned by {holders}"
    if end_ms < bounds.floor_s * 1000 - ROUNDING_MS and not (rule == "overwrite" and model.giving.holds(lives)):
        yield f"S1: {name} went ({rule}) {end_ms} ms after its end, before its floor of {bounds.floor_s} s"
    if rule == "ceiling" and start_ms < bounds.ceiling_s * 1000 - ROUNDING_MS:
        yield f"S7: {name} went {start_ms} ms after its start for a ceiling of {bounds.ceiling_s} s"


def pinned(box: Box) -> set[int]:
    """What is held; and until its pin holds all that it covers, whatever is of the same camera."""
    return {
        row["id"]
        for row in box.look(
            "SELECT id FROM segments WHERE pins > 0 OR camera IN"
            " (SELECT c.camera FROM pin_cameras c JOIN pins p ON p.number = c.pin WHERE p.covers > 0)"
        )
    }


def overdue(box: Box, model: Model, lives: Lives, pinned_before: set[int]) -> Iterator[str]:
    """S3, right after a sweep and with nothing in its way: what no pin held and is provably too old has gone."""
    for row in box.segments():
        if row["state"] not in ("committed", "quarantined") or row["id"] in pinned_before:
            continue
        if row["volume_id"] not in box.volumes:
            continue
        known = model.segments.get((row["camera_id"], row["seq"]))
        yield from _too_late(row, known, model, lives)


def _too_late(row: Row, known: Known | None, model: Model, lives: Lives) -> Iterator[str]:
    lag_us = known.start.lag_us if known else 0
    bounds = model.latest(row["camera_id"], Bounds(row["floor_s"], row["ceiling_s"]), lives)
    start_ms = lives.low_ms(row["boot"], row["start_boottime_ms"], lag_us)
    end_ms = lives.low_ms(row["boot"], row["start_boottime_ms"] + row["duration_ms"], lag_us)
    if start_ms >= bounds.ceiling_s * 1000 + SLACK_MS and end_ms >= bounds.floor_s * 1000 + SLACK_MS:
        name = f"{row['camera_id']}/{row['seq']}"
        yield f"S3: {name} is {start_ms} ms old at the least, and its ceiling {bounds.ceiling_s} s"


SLACK_MS = 1000 + ROUNDING_MS
"""Drift of two clocks is written down in steps of a second."""


def clinging(box: Box, model: Model, lives: Lives) -> Iterator[str]:
    """S3, once pins were seen to: what is pinned is held by a pin that the model knows."""
    for key, row in rows_by_key(box).items():
        known = model.segments.get(key)
        if row["pins"] and known is not None and row["volume_id"] in box.volumes and not model.may_hold(known, lives):
            yield f"S3: {key} is pinned, and no pin holds it"


def in_progress_away(box: Box) -> set[Key]:
    """On disks that are not there."""
    rows = rows_by_key(box).items()
    return {key for key, row in rows if row["state"] == "open" and row["volume_id"] not in box.volumes}


def told_missing(box: Box) -> set[str]:
    """S4's way out: the difference is told."""
    return {row["path"] for row in box.look("SELECT path FROM findings WHERE kind = 'missing' AND settled_ms IS NULL")}


def unfinished(box: Box, run: int) -> Iterator[str]:
    """S9: a camera that is enrolled records, or its gap is open."""
    for row in box.look(
        "SELECT id FROM cameras c WHERE enrolled_run = ?"
        " AND NOT EXISTS (SELECT 1 FROM gaps g WHERE g.camera = c.number AND g.end_boot IS NULL)"
        " AND NOT EXISTS (SELECT 1 FROM segments s WHERE s.camera = c.number AND s.state = 'open')",
        run,
    ):
        yield f"S9: nobody says what {row['id']} is doing"


def catalog(box: Box) -> dict[Key, Mapping[str, Any]]:
    """What a database that was lost must have again (S13), of what is complete."""
    columns = (
        *("boot", "start_boottime_ms", "start_wall_ms", "duration_ms", "bytes", "sha256", "video_frames"),
        *("floor_s", "ceiling_s", "state", "volume_id"),
    )
    committed = {key: row for key, row in rows_by_key(box).items() if row["state"] == "committed"}
    return {key: {name: row[name] for name in columns} for key, row in committed.items()}


Instant = tuple[int, int]
EVER: Instant = (1 << 40, 0)
UNEXPLAINED = {GapCause.DISABLED, GapCause.CLOCK_STEP, GapCause.UNKNOWN}


def explained(box: Box) -> Iterator[str]:
    """S9: a gap has the cause `maintenance` where it lies in a window that was announced, and nowhere else."""
    windows = [
        ((row["boot"], row["boottime_ms"]), _end(row, "end_boot"), set(json.loads(row["cameras"])))
        for row in box.look("SELECT * FROM maintenances")
    ]
    for row in box.look("SELECT g.*, c.id AS name FROM gaps g JOIN cameras c ON c.number = g.camera WHERE inside = 0"):
        start, end = (row["boot"], row["start_boottime_ms"]), _end(row, "end_boot")
        mine = [(begun, ended) for begun, ended, cameras in windows if not cameras or row["name"] in cameras]
        name = f"{row['name']}: {row['cause']} ({row['beneath']}) from {start} to {end}"
        if row["cause"] == GapCause.MAINTENANCE:
            if not any(begun <= _later(start) and _sooner(end) <= ended for begun, ended in mine):
                yield f"S9: {name} is explained by maintenance, and lies in none of {mine}"
        elif row["cause"] not in UNEXPLAINED and any(
            max(begun, _later(start)) < min(ended, _sooner(end)) for begun, ended in mine
        ):
            yield f"S9: {name} lies in maintenance, and is not explained by it: {mine}"


def _end(row: Row, boot: str) -> Instant:
    return EVER if row[boot] is None else (row[boot], row["end_boottime_ms"])


def _later(at: Instant) -> Instant:
    return at[0], at[1] + JOIN_MS


def _sooner(at: Instant) -> Instant:
    return at if at == EVER else (at[0], at[1] - JOIN_MS)
