"""recorder.supervisor.bootstrap: the worker by name, and the memory it shares with the others stays shared."""

from __future__ import annotations

import gc
import socket

from recorder.supervisor.bootstrap import launch

seen: list[tuple[socket.socket, int]] = []


def worker(sock: socket.socket) -> None:
    seen.append((sock, gc.get_freeze_count()))


def test_a_worker_runs_with_what_was_loaded_out_of_the_collector_s_reach() -> None:
    with socket.socket() as sock:
        try:
            launch(f"{__name__}:worker", sock)
        finally:
            gc.unfreeze()
        ((given, frozen),) = seen
        assert given is sock
        assert frozen > 1000
