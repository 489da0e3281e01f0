"""A database that is lost: seen at the start, set aside, and a new one begun from the heads on the volumes.

Blocking, and quick whatever is stored: recording begins at once, rows come back behind it (`storage.recovery.walk`).
What is broken, absent although the volumes tell of one, or older than they are (a backup that was put back, a WAL that
is gone) is all one case: nothing in it is needed, because the volumes have it all (S13). What is on an unmounted disk
is known from the others, or from the head's copy beside the database (S10). Decides by `verdict`, which is pure.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from storage.database.writer import Database
from storage.files import fsync_directory
from storage.integrity.compare import OUR_NAMES, is_day
from storage.ledger import signer, table
from storage.ledger.key import Keyring
from storage.mirror import files as mirror_files
from storage.mirror import table as mirror_table
from storage.mirror.files import BELIEVED_MAX, MirrorLine
from storage.mirror.service import STATE_SNAPSHOT
from storage.recovery import snapshot_table
from storage.recovery.snapshot_table import CameraFiles
from storage.ring.volume_operations import whose
from storage.volumes.volume import VolumeSpec, read_identity
from storage.words.clock import Clock
from storage.words.errors import DatabaseCorrupt, NodeChanged, VolumeRefused, WriteFailed
from storage.words.failpoints import Failpoint, reach
from storage.words.layout import SEQ_LAST, final_name, is_camera, parse_segment_name, segment_path
from storage.words.message import NOTHING, Message, message

log = logging.getLogger("edged.storage.recovery")

MARK: Final = ".suspect"
"""Behind the database's name: the daemon met damage in it, and ended so that it is begun anew."""
ASIDE: Final = ".damaged-"
KEPT_MAX: Final = 3
"""Damaged ones that are kept, the newest: a disk that spoils one after the other must not be filled with them."""
MARK_BYTES: Final = 4096
PATIENCE_S: Final = 60.0
_WITH: Final = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class VolumeLedger:
    """What is told of a database by one volume that is there, or by the state directory (`volume` is "")."""

    volume: str
    head: Mapping[str, Any]
    last: int
    """Number of the last leaf it knows of."""
    tail: Callable[[int], Sequence[MirrorLine]]
    """Its leaves after a number."""
    seen: Mapping[str, CameraFiles]
    """What the names of its files say, by camera."""
    notes: Sequence[str] = ()
    """Signed heads that lie there, unchecked."""


@dataclass(frozen=True, slots=True)
class FoundDatabase:
    """The database as it was found: `last` leaf, None where it cannot be told."""

    blank: bool
    last: int
    broken: Message | None = None


def verdict(state: FoundDatabase, ledgers: Sequence[VolumeLedger]) -> Message | None:
    """Why the database has to be begun anew, in words for an alarm; None: it is what it should be. Pure."""
    known = max((ledger.last for ledger in ledgers), default=0)
    footage = any(ledger.seen for ledger in ledgers)
    if state.broken is not None:
        return state.broken
    if state.blank:
        return message("rebuild.was-gone", "it was gone") if known or footage else None
    if state.last < known:
        return message(
            "rebuild.older",
            "it is older than the volumes: it ends with leaf {last}, and they know leaf {known}",
            last=state.last,
            known=known,
        )
    return None


def renamed(node: str, told: str | None, volumes: Collection[str | None]) -> str | None:
    """This box's name for good, where the configuration has another one and no database knows better. Pure.

    `told`: what lies beside the database says so; without it all volumes must, or they are another box's disks.
    """
    names = {told} if told is not None else set(volumes)
    return names.pop() if len(names) == 1 and node not in names else None


def begin(
    path: Path, node: str, specs: Sequence[VolumeSpec], clock: Clock, relief: Callable[[], bool], keyring: Keyring
) -> Database:
    """The database, as it is or begun anew. Raises what `Database` raises, but never for one that is broken, and
    `NodeChanged` before anything is done where it is lost and the box has another name.
    """
    if not path.exists():  # to open it would begin it
        _refuse_other_name(path.parent, node, specs)
    marked = _marked(path)
    database, state = None, FoundDatabase(blank=False, last=0, broken=marked)
    if marked is None:
        database, state = _inspected(path, relief)
    cursory = not state.blank and state.broken is None
    if not cursory:
        try:
            _refuse_other_name(path.parent, node, specs)
        except NodeChanged:
            _close(database)
            raise
    ledgers = _ledgers(path.parent, node, specs, names=not cursory)
    reason = verdict(state, ledgers)
    if database is not None and reason is None:
        database.on_damage = partial(suspect, path)
        return database
    reason = reason or message("rebuild.cannot-use", "it cannot be used")
    aside = None
    if not state.blank:
        if database is not None:
            database.close()
            database = None
        if cursory:
            ledgers = _ledgers(path.parent, node, specs, names=True)
        aside = set_aside(path, clock.now().wall_ms)
        reach(Failpoint.REBUILD_ASIDE)
    log.critical("%s is begun anew from the volumes: %s%s", path, reason, f"; it lies in {aside}" if aside else "")
    database = database or Database(path, relief)
    database.on_damage = partial(suspect, path)
    _plant(database, reason, aside, ledgers, clock, keyring)
    reach(Failpoint.REBUILD_PLANTED)
    with suppress(FileNotFoundError):
        path.with_name(path.name + MARK).unlink()
    reach(Failpoint.REBUILD_BEGUN)
    return database


