"""How long a picture is in danger: 32 cameras on one hard disk, alone and beside a large copy.

    sudo .venv/bin/python -m bench.slow_disk [--writers 32] [--seconds 60] [--scheduler bfq]

Needs root: the disk is a model behind a loop device (`bench.hard_disk`). Each writer is a process with
`recorder.worker.disk` as a worker has it; it gets a fragment at 4 Mbit/s at each look (`WAKE_MS`), at a phase of its
own, and cuts every 20 s. In danger is what a power cut would take: from the instant a fragment is handed over until
a sync that covers it is over. What memory holds before (`recorder.words.messages.HELD_MS`) comes on top. Segments
are granted after 50 ms.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import select
import socket
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.hard_disk import hard_disk
from recorder.words import messages
from recorder.words.messages import MAX_MESSAGE_BYTES, WAKE_MS, Abandoned, Granted, Opening, Terms
from recorder.worker.disk import WRITERS, LastCommitted, Writer
from storage.segments.segment_file import Sealed, SegmentFile
from storage.words.layout import IDENTITY_NAME
from storage.words.model import Moment

FRAGMENT_S = WAKE_MS / 1000
FRAGMENT_BYTES = round(500_000 * FRAGMENT_S)
SEGMENT_S = 20.0
LATE_S = 0.3
GRANT_S = 0.05
VOLUME = "7c0b0d5e-3a0e-4d4e-9a39-1d6d0a3f5a11"


@dataclass
class Watch:
    """What one writer's process measures."""

    handed: dict[str, deque[tuple[int, float]]] = field(default_factory=dict)
    """By file: up to which byte, and when."""
    danger_s: list[float] = field(default_factory=list)
    sync_s: list[float] = field(default_factory=list)
    lost: int = 0

    def durable(self, file: SegmentFile, size: int) -> None:
        waiting = self.handed.get(file.path.name.rpartition("-")[2], deque())
        now = time.monotonic()
        while waiting and waiting[0][0] <= size:
            self.danger_s.append(now - waiting.popleft()[1])

    def attach(self) -> None:
        sync, commit = SegmentFile.sync, SegmentFile.commit

        def watched(file: SegmentFile) -> None:
            size, begun = file.bytes, time.monotonic()
            sync(file)
            self.sync_s.append(time.monotonic() - begun)
            self.durable(file, size)

        def committed(file: SegmentFile) -> Sealed:
            sealed = commit(file)
            self.durable(file, sealed.bytes)
            return sealed

        setattr(SegmentFile, "sync", watched)  # noqa: B010  (a method is replaced)
        setattr(SegmentFile, "commit", committed)  # noqa: B010


def record(volume: Path, number: int, seconds: float, sync_ms: int) -> Watch:
    """Body of a writer's process."""
    watch = Watch()
    watch.attach()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    writer = Writer(theirs, camera=f"c{number}", sync_ms=sync_ms, last=LastCommitted(0, ""))
    for _ in range(WRITERS):
        threading.Thread(target=writer.run, daemon=True).start()
    threading.Thread(target=_grant, args=(ours, writer, watch), daemon=True).start()
    terms = Terms(VOLUME, str(volume), 60, 3600, 1, synced=True)
    data = os.urandom(FRAGMENT_BYTES)
    time.sleep(random.random() * FRAGMENT_S)
    begun, seq, size, ending = time.monotonic(), 0, 0, 0.0
    segment_at = begun - random.random() * SEGMENT_S
    end_at: list[tuple[float, int]] = []
    at = begun
    while at < begun + seconds:
        if seq == 0 or at >= segment_at + SEGMENT_S:
            if seq:
                end_at.append((at + LATE_S, seq))
                segment_at += SEGMENT_S
            seq, size = seq + 1, 0
            watch.handed[f"{seq}.mp4"] = deque()
            writer.begin(seq, Moment(1_700_000_000_000 + seq, seq), terms)
        size += len(data)
        watch.handed[f"{seq}.mp4"].append((size, time.monotonic()))
        writer.add(seq, [data])
        at += FRAGMENT_S
        while end_at and end_at[0][0] <= at:
            ending, ended = end_at.pop(0)
            time.sleep(max(0.0, ending - time.monotonic()))
            writer.end(ended, Moment(1_700_000_000_000 + ended + 1, ended + 1), 1, None)
        time.sleep(max(0.0, at - time.monotonic()))
    return watch


