"""Where a worker's time goes: `recorder.worker.process` itself, told what the daemon tells, with cProfile in each
thread.

The profiler makes calls dearer than they are, so shares tell, not sums; the table names what the same worker costs
without it. What waits is left out: only the processor's time is counted.
"""

from __future__ import annotations

import argparse
import cProfile
import marshal
import os
import pstats
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn

from bench.contenders import ROOT, Cameras, scratch
from bench.gauges import cpu_ns
from recorder.words import messages
from recorder.words.messages import MAX_MESSAGE_BYTES, Ended, Granted, Opening, Start, Stop
from tests.support.worker import make_start, make_volume

WORKER: Final = "worker"
"""First word of the process that is profiled."""
SHOWN: Final = 30
WARM_UP_S: Final = 3.0
SEGMENT_MS: Final = 30_000


def run(folder: Path, state: Path, seconds: int) -> list[str]:
    """A table of functions."""
    with Cameras(state, 1) as load:
        plain_ms = _session(folder / "plain", load.url("edged", 0), seconds, "")
        dump = folder / "profile"
        profiled_ms = _session(folder / "profiled", load.url("edged", 0), seconds, str(dump))
    rows = [
        f"### Where a worker's time goes, {seconds} s of one camera",
        "",
        f"{plain_ms:.2f} ms a second without the profiler, {profiled_ms:.2f} ms with it.",
        "",
        "| ms a second | share | calls a second | function |",
        "| --- | --- | --- | --- |",
    ]
    stats: Any = pstats.Stats(*(str(part) for part in folder.glob("profile.*")))
    profiled_s = WARM_UP_S + seconds
    found = sorted(stats.stats.items(), key=lambda item: -item[1][2])
    total = sum(entry[2] for _, entry in found)
    for (file, line, name), (_, calls, own, _, _) in found[:SHOWN]:
        place = (
            f"{Path(file).relative_to(ROOT)}:{line} {name}"
            if file.startswith(str(ROOT))
            else f"{Path(file).name} {name}"
        )
        rows.append(f"| {own * 1000 / profiled_s:.3f} | {own / total:.1%} | {calls / profiled_s:.0f} | {place} |")
    return [*rows, ""]


def _session(folder: Path, url: str, seconds: int, dump: str) -> float:
    """One session of a worker; its CPU in ms a second."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    volume = make_volume(folder / "volume")
    command = [sys.executable, "-m", "bench.profiling", WORKER, str(theirs.fileno()), dump]
    with ours, subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()]) as worker:
        theirs.close()
        _play_daemon(ours, make_start(volume, url, segment_ms=SEGMENT_MS), WARM_UP_S)
        spent_ns, began_ns = cpu_ns(worker.pid), time.monotonic_ns()
        _play_daemon(ours, None, seconds)
        spent_ms = (cpu_ns(worker.pid) - spent_ns) * 1000 / (time.monotonic_ns() - began_ns)
        messages.send(ours, Stop())
        while not isinstance(_next(ours), Ended):
            pass
        worker.wait()
    return spent_ms


def _play_daemon(sock: socket.socket, start: Start | None, seconds: float) -> None:
    """Grant every segment for so long."""
    if start is not None:
        messages.send(sock, start)
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        sock.settimeout(left)
        try:
            _next(sock)
        except TimeoutError:
            break
    sock.settimeout(None)


def _next(sock: socket.socket) -> Any:
    message = messages.decode_report(sock.recv(MAX_MESSAGE_BYTES))
    if isinstance(message, Opening):
        messages.send(sock, Granted(message.seq))
    return message


def _worker(fd: int, dump: str) -> NoReturn:
    """Body of the profiled process. Workers end with `os._exit`: that is when the profiles are written."""
    profiles: list[cProfile.Profile] = []

    def profiled(body: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            profile = cProfile.Profile(time.thread_time)
            profiles.append(profile)
            return profile.runcall(body, *arguments)

        return run

    exit_process = os._exit

    def write_and_exit(code: int) -> NoReturn:
        for number, profile in enumerate(profiles):
            # Without ending it: that would charge what is under way to this thread's clock.
            profile.snapshot_stats()
            Path(f"{dump}.{number}").write_bytes(marshal.dumps(profile.stats))
        exit_process(code)

    from recorder.worker import process as worker  # noqa: PLC0415  (below the patches, as in a worker's life)

    if dump:
        threading.Thread.run = profiled(threading.Thread.run)  # type: ignore[method-assign]
        os._exit = write_and_exit  # type: ignore[assignment]
    (profiled(worker.main) if dump else worker.main)(socket.socket(fileno=fd))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--state", type=Path, required=True, help="an existing directory to record into")
    options.add_argument("--seconds", type=int, default=60, help="to record for (60)")
    chosen = options.parse_args()
    state = chosen.state / "edged-bench"
    state.mkdir(exist_ok=True)
    with scratch(state) as folder:
        print("\n".join(run(folder, state, chosen.seconds)))


if __name__ == "__main__":
    if sys.argv[1:2] == [WORKER]:
        _worker(int(sys.argv[2]), sys.argv[3])
    main()
