"""recorder.worker.disk: row before file, two segments across a cut, bounded memory, and the reader is never kept
waiting."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import queue
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import TypeVar

import pytest

from recorder.supervisor.worker_session import MAX_OPEN
from recorder.words.messages import (
    WAKE_MS,
    Abandoned,
    Closed,
    Ended,
    FromWorker,
    Granted,
    Opening,
    Refused,
    WireMessage,
)
from recorder.worker import disk
from recorder.worker.disk import WRITERS, LastCommitted, Writer
from storage.ledger.tree import leaf_hash
from storage.segments.segment_file import Sealed, SegmentFile
from storage.words.layout import PART_SUFFIX, segment_path
from storage.words.message import NOTHING, Message
from storage.words.model import GapCause, Moment
from tests.support.waiting import wait_until
from tests.support.worker import make_terms, make_volume, receive_report

M = TypeVar("M", bound=WireMessage)

WITHIN_S = 10.0
ENDED = Ended(None, Message("tried"), NOTHING, NOTHING)


def at(second: int) -> Moment:
    return Moment(1_700_000_000_000 + second * 1000, second * 1000)


@dataclass
class Desk:
    """A writer in its thread, and the daemon's end of its socket."""

    volume: Path
    sync_ms: int = 500
    queue_max_bytes: int = 1000

    def __post_init__(self) -> None:
        self.sock, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(WITHIN_S)
        self.writer = Writer(
            self.theirs,
            camera="lobby",
            sync_ms=self.sync_ms,
            last=LastCommitted(0, ""),
            queue_max_bytes=self.queue_max_bytes,
        )
        self.terms = make_terms(self.volume)
        self.fault: Exception | None = None
        self.threads = [threading.Thread(target=self._run) for _ in range(WRITERS)]
        for thread in self.threads:
            thread.start()

    def _run(self) -> None:
        try:
            self.writer.run()
        except Exception as error:  # noqa: BLE001  (a session tells its host)
            self.fault = error

    def add(self, seq: int, pieces: list[bytes]) -> None:
        self.writer.add(seq, pieces)
        self.writer.wake()

    def drain(self) -> None:
        """Until all is written."""
        wait_until(lambda: self.writer.queued_bytes == 0, WITHIN_S, "it is written", every_s=0.001)

    def join(self) -> None:
        """Each thread ends."""
        for thread in self.threads:
            thread.join(WITHIN_S)
            assert not thread.is_alive()

    def close(self) -> None:
        """Whatever is still open is refused, so that the threads end."""
        for seq in range(1, 9):
            self.end(seq, at(99), 0)
            self.writer.answer(Refused(seq, GapCause.DISABLED))
        self.writer.finish(ENDED)
        self.join()
        self.sock.close()
        self.theirs.close()

    def begin(self, seq: int) -> Path:
        """Begin a segment; its final path."""
        self.writer.begin(seq, at(seq), self.terms)
        return self.volume / segment_path("lobby", at(seq).wall_ms, seq)

    def end(self, seq: int, end: Moment, frames: int) -> None:
        self.writer.end(seq, end, frames, None)

    def hear(self, kind: type[M]) -> M:
        message: FromWorker | None = receive_report(self.sock)
        assert isinstance(message, kind), message
        return message


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(make_volume(tmp_path / "volume"))
    yield made
    made.close()


def part(path: Path) -> Path:
    return path.with_name(path.name + PART_SUFFIX)


def test_the_daemon_expects_as_many_open_segments_as_there_are_hands() -> None:
    assert MAX_OPEN == WRITERS