def suspect(path: Path, error: DatabaseCorrupt) -> bool:
    """Leave word for the next start that the database is broken; False where even that cannot be written."""
    try:
        mark(path, error.what)
    except OSError as failed:
        log.error("%s cannot be written: %s", path.parent, failed.strerror)  # noqa: TRY400  (the trace says nothing)
        return False
    return True


def mark(path: Path, why: Message) -> None:
    """The next start begins anew, because of `why`."""
    path.with_name(path.name + MARK).write_text(
        why.kept if len(why.kept) <= MARK_BYTES else why[:MARK_BYTES], encoding="utf-8"
    )
    fsync_directory(path.parent)


def set_aside(path: Path, wall_ms: int) -> Path | None:
    """Give a database another name; where it lies then, None if there was none. Of earlier ones the newest stay."""
    stamp = segment_path("any", wall_ms, 1).name.partition("-")[0]  # the one way in which an instant is a name
    aside, count = path.with_name(f"{path.name}{ASIDE}{stamp}"), 1
    while aside.exists():
        count += 1
        aside = path.with_name(f"{path.name}{ASIDE}{stamp}-{count}")
    found = path.exists()
    for suffix in reversed(_WITH):  # the WAL first: a database that is left without it is older, and seen to be
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    earlier = sorted(
        (p for p in path.parent.glob(f"{path.name}{ASIDE}*") if not p.name.endswith(("-wal", "-shm"))),
        key=lambda p: p.stat().st_mtime_ns,
    )
    for old in [p for p in earlier if p != aside][: max(0, len(earlier) - KEPT_MAX)]:
        for suffix in _WITH:
            old.with_name(old.name + suffix).unlink(missing_ok=True)
    fsync_directory(path.parent)
    return aside if found else None


def _marked(path: Path) -> Message | None:
    try:
        words = path.with_name(path.name + MARK).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    words = words[:MARK_BYTES].strip()
    if not words:
        return message("rebuild.found-damaged", "{path} was found to be damaged", path=str(path))
    return Message.recalled(words)


def _inspected(path: Path, relief: Callable[[], bool]) -> tuple[Database | None, FoundDatabase]:
    """Opened, and looked into as far as every start needs it; what lies deeper shows when it is met."""
    database = None
    try:
        database = Database(path, relief)
        blank, last = database.read(snapshot_table.blank_and_last_leaf)
        _check_length(database, path)
    except DatabaseCorrupt as error:
        _close(database)
        return None, FoundDatabase(blank=False, last=0, broken=error.what)
    except WriteFailed as error:
        code = getattr(error.__cause__, "sqlite_errorcode", None)
        if code != sqlite3.SQLITE_ERROR:  # not a statement that its tables do not understand
            _close(database)
            raise
        _close(database)
        return None, FoundDatabase(blank=False, last=0, broken=error.what)
    except (ValueError, TypeError, sqlite3.Error) as error:
        _close(database)
        return None, FoundDatabase(
            blank=False,
            last=0,
            broken=message("database.damaged", "{path} is damaged ({reason})", path=str(path), reason=str(error)),
        )
    return database, FoundDatabase(blank, last)


def _close(database: Database | None) -> None:
    if database is not None:
        database.close()


def _check_length(database: Database, path: Path) -> None:
    """A file that ends before its last page was cut off, unless the rest still lies in the WAL."""
    for attempt in range(2):
        if path.stat().st_size >= database.read(snapshot_table.size):
            return
        if attempt == 0:
            database.submit(lambda _: None).result(PATIENCE_S)
            snapshot_table.checkpoint(path)
    raise DatabaseCorrupt(message("database.cut-off", "{path} is cut off", path=str(path)), NOTHING)


def _ledgers(state: Path, node: str, specs: Sequence[VolumeSpec], *, names: bool) -> list[VolumeLedger]:
    """Of the volumes that are there and belong to this box, and of the state directory. Reads only."""
    found = []
    head = _state_head(state)
    if head.get("node") == node and _leaf(head):
        found.append(VolumeLedger("", head, _leaf(head), lambda _: (), {}))
    for spec in specs:
        with suppress(OSError, ValueError):
            found += _of_volume(spec.path, node, names=names)
    return found


def _state_head(state: Path) -> Mapping[str, Any]:
    fd = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return mirror_files.read_snapshot(fd, STATE_SNAPSHOT) or {}
    finally:
        os.close(fd)