def _grant(ours: socket.socket, writer: Writer, watch: Watch) -> None:
    while True:
        said = messages.decode_report(ours.recv(MAX_MESSAGE_BYTES + 1))
        if isinstance(said, Opening):
            threading.Timer(GRANT_S, writer.answer, [Granted(said.seq)]).start()
        watch.lost += isinstance(said, Abandoned)


def writers(volume: Path, count: int, seconds: float, sync_ms: int) -> list[Watch]:
    """All of them at once; what they measured."""
    pipes = []
    for number in range(count):
        reading, writing = os.pipe()
        if os.fork() == 0:
            watch = record(volume, number, seconds, sync_ms)
            os.write(writing, json.dumps([watch.danger_s, watch.sync_s, watch.lost]).encode())
            os._exit(0)
        os.close(writing)
        pipes.append(reading)
    watches = []
    for reading in pipes:
        select.select([reading], [], [])
        with os.fdopen(reading, "rb") as pipe:
            danger_s, sync_s, lost = json.loads(pipe.read())
        watches.append(Watch({}, danger_s, sync_s, lost))
        os.wait()
    return watches


@contextlib.contextmanager
def copying(volume: Path, wanted: bool) -> Iterator[list[float]]:
    """Somebody copies large files onto the disk, as fast as it takes them."""
    copied: list[float] = [0.0]
    if not wanted:
        yield copied
        return
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _copy(volume, writing)
    os.close(writing)
    try:
        yield copied
    finally:
        os.kill(pid, 15)
        os.waitpid(pid, 0)
        with os.fdopen(reading, "rb") as pipe:
            copied[0] = len(pipe.read())
        for file in volume.glob("copy-*"):
            file.unlink()


def _copy(volume: Path, writing: int) -> None:
    block = os.urandom(1 << 20)
    while True:
        for number in range(4):
            file = os.open(volume / f"copy-{number}", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
            for _ in range(1536):
                os.write(file, block)
                os.write(writing, b".")
            os.close(file)


def show(name: str, watches: list[Watch], copied: float, seconds: float) -> None:
    danger = sorted(one for watch in watches for one in watch.danger_s)
    sync = sorted(one for watch in watches for one in watch.sync_s)
    lost = sum(watch.lost for watch in watches)
    cells = [f"{_at(danger, q):.2f}" for q in (0.5, 0.99, 1)] + [f"{_at(sync, q):.2f}" for q in (0.5, 0.99, 1)]
    rate = len(sync) / seconds
    print(f"| {name} | {' | '.join(cells)} | {rate:.0f} | {copied / seconds:.0f} MB/s | {lost} |", flush=True)


def _at(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writers", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--sync-ms", type=int, default=500)
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--scheduler", choices=["mq-deadline", "bfq"], default="mq-deadline")
    parser.add_argument("--only", choices=["alone", "copy"])
    asked = parser.parse_args()
    print("| | in danger, median | p99 | worst | sync, median | p99 | worst | syncs/s | copied | given up |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for copy in (False, True):
        if asked.only is not None and copy != (asked.only == "copy"):
            continue
        with (
            tempfile.TemporaryDirectory(dir=asked.scratch) as scratch,
            hard_disk(Path(scratch), scheduler=asked.scheduler) as volume,
        ):
            (volume / IDENTITY_NAME).write_text(json.dumps({"volume": VOLUME, "node": "bench"}))
            with copying(volume, copy) as copied:
                watches = writers(volume, asked.writers, asked.seconds, asked.sync_ms)
            name = f"{asked.writers} cameras" + (" beside a copy" if copy else "")
            show(name, watches, copied[0], asked.seconds)


if __name__ == "__main__":
    main()