def test_row_then_file_then_hash_and_name(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    granted = threading.Event()
    create = SegmentFile.create
    created_after_grant = []

    def watched(volume: Path, volume_id: str, relative: PurePosixPath) -> SegmentFile:
        created_after_grant.append(granted.is_set())
        return create(volume, volume_id, relative)

    monkeypatch.setattr(SegmentFile, "create", watched)
    path = desk.begin(1)
    assert desk.hear(Opening) == Opening(1, at(1).wall_ms, at(1).boottime_ms, desk.terms)
    desk.add(1, [b"abc", b"def"])
    desk.add(1, [b"ghi"])
    desk.writer.end(1, at(5), 25, -40)
    assert desk.writer.queued_bytes == 9
    assert not path.parent.exists(), "nothing happens before the row"
    granted.set()
    desk.writer.answer(Granted(1))
    closed = desk.hear(Closed)
    assert created_after_grant == [True]
    assert path.read_bytes() == b"abcdefghi"
    digest = hashlib.sha256(b"abcdefghi").hexdigest()
    root = leaf_hash(b"abcdefghi").hex()
    assert closed == Closed(1, at(5).wall_ms, at(5).boottime_ms, 9, digest, 1, root, 25, -40)
    assert desk.writer.last_committed == LastCommitted(1, digest)
    assert not part(path).exists()


def test_a_thread_that_waits_for_more_keeps_nothing_of_what_it_wrote(desk: Desk) -> None:
    """S12: a process of eight cameras would hold all that they bring at one look."""
    piece = bytes(100)
    held = sys.getrefcount(piece)
    desk.begin(1)
    desk.hear(Opening)
    desk.writer.answer(Granted(1))
    desk.add(1, [piece])
    wait_until(lambda: sys.getrefcount(piece) == held, WITHIN_S, "it is let go of", every_s=0.001)
    assert desk.writer.queued_bytes == 0


def test_every_segment_and_the_last_words_last(desk: Desk) -> None:
    for seq in (1, 2, 3):
        desk.begin(seq)
        desk.add(seq, [b"x" * seq])
        desk.end(seq, at(seq + 1), seq)
    desk.writer.finish(ENDED)
    assert [desk.hear(Opening).seq, desk.hear(Opening).seq] == [1, 2]
    desk.writer.answer(Granted(1))
    assert desk.hear(Closed).bytes == 1
    assert desk.hear(Opening).seq == 3, "no more than two are open"
    desk.writer.answer(Granted(3))
    assert desk.hear(Closed).bytes == 3
    assert desk.writer.last_committed.seq == 3
    desk.writer.answer(Granted(2))
    assert desk.hear(Closed).bytes == 2
    assert desk.writer.last_committed.seq == 3, "whichever is finished first"
    assert desk.hear(Ended) == ENDED
    desk.join()
    assert not desk.writer.give_up(), "they are said"


def test_a_cut_keeps_the_next_segment_waiting_for_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """S6: while the one before waits for its last sound, and while it is committed, the next is written and synced."""
    synced: queue.SimpleQueue[str] = queue.SimpleQueue()
    commits, goes_on = threading.Event(), threading.Event()
    commit, sync = SegmentFile.commit, SegmentFile.sync

    def slowly(file: SegmentFile) -> Sealed:
        commits.set()
        assert goes_on.wait(WITHIN_S)
        return commit(file)

    def watched(file: SegmentFile) -> None:
        sync(file)
        synced.put(file.path.name)

    monkeypatch.setattr(SegmentFile, "commit", slowly)
    monkeypatch.setattr(SegmentFile, "sync", watched)
    first = desk.begin(1)
    desk.hear(Opening)
    desk.writer.answer(Granted(1))
    second = desk.begin(2)
    assert desk.hear(Opening).seq == 2, "before the first is closed"
    desk.writer.answer(Granted(2))
    desk.add(2, [b"picture"])
    assert synced.get(timeout=WITHIN_S) == second.name, "the first has not ended"
    desk.add(1, [b"sound"])
    desk.end(1, at(2), 1)
    assert synced.get(timeout=WITHIN_S) == first.name
    assert commits.wait(WITHIN_S)
    desk.add(2, [b"picture"])
    assert synced.get(timeout=WITHIN_S) == second.name, "the first is being committed"
    goes_on.set()
    assert desk.hear(Closed).seq == 1
    assert first.read_bytes() == b"sound"
    assert part(second).read_bytes() == b"picturepicture"


def test_refused_leaves_no_trace_and_the_next_is_asked_for(desk: Desk) -> None:
    path = desk.begin(1)
    desk.hear(Opening)
    desk.add(1, [b"x"])
    desk.writer.answer(Refused(1, GapCause.DISK_FULL))
    assert desk.writer.is_lost(1)
    assert desk.writer.queued_bytes == 0
    desk.end(1, at(2), 1)
    desk.begin(2)
    assert desk.hear(Opening).seq == 2
    assert not path.parent.exists()


def test_a_volume_that_is_not_there_abandons(desk: Desk) -> None:
    (desk.volume / ".edged-volume.json").unlink()
    desk.begin(1)
    desk.hear(Opening)
    desk.writer.answer(Granted(1))
    abandoned = desk.hear(Abandoned)
    assert abandoned.cause is GapCause.IO_ERROR
    assert str(desk.volume) in abandoned.detail
    assert desk.writer.is_lost(1)


def test_a_full_disk_keeps_what_was_written(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    path = desk.begin(1)
    desk.hear(Opening)
    synced = threading.Event()
    monkeypatch.setattr(SegmentFile, "sync", lambda _: synced.set())
    desk.add(1, [b"kept"])
    desk.writer.answer(Granted(1))
    assert synced.wait(WITHIN_S), "what is written is synced though nothing follows"
    monkeypatch.setattr(SegmentFile, "write", no_space)
    desk.add(1, [b"lost"])
    assert desk.hear(Abandoned).cause is GapCause.DISK_FULL
    assert part(path).read_bytes() == b"kept"
    assert not path.exists()
    desk.add(1, [b"ignored"])
    assert desk.writer.queued_bytes == 0


def no_space(file: SegmentFile, data: bytes) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_too_far_behind_loses_the_segment_but_not_the_reader(desk: Desk) -> None:
    desk.begin(1)
    desk.hear(Opening)
    for _ in range(3):
        desk.add(1, [b"x" * 400])
    assert desk.writer.is_lost(1)
    assert desk.writer.queued_bytes == 0
    desk.writer.answer(Granted(1))
    assert desk.hear(Abandoned).cause is GapCause.IO_ERROR


def test_whichever_segment_is_furthest_behind_is_lost(desk: Desk) -> None:
    desk.begin(1)
    desk.add(1, [b"x" * 900])
    desk.end(1, at(2), 1)
    desk.begin(2)
    desk.add(2, [b"x" * 200])
    assert desk.writer.is_lost(1)
    assert not desk.writer.is_lost(2)
    assert desk.writer.queued_bytes == 200


def test_a_hanging_disk_is_told_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    hangs, goes_on = threading.Semaphore(0), threading.Event()

    def hang(file: SegmentFile, data: bytes) -> int:
        hangs.release()
        goes_on.wait(WITHIN_S)
        return len(data)

    monkeypatch.setattr(SegmentFile, "write", hang)
    desk.begin(1)
    desk.hear(Opening)
    desk.writer.answer(Granted(1))
    desk.add(1, [b"x"])
    assert hangs.acquire(timeout=WITHIN_S)
    assert desk.writer.queued_bytes == 1, "what is being written waits too"
    desk.add(1, [b"x" * 1001])
    assert "behind" in desk.hear(Abandoned).detail
    assert desk.writer.queued_bytes == 0
    assert not desk.writer.is_behind, "one more attempt: the disk may come back, or the daemon name another"
    desk.begin(2)
    desk.hear(Opening)
    desk.writer.answer(Granted(2))
    desk.add(2, [b"x"])
    assert hangs.acquire(timeout=WITHIN_S)
    desk.add(2, [b"x" * 1001])
    desk.hear(Abandoned)
    assert desk.writer.is_behind
    goes_on.set()


def test_a_lost_segment_is_let_go_of_as_soon_as_the_disk_allows(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon adopts what it holds once its lock is free."""
    hangs, goes_on = threading.Event(), threading.Event()
    written = []

    def hang(file: SegmentFile, data: bytes) -> int:
        written.append(data)
        hangs.set()
        goes_on.wait(WITHIN_S)
        return len(data)

    monkeypatch.setattr(SegmentFile, "write", hang)
    path = desk.begin(1)
    desk.hear(Opening)
    desk.add(1, [b"x", b"y", b"z"])
    desk.writer.answer(Granted(1))
    assert hangs.wait(WITHIN_S)
    desk.add(1, [b"x" * 1001])
    desk.hear(Abandoned)
    with part(path).open("rb") as file:
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        goes_on.set()
        fcntl.flock(file, fcntl.LOCK_EX)
    assert written == [b"x"]


def test_the_slowest_sync_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(make_volume(tmp_path), sync_ms=1)
    synced = threading.Event()

    def sync(file: SegmentFile) -> None:
        synced.wait(0.02)
        synced.set()

    monkeypatch.setattr(SegmentFile, "sync", sync)
    try:
        desk.begin(1)
        desk.hear(Opening)
        desk.writer.answer(Granted(1))
        desk.add(1, [b"x"])
        assert synced.wait(WITHIN_S)
    finally:
        desk.close()
    assert desk.writer.take_slowest_sync_ms() >= 20
    assert desk.writer.take_slowest_sync_ms() == 0


def test_what_comes_is_synced_at_once_but_not_oftener_than_it_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S6: a look brings bytes each `WAKE_MS`, and none of them wait for the next; smaller ones share a sync."""
    now_s = 1000.0
    synced: queue.SimpleQueue[int] = queue.SimpleQueue()
    monkeypatch.setattr(disk, "time", SimpleNamespace(monotonic=lambda: now_s))
    monkeypatch.setattr(SegmentFile, "sync", lambda file: synced.put(file.bytes))
    desk = Desk(make_volume(tmp_path), sync_ms=5_000)
    try:
        desk.begin(1)
        desk.hear(Opening)
        desk.writer.answer(Granted(1))
        for look in range(1, 4):
            desk.add(1, [b"x"])
            assert synced.get(timeout=WITHIN_S) == look
            now_s += WAKE_MS / 1000
        for _ in range(6):
            desk.add(1, [b"x"])
            desk.drain()
        now_s += WAKE_MS / 1000
        desk.add(1, [b"x"])
        syncs = 1
        while synced.get(timeout=WITHIN_S) < 10:
            syncs += 1
        assert syncs <= 3
    finally:
        desk.close()


def test_a_session_that_nobody_hears_lets_go_of_its_files_and_says_nothing(desk: Desk) -> None:
    written, waiting = desk.begin(1), desk.begin(2)
    assert [desk.hear(Opening).seq for _ in range(2)] == [1, 2]
    third = desk.begin(3)
    desk.writer.answer(Granted(1))
    desk.add(1, [b"kept"])
    desk.drain()
    desk.writer.drop()
    desk.join()
    with part(written).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert file.read() == b"kept"
    assert not any(path.exists() or part(path).exists() for path in (waiting, third))
    desk.sock.setblocking(False)
    with pytest.raises(BlockingIOError):
        receive_report(desk.sock)


def test_last_words_that_somebody_else_said_are_not_said_again(desk: Desk) -> None:
    """The disk hung; when it goes on, its thread ends in silence."""
    desk.begin(1)
    desk.hear(Opening)
    desk.writer.finish(ENDED)
    assert desk.writer.give_up(), "who asks first says them"
    assert not desk.writer.give_up()
    desk.writer.answer(Refused(1, GapCause.DISABLED))
    desk.join()
    desk.sock.setblocking(False)
    with pytest.raises(BlockingIOError):
        receive_report(desk.sock)


@pytest.mark.parametrize("before", ["Opening", "Closed"])
def test_a_thread_that_cannot_tell_the_daemon_keeps_the_other_from_nothing(desk: Desk, before: str) -> None:
    """The daemon is gone: its own segment is done with, and the session can be dropped."""
    desk.begin(1)
    if before == "Closed":
        desk.hear(Opening)
        desk.writer.answer(Granted(1))
    desk.sock.close()
    if before == "Opening":
        desk.begin(2)
    desk.end(1, at(2), 1)
    wait_until(lambda: desk.fault is not None, WITHIN_S, "a thread has a fault", every_s=0.001)
    desk.writer.drop()
    desk.join()
    assert isinstance(desk.fault, BrokenPipeError | ConnectionResetError)