def _refuse_other_name(state: Path, node: str, specs: Sequence[VolumeSpec]) -> None:
    was = renamed(node, _told_name(state), [_name_of(spec.path) for spec in specs])
    if was is not None:
        raise NodeChanged(node, was)


def _told_name(state: Path) -> str | None:
    name = _state_head(state).get("node")
    return name if isinstance(name, str) else None


def _name_of(volume: Path) -> str | None:
    """None where nothing is there, or nobody can tell."""
    try:
        told = whose(volume)
    except VolumeRefused:
        return None
    return None if told is None else told.get("node")


def _of_volume(path: Path, node: str, *, names: bool) -> list[VolumeLedger]:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        identity = read_identity(fd)
        if identity.get("node") != node:
            return []
        seen = _names(path) if names else {}
        try:
            with signer.opened(fd) as at:
                head, last, notes = (
                    mirror_files.read_snapshot(at) or {},
                    mirror_files.last_number(at),
                    signer.notes(at),
                )
        except OSError:  # there is none, or something else has its name
            head, last, notes = {}, 0, []
    finally:
        os.close(fd)
    if head.get("node") not in (None, node) or _leaf(head) > last:
        head = {}
    return [VolumeLedger(identity.get("volume", ""), head, last, partial(_tail, path), seen, notes)]


def _tail(path: Path, after: int) -> Sequence[MirrorLine]:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with signer.opened(fd) as at:
            return mirror_files.tail(at, after)
    except OSError:
        return ()
    finally:
        os.close(fd)


def _names(path: Path) -> dict[str, CameraFiles]:
    """By camera, from the names in its first and its last directory: numbers that are in use."""
    found = {}
    for camera in sorted(path.iterdir()):
        if camera.name not in OUR_NAMES and is_camera(camera.name) and not camera.is_symlink():
            with suppress(OSError):  # one that cannot be read takes no other along
                known = list(_numbers(camera))
                if known:
                    starts = [start for start, _ in known]
                    found[camera.name] = CameraFiles(max(seq for _, seq in known), min(starts), max(starts))
    return found


def _numbers(camera: Path) -> Iterator[tuple[int, int]]:
    """Start and number of the files in its first day and its last two."""
    days = sorted(day for day in camera.iterdir() if is_day(day.name) and day.is_dir() and not day.is_symlink())
    for day in {*days[:1], *days[-2:]}:
        for file in day.iterdir():
            named = parse_segment_name(final_name(file.name))
            if named is not None and named[1] <= SEQ_LAST:
                yield named


def _plant(
    database: Database,
    reason: Message,
    aside: Path | None,
    ledgers: Sequence[VolumeLedger],
    clock: Clock,
    keyring: Keyring,
) -> None:
    """The new database begins with what is needed at once; what cannot be used of a head is done without."""
    disks = [ledger for ledger in ledgers if ledger.volume]
    known = max((ledger.last for ledger in ledgers), default=0)
    furthest = max((ledger.last for ledger in disks), default=0)
    current = [ledger.volume for ledger in disks if ledger.last == furthest]
    tail = next((ledger.tail for ledger in disks if ledger.volume in current), lambda _: ())
    seen = merged_names([ledger.seen for ledger in disks])

    if not known:
        keyring.create_key()
    notes = [note for ledger in ledgers for note in ledger.notes]

    def plant(connection: sqlite3.Connection, head: Mapping[str, Any]) -> None:
        snapshot_table.load(connection, head, tail(_leaf(head)), seen)
        table.recall(connection, notes)
        told = None if aside is None else str(aside)
        snapshot_table.begin(connection, reason, told, known, clock.now().wall_ms, current, keyring.identity)

    found = sorted((ledger.head for ledger in ledgers if _leaf(ledger.head)), key=_leaf, reverse=True)
    for head in found:
        try:
            database.submit(partial(plant, head=head)).result(PATIENCE_S)
        except (sqlite3.Error, LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
            log.error("a head of the lost database cannot be used: %r", error)  # noqa: TRY400  (the trace says nothing)
        else:
            return
    if known:
        log.warning("no head of the lost database can be used: what leaves do not tell of ages begins anew (S1)")
    database.submit(partial(plant, head={})).result(PATIENCE_S)


def _leaf(head: Mapping[str, Any]) -> int:
    """Up to which leaf a head tells; 0: it is none of ours."""
    leaf = head.get("leaf")
    if not isinstance(leaf, int) or isinstance(leaf, bool) or head.get("schema") != mirror_table.SNAPSHOT_SCHEMA:
        return 0
    return leaf if 0 < leaf <= BELIEVED_MAX else 0


def merged_names(several: Sequence[Mapping[str, CameraFiles]]) -> dict[str, CameraFiles]:
    """What the names on all volumes say together. Pure."""
    found: dict[str, CameraFiles] = {}
    for one in several:
        for camera, seen in one.items():
            other = found.get(camera, seen)
            found[camera] = CameraFiles(
                max(seen.seq, other.seq), min(seen.first_ms, other.first_ms), max(seen.last_ms, other.last_ms)
            )
    return found
